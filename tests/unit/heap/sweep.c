/* tests/unit/heap/sweep.c - where blocks go after a trace, what is counted of them, and when. */
#include "../heap_fixture.h"
#include "heap/swap.h"

#include <errno.h>

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

/* ---- Open blocks: with a log ---- */

static void open_with_log(void) {
  heap_fixture_open(&fixture, 1);
  ck_assert(heap_fixture_open_log(&fixture, false, GC__WATCH_NONE));
}

static unsigned count_tier(enum gc__tier tier, size_t bytes) {
  unsigned count = 0;
  for (uint32_t block = heap->available[tier][GC__KIND_SCANNED][gc__class_of(bytes)]; block != GC__NONE;
       block = heap->space.blocks[block].next)
    count++;
  return count;
}

/* Full blocks that nobody owns: one cell more is taken, which dies. */
static unsigned fill_and_leave(unsigned blocks, enum gc__kind kind, size_t bytes) {
  unsigned count = blocks * gc__size_classes[gc__class_of(bytes)].cell_count;
  ck_assert_uint_le(count, CELLS_MOST);
  for (unsigned i = 0; i < count; i++) cells[i] = heap_fixture_take(&fixture, 0, kind, bytes);
  heap_fixture_take(&fixture, 0, kind, bytes);
  return count;
}

static const struct gc__block *facts_of(const void *cell) {
  return &heap->space.blocks[heap_fixture_block_of(&fixture, cell)];
}

static bool is_tracked(const void *cell) {
  return gc__log_is_tracked(&heap->space, heap_fixture_block_of(&fixture, cell));
}

/* Of 64 cells each, blocks keep 0, 4, 8 and so on: up to a quarter they stay open, above that they are retired, and
 * listed for bad times if a cell is free. */
static void check_retired(bool is_full) {
  enum { BYTES = 1024, BLOCKS = 17, CELLS = 64 };
  void *kept[BLOCKS * CELLS];
  unsigned count = 0;
  open_with_log();
  ck_assert_uint_eq(gc__size_classes[gc__class_of(BYTES)].cell_count, CELLS);
  fill_and_leave(BLOCKS, GC__KIND_SCANNED, BYTES);
  for (unsigned block = 0; block < BLOCKS; block++)
    for (unsigned i = 0; i < 4 * block; i++) kept[count++] = cells[block * CELLS + i];
  if (is_full) heap_fixture_trace(&fixture, kept, count);
  else heap_fixture_trace_minor(&fixture, kept, count);
  for (unsigned block = 0; block < BLOCKS; block++) {
    const void *cell = cells[block * CELLS];
    enum gc__block_state state = block == 0 ? GC__BLOCK_NONE : block <= 15 ? GC__BLOCK_LISTED : GC__BLOCK_IDLE;
    require(facts_of(cell)->state == state);
    require(facts_of(cell)->is_open == (block >= 1 && block <= 4));
    require(is_tracked(cell) == (block > 4));
  }
  ck_assert_uint_eq(count_listed(GC__KIND_SCANNED, BYTES), 4);
  ck_assert_uint_eq(count_tier(GC__TIER_DENSE, BYTES), 4);
  ck_assert_uint_eq(count_tier(GC__TIER_PACKED, BYTES), 7);
  ck_assert_uint_eq(heap->log.open_count, 5); /* and the one that is owned */
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}

START_TEST(blocks_are_retired_above_a_quarter) {
  check_retired(false);
  check_retired(true);
}
END_TEST

START_TEST(blocks_of_leaves_are_closed) {
  open_with_log();
  unsigned count = fill_and_leave(4, GC__KIND_LEAF, 512);
  heap_fixture_trace_minor(&fixture, cells, count - 1);
  ck_assert_uint_eq(heap->log.open_count, 1);
  for (unsigned i = 0; i < count; i += 100) require(!is_tracked(cells[i]) && !facts_of(cells[i])->is_open);
  ck_assert_uint_eq(count_listed(GC__KIND_LEAF, 512), 1); /* never dense: nothing is read there */
  heap_fixture_close(&fixture);
}
END_TEST

/* What a thread goes on to hand out stays open, also where it is one cell that was freed by hand. */
START_TEST(blocks_with_pending_cells_stay_open) {
  for (int is_full = 0; is_full < 2; is_full++) {
    open_with_log();
    unsigned count = fill_and_leave(1, GC__KIND_SCANNED, 2048);
    gc__local_close(heap, fixture.locals[0]);
    struct gc__cursor *cursor = gc__local_cursor(fixture.locals[0], GC__KIND_SCANNED, gc__class_of(2048));
    gc__block_set_young(heap, (size_t)cells[3], (size_t)cells[3] + 2048); /* a piece in a block that is not owned */
    fixture.map[fixture_granule(&fixture, cells[3])] = 0;
    for (unsigned i = 1; i < 128; i++) fixture.map[fixture_granule(&fixture, cells[3]) + i] = 0;
    cursor->next = (size_t)cells[3];
    cursor->limit = cursor->next + 2048;
    void *kept[32];
    unsigned kept_count = 0;
    for (unsigned i = 0; i < count; i++)
      if (i != 3) kept[kept_count++] = cells[i];
    for (int round = 0; round < 3; round++) {
      if (is_full) heap_fixture_trace(&fixture, kept, kept_count);
      else heap_fixture_trace_minor(&fixture, kept, kept_count);
      ck_assert(facts_of(cells[3])->is_open && !is_tracked(cells[3]) && !facts_of(cells[3])->is_pending);
      heap_fixture_sweep(&fixture);
      ck_assert_int_ne(facts_of(cells[3])->state, GC__BLOCK_NONE);
    }
    memset(cells[3], 0, 2048);
    ck_assert_ptr_eq(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 2048), cells[3]);
    kept[kept_count++] = cells[3];
    heap_fixture_trace_minor(&fixture, kept, kept_count);
    ck_assert(!facts_of(cells[3])->is_open && is_tracked(cells[3]));
    heap_fixture_verify(&fixture);
    heap_fixture_close(&fixture);
  }
}
END_TEST

START_TEST(dense_blocks_are_used_when_memory_is_short) {
  open_with_log();
  unsigned count = fill_and_leave(40, GC__KIND_SCANNED, 1024), kept = 0;
  for (unsigned i = 0; i < count; i++)
    if (i % 2) cells[kept++] = cells[i];
  heap_fixture_trace_minor(&fixture, cells, kept);
  gc__local_close(heap, fixture.locals[0]);
  ck_assert_uint_eq(count_tier(GC__TIER_DENSE, 1024), 40);
  while (heap->pages.dirty_free_pages >= GC__BLOCK_PAGES || count_listed(GC__KIND_SCANNED, 1024))
    heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 1024);
  for (int i = 0; i < 200; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 1024); /* new memory is better */
  ck_assert_uint_eq(count_tier(GC__TIER_DENSE, 1024), 40);
  heap->tier_bytes[GC__TIER_DENSE] = 0;
  size_t used_bytes = fixture.budget.used_bytes;
  for (int i = 0; i < 64 + 30 * 32; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 1024);
  ck_assert_uint_le(count_tier(GC__TIER_DENSE, 1024), 10);
  ck_assert_uint_eq(fixture.budget.used_bytes, used_bytes);
  unsigned opened = 0;
  for (unsigned i = 0; i < kept; i += 32) opened += facts_of(cells[i])->is_open && !is_tracked(cells[i]);
  ck_assert_uint_ge(opened, 30);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* Only the young ones are looked at: the list is in order of age. */
START_TEST(minor_collections_sweep_young_large_objects) {
  void *old[5], *young[6];
  open_with_log();
  for (unsigned i = 0; i < 5; i++) old[i] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 20000);
  heap_fixture_trace_minor(&fixture, old, 5);
  for (int round = 0; round < 3; round++) {
    for (unsigned i = 0; i < 6; i++) young[i] = heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 9000 + i * 9000);
    heap_fixture_trace_minor(&fixture, young, 2);
    for (unsigned i = 0; i < 6; i++) ck_assert_int_eq(heap_fixture_resolves(&fixture, young[i]), i < 2);
    for (unsigned i = 0; i < 5; i++) ck_assert(heap_fixture_resolves(&fixture, old[i]) && is_tracked(old[i]));
  }
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

static void take_leaves(unsigned blocks) {
  for (size_t bytes = 0; bytes < blocks * GC__BLOCK_BYTES; bytes += 4096)
    heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 4096);
}

/* [sweep.punched] One cell of 64 stays in each block: the pages of the others lose their memory when another size
 * grows, and get it back with the block, zeroed. */
START_TEST(pages_of_free_cells_are_punched) {
  heap_fixture_open(&fixture, 1);
  unsigned count = fill_and_leave(64, GC__KIND_SCANNED, 1024), kept = 0;
  for (unsigned i = 0; i < count; i++) {
    memset(cells[i], 0x5a, 1024);
    if (i % 64 == 7) cells[kept++] = cells[i];
    else heap_fixture_free(&fixture, 0, cells[i]);
  }
  size_t used_bytes = fixture.budget.used_bytes;
  take_leaves(8);
  ck_assert_uint_lt(fixture.budget.used_bytes, used_bytes - 40 * GC__BLOCK_BYTES);
  ck_assert_uint_ge(heap->returned_bytes, 40 * GC__BLOCK_BYTES);
  for (unsigned i = 0; i < kept; i++) ck_assert(((char *)cells[i])[0] == 0x5a && ((char *)cells[i])[1023] == 0x5a);
  heap_fixture_verify(&fixture);
  used_bytes = fixture.budget.used_bytes;
  for (int i = 0; i < 20 * 63; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 1024); /* which are zero */
  ck_assert_uint_gt(fixture.budget.used_bytes, used_bytes + 10 * GC__BLOCK_BYTES);
  fixture.budget.limit_bytes = fixture.budget.used_bytes; /* now no block can be mended */
  unsigned taken = 0;
  while (heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 1024)) taken++;
  ck_assert_uint_lt(taken, 40 * 63);
  for (unsigned i = 0; i < kept; i++) ck_assert(((char *)cells[i])[0] == 0x5a && ((char *)cells[i])[1023] == 0x5a);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* [sweep.regret] Of 64 cells in a block one stays: pages go back when memory is taken elsewhere; but hardly any once
 * they had to be mended, until so much was handed out since that it no longer says anything. */
START_TEST(what_is_wanted_again_is_not_punched) {
  heap_fixture_open(&fixture, 1);
  unsigned count = fill_and_leave(64, GC__KIND_SCANNED, 1024), kept = 0;
  for (unsigned i = 0; i < count; i += 64) cells[kept++] = cells[i];
  heap_fixture_trace(&fixture, cells, kept);
  heap_fixture_sweep(&fixture);
  size_t returned_bytes = heap->returned_bytes, probed_bytes = 4 * GC__BLOCK_BYTES;
  take_leaves(8);
  ck_assert_uint_ge(heap->returned_bytes, returned_bytes + 40 * GC__BLOCK_BYTES);
  for (unsigned i = 0; i < 64 * 63; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 1024); /* mends them all */
  for (unsigned round = 0; round < 30; round++) {
    gc__local_close(heap, fixture.locals[0]);
    heap_fixture_trace(&fixture, cells, kept);
    heap_fixture_sweep(&fixture);
    returned_bytes = heap->returned_bytes;
    take_leaves(16 * (round + 1)); /* more than there is free memory */
    if (round == 0) ck_assert_uint_le(heap->returned_bytes, returned_bytes + probed_bytes);
    if (heap->returned_bytes >= returned_bytes + 10 * GC__BLOCK_BYTES) break;
  }
  ck_assert_uint_ge(heap->returned_bytes, returned_bytes + 10 * GC__BLOCK_BYTES);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* Moves what it can to a file, and writes all of that: the units are mapped, but nothing of them is away any more. */
static void move_out_and_back(void) {
  uint32_t units[GC__SWAP_CHOICES_MOST];
  struct gc__swap_move move;
  heap->swap.is_eager = true;
  uint32_t count = gc__swap_choose(heap, false, units, GC__SWAP_CHOICES_MOST);
  ck_assert_uint_ge(count, 2);
  for (uint32_t i = 0; i < count; i++) {
    ck_assert_int_eq(gc__swap_save(heap, units[i], &move), 0);
    ck_assert_uint_gt(gc__swap_finish(heap, &move), 0);
  }
  for (size_t at = 0; at < heap->space.span_bytes; at += GC__PAGE_BYTES) {
    volatile char *page = (volatile char *)heap->space.base + at;
    *page = *page;
  }
  gc__swap_take_back(heap, true);
  ck_assert_uint_eq(heap->swap.away_bytes, 0);
}

/* What is mapped to a file would not read as zero, and would be away with nobody to bring it back: [swap.slot]. */
START_TEST(mapped_pages_are_not_punched) {
  heap_fixture_open(&fixture, 1);
  int error = gc__swap_open(heap, ".", 0);
  if (error != ENOTSUP) {
    ck_assert_int_eq(error, 0);
    unsigned count = fill_blocks(64, GC__KIND_SCANNED, 1024), kept = 0;
    for (unsigned i = 0; i < count; i++) {
      memset(cells[i], 0x5a, 1024);
      if (i % 64 == 7) cells[kept++] = cells[i];
    }
    move_out_and_back();
    heap_fixture_trace(&fixture, cells, kept);
    heap_fixture_sweep(&fixture);
    ck_assert_uint_eq(count_listed(GC__KIND_SCANNED, 1024), 64);
    size_t returned_bytes = heap->returned_bytes;
    for (int i = 0; i < 128; i++) heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 4096);
    gc__swap_verify(heap);
    ck_assert_uint_eq(heap->returned_bytes, returned_bytes);
    for (unsigned i = 0; i < 64 * 63; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 1024); /* which are zero */
    for (unsigned i = 0; i < kept; i++) ck_assert(((char *)cells[i])[0] == 0x5a && ((char *)cells[i])[1023] == 0x5a);
    gc__swap_verify(heap);
    heap_fixture_verify(&fixture);
  }
  heap_fixture_close(&fixture);
}
END_TEST

UNIT_MAIN("heap/sweep", mapped_pages_are_not_punched, pages_of_free_cells_are_punched,
          what_is_wanted_again_is_not_punched, empty_blocks_return_to_the_pages, blocks_are_filed_by_their_live_cells,
          sweeping_goes_on_in_small_steps, allocation_finds_what_is_free, memory_moves_between_classes,
          an_owned_block_is_not_swept, large_objects_are_swept_at_once, large_root_objects_stay,
          blocks_are_retired_above_a_quarter, blocks_of_leaves_are_closed, blocks_with_pending_cells_stay_open,
          dense_blocks_are_used_when_memory_is_short, minor_collections_sweep_young_large_objects)
