/* tests/unit/base/bits.c - each function of base/bits.h beside the simplest way to compute the same. */
#include "../unit.h"
#include "base/bits.h"

START_TEST(rounding_is_to_the_next_multiple) {
  uint64_t state = 1;
  for (unsigned log2 = 0; log2 < 40; log2++) {
    size_t unit = (size_t)1 << log2;
    for (int i = 0; i < 200; i++) {
      size_t value = unit_random(&state) >> (i % 60 + 2);
      require(gc__round_down(value, unit) == value / unit * unit);
      require(gc__round_up(value, unit) == (value + unit - 1) / unit * unit);
    }
    require(gc__round_up(0, unit) == 0 && gc__round_up(1, unit) == unit && gc__round_up(unit, unit) == unit);
  }
}
END_TEST

START_TEST(powers_of_two_are_known) {
  ck_assert(!gc__is_power_of_two(0));
  for (unsigned log2 = 0; log2 < 64; log2++) {
    size_t power = (size_t)1 << log2;
    require(gc__is_power_of_two(power));
    if (log2 > 1) require(!gc__is_power_of_two(power - 1) && !gc__is_power_of_two(power + 1));
  }
}
END_TEST

START_TEST(bits_are_counted_and_found) {
  uint64_t state = 2;
  for (int i = 0; i < 20000; i++) {
    uint64_t value = unit_random(&state) & unit_random(&state) << i % 64;
    if (!value) continue;
    unsigned count = 0, lowest = 64, highest = 0;
    for (unsigned bit = 0; bit < 64; bit++) {
      if (!(value >> bit & 1)) continue;
      count++;
      if (lowest == 64) lowest = bit;
      highest = bit;
    }
    require(gc__bit_count(value) == count);
    require(gc__lowest_bit(value) == lowest && gc__highest_bit(value) == highest);
  }
  ck_assert_uint_eq(gc__bit_count(0), 0);
}
END_TEST

START_TEST(maps_keep_single_bits) {
  uint64_t map[4] = {0};
  for (size_t bit = 0; bit < 256; bit += 7) gc__bit_set(map, bit);
  for (size_t bit = 0; bit < 256; bit++) require(gc__bit_test(map, bit) == (bit % 7 == 0));
}
END_TEST

START_TEST(range_masks_hold_their_bits_only) {
  for (size_t word = 0; word < 3; word++)
    for (size_t first = 0; first < 192; first++)
      for (size_t end = first + 1; end <= 192; end++) {
        if (first >= (word + 1) * 64 || end <= word * 64) continue; /* no bit of the word is in the range */
        uint64_t expected = 0;
        for (unsigned bit = 0; bit < 64; bit++)
          if (word * 64 + bit >= first && word * 64 + bit < end) expected |= (uint64_t)1 << bit;
        require(gc__bits_of_range(word, first, end) == expected);
      }
}
END_TEST

START_TEST(the_next_bit_is_the_first_in_its_range) {
  uint64_t state = 3, map[5];
  for (int round = 0; round < 300; round++) {
    for (unsigned i = 0; i < COUNT_OF(map); i++) {
      map[i] = unit_random(&state);
      for (int thin = 0; thin < round % 12; thin++) map[i] &= unit_random(&state);
    }
    for (int i = 0; i < 300; i++) {
      size_t first = unit_random_below(&state, 321), end = first + unit_random_below(&state, 321 - first);
      size_t expected = first;
      while (expected < end && !gc__bit_test(map, expected)) expected++;
      require(gc__bit_next(map, first, end) == expected);
    }
  }
}
END_TEST

UNIT_MAIN("base/bits", rounding_is_to_the_next_multiple, powers_of_two_are_known, bits_are_counted_and_found,
          maps_keep_single_bits, range_masks_hold_their_bits_only, the_next_bit_is_the_first_in_its_range)
