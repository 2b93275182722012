/* tests/api/identity.c - gc_base and gc_size for every kind of address: starts, interiors, ends, freed cells, memory of
 * other threads, and what was never in the heap.
 */
#include "support.h"
#include <sys/mman.h>

static const size_t sizes[] = {1, 16, 17, 32, 48, 100, 256, 1000, 4096, 8000, 8192, 8193, 20000, 70000, 1048576, 3000001};
enum { SIZE_COUNT = sizeof sizes / sizeof sizes[0] };

static void check_object(char *object, size_t bytes) {
  size_t usable = gc_size(object);
  require(usable >= bytes);
  size_t step = usable > 16384 ? 509 : 1;
  for (size_t offset = 0; offset < usable; offset += step) require(gc_base(object + offset) == object);
  for (size_t offset = 1; offset < usable; offset += step) require(gc_size(object + offset) == 0);
  require(gc_base(object + usable - 1) == object);
  require(gc_base(object + usable) != object);
  require(gc_base(object - 1) != object);
}

START_TEST(every_address_inside_finds_its_object) {
  for (size_t i = 0; i < SIZE_COUNT; i++) {
    char *scanned = gc_alloc(sizes[i]), *leaf = gc_alloc_leaf(sizes[i]), *root = gc_alloc_root(sizes[i]);
    check_object(scanned, sizes[i]);
    check_object(leaf, sizes[i]);
    check_object(root, sizes[i]);
    gc_collect(GC_COLLECT_FULL);
    check_object(scanned, sizes[i]);
    check_object(leaf, sizes[i]);
    check_object(root, sizes[i]);
  }
}
END_TEST

static void check_foreign(const void *address) {
  require(gc_base(address) == NULL);
  require(gc_size(address) == 0);
}

static void check_foreign_addresses(void) {
  static int static_word;
  int local = 0;
  void *from_malloc = malloc(100), *from_mmap = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check_foreign(NULL);
  check_foreign((void *)1);
  check_foreign((void *)UINTPTR_MAX);
  check_foreign((void *)(UINTPTR_MAX / 2));
  check_foreign((void *)((uintptr_t)1 << 63));
  check_foreign(&static_word);
  check_foreign(&local);
  check_foreign((void *)(uintptr_t)check_foreign);
  check_foreign(from_malloc);
  check_foreign(from_mmap);
  munmap(from_mmap, 8192);
  free(from_malloc);
}

START_TEST(foreign_addresses_before_any_allocation) { check_foreign_addresses(); }
END_TEST

START_TEST(foreign_addresses_beside_a_heap) {
  void *objects[2] = {gc_alloc(100), gc_alloc(100000)};
  check_foreign_addresses();
  for (int bit = 63; bit >= 40; bit--) { /* far from the object, by one bit */
    uintptr_t away = (uintptr_t)objects[0] ^ (uintptr_t)1 << bit;
    if (gc_base((void *)away)) ck_assert_ptr_ne(gc_base((void *)away), objects[0]);
  }
  gc_keep(objects[1]);
}
END_TEST

START_TEST(freed_cells_resolve_to_nothing) {
  for (size_t i = 0; i < SIZE_COUNT; i++) {
    char *object = i % 2 ? gc_alloc(sizes[i]) : gc_alloc_leaf(sizes[i]);
    size_t usable = gc_size(object);
    gc_free(object);
    for (size_t offset = 0; offset < usable; offset += 1 + usable / 300) check_foreign(object + offset);
    gc_collect(GC_COLLECT_FULL);
    check_foreign(object);
  }
  gc_free(NULL);
}
END_TEST

struct exchange {
  atomic_int step;
  char *small, *large;
};

static void wait_for(atomic_int *step, int value) {
  while (atomic_load(step) < value) usleep(100);
}

static void *allocate_and_wait(void *argument) {
  struct exchange *exchange = argument;
  exchange->small = gc_alloc(48);
  exchange->large = gc_alloc_leaf(50000);
  atomic_store(&exchange->step, 1);
  wait_for(&exchange->step, 2);
  void *again[100]; /* the owner goes on in the block where a cell was freed by another thread */
  for (int i = 0; i < 100; i++) require(all_zero(again[i] = gc_alloc(48), 48));
  gc_keep(again[99]);
  return NULL;
}

START_TEST(young_objects_of_other_threads) {
  static struct exchange exchange;
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, allocate_and_wait, &exchange), 0);
  wait_for(&exchange.step, 1);
  check_object(exchange.small, 48);
  check_object(exchange.large, 50000);
  char *small = exchange.small;
  gc_free(exchange.small);
  gc_free(exchange.large);
  check_foreign(small);
  check_foreign(exchange.large);
  atomic_store(&exchange.step, 2);
  pthread_join(thread, NULL);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("identity");
  tcase_add_test(tests, every_address_inside_finds_its_object);
  tcase_add_test(tests, foreign_addresses_before_any_allocation);
  tcase_add_test(tests, foreign_addresses_beside_a_heap);
  tcase_add_test(tests, freed_cells_resolve_to_nothing);
  tcase_add_test(tests, young_objects_of_other_threads);
  return suite_end();
}
