/* tests/api/guard_freed.c - large objects that fault on use once they are freed: guard_freed_percent. */
#include "faults.h"
#include <sys/mman.h>
#include <trefoil/pool.h>

enum { KEPT_MOST = 1024 };

static void start_with(unsigned percent) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.guard_freed_percent = percent;
  ck_assert_int_eq(gc_init(&options), 0);
}

struct use {
  size_t bytes;
  ptrdiff_t at;
  void *(*make)(size_t bytes);
  unsigned collections; /* between the free and the use */
};

static void use_freed(void *argument) {
  const struct use *use = argument;
  start_with(100);
  char *object = use->make(use->bytes);
  pattern_fill(object, use->bytes, 1);
  tell_object(object);
  gc_free(object);
  for (unsigned i = 0; i < use->collections; i++) gc_collect(i % 2 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
  if (use->at % 2) write_byte(object + use->at);
  else read_byte(object + use->at);
}

START_TEST(using_a_freed_object_faults) {
  static void *(*const makers[])(size_t) = {gc_alloc, gc_alloc_leaf, gc_alloc_root};
  static const ptrdiff_t places[] = {0, 7, 9000, 99999};
  for (unsigned i = 0; i < 3; i++)
    for (unsigned j = 0; j < 4; j++) {
      struct use use = {100000, places[j], makers[i], j};
      char where[200];
      snprintf(where, sizeof where, "%ld bytes into the object %%p of %%zu bytes, which was freed", (long)places[j]);
      check_fault(use_freed, &use, places[j], where, 102400);
    }
}
END_TEST

static void free_twice(void *argument) {
  start_with(100);
  char *object = gc_alloc(*(size_t *)argument);
  tell_object(object);
  gc_free(object);
  if (*(size_t *)argument > 50000) gc_collect(GC_COLLECT_FULL);
  gc_free(object);
}

static void resize_freed(void *argument) {
  start_with(100);
  char *object = gc_alloc(*(size_t *)argument);
  tell_object(object);
  gc_free(object);
  gc_keep(gc_realloc(object, 10));
}

static void use_destroyed_pool(void *argument) {
  start_with(100);
  struct gc_pool *pool = gc_pool_new(64, *(size_t *)argument, 0);
  tell_object((char *)pool);
  gc_pool_destroy(pool);
  gc_keep(gc_pool_alloc(pool));
}

START_TEST(misuse_of_freed_ones_is_told_as_ever) {
  static size_t sizes[] = {10000, 100000};
  for (int i = 0; i < 2; i++) {
    check_abort(free_twice, &sizes[i], "trefoil: gc_free: %p: is freed already\n", "");
    check_abort(resize_freed, &sizes[i], "trefoil: gc_realloc: %p: is freed already\n", "");
    check_abort(use_destroyed_pool, &sizes[i], "trefoil: gc_pool_alloc: %p: is no pool, or was destroyed\n", "");
  }
}
END_TEST

static struct hidden freed[4 * KEPT_MOST];

/* How many of so many freed objects are inaccessible afterwards. */
static NOT_INLINED unsigned free_many(unsigned count, size_t bytes) {
  for (unsigned i = 0; i < count; i++) {
    char *object = held[i] = gc_alloc(bytes);
    require(object != NULL && all_zero(object, bytes));
    object[0] = object[bytes - 1] = 1;
    freed[i] = hide(object);
  }
  for (unsigned i = 0; i < count; i++) {
    gc_free(held[i]);
    held[i] = NULL;
  }
  gc_collect(GC_COLLECT_FULL); /* where counts are kept, some places wait for a stop */
  unsigned closed = 0;
  for (unsigned i = 0; i < count; i++) closed += !is_readable(reveal(freed[i]));
  return closed;
}

START_TEST(the_share_is_kept) {
  if (_i) start_with((unsigned)_i);
  unsigned closed = free_many(900, 10000), wanted = 900 * (unsigned)_i / 100;
  ck_assert_uint_le(closed, wanted + wanted / 4 + (_i ? 20 : 0));
  ck_assert_uint_ge(closed + wanted / 4 + 20, wanted);
}
END_TEST

START_TEST(small_objects_are_left_alone) {
  start_with(100);
  ck_assert_uint_eq(free_many(1000, 8192), 0);
}
END_TEST

START_TEST(the_oldest_are_used_again) {
  start_with(100);
  ck_assert_uint_eq(free_many(4 * KEPT_MOST, 10000), KEPT_MOST);
  if (gc_mode() != GC_REFCOUNT) /* there a stop lets go of them, in the order of addresses */
    for (unsigned i = 3 * KEPT_MOST; i < 4 * KEPT_MOST; i++) require(!is_readable(reveal(freed[i])));
  bool is_again = false;
  for (unsigned i = 0; i < 3 * KEPT_MOST && !is_again; i++) {
    char *object = held[i] = gc_alloc_leaf(10000);
    require(object != NULL && all_zero(object, 10000));
    for (unsigned j = 0; j < 3 * KEPT_MOST; j++) is_again |= object == reveal(freed[j]);
  }
  ck_assert(is_again);
}
END_TEST

/* Memory is gone at once, addresses are bounded: a quarter of the limit here. */
START_TEST(they_take_no_memory) {
  struct gc_options options = GC_OPTIONS_INIT;
  struct gc_stats stats;
  options.guard_freed_percent = 100;
  options.limit_bytes = (size_t)64 << 20;
  ck_assert_int_eq(gc_init(&options), 0);
  gc_keep(gc_alloc(16));
  gc_stats(&stats);
  uint64_t before = stats.heap_bytes;
  for (unsigned i = 0; i < repetitions(300); i++) {
    char *object = gc_alloc_leaf(3 << 20);
    require(object != NULL);
    memset(object, 1, 3 << 20);
    gc_free(object);
  }
  gc_collect(GC_COLLECT_FULL);
  gc_stats(&stats);
  ck_assert_uint_lt(stats.heap_bytes, before + ((uint64_t)16 << 20));
  for (unsigned i = 0; i < 50; i++) { /* as long as the heap can be: nothing is kept then */
    char *object = gc_alloc_leaf((size_t)40 << 20);
    require(object != NULL);
    object[12345678] = 1;
    gc_free(object);
  }
}
END_TEST

START_TEST(live_objects_keep_their_contents) {
  static struct {
    char *object;
    size_t bytes;
  } kept[50];
  uint64_t random = 7;
  start_with(50);
  for (unsigned i = 0; i < repetitions(5000); i++) {
    unsigned at = (unsigned)(random_next(&random) % 50);
    if (kept[at].object) {
      require(pattern_matches(kept[at].object, kept[at].bytes, at));
      if (random_next(&random) % 4 == 0) {
        size_t bytes = 5000 + random_next(&random) % 50000, less = bytes < kept[at].bytes ? bytes : kept[at].bytes;
        kept[at].object = gc_realloc(kept[at].object, bytes);
        require(kept[at].object && pattern_matches(kept[at].object, less, at));
        kept[at].bytes = bytes;
        pattern_fill(kept[at].object, bytes, at);
        continue;
      }
      gc_free(kept[at].object);
    }
    kept[at].bytes = 5000 + random_next(&random) % 50000;
    kept[at].object = random_next(&random) % 2 ? gc_alloc(kept[at].bytes) : gc_alloc_leaf(kept[at].bytes);
    require(kept[at].object && all_zero(kept[at].object, kept[at].bytes));
    pattern_fill(kept[at].object, kept[at].bytes, at);
    if (random_next(&random) % 100 == 0) gc_collect(random_next(&random) % 3 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
  }
}
END_TEST

/* Freed while another object counts them, and while they count others. */
struct node {
  struct node *other;
  char rest[20000];
};

START_TEST(freed_ones_that_are_still_named) {
  start_with(100);
  for (unsigned i = 0; i < repetitions(300); i++) {
    struct node *a = gc_new(struct node), *b = gc_new(struct node), **small = gc_alloc(16);
    a->other = b;
    b->other = a;
    *small = a;
    gc_collect(i % 3 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
    gc_free(a);
    if (i % 2) gc_collect(GC_COLLECT_MINOR);
    ck_assert_uint_eq(gc_size(a), 0);
    gc_free(b);
    gc_collect(i % 5 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
    gc_keep(small);
  }
}
END_TEST

static void *churn(void *argument) {
  uint64_t random = (uintptr_t)argument + 1;
  char *objects[8] = {0};
  for (unsigned i = 0; i < repetitions(4000); i++) {
    unsigned at = (unsigned)(random_next(&random) % 8);
    if (objects[at]) {
      require(pattern_matches(objects[at], 9000, at));
      gc_free(objects[at]);
    }
    require((objects[at] = gc_alloc_leaf(9000)) != NULL);
    pattern_fill(objects[at], 9000, at);
    gc_keep(gc_alloc(300));
    if (i % 50 == 0) gc_collect(GC_COLLECT_MINOR); /* whose sweeper looks at what is being freed */
  }
  return NULL;
}

START_TEST(threads_free) {
  pthread_t threads[4];
  start_with((unsigned)_i);
  for (uintptr_t i = 0; i < 4; i++) ck_assert_int_eq(gc_thread_create(&threads[i], NULL, churn, (void *)i), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(the_environment_chooses) {
  setenv("TREFOIL_GUARD_FREED", "100", 1);
  ck_assert_uint_eq(free_many(20, 10000), 20);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("guard_freed");
  tcase_add_test(tests, using_a_freed_object_faults);
  tcase_add_test(tests, misuse_of_freed_ones_is_told_as_ever);
  tcase_add_loop_test(tests, the_share_is_kept, 0, 1);
  tcase_add_loop_test(tests, the_share_is_kept, 30, 31);
  tcase_add_loop_test(tests, the_share_is_kept, 75, 76);
  tcase_add_test(tests, small_objects_are_left_alone);
  tcase_add_test(tests, the_oldest_are_used_again);
  tcase_add_test(tests, they_take_no_memory);
  tcase_add_test(tests, live_objects_keep_their_contents);
  tcase_add_test(tests, freed_ones_that_are_still_named);
  tcase_add_loop_test(tests, threads_free, 0, 1);
  tcase_add_loop_test(tests, threads_free, 60, 61);
  tcase_add_test(tests, the_environment_chooses);
  return suite_end();
}
