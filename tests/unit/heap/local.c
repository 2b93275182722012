/* tests/unit/heap/local.c - pieces, holes, stops and recycled cells of a thread's part of the heap. The fixture checks
 * of each object that it is zero and that nobody else holds its memory. */
#include "../heap_fixture.h"

#define OBJECTS_MOST 20000u

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;
static void *objects[OBJECTS_MOST];

static struct gc__cursor *cursor_of(unsigned local, enum gc__kind kind, size_t bytes) {
  return gc__local_cursor(fixture.locals[local], kind, gc__class_of(bytes));
}

/* Blocks that are in use. */
static unsigned count_blocks(void) {
  unsigned count = 0;
  for (size_t block = 0; block < heap->space.span_bytes / GC__BLOCK_BYTES; block++)
    count += heap->space.blocks[block].state != GC__BLOCK_NONE;
  return count;
}

START_TEST(a_new_local_has_nothing) {
  heap_fixture_open(&fixture, 1);
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) {
    struct gc__cursor *cursor = &fixture.locals[0]->cursors[i];
    require(cursor->cell_bytes == gc__size_classes[i % GC__CLASS_COUNT].cell_bytes);
    require(gc__cursor_bump(cursor) == NULL);
  }
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(all_cells_of_a_block_are_handed_out) {
  for (unsigned i = 0; i < GC__CLASS_COUNT; i++) {
    const struct gc__size_class *class = &gc__size_classes[i];
    heap_fixture_open(&fixture, 1);
    for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++) {
      unsigned blocks = count_blocks();
      uint32_t block = GC__NONE;
      for (unsigned cell = 0; cell < 2u * class->cell_count; cell++) {
        char *object = heap_fixture_take(&fixture, 0, (enum gc__kind)kind, class->cell_bytes);
        if (cell % class->cell_count == 0) block = heap_fixture_block_of(&fixture, object);
        require(heap_fixture_block_of(&fixture, object) == block);
        require(heap->space.blocks[block].kind == kind && heap->space.blocks[block].size_class == i);
        memset(object, 0xee, class->cell_bytes);
      }
      require(count_blocks() == blocks + 2);
    }
    if (i % 8 == 0) heap_fixture_verify(&fixture);
    heap_fixture_close(&fixture);
  }
}
END_TEST

START_TEST(what_was_handed_out_is_counted) {
  heap_fixture_open(&fixture, 1);
  const struct gc__local *local = fixture.locals[0];
  const struct gc__cursor *cursor = cursor_of(0, GC__KIND_SCANNED, 48);
  for (size_t i = 1; i <= 5000; i++) {
    heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 48);
    size_t pending = cursor->limit - cursor->next;
    require(local->handed_objects - pending / 48 == i);
    require(local->handed_bytes - pending == i * 48);
  }
  ck_assert_uint_eq(heap->handed_since_bytes + local->unreported_bytes, local->handed_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

/* After a trace: the free cells are found again, each once, before the heap takes another block. */
static void check_holes(size_t bytes, unsigned keep_in_8, uint64_t *state) {
  const struct gc__size_class *class = &gc__size_classes[gc__class_of(bytes)];
  unsigned count = 4u * class->cell_count, kept = 0;
  heap_fixture_open(&fixture, 2);
  for (unsigned i = 0; i < count; i++) {
    char *object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
    memset(object, 0xdd, class->cell_bytes);
    if (unit_random_below(state, 8) < keep_in_8) objects[kept++] = object;
  }
  gc__local_close(heap, fixture.locals[0]); /* blocks that are owned are not swept */
  heap_fixture_trace(&fixture, objects, kept);
  heap_fixture_verify(&fixture);
  heap_fixture_sweep(&fixture);
  unsigned blocks = count_blocks();
  for (unsigned i = kept; i < blocks * class->cell_count; i++)
    require(heap_fixture_take(&fixture, i % 2, GC__KIND_SCANNED, bytes) != NULL);
  heap_fixture_verify(&fixture);
  for (unsigned i = 0; i < kept; i++) {
    require(((unsigned char *)objects[i])[class->cell_bytes - 1] == 0xdd);
    require(heap_fixture_is_taken(&fixture, objects[i]));
  }
  heap_fixture_close(&fixture);
}

START_TEST(holes_are_filled_exactly) {
  static const size_t sizes[] = {16, 32, 48, 112, 128, 272, 1000, 1024, 3000, 8192};
  uint64_t state = 1;
  for (unsigned i = 0; i < COUNT_OF(sizes); i++)
    for (unsigned keep = 1; keep < 8; keep += 3) check_holes(sizes[i], keep, &state);
}
END_TEST

START_TEST(another_thread_goes_on_where_one_left) {
  heap_fixture_open(&fixture, 2);
  unsigned cells = gc__size_classes[gc__class_of(64)].cell_count;
  for (unsigned i = 0; i < cells / 3; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64);
  gc__local_close(heap, fixture.locals[0]);
  for (unsigned i = cells / 3; i < cells; i++) heap_fixture_take(&fixture, 1, GC__KIND_SCANNED, 64);
  ck_assert_uint_eq(count_blocks(), 1);
  heap_fixture_take(&fixture, 1, GC__KIND_SCANNED, 64);
  ck_assert_uint_eq(count_blocks(), 2);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* [local.keep], [local.pending] */
START_TEST(a_stop_leaves_the_piece_as_it_is) {
  heap_fixture_open(&fixture, 1);
  char *object = heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 32);
  struct gc__cursor *cursor = cursor_of(0, GC__KIND_LEAF, 32), before = *cursor;
  size_t pending = fixture_granule(&fixture, (void *)cursor->next);
  ck_assert_uint_gt(cursor->limit - cursor->next, 32);
  ck_assert(gc__heap_is_given(heap, pending)); /* nobody else takes it */
  ck_assert(!heap_fixture_resolves(&fixture, (void *)cursor->next));
  for (int i = 0; i < 3; i++) {
    uint8_t epoch = heap_fixture_stop(&fixture);
    ck_assert(gc__heap_is_given(heap, fixture_granule(&fixture, object)));
    ck_assert(!gc__heap_is_given(heap, pending)); /* a word that points there keeps nothing */
    ck_assert(!gc__heap_is_given(heap, fixture_granule(&fixture, (void *)(cursor->limit - 32))));
    heap_fixture_mark(&fixture, epoch, object);
    heap_fixture_restart(&fixture, epoch);
    ck_assert(cursor->next == before.next && cursor->limit == before.limit && cursor->block == before.block);
    ck_assert(gc__heap_is_given(heap, pending) && !heap_fixture_resolves(&fixture, (void *)cursor->next));
    heap_fixture_verify(&fixture);
  }
  ck_assert_ptr_eq(heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 32), (void *)before.next);
  ck_assert_ptr_eq(heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 32), (void *)(before.next + 32));
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* A thread that the stop hits between its load of next and its store finds its cell unallocated before and its own
 * after. */
START_TEST(a_stop_in_the_middle_of_a_bump_gives_the_cell_once) {
  heap_fixture_open(&fixture, 2);
  heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64);
  struct gc__cursor *cursor = cursor_of(0, GC__KIND_SCANNED, 64);
  size_t loaded = cursor->next;
  heap_fixture_trace(&fixture, NULL, 0);
  heap_fixture_sweep(&fixture);
  for (unsigned i = 0; i < 3000; i++) require(heap_fixture_take(&fixture, 1, GC__KIND_SCANNED, 64) != (void *)loaded);
  ck_assert_uint_eq(cursor->next, loaded);
  ck_assert(unit_all_zero((void *)loaded, cursor->limit - loaded));
  heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64);
  ck_assert(heap_fixture_is_taken(&fixture, (void *)loaded));
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Recycled cells ---- */

static void *take_until_piece_ends(size_t bytes) {
  const struct gc__cursor *cursor = cursor_of(0, GC__KIND_SCANNED, bytes);
  void *object;
  do object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
  while (cursor->next != cursor->limit);
  return object;
}

START_TEST(a_freed_cell_is_used_again_by_its_thread) {
  heap_fixture_open(&fixture, 2);
  char *object = take_until_piece_ends(96);
  uint32_t block = heap_fixture_block_of(&fixture, object);
  memset(object, 0x99, 96);
  heap_fixture_free(&fixture, 0, object);
  ck_assert_uint_eq(heap->space.live[fixture_granule(&fixture, object)], GC__LIVE_RECYCLED);
  ck_assert(!heap_fixture_resolves(&fixture, object));
  uint64_t occupied[GC__BLOCK_WORDS];
  gc__block_read_occupied(heap, block, occupied); /* nobody else may take it */
  ck_assert(gc__bit_test(occupied, fixture_granule(&fixture, object) % GC__BLOCK_GRANULES));
  ck_assert_ptr_eq(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 96), object); /* zeroed: the fixture looks */
  ck_assert(heap_fixture_resolves(&fixture, object + 95));
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(cells_that_were_old_are_recycled_too) {
  heap_fixture_open(&fixture, 1);
  char *object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 96);
  heap_fixture_trace(&fixture, (void *[]){object}, 1); /* its block stays owned, and so counts as young again */
  memset(object, 0x99, 96);
  heap_fixture_free(&fixture, 0, object);
  ck_assert(!heap_fixture_resolves(&fixture, object));
  take_until_piece_ends(96);
  ck_assert_ptr_eq(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 96), object);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(recycled_cells_are_dropped_at_a_stop) {
  heap_fixture_open(&fixture, 1);
  unsigned count = 0;
  for (unsigned i = 0; i < 100; i++) objects[i] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 96);
  for (unsigned i = 0; i < 40; i++) heap_fixture_free(&fixture, 0, objects[i]); /* more than are kept */
  const struct gc__recycled *recycled = &fixture.locals[0]->recycled[gc__class_of(96)];
  ck_assert_uint_eq(recycled->count, GC__RECYCLED_MOST);
  for (unsigned i = 0; i < 100; i++)
    count += heap->space.live[fixture_granule(&fixture, objects[i])] == GC__LIVE_RECYCLED;
  ck_assert_uint_eq(count, GC__RECYCLED_MOST);
  heap_fixture_trace(&fixture, &objects[40], 60);
  ck_assert_uint_eq(recycled->count, 0);
  for (unsigned i = 0; i < 100; i++)
    require(heap->space.live[fixture_granule(&fixture, objects[i])] == (i < 40 ? 0 : heap->epoch));
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Failures ---- */

START_TEST(without_memory_nothing_is_lost) {
  heap_fixture_open(&fixture, 2);
  unsigned count = 0;
  fixture.budget.limit_bytes = fixture.budget.used_bytes + ((size_t)3 << 20);
  while (count < OBJECTS_MOST && (objects[count] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 4096))) count++;
  ck_assert(count > 100 && count < 3 * 256);
  ck_assert_ptr_null(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 4096));
  ck_assert_ptr_null(heap_fixture_take(&fixture, 1, GC__KIND_LEAF, 16));
  ck_assert_ptr_null(heap_fixture_take(&fixture, 1, GC__KIND_LEAF, 100000));
  heap_fixture_verify(&fixture);
  heap_fixture_trace(&fixture, objects, 10);
  heap_fixture_verify(&fixture);
  for (unsigned i = 10; i < count; i++) require(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 4096) != NULL);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(a_refused_request_for_growth_fails_once) {
  heap_fixture_open(&fixture, 1);
  ck_assert_ptr_nonnull(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64));
  unsigned failures = 0;
  for (size_t k = 1; k < 8; k++) {
    bool is_refused = false;
    for (unsigned i = 0; i < 600 && !is_refused; i++) { /* 4 MiB at least: the span grows */
      gc__os_fail_request(k);
      is_refused = !heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 8192);
      gc__os_fail_request(0);
    }
    failures += is_refused;
    ck_assert_ptr_nonnull(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 8192));
    heap_fixture_verify(&fixture);
  }
  ck_assert_uint_ge(failures, 1);
  heap_fixture_close(&fixture);
}
END_TEST

UNIT_MAIN("heap/local", a_new_local_has_nothing, all_cells_of_a_block_are_handed_out, what_was_handed_out_is_counted,
          holes_are_filled_exactly, another_thread_goes_on_where_one_left, a_stop_leaves_the_piece_as_it_is,
          a_stop_in_the_middle_of_a_bump_gives_the_cell_once, a_freed_cell_is_used_again_by_its_thread,
          cells_that_were_old_are_recycled_too, recycled_cells_are_dropped_at_a_stop, without_memory_nothing_is_lost,
          a_refused_request_for_growth_fails_once)
