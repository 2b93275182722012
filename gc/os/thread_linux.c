/* os/thread_linux.c - thread.h for Linux. */
#include "os/thread.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "os/lock.h"
#include "os/memory.h"
#include "os/park.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The main thread's stack grows on demand up to its resource limit; with no limit, this much is believed of it. */
#define MAIN_STACK_MOST_BYTES ((size_t)1 << 30)

/* Where the C library noted the top of the main stack: works without /proc. */
extern void *__libc_stack_end __attribute__((weak));

unsigned gc__os_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    if (count > 0) return (unsigned)count;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1,024 processors do not fit the set */
  return online > 0 ? (unsigned)online : 1;
}

int gc__os_process_id(void) {
  return (int)getpid();
}
int gc__os_thread_id(void) {
  return (int)syscall(SYS_gettid);
}

/* A forked child's first thread may run on a stack of another thread: hence the look at the stack pointer. */
static bool find_main_stack(struct gc__range *stack) {
  struct rlimit limit;
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  if (!&__libc_stack_end || gc__os_thread_id() != gc__os_process_id()) return false;
  size_t most = MAIN_STACK_MOST_BYTES;
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < most) most = limit.rlim_cur;
  stack->end = gc__round_up((uintptr_t)__libc_stack_end, gc__os_page_bytes());
  stack->start = stack->end > most ? stack->end - most : 0;
  return here >= stack->start && here < stack->end;
}

bool gc__os_stack(struct gc__range *stack) {
  pthread_attr_t attributes;
  void *start;
  size_t bytes;
  if (find_main_stack(stack)) return true;
  if (pthread_getattr_np(pthread_self(), &attributes)) return false;
  int error = pthread_attr_getstack(&attributes, &start, &bytes);
  pthread_attr_destroy(&attributes);
  *stack = (struct gc__range){(uintptr_t)start, (uintptr_t)start + bytes};
  return !error;
}

/* mincore tells mapped from unmapped for any page, without a lock, a file or a fault. */
static bool is_mapped(uintptr_t page) {
  unsigned char resident;
  return mincore((void *)page, gc__os_page_bytes(), &resident) == 0 || errno != ENOMEM;
}

uintptr_t gc__os_mapped_from(uintptr_t low, uintptr_t high) {
  size_t page_bytes = gc__os_page_bytes();
  int saved = errno;
  uintptr_t page = gc__round_down(high - 1, page_bytes);
  while (page >= low + page_bytes && is_mapped(page - page_bytes)) page -= page_bytes;
  errno = saved;
  return page < low ? low : page;
}

uintptr_t gc__os_mapped_to(uintptr_t start, uintptr_t limit) {
  size_t page_bytes = gc__os_page_bytes();
  int saved = errno;
  uintptr_t page = gc__round_down(start, page_bytes) + page_bytes;
  while (page < limit && is_mapped(page)) page += page_bytes;
  errno = saved;
  return page < limit ? page : limit;
}

/* Not through the C library's function, which ThreadSanitizer replaces: the thread may be inside its runtime. */
struct gc__range gc__os_signal_stack(void) {
  stack_t stack;
  if (syscall(SYS_sigaltstack, NULL, &stack) != 0 || (stack.ss_flags & SS_DISABLE)) return (struct gc__range){0, 0};
  return (struct gc__range){(uintptr_t)stack.ss_sp, (uintptr_t)stack.ss_sp + stack.ss_size};
}

/* ---- Helpers ---- */

static struct gc__lock helpers_lock = GC__LOCK_INIT(GC__RANK_HELPERS);
static volatile unsigned helpers_beginning; /* were started, and have not begun */

int gc__os_helper_start(pthread_t *thread, void *(*fn)(void *), void *argument, const char *name) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  gc__lock_take(&helpers_lock);
  gc__flag_add(&helpers_beginning, 1);
  int error = pthread_create(thread, NULL, fn, argument);
  if (error) gc__flag_add(&helpers_beginning, (unsigned)-1);
  gc__lock_give(&helpers_lock);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!error) pthread_setname_np(*thread, name);
  return error;
}

void gc__os_helper_begun(void) {
  gc__flag_add(&helpers_beginning, (unsigned)-1);
  gc__park_wake_all(&helpers_beginning);
}

void gc__os_helpers_hold(void) {
  unsigned count;
  gc__lock_take(&helpers_lock);
  while ((count = gc__flag_get(&helpers_beginning))) gc__park_wait(&helpers_beginning, count, 0);
}

void gc__os_helpers_let_go(void) {
  gc__lock_give(&helpers_lock);
}
