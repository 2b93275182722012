/* tests/unit/collect/pauses.c - percentiles from buckets beside those of the sorted values. */
#include "../unit.h"
#include "collect/pauses.h"

#define VALUES 20000u

static struct gc__pauses pauses;
static uint64_t values[VALUES];

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Percentiles of the first count values, which are sorted here. */
static void check_percentiles(size_t count) {
  static const unsigned per_mille[] = {1, 10, 100, 500, 900, 990, 999, 1000};
  qsort(values, count, sizeof values[0], compare);
  for (unsigned i = 0; i < COUNT_OF(per_mille); i++) {
    size_t rank = (count * per_mille[i] + 999) / 1000;
    double exact = (double)values[rank - 1], found = (double)gc__pauses_percentile(&pauses, per_mille[i]);
    require(found >= exact * (1 - 1.0 / 32) - 0.5 && found <= exact * (1 + 1.0 / 32) + 0.5);
    require(found <= (double)pauses.max_ns);
  }
}

START_TEST(without_pauses_all_is_zero) {
  ck_assert(pauses.count == 0 && pauses.total_ns == 0 && pauses.max_ns == 0);
  ck_assert_uint_eq(gc__pauses_percentile(&pauses, 0), 0);
  ck_assert_uint_eq(gc__pauses_percentile(&pauses, 500), 0);
  ck_assert_uint_eq(gc__pauses_percentile(&pauses, 1000), 0);
}
END_TEST

START_TEST(one_pause_is_every_percentile) {
  static const uint64_t lengths[] = {0, 1, 15, 16, 17, 1000, 123456789, UINT64_C(1) << 40, UINT64_MAX};
  for (unsigned i = 0; i < COUNT_OF(lengths); i++) {
    memset(&pauses, 0, sizeof pauses);
    gc__pauses_note(&pauses, lengths[i]);
    ck_assert(pauses.count == 1 && pauses.total_ns == lengths[i] && pauses.max_ns == lengths[i]);
    values[0] = lengths[i];
    check_percentiles(1);
  }
}
END_TEST

/* Lengths of every magnitude. */
START_TEST(percentiles_are_close_to_exact_ones) {
  uint64_t state = 1;
  for (unsigned widest = 4; widest <= 60; widest += 8) {
    uint64_t total_ns = 0, max_ns = 0;
    memset(&pauses, 0, sizeof pauses);
    for (unsigned i = 0; i < VALUES; i++) {
      values[i] = unit_random(&state) >> (63 - unit_random_below(&state, widest));
      gc__pauses_note(&pauses, values[i]);
      total_ns += values[i];
      if (values[i] > max_ns) max_ns = values[i];
    }
    ck_assert(pauses.count == VALUES && pauses.total_ns == total_ns && pauses.max_ns == max_ns);
    check_percentiles(VALUES);
  }
}
END_TEST

/* Few and far between: a rank that is off by one shows. */
START_TEST(ranks_are_exact) {
  uint64_t state = 2;
  for (unsigned count = 1; count <= 60; count++) {
    memset(&pauses, 0, sizeof pauses);
    for (unsigned i = 0; i < count; i++) {
      values[i] = (UINT64_C(3) << i % 60) + unit_random_below(&state, (size_t)1 << i % 60);
      gc__pauses_note(&pauses, values[i]);
    }
    check_percentiles(count);
  }
}
END_TEST

START_TEST(a_single_long_pause_shows_at_the_end_only) {
  for (unsigned i = 0; i < 1999; i++) gc__pauses_note(&pauses, 1000);
  gc__pauses_note(&pauses, 5000000);
  ck_assert_uint_lt(gc__pauses_percentile(&pauses, 990), 1050);
  ck_assert_uint_lt(gc__pauses_percentile(&pauses, 999), 1050);
  ck_assert_uint_gt(gc__pauses_percentile(&pauses, 1000), 4750000);
  ck_assert_uint_eq(pauses.max_ns, 5000000);
}
END_TEST

UNIT_MAIN("collect/pauses", without_pauses_all_is_zero, one_pause_is_every_percentile,
          percentiles_are_close_to_exact_ones, ranks_are_exact, a_single_long_pause_shows_at_the_end_only)
