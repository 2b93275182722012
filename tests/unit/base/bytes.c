/* tests/unit/base/bytes.c - both versions of base/bytes.h beside a loop over the bytes. */
#include "../unit.h"
#include "base/bytes.h"

uint64_t unit_portable_bytes_equal(const uint8_t *bytes, uint8_t value);

static void check_both(const uint8_t *bytes, uint8_t value) {
  uint64_t expected = 0;
  for (unsigned i = 0; i < 64; i++) expected |= (uint64_t)(bytes[i] == value) << i;
  require(gc__bytes_equal(bytes, value) == expected);
  require(unit_portable_bytes_equal(bytes, value) == expected);
}

START_TEST(each_position_has_its_bit) {
  _Alignas(16) uint8_t bytes[64];
  for (unsigned value = 0; value < 256; value++)
    for (unsigned at = 0; at < 64; at++) {
      memset(bytes, (int)(value ^ 0x5a), sizeof bytes);
      bytes[at] = (uint8_t)value;
      require(gc__bytes_equal(bytes, (uint8_t)value) == (uint64_t)1 << at);
      require(unit_portable_bytes_equal(bytes, (uint8_t)value) == (uint64_t)1 << at);
    }
}
END_TEST

/* Neighbours that differ in one bit are where carries between bytes would show. */
START_TEST(close_values_are_told_apart) {
  _Alignas(16) uint8_t bytes[64];
  uint64_t state = 1;
  for (int round = 0; round < 50000; round++) {
    uint8_t value = (uint8_t)unit_random(&state);
    for (unsigned i = 0; i < 64; i++) {
      uint64_t choice = unit_random(&state);
      bytes[i] = choice & 1 ? value : (uint8_t)(value ^ 1u << (choice >> 1 & 7));
    }
    check_both(bytes, value);
  }
}
END_TEST

START_TEST(any_bytes_agree) {
  _Alignas(16) uint8_t bytes[64];
  uint64_t state = 2;
  for (int round = 0; round < 50000; round++) {
    for (unsigned i = 0; i < 64; i++) bytes[i] = (uint8_t)unit_random(&state);
    check_both(bytes, bytes[round % 64]);
  }
}
END_TEST

UNIT_MAIN("base/bytes", each_position_has_its_bit, close_values_are_told_apart, any_bytes_agree)
