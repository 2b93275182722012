/* tests/libgc/support.h - what the tests of the drop-in share.
 *
 * Each test runs in a process of its own (Check forks), so that each begins before the collector has started. What must
 * be reclaimed is made in functions that are not inlined; a few of many objects may be kept by stale words.
 */
#ifndef TREFOIL_TESTS_LIBGC_SUPPORT_H
#define TREFOIL_TESTS_LIBGC_SUPPORT_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <gc.h>
#include <gc/gc_mark.h>
#include <gc_inline.h>
#include <gc_typed.h>

#ifdef __clang__
#define NOT_INLINED __attribute__((noinline))
#else
#define NOT_INLINED __attribute__((noinline, noclone))
#endif

enum { COUNT = 1000, STRAY = 20 };

static void **links __attribute__((unused)); /* in malloc memory: says which objects are there */

static NOT_INLINED void clear_stack(void) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; i++) room[i] = 0;
}

__attribute__((unused)) static NOT_INLINED void collect(unsigned times) {
  for (unsigned i = 0; i < times; i++) {
    clear_stack();
    GC_gcollect();
  }
}

__attribute__((unused)) static void watch(unsigned i, void *object) {
  links[i] = object;
  if (GC_general_register_disappearing_link(&links[i], object) != GC_SUCCESS) abort();
}

__attribute__((unused)) static unsigned count_alive(void) {
  unsigned alive = 0;
  for (unsigned i = 0; i < COUNT; i++) alive += links[i] != NULL;
  return alive;
}

__attribute__((unused)) static void prepare(void) {
  links = calloc(COUNT, sizeof *links);
  setenv("MALLOC_PERTURB_", "0", 1);
}

/* What a later function call may find on the stack does not come from here. */
#define DEEP()                                                                                                         \
  volatile char deep_[8192];                                                                                           \
  deep_[0] = 0;                                                                                                        \
  (void)deep_

static int run_cases(const char *name, void (*add)(TCase *)) {
  Suite *suite = suite_create(name);
  TCase *tests = tcase_create(name);
  tcase_set_timeout(tests, 120);
  add(tests);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}

#endif
