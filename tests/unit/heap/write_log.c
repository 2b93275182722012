/* tests/unit/heap/write_log.c - what is open and what is tracked, and that every write to tracked blocks is told of, by
 * each source: nothing is known, the kernel, page protection, cards. */
#include "../heap_fixture.h"

#include <errno.h>
#include <unistd.h>

static const struct source {
  enum gc__watch_kind kind;
  bool has_cards;
} sources[] = {{GC__WATCH_NONE, false}, {GC__WATCH_KERNEL, false}, {GC__WATCH_PROTECT, false}, {GC__WATCH_NONE, true}};

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;
static void *cells[20000];

/* Whether the source knows what was not written. */
static bool is_exact(struct source source) {
  return source.has_cards || source.kind != GC__WATCH_NONE;
}

static bool open_fixture(struct source source) {
  heap_fixture_open(&fixture, 1);
  return heap_fixture_open_log(&fixture, source.has_cards, source.kind);
}

/* ---- Old blocks, writes, and what the log says ---- */

/* Blocks full of old cells, which are tracked; their number of cells. One more is taken, so that the last block is left
 * full, and dies. */
static unsigned make_old_blocks(unsigned blocks, size_t bytes) {
  unsigned count = blocks * gc__size_classes[gc__class_of(bytes)].cell_count;
  ck_assert_uint_le(count, COUNT_OF(cells));
  for (unsigned i = 0; i < count; i++) cells[i] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
  heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
  heap_fixture_trace_minor(&fixture, cells, count);
  gc__local_close(heap, fixture.locals[0]);
  for (unsigned i = 0; i < count; i++)
    require(gc__log_is_tracked(&heap->space, heap_fixture_block_of(&fixture, cells[i])));
  return count;
}

static void write_word(void *word) {
  *(volatile size_t *)word = 1;
  heap_fixture_note_write(&fixture, word);
}

static uint8_t told[FIXTURE_RESERVE_BYTES / GC__CARD_BYTES];
static size_t told_bytes;
static uintptr_t told_end;

static void note_told(void *argument, struct gc__range range) {
  require(argument == told);
  require(range.start >= told_end && range.start < range.end && range.end % GC__CARD_BYTES == 0);
  require(range.end - heap->space.base <= heap->space.span_bytes);
  for (size_t at = range.start - heap->space.base; at < range.end - heap->space.base; at += GC__CARD_BYTES)
    told[at / GC__CARD_BYTES] = 1;
  told_bytes += range.end - range.start;
  told_end = range.end;
}

static void take(void) {
  memset(told, 0, sizeof told);
  told_bytes = told_end = 0;
  gc__log_take(heap, note_told, told);
}

static bool is_told(const void *word) {
  return told[gc__space_offset(&heap->space, word) / GC__CARD_BYTES];
}

/* ---- Opening ---- */

START_TEST(each_source_opens_or_says_what_is_missing) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    ck_assert(heap->log.is_on);
    ck_assert_int_eq(heap->log.has_cards, sources[i].has_cards);
    ck_assert_int_eq(heap->space.has_cards, sources[i].has_cards);
    ck_assert_int_eq(heap->log.watch.kind, sources[i].kind);
    take();
    ck_assert_uint_eq(told_bytes, 0);
    heap_fixture_close(&fixture);
  }
}
END_TEST

START_TEST(without_memory_none_opens) {
  for (unsigned i = 1; i < COUNT_OF(sources); i++) {
    const char *missing;
    heap_fixture_open(&fixture, 1);
    fixture.budget.limit_bytes = fixture.budget.used_bytes;
    int error = gc__log_open(heap, sources[i].has_cards, sources[i].kind, &missing);
    /* cards need memory with the span, and page protection a byte a page of it */
    if (sources[i].kind == GC__WATCH_KERNEL) ck_assert_int_ne(error, 0);
    fixture.budget.limit_bytes = FIXTURE_LIMIT_BYTES;
    heap_fixture_close(&fixture);
  }
}
END_TEST

START_TEST(a_heap_without_a_log_tracks_nothing) {
  heap_fixture_open(&fixture, 1);
  void *cell = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64);
  uint32_t block = heap_fixture_block_of(&fixture, cell);
  ck_assert(!heap->space.blocks[block].is_open && heap->log.open_count == 0);
  gc__log_track(heap, block * GC__BLOCK_PAGES, GC__BLOCK_PAGES);
  gc__log_cover(heap, block * GC__BLOCK_PAGES, GC__BLOCK_PAGES);
  ck_assert(!gc__log_is_tracked(&heap->space, block));
  gc__log_expect(heap, (struct gc__range){heap->space.base, heap->space.base + 1});
  gc__log_after_fork(heap);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Open blocks ---- */

START_TEST(blocks_are_open_while_cells_are_handed_out) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    void *scanned = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64);
    void *leaf = heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 64);
    uint32_t first = heap_fixture_block_of(&fixture, scanned), second = heap_fixture_block_of(&fixture, leaf);
    ck_assert_uint_eq(heap->log.open_count, 2);
    ck_assert_uint_eq(heap->space.open_blocks[0], first);
    ck_assert_uint_eq(heap->space.open_blocks[1], second);
    ck_assert(heap->space.blocks[first].is_open && heap->space.blocks[second].is_open);
    ck_assert(!gc__log_is_tracked(&heap->space, first) && !gc__log_is_tracked(&heap->space, second));
    gc__lock_take(&heap->lock);
    gc__log_open_block(heap, first); /* once more is once */
    gc__lock_give(&heap->lock);
    ck_assert_uint_eq(heap->log.open_count, 2);
    write_word(scanned);
    take();
    ck_assert(told_bytes == 0 || sources[i].has_cards); /* open blocks are looked at anyway */
    heap_fixture_close(&fixture);
  }
}
END_TEST

START_TEST(an_opened_block_is_tracked_no_more) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    unsigned count = make_old_blocks(3, 1024), each = count / 3;
    uint32_t block = heap_fixture_block_of(&fixture, cells[each]);
    take();
    gc__lock_take(&heap->lock);
    gc__log_open_block(heap, block);
    gc__lock_give(&heap->lock);
    ck_assert(!gc__log_is_tracked(&heap->space, block));
    for (unsigned k = 0; k < count; k++) write_word(cells[k]);
    take();
    for (unsigned k = 0; k < count; k++)
      require(is_told(cells[k]) == (heap_fixture_block_of(&fixture, cells[k]) != block));
    heap_fixture_close(&fixture);
  }
}
END_TEST

/* ---- Tracked blocks ---- */

START_TEST(only_what_was_written_is_told) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    unsigned count = make_old_blocks(40, 2048);
    take(); /* the blocks were written before they were tracked, but armed since */
    ck_assert(told_bytes == 0 || !is_exact(sources[i]));
    for (unsigned k = 0; k < count; k += 37) write_word((char *)cells[k] + 1000);
    size_t pages = heap->log.written_pages;
    take();
    for (unsigned k = 0; k < count; k++) {
      const char *word = (const char *)cells[k] + 1000;
      require(is_told(word) || k % 37);
      size_t unit = sources[i].has_cards ? GC__CARD_BYTES : GC__PAGE_BYTES;
      bool is_beside = k % 37 == 1 && (uintptr_t)word / unit == (uintptr_t)cells[k - 1] / unit;
      if (is_exact(sources[i]) && k % 37 > 1 && k % 37 < 36 && !is_beside) require(!is_told(word));
    }
    ck_assert_uint_ge(heap->log.written_pages - pages, count / 37);
    take();
    ck_assert(told_bytes == 0 || !is_exact(sources[i])); /* once */
    heap_fixture_close(&fixture);
  }
}
END_TEST

/* Blocks in a row are armed together, others on their own: all of them. */
START_TEST(whatever_is_tracked_is_armed) {
  static const uint32_t order[] = {3, 4, 5, 9, 10, 1, 0, 20, 12};
  for (unsigned i = 1; i <= 2; i++) {
    if (!open_fixture(sources[i])) continue;
    make_old_blocks(24, 8192);
    uint32_t base = heap_fixture_block_of(&fixture, cells[0]);
    for (unsigned k = 0; k < 24; k++)
      gc__watch_open_pages(&heap->log.watch, (struct gc__range){heap->space.base + (base + k) * GC__BLOCK_BYTES,
                                                                heap->space.base + (base + k + 1) * GC__BLOCK_BYTES});
    for (unsigned k = 0; k < COUNT_OF(order); k++)
      gc__log_track(heap, (base + order[k]) * GC__BLOCK_PAGES, GC__BLOCK_PAGES);
    gc__log_arm(heap);
    take();
    for (uint32_t k = 0; k < 24; k++) {
      bool is_armed = false;
      for (unsigned n = 0; n < COUNT_OF(order); n++) is_armed |= order[n] == k;
      require(is_told((char *)heap->space.base + (base + k) * GC__BLOCK_BYTES) == !is_armed);
    }
    heap_fixture_close(&fixture);
  }
}
END_TEST

/* While the log rests nothing is armed, so that all of it counts as written at the next take, and notes writes again.
 */
START_TEST(a_resting_log_arms_nothing_and_loses_nothing) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    heap->log.is_resting = true;
    unsigned count = make_old_blocks(5, 2048);
    for (unsigned k = 0; k < count; k++) {
      uint32_t block = heap_fixture_block_of(&fixture, cells[k]);
      ck_assert(heap->space.blocks[block].is_open || gc__log_is_tracked(&heap->space, block));
      ck_assert_uint_eq(heap->space.armed[block / GC__CHUNK_BLOCKS] >> block % GC__CHUNK_BLOCKS & 1, 0);
      write_word(cells[k]);
    }
    heap->log.is_resting = false;
    for (int takes = 0; takes < 2; takes++) {
      take();
      for (unsigned k = 0; k < count; k++)
        require(is_told(cells[k]) || heap->space.blocks[heap_fixture_block_of(&fixture, cells[k])].is_open);
      if (is_exact(sources[i])) take();
      for (unsigned k = 0; k < count; k++) write_word(cells[k]);
    }
    heap_fixture_close(&fixture);
  }
}
END_TEST

START_TEST(a_large_object_that_grows_is_covered) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    char *object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 40000);
    heap_fixture_trace_minor(&fixture, (void **)&object, 1);
    take();
    uint32_t page = (uint32_t)(gc__space_offset(&heap->space, object) / GC__PAGE_BYTES);
    ck_assert(gc__large_resize(heap, page, 500000));
    for (size_t block = page / GC__BLOCK_PAGES; block <= (page + 122) / GC__BLOCK_PAGES; block++)
      ck_assert(gc__log_is_tracked(&heap->space, block));
    write_word(object + 499992);
    write_word(object + 200000);
    take();
    ck_assert(is_told(object + 499992) && is_told(object + 200000));
    take();
    write_word(object + 300000);
    take();
    ck_assert(is_told(object + 300000));
    gc__lock_take(&heap->lock);
    gc__large_release(heap, page); /* the fixture's map knows the length from before */
    gc__lock_give(&heap->lock);
    heap_fixture_close(&fixture);
  }
}
END_TEST

static char *make_old_large(size_t bytes) {
  void *object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
  heap_fixture_trace_minor(&fixture, &object, 1);
  return object;
}

static void release(const void *large) {
  gc__lock_take(&heap->lock);
  gc__large_release(heap, (uint32_t)(gc__space_offset(&heap->space, large) / GC__PAGE_BYTES));
  gc__lock_give(&heap->lock);
}

/* What lies beside it in blocks that they share is tracked on. */
START_TEST(pages_of_a_large_object_that_is_gone_are_tracked_no_more) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    void *objects[3];
    for (unsigned k = 0; k < 3; k++)
      objects[k] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, k == 1 ? 500000 : 9000);
    heap_fixture_trace_minor(&fixture, objects, 3);
    uint32_t first = heap_fixture_block_of(&fixture, objects[1]);
    uint32_t last = heap_fixture_block_of(&fixture, (char *)objects[1] + 499999);
    take();
    release(objects[1]);
    for (uint32_t block = first + 1; block < last; block++) ck_assert(!gc__log_is_tracked(&heap->space, block));
    for (unsigned k = 0; k < 3; k += 2) {
      ck_assert(gc__log_is_tracked(&heap->space, heap_fixture_block_of(&fixture, objects[k])));
      write_word(objects[k]);
    }
    take();
    ck_assert(is_told(objects[0]) && is_told(objects[2]));
    heap_fixture_close(&fixture);
  }
}
END_TEST

/* No page of it traps one by one: the kernel says of all that they are open, though nothing was written. */
START_TEST(a_new_large_object_is_open) {
  if (!open_fixture(sources[1])) return;
  char *old = make_old_large(500000), *kept = make_old_large(500000);
  take();
  release(old);
  bool is_clean;
  char *tenant = gc__large_take(heap, 500000, GC__GRANULE_BYTES, GC__KIND_SCANNED, 0, &is_clean);
  ck_assert_ptr_eq(tenant, old);
  uintptr_t start = (uintptr_t)tenant, end = start + gc__large_bytes(500000);
  memset(told, 0, sizeof told);
  told_bytes = told_end = 0;
  gc__watch_take(&heap->log.watch, (struct gc__range){start, end}, note_told, told);
  ck_assert_uint_eq(told_bytes, end - start);
  uintptr_t kept_start = (uintptr_t)kept;
  gc__watch_take(&heap->log.watch, (struct gc__range){kept_start, kept_start + gc__large_bytes(500000)}, note_told,
                 told);
  ck_assert_uint_eq(told_bytes, end - start);
  release(tenant);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- The program's announcements ---- */

START_TEST(expected_pages_take_system_calls) {
  int ends[2];
  if (!open_fixture((struct source){GC__WATCH_PROTECT, false})) SKIP_TEST("no page protection here");
  ck_assert_int_eq(pipe(ends), 0);
  unsigned count = make_old_blocks(4, 8192);
  take();
  char *object = cells[count / 2];
  ck_assert_int_eq(write(ends[1], "12345678", 8), 8);
  ck_assert_int_eq(read(ends[0], object + 1000, 8), -1);
  ck_assert_int_eq(errno, EFAULT);
  gc__log_expect(heap, (struct gc__range){(uintptr_t)object + 1000, (uintptr_t)object + 1008});
  ck_assert_int_eq(read(ends[0], object + 1000, 8), 8);
  take();
  ck_assert(is_told(object + 1000));
  ck_assert_uint_le(told_bytes, 2 * GC__PAGE_BYTES);
  gc__log_expect(heap, (struct gc__range){heap->space.base - 5000, heap->space.base + ((size_t)1 << 40)});
  gc__log_expect(heap, (struct gc__range){1000, 2000});
  gc__log_expect(heap, (struct gc__range){heap->space.base + ((size_t)1 << 40), heap->space.base + ((size_t)1 << 41)});
  ck_assert_int_eq(write(ends[1], "12345678", 8), 8);
  ck_assert_int_eq(read(ends[0], cells[0], 8), 8);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Memory that the watch refused ---- */

START_TEST(what_is_not_watched_counts_as_written) {
  for (unsigned i = 1; i <= 2; i++) {
    if (!open_fixture(sources[i])) continue;
    unsigned count = make_old_blocks(60, 4096), each = count / 60;
    uint32_t front = heap_fixture_block_of(&fixture, cells[0]);
    size_t watched = heap->log.watched_bytes;
    ck_assert_uint_eq(watched, heap->space.span_bytes);
    heap->log.has_refused = true;
    char *large = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, (size_t)4 << 20);
    count = make_old_blocks(80, 4096);
    ck_assert_uint_eq(heap->log.watched_bytes, watched);
    ck_assert_uint_gt(heap->space.span_bytes, watched + 40 * GC__BLOCK_BYTES);
    gc__lock_take(&heap->lock);
    uint32_t opened = heap_fixture_block_of(&fixture, cells[count - each]);
    gc__log_open_block(heap, opened);
    gc__lock_give(&heap->lock);
    for (int round = 0; round < 3; round++) { /* each time, in order, and nothing that is not tracked */
      take();
      size_t tracked = 0;
      for (size_t block = 0; block < heap->space.span_bytes / GC__BLOCK_BYTES; block++) {
        bool is_behind = block * GC__BLOCK_BYTES >= watched && gc__log_is_tracked(&heap->space, block);
        require(is_told((char *)heap->space.base + block * GC__BLOCK_BYTES) == is_behind);
        tracked += is_behind;
      }
      ck_assert_uint_eq(told_bytes, tracked * GC__BLOCK_BYTES);
    }
    write_word((char *)heap->space.base + front * GC__BLOCK_BYTES);
    take();
    ck_assert(is_told((char *)heap->space.base + front * GC__BLOCK_BYTES));
    ck_assert(!heap_fixture_resolves(&fixture, large));
    heap_fixture_close(&fixture);
  }
}
END_TEST

/* ---- Everything at random ---- */

struct written {
  void *words[4000];
  size_t count;
};

/* Writes to old objects since the last take are told of, or lie in open blocks. */
static void check_written(const struct written *written) {
  for (size_t i = 0; i < written->count; i++) {
    uint32_t block = heap_fixture_block_of(&fixture, written->words[i]);
    require(is_told(written->words[i]) || heap->space.blocks[block].is_open);
  }
}

static void run_random(uint64_t state) {
  static void *objects[3000];
  static struct written written;
  size_t count = 0, old_count = 0;
  for (int round = 0; round < 30; round++) {
    written.count = 0;
    for (size_t i = 0; i < 2000 && old_count; i++) {
      char *object = objects[unit_random_below(&state, old_count)];
      size_t bytes = gc__object_find(heap, object).bytes;
      void *word = object + unit_random_below(&state, bytes / 8) * 8;
      write_word(word);
      written.words[written.count++] = word;
    }
    while (count < COUNT_OF(objects)) {
      size_t bytes = unit_random_below(&state, 50) ? unit_random_below(&state, 3000) : unit_random_below(&state, 90000);
      objects[count++] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
    }
    take();
    check_written(&written);
    for (size_t i = old_count; i < count; i++) /* half of the young die */
      if (unit_random(&state) & 1) objects[i--] = objects[--count];
    if (unit_random_below(&state, 6)) {
      heap_fixture_trace_minor(&fixture, objects, count);
    } else {
      for (size_t i = 0; i < count; i++) /* and in a full trace some of the old */
        if (unit_random_below(&state, 3) == 0) objects[i--] = objects[--count];
      heap_fixture_trace(&fixture, objects, count);
    }
    if (count > 2500) count = 2500;
    old_count = count;
    heap_fixture_verify(&fixture);
  }
}

START_TEST(no_write_is_forgotten) {
  for (unsigned i = 0; i < COUNT_OF(sources); i++) {
    if (!open_fixture(sources[i])) continue;
    run_random(i + 1);
    heap_fixture_close(&fixture);
  }
}
END_TEST

UNIT_MAIN("heap/write_log", each_source_opens_or_says_what_is_missing, without_memory_none_opens,
          a_heap_without_a_log_tracks_nothing, blocks_are_open_while_cells_are_handed_out,
          an_opened_block_is_tracked_no_more, only_what_was_written_is_told, whatever_is_tracked_is_armed,
          a_resting_log_arms_nothing_and_loses_nothing, a_large_object_that_grows_is_covered,
          pages_of_a_large_object_that_is_gone_are_tracked_no_more, a_new_large_object_is_open,
          expected_pages_take_system_calls, what_is_not_watched_counts_as_written, no_write_is_forgotten)
