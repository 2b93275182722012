/* tests/unit/os/park.c - waiters come back when they are woken, when time is up, and never stay without a reason. */
#include "../unit.h"
#include "base/atomic.h"
#include "os/clock.h"
#include "os/park.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

static volatile unsigned word, sleeping, awake;

static void nap_ms(long ms) {
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* With no bound: a lost wake-up shows as a test that never ends. */
static void *wait_for_change(void *argument) {
  (void)argument;
  gc__flag_add(&sleeping, 1);
  while (gc__flag_get(&word) == 0) gc__park_wait(&word, 0, 0);
  gc__flag_add(&awake, 1);
  return NULL;
}

static void start_waiters(pthread_t *threads, unsigned count) {
  for (unsigned i = 0; i < count; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_change, NULL), 0);
  while (gc__flag_get(&sleeping) < count) nap_ms(1);
  nap_ms(20);
  ck_assert_uint_eq(gc__flag_get(&awake), 0);
}

START_TEST(all_are_woken) {
  pthread_t threads[5];
  start_waiters(threads, 5);
  gc__flag_set(&word, 1);
  gc__park_wake_all(&word);
  for (unsigned i = 0; i < 5; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(gc__flag_get(&awake), 5);
}
END_TEST

START_TEST(each_wake_one_wakes_one) {
  pthread_t threads[3];
  start_waiters(threads, 3);
  gc__flag_set(&word, 1);
  for (unsigned i = 1; i <= 3; i++) {
    gc__park_wake_one(&word);
    while (gc__flag_get(&awake) < i) nap_ms(1);
  }
  for (unsigned i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
END_TEST

/* Many short hand-overs between two threads: the window between looking and sleeping loses no wake-up. */
static void *answer(void *argument) {
  (void)argument;
  for (unsigned turn = 1; turn < 4000; turn += 2) {
    while (gc__flag_get(&word) != turn) gc__park_wait(&word, turn - 1, 0);
    gc__flag_set(&word, turn + 1);
    gc__park_wake_all(&word);
  }
  return NULL;
}

START_TEST(no_wake_up_is_lost) {
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, answer, NULL), 0);
  for (unsigned turn = 0; turn < 4000; turn += 2) {
    gc__flag_set(&word, turn + 1);
    gc__park_wake_one(&word);
    while (gc__flag_get(&word) != turn + 2) gc__park_wait(&word, turn + 1, 0);
  }
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(another_value_does_not_sleep) {
  word = 7;
  gc__park_wait(&word, 8, 0);
  gc__park_wake_one(&word);
  gc__park_wake_all(&word);
}
END_TEST

static uint64_t processor_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

START_TEST(the_timeout_ends_a_sleep) {
  const uint64_t length_ns = 50000000;
  uint64_t start_ns = gc__clock_ns(), used_ns = processor_ns(), now_ns;
  errno = EBADF;
  do gc__park_wait(&word, 0, length_ns);
  while ((now_ns = gc__clock_ns()) - start_ns < length_ns);
  ck_assert_int_eq(errno, EBADF);
  ck_assert_uint_lt(now_ns - start_ns, 100 * length_ns);
  ck_assert_uint_lt(processor_ns() - used_ns, length_ns / 2); /* it slept, and did not spin */
}
END_TEST

UNIT_MAIN("os/park", all_are_woken, each_wake_one_wakes_one, no_wake_up_is_lost, another_value_does_not_sleep,
          the_timeout_ends_a_sleep)
