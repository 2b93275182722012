/* tests/unit/os/lock.c - mutual exclusion, and [lock.rank] where the build has checks. */
#include "../unit.h"
#include "os/lock.h"

#include <pthread.h>

static struct gc__lock low = GC__LOCK_INIT(GC__RANK_LIFE), middle = GC__LOCK_INIT(GC__RANK_THREADS), high;

START_TEST(locks_are_taken_in_the_order_of_their_ranks) {
  gc__lock_open(&high, GC__RANK_HEAP);
  for (int i = 0; i < 3; i++) {
    gc__lock_take(&low);
    gc__lock_take(&middle);
    gc__lock_take(&high);
    ck_assert(gc__lock_is_held(&low) && gc__lock_is_held(&middle) && gc__lock_is_held(&high));
    gc__lock_give(&middle); /* given in any order */
    gc__lock_give(&high);
    gc__lock_take(&high);
    gc__lock_give(&low);
    gc__lock_give(&high);
  }
  gc__lock_close(&high);
}
END_TEST

static size_t count;

static void *count_up(void *argument) {
  (void)argument;
  for (int i = 0; i < 20000; i++) {
    gc__lock_take(&middle);
    count++;
    gc__lock_give(&middle);
  }
  return NULL;
}

START_TEST(one_thread_at_a_time_holds_a_lock) {
  pthread_t threads[4];
  for (unsigned i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
  for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(count, 80000);
}
END_TEST

#if TREFOIL_CHECKS

static void take_downwards(void *argument) {
  (void)argument;
  gc__lock_take(&middle);
  gc__lock_take(&low);
}

static void take_two_of_a_rank(void *argument) {
  (void)argument;
  gc__lock_open(&high, GC__RANK_THREADS);
  gc__lock_take(&middle);
  gc__lock_take(&high);
}

static void give_without_holding(void *argument) {
  (void)argument;
  gc__lock_give(&middle);
}

START_TEST(a_wrong_order_aborts) {
  ck_assert(unit_aborts(take_downwards, NULL, "internal check failed: "));
  ck_assert(unit_aborts(take_two_of_a_rank, NULL, "internal check failed: "));
  ck_assert(unit_aborts(give_without_holding, NULL, "internal check failed: "));
}
END_TEST

static void *look_at_lock(void *argument) {
  *(bool *)argument = gc__lock_is_held(&middle);
  return NULL;
}

START_TEST(a_lock_is_held_by_its_thread_only) {
  pthread_t thread;
  bool is_held_elsewhere = true;
  ck_assert(!gc__lock_is_held(&middle));
  gc__lock_take(&middle);
  ck_assert_int_eq(pthread_create(&thread, NULL, look_at_lock, &is_held_elsewhere), 0);
  pthread_join(thread, NULL);
  ck_assert(gc__lock_is_held(&middle) && !is_held_elsewhere);
  gc__lock_give(&middle);
  ck_assert(!gc__lock_is_held(&middle));
}
END_TEST

#else

START_TEST(a_wrong_order_aborts) {
  SKIP_TEST("ranks are checked in builds with -Dchecks=true");
}
END_TEST

START_TEST(a_lock_is_held_by_its_thread_only) {
  SKIP_TEST("holders are known in builds with -Dchecks=true");
}
END_TEST

#endif

UNIT_MAIN("os/lock", locks_are_taken_in_the_order_of_their_ranks, one_thread_at_a_time_holds_a_lock,
          a_wrong_order_aborts, a_lock_is_held_by_its_thread_only)
