/* tests/api/lifecycle.c - starting and ending the collector, the options of gc_init, and what it answers to those that
 * are wrong or that this version cannot do.
 */
#include "support.h"
#include <semaphore.h>
#include <signal.h>

static struct gc_options defaults(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  return options;
}

static struct gc_stats statistics(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats;
}

/* ---- Start and end ---- */

START_TEST(first_allocation_starts_the_collector) {
  ck_assert_ptr_nonnull(gc_alloc(16));
  ck_assert_int_eq(gc_init(NULL), EALREADY);
  ck_assert_int_eq(errno, EALREADY);
}
END_TEST

START_TEST(every_question_starts_the_collector) {
  ck_assert_int_ne(gc_mode(), GC_MODE_DEFAULT);
  ck_assert_int_ne(gc_tracking(), GC_TRACK_AUTO);
  ck_assert_int_eq(gc_init(NULL), EALREADY);
}
END_TEST

START_TEST(second_start_is_refused) {
  struct gc_options options = defaults();
  ck_assert_int_eq(gc_init(NULL), 0);
  ck_assert_int_eq(gc_init(NULL), EALREADY);
  ck_assert_int_eq(gc_init(&options), EALREADY);
}
END_TEST

START_TEST(end_without_start_is_refused) {
  ck_assert_int_eq(gc_shutdown(), EINVAL);
  ck_assert_int_eq(errno, EINVAL);
  ck_assert_int_eq(gc_init(NULL), 0);
  ck_assert_int_eq(gc_shutdown(), 0);
  ck_assert_int_eq(gc_shutdown(), EINVAL);
}
END_TEST

static NOT_INLINED void use_heap(void) {
  void **list = NULL;
  for (int i = 0; i < 20000; i++) {
    void **object = gc_alloc(64);
    require(object != NULL);
    object[0] = list;
    object[7] = object;
    list = object;
  }
  pattern_fill(gc_alloc_leaf(3000000), 3000000, 1);
  gc_collect(GC_COLLECT_FULL);
  unsigned count = 0;
  for (void **object = list; object; object = *object, count++) require(object[7] == object);
  require(count == 20000);
}

START_TEST(collector_starts_again_with_other_options) {
  uint64_t address_bytes = 0;
  for (unsigned i = 0; i < repetitions(200); i++) {
    struct gc_options options = defaults();
    options.markers = 1 + i % 3;
    options.limit_bytes = (size_t)(64 + i) << 20;
    ck_assert_int_eq(gc_init(&options), 0);
    ck_assert_uint_eq(statistics().markers, options.markers);
    ck_assert_uint_eq(statistics().limit_bytes, options.limit_bytes);
    ck_assert_uint_eq(statistics().collections_full, 0);
    if (i % 10 == 0) use_heap();
    ck_assert_int_eq(gc_shutdown(), 0);
    if (i == 10) address_bytes = process_address_bytes();
  }
  if (address_bytes) ck_assert_uint_le(process_address_bytes(), address_bytes + (256 << 20));
}
END_TEST

START_TEST(allocation_after_the_end_starts_again) {
  use_heap();
  ck_assert_int_eq(gc_shutdown(), 0);
  use_heap();
  ck_assert_int_eq(gc_init(NULL), EALREADY);
  ck_assert_int_eq(gc_shutdown(), 0);
}
END_TEST

static sem_t ready, go;

static void *stay_attached(void *unused) {
  ck_assert_ptr_nonnull(gc_alloc(16));
  sem_post(&ready);
  sem_wait(&go);
  return unused;
}

START_TEST(end_is_refused_while_a_thread_is_attached) {
  sem_init(&ready, 0, 0);
  sem_init(&go, 0, 0);
  char *text = gc_strdup("whole");
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, stay_attached, NULL), 0);
  sem_wait(&ready);
  ck_assert_int_eq(gc_shutdown(), EBUSY);
  ck_assert_int_eq(errno, EBUSY);
  gc_collect(GC_COLLECT_FULL);
  ck_assert_str_eq(text, "whole");
  sem_post(&go);
  pthread_join(thread, NULL);
  ck_assert_int_eq(gc_shutdown(), 0);
}
END_TEST

static atomic_int started;

static void *start(void *unused) {
  int error = gc_init(NULL);
  if (error == 0) atomic_fetch_add(&started, 1);
  require(error == 0 || error == EALREADY);
  use_heap();
  return unused;
}

START_TEST(threads_may_start_it_at_once) {
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, start, NULL), 0);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  ck_assert_int_eq(atomic_load(&started), 1);
}
END_TEST

/* ---- Options ---- */

static void check_refused(const struct gc_options *options, int error) {
  errno = 0;
  ck_assert_int_eq(gc_init(options), error);
  ck_assert_int_eq(errno, error);
}

START_TEST(wrong_options_are_refused) {
  struct gc_options options = defaults();
  options.struct_bytes = 0;
  check_refused(&options, EINVAL);
  options.struct_bytes = sizeof options + 1000;
  check_refused(&options, EINVAL);
#define REFUSED(field, value, error)                                                                                   \
  do {                                                                                                                 \
    options = defaults();                                                                                              \
    options.field = (value);                                                                                           \
    check_refused(&options, error);                                                                                    \
  } while (0)
  unsetenv("TREFOIL_MODE"); /* would win over the wrong value */
  REFUSED(mode, (enum gc_mode)77, EINVAL);
  REFUSED(tracking, (enum gc_tracking)77, EINVAL);
  REFUSED(finalize, (enum gc_finalize)77, EINVAL);
  REFUSED(stop_signal, -1, EINVAL);
  REFUSED(stop_signal, 1000, EINVAL);
  REFUSED(stop_signal, SIGKILL, EINVAL);
  REFUSED(stop_signal, SIGSTOP, EINVAL);
  REFUSED(guard_freed_percent, 101, EINVAL);
  use_heap(); /* a refused start leaves nothing behind */
}
END_TEST

START_TEST(limits_that_nothing_fits_into) {
  struct gc_options options = defaults();
  options.limit_bytes = 1;
  int error = gc_init(&options);
  ck_assert_msg(error == EINVAL || error == ENOMEM, "gc_init answers %d", error);
  options.limit_bytes = 64 << 20;
  options.initial_bytes = 128 << 20;
  error = gc_init(&options);
  ck_assert_msg(error == EINVAL || error == ENOMEM, "gc_init answers %d", error);
  use_heap();
}
END_TEST

START_TEST(mark_sweep_needs_no_tracking) {
  static const enum gc_tracking tracking[] = {GC_TRACK_AUTO, GC_TRACK_NONE};
  for (int i = 0; i < 2; i++) {
    struct gc_options options = defaults();
    options.mode = GC_MARK_SWEEP;
    options.tracking = tracking[i];
    unsetenv("TREFOIL_MODE");
    unsetenv("TREFOIL_TRACKING");
    ck_assert_int_eq(gc_init(&options), 0);
    ck_assert_int_eq(gc_mode(), GC_MARK_SWEEP);
    ck_assert_int_eq(gc_tracking(), GC_TRACK_NONE);
    ck_assert_int_eq(gc_shutdown(), 0);
  }
}
END_TEST

START_TEST(initial_memory_is_committed_at_once) {
  struct gc_options options = defaults();
  options.initial_bytes = 32 << 20;
  ck_assert_int_eq(gc_init(&options), 0);
  ck_assert_uint_ge(statistics().heap_bytes, 32 << 20);
  use_heap();
}
END_TEST

static uint64_t collections_of_churn(unsigned growth_percent) {
  struct gc_options options = defaults();
  options.growth_percent = growth_percent;
  ck_assert_int_eq(gc_init(&options), 0);
  for (unsigned i = 0; i < 16; i++) held[i] = probe_new(i);
  gc_collect(GC_COLLECT_FULL);
  gc_stats_reset();
  for (unsigned i = 0; i < 4000; i++) ck_assert_ptr_nonnull(gc_alloc_leaf(65536));
  uint64_t count = statistics().collections_full;
  ck_assert_int_eq(gc_shutdown(), 0);
  memset(held, 0, sizeof held);
  return count;
}

START_TEST(growth_decides_how_often_is_collected) {
  setenv("TREFOIL_MODE", "mark-sweep", 1); /* in which all that is allocated counts as growth */
  uint64_t often = collections_of_churn(20), seldom = collections_of_churn(400);
  ck_assert_uint_ge(often, 10);
  ck_assert_uint_le(seldom * 3, often);
}
END_TEST

static void *collect_meanwhile(void *unused) {
  use_heap();
  return unused;
}

START_TEST(stop_signal_can_be_chosen) {
  struct gc_options options = defaults();
  options.stop_signal = SIGUSR2;
  ck_assert_int_eq(gc_init(&options), 0);
  struct sigaction action;
  sigaction(SIGUSR2, NULL, &action);
  ck_assert(action.sa_handler != SIG_DFL);
  sigaction(SIGPWR, NULL, &action);
  ck_assert(action.sa_handler == SIG_DFL);
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, collect_meanwhile, NULL), 0);
  use_heap();
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(names) {
  ck_assert_str_eq(gc_mode_name(GC_MODE_DEFAULT), "default");
  ck_assert_str_eq(gc_mode_name(GC_MARK_SWEEP), "mark-sweep");
  ck_assert_str_eq(gc_mode_name(GC_GENERATIONAL), "generational");
  ck_assert_str_eq(gc_mode_name(GC_REFCOUNT), "refcount");
  ck_assert_str_eq(gc_mode_name((enum gc_mode)77), "unknown");
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", TREFOIL_VERSION_MAJOR, TREFOIL_VERSION_MINOR, TREFOIL_VERSION_PATCH);
  ck_assert_str_eq(gc_version(), version);
  ck_assert_int_eq(gc_init(NULL), 0); /* asking for names does not start it */
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("lifecycle");
  tcase_add_test(tests, first_allocation_starts_the_collector);
  tcase_add_test(tests, every_question_starts_the_collector);
  tcase_add_test(tests, second_start_is_refused);
  tcase_add_test(tests, end_without_start_is_refused);
  tcase_add_test(tests, collector_starts_again_with_other_options);
  tcase_add_test(tests, allocation_after_the_end_starts_again);
  tcase_add_test(tests, end_is_refused_while_a_thread_is_attached);
  tcase_add_test(tests, threads_may_start_it_at_once);
  tcase_add_test(tests, wrong_options_are_refused);
  tcase_add_test(tests, limits_that_nothing_fits_into);
  tcase_add_test(tests, mark_sweep_needs_no_tracking);
  tcase_add_test(tests, initial_memory_is_committed_at_once);
  tcase_add_test(tests, growth_decides_how_often_is_collected);
  tcase_add_test(tests, stop_signal_can_be_chosen);
  tcase_add_test(tests, names);
  return suite_end();
}
