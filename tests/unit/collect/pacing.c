/* tests/unit/collect/pacing.c - the allowance follows its rule, never falls as its arguments grow, keeps the limit. */
#include "../unit.h"
#include "collect/pacing.h"

#define MIB    ((size_t)1 << 20)
#define PLENTY ((size_t)1 << 50)
#define LEAST  ((size_t)256 << 10) /* even where there is no room: the next refill must be able to happen */

START_TEST(the_rule_holds_at_its_fixed_points) {
  ck_assert_uint_eq(gc__pacing_allowance(64 * MIB, 0, 1, PLENTY), 64 * MIB);
  ck_assert_uint_eq(gc__pacing_allowance(256 * MIB, 0, 1, PLENTY), 128 * MIB);
  ck_assert_uint_eq(gc__pacing_allowance(1024 * MIB, 0, 1, PLENTY), 256 * MIB);
  for (size_t gib = 2; gib < 4096; gib *= 2) { /* beyond, a quarter */
    size_t allowed = gc__pacing_allowance(gib * 1024 * MIB, 0, 1, PLENTY), quarter = gib * 256 * MIB;
    ck_assert(allowed <= quarter && allowed >= quarter - 100);
  }
}
END_TEST

/* In between it is the root, to the integer. */
START_TEST(the_root_is_exact) {
  uint64_t state = 1;
  for (int i = 0; i < 20000; i++) {
    size_t live_bytes = 4 * MIB + unit_random_below(&state, 1000 * MIB);
    size_t allowed = gc__pacing_allowance(live_bytes, 0, 0, PLENTY), root = allowed / 8192;
    require(allowed % 8192 == 0);
    require(root * root <= live_bytes && (root + 1) * (root + 1) > live_bytes);
  }
}
END_TEST

START_TEST(a_chosen_growth_is_a_share_of_the_live_heap) {
  ck_assert_uint_eq(gc__pacing_allowance(1000 * MIB, 30, 1, PLENTY), 1000 * MIB / 100 * 30);
  ck_assert_uint_eq(gc__pacing_allowance(1000 * MIB, 250, 1, PLENTY), 1000 * MIB / 100 * 250);
}
END_TEST

START_TEST(small_heaps_get_a_share_for_each_thread) {
  for (unsigned threads = 1; threads < 300; threads++) {
    ck_assert_uint_eq(gc__pacing_allowance(0, 0, threads, PLENTY), threads * 8 * MIB);
    ck_assert_uint_eq(gc__pacing_allowance(MIB, 10, threads, PLENTY), threads * 8 * MIB);
  }
  ck_assert_uint_eq(gc__pacing_allowance(1024 * MIB, 0, 4, PLENTY), 256 * MIB); /* large ones have enough for all */
}
END_TEST

START_TEST(the_room_that_is_left_bounds_it) {
  ck_assert_uint_eq(gc__pacing_allowance(64 * MIB, 0, 1, 10 * MIB), 10 * MIB);
  ck_assert_uint_eq(gc__pacing_allowance(64 * MIB, 1000, 1, 10 * MIB), 10 * MIB);
  ck_assert_uint_eq(gc__pacing_allowance(0, 0, 64, 10 * MIB), 10 * MIB);
  ck_assert_uint_eq(gc__pacing_allowance(64 * MIB, 0, 1, LEAST + 1), LEAST + 1);
  ck_assert_uint_eq(gc__pacing_allowance(64 * MIB, 0, 1, 1000), LEAST);
  ck_assert_uint_eq(gc__pacing_allowance(0, 0, 1, 0), LEAST);
}
END_TEST

static const unsigned growths[] = {0, 1, 25, 100, 1000, 100000};
static const size_t rooms[] = {0, MIB, 100 * MIB, PLENTY};

START_TEST(more_is_never_less) {
  for (unsigned i = 0; i < COUNT_OF(growths); i++)
    for (unsigned j = 0; j < COUNT_OF(rooms); j++)
      for (size_t live_bytes = 0, before = 0; live_bytes < (size_t)1 << 44; live_bytes += live_bytes / 3 + 1000) {
        size_t allowed = gc__pacing_allowance(live_bytes, growths[i], 2, rooms[j]);
        require(allowed >= before); /* in the live heap */
        require(gc__pacing_allowance(live_bytes, growths[i], 3, rooms[j]) >= allowed);
        require(gc__pacing_allowance(live_bytes, growths[i], 2, rooms[j] * 2) >= allowed);
        if (growths[i]) require(gc__pacing_allowance(live_bytes, growths[i] + 1, 2, rooms[j]) >= allowed);
        require(allowed >= LEAST && (allowed <= rooms[j] || allowed == LEAST));
        before = allowed;
      }
}
END_TEST

UNIT_MAIN("collect/pacing", the_rule_holds_at_its_fixed_points, the_root_is_exact,
          a_chosen_growth_is_a_share_of_the_live_heap, small_heaps_get_a_share_for_each_thread,
          the_room_that_is_left_bounds_it, more_is_never_less)
