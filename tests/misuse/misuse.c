/* tests/misuse/misuse.c - calls that would corrupt memory end the program by SIGABRT, with exactly one line on standard
 * error: function, address and what is known of it. Each misuse runs in a child process.
 */
#include "support.h"
#include <signal.h>
#include <sys/wait.h>
#include <trefoil/pool.h>
#include <trefoil/protect.h>
#include <trefoil/weak.h>

/* What a child tells its parent: the address that it is going to misuse, and the object that the line should name. */
struct told {
  char *address, *object;
};
static struct told *told;

static char text[4000];

struct misuse {
  void (*run)(void);
};

static void run_misuse(void *misuse) { ((struct misuse *)misuse)->run(); }

static void run_to_abort(void run(void)) {
  struct misuse misuse = {run};
  int status = run_in_child(run_misuse, &misuse, text, sizeof text);
  ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x, not SIGABRT: %s", (unsigned)status, text);
}

/* Runs the misuse and checks the line, whose format gets the address and the object. */
static void check_line(void run(void), const char *format) {
  run_to_abort(run);
  char expected[1000];
  snprintf(expected, sizeof expected, format, (unsigned long)(uintptr_t)told->address,
           (unsigned long)(uintptr_t)told->object);
  ck_assert_str_eq(text, expected);
}

static char *tell(void *address, void *object) {
  told->address = address;
  told->object = object;
  return address;
}

#define FREED  "is freed already or was never allocated\n"
#define INSIDE "points into free memory\n"

/* ---- Double free ---- */

static void free_twice_small(void) {
  char *object = tell(gc_alloc(48), NULL);
  gc_free(object);
  gc_free(object);
}

static void free_twice_leaf(void) {
  char *object = tell(gc_alloc_leaf(1000), NULL);
  gc_free(object);
  gc_free(object);
}

static void free_twice_after_collection(void) {
  char *object = tell(gc_alloc(48), NULL), *neighbour = gc_alloc(48);
  gc_free(object);
  gc_collect(GC_COLLECT_FULL);
  gc_free(object);
  gc_keep(neighbour);
}

static void *free_in_thread(void *object) {
  gc_free(object);
  return NULL;
}

static void free_twice_in_two_threads(void) {
  char *object = tell(gc_alloc(48), NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, free_in_thread, object);
  pthread_join(thread, NULL);
  gc_free(object);
}

START_TEST(double_free) {
  static void (*const misuses[])(void) = {free_twice_small, free_twice_leaf, free_twice_after_collection,
                                          free_twice_in_two_threads};
  check_line(misuses[_i], "trefoil: gc_free: 0x%lx: " FREED);
}
END_TEST

static void free_twice_large(void) {
  char *object = tell(gc_alloc(100000), NULL);
  gc_free(object);
  gc_free(object);
}

/* Its pages may have become part of a longer free run. */
START_TEST(double_free_of_a_large_object) {
  char freed[200], inside[200];
  run_to_abort(free_twice_large);
  snprintf(freed, sizeof freed, "trefoil: gc_free: 0x%lx: " FREED, (unsigned long)(uintptr_t)told->address);
  snprintf(inside, sizeof inside, "trefoil: gc_free: 0x%lx: " INSIDE, (unsigned long)(uintptr_t)told->address);
  ck_assert_msg(strcmp(text, freed) == 0 || strcmp(text, inside) == 0, "%s", text);
}
END_TEST

static void resize_freed(void) {
  char *object = tell(gc_alloc(48), NULL);
  gc_free(object);
  gc_keep(gc_realloc(object, 100));
}

START_TEST(resize_of_a_freed_object) { check_line(resize_freed, "trefoil: gc_realloc: 0x%lx: " FREED); }
END_TEST

/* ---- Not the start of an object ---- */

static void free_inside_small(void) {
  char *object = gc_alloc(100);
  gc_free(tell(object + 8, object));
}

static void free_inside_large(void) {
  char *object = gc_alloc_leaf(100000);
  gc_free(tell(object + 70000, object));
}

static void free_inside_root(void) {
  char *object = gc_alloc_root(64);
  gc_free(tell(object + 1, object));
}

START_TEST(free_inside_an_object) {
  check_line(free_inside_small, "trefoil: gc_free: 0x%lx: points 8 bytes into the object at 0x%lx\n");
  check_line(free_inside_large, "trefoil: gc_free: 0x%lx: points 70000 bytes into the object at 0x%lx\n");
  check_line(free_inside_root, "trefoil: gc_free: 0x%lx: points 1 bytes into the object at 0x%lx\n");
}
END_TEST

static void resize_inside(void) {
  char *object = gc_alloc(100);
  gc_keep(gc_realloc(tell(object + 16, object), 200));
}

static void resize_inside_to_nothing(void) {
  char *object = gc_alloc(100);
  gc_keep(gc_realloc_array(tell(object + 16, object), 0, 8));
}

START_TEST(resize_inside_an_object) {
  check_line(resize_inside, "trefoil: gc_realloc: 0x%lx: points 16 bytes into the object at 0x%lx\n");
  check_line(resize_inside_to_nothing, "trefoil: gc_realloc: 0x%lx: points 16 bytes into the object at 0x%lx\n");
}
END_TEST

/* ---- Foreign addresses ---- */

static void free_stack(void) {
  char local[64];
  gc_keep(gc_alloc(16));
  gc_free(tell(local, NULL));
}

static void free_static(void) {
  static char data[64];
  gc_keep(gc_alloc(16));
  gc_free(tell(data, NULL));
}

static void free_malloc(void) {
  char *memory = malloc(64);
  gc_keep(gc_alloc(16));
  gc_free(tell(memory, NULL));
}

static void free_small_number(void) {
  gc_keep(gc_alloc(16));
  gc_free(tell((char *)8, NULL));
}

static void free_before_anything(void) {
  static char data[64];
  gc_free(tell(data, NULL));
}

START_TEST(free_of_a_foreign_address) {
  static void (*const misuses[])(void) = {free_stack, free_static, free_malloc, free_small_number, free_before_anything};
  check_line(misuses[_i], "trefoil: gc_free: 0x%lx: is not in the heap\n");
}
END_TEST

static void resize_stack(void) {
  char local[64];
  gc_keep(gc_alloc(16));
  gc_keep(gc_realloc(tell(local, NULL), 100));
}

START_TEST(resize_of_a_foreign_address) { check_line(resize_stack, "trefoil: gc_realloc: 0x%lx: is not in the heap\n"); }
END_TEST

static void free_in_free_memory(void) {
  char *object = gc_alloc_leaf(10000000);
  gc_free(object);
  gc_free(tell(object + 5000000, NULL));
}

START_TEST(free_in_free_memory_of_the_heap) {
  check_line(free_in_free_memory, "trefoil: gc_free: 0x%lx: " INSIDE);
}
END_TEST

static void free_other_life(void) {
  char *object = tell(gc_alloc(16), NULL);
  gc_shutdown();
  gc_free(object);
}

START_TEST(free_of_an_object_from_before_shutdown) { /* the new heap may lie elsewhere, or there without the object */
  run_to_abort(free_other_life);
  ck_assert_uint_eq(count_lines(text), 1);
  ck_assert_msg(strncmp(text, "trefoil: gc_free: 0x", 20) == 0, "%s", text);
}
END_TEST

/* ---- Weak maps ---- */

static void put_in_no_map(void) {
  void *object = gc_alloc(64);
  gc_weak_map_put((struct gc_weak_map *)(void *)tell(object, NULL), object, object);
}

static void get_from_a_freed_map(void) {
  struct gc_weak_map *map = gc_weak_map_new();
  tell(map, NULL);
  gc_free(map);
  gc_weak_map_get(map, map);
}

static void count_null(void) {
  tell(NULL, NULL);
  gc_weak_map_count(NULL);
}

START_TEST(calls_for_what_is_no_map) {
  check_line(put_in_no_map, "trefoil: gc_weak_map_put: 0x%lx: is no weak map\n");
  check_line(get_from_a_freed_map, "trefoil: gc_weak_map_get: 0x%lx: is no weak map\n");
  run_to_abort(count_null);
  ck_assert_str_eq(text, "trefoil: gc_weak_map_count: (nil): is no weak map\n");
}
END_TEST

/* ---- Pools ---- */

static void free_twice_in_pool(void) {
  struct gc_pool *pool = gc_pool_new(64, 10, 0);
  void *block = tell(gc_pool_alloc(pool), NULL);
  gc_pool_free(pool, block);
  gc_pool_free(pool, block);
}

static void free_to_another_pool(void) {
  struct gc_pool *pool = gc_pool_new(64, 10, 0), *other = gc_pool_new(64, 10, 0);
  void *block = tell(gc_pool_alloc(pool), pool);
  gc_pool_free(other, block);
}

static void free_inside_a_block(void) {
  struct gc_pool *pool = gc_pool_new(64, 10, 0);
  char *block = gc_pool_alloc(pool);
  gc_pool_free(pool, tell(block + 8, block));
}

static void free_no_block(void) {
  struct gc_pool *pool = gc_pool_new(64, 10, 0);
  gc_pool_free(pool, tell(gc_alloc(64), NULL));
}

static void free_a_block_by_hand(void) {
  struct gc_pool *pool = gc_pool_new(64, 10, 0);
  gc_free(tell(gc_pool_alloc(pool), NULL));
}

static void free_a_pool_by_hand(void) { gc_free(tell(gc_pool_new(64, 10, 0), NULL)); }

static void resize_a_block(void) {
  struct gc_pool *pool = gc_pool_new(64, 10, 0);
  gc_keep(gc_realloc(tell(gc_pool_alloc(pool), NULL), 100));
}

static void use_a_destroyed_pool(void) {
  struct gc_pool *pool = gc_pool_new(64, 10, 0);
  tell(pool, NULL);
  gc_pool_destroy(pool);
  gc_keep(gc_pool_alloc(pool));
}

START_TEST(misuse_of_pools) {
  check_line(free_twice_in_pool, "trefoil: gc_pool_free: 0x%lx: " FREED);
  check_line(free_to_another_pool, "trefoil: gc_pool_free: 0x%lx: is a block of another pool, 0x%lx\n");
  check_line(free_inside_a_block, "trefoil: gc_pool_free: 0x%lx: points 8 bytes into the block at 0x%lx\n");
  check_line(free_no_block, "trefoil: gc_pool_free: 0x%lx: is no block of a pool\n");
  check_line(free_a_block_by_hand, "trefoil: gc_free: 0x%lx: belongs to a pool\n");
  check_line(free_a_pool_by_hand, "trefoil: gc_free: 0x%lx: belongs to a pool\n");
  check_line(resize_a_block, "trefoil: gc_realloc: 0x%lx: belongs to a pool\n");
  check_line(use_a_destroyed_pool, "trefoil: gc_pool_alloc: 0x%lx: is no pool, or was destroyed\n");
}
END_TEST

/* ---- Guarded objects ---- */

static char *told_guarded(size_t bytes, ptrdiff_t at) {
  char *volatile object = gc_alloc_guarded(bytes); /* the compiler knows its size */
  tell(object, object);
  object[at] = 1;
  return object;
}

static void free_overrun(void) { gc_free(told_guarded(100, 103)); }

static void resize_underrun(void) { gc_keep(gc_realloc(told_guarded(96, -4), 10)); }

static void collect_overrun(void) {
  char *object = told_guarded(1, 1);
  gc_collect(GC_COLLECT_FULL);
  gc_keep(object);
}

static void free_guarded_twice(void) {
  char *object = told_guarded(100, 0);
  gc_free(object);
  gc_free(object);
}

static void free_inside_guarded(void) { gc_free(told_guarded(100, 0) + 16); }

static void free_before_guarded(void) {
  char *object = told_guarded(96, 0);
  told->object = object - 32;
  gc_free(object - 32);
}

START_TEST(misuse_of_guarded_objects) {
  check_line(free_overrun, "trefoil: gc_free: 0x%lx: the guarded object of 100 bytes was written 3 bytes past its end\n");
  check_line(resize_underrun,
             "trefoil: gc_realloc: 0x%lx: the guarded object of 96 bytes was written 4 bytes before its start\n");
  check_line(collect_overrun,
             "trefoil: full collection: 0x%lx: the guarded object of 1 bytes was written 0 bytes past its end\n");
  check_line(free_guarded_twice, "trefoil: gc_free: 0x%lx: is freed already\n");
  run_to_abort(free_inside_guarded);
  ck_assert_ptr_nonnull(strstr(text, ": points 16 bytes into the object at 0x"));
  run_to_abort(free_before_guarded);
  ck_assert_ptr_nonnull(strstr(text, ": points 32 bytes before the object at 0x"));
}
END_TEST

/* ---- Counters ---- */

static void enable_without_disable(void) { gc_enable(); }

static void enable_once_too_often(void) {
  gc_disable();
  gc_enable();
  gc_enable();
}

START_TEST(enable_without_a_disable) {
  check_line(enable_without_disable, "trefoil: gc_enable: collection is not disabled\n");
  check_line(enable_once_too_often, "trefoil: gc_enable: collection is not disabled\n");
}
END_TEST

/* ---- No misuse ---- */

static void use_well(void) {
  gc_free(NULL);
  char *object = gc_alloc(48);
  gc_free(object);
  for (int i = 0; i < 1000; i++) gc_free(gc_alloc(48)); /* the same cell, each time with a new tenant */
  gc_free(gc_realloc(gc_alloc_aligned(4096, 10), 100000));
  gc_free(gc_alloc_root(10));
}

static void call_use_well(void *unused) {
  (void)unused;
  use_well();
}

START_TEST(good_use_says_nothing) {
  int status = run_in_child(call_use_well, NULL, text, sizeof text);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ck_assert_str_eq(text, "");
}
END_TEST

int main(void) {
  told = shared_memory(sizeof *told);
  TCase *tests = suite_begin("misuse");
  tcase_add_loop_test(tests, double_free, 0, 4);
  tcase_add_test(tests, double_free_of_a_large_object);
  tcase_add_test(tests, resize_of_a_freed_object);
  tcase_add_test(tests, free_inside_an_object);
  tcase_add_test(tests, resize_inside_an_object);
  tcase_add_loop_test(tests, free_of_a_foreign_address, 0, 5);
  tcase_add_test(tests, resize_of_a_foreign_address);
  tcase_add_test(tests, free_in_free_memory_of_the_heap);
  tcase_add_test(tests, free_of_an_object_from_before_shutdown);
  tcase_add_test(tests, calls_for_what_is_no_map);
  tcase_add_test(tests, misuse_of_pools);
  tcase_add_test(tests, misuse_of_guarded_objects);
  tcase_add_test(tests, enable_without_a_disable);
  tcase_add_test(tests, good_use_says_nothing);
  return suite_end();
}
