/* tests/unit/heap/sweep.c - where blocks go after a trace, what is counted of them, and when. */
#include "../heap_fixture.h"

#define CELLS_MOST 60000u

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;
static void *cells[CELLS_MOST];

/* Fills that many blocks of a class, and lets the thread go. */
static unsigned fill_blocks(unsigned blocks, enum gc__kind kind, size_t bytes) {
  unsigned count = blocks * gc__size_classes[gc__class_of(bytes)].cell_count;
  ck_assert_uint_le(count, CELLS_MOST);
  for (unsigned i = 0; i < count; i++) cells[i] = heap_fixture_take(&fixture, 0, kind, bytes);
  gc__local_close(heap, fixture.locals[0]);
  return count;
}

static unsigned count_in_state(enum gc__block_state state) {
  unsigned count = 0;
  for (size_t block = 0; block < heap->space.span_bytes / GC__BLOCK_BYTES; block++)
    count += heap->space.blocks[block].state == state;
  return count;
}

static unsigned count_listed(enum gc__kind kind, size_t bytes) {
  unsigned count = 0;
  for (uint32_t block = heap->available[GC__TIER_SPARSE][kind][gc__class_of(bytes)]; block != GC__NONE;
       block = heap->space.blocks[block].next)
    count++;
  return count;
}

START_TEST(empty_blocks_return_to_the_pages) {
  heap_fixture_open(&fixture, 1);
  fill_blocks(10, GC__KIND_SCANNED, 64);
  fill_blocks(10, GC__KIND_ROOT, 8192);
  heap_fixture_trace(&fixture, NULL, 0);
  heap_fixture_verify(&fixture);
  ck_assert_uint_lt(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes); /* lazily */
  heap_fixture_sweep(&fixture);
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes);
  ck_assert_uint_eq(heap->root_blocks, GC__NONE);
  ck_assert_uint_eq(heap->sweep.live_cell_bytes, 0);
  ck_assert_uint_eq(heap->sweep.free_cell_bytes, 0);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(blocks_are_filed_by_their_live_cells) {
  heap_fixture_open(&fixture, 1);
  unsigned count = fill_blocks(12, GC__KIND_LEAF, 256), each = count / 12;
  /* Of the blocks in the order in which they were filled: 4 stay full, 4 keep one cell, 4 become empty. */
  for (unsigned i = 0; i < 4; i++) cells[4 * each + i] = cells[(4 + i) * each + 17];
  heap_fixture_trace(&fixture, cells, 4 * each + 4);
  ck_assert_uint_eq(count_listed(GC__KIND_LEAF, 256), 0); /* nothing is listed before it was swept */
  heap_fixture_sweep(&fixture);
  ck_assert_uint_eq(count_listed(GC__KIND_LEAF, 256), 4);
  ck_assert_uint_eq(count_in_state(GC__BLOCK_LISTED), 4);
  ck_assert_uint_eq(count_in_state(GC__BLOCK_IDLE), 4);
  ck_assert_uint_eq(heap->sweep.live_cell_bytes, (4 * each + 4) * 256);
  ck_assert_uint_eq(heap->sweep.free_cell_bytes, 4 * (each - 1) * 256);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(sweeping_goes_on_in_small_steps) {
  heap_fixture_open(&fixture, 1);
  fill_blocks(100, GC__KIND_SCANNED, 4096);
  heap_fixture_trace(&fixture, cells, 1);
  unsigned steps = 0;
  uint32_t next = 0;
  gc__lock_take(&heap->lock);
  while (gc__sweep_some(heap)) {
    ck_assert_uint_gt(heap->sweep.next, next);
    next = heap->sweep.next;
    for (uint32_t block = 0; block < next; block++) /* in order of their addresses */
      require(heap->space.blocks[block].state == GC__BLOCK_NONE || block == heap_fixture_block_of(&fixture, cells[0]));
    steps++;
  }
  ck_assert(!gc__sweep_some(heap));
  gc__lock_give(&heap->lock);
  ck_assert_uint_ge(steps, 4);
  ck_assert_uint_eq(heap->sweep.pending, 0);
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes - GC__BLOCK_BYTES);
  heap_fixture_close(&fixture);
}
END_TEST

/* Allocation sweeps as far as it needs to, and takes what it finds. */
START_TEST(allocation_finds_what_is_free) {
  heap_fixture_open(&fixture, 1);
  unsigned count = fill_blocks(100, GC__KIND_SCANNED, 512);
  for (unsigned i = 0; i < 100; i++) cells[i] = cells[i * (count / 100)];
  size_t span_bytes = heap->space.span_bytes;
  heap_fixture_trace(&fixture, cells, 100);
  heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 512);
  ck_assert_uint_lt(heap->sweep.next, 90);
  for (unsigned i = 101; i < count; i++) require(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 512) != NULL);
  ck_assert_uint_eq(heap->space.span_bytes, span_bytes);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* Free blocks of one class serve another before the heap grows. */
START_TEST(memory_moves_between_classes) {
  heap_fixture_open(&fixture, 1);
  fill_blocks(64, GC__KIND_SCANNED, 128);
  size_t span_bytes = heap->space.span_bytes;
  for (int round = 0; round < 4; round++) {
    heap_fixture_trace(&fixture, NULL, 0);
    fill_blocks(64, round % 2 ? GC__KIND_SCANNED : GC__KIND_LEAF, 300 + 400 * (size_t)round);
    ck_assert_uint_eq(heap->space.span_bytes, span_bytes);
    heap_fixture_verify(&fixture);
  }
  heap_fixture_trace(&fixture, NULL, 0);
  for (int i = 0; i < 4; i++)
    ck_assert_ptr_nonnull(heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 16 * GC__BLOCK_BYTES)); /* and large objects */
  ck_assert_uint_eq(heap->space.span_bytes, span_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(an_owned_block_is_not_swept) {
  heap_fixture_open(&fixture, 1);
  heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64);
  heap_fixture_trace(&fixture, NULL, 0);
  heap_fixture_sweep(&fixture);
  ck_assert_uint_eq(count_in_state(GC__BLOCK_OWNED), 1);
  gc__local_close(heap, fixture.locals[0]);
  heap_fixture_trace(&fixture, NULL, 0);
  heap_fixture_sweep(&fixture);
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(large_objects_are_swept_at_once) {
  void *old[6], *young;
  heap_fixture_open(&fixture, 1);
  for (unsigned i = 0; i < 6; i++) old[i] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 10000 + 5000 * i);
  uint8_t epoch = heap_fixture_stop(&fixture);
  heap_fixture_mark(&fixture, epoch, old[1]);
  heap_fixture_mark(&fixture, epoch, old[4]);
  gc__heap_end_trace(heap, epoch);
  gc__local_after_stop(heap, fixture.locals[0]);
  young = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 10000); /* made after the restart, before the sweep */
  gc__sweep_large(heap, true);
  for (unsigned i = 0; i < 6; i++) ck_assert_int_eq(heap_fixture_resolves(&fixture, old[i]), i == 1 || i == 4);
  ck_assert(heap_fixture_resolves(&fixture, young));
  gc__sweep_large(heap, true);
  ck_assert(heap_fixture_resolves(&fixture, young) && heap_fixture_resolves(&fixture, old[1]));
  heap_fixture_trace(&fixture, NULL, 0);
  ck_assert_uint_eq(heap->large, GC__NONE);
  heap_fixture_close(&fixture);
}
END_TEST

/* Large root objects are the tracer's to mark; the sweeper leaves them alone until they are freed by hand. */
START_TEST(large_root_objects_stay) {
  heap_fixture_open(&fixture, 1);
  void *object = heap_fixture_take(&fixture, 0, GC__KIND_ROOT, 50000);
  for (int i = 0; i < 3; i++) {
    heap_fixture_trace(&fixture, &object, 1);
    ck_assert(heap_fixture_resolves(&fixture, object));
  }
  heap_fixture_free(&fixture, 0, object);
  ck_assert_uint_eq(heap->root_large, GC__NONE);
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

UNIT_MAIN("heap/sweep", empty_blocks_return_to_the_pages, blocks_are_filed_by_their_live_cells,
          sweeping_goes_on_in_small_steps, allocation_finds_what_is_free, memory_moves_between_classes,
          an_owned_block_is_not_swept, large_objects_are_swept_at_once, large_root_objects_stay)
