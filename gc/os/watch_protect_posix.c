/* os/watch_protect_posix.c - the source PROTECT of watch.h: read-only pages and a handler of SIGSEGV.
 *
 * Every page of the heap has a state of one byte. [watch.order] Whoever opens a page notes it as open first and makes
 * it writable then: as soon as it is writable another thread may write to it without a fault, and a take that came
 * between the two would miss that write. Whoever arms notes first as well: a write that comes before the protection is
 * read by whoever looks at the page after it was armed. The handler runs with all signals blocked. So no stop falls
 * between its two steps, and no other handler runs inside it whose own fault would find SIGSEGV blocked, which kills a
 * program.
 *
 * Each edge between armed and open pages is the border of a mapping, and a process that has too many of them
 * (vm.max_map_count) can neither map nor protect any more. So edges are counted, and half of that number is the limit.
 * Beyond it units of 2 MiB are opened instead of pages, and then everything. The count is kept without a lock, so that
 * it is not exact; a stop counts anew once the limit was met or two threads opened the same page.
 *
 * Costs (AMD EPYC, Linux 6.18, best of several): the first write to an armed page 6.7 us; a take 30 us a GiB for the
 * states, and 2.4 us a lone written page, nearly all of it for the two mappings that go; arming memory for the first
 * time 22 ms a GiB, 0.4 on huge pages.
 */
#include "os/stop.h"
#include "os/watch_source.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "os/report.h"
#include "os/valgrind.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* TAKEN: armed, and to be reported by the take that is going on. What is not added is none of ours. */
enum page_state { PAGE_NOT_ADDED, PAGE_OPEN, PAGE_ARMED, PAGE_TAKEN };

#define DEFAULT_MAPPINGS 65530

/* Handlers that were there before ours, or were installed over it. */
#define EARLIER_MOST 8

/* The one watch that the handler serves. */
static struct gc__watch *volatile protecting;
static struct sigaction earlier_actions[EARLIER_MOST]; /* changed with the world stopped */
static size_t earlier_count;

/* ---- States ---- */

struct page_span {
  size_t first, end; /* numbers of pages in the heap */
};

static volatile uint8_t *state_of(struct gc__watch *watch, size_t page) {
  return (volatile uint8_t *)watch->states.start + page;
}

static bool is_armed(struct gc__watch *watch, size_t page) {
  return page < gc__word_get(&watch->page_count) && gc__byte_peek(state_of(watch, page)) >= PAGE_ARMED;
}

static struct page_span span_of(struct gc__watch *watch, struct gc__range range) {
  size_t page_bytes = gc__os_page_bytes();
  return (struct page_span){(range.start - watch->heap.start) / page_bytes,
                            (range.end - watch->heap.start) / page_bytes};
}

static struct gc__range range_of(struct gc__watch *watch, struct page_span span) {
  size_t page_bytes = gc__os_page_bytes();
  return (struct gc__range){watch->heap.start + span.first * page_bytes, watch->heap.start + span.end * page_bytes};
}

#define EIGHT_STATES(state) (UINT64_C(0x0101010101010101) * (state))

static size_t peek_eight(struct gc__watch *watch, size_t page) {
  return gc__word_peek((const volatile size_t *)(const volatile void *)state_of(watch, page));
}

/* The first page from `page` on whose state is not the given one, or end. */
static size_t skip_state(struct gc__watch *watch, size_t page, size_t end, enum page_state state) {
  while (page < end && page % 8 != 0 && gc__byte_peek(state_of(watch, page)) == state) page++;
  if (page < end && page % 8 != 0) return page;
  while (page + 8 <= end && peek_eight(watch, page) == EIGHT_STATES(state)) page += 8;
  while (page < end && gc__byte_peek(state_of(watch, page)) == state) page++;
  return page;
}

static void set_states(struct gc__watch *watch, struct page_span span, enum page_state state) {
  for (size_t page = span.first; page < span.end; page++) gc__byte_poke(state_of(watch, page), (uint8_t)state);
}

/* ---- Edges ---- */

/* Between the pages of the span, and to the pages before and after it. */
static size_t count_edges(struct gc__watch *watch, struct page_span span) {
  size_t edges = 0;
  bool was_armed = span.first > 0 && is_armed(watch, span.first - 1);
  for (size_t page = span.first; page <= span.end; page++) {
    if (was_armed && page < span.end) page = skip_state(watch, page, span.end, PAGE_ARMED);
    bool armed = is_armed(watch, page);
    edges += armed != was_armed;
    was_armed = armed;
  }
  return edges;
}

/* What count_edges would answer with all pages of the span in one state. */
static size_t edges_when(struct gc__watch *watch, struct page_span span, bool armed) {
  bool before = span.first > 0 && is_armed(watch, span.first - 1);
  return (size_t)(before != armed) + (size_t)(is_armed(watch, span.end) != armed);
}

/* With the world stopped. */
static void correct_edges(struct gc__watch *watch) {
  if (!gc__flag_get(&watch->is_inexact)) return;
  gc__flag_set(&watch->is_inexact, 0);
  gc__word_set(&watch->edge_count, count_edges(watch, (struct page_span){0, gc__word_get(&watch->page_count)}));
}

static bool has_too_many_edges(struct gc__watch *watch) {
  size_t count = gc__word_peek(&watch->edge_count); /* below zero: concurrent openings were both counted */
  return count > watch->edge_limit && count <= SIZE_MAX / 2;
}

/* ---- Opening ---- */

static bool make_writable(struct gc__range range) {
  return mprotect((void *)range.start, range.end - range.start, PROT_READ | PROT_WRITE) == 0;
}

/* Pages that were all added. They are noted a second time because a take may have armed them in between, where the
 * world was not stopped: now they are writable, and its protection is gone or yet to come. */
static bool open_added(struct gc__watch *watch, struct page_span span) {
  set_states(watch, span, PAGE_OPEN);
  bool all = make_writable(range_of(watch, span));
  if (skip_state(watch, span.first, span.end, PAGE_OPEN) < span.end) set_states(watch, span, PAGE_OPEN);
  return all;
}

static size_t end_of_added(struct gc__watch *watch, size_t page, size_t end) {
  while (page < end && gc__byte_peek(state_of(watch, page)) != PAGE_NOT_ADDED) page++;
  return page;
}

/* Opens what was added of the span: [watch.order]. The neighbours are looked at before anything is noted: of two
 * threads that open two pages side by side both may count the edge that falls away, and never neither. False: some
 * pages are noted as open and are not writable. */
static bool open_span(struct gc__watch *watch, struct page_span span) {
  bool all = true;
  size_t change = edges_when(watch, span, false) - count_edges(watch, span);
  for (size_t page = span.first; (page = skip_state(watch, page, span.end, PAGE_NOT_ADDED)) < span.end;) {
    struct page_span run = {page, end_of_added(watch, page, span.end)};
    all &= open_added(watch, run);
    page = run.end;
  }
  gc__word_add(&watch->edge_count, change);
  return all;
}

static struct page_span units_around(struct gc__watch *watch, struct page_span span) {
  struct gc__range range = range_of(watch, span);
  range.start = gc__round_down(range.start, GC__HUGE_PAGE_BYTES);
  range.end = gc__round_up(range.end, GC__HUGE_PAGE_BYTES);
  if (range.start < watch->heap.start) range.start = watch->heap.start;
  span = span_of(watch, range);
  size_t count = gc__word_get(&watch->page_count);
  if (span.end > count) span.end = count;
  return span;
}

/* Opens the span, and as much around it as the number of mappings asks for. False: it could not be made writable. */
static bool open_at_least(struct gc__watch *watch, struct page_span span) {
  if (open_span(watch, span) && !has_too_many_edges(watch)) return true;
  gc__flag_set(&watch->is_inexact, 1);
  if (open_span(watch, units_around(watch, span)) && !has_too_many_edges(watch)) return true;
  return open_span(watch, (struct page_span){0, gc__word_get(&watch->page_count)});
}

/* ---- Faults that are not ours ---- */

static _Thread_local struct {
  const void *context;
  uintptr_t frame;
  size_t depth;
} chained __attribute__((tls_model("initial-exec"))); /* what this thread handed on last */

/* Whether a handler that was handed this fault has called ours again, because it found ours when it was installed: the
 * same context in a deeper frame. (A handler may leave by longjmp, so that nothing can be undone on the way out; the
 * next fault then has another context, or the same frame.) */
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

static void chain_fault(int signal, siginfo_t *info, void *context, uintptr_t frame) {
  static const struct sigaction no_action = {.sa_flags = 0};
  size_t depth = find_chain_depth(context, frame);
  struct sigaction action = depth < earlier_count ? earlier_actions[earlier_count - 1 - depth] : no_action;
  bool is_plain = !(action.sa_flags & SA_SIGINFO);
  if (is_plain && action.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (is_plain && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)) {
    die_of(signal, info);
    return;
  }
  if (action.sa_flags & (int)SA_RESETHAND) earlier_actions[earlier_count - 1 - depth] = no_action;
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

/* A page that is open already was opened by another thread after this one had faulted, and is perhaps not yet writable:
 * [watch.order]. Doing the same again is harmless, and lets this thread go on. */
static bool open_fault(struct gc__watch *watch, uintptr_t address) {
  if (address < watch->heap.start || address >= watch->heap.end) return false;
  size_t page = (address - watch->heap.start) / gc__os_page_bytes();
  if (page >= gc__word_get(&watch->page_count)) return false;
  uint8_t state = gc__byte_peek(state_of(watch, page));
  if (state == PAGE_NOT_ADDED) return false;
  if (state == PAGE_OPEN) gc__flag_set(&watch->is_inexact, 1);
  if (open_at_least(watch, (struct page_span){page, page + 1})) return true;
  gc__report("a write-protected page cannot be made writable: %s", strerror(errno));
  return false;
}

__attribute__((noinline, no_sanitize("address", "thread"))) static void handle_fault(int signal, siginfo_t *info,
                                                                                     void *context) {
  int saved = errno;
  struct gc__watch *watch = protecting;
  uintptr_t address = (uintptr_t)info->si_addr;
  bool is_ours = watch && info->si_code == SEGV_ACCERR && !is_jump_to(address, context) && open_fault(watch, address);
  errno = saved;
  if (!is_ours) chain_fault(signal, info, context, (uintptr_t)__builtin_frame_address(0));
  errno = saved;
}

static bool is_our_action(const struct sigaction *action) {
  return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == handle_fault;
}

static bool is_same_action(const struct sigaction *a, const struct sigaction *b) {
  return ((a->sa_flags ^ b->sa_flags) & SA_SIGINFO) == 0 && a->sa_handler == b->sa_handler;
}

/* Handlers are kept in the order in which they were installed, each one once; of too many the latest are kept. */
static void push_action(const struct sigaction *action) {
  size_t kept = 0;
  for (size_t i = 0; i < earlier_count; i++)
    if (!is_same_action(&earlier_actions[i], action)) earlier_actions[kept++] = earlier_actions[i];
  if (kept == EARLIER_MOST) {
    kept--;
    memmove(&earlier_actions[0], &earlier_actions[1], kept * sizeof *earlier_actions);
  }
  earlier_actions[kept] = *action;
  gc__stop_tidy_action(&earlier_actions[kept]);
  earlier_count = kept + 1;
}

/* Also once the program has installed a handler over ours: that one is called for the faults that are not ours. */
static bool install_handler(void) {
  struct sigaction action, now;
  if (sigaction(SIGSEGV, NULL, &now) != 0) return false;
  if (is_our_action(&now)) return true;
  push_action(&now);
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handle_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigfillset(&action.sa_mask);
  return sigaction(SIGSEGV, &action, NULL) == 0;
}

/* A handler that the program has installed over ours stays. */
static void remove_handler(void) {
  struct sigaction now;
  if (sigaction(SIGSEGV, NULL, &now) == 0 && is_our_action(&now) && earlier_count > 0)
    sigaction(SIGSEGV, &earlier_actions[earlier_count - 1], NULL);
  earlier_count = 0;
}

/* ---- Opening and closing the watch ---- */

static size_t mappings_most(void) {
  char text[32];
  int file = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (file < 0) return DEFAULT_MAPPINGS;
  ssize_t length = read(file, text, sizeof text);
  close(file);
  size_t most = 0;
  for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9' && most < SIZE_MAX / 16; i++)
    most = 10 * most + (size_t)(text[i] - '0');
  return most > 0 ? most : DEFAULT_MAPPINGS;
}

static bool blocks_faults(void) {
  sigset_t mask;
  return pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGSEGV) == 1;
}

/* Valgrind goes on after a handler with registers that are out of date, unless it was told otherwise
 * (--vex-iropt-register-updates=allregs-at-mem-access). */
static const char *find_obstacle(void) {
  if (protecting) return "another heap uses page protection";
  if (blocks_faults()) return "this thread blocks SIGSEGV";
  if (gc__valgrind_is_there()) return "Valgrind does not resume exactly where a page fault was";
  return NULL;
}

static int open_protection(struct gc__watch *watch, struct gc__budget *budget, const char **missing) {
  if ((*missing = find_obstacle())) return ENOTSUP;
  size_t pages = (watch->heap.end - watch->heap.start) / gc__os_page_bytes();
  if (!gc__region_open(&watch->states, budget, pages)) return ENOMEM;
  watch->edge_limit = mappings_most() / 2;
  protecting = watch;
  if (install_handler()) return 0;
  protecting = NULL;
  gc__region_close(&watch->states);
  *missing = "no handler of SIGSEGV can be installed";
  return ENOTSUP;
}

static void close_protection(struct gc__watch *watch) {
  (void)open_span(watch, (struct page_span){0, watch->page_count});
  remove_handler();
  protecting = NULL;
  gc__region_close(&watch->states);
}

/* ---- What watch.h asks for ---- */

static bool add_protected(struct gc__watch *watch, struct gc__range range) {
  if (range.start < watch->heap.start || range.end > watch->heap.end) return false;
  struct page_span span = span_of(watch, range);
  if (!gc__region_commit(&watch->states, span.end)) return false;
  set_states(watch, span, PAGE_OPEN);
  if (span.end > watch->page_count) gc__word_set(&watch->page_count, span.end);
  return true;
}

/* Nothing outside the heap was ever added. */
static void remove_protected(struct gc__watch *watch, struct gc__range range) {
  (void)watch, (void)range;
}

/* Pages that were noted as armed become read-only, or are opened again: [watch.open]. */
static bool protect_span(struct gc__watch *watch, struct page_span span, size_t edges_before) {
  struct gc__range range = range_of(watch, span);
  gc__word_add(&watch->edge_count, edges_when(watch, span, true) - edges_before);
  if (mprotect((void *)range.start, range.end - range.start, PROT_READ) == 0) return true;
  (void)open_at_least(watch, span);
  return false;
}

/* Whether the edges of an armed span fit the limit. */
static bool may_arm(struct gc__watch *watch, struct page_span span, size_t edges_before) {
  size_t edges = edges_when(watch, span, true);
  return edges <= edges_before || gc__word_peek(&watch->edge_count) + edges - edges_before <= watch->edge_limit;
}

static void arm_protected(struct gc__watch *watch, struct gc__range range) {
  struct page_span span = span_of(watch, range);
  GC__CHECK(span.end <= watch->page_count);
  int saved = errno;
  correct_edges(watch);
  size_t edges = count_edges(watch, span);
  if (install_handler() && may_arm(watch, span, edges)) {
    set_states(watch, span, PAGE_ARMED);
    (void)protect_span(watch, span, edges);
  }
  errno = saved;
}

static void open_protected(struct gc__watch *watch, struct gc__range range) {
  int saved = errno;
  struct page_span span = span_of(watch, range);
  if (skip_state(watch, span.first, span.end, PAGE_OPEN) < span.end) (void)open_at_least(watch, span);
  errno = saved;
}

/* All open pages of the span become TAKEN. False: there were none. */
static bool mark_taken(struct gc__watch *watch, struct page_span span) {
  bool any = false;
  for (size_t page = span.first; (page = skip_state(watch, page, span.end, PAGE_ARMED)) < span.end; page++) {
    gc__byte_poke(state_of(watch, page), PAGE_TAKEN);
    any = true;
  }
  return any;
}

/* Runs of pages that are not ARMED: TAKEN ones, and those that another thread has opened since. */
static void report_taken(struct gc__watch *watch, struct page_span span, void (*fn)(void *, struct gc__range),
                         void *argument) {
  for (size_t page = span.first; (page = skip_state(watch, page, span.end, PAGE_ARMED)) < span.end;) {
    struct page_span run = {page, page};
    for (; page < span.end && gc__byte_peek(state_of(watch, page)) != PAGE_ARMED; page++)
      (void)gc__byte_swap_if(state_of(watch, page), PAGE_TAKEN, PAGE_ARMED);
    run.end = page;
    fn(argument, range_of(watch, run));
  }
}

static void report_open(struct gc__watch *watch, struct page_span span, void (*fn)(void *, struct gc__range),
                        void *argument) {
  for (size_t page = span.first; (page = skip_state(watch, page, span.end, PAGE_ARMED)) < span.end;) {
    struct page_span run = {page, skip_state(watch, page, span.end, PAGE_OPEN)};
    page = run.end;
    fn(argument, range_of(watch, run));
  }
}

/* One mprotect over all of it: the system passes over what is read-only already, and merges as it goes. */
static void take_protected(struct gc__watch *watch, struct gc__range range, void (*fn)(void *, struct gc__range),
                           void *argument) {
  struct page_span span = span_of(watch, range);
  GC__CHECK(span.end <= watch->page_count);
  int saved = errno;
  correct_edges(watch);
  size_t edges = count_edges(watch, span);
  if (!install_handler() || !may_arm(watch, span, edges)) report_open(watch, span, fn, argument);
  else if (mark_taken(watch, span) && !protect_span(watch, span, edges)) fn(argument, range);
  else report_taken(watch, span, fn, argument);
  errno = saved;
}

/* Protections and handlers are inherited; the states are memory like any other. */
static bool keep_protection(struct gc__watch *watch) {
  (void)watch;
  return true;
}

const struct gc__watch_source gc__watch_protect = {
    .open = open_protection,
    .close = close_protection,
    .add = add_protected,
    .remove = remove_protected,
    .arm = arm_protected,
    .open_pages = open_protected,
    .take = take_protected,
    .after_fork = keep_protection,
    .takes_system_calls = false,
};
