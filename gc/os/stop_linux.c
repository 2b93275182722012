/* os/stop_linux.c - stop.h by tgkill and sigaction.
 *
 * ThreadSanitizer delays handlers that are installed through its interceptor until the thread makes a call, so that a
 * loop would never stop; in a program that runs under it the handler is installed by the raw system call, and is told
 * where the thread was.
 */
#include "os/stop.h"
#include "os/thread.h"
#include "os/tsan.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static void (*volatile stop_function)(bool);
static struct sigaction action_before;

void gc__stop_tidy_action(struct sigaction *action) {
  struct sigaction tidy;
  memset(&tidy, 0, sizeof tidy);
  sigemptyset(&tidy.sa_mask);
  tidy.sa_flags = action->sa_flags;
  if (action->sa_flags & SA_SIGINFO) tidy.sa_sigaction = action->sa_sigaction;
  else tidy.sa_handler = action->sa_handler;
  for (int signal = 1; signal < NSIG; signal++)
    if (sigismember(&action->sa_mask, signal) == 1) sigaddset(&tidy.sa_mask, signal);
  *action = tidy;
}

int gc__stop_default_signal(void) {
  return SIGPWR;
}

#if defined(__x86_64__)
GC__UNINSTRUMENTED static GC__INLINE uintptr_t interrupted_at(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}
#elif defined(__aarch64__)
GC__UNINSTRUMENTED static GC__INLINE uintptr_t interrupted_at(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.pc;
}
#else
static GC__INLINE uintptr_t interrupted_at(const ucontext_t *context) {
  (void)context; /* there handlers run at the thread's next call, outside of the runtime */
  return 0;
}
#endif

GC__UNINSTRUMENTED static void handle_stop(int signal, siginfo_t *info, void *context) {
  int saved = errno;
  uintptr_t at = interrupted_at(context);
  void (*fn)(bool) = stop_function;
  (void)signal;
  (void)info;
  if (fn) fn(at >= gc__tsan_code.start && at < gc__tsan_code.end);
  errno = saved;
}

/* ---- Installing ---- */

static int install_usually(int signal) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handle_stop;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigfillset(&action.sa_mask);
  return sigaction(signal, &action, &action_before) == 0 ? 0 : errno;
}

#if defined(__x86_64__) || defined(__aarch64__)

struct kernel_action {
  void (*handler)(int, siginfo_t *, void *);
  unsigned long flags;
  void (*restorer)(void);
  unsigned long mask;
};

#if defined(__x86_64__)
#define SA_RESTORER_FLAG 0x04000000ul
void gc__stop_return(void);
__asm__(".text\n.globl gc__stop_return\n.hidden gc__stop_return\n.type gc__stop_return,@function\n"
        "gc__stop_return:\n mov $15, %eax\n syscall\n.size gc__stop_return, .-gc__stop_return\n");
#else
#define SA_RESTORER_FLAG 0ul
#define gc__stop_return  NULL /* the kernel's own */
#endif

static int install_action(int signal) {
  if (!gc__tsan_is_there()) return install_usually(signal);
  struct kernel_action action = {handle_stop, SA_RESTART | SA_SIGINFO | SA_RESTORER_FLAG, gc__stop_return, ~0ul};
  sigaction(signal, NULL, &action_before);
  return syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask) == 0 ? 0 : errno;
}

#else

static int install_action(int signal) {
  return install_usually(signal);
}

#endif

int gc__stop_install(int signal, void (*fn)(bool)) {
  stop_function = fn;
  int error = install_action(signal);
  if (!error) gc__stop_tidy_action(&action_before);
  return error;
}

void gc__stop_remove(int signal) {
  sigaction(signal, &action_before, NULL);
}

void gc__stop_unblock(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int gc__stop_send(int thread_id, int signal) {
  int saved = errno;
  int error = syscall(SYS_tgkill, getpid(), thread_id, signal) == 0 ? 0 : errno;
  errno = saved;
  return error;
}
