/* tests/api/reclaim.c - what is dropped goes, what is held stays: garbage of every shape, leaf objects, pointers inside
 * objects and one past their end, memory that goes back.
 */
#include "support.h"

struct node {
  struct node *next, *other;
  uint64_t number;
};

static uint64_t heap_bytes(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.heap_bytes;
}

/* ---- Garbage ---- */

static NOT_INLINED void churn(size_t total_bytes, size_t most_bytes, uint64_t seed) {
  STAY_DEEP();
  for (size_t done = 0; done < total_bytes;) {
    size_t bytes = random_next(&seed) % most_bytes;
    void **object = bytes % 3 ? gc_alloc(bytes) : gc_alloc_leaf(bytes);
    require(object != NULL);
    *object = object;
    done += bytes + 16;
  }
}

START_TEST(memory_stays_bounded) {
  for (unsigned i = 0; i < repetitions(32); i++) churn(8 << 20, 500, i + 1);
  ck_assert_uint_le(heap_bytes(), 96 << 20);
}
END_TEST

START_TEST(memory_stays_bounded_with_large_objects) {
  for (unsigned i = 0; i < repetitions(64); i++) churn(16 << 20, 1 << 20, i + 1);
  ck_assert_uint_le(heap_bytes(), 128 << 20);
}
END_TEST

static NOT_INLINED void loop(unsigned count) { /* a ring: each object is referred to */
  STAY_DEEP();
  struct node *first = gc_new(struct node), *last = first;
  for (unsigned i = 1; i < count; i++) {
    last->next = gc_new(struct node);
    last->next->other = last;
    last = last->next;
  }
  last->next = first;
}

START_TEST(cycles_are_reclaimed) {
  for (unsigned i = 0; i < repetitions(400); i++) loop(20000);
  ck_assert_uint_le(heap_bytes(), 64 << 20);
}
END_TEST

static struct node *static_list;

static NOT_INLINED void list_build(unsigned count) {
  STAY_DEEP();
  for (unsigned i = 0; i < count; i++) {
    struct node *node = gc_new(struct node);
    *node = (struct node){static_list, NULL, i};
    static_list = node;
  }
}

/* Cuts the list apart, so that one stale word cannot keep it all. */
static NOT_INLINED void list_drop(void) {
  while (static_list) {
    struct node *next = static_list->next;
    if (static_list->number % 100 == 0) static_list->next = NULL;
    static_list = next;
  }
}

START_TEST(long_list_lives_and_dies) {
  enum { COUNT = 1000000 }; /* marking it must not recurse */
  uint64_t before = collect();
  list_build(COUNT);
  uint64_t held = collect();
  require(held - before >= COUNT * sizeof(struct node));
  unsigned number = COUNT;
  for (struct node *node = static_list; node; node = node->next) require(node->number == --number);
  require(number == 0);
  static_list = NULL;
  require(collect() <= before + 65536);
}
END_TEST

static NOT_INLINED void drop_probes(unsigned count) {
  STAY_DEEP();
  for (unsigned i = 0; i < count; i++) probe_new(i);
}

START_TEST(dropped_objects_are_gone_after_full_collections) {
  uint64_t before = collect();
  drop_probes(20);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}
END_TEST

START_TEST(memory_goes_back_to_the_system) {
  for (int i = 0; i < 64; i++) held[i] = gc_alloc(1 << 20);
  list_build(repetitions(1000000));
  uint64_t full = heap_bytes();
  memset(held, 0, sizeof held);
  list_drop();
  for (int i = 0; i < 40 && heap_bytes() > full / 2; i++) {
    collect();
    sleep_ms(50);
  }
  ck_assert_uint_le(heap_bytes(), full / 2);
}
END_TEST

/* ---- gc_free ---- */

START_TEST(freed_memory_is_used_again_without_a_collection) {
  gc_disable();
  uint64_t before = heap_bytes();
  for (size_t bytes = 16; bytes < 3000000; bytes *= 3) {
    for (size_t done = 0; done < repetitions(64) * (size_t)(1 << 20); done += bytes) gc_free(gc_alloc(bytes));
  }
  ck_assert_uint_le(heap_bytes(), before + (64 << 20));
}
END_TEST

START_TEST(freeing_keeps_what_it_referred_to) {
  void **holder = gc_alloc(16);
  struct probe *probe = probe_new(3);
  *holder = probe;
  gc_free(holder);
  collect();
  probe_check(probe, 3);
}
END_TEST

/* ---- Leaf objects ---- */

/* An address inside a leaf: one of its start would keep the object before it as well. */
static NOT_INLINED char *leaf_with_probe(size_t bytes) {
  STAY_DEEP();
  void **leaf = gc_alloc_leaf(bytes);
  *leaf = probe_new(1);
  return (char *)leaf + 8;
}

START_TEST(leaf_objects_are_not_scanned) {
  uint64_t before = collect();
  char *small = leaf_with_probe(64), *large = leaf_with_probe(100000);
  ck_assert_uint_eq(ballasts(before, collect()), 0);
  gc_keep(small);
  gc_keep(large);
}
END_TEST

START_TEST(scanned_objects_are_scanned_to_their_end) {
  static const size_t bytes[] = {16, 24, 48, 1000, 8192, 9000, 100000, 3000000};
  static void **holders[8];
  for (int i = 0; i < 8; i++) {
    holders[i] = i % 2 ? gc_alloc(bytes[i]) : gc_memdup(gc_alloc(bytes[i]), bytes[i]);
    holders[i][bytes[i] / sizeof(void *) - 1] = probe_new((uint64_t)i);
  }
  collect();
  churn(4 << 20, 500, 1);
  for (int i = 0; i < 8; i++) probe_check(holders[i][bytes[i] / sizeof(void *) - 1], (uint64_t)i);
}
END_TEST

/* ---- Pointers inside ---- */

static const size_t holder_bytes[] = {16, 24, 32, 48, 160, 1000, 4096, 8000, 8192, 8193, 12288, 40000, 262144, 1500000};
enum { HOLDER_COUNT = sizeof holder_bytes / sizeof holder_bytes[0] };

/* Objects whose first word holds a probe; the caller gets an address at the given share of each, or their end. */
static NOT_INLINED void holders_make(char *addresses[HOLDER_COUNT], unsigned eighths) {
  STAY_DEEP();
  for (size_t i = 0; i < HOLDER_COUNT; i++) {
    void **holder = gc_alloc(holder_bytes[i]);
    *holder = probe_new(i);
    size_t usable = gc_size(holder);
    addresses[i] = (char *)holder + (eighths == 8 ? usable : usable * eighths / 8);
  }
}

static void holders_check(char *addresses[HOLDER_COUNT], unsigned eighths) {
  for (size_t i = 0; i < HOLDER_COUNT; i++) {
    char *start = eighths == 8 ? gc_base(addresses[i] - 1) : gc_base(addresses[i]);
    ck_assert_ptr_nonnull(start);
    ck_assert_uint_ge(gc_size(start), holder_bytes[i]);
    probe_check(*(void **)start, i);
  }
}

START_TEST(pointers_into_objects_keep_them) { /* _i eighths; 8 is one past the end */
  static char *in_static_data[HOLDER_COUNT];
  char *on_stack[HOLDER_COUNT];
  holders_make(in_static_data, (unsigned)_i);
  holders_make(on_stack, (unsigned)_i);
  for (int round = 0; round < 3; round++) {
    collect();
    churn(4 << 20, 500, 7);
    holders_check(in_static_data, (unsigned)_i);
    holders_check(on_stack, (unsigned)_i);
  }
}
END_TEST

/* Enough neighbours for every position in a block, its last cell included. */
START_TEST(ends_of_all_cells_keep_them) {
  enum { COUNT = 20000 };
  static char *ends[COUNT];
  static const size_t bytes[] = {16, 32, 112, 1024, 8192};
  size_t step = bytes[_i];
  unsigned count = step > 1000 ? 2000 : COUNT;
  for (unsigned i = 0; i < count; i++) {
    char *object = step % 3 ? gc_alloc_leaf(step) : gc_alloc(step);
    pattern_fill(object, step, i);
    ends[i] = object + gc_size(object);
  }
  collect();
  churn(16 << 20, 2 * step, 7); /* would take the cells, were they free */
  for (unsigned i = 0; i < count; i++) require(pattern_matches(ends[i] - gc_size(gc_base(ends[i] - 1)), step, i));
}
END_TEST

START_TEST(pointers_in_objects_may_point_inside) {
  static char **table;
  table = gc_alloc_array(HOLDER_COUNT, sizeof *table);
  holders_make(table, 4);
  collect();
  churn(4 << 20, 500, 7);
  holders_check(table, 4);
}
END_TEST

START_TEST(interior_in_heap_can_be_switched_off) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.interior_in_heap = false;
  ck_assert_int_eq(gc_init(&options), 0);
  uint64_t before = collect();
  static char **starts, **inside, *root_inside[HOLDER_COUNT];
  starts = gc_alloc_array(HOLDER_COUNT, sizeof *starts);
  inside = gc_alloc_array(HOLDER_COUNT, sizeof *inside);
  holders_make(starts, 0);
  holders_make(root_inside, 4); /* roots keep on being looked at word by word */
  uint64_t held = collect();
  ck_assert_uint_ge(ballasts(before, held), 2 * HOLDER_COUNT);
  holders_make(inside, 4);
  uint64_t after = collect();
  ck_assert_uint_le(ballasts(held, after), STRAY_BALLASTS);
  holders_check(starts, 0);
  holders_check(root_inside, 4);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("reclaim");
  tcase_add_test(tests, memory_stays_bounded);
  tcase_add_test(tests, memory_stays_bounded_with_large_objects);
  tcase_add_test(tests, cycles_are_reclaimed);
  tcase_add_test(tests, long_list_lives_and_dies);
  tcase_add_test(tests, dropped_objects_are_gone_after_full_collections);
  tcase_add_test(tests, memory_goes_back_to_the_system);
  tcase_add_test(tests, freed_memory_is_used_again_without_a_collection);
  tcase_add_test(tests, freeing_keeps_what_it_referred_to);
  tcase_add_test(tests, leaf_objects_are_not_scanned);
  tcase_add_test(tests, scanned_objects_are_scanned_to_their_end);
  tcase_add_loop_test(tests, pointers_into_objects_keep_them, 0, 9);
  tcase_add_loop_test(tests, ends_of_all_cells_keep_them, 0, 5);
  tcase_add_test(tests, pointers_in_objects_may_point_inside);
  tcase_add_test(tests, interior_in_heap_can_be_switched_off);
  return suite_end();
}
