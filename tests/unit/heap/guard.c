/* tests/unit/heap/guard.c - guarded and closed runs: their pages, records, mappings, and what happens where the system
 * refuses. */
#include "../heap_fixture.h"
#include "heap/guard.h"

#include <errno.h>
#include <unistd.h>

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;

static char *take(size_t bytes) {
  bool is_clean;
  char *object = gc__guard_take(heap, bytes, &is_clean);
  if (object && is_clean) require(unit_all_zero(object, bytes));
  return object;
}

/* A large object that is not guarded. */
static char *take_plain(size_t bytes) {
  bool is_clean;
  return gc__large_take(heap, bytes, GC__GRANULE_BYTES, GC__KIND_LEAF, 0, &is_clean);
}

static uint32_t first_page(const void *object) {
  return (uint32_t)(gc__space_offset(&heap->space, object) / GC__PAGE_BYTES);
}

static bool can_read(const char *at) {
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  bool done = write(ends[1], at, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return done;
}

static void verify(void) {
  gc__guards_verify(heap);
  gc__pages_verify(&heap->pages);
}

static void free_by_hand(void *object) {
  require(gc__object_free(heap, fixture.locals[0], object));
  verify();
}

static int protect(void *object, enum gc__access access) {
  gc__lock_take(&heap->lock);
  int error = gc__guard_protect(heap, gc__guard_at(heap, object), access);
  gc__lock_give(&heap->lock);
  return error;
}

static bool release_kept(void) {
  gc__lock_take(&heap->lock);
  bool any = gc__guards_release_kept(heap);
  gc__lock_give(&heap->lock);
  verify();
  return any;
}

START_TEST(an_object_ends_at_its_run) {
  static const size_t sizes[] = {1, 16, 17, 4096, 4097, 20000, 1000000};
  heap_fixture_open(&fixture, 1);
  for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
    char *object = take(sizes[i]), *end = object + gc__round_up(sizes[i], GC__GRANULE_BYTES);
    struct gc__place place = gc__object_find(heap, object);
    const char *run = gc__space_address(&heap->space, place.granule);
    ck_assert_ptr_eq(gc__heap_address(heap, place.granule), object);
    ck_assert_ptr_eq(run + place.bytes, end);
    ck_assert_uint_lt((size_t)(object - run), gc__os_page_bytes());
    ck_assert_uint_eq(gc__heap_granule(heap, object), place.granule);
    ck_assert_uint_eq(gc__object_start(heap, object), place.granule);
    if (object > run) ck_assert_uint_eq(gc__object_start(heap, run), SIZE_MAX);
    ck_assert(gc__place_is_none(gc__object_find(heap, end)));
    ck_assert(can_read(end - 1) && !can_read(end));
    ck_assert(gc__space_is_start(&heap->space, place.granule, gc__space_offset(&heap->space, object)));
    verify();
  }
  ck_assert_uint_eq(heap->guards.live_count, COUNT_OF(sizes));
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(a_trace_frees_what_it_does_not_reach) {
  heap_fixture_open(&fixture, 1);
  char *kept = take(100), *dead = take(5000), *closed = take(100);
  uint32_t dead_page = first_page(dead);
  ck_assert_int_eq(protect(closed, GC__ACCESS_NONE), 0);
  kept[99] = 7;
  uint8_t epoch = heap_fixture_stop(&fixture);
  heap->space.live[(size_t)first_page(kept) * GC__PAGE_GRANULES] = epoch;
  heap_fixture_restart(&fixture, epoch);
  verify();
  ck_assert_uint_eq(heap->guards.live_count, 1);
  ck_assert_uint_eq(heap->guards.kept_count, 0);
  ck_assert_int_eq(kept[99], 7);
  ck_assert(can_read(gc__space_address(&heap->space, (size_t)(dead_page + 2) * GC__PAGE_GRANULES)) && can_read(closed));
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(mappings_are_bounded) {
  heap_fixture_open(&fixture, 1);
  char *objects[4];
  objects[0] = take(16);
  heap->guards.mappings_most = 10;
  for (int i = 1; i < 3; i++) ck_assert_ptr_nonnull(objects[i] = take(16));
  ck_assert_ptr_null(take(16));
  ck_assert_uint_eq(heap->guards.mappings, 9);
  free_by_hand(objects[0]);
  ck_assert_uint_eq(heap->guards.kept_count, 1);
  ck_assert(!can_read(objects[0]));
  ck_assert_ptr_nonnull(objects[3] = take(16)); /* what is kept goes for it */
  ck_assert_uint_eq(heap->guards.kept_count, 0);
  verify();
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(what_is_kept_is_bounded) {
  heap_fixture_open(&fixture, 1);
  char *objects[20];
  heap->guards.freed_percent = 100;
  for (int i = 0; i < 20; i++) objects[i] = take_plain(5 * GC__PAGE_BYTES);
  size_t used = fixture.budget.used_bytes;
  free_by_hand(objects[0]);
  ck_assert_uint_eq(fixture.budget.used_bytes + 5 * GC__PAGE_BYTES, used + heap->guards.memory.committed_bytes);
  heap->guards.kept_pages_most = 20;
  for (int i = 1; i < 20; i++) {
    free_by_hand(objects[i]);
    ck_assert_uint_eq(heap->guards.kept_count, i < 3 ? i + 1 : 4);
    for (int j = 0; j <= i; j++) ck_assert(can_read(objects[j]) == (j + 4 <= i));
  }
  heap->guards.kept_pages_most = 4; /* longer ones are not kept */
  char *longer = take_plain(6 * GC__PAGE_BYTES);
  free_by_hand(longer);
  ck_assert(can_read(longer));
  ck_assert(release_kept() && !release_kept());
  ck_assert(can_read(objects[19]) && unit_all_zero(objects[19], 5 * GC__PAGE_BYTES));
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(the_heap_takes_what_is_kept_before_it_fails) {
  heap_fixture_open(&fixture, 1);
  heap->guards.freed_percent = 100;
  char *first = take_plain(FIXTURE_RESERVE_BYTES / 2);
  heap->guards.kept_pages_most = FIXTURE_RESERVE_BYTES;
  free_by_hand(first);
  ck_assert(!can_read(first));
  ck_assert_ptr_nonnull(take_plain(FIXTURE_RESERVE_BYTES * 3 / 4));
  ck_assert_uint_eq(heap->guards.kept_count, 0);
  heap_fixture_close(&fixture);
}
END_TEST

/* Each request of one call to the system fails in turn: nothing is lost, and the next call succeeds. */
START_TEST(refusals_lose_nothing) {
  heap_fixture_open(&fixture, 1);
  for (size_t k = 1; k <= 4; k++) {
    gc__os_fail_request(k);
    char *object = take(10000);
    gc__os_fail_request(0);
    verify();
    if (!object) ck_assert_ptr_nonnull(object = take(10000));
    object[0] = 1;
    gc__os_fail_request(1);
    ck_assert_int_eq(protect(object, GC__ACCESS_READ), ENOMEM);
    object[0] = 2;
    ck_assert_int_eq(protect(object, GC__ACCESS_READ), 0);
    gc__os_fail_request(k);
    free_by_hand(object);
    gc__os_fail_request(0);
    ck_assert_uint_eq(heap->guards.live_count, 0);
    gc__os_fail_request(1);
    bool is_kept = heap->guards.kept_count != 0;
    ck_assert(!release_kept());
    gc__os_fail_request(0);
    ck_assert(release_kept() == is_kept && heap->guards.mappings == 0);
  }
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(stops_open_what_is_closed) {
  heap_fixture_open(&fixture, 1);
  char *objects[6];
  for (int i = 0; i < 6; i++) {
    objects[i] = take(100);
    ck_assert_int_eq(protect(objects[i], (enum gc__access)(i % 3)), 0);
  }
  ck_assert(gc__guards_begin_stop(heap));
  for (int i = 0; i < 6; i++) ck_assert(can_read(objects[i]));
  gc__guards_check(heap);
  gc__guards_end_stop(heap);
  for (int i = 0; i < 6; i++) ck_assert(can_read(objects[i]) == (i % 3 != GC__ACCESS_NONE));
  for (size_t k = 1; k <= 2; k++) {
    gc__os_fail_request(k);
    ck_assert(!gc__guards_begin_stop(heap));
    gc__os_fail_request(0);
    for (int i = 0; i < 6; i++) ck_assert(can_read(objects[i]) == (i % 3 != GC__ACCESS_NONE));
  }
  heap_fixture_close(&fixture);
}
END_TEST

static unsigned told;

static void note_old(void *argument, struct gc__range range) {
  const char *object = argument;
  told++;
  ck_assert(range.start <= (uintptr_t)object && (uintptr_t)object + 5000 <= range.end);
  ck_assert_uint_eq(range.end - range.start, 2 * GC__PAGE_BYTES);
}

START_TEST(old_ones_count_as_written) {
  heap_fixture_open(&fixture, 1);
  char *object = take(5000);
  gc__guards_each_old(heap, note_old, object);
  ck_assert_uint_eq(told, 0);
  uint8_t epoch = heap_fixture_stop(&fixture);
  heap->space.live[(size_t)first_page(object) * GC__PAGE_GRANULES] = epoch;
  heap_fixture_restart(&fixture, epoch);
  gc__guards_each_old(heap, note_old, object);
  ck_assert_uint_eq(told, 1);
  heap_fixture_close(&fixture);
}
END_TEST

static void check_damaged(void *at) {
  *(char *)at = 0;
  gc__guards_check(heap);
}

START_TEST(patterns_are_checked_to_the_byte) {
  char *object, words[100];
  heap_fixture_open(&fixture, 1);
  object = take(100);
  for (int i = 0; i < 12; i++) {
    snprintf(words, sizeof words, "of 100 bytes was written %d bytes past its end", i);
    ck_assert(unit_aborts(check_damaged, object + 100 + i, words));
    snprintf(words, sizeof words, "of 100 bytes was written %d bytes before its start", 300 * i + 1);
    ck_assert(unit_aborts(check_damaged, object - 300 * i - 1, words));
  }
  gc__guards_check(heap);
  heap_fixture_close(&fixture);
}
END_TEST

static void break_mappings(void *unused) {
  (void)unused;
  heap->guards.mappings++;
  gc__guards_verify(heap);
}

static void break_end(void *object) {
  heap->space.run_heads[first_page(object) + 1] = first_page(object) + 1;
  gc__guards_verify(heap);
}

static void break_kept(void *unused) {
  (void)unused;
  heap->guards.kept_pages--;
  gc__guards_verify(heap);
}

START_TEST(broken_invariants_are_found) {
  heap_fixture_open(&fixture, 1);
  char *object = take(100), *freed = take(100);
  free_by_hand(freed);
  ck_assert(unit_aborts(break_mappings, NULL, "[guard.mappings]"));
  ck_assert(unit_aborts(break_end, object, "[guard.end]"));
  ck_assert(unit_aborts(break_kept, NULL, "[guard.kept]"));
  verify();
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(random_use) {
  static struct {
    char *object;
    size_t bytes;
    bool is_guarded;
  } objects[64];
  uint64_t state = 11;
  heap_fixture_open(&fixture, 1);
  heap->guards.freed_percent = 40;
  for (unsigned i = 0; i < unit_repetitions(4000); i++) {
    size_t at = unit_random_below(&state, 64);
    if (objects[at].object) {
      require(objects[at].object[objects[at].bytes - 1] == (char)at);
      free_by_hand(objects[at].object);
    }
    objects[at].bytes = 8200 + unit_random_below(&state, 60000);
    objects[at].is_guarded = unit_random_below(&state, 3) == 0;
    objects[at].object = objects[at].is_guarded ? take(objects[at].bytes) : take_plain(objects[at].bytes);
    if (objects[at].object) objects[at].object[objects[at].bytes - 1] = (char)at;
    if (unit_random_below(&state, 50) == 0) (void)release_kept();
  }
  for (size_t at = 0; at < 64; at++)
    if (objects[at].object) free_by_hand(objects[at].object);
  (void)release_kept();
  ck_assert_uint_eq(heap->guards.mappings, 0);
  heap_fixture_close(&fixture);
}
END_TEST

UNIT_MAIN("heap/guard", an_object_ends_at_its_run, a_trace_frees_what_it_does_not_reach, mappings_are_bounded,
          what_is_kept_is_bounded, the_heap_takes_what_is_kept_before_it_fails, refusals_lose_nothing,
          stops_open_what_is_closed, old_ones_count_as_written, patterns_are_checked_to_the_byte,
          broken_invariants_are_found, random_use)
