/* base/atomic.h - the atomic operations that the library uses, over libatomic_ops.
 *
 * Words are size_t, flags are unsigned. A plain `get` acquires and a plain `set` releases, which is what publishing
 * data needs; `peek` and `poke` order nothing. Everything that reads and writes in one step is a full barrier.
 */
#ifndef GC_BASE_ATOMIC_H
#define GC_BASE_ATOMIC_H

#include <atomic_ops.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(sizeof(AO_t) == sizeof(size_t), "words of libatomic_ops are size_t");

static inline size_t gc__word_get(const volatile size_t *word) {
  return AO_load_acquire((const volatile AO_t *)word);
}
static inline void gc__word_set(volatile size_t *word, size_t value) {
  AO_store_release((volatile AO_t *)word, value);
}
static inline size_t gc__word_peek(const volatile size_t *word) {
  return AO_load((const volatile AO_t *)word);
}
static inline void gc__word_poke(volatile size_t *word, size_t value) {
  AO_store((volatile AO_t *)word, value);
}

/* The value before the addition. */
static inline size_t gc__word_add(volatile size_t *word, size_t value) {
  return AO_fetch_and_add_full((volatile AO_t *)word, value);
}

static inline bool gc__word_swap_if(volatile size_t *word, size_t expected, size_t value) {
  return AO_compare_and_swap_full((volatile AO_t *)word, expected, value);
}

/* Sets or clears the bits of mask; the value before. */
static inline size_t gc__word_or(volatile size_t *word, size_t mask) {
  size_t old;
  do old = AO_load((volatile AO_t *)word);
  while (!AO_compare_and_swap_full((volatile AO_t *)word, old, old | mask));
  return old;
}

static inline size_t gc__word_and_not(volatile size_t *word, size_t mask) {
  size_t old;
  do old = AO_load((volatile AO_t *)word);
  while (!AO_compare_and_swap_full((volatile AO_t *)word, old, old & ~mask));
  return old;
}

static inline unsigned gc__flag_get(const volatile unsigned *flag) {
  return AO_int_load_acquire(flag);
}
static inline void gc__flag_set(volatile unsigned *flag, unsigned value) {
  AO_int_store_release(flag, value);
}
static inline unsigned gc__flag_add(volatile unsigned *flag, unsigned value) {
  return AO_int_fetch_and_add_full(flag, value);
}
static inline bool gc__flag_swap_if(volatile unsigned *flag, unsigned expected, unsigned value) {
  return AO_int_compare_and_swap_full(flag, expected, value);
}

static inline uint16_t gc__half_peek(const volatile uint16_t *half) {
  return AO_short_load(half);
}
static inline void gc__half_poke(volatile uint16_t *half, uint16_t value) {
  AO_short_store(half, value);
}

static inline uint8_t gc__byte_peek(const volatile uint8_t *byte) {
  return AO_char_load(byte);
}
static inline void gc__byte_poke(volatile uint8_t *byte, uint8_t value) {
  AO_char_store(byte, value);
}
static inline bool gc__byte_swap_if(volatile uint8_t *byte, uint8_t expected, uint8_t value) {
  return AO_char_compare_and_swap_full(byte, expected, value);
}

static inline void gc__full_barrier(void) {
  AO_nop_full();
}

/* Orders what the compiler does, for what only a signal handler on the same thread can see. */
static inline void gc__signal_barrier(void) {
  AO_compiler_barrier();
}

/* A hint that this is a loop which waits for another processor. */
static inline void gc__spin_hint(void) {
#if defined(__x86_64__) || defined(__i386__)
  __asm__ volatile("pause");
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
