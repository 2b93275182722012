/* tests/unit/base/bytes_portable.c - the portable version of base/bytes.h, where the processor has a better one too. */
#undef __SSE2__
#include "base/bytes.h"

uint64_t unit_portable_bytes_equal(const uint8_t *bytes, uint8_t value);
uint64_t unit_portable_bytes_equal(const uint8_t *bytes, uint8_t value) {
  return gc__bytes_equal(bytes, value);
}
