/* tests/unit/heap/large.c - large objects: made, resized in place, freed, kept off pages that root words point to. */
#include "../heap_fixture.h"

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;

static char *take(size_t pages) {
  return heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, pages * GC__PAGE_BYTES);
}

static uint32_t first_page(const void *object) {
  return (uint32_t)(gc__space_offset(&heap->space, object) / GC__PAGE_BYTES);
}

static bool resize(void *object, size_t bytes) {
  return gc__large_resize(heap, first_page(object), bytes);
}

/* Not through the fixture's map, whose lengths do not follow a resize. */
static void release(void *object) {
  gc__lock_take(&heap->lock);
  gc__large_release(heap, first_page(object));
  gc__pages_verify(&heap->pages);
  gc__lock_give(&heap->lock);
}

START_TEST(sizes_are_rounded_up_to_pages) {
  static const size_t sizes[] = {8193, 12288, 12289, 100000, (size_t)3 << 20};
  heap_fixture_open(&fixture, 1);
  for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
    char *object = heap_fixture_take(&fixture, 0, GC__KIND_LEAF, sizes[i]);
    struct gc__place place = gc__object_find(heap, object + sizes[i] - 1);
    ck_assert_ptr_eq(gc__space_address(&heap->space, place.granule), object);
    ck_assert_uint_eq(place.bytes, gc__round_up(sizes[i], GC__PAGE_BYTES));
    ck_assert(place.kind == GC__KIND_LEAF && place.is_large);
  }
  heap_fixture_verify(&fixture);
  ck_assert_uint_eq(heap->large_objects, COUNT_OF(sizes));
  heap_fixture_close(&fixture);
}
END_TEST

/* Of addresses, not of positions in the heap: several heaps, at several places. */
START_TEST(alignment_is_kept) {
  for (int round = 0; round < 8; round++) {
    char *shift = gc__os_reserve((size_t)2 << 20, (size_t)2 << 20);
    heap_fixture_open(&fixture, 1);
    for (size_t alignment = 16; alignment <= (size_t)32 << 20; alignment *= 2)
      for (size_t bytes = 8192; bytes < 30000; bytes += 7000) {
        char *object = heap_fixture_take_aligned(&fixture, 0, GC__KIND_ALIGNED, bytes, alignment);
        if (alignment <= (size_t)8 << 20) ck_assert_ptr_nonnull(object);
        if (!object) continue;
        if (gc__object_find(heap, object).is_large)
          require((size_t)1 << heap->space.runs[first_page(object)].alignment_log2 == alignment);
        heap_fixture_free(&fixture, 0, object);
      }
    ck_assert_ptr_null(heap_fixture_take_aligned(&fixture, 0, GC__KIND_ALIGNED, 16, (size_t)1 << 40));
    ck_assert_ptr_null(heap_fixture_take_aligned(&fixture, 0, GC__KIND_ALIGNED, 16, (size_t)1 << 63));
    heap_fixture_close(&fixture);
    if (round % 2) gc__os_release(shift, (size_t)2 << 20);
  }
}
END_TEST

START_TEST(absurd_sizes_are_refused) {
  bool is_clean;
  static const size_t sizes[] = {FIXTURE_RESERVE_BYTES + 1, (size_t)1 << 44, SIZE_MAX - 5000, SIZE_MAX};
  heap_fixture_open(&fixture, 1);
  for (unsigned i = 0; i < COUNT_OF(sizes); i++)
    ck_assert_ptr_null(gc__large_take(heap, sizes[i], 16, GC__KIND_LEAF, 0, &is_clean));
  ck_assert_ptr_nonnull(gc__large_take(heap, FIXTURE_RESERVE_BYTES, 16, GC__KIND_LEAF, 0, &is_clean));
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(freed_pages_are_used_again) {
  heap_fixture_open(&fixture, 1);
  char *objects[8];
  for (unsigned i = 0; i < 8; i++) {
    objects[i] = take(10);
    memset(objects[i], 0x66, 10 * GC__PAGE_BYTES);
  }
  heap_fixture_free(&fixture, 0, objects[3]);
  heap_fixture_free(&fixture, 0, objects[5]);
  heap_fixture_free(&fixture, 0, objects[4]);
  heap_fixture_verify(&fixture);
  ck_assert_ptr_eq(take(30), objects[3] < objects[5] ? objects[3] : objects[5]); /* joined; zero: the fixture looks */
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Resizing ---- */

START_TEST(an_object_grows_into_free_pages) {
  heap_fixture_open(&fixture, 1);
  char *object = take(5);
  uint32_t first = first_page(object);
  memset(object, 0x77, 5 * GC__PAGE_BYTES);
  ck_assert(resize(object, 5 * GC__PAGE_BYTES)); /* the same */
  ck_assert(resize(object, 8 * GC__PAGE_BYTES + 1));
  ck_assert_uint_eq(heap->space.runs[first].page_count, 9);
  for (size_t i = 0; i < 5 * GC__PAGE_BYTES; i++) require(object[i] == 0x77);
  ck_assert(unit_all_zero(object + 5 * GC__PAGE_BYTES, 4 * GC__PAGE_BYTES));
  for (size_t at = 0; at < 9 * GC__PAGE_BYTES; at += 500)
    require(gc__object_find(heap, object + at).granule == fixture_granule(&fixture, object));
  ck_assert(!heap_fixture_resolves(&fixture, object + 9 * GC__PAGE_BYTES));
  release(object);
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(an_object_shrinks_and_gives_its_tail_back) {
  heap_fixture_open(&fixture, 1);
  char *object = take(20);
  memset(object, 0x77, 20 * GC__PAGE_BYTES);
  ck_assert(resize(object, 7 * GC__PAGE_BYTES - 100));
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes - 7 * GC__PAGE_BYTES);
  ck_assert(heap_fixture_resolves(&fixture, object + 7 * GC__PAGE_BYTES - 1));
  for (size_t at = 7 * GC__PAGE_BYTES; at < 20 * GC__PAGE_BYTES; at += 500)
    require(!heap_fixture_resolves(&fixture, object + at));
  gc__pages_verify(&heap->pages);
  for (size_t i = 0; i < 7 * GC__PAGE_BYTES; i++) require(object[i] == 0x77);
  ck_assert(resize(object, 20 * GC__PAGE_BYTES)); /* and back: what was there is gone */
  ck_assert(unit_all_zero(object + 7 * GC__PAGE_BYTES, 13 * GC__PAGE_BYTES));
  for (size_t i = 0; i < 7 * GC__PAGE_BYTES; i++) require(object[i] == 0x77);
  release(object);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(an_object_that_cannot_be_resized_stays) {
  heap_fixture_open(&fixture, 1);
  char *object = take(5), *wall = take(5);
  ck_assert_ptr_eq(wall, object + 5 * GC__PAGE_BYTES);
  ck_assert(!resize(object, 6 * GC__PAGE_BYTES));  /* something is behind it */
  ck_assert(!resize(object, GC__SMALL_MAX_BYTES)); /* would be a small object */
  ck_assert(!resize(object, SIZE_MAX) && !resize(object, (size_t)1 << 45));
  ck_assert(!resize(wall, FIXTURE_RESERVE_BYTES)); /* beyond the span */
  heap_fixture_verify(&fixture);
  fixture.budget.limit_bytes = fixture.budget.used_bytes;
  ck_assert(!resize(wall, 6 * GC__PAGE_BYTES)); /* no budget for its memory */
  heap_fixture_verify(&fixture);
  fixture.budget.limit_bytes = FIXTURE_LIMIT_BYTES;
  ck_assert(resize(wall, 6 * GC__PAGE_BYTES));
  heap_fixture_close(&fixture);
}
END_TEST

/* Random sizes beside the contents that must be there. */
START_TEST(contents_survive_any_resizing) {
  uint64_t state = 1;
  heap_fixture_open(&fixture, 1);
  unsigned char *object = (unsigned char *)take(3);
  size_t pages = 0, done = 0; /* pages: that were filled */
  for (int i = 0; i < 600; i++) {
    size_t wanted = 3 + unit_random_below(&state, 60);
    if (!resize(object, wanted * GC__PAGE_BYTES)) continue;
    done++;
    for (size_t page = 0; page < wanted; page++) {
      unsigned char *start = object + page * GC__PAGE_BYTES;
      if (page < pages) require(start[0] == (page & 0xff) && start[GC__PAGE_BYTES - 1] == (page & 0xff));
      else require(unit_all_zero(start, GC__PAGE_BYTES));
      memset(start, (int)(page & 0xff), GC__PAGE_BYTES);
    }
    pages = wanted;
    if (i % 50 == 0) heap_fixture_trace(&fixture, (void *[]){object}, 1);
    gc__pages_verify(&heap->pages);
  }
  ck_assert_uint_gt(done, 300);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- False root words ---- */

static void blacken(uint32_t page) {
  heap->space.black_pages[page] = heap->epoch;
  heap->space.live[page * GC__PAGE_GRANULES + 5] = gc__live_black(heap->epoch);
  heap->space.blocks[page / GC__BLOCK_PAGES].black_epoch = heap->epoch;
}

START_TEST(black_pages_are_avoided) {
  uint64_t state = 2;
  heap_fixture_open(&fixture, 1);
  char *start = take(512), *objects[100];
  heap_fixture_free(&fixture, 0, start);
  for (int i = 0; i < 60; i++) blacken((uint32_t)unit_random_below(&state, 512));
  for (unsigned i = 0; i < COUNT_OF(objects); i++) {
    size_t pages = 3 + unit_random_below(&state, 8);
    objects[i] = take(pages);
    for (size_t j = 0; j < pages; j++) require(heap->space.black_pages[first_page(objects[i]) + j] != heap->epoch);
  }
  heap_fixture_verify(&fixture);
  for (unsigned i = 0; i < COUNT_OF(objects); i++) heap_fixture_free(&fixture, 0, objects[i]);
  heap_fixture_trace(&fixture, NULL, 0); /* in the next epoch they are as good as others */
  size_t span_bytes = heap->space.span_bytes;
  ck_assert_ptr_nonnull(take(heap->space.span_bytes / GC__PAGE_BYTES));
  ck_assert_uint_eq(heap->space.span_bytes, span_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

/* Better a black page than no memory. */
START_TEST(black_pages_are_the_last_resort) {
  heap_fixture_open(&fixture, 1);
  char *start = take(FIXTURE_RESERVE_BYTES / GC__PAGE_BYTES);
  ck_assert_ptr_nonnull(start);
  heap_fixture_free(&fixture, 0, start);
  for (uint32_t page = 0; page < FIXTURE_RESERVE_BYTES / GC__PAGE_BYTES; page += 2) blacken(page);
  ck_assert_ptr_nonnull(take(5));
  ck_assert_ptr_nonnull(take(100));
  ck_assert_ptr_nonnull(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 64));
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(sweeping_comes_before_growth) {
  heap_fixture_open(&fixture, 1);
  for (int i = 0; i < 512; i++) heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 8192);
  gc__local_close(heap, fixture.locals[0]);
  heap_fixture_trace(&fixture, NULL, 0);
  size_t span_bytes = heap->space.span_bytes;
  ck_assert_ptr_nonnull(take(300)); /* made of blocks that nobody had looked at yet */
  ck_assert_uint_eq(heap->space.span_bytes, span_bytes);
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

UNIT_MAIN("heap/large", sizes_are_rounded_up_to_pages, alignment_is_kept, absurd_sizes_are_refused,
          freed_pages_are_used_again, an_object_grows_into_free_pages, an_object_shrinks_and_gives_its_tail_back,
          an_object_that_cannot_be_resized_stays, contents_survive_any_resizing, black_pages_are_avoided,
          black_pages_are_the_last_resort, sweeping_comes_before_growth)
