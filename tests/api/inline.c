/* Allocation in line (trefoil/inline.h): what a compiler that knows the size makes of it is what the call gives. Built
 * once with it and once without. */
#include "support.h"
#include <trefoil/inline.h>

enum { TIMES = 2000, COUNT = 20000 };

static bool is_zero(const char *start, size_t bytes) {
  size_t i = 0;
  while (i < bytes && !start[i]) i++;
  return i == bytes;
}

/* One that was handed out before is not zero. */
static void check(char *object, size_t cell_bytes) {
  require(object != NULL && (uintptr_t)object % 16 == 0 && gc_base(object) == object);
  require(gc_size(object) == cell_bytes);
  require(is_zero(object, cell_bytes));
  memset(object, 0x55, cell_bytes);
}

#define CHECK_SIZE(bytes, cell_bytes)                                                                                  \
  do {                                                                                                                 \
    check(gc_alloc(bytes), cell_bytes);                                                                                \
    check(gc_alloc_leaf(bytes), cell_bytes);                                                                           \
  } while (0)

/* In turn, so that each has a piece: pieces end and begin anew, and cells are used again. */
START_TEST(sizes_that_the_compiler_knows) {
  for (unsigned i = 0; i < repetitions(TIMES); i++) {
    CHECK_SIZE(0, 16);
    CHECK_SIZE(1, 16);
    CHECK_SIZE(16, 16);
    CHECK_SIZE(17, 32);
    CHECK_SIZE(32, 32);
    CHECK_SIZE(33, 48);
    CHECK_SIZE(64, 64);
    CHECK_SIZE(80, 80);
    CHECK_SIZE(100, 112);
    CHECK_SIZE(128, 128);
    CHECK_SIZE(129, 144);
    CHECK_SIZE(240, 240);
    CHECK_SIZE(255, 256);
    CHECK_SIZE(256, 256);
    CHECK_SIZE(257, 288);
    CHECK_SIZE(1000, 1024);
    if (i % 250 == 0) gc_collect(GC_COLLECT_MINOR);
  }
}
END_TEST

START_TEST(the_first_allocation_starts_the_collector) {
  char *object = gc_alloc(48);
  check(object, 48);
  object = NULL;
  ck_assert_int_eq(gc_shutdown(), 0);
  char *again = gc_alloc_leaf(48);
  check(again, 48);
}
END_TEST

static void *allocate_first(void *unused) {
  check(gc_alloc(32), 32);
  check(gc_alloc_leaf(32), 32);
  return unused;
}

START_TEST(a_thread_begins_with_one) {
  pthread_t thread;
  check(gc_alloc(32), 32);
  for (int i = 0; i < 4; i++) {
    ck_assert_int_eq(pthread_create(&thread, NULL, allocate_first, NULL), 0);
    pthread_join(thread, NULL);
  }
}
END_TEST

START_TEST(what_leaf_objects_hold_keeps_nothing) {
  gc_collect(GC_COLLECT_FULL);
  struct gc_stats before, after;
  gc_stats(&before);
  void **volatile list = NULL, **volatile kept = NULL;
  unsigned count = repetitions(COUNT);
  for (unsigned i = 0; i < count; i++) {
    void **leaf = gc_alloc_leaf(64), **scanned = gc_alloc(64);
    leaf[0] = (void *)list, scanned[0] = (void *)kept;
    list = leaf, kept = scanned;
  }
  gc_collect(GC_COLLECT_FULL);
  gc_stats(&after);
  ck_assert_uint_ge(after.live_bytes - before.live_bytes, count * 64);
  ck_assert_uint_le(after.live_bytes - before.live_bytes, count * 64 + (64 << 10));
  ck_assert_ptr_eq(gc_base((void *)kept), (void *)kept);
}
END_TEST

/* The functions are there to be named. */
START_TEST(addresses_of_the_functions) {
  void *(*volatile allocate)(size_t) = gc_alloc, *(*volatile allocate_leaf)(size_t) = gc_alloc_leaf;
  check(allocate(40), 48);
  check(allocate_leaf(40), 48);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("inline");
  tcase_add_test(tests, sizes_that_the_compiler_knows);
  tcase_add_test(tests, the_first_allocation_starts_the_collector);
  tcase_add_test(tests, a_thread_begins_with_one);
  tcase_add_test(tests, what_leaf_objects_hold_keeps_nothing);
  tcase_add_test(tests, addresses_of_the_functions);
  return suite_end();
}
