/* tests/unit/heap/heap.c - the heap as a whole: opening, epochs and stamps over many traces, growth and trimming. */
#include "../heap_fixture.h"

#define OBJECTS 400u

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;

/* ---- Opening ---- */

START_TEST(an_open_heap_is_empty) {
  heap_fixture_open(&fixture, 0);
  ck_assert_uint_eq(heap->space.span_bytes, 0);
  ck_assert(heap->large == GC__NONE && heap->root_large == GC__NONE && heap->root_blocks == GC__NONE);
  for (unsigned i = 0; i < GC__KIND_COUNT; i++)
    for (unsigned j = 0; j < GC__CLASS_COUNT; j++) require(heap->available[GC__TIER_SPARSE][i][j] == GC__NONE);
  gc__lock_take(&heap->lock);
  ck_assert(!gc__sweep_some(heap));
  gc__lock_give(&heap->lock);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(initial_memory_is_taken_and_kept) {
  const size_t initial_bytes = (size_t)5 << 20;
  struct gc__budget budget = {.limit_bytes = FIXTURE_LIMIT_BYTES};
  ck_assert(gc__heap_open(heap, &budget, FIXTURE_RESERVE_BYTES, initial_bytes));
  ck_assert_uint_ge(heap->space.span_bytes, initial_bytes);
  ck_assert_uint_eq(heap->pages.dirty_free_pages * GC__PAGE_BYTES, gc__round_up(initial_bytes, GC__CHUNK_BYTES));
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes);
  ck_assert_uint_ge(budget.used_bytes, initial_bytes);
  gc__lock_take(&heap->lock);
  for (int i = 0; i < 10; i++) gc__heap_trim(heap);
  gc__lock_give(&heap->lock);
  ck_assert_uint_eq(heap->pages.dirty_free_pages * GC__PAGE_BYTES, gc__round_up(initial_bytes, GC__CHUNK_BYTES));
  gc__heap_close(heap);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(a_heap_that_cannot_be_opened_leaves_nothing) {
  const size_t initial_bytes = (size_t)5 << 20;
  unsigned refusals = 0;
  for (size_t k = 1; k < 40; k++) {
    struct gc__budget budget = {.limit_bytes = FIXTURE_LIMIT_BYTES};
    gc__os_fail_request(k);
    bool is_open = gc__heap_open(heap, &budget, FIXTURE_RESERVE_BYTES, initial_bytes);
    gc__os_fail_request(0);
    refusals += !is_open;
    if (is_open) gc__heap_close(heap);
    ck_assert_uint_eq(budget.used_bytes, 0);
  }
  ck_assert_uint_ge(refusals, 1);
  struct gc__budget tight = {.limit_bytes = initial_bytes}; /* no room for the tables */
  ck_assert(!gc__heap_open(heap, &tight, FIXTURE_RESERVE_BYTES, initial_bytes));
  ck_assert_uint_eq(tight.used_bytes, 0);
}
END_TEST

/* ---- Epochs and stamps ---- */

static void *objects[OBJECTS];

/* Objects of a few classes and kinds, some large, of two threads. */
static void take_objects(void) {
  for (unsigned i = 0; i < OBJECTS; i++) {
    static const size_t sizes[] = {16, 48, 200, 1000, 5000, 12000};
    objects[i] = heap_fixture_take(&fixture, i % 2, (enum gc__kind)(i % 2), sizes[i % COUNT_OF(sizes)]);
    ck_assert_ptr_nonnull(objects[i]);
  }
}

/* What died stays dead, and what lives stays alive, over more traces than there are epochs; twice around. */
START_TEST(epochs_start_over_and_revive_nothing) {
  unsigned renumberings = 0;
  uint8_t before = GC__EPOCH_FIRST;
  heap_fixture_open(&fixture, 2);
  take_objects();
  for (unsigned trace = 0; trace < 600; trace++) {
    unsigned dead = trace < OBJECTS - 50 ? trace : OBJECTS - 50;
    heap_fixture_trace(&fixture, &objects[dead], OBJECTS - dead);
    ck_assert(heap->epoch >= GC__EPOCH_FIRST && heap->epoch <= GC__EPOCH_LAST && heap->epoch != before);
    renumberings += heap->epoch < before;
    before = heap->epoch;
    for (unsigned i = 0; i < OBJECTS; i++) require(heap_fixture_resolves(&fixture, objects[i]) == (i >= dead));
    if (trace % 50 == 0) heap_fixture_verify(&fixture);
  }
  ck_assert_uint_eq(renumberings, 600 / (GC__EPOCH_LAST - GC__EPOCH_FIRST));
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(renumbering_keeps_what_is_live_and_young) {
  heap_fixture_open(&fixture, 2);
  take_objects();
  heap->epoch = GC__EPOCH_LAST - 1;
  heap_fixture_trace(&fixture, objects, OBJECTS / 2);
  ck_assert_uint_eq(heap->epoch, GC__EPOCH_LAST);
  void *young = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 48);
  uint8_t epoch = heap_fixture_stop(&fixture);
  ck_assert_uint_eq(epoch, GC__EPOCH_FIRST + 1);
  for (unsigned i = 0; i < OBJECTS; i++)
    require(gc__heap_is_given(heap, fixture_granule(&fixture, objects[i])) == (i < OBJECTS / 2));
  ck_assert(gc__heap_is_given(heap, fixture_granule(&fixture, young)));
  for (size_t granule = 0; granule < heap->space.span_bytes / GC__GRANULE_BYTES; granule++)
    require(heap->space.live[granule] == 0 || heap->space.live[granule] == GC__EPOCH_FIRST);
  heap_fixture_mark(&fixture, epoch, young);
  heap_fixture_mark(&fixture, epoch, objects[1]);
  heap_fixture_restart(&fixture, epoch);
  heap_fixture_verify(&fixture);
  ck_assert(heap_fixture_resolves(&fixture, young) && heap_fixture_resolves(&fixture, objects[1]));
  heap_fixture_close(&fixture);
}
END_TEST

/* Blocks that were last handed out under a stamp of the round before must not count as young under the same number. */
START_TEST(stamps_start_over_and_revive_nothing) {
  heap_fixture_open(&fixture, 2);
  take_objects(); /* under stamp 1 */
  gc__local_close(heap, fixture.locals[0]);
  gc__local_close(heap, fixture.locals[1]);
  unsigned kept = 0;
  for (unsigned i = 0; i < OBJECTS; i++)
    if (i % 7 == 0) objects[kept++] = objects[i];
  heap_fixture_trace(&fixture, objects, kept);
  heap->stamp = UINT16_MAX - 1;
  bool has_started_over = false;
  for (unsigned trace = 0; trace < 6; trace++) {
    heap_fixture_trace(&fixture, objects, kept);
    ck_assert_uint_ne(heap->stamp, 0); /* the stamp of blocks in which nothing was handed out */
    has_started_over |= heap->stamp == 1;
    heap_fixture_verify(&fixture); /* everything but the survivors resolves to nothing */
    for (unsigned i = 0; i < kept; i++) require(heap_fixture_resolves(&fixture, objects[i]));
    if (trace % 2) heap_fixture_take(&fixture, trace / 2 % 2, GC__KIND_LEAF, 48);
    heap_fixture_verify(&fixture);
  }
  ck_assert(has_started_over);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Growth and trimming ---- */

START_TEST(growth_is_counted) {
  heap_fixture_open(&fixture, 1);
  for (int i = 0; i < 3000; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 8192);
  ck_assert_uint_ge(heap->space.span_bytes, 3000u * 8192);
  ck_assert_uint_eq(heap->grown_bytes, heap->space.span_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(the_reservation_bounds_growth) {
  heap_fixture_open(&fixture, 1);
  size_t bytes = 0;
  while (heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 8192)) bytes += 8192;
  ck_assert_uint_eq(bytes, FIXTURE_RESERVE_BYTES);
  ck_assert_ptr_null(heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 100000));
  heap_fixture_close(&fixture);
}
END_TEST

static void trim(void) {
  gc__lock_take(&heap->lock);
  gc__heap_trim(heap);
  gc__lock_give(&heap->lock);
}

/* Makes 32 MiB of dirty free pages. */
static void free_a_lot(void) {
  for (int i = 0; i < 4096; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 8192);
  gc__local_close(heap, fixture.locals[0]);
  heap_fixture_trace(&fixture, NULL, 0);
  heap_fixture_sweep(&fixture);
  ck_assert_uint_eq(heap->pages.dirty_free_pages * GC__PAGE_BYTES, (size_t)32 << 20);
}

/* Cycles that use up all free memory, which sweeping gives back at their end. */
START_TEST(memory_in_use_is_kept) {
  heap_fixture_open(&fixture, 1);
  heap->allowance_bytes = (size_t)1 << 20;
  for (int i = 0; i < 5; i++) free_a_lot();
  ck_assert_uint_eq(heap->returned_bytes, 0);
  heap_fixture_close(&fixture);
}
END_TEST

/* All but what the budget says is in use elsewhere: tables, mostly. */
static size_t busy_bytes(void) {
  return fixture.budget.used_bytes - heap->pages.dirty_free_pages * GC__PAGE_BYTES;
}

/* What was idle for a whole cycle goes, whatever the allowance says, but for a part of what is in use. */
START_TEST(idle_memory_is_returned) {
  heap_fixture_open(&fixture, 1);
  free_a_lot();
  trim(); /* all was in use: from here on it is idle */
  heap->allowance_bytes = (size_t)64 << 20;
  size_t used_bytes = fixture.budget.used_bytes, kept_bytes = busy_bytes() / 16, dirty_bytes = (size_t)32 << 20;
  trim();
  size_t left_bytes = heap->pages.dirty_free_pages * GC__PAGE_BYTES;
  ck_assert_uint_le(left_bytes, kept_bytes + (dirty_bytes - kept_bytes) / 8 + 2 * GC__PAGE_BYTES);
  ck_assert_uint_ge(left_bytes, kept_bytes);
  for (int i = 0; i < 5; i++) trim();
  left_bytes = heap->pages.dirty_free_pages * GC__PAGE_BYTES;
  ck_assert_uint_le(left_bytes, (size_t)2 << 20);
  ck_assert_uint_eq(heap->returned_bytes, ((size_t)32 << 20) - left_bytes);
  ck_assert_uint_gt(heap->space.returned_pages, 300); /* liveness bytes, too: [pages.bytes] */
  ck_assert_uint_eq(fixture.budget.used_bytes,
                    used_bytes - heap->returned_bytes - heap->space.returned_pages * GC__PAGE_BYTES);
  heap_fixture_verify(&fixture);
  free_a_lot(); /* all of it can be had again */
  ck_assert_uint_lt(heap->space.returned_pages, 20);
  ck_assert_uint_eq(fixture.budget.used_bytes, used_bytes - heap->space.returned_pages * GC__PAGE_BYTES);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

static void use_some(int count) {
  for (int i = 0; i < count; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 8192);
  gc__local_close(heap, fixture.locals[0]);
  heap_fixture_trace(&fixture, NULL, 0);
}

START_TEST(a_finished_sweep_trims) {
  heap_fixture_open(&fixture, 1);
  free_a_lot();
  trim();
  heap->allowance_bytes = 0;
  use_some(100); /* the rest was idle */
  ck_assert_uint_eq(heap->returned_bytes, 0);
  heap_fixture_sweep(&fixture);
  ck_assert_uint_ge(heap->returned_bytes, (size_t)15 << 20);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* What is little, and idle for one cycle only, may be used in the next one. */
START_TEST(little_idle_memory_waits) {
  heap_fixture_open(&fixture, 1);
  free_a_lot();
  trim();
  heap->allowance_bytes = 0;
  use_some(3584); /* 28 MiB of 32 */
  heap_fixture_sweep(&fixture);
  ck_assert_uint_eq(heap->returned_bytes, 0);
  use_some(3584);
  heap_fixture_sweep(&fixture);
  ck_assert_uint_ge(heap->returned_bytes, (size_t)3 << 20);
  ck_assert_uint_le(heap->returned_bytes, (size_t)4 << 20);
  use_some(3584);
  gc__heap_want_trim(heap);
  size_t returned_bytes = heap->returned_bytes;
  for (int i = 0; i < 2; i++) {
    heap_fixture_sweep(&fixture);
    use_some(100);
    gc__heap_want_trim(heap);
  }
  heap_fixture_sweep(&fixture);
  ck_assert_uint_gt(heap->returned_bytes, returned_bytes + ((size_t)8 << 20));
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

UNIT_MAIN("heap/heap", an_open_heap_is_empty, initial_memory_is_taken_and_kept,
          a_heap_that_cannot_be_opened_leaves_nothing, epochs_start_over_and_revive_nothing,
          renumbering_keeps_what_is_live_and_young, stamps_start_over_and_revive_nothing, growth_is_counted,
          the_reservation_bounds_growth, memory_in_use_is_kept, idle_memory_is_returned, a_finished_sweep_trims,
          little_idle_memory_waits)
