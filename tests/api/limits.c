/* tests/api/limits.c - running out: a limit that is reached gives NULL and ENOMEM, the program goes on once it has
 * dropped something, and the out-of-memory handler is asked first.
 */
#include "support.h"
#include <setjmp.h>
#include <sys/resource.h>

enum { LIMIT_BYTES = 48 << 20 };

static void start_with_limit(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = LIMIT_BYTES;
  ck_assert_int_eq(gc_init(&options), 0);
}

static struct gc_stats statistics(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats;
}

/* A list whose nodes are of the given size; each holds its number. */
struct node {
  struct node *next;
  uint64_t number;
};
static struct node *list;
static uint64_t list_length;

static NOT_INLINED void fill_up(size_t bytes) {
  STAY_DEEP();
  for (;;) {
    errno = 0;
    struct node *node = gc_alloc(bytes);
    if (!node) break;
    *node = (struct node){list, ++list_length};
    list = node;
  }
  ck_assert_int_eq(errno, ENOMEM);
}

/* Drops the newest nodes, and cuts them apart, so that one stale word cannot keep them all. */
static NOT_INLINED void drop(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    struct node *next = list->next;
    list->next = NULL;
    list = next;
  }
  list_length -= count;
}

static void check_list(void) {
  uint64_t number = list_length;
  for (const struct node *node = list; node; node = node->next) require(node->number == number--);
  require(number == 0);
}

/* What objects can take of the limit at least: counting keeps a shadow of what holds pointers. */
static uint64_t least_bytes(void) {
  return gc_mode() == GC_REFCOUNT ? LIMIT_BYTES / 5 * 2 : LIMIT_BYTES / 2;
}

START_TEST(program_goes_on_after_it_dropped_something) {
  static const size_t sizes[] = {16, 64, 1000, 8192, 100000, 3000000};
  size_t bytes = sizes[_i];
  start_with_limit();
  fill_up(bytes);
  uint64_t most = list_length;
  ck_assert_uint_ge(most * bytes, least_bytes()); /* not given up early */
  for (int round = 0; round < 5; round++) {
    ck_assert_uint_le(statistics().heap_bytes, LIMIT_BYTES);
    check_list();
    drop(list_length / 2);
    collect();
    uint64_t before = list_length;
    fill_up(bytes);
    ck_assert_uint_ge(list_length - before, most / 4);
  }
  drop(list_length);
  fill_up(5000); /* with another size than what filled it */
  ck_assert_uint_ge(list_length * 5000, least_bytes());
}
END_TEST

START_TEST(one_large_request_fails_alone) {
  start_with_limit();
  ck_assert_ptr_null(gc_alloc((size_t)2 * LIMIT_BYTES));
  ck_assert_int_eq(errno, ENOMEM);
  ck_assert_ptr_null(gc_alloc_leaf((size_t)2 * LIMIT_BYTES));
  ck_assert_ptr_nonnull(gc_alloc(LIMIT_BYTES / 4));
  ck_assert_ptr_nonnull(gc_alloc(16));
}
END_TEST

START_TEST(garbage_never_reaches_the_limit) {
  start_with_limit();
  for (unsigned i = 0; i < repetitions(400); i++) ck_assert_ptr_nonnull(gc_alloc(1 << 20));
  for (unsigned i = 0; i < repetitions(2000000); i++) require(gc_alloc(200) != NULL);
  ck_assert_uint_le(statistics().heap_bytes, LIMIT_BYTES);
}
END_TEST

/* Less than what would be allocated before the first collection otherwise, so that it begins in a full heap. */
enum { SMALL_LIMIT_BYTES = 8 << 20, GARBAGE_THREADS = 8 };

static void *allocate_garbage(void *unused) {
  for (unsigned i = 0; i < repetitions(10000); i++) require(gc_alloc(i % 3 ? 9000 + i % 40 * 1000 : 100) != NULL);
  return unused;
}

static void start_with_small_limit(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = SMALL_LIMIT_BYTES;
  ck_assert_int_eq(gc_init(&options), 0);
}

START_TEST(garbage_never_reaches_a_small_limit) {
  start_with_small_limit();
  allocate_garbage(NULL);
}
END_TEST

/* One attaches while another has filled the heap, or finds it full while another collects. */
START_TEST(garbage_of_threads_never_reaches_a_small_limit) {
  pthread_t threads[GARBAGE_THREADS];
  start_with_small_limit();
  for (int i = 0; i < GARBAGE_THREADS; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate_garbage, NULL), 0);
  for (int i = 0; i < GARBAGE_THREADS; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

START_TEST(everything_else_works_at_the_limit) {
  start_with_limit();
  fill_up(16);
  gc_collect(GC_COLLECT_FULL);
  ck_assert_ptr_eq(gc_base((char *)list + 1), list);
  ck_assert_uint_eq(gc_size(list), 16);
  FILE *file = fopen("/dev/null", "w");
  gc_dump(file);
  fclose(file);
  static void *range[10];
  int error = gc_roots_add(range, sizeof range);
  ck_assert(error == 0 || error == ENOMEM);
  char *text = gc_strdup("some text that needs a new cell of its own, in a block for leaf objects");
  if (!text) ck_assert_int_eq(errno, ENOMEM);
  check_list();
  gc_free(list);
}
END_TEST

static atomic_uint failures;

static void *fill_and_drop(void *unused) {
  for (unsigned round = 0; round < repetitions(20); round++) {
    struct node *mine = NULL;
    uint64_t length = 0;
    for (;;) {
      struct node *node = gc_alloc(500);
      if (!node) break;
      *node = (struct node){mine, ++length};
      mine = node;
    }
    atomic_fetch_add(&failures, 1);
    for (struct node *next; mine; mine = next) {
      require(mine->number == length--);
      next = mine->next;
      mine->next = NULL;
    }
  }
  return unused;
}

START_TEST(threads_reach_the_limit_together) {
  start_with_limit();
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, fill_and_drop, NULL), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(atomic_load(&failures), 4 * repetitions(20));
  ck_assert_ptr_nonnull(gc_alloc(1000000));
}
END_TEST

/* ---- The handler ---- */

static unsigned handler_calls;
static size_t handler_bytes;
static bool is_in_handler;
static char substitute[64];
static jmp_buf escape;

/* The compiler knows that an allocation function returns new memory; here it does not, so the test hides what it has.
 */
static char *substitute_address(void) {
  char *address = substitute;
  __asm__ volatile("" : "+r"(address));
  return address;
}

static void *give_substitute(size_t bytes) {
  handler_calls++;
  handler_bytes = bytes;
  return substitute;
}

START_TEST(result_of_the_handler_is_returned) {
  start_with_limit();
  ck_assert_ptr_null((void *)(uintptr_t)gc_set_oom_handler(give_substitute));
  ck_assert_ptr_nonnull(gc_alloc(100));
  ck_assert_uint_eq(handler_calls, 0);
  ck_assert_ptr_eq(gc_alloc((size_t)3 * LIMIT_BYTES), substitute_address());
  ck_assert_uint_eq(handler_calls, 1);
  ck_assert_uint_eq(handler_bytes, (size_t)3 * LIMIT_BYTES);
  ck_assert_ptr_eq(gc_alloc_leaf((size_t)3 * LIMIT_BYTES), substitute_address());
  ck_assert_ptr_eq(gc_alloc_root((size_t)3 * LIMIT_BYTES), substitute_address());
  ck_assert_uint_eq(handler_calls, 3);
  ck_assert(gc_set_oom_handler(NULL) == give_substitute);
  ck_assert_ptr_null(gc_alloc((size_t)3 * LIMIT_BYTES));
  ck_assert_uint_eq(handler_calls, 3);
}
END_TEST

static void *give_nothing(size_t bytes) {
  (void)bytes;
  handler_calls++;
  errno = 0;
  return NULL;
}

START_TEST(handler_may_have_nothing) {
  start_with_limit();
  gc_set_oom_handler(give_nothing);
  ck_assert_ptr_null(gc_alloc((size_t)3 * LIMIT_BYTES));
  ck_assert_int_eq(errno, ENOMEM);
  ck_assert_uint_eq(handler_calls, 1);
}
END_TEST

static void *leave_by_longjmp(size_t bytes) {
  handler_bytes = bytes;
  longjmp(escape, 1);
}

START_TEST(handler_may_leave_by_longjmp) {
  start_with_limit();
  gc_set_oom_handler(leave_by_longjmp);
  for (volatile int i = 0; i < 50; i++) {
    if (setjmp(escape) == 0) {
      gc_keep(gc_alloc((size_t)3 * LIMIT_BYTES));
      ck_abort_msg("the handler was not called");
    }
    ck_assert_uint_eq(handler_bytes, (size_t)3 * LIMIT_BYTES);
    ck_assert_ptr_nonnull(gc_alloc(100)); /* nothing stayed locked */
    gc_collect(GC_COLLECT_FULL);
  }
}
END_TEST

static void *make_room(size_t bytes) {
  if (is_in_handler) return NULL;
  is_in_handler = true;
  handler_calls++;
  drop(list_length / 2);
  gc_collect(GC_COLLECT_FULL);
  statistics();
  void *object = gc_alloc(bytes);
  is_in_handler = false;
  return object;
}

START_TEST(handler_may_drop_collect_and_allocate) {
  start_with_limit();
  gc_set_oom_handler(make_room);
  for (unsigned i = 0; i < 500000; i++) {
    struct node *node = gc_alloc(1000);
    require(node != NULL);
    *node = (struct node){list, ++list_length};
    list = node;
    if (handler_calls > 5) break;
  }
  ck_assert_uint_gt(handler_calls, 5);
}
END_TEST

/* ---- Limits of the system ---- */

static void check_under_resource_limit(int resource, uint64_t used_bytes) {
  struct rlimit limit;
  getrlimit(resource, &limit);
  limit.rlim_cur = used_bytes + (192u << 20);
  ck_assert_int_eq(setrlimit(resource, &limit), 0);
  ck_assert_int_eq(gc_init(NULL), 0);
  for (int round = 0; round < 3; round++) {
    fill_up(round == 1 ? 100000 : 200);
    check_list();
    ck_assert_uint_ge(list_length, 100);
    drop(list_length);
    collect();
    ck_assert_ptr_nonnull(gc_alloc(100000));
  }
}

START_TEST(little_address_space) {
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool itself needs the address space");
  check_under_resource_limit(RLIMIT_AS, process_address_bytes());
}
END_TEST

START_TEST(little_data_space) {
  const char *tracking = getenv("TREFOIL_TRACKING");
  if (tracking && !strcmp(tracking, "protect")) SKIP_TEST("a page made writable again counts as data: gc_will_write");
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool itself needs the address space");
  check_under_resource_limit(RLIMIT_DATA, 16 << 20);
}
END_TEST

START_TEST(no_address_space_at_all) {
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool itself needs the address space");
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  struct rlimit none = {process_address_bytes() + 8192, limit.rlim_max};
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
  int error = gc_init(NULL);
  void *object = error ? gc_alloc(100) : NULL;
  int allocation_error = errno;
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
  ck_assert_int_eq(error, ENOMEM);
  ck_assert_ptr_null(object);
  ck_assert_int_eq(allocation_error, ENOMEM);
  ck_assert_ptr_nonnull(gc_alloc(100)); /* with room it starts after all */
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("limits");
  tcase_add_loop_test(tests, program_goes_on_after_it_dropped_something, 0, 6);
  tcase_add_test(tests, one_large_request_fails_alone);
  tcase_add_test(tests, garbage_never_reaches_the_limit);
  tcase_add_test(tests, garbage_never_reaches_a_small_limit);
  tcase_add_test(tests, garbage_of_threads_never_reaches_a_small_limit);
  tcase_add_test(tests, everything_else_works_at_the_limit);
  tcase_add_test(tests, threads_reach_the_limit_together);
  tcase_add_test(tests, result_of_the_handler_is_returned);
  tcase_add_test(tests, handler_may_have_nothing);
  tcase_add_test(tests, handler_may_leave_by_longjmp);
  tcase_add_test(tests, handler_may_drop_collect_and_allocate);
  tcase_add_test(tests, little_address_space);
  tcase_add_test(tests, little_data_space);
  tcase_add_test(tests, no_address_space_at_all);
  return suite_end();
}
