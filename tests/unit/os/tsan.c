/* tests/unit/os/tsan.c - where ThreadSanitizer's runtime lies, and what a stop signal says of it. */
#include "../unit.h"
#include "base/atomic.h"
#include "os/stop.h"
#include "os/thread.h"
#include "os/tsan.h"

#include <pthread.h>
#include <time.h>

/* What a program under ThreadSanitizer calls at each access and at each function's beginning; setjmp is the last thing
 * in some of the runtimes that are linked into the program. */
void __tsan_read8(void *address) __attribute__((weak));
void __tsan_func_entry(void *caller) __attribute__((weak));

static bool is_inside(uintptr_t address) {
  return address >= gc__tsan_code.start && address < gc__tsan_code.end;
}

START_TEST(the_runtime_is_there_or_not) {
  ck_assert_int_eq(gc__tsan_is_there(), UNDER_TSAN);
  gc__tsan_release(&gc__tsan_code); /* nothing, or a call that needs a partner */
  gc__tsan_acquire(&gc__tsan_code);
}
END_TEST

START_TEST(its_functions_lie_inside_and_others_outside) {
  ck_assert(!is_inside((uintptr_t)is_inside));
  ck_assert(!is_inside((uintptr_t)gc__stop_send));
  if (!UNDER_TSAN) return;
  ck_assert(is_inside((uintptr_t)__tsan_read8));
  ck_assert(is_inside((uintptr_t)__tsan_func_entry));
  ck_assert(is_inside((uintptr_t)__tsan_acquire));
  ck_assert_uint_lt(gc__tsan_code.end - gc__tsan_code.start, 64 << 20);
}
END_TEST

static volatile unsigned inside_count, outside_count, shall_end, worker_id;

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

GC__UNINSTRUMENTED static void count_place(bool is_in_tsan) {
  if (is_in_tsan) inside_count = inside_count + 1;
  else outside_count = outside_count + 1;
}

/* Instrumented accesses, one after the other: nearly all its time passes inside the runtime. */
static void *access_much(void *argument) {
  volatile uint64_t *words = argument;
  gc__flag_set(&worker_id, (unsigned)gc__os_thread_id());
  for (unsigned i = 0; !gc__flag_get(&shall_end); i++)
    for (unsigned k = 0; k < 64; k++) words[k] = words[k] + i;
  return NULL;
}

START_TEST(a_signal_tells_where_it_came) {
  static uint64_t words[64];
  pthread_t thread;
  int number = gc__stop_default_signal();
  ck_assert_int_eq(gc__stop_install(number, count_place), 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, access_much, words), 0);
  while (!gc__flag_get(&worker_id)) nap();
  for (int i = 0; i < 20000 && (i < 200 || !outside_count || (UNDER_TSAN && !inside_count)); i++) {
    ck_assert_int_eq(gc__stop_send((int)gc__flag_get(&worker_id), number), 0);
    nap();
  }
  gc__flag_set(&shall_end, 1);
  pthread_join(thread, NULL);
  gc__stop_remove(number);
  ck_assert_uint_gt(outside_count, 0); /* so a stop that asks again comes to its end */
  if (UNDER_TSAN) ck_assert_uint_gt(inside_count, 0);
  else ck_assert_uint_eq(inside_count, 0);
}
END_TEST

UNIT_MAIN("os/tsan", the_runtime_is_there_or_not, its_functions_lie_inside_and_others_outside, a_signal_tells_where_it_came)
