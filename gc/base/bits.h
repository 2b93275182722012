/* base/bits.h - bit arithmetic and bitmaps of 64-bit words. */
#ifndef GC_BASE_BITS_H
#define GC_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(sizeof(size_t) == 8, "the tables and bitmaps are laid out for 64-bit addresses");

#define GC__WORD_BITS 64u

/* What processors may move between their caches at a time: two lines, where lines are fetched in pairs. */
#define GC__SHARING_BYTES 128u
#define GC__LINE_BYTES    64u

#if defined(__GNUC__)
#define GC__LIKELY(x)   __builtin_expect(!!(x), 1)
#define GC__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define GC__NOINLINE    __attribute__((noinline))
#define GC__INLINE      inline __attribute__((always_inline))
#define GC__PREFETCH(p) __builtin_prefetch(p)

/* For what must not enter a sanitizer's runtime: signal handlers. */
#if defined(__clang__)
#define GC__UNINSTRUMENTED                                                                                             \
  __attribute__((no_sanitize("address", "thread", "undefined"), disable_sanitizer_instrumentation))
#else
#define GC__UNINSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

/* Whether the library itself is instrumented for ThreadSanitizer, for tests of the library. */
#if defined(__SANITIZE_THREAD__)
#define GC__TSAN_INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GC__TSAN_INSTRUMENTED 1
#endif
#endif
#ifndef GC__TSAN_INSTRUMENTED
#define GC__TSAN_INSTRUMENTED 0
#endif
#endif

static inline size_t gc__round_up(size_t value, size_t power_of_two) {
  return (value + power_of_two - 1) & ~(power_of_two - 1);
}
static inline size_t gc__round_down(size_t value, size_t power_of_two) {
  return value & ~(power_of_two - 1);
}
static inline bool gc__is_power_of_two(size_t value) {
  return value && !(value & (value - 1));
}

/* Preconditions: value is not 0. */
static inline unsigned gc__lowest_bit(uint64_t value) {
  return (unsigned)__builtin_ctzll(value);
}
static inline unsigned gc__highest_bit(uint64_t value) {
  return 63u - (unsigned)__builtin_clzll(value);
}

static inline unsigned gc__bit_count(uint64_t value) {
  return (unsigned)__builtin_popcountll(value);
}

static inline bool gc__bit_test(const uint64_t *map, size_t bit) {
  return map[bit / GC__WORD_BITS] >> (bit % GC__WORD_BITS) & 1;
}
static inline void gc__bit_set(uint64_t *map, size_t bit) {
  map[bit / GC__WORD_BITS] |= (uint64_t)1 << (bit % GC__WORD_BITS);
}

/* The bits of word number `word` that lie in [first, end). */
static inline uint64_t gc__bits_of_range(size_t word, size_t first, size_t end) {
  size_t low = word * GC__WORD_BITS;
  uint64_t mask = ~(uint64_t)0;
  if (first > low) mask &= ~(uint64_t)0 << (first - low);
  if (end < low + GC__WORD_BITS) mask &= ~(uint64_t)0 >> (low + GC__WORD_BITS - end);
  return mask;
}

/* The first set bit in [first, end), or end. */
static inline size_t gc__bit_next(const uint64_t *map, size_t first, size_t end) {
  for (size_t word = first / GC__WORD_BITS; first < end; word++, first = word * GC__WORD_BITS) {
    uint64_t bits = map[word] & gc__bits_of_range(word, first, end);
    if (bits) return word * GC__WORD_BITS + gc__lowest_bit(bits);
  }
  return end;
}

#endif
