/* collect/crew.c - see crew.h. */
#include "collect/crew.h"
#include "base/check.h"
#include "os/park.h"
#include "os/thread.h"
#include "os/valgrind.h"

#include <sched.h>

/* Items that a marker's stack has addresses for; where the system grants less, less. */
#define STACK_ITEMS ((size_t)1 << 31)

/* Turns that an idle marker makes before it lets other threads run. */
#define IDLE_SPINS 256

#define PHASE_LOG2 32
#define AT_WORK    (((size_t)1 << PHASE_LOG2) - 1)

static bool join_phase(struct gc__crew *crew, size_t phase) {
  for (;;) {
    size_t state = gc__word_get(&crew->state);
    if (state >> PHASE_LOG2 != phase || (state & AT_WORK) == 0) return false;
    if (gc__word_swap_if(&crew->state, state, state + 1)) return true;
  }
}

/* Waits, as no member of the phase, until there is work again; false: the phase is over. */
static bool await_work(struct gc__crew *crew, size_t phase) {
  for (int spins = 1;; spins++) {
    size_t state = gc__word_get(&crew->state);
    if (state >> PHASE_LOG2 != phase || (state & AT_WORK) == 0) return false;
    if (gc__trace_has_work(&crew->trace)) return join_phase(crew, phase);
    if (spins % IDLE_SPINS) gc__spin_hint();
    else sched_yield();
  }
}

static void work_in_phase(struct gc__crew *crew, struct gc__marker *marker, size_t phase) {
  do {
    gc__trace_work(marker);
    gc__word_add(&crew->state, (size_t)-1);
  } while (await_work(crew, phase));
}

/* ---- Helpers ---- */

#define HELPER_STACK_BYTES ((size_t)32 << 10)

static GC__NOINLINE void touch_own_stack(void) {
  char part[HELPER_STACK_BYTES];
  gc__os_touch(part, sizeof part);
}

static void *run_helper(void *argument) {
  struct gc__helper *helper = argument;
  struct gc__crew *crew = helper->crew;
  unsigned seen = 0;
  gc__os_helper_begun();
  if (crew->touches) touch_own_stack();
  gc__valgrind_hush();
  for (;;) {
    unsigned call = gc__flag_get(&crew->call);
    if (call == seen) {
      gc__park_wait(&crew->call, seen, 0);
      continue;
    }
    seen = call;
    if (gc__flag_get(&crew->is_ending)) break;
    size_t phase = gc__word_get(&crew->state) >> PHASE_LOG2;
    if (join_phase(crew, phase)) work_in_phase(crew, helper->marker, phase);
  }
  gc__valgrind_speak();
  return NULL;
}

static void call_helpers(struct gc__crew *crew) {
  gc__flag_add(&crew->call, 1);
  gc__park_wake_all(&crew->call);
}

static void wake_helpers(void *argument) {
  struct gc__crew *crew = argument;
  if (gc__flag_get(&crew->are_called) || !gc__flag_swap_if(&crew->are_called, 0, 1)) return;
  call_helpers(crew);
}

/* In a fixed space a stack has its whole size at once: an item for each so many bytes. What does not fit is found again
 * through its block ([trace.overflow]). */
#define FIXED_ITEM_BYTES 512u

static size_t stack_items(const struct gc__crew *crew) {
  const struct gc__space *space = &crew->trace.heap->space;
  return space->is_fixed ? GC__STACK_PAD + GC__STACK_SLACK + space->span_bytes / FIXED_ITEM_BYTES : STACK_ITEMS;
}

static struct gc__marker *add_marker(struct gc__crew *crew) {
  unsigned count = crew->trace.marker_count;
  if (!gc__region_commit(&crew->memory, (count + 1) * sizeof(struct gc__marker))) return NULL;
  struct gc__marker *marker = (struct gc__marker *)(void *)crew->memory.start + count;
  if (!gc__mark_stack_open(&marker->stack, crew->budget, stack_items(crew))) return NULL;
  marker->trace = &crew->trace;
  crew->trace.markers[count] = marker;
  crew->trace.marker_count = count + 1;
  return marker;
}

void gc__crew_start_helpers(struct gc__crew *crew) {
  while (crew->started_count + 1 < crew->wanted_count) {
    unsigned index = crew->started_count;
    struct gc__marker *marker =
        index + 1 < crew->trace.marker_count ? crew->trace.markers[index + 1] : add_marker(crew);
    struct gc__helper *helper = &crew->helpers[index];
    *helper = (struct gc__helper){.crew = crew, .marker = marker};
    if (!marker || gc__os_helper_start(&helper->thread, run_helper, helper, "trefoil-mark") != 0) {
      crew->wanted_count = crew->started_count + 1; /* do not ask again at each collection */
      return;
    }
    crew->started_count++;
  }
}

void gc__crew_touch(struct gc__crew *crew, size_t items) {
  crew->touches = true;
  gc__crew_start_helpers(crew);
  for (unsigned i = 0; i < crew->trace.marker_count; i++) {
    struct gc__mark_stack *stack = &crew->trace.markers[i]->stack;
    while (stack->room < items && gc__mark_stack_grow(stack)) continue;
    gc__os_touch(stack->memory.start, stack->memory.committed_bytes);
  }
  gc__os_touch(crew->memory.start, crew->memory.committed_bytes);
}

bool gc__crew_open(struct gc__crew *crew, struct gc__heap *heap, struct gc__budget *budget, unsigned marker_count,
                   bool interior_in_heap) {
  *crew = (struct gc__crew){.budget = budget};
  crew->wanted_count = marker_count < GC__MARKERS_MOST ? marker_count : GC__MARKERS_MOST;
  crew->trace.heap = heap;
  crew->trace.interior_in_heap = interior_in_heap;
  crew->trace.wake_helpers = wake_helpers;
  crew->trace.wake_argument = crew;
  if (gc__region_open_most(&crew->memory, budget, GC__MARKERS_MOST * sizeof(struct gc__marker)) && add_marker(crew))
    return true;
  gc__region_close(&crew->memory);
  return false;
}

void gc__crew_close(struct gc__crew *crew) {
  gc__flag_set(&crew->is_ending, 1);
  call_helpers(crew);
  for (unsigned i = 0; i < crew->started_count; i++) pthread_join(crew->helpers[i].thread, NULL);
  for (unsigned i = 0; i < crew->trace.marker_count; i++) gc__mark_stack_close(&crew->trace.markers[i]->stack);
  gc__region_close(&crew->memory);
}

void gc__crew_after_fork(struct gc__crew *crew) {
  crew->started_count = 0;
}

/* ---- A trace ---- */

struct gc__trace_counts gc__crew_counts(struct gc__crew *crew) {
  struct gc__trace_counts counts = {0};
  for (unsigned i = 0; i < crew->trace.marker_count; i++) {
    struct gc__marker *marker = crew->trace.markers[i];
    counts.marked_objects += marker->marked_objects;
    counts.marked_bytes += marker->marked_bytes;
    counts.false_words += marker->false_words;
    gc__mark_stack_trim(&marker->stack);
  }
  return counts;
}

struct gc__trace_counts gc__crew_trace(struct gc__crew *crew, const struct gc__roots *roots, uint8_t epoch,
                                       bool is_minor) {
  struct gc__marker *first = crew->trace.markers[0];
  size_t phase = (gc__word_peek(&crew->state) >> PHASE_LOG2) + 1;
  gc__trace_begin(&crew->trace, roots, epoch, is_minor);
  crew->trace.is_shared = crew->started_count > 0;
  gc__flag_set(&crew->are_called, 0);
  gc__word_set(&crew->state, phase << PHASE_LOG2 | 1);
  gc__trace_root_objects(first);
  work_in_phase(crew, first, phase);
  while (gc__trace_recover(first)) continue;
  return gc__crew_counts(crew);
}

/* No helper can join: the phase is over. */
bool gc__crew_keep(struct gc__crew *crew, size_t word) {
  struct gc__marker *first = crew->trace.markers[0];
  crew->trace.is_shared = false;
  if (!gc__trace_add(first, word)) return false;
  gc__trace_work(first);
  while (gc__trace_recover(first)) continue;
  return true;
}
