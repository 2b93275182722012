/* tests/unit/collect/counted_heap.h - a heap that counts, without threads and without a kernel's record: everything
 * counts as written, the stack is an array here, and after each stop all counts are made anew from the shadow
 * (gc__verify_counts). A program has one of it. */
#ifndef TREFOIL_TESTS_COUNTED_HEAP_H
#define TREFOIL_TESTS_COUNTED_HEAP_H

#include "unit.h"
#include "collect/cascade.h"
#include "collect/collector.h"
#include "heap/large.h"
#include "heap/object.h"
#include "heap/sweep.h"
#include "tools/verify_counts.h"

#define STACK_WORDS 8u
#define WORDS       4u /* of an object, where a test does not say otherwise */

static struct gc__collector collector;
static struct gc__budget budget;
static struct gc__local *local;
static size_t stack[STACK_WORDS];
static size_t **root; /* a root object with WORDS words */

static struct gc__heap *const heap = &collector.heap;
static struct gc__counting *const counting = &collector.counting;

/* ---- The heap ---- */

static inline void *make(enum gc__kind kind, size_t bytes) {
  bool is_clean;
  if (bytes > GC__SMALL_MAX_BYTES) {
    char *object = gc__large_take(heap, bytes, GC__GRANULE_BYTES, kind, 0, &is_clean);
    if (!is_clean) memset(object, 0, gc__large_bytes(bytes));
    return object;
  }
  struct gc__cursor *cursor = gc__local_cursor(local, kind, gc__class_of(bytes));
  void *cell;
  while (!(cell = gc__cursor_bump(cursor))) ck_assert(gc__local_refill(heap, local, kind, gc__class_of(bytes)));
  ck_assert(unit_all_zero(cell, cursor->cell_bytes));
  return cell;
}

static inline size_t **make_node(void) {
  return make(GC__KIND_SCANNED, WORDS * sizeof(size_t));
}

static inline void open_heap(void) {
  const char *missing;
  memset(stack, 0, sizeof stack);
  memset(&collector, 0, sizeof collector);
  budget = (struct gc__budget){.limit_bytes = (size_t)1 << 30};
  ck_assert(gc__heap_open(heap, &budget, (size_t)64 << 20, 0));
  heap->allowance_bytes = (size_t)1 << 30;
  ck_assert_int_eq(gc__log_open(heap, false, GC__WATCH_NONE, &missing), 0);
  ck_assert(gc__heap_keep_counts(heap));
  ck_assert(gc__counting_open(counting, heap, true));
  ck_assert(gc__region_open(&collector.roots.list_memory, &budget, 4096));
  ck_assert(gc__region_commit(&collector.roots.list_memory, 4096));
  size_t bytes = gc__round_up(sizeof *local + sizeof(struct gc__local_tail), _Alignof(struct gc__local));
  local = aligned_alloc(_Alignof(struct gc__local), bytes);
  memset(local, 0, bytes);
  gc__local_open(&heap->space, local, local + 1);
  root = make(GC__KIND_ROOT, WORDS * sizeof(size_t));
}

static inline void close_heap(void) {
  gc__local_close(heap, local);
  free(local);
  gc__region_close(&collector.roots.list_memory);
  gc__counting_close(counting);
  gc__heap_close(heap);
  ck_assert_uint_eq(budget.used_bytes, 0);
}

/* What a stop does. A trace of cycles comes after an epoch whose dead are gone. */
static inline void make_epoch(void) {
  gc__counting_run_epoch(counting, &collector.roots);
}
static inline void make_recount(void) {
  gc__counting_recount(counting, &collector.roots);
}
static inline void make_trace(void) {
  make_epoch();
  while (gc__cascade_run(counting, SIZE_MAX / 16)) continue;
  gc__counting_trace_cycles(counting, &collector.roots);
}

/* The stack is a root, and all of the heap was written. */
static inline void stop_for(void (*make)(void)) {
  bool is_full = make != make_epoch;
  struct gc__root_range *list = (void *)collector.roots.list_memory.start;
  uintptr_t base = heap->space.base;
  gc__sweep_finish(heap);
  gc__local_before_stop(heap, local);
  list[0] = (struct gc__root_range){{(uintptr_t)stack, (uintptr_t)(stack + STACK_WORDS)}, GC__ROOT_STACK};
  list[1] = (struct gc__root_range){{base, base + heap->space.span_bytes}, GC__ROOT_WRITTEN};
  collector.roots.count = 2;
  make();
  gc__heap_end_count(heap, is_full);
  gc__local_after_stop(heap, local);
  gc__verify_counts(&collector);
  gc__sweep_large(heap, is_full);
}

static inline void stop(bool is_full) {
  stop_for(is_full ? make_recount : make_epoch);
}

static inline void cascade(void) {
  while (gc__cascade_run(counting, 1)) continue;
}

static inline void epoch(void) {
  stop(false);
  cascade();
}

static inline size_t granule_of(const void *object) {
  return gc__space_offset(&heap->space, object) / GC__GRANULE_BYTES;
}
static inline uint8_t byte_of(const void *object) {
  return heap->space.live[granule_of(object)];
}
static inline bool is_live(const void *object) {
  return gc__count_is_live(byte_of(object));
}
static inline int count_of(const void *object) {
  return (byte_of(object) & GC__COUNT_MASK) - (int)GC__COUNT_ZERO;
}
static inline unsigned state_of(const void *object) {
  return byte_of(object) & GC__STATE_MASK;
}
static inline size_t shadow_of(const void *word) {
  return *gc__shadow_at(&heap->counts.shadow, word);
}
static inline void free_by_hand(void *object) {
  ck_assert(gc__object_free(heap, local, object));
}

/* ---- Trees ---- */

/* A stack that has room for so many objects and no more. */
static inline void limit_room(struct gc__objects *objects, size_t count) {
  objects->room = count;
  objects->memory.reserved_bytes = count * sizeof(size_t);
}

/* A tree of `depth` levels with three children each. */
static inline size_t **make_tree(int depth) {
  size_t **node = make_node();
  for (int i = 0; depth && i < 3; i++) node[i] = (size_t *)make_tree(depth - 1);
  return node;
}

static inline size_t count_tree(size_t **node, int depth) {
  size_t count = is_live(node) ? 1 : 0;
  for (int i = 0; depth && i < 3; i++) count += count_tree((size_t **)node[i], depth - 1);
  return count;
}

#endif
