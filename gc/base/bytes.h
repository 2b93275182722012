/* base/bytes.h - comparing 64 bytes with one value, as a bitmap: the step that turns liveness bytes into bit
 * operations. */
#ifndef GC_BASE_BYTES_H
#define GC_BASE_BYTES_H

#include "base/atomic.h"
#include "base/bits.h"

/* Sweeping compares bytes that other threads change meanwhile, each by one atomic operation. A vector load reads every
 * byte once, old or new, and before what follows, which is all that is asked of it, but C has no word for that, and so
 * ThreadSanitizer cannot know it: there, and where there are no vectors, words are loaded atomically. They acquire: who
 * finds a cell free comes after who freed it. */
#if defined(__SSE2__) && !GC__TSAN_INSTRUMENTED
#include <emmintrin.h>

/* Bit i tells whether bytes[i] == value. bytes: 16-aligned. */
static inline uint64_t gc__bytes_equal(const uint8_t *bytes, uint8_t value) {
  __m128i wanted = _mm_set1_epi8((char)value);
  uint64_t mask = 0;
  for (unsigned i = 0; i < 4; i++) {
    __m128i part = _mm_load_si128((const __m128i *)(const void *)bytes + i);
    mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(part, wanted)) << (16 * i);
  }
  return mask;
}

/* Bit i tells whether bytes[i] & mask == value. bytes: 16-aligned. */
static inline uint64_t gc__bytes_masked_equal(const uint8_t *bytes, uint8_t mask, uint8_t value) {
  __m128i wanted = _mm_set1_epi8((char)value), kept = _mm_set1_epi8((char)mask);
  uint64_t bits = 0;
  for (unsigned i = 0; i < 4; i++) {
    __m128i part = _mm_and_si128(_mm_load_si128((const __m128i *)(const void *)bytes + i), kept);
    bits |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(part, wanted)) << (16 * i);
  }
  return bits;
}

#else

/* Eight bytes at a time: a byte of x is 0 where it was equal; the exact zero-byte test leaves its top bit set, and one
 * multiplication gathers the eight top bits. */
static inline uint64_t gc__bytes_masked_equal(const uint8_t *bytes, uint8_t kept, uint8_t value) {
  const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
  uint64_t mask = 0;
  for (unsigned i = 0; i < 8; i++) {
    uint64_t x = gc__word_get((const volatile size_t *)(const void *)bytes + i);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    x = (x & UINT64_C(0x0101010101010101) * kept) ^ UINT64_C(0x0101010101010101) * value;
    uint64_t zero = ~(((x & low7) + low7) | x | low7) >> 7;
    mask |= (zero * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
  }
  return mask;
}

static inline uint64_t gc__bytes_equal(const uint8_t *bytes, uint8_t value) {
  return gc__bytes_masked_equal(bytes, 0xff, value);
}

#endif
#endif
