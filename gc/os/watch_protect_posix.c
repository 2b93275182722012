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
#include "os/watch_source.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "os/fault.h"
#include "os/report.h"
#include "os/valgrind.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

/* TAKEN: armed, and to be reported by the take that is going on. What is not added, or lent, is none of ours. */
enum page_state { PAGE_NOT_ADDED, PAGE_OPEN, PAGE_ARMED, PAGE_TAKEN };

/* The one watch that the handler of faults serves. */
static struct gc__watch *protecting;

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

/* Opens what was added of the span, as one of the openers: [watch.order]. The neighbours are looked at before anything
 * is noted: of two threads that open two pages side by side both may count the edge that falls away, and never neither.
 * False: some pages are noted as open and are not writable. */
static bool open_span(struct gc__watch *watch, struct page_span span) {
  bool all = true;
  gc__flag_add(&watch->openers, 1);
  gc__full_barrier(); /* see lend_protected */
  size_t change = edges_when(watch, span, false) - count_edges(watch, span);
  for (size_t page = span.first; (page = skip_state(watch, page, span.end, PAGE_NOT_ADDED)) < span.end;) {
    struct page_span run = {page, end_of_added(watch, page, span.end)};
    all &= open_added(watch, run);
    page = run.end;
  }
  gc__word_add(&watch->edge_count, change);
  gc__flag_add(&watch->openers, (unsigned)-1);
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

/* ---- Faults ---- */

/* A page that is open already was opened by another thread after this one had faulted, and is perhaps not yet writable:
 * [watch.order]. Doing the same again is harmless, and lets this thread go on. */
static bool open_fault(void *argument, uintptr_t address) {
  struct gc__watch *watch = argument;
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

/* ---- Opening and closing the watch ---- */

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
  watch->edge_limit = gc__os_mappings_most() / 2;
  if (gc__fault_open_with(open_fault, watch)) {
    protecting = watch;
    return 0;
  }
  gc__region_close(&watch->states);
  *missing = "no handler of SIGSEGV can be installed";
  return ENOTSUP;
}

static void close_protection(struct gc__watch *watch) {
  (void)open_span(watch, (struct page_span){0, watch->page_count});
  gc__fault_open_no_more();
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
  if (gc__fault_open_with(open_fault, watch) && may_arm(watch, span, edges)) {
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

/* [watch.lent] An opener that looked at the states before makes the pages writable, and perhaps notes them as open,
 * when it is too late: so this waits until there is none, and sees whether the states are what they were set to. An
 * opener that comes later finds them: either it sees the state, or this one sees it. Handlers run to their end whatever
 * happens, and nobody else waits for anything while he opens pages. */
static void lend_protected(struct gc__watch *watch, struct gc__range range) {
  int saved = errno;
  struct page_span span = span_of(watch, range);
  if (span.end > watch->page_count) span.end = watch->page_count;
  if (span.first < span.end) (void)open_span(watch, span);
  while (skip_state(watch, span.first, span.end, PAGE_NOT_ADDED) < span.end) {
    set_states(watch, span, PAGE_NOT_ADDED);
    gc__full_barrier();
    while (gc__flag_get(&watch->openers)) gc__spin_hint();
  }
  errno = saved;
}

static void take_back_protected(struct gc__watch *watch, struct gc__range range) {
  struct page_span span = span_of(watch, range);
  if (span.end > watch->page_count) span.end = watch->page_count;
  if (span.first < span.end) set_states(watch, span, PAGE_OPEN);
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
  if (!gc__fault_open_with(open_fault, watch) || !may_arm(watch, span, edges)) report_open(watch, span, fn, argument);
  else if (mark_taken(watch, span) && !protect_span(watch, span, edges)) fn(argument, range);
  else report_taken(watch, span, fn, argument);
  errno = saved;
}

/* Protections and handlers are inherited; the states are memory like any other. Threads that were opening pages are
 * not there any more. */
static bool keep_protection(struct gc__watch *watch) {
  gc__flag_set(&watch->openers, 0);
  return true;
}

const struct gc__watch_source gc__watch_protect = {
    .open = open_protection,
    .close = close_protection,
    .add = add_protected,
    .remove = remove_protected,
    .arm = arm_protected,
    .open_pages = open_protected,
    .lend = lend_protected,
    .take_back = take_back_protected,
    .take = take_protected,
    .after_fork = keep_protection,
    .takes_system_calls = false,
};
