/* os/stop_linux.c - stop.h by tgkill and sigaction.
 *
 * ThreadSanitizer delays handlers that are installed through its interceptor until the thread makes a call, so that a
 * loop would never stop; there the handler is installed by the raw system call.
 */
#include "os/stop.h"
#include "os/thread.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

static void (*volatile stop_function)(void);
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

__attribute__((no_sanitize("address", "thread"))) static void handle_stop(int signal) {
  int saved = errno;
  void (*fn)(void) = stop_function;
  (void)signal;
  if (fn) fn();
  errno = saved;
}

#if defined(UNDER_TSAN) && defined(__x86_64__)

struct kernel_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  unsigned long mask;
};
#define SA_RESTORER_FLAG 0x04000000ul

void gc__stop_return(void);
__asm__(".text\n.globl gc__stop_return\n.hidden gc__stop_return\n.type gc__stop_return,@function\n"
        "gc__stop_return:\n mov $15, %eax\n syscall\n.size gc__stop_return, .-gc__stop_return\n");

static int install_action(int signal) {
  struct kernel_action action = {handle_stop, SA_RESTART | SA_RESTORER_FLAG, gc__stop_return, ~0ul};
  sigaction(signal, NULL, &action_before);
  return syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask) == 0 ? 0 : errno;
}

#else

static int install_action(int signal) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle_stop;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  return sigaction(signal, &action, &action_before) == 0 ? 0 : errno;
}

#endif

int gc__stop_install(int signal, void (*fn)(void)) {
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
