/* os/fault_posix.c - see fault.h. */
#include "os/fault.h"
#include "os/stop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

/* Handlers that were there before ours, or were installed over it. */
#define EARLIER_MOST 8

struct fault_part {
  gc__fault_fn *volatile fn; /* NULL: nobody */
  void *volatile argument;
};

static struct fault_part opener, teller;

/* The handler runs in any thread at any time: what it reads here changes with the world stopped, or while no handler of
 * ours is installed. */
static struct fault_signal {
  int number;
  bool is_taken; /* ours was installed, and is removed when nobody needs it */
  size_t earlier_count;
  struct sigaction earlier[EARLIER_MOST];
} on_segv = {.number = SIGSEGV}, on_bus = {.number = SIGBUS};

/* ---- Faults that are not ours ---- */

static _Thread_local struct {
  const void *context;
  uintptr_t frame;
  size_t depth;
} chained __attribute__((tls_model("initial-exec"))); /* what this thread handed on last */

/* Whether a handler that was handed this fault has called ours again: the same context in a deeper frame. (A handler
 * may leave by longjmp, so that nothing can be undone on the way out; the next fault then has another context, or the
 * same frame.) */
static size_t find_chain_depth(const void *context, uintptr_t frame) {
  return chained.context == context && frame < chained.frame ? chained.depth + 1 : 0;
}

/* The default action, after the handler returns: the faulting instruction runs again, and what was sent is sent anew.
 */
static void die_of(int signal, const siginfo_t *info) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, NULL);
  if (info->si_code <= 0) raise(signal);
}

/* The signals that the handler would find blocked if the system had called it. The system stores the first word of a
 * set; what follows it in the context is something else. */
static void restore_mask(int signal, const struct sigaction *action, const ucontext_t *context) {
  sigset_t before, mask;
  sigemptyset(&before);
  memcpy(&before, &context->uc_sigmask, sizeof(uint64_t));
  sigorset(&mask, &before, &action->sa_mask);
  if (!(action->sa_flags & SA_NODEFER)) sigaddset(&mask, signal);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void chain_fault(struct fault_signal *on, siginfo_t *info, void *context, uintptr_t frame, size_t depth) {
  static const struct sigaction no_action = {.sa_flags = 0};
  int signal = on->number;
  struct sigaction action = depth < on->earlier_count ? on->earlier[on->earlier_count - 1 - depth] : no_action;
  bool is_plain = !(action.sa_flags & SA_SIGINFO);
  if (is_plain && action.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (is_plain && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)) {
    die_of(signal, info);
    return;
  }
  if (action.sa_flags & (int)SA_RESETHAND) on->earlier[on->earlier_count - 1 - depth] = no_action;
  chained.context = context;
  chained.frame = frame;
  chained.depth = depth;
  restore_mask(signal, &action, context);
  if (is_plain) action.sa_handler(signal);
  else action.sa_sigaction(signal, info, context);
}

/* ---- The handler ---- */

#if defined(__x86_64__)
static uintptr_t program_counter_of(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}
#elif defined(__aarch64__)
static uintptr_t program_counter_of(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.pc;
}
#else
static uintptr_t program_counter_of(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.__gregs[REG_PC];
}
#endif

#define INSTRUCTION_BYTES_MOST 16

/* A jump into the heap faults there whether the page is open or not. */
static bool is_jump_to(uintptr_t address, const ucontext_t *context) {
  return address - program_counter_of(context) < INSTRUCTION_BYTES_MOST;
}

static bool call_part(const struct fault_part *part, uintptr_t address) {
  gc__fault_fn *fn = part->fn;
  return fn && fn(part->argument, address);
}

__attribute__((noinline, no_sanitize("address", "thread"))) static void handle_fault(int signal, siginfo_t *info,
                                                                                     void *context) {
  int saved = errno;
  struct fault_signal *on = signal == SIGBUS ? &on_bus : &on_segv;
  uintptr_t address = (uintptr_t)info->si_addr, frame = (uintptr_t)__builtin_frame_address(0);
  bool is_protection = signal == SIGSEGV && info->si_code == SEGV_ACCERR && !is_jump_to(address, context);
  bool is_helped = is_protection && call_part(&opener, address);
  errno = saved;
  if (is_helped) return;
  size_t depth = find_chain_depth(context, frame);
  if (depth == 0 && info->si_code > 0) (void)call_part(&teller, address);
  chain_fault(on, info, context, frame, depth);
  errno = saved;
}

/* ---- Installing ---- */

static bool is_our_action(const struct sigaction *action) {
  return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == handle_fault;
}

static bool is_same_action(const struct sigaction *a, const struct sigaction *b) {
  return ((a->sa_flags ^ b->sa_flags) & SA_SIGINFO) == 0 && a->sa_handler == b->sa_handler;
}

/* [fault.earlier]; of too many the latest are kept. */
static void push_action(struct fault_signal *on, const struct sigaction *action) {
  size_t kept = 0;
  for (size_t i = 0; i < on->earlier_count; i++)
    if (!is_same_action(&on->earlier[i], action)) on->earlier[kept++] = on->earlier[i];
  if (kept == EARLIER_MOST) {
    kept--;
    memmove(&on->earlier[0], &on->earlier[1], kept * sizeof *on->earlier);
  }
  on->earlier[kept] = *action;
  gc__stop_tidy_action(&on->earlier[kept]);
  on->earlier_count = kept + 1;
}

static bool install(struct fault_signal *on) {
  struct sigaction action, now;
  if (sigaction(on->number, NULL, &now) != 0) return false;
  if (is_our_action(&now)) return true;
  push_action(on, &now);
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handle_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigfillset(&action.sa_mask);
  on->is_taken = sigaction(on->number, &action, NULL) == 0;
  return on->is_taken;
}

/* A handler that the program has installed over ours stays. */
static void uninstall(struct fault_signal *on) {
  struct sigaction now;
  if (on->is_taken && sigaction(on->number, NULL, &now) == 0 && is_our_action(&now) && on->earlier_count > 0)
    sigaction(on->number, &on->earlier[on->earlier_count - 1], NULL);
  on->earlier_count = 0;
  on->is_taken = false;
}

static void set_part(struct fault_part *part, gc__fault_fn *fn, void *argument) {
  part->argument = argument;
  part->fn = fn;
}

bool gc__fault_open_with(gc__fault_fn *fn, void *argument) {
  set_part(&opener, fn, argument);
  if (install(&on_segv)) return true;
  gc__fault_open_no_more();
  return false;
}

void gc__fault_open_no_more(void) {
  set_part(&opener, NULL, NULL);
  if (!teller.fn) uninstall(&on_segv);
}

bool gc__fault_tell_with(gc__fault_fn *fn, void *argument) {
  if (teller.fn) return teller.argument == argument;
  set_part(&teller, fn, argument);
  if ((on_segv.is_taken || install(&on_segv)) && (on_bus.is_taken || install(&on_bus))) return true;
  gc__fault_tell_no_more(argument);
  return false;
}

void gc__fault_tell_no_more(const void *argument) {
  if (!teller.fn || teller.argument != argument) return;
  set_part(&teller, NULL, NULL);
  uninstall(&on_bus);
  if (!opener.fn) uninstall(&on_segv);
}
