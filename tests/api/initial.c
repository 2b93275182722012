/* tests/api/initial.c - initial_bytes: memory that is taken and touched at the start, after which no page fault comes.
 * What is counted are the minor faults of the process. Faults by which pages and protect notice writes are none of it.
 */
#include "support.h"
#include <sys/resource.h>

enum { INITIAL_BYTES = 64 << 20, LIVE_BYTES = 8 << 20, FAULTS_MOST = 16, BUFFER_BYTES = 24 << 20 };

static char buffer[BUFFER_BYTES];

static uint64_t faults(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)usage.ru_minflt;
}

struct node {
  struct node *next;
  uint64_t words[5];
};
static struct node *list;

static NOT_INLINED void build(size_t bytes) {
  STAY_DEEP();
  list = NULL;
  for (size_t i = 0; i < bytes / sizeof(struct node); i++) {
    struct node *node = gc_alloc(i % 100 ? sizeof *node : 20 * sizeof *node);
    require(node != NULL);
    node->next = list;
    if (i % 3 == 0) list = node;
    if (i % 1000 == 0) node->words[0] = (uintptr_t)gc_alloc_leaf(30000);
  }
}

static NOT_INLINED void work(size_t bytes) {
  build(bytes);
  stack_clear();
  gc_collect(GC_COLLECT_MINOR);
  gc_collect(GC_COLLECT_FULL);
}

static bool notices_writes_by_faults(void) {
  return gc_tracking() == GC_TRACK_PAGES || gc_tracking() == GC_TRACK_PROTECT;
}

/* The first time the code itself is paged in. */
static uint64_t count_faults(void) {
  work(1 << 20);
  uint64_t before = faults();
  for (int i = 0; i < 4; i++) work(LIVE_BYTES);
  return faults() - before;
}

static void check_faults(void) {
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool has faults of its own");
  if (getenv("TREFOIL_CHECK")) SKIP_TEST("the checker has faults of its own");
  uint64_t counted = count_faults();
  printf("%s, %s: %llu page faults\n", gc_mode_name(gc_mode()), notices_writes_by_faults() ? "watched" : "not watched",
         (unsigned long long)counted);
  if (!notices_writes_by_faults()) ck_assert_uint_le(counted, FAULTS_MOST);
}

START_TEST(no_fault_comes_later) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.initial_bytes = INITIAL_BYTES;
  options.nursery_bytes = 4 << 20;
  if (_i == 1) options.tracking = GC_TRACK_NONE, unsetenv("TREFOIL_TRACKING");
  if (_i == 2) options.markers = 1;
  ck_assert_int_eq(gc_init(&options), 0);
  struct gc_stats stats;
  gc_stats(&stats);
  ck_assert_uint_ge(stats.heap_bytes, INITIAL_BYTES);
  check_faults();
}
END_TEST

START_TEST(without_it_there_are_faults) {
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool has faults of its own");
  struct gc_options options = GC_OPTIONS_INIT;
  ck_assert_int_eq(gc_init(&options), 0);
  ck_assert_uint_gt(count_faults(), 1000);
}
END_TEST

START_TEST(the_environment_asks_for_it) {
  setenv("TREFOIL_INITIAL", "64M", 1);
  setenv("TREFOIL_TRACKING", "none", 1);
  setenv("TREFOIL_NURSERY", "4M", 1);
  ck_assert_int_eq(gc_init(NULL), 0);
  check_faults();
}
END_TEST

START_TEST(a_buffer_is_touched_too) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.buffer = buffer;
  options.buffer_bytes = BUFFER_BYTES;
  options.initial_bytes = BUFFER_BYTES;
  ck_assert_int_eq(gc_init(&options), 0);
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool has faults of its own");
  if (getenv("TREFOIL_CHECK")) SKIP_TEST("the checker has faults of its own");
  work(1 << 20);
  uint64_t before = faults();
  for (int i = 0; i < 4; i++) work(gc_mode() == GC_REFCOUNT ? BUFFER_BYTES / 8 : BUFFER_BYTES / 3);
  ck_assert_uint_le(faults() - before, FAULTS_MOST);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("initial");
  tcase_add_loop_test(tests, no_fault_comes_later, 0, 3);
  tcase_add_test(tests, without_it_there_are_faults);
  tcase_add_test(tests, the_environment_asks_for_it);
  tcase_add_test(tests, a_buffer_is_touched_too);
  return suite_end();
}
