/* tests/unit/base/atomic.c - operations that several threads make on the same words at once lose nothing. */
#include "../unit.h"
#include "base/atomic.h"

#include <pthread.h>

#define THREADS 4u
#define TURNS   50000u

static void run_in_threads(void *(*fn)(void *)) {
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, fn, (void *)i), 0);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static volatile size_t sum_word, old_sum, swap_word;
static volatile unsigned sum_flag, swap_flag;

/* Each value before an addition is seen once, so that their sum is known. */
static void *add_words(void *argument) {
  size_t sum = 0;
  (void)argument;
  for (unsigned i = 0; i < TURNS; i++) {
    sum += gc__word_add(&sum_word, 1);
    gc__flag_add(&sum_flag, 3);
  }
  gc__word_add(&old_sum, sum);
  return NULL;
}

START_TEST(additions_add_up) {
  run_in_threads(add_words);
  size_t all = (size_t)THREADS * TURNS;
  ck_assert_uint_eq(gc__word_get(&sum_word), all);
  ck_assert_uint_eq(gc__word_get(&old_sum), all * (all - 1) / 2);
  ck_assert_uint_eq(gc__flag_get(&sum_flag), (unsigned)all * 3);
  ck_assert_uint_eq(gc__word_add(&sum_word, (size_t)-1), all);
  ck_assert_uint_eq(gc__word_peek(&sum_word), all - 1);
}
END_TEST

static void *swap_words(void *argument) {
  (void)argument;
  for (unsigned i = 0; i < TURNS; i++) {
    size_t word;
    unsigned flag;
    do word = gc__word_peek(&swap_word);
    while (!gc__word_swap_if(&swap_word, word, word + 1));
    do flag = gc__flag_get(&swap_flag);
    while (!gc__flag_swap_if(&swap_flag, flag, flag + 1));
  }
  return NULL;
}

START_TEST(swaps_succeed_once_a_value) {
  run_in_threads(swap_words);
  ck_assert_uint_eq(gc__word_get(&swap_word), (size_t)THREADS * TURNS);
  ck_assert_uint_eq(gc__flag_get(&swap_flag), THREADS * TURNS);
  ck_assert(!gc__word_swap_if(&swap_word, 0, 1));
  ck_assert(!gc__flag_swap_if(&swap_flag, 0, 1));
  ck_assert_uint_eq(gc__word_get(&swap_word), (size_t)THREADS * TURNS);
}
END_TEST

static volatile size_t bit_word;
static volatile uint8_t bytes[THREADS];

/* Each thread knows what its own bits must have been before. */
static void *flip_bits(void *argument) {
  size_t mine = (size_t)0x0101010101010101 << (uintptr_t)argument;
  for (unsigned i = 0; i < TURNS; i++) {
    require((gc__word_or(&bit_word, mine) & mine) == 0);
    require((gc__word_and_not(&bit_word, mine) & mine) == mine);
  }
  gc__word_or(&bit_word, mine);
  return NULL;
}

START_TEST(bits_of_others_are_kept) {
  run_in_threads(flip_bits);
  ck_assert_uint_eq(gc__word_get(&bit_word), 0x0f0f0f0f0f0f0f0f);
}
END_TEST

static void *count_in_bytes(void *argument) {
  volatile uint8_t *mine = &bytes[(uintptr_t)argument];
  for (unsigned i = 0; i < TURNS; i++) {
    uint8_t old = gc__byte_peek(mine);
    require(gc__byte_swap_if(mine, old, (uint8_t)(old + 1)));
    require(!gc__byte_swap_if(mine, old, 0));
  }
  return NULL;
}

START_TEST(neighbouring_bytes_are_kept) {
  run_in_threads(count_in_bytes);
  for (unsigned i = 0; i < THREADS; i++) ck_assert_uint_eq(gc__byte_peek(&bytes[i]), TURNS & 0xff);
  gc__byte_poke(&bytes[1], 77);
  ck_assert_uint_eq(gc__byte_peek(&bytes[0]), TURNS & 0xff);
  ck_assert_uint_eq(gc__byte_peek(&bytes[1]), 77);
}
END_TEST

static size_t published[16];
static volatile size_t is_published;

static void *read_published(void *argument) {
  size_t seen = 0, round;
  (void)argument;
  while ((round = gc__word_get(&is_published)) < TURNS) {
    if (round == seen) continue;
    for (unsigned i = 0; i < COUNT_OF(published); i++) require(gc__word_peek(&published[i]) >= round);
    seen = round;
  }
  return NULL;
}

/* What was written before a set is seen after a get of its value. */
START_TEST(data_is_published_by_set_and_get) {
  pthread_t reader;
  ck_assert_int_eq(pthread_create(&reader, NULL, read_published, NULL), 0);
  for (size_t round = 1; round <= TURNS; round++) {
    for (unsigned i = 0; i < COUNT_OF(published); i++) gc__word_poke(&published[i], round);
    gc__word_set(&is_published, round);
  }
  pthread_join(reader, NULL);
}
END_TEST

UNIT_MAIN("base/atomic", additions_add_up, swaps_succeed_once_a_value, bits_of_others_are_kept,
          neighbouring_bytes_are_kept, data_is_published_by_set_and_get)
