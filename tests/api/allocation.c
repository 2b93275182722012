/* tests/api/allocation.c - what gc_alloc and its relatives return: zeroed, aligned, apart from each other, no larger
 * than they need to be, and NULL with the right errno where a request makes no sense.
 */
#include "support.h"

static const size_t large_sizes[] = {8192,  8193,   9000,   12288,  16384,   20000,   65536,          100000,
                                     131072, 262144, 300001, 1048576, 1048577, 5000000, 16u * 1024 * 1024};
enum { LARGE_SIZE_COUNT = sizeof large_sizes / sizeof large_sizes[0] };

/* Sizes that the compiler must not see through: it warns about requests past PTRDIFF_MAX. */
static size_t opaque(size_t bytes) {
  volatile size_t value = bytes;
  return value;
}

static void check_fresh(void *object, size_t bytes) {
  require(object != NULL);
  require((uintptr_t)object % 16 == 0);
  size_t usable = gc_size(object);
  require(usable >= bytes);
  ck_assert_msg(all_zero(object, usable), "an object of %zu bytes is not zeroed", bytes);
}

static NOT_INLINED void allocate_and_soil(void *allocate(size_t), size_t bytes) {
  void *object = allocate(bytes);
  check_fresh(object, bytes);
  pattern_fill(object, gc_size(object), bytes);
}

START_TEST(small_sizes_are_zeroed_and_aligned) {
  size_t step = 9000 / repetitions(9000);
  for (unsigned round = 0; round < 3; round++) {
    for (size_t bytes = 0; bytes <= 9000; bytes += step) {
      allocate_and_soil(gc_alloc, bytes);
      allocate_and_soil(gc_alloc_leaf, bytes);
    }
    collect(); /* the next round gets these cells again */
  }
}
END_TEST

START_TEST(large_sizes_are_zeroed_and_aligned) {
  for (unsigned round = 0; round < 4; round++) {
    for (size_t i = 0; i < LARGE_SIZE_COUNT; i++) {
      allocate_and_soil(gc_alloc, large_sizes[i]);
      allocate_and_soil(gc_alloc_leaf, large_sizes[i]);
    }
    collect();
  }
}
END_TEST

START_TEST(freed_memory_comes_back_zeroed) {
  for (size_t bytes = 1; bytes < 400000; bytes += 1 + bytes / 5) {
    for (unsigned i = 0; i < repetitions(50); i++) {
      char *object = i % 2 ? gc_alloc(bytes) : gc_alloc_leaf(bytes);
      check_fresh(object, bytes);
      pattern_fill(object, gc_size(object), bytes);
      gc_free(object);
    }
  }
}
END_TEST

START_TEST(zero_bytes_give_distinct_objects) {
  char *objects[100];
  for (int i = 0; i < 100; i++) {
    objects[i] = i % 2 ? gc_alloc(opaque(0)) : gc_alloc_leaf(opaque(0));
    check_fresh(objects[i], 1);
    *objects[i] = (char)i;
  }
  for (int i = 0; i < 100; i++) ck_assert_int_eq(*objects[i], i);
}
END_TEST

/* The waste of a size class is at most 12.5 % of it; larger objects take whole pages. */
START_TEST(requests_round_up_by_little) {
  size_t step = 8192 / repetitions(8192);
  for (size_t bytes = 1; bytes <= 8192; bytes += step) {
    void *object = gc_alloc_leaf(bytes);
    require(gc_size(object) <= (bytes * 8 + 6) / 7 + 15);
  }
  for (size_t i = 0; i < LARGE_SIZE_COUNT; i++) {
    void *object = gc_alloc_leaf(large_sizes[i]);
    require(gc_size(object) < large_sizes[i] + 4096);
  }
}
END_TEST

START_TEST(objects_do_not_overlap) {
  unsigned count = repetitions(20000);
  unsigned char **objects = gc_alloc_array(count, sizeof *objects);
  uint64_t state = 42;
  for (unsigned i = 0; i < count; i++) {
    size_t bytes = random_next(&state) % (i % 500 == 0 ? 40000 : 600);
    objects[i] = i % 3 ? gc_alloc(bytes) : gc_alloc_leaf(bytes);
    pattern_fill(objects[i], gc_size(objects[i]), i);
  }
  gc_collect(GC_COLLECT_FULL);
  for (unsigned i = 0; i < count; i++) require(pattern_matches(objects[i], gc_size(objects[i]), i));
}
END_TEST

START_TEST(sixteen_bytes_cost_sixteen) {
  unsigned count = repetitions(100000);
  uint64_t before = collect();
  static void **list; /* each object holds the one before */
  unsigned neighbours = 0;
  for (unsigned i = 0; i < count; i++) {
    void **object = gc_alloc(16);
    require(gc_size(object) == 16);
    neighbours += (char *)object - (char *)list == 16;
    *object = list;
    list = object;
  }
  require(neighbours >= count - count / 50); /* all but those at the ends of holes and blocks */
  uint64_t grown = collect() - before;
  require(grown >= count * 16);
  require(grown <= count * 16 + 8192);
}
END_TEST

static void check_no_memory(void *result) {
  ck_assert_ptr_null(result);
  ck_assert_int_eq(errno, ENOMEM);
  errno = 0;
}

START_TEST(impossible_sizes_fail) {
  errno = 0;
  const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 4096, SIZE_MAX / 2, SIZE_MAX / 2 + 1, (size_t)1 << 60};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    check_no_memory(gc_alloc(opaque(sizes[i])));
    check_no_memory(gc_alloc_leaf(opaque(sizes[i])));
    check_no_memory(gc_alloc_root(opaque(sizes[i])));
    check_no_memory(gc_alloc_aligned(64, opaque(sizes[i])));
  }
  void *object = gc_alloc(100);
  check_fresh(object, 100);
}
END_TEST

START_TEST(array_sizes_that_overflow_fail) {
  errno = 0;
  check_no_memory(gc_alloc_array(opaque(SIZE_MAX / 2), 3));
  check_no_memory(gc_alloc_array(3, opaque(SIZE_MAX / 2)));
  check_no_memory(gc_alloc_array(opaque((size_t)1 << 32), opaque((size_t)1 << 32)));
  check_no_memory(gc_alloc_leaf_array(opaque(SIZE_MAX), opaque(SIZE_MAX)));
  check_no_memory(gc_alloc_leaf_array(opaque(SIZE_MAX / 8 + 1), 8));
  GC_LAYOUT_DEFINE(layout, struct probe, ballast);
  check_no_memory(gc_alloc_typed(&layout, opaque(SIZE_MAX / 8)));
}
END_TEST

START_TEST(arrays) {
  struct probe *array = gc_new_array(struct probe, 1000);
  check_fresh(array, 1000 * sizeof *array);
  check_fresh(gc_alloc_array(0, 8), 0);
  check_fresh(gc_alloc_array(8, 0), 0);
  check_fresh(gc_alloc_leaf_array(opaque(0), opaque(SIZE_MAX)), 0);
  check_fresh(gc_alloc_leaf_array(3, 5), 15);
  check_fresh(gc_new(struct probe), sizeof(struct probe));
}
END_TEST

START_TEST(alignment_of_every_power_of_two) {
  static const size_t sizes[] = {0, 1, 16, 100, 4096, 5000, 8192, 100000};
  for (size_t alignment = 1; alignment <= (size_t)4 << 20; alignment *= 2) {
    void *held[16] = {NULL};
    for (int i = 0; i < 16; i++) {
      size_t bytes = sizes[i % 8];
      held[i] = gc_alloc_aligned(alignment, bytes);
      check_fresh(held[i], bytes);
      require((uintptr_t)held[i] % alignment == 0);
      require(gc_base(held[i]) == held[i]);
      pattern_fill(held[i], bytes, alignment + (size_t)i);
    }
    gc_collect(GC_COLLECT_FULL);
    for (int i = 0; i < 16; i++) require(pattern_matches(held[i], sizes[i % 8], alignment + (size_t)i));
    for (int i = 0; i < 16; i += 2) gc_free(held[i]);
  }
}
END_TEST

START_TEST(wrong_alignments_fail) {
  const size_t wrong[] = {0, 3, 24, 4095, SIZE_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    errno = 0;
    ck_assert_ptr_null(gc_alloc_aligned(wrong[i], 64));
    ck_assert_int_eq(errno, EINVAL);
  }
  check_no_memory(gc_alloc_aligned((size_t)1 << 62, 64)); /* well formed, but not to be had */
}
END_TEST

START_TEST(strings) {
  char *text = gc_strdup("trefoil");
  ck_assert_str_eq(text, "trefoil");
  ck_assert_str_eq(gc_strdup(""), "");
  ck_assert_str_eq(gc_strndup("trefoil", 3), "tre");
  ck_assert_str_eq(gc_strndup("trefoil", 100), "trefoil");
  ck_assert_str_eq(gc_strndup("trefoil", 0), "");
  const char unterminated[4] = {'a', 'b', 'c', 'd'};
  ck_assert_str_eq(gc_strndup(unterminated, 4), "abcd");
  errno = 0;
  ck_assert_ptr_null(gc_strdup(NULL));
  ck_assert_int_eq(errno, 0);
  ck_assert_str_eq(gc_asprintf("%s-%d-%c", "x", 42, 'y'), "x-42-y");
  ck_assert_str_eq(gc_asprintf("%s", ""), "");
  char *wide = gc_asprintf("%*d", 100000, 7);
  ck_assert_uint_eq(strlen(wide), 100000);
  ck_assert_int_eq(wide[99999], '7');
}
END_TEST

START_TEST(memdup_copies) {
  char from[1000];
  pattern_fill(from, sizeof from, 5);
  void *copy = gc_memdup(from, sizeof from);
  ck_assert(pattern_matches(copy, sizeof from, 5));
  ck_assert(all_zero((char *)copy + sizeof from, gc_size(copy) - sizeof from));
  errno = 0;
  ck_assert_ptr_null(gc_memdup(NULL, 0));
  ck_assert_int_eq(errno, 0);
}
END_TEST

struct tree {
  struct tree *left;
  uint64_t number;
  struct tree *right;
};
GC_LAYOUT_DEFINE(tree_layout, struct tree, left, right);

static NOT_INLINED struct tree *tree_build(int depth) {
  struct tree *tree = gc_alloc_typed(&tree_layout, 1);
  tree->number = (uint64_t)depth;
  if (depth > 0) {
    tree->left = tree_build(depth - 1);
    tree->right = tree_build(depth - 1);
  }
  return tree;
}

static unsigned tree_count(const struct tree *tree, int depth) {
  require(tree->number == (uint64_t)depth);
  if (depth == 0) return 1;
  return 1 + tree_count(tree->left, depth - 1) + tree_count(tree->right, depth - 1);
}

START_TEST(typed_objects) {
  ck_assert_uint_eq(tree_layout.bytes, sizeof(struct tree));
  ck_assert_uint_eq(tree_layout.pointer_count, 2);
  ck_assert_uint_eq(tree_layout.pointer_offsets[1], offsetof(struct tree, right));
  struct tree *tree = tree_build(9);
  collect();
  ck_assert_uint_eq(tree_count(tree, 9), (1u << 10) - 1);

  unsigned count = repetitions(3000);
  struct tree *array = gc_alloc_typed(&tree_layout, count);
  check_fresh(array, count * sizeof *array);
  for (unsigned i = 0; i < count; i++) array[i].right = tree_build(1);
  collect();
  for (unsigned i = 0; i < count; i++) tree_count(array[i].right, 1);
}
END_TEST

START_TEST(layouts_are_read_during_the_call_only) {
  size_t offsets[1] = {0};
  struct gc_layout layout = {sizeof(struct probe), 1, offsets};
  struct probe *probe = gc_alloc_typed(&layout, 1);
  memset(&layout, 0xff, sizeof layout);
  offsets[0] = 12345;
  probe->ballast = gc_alloc_leaf(BALLAST_BYTES);
  probe->tag = ~(uint64_t)9;
  pattern_fill(probe->ballast, 4096, 9);
  collect();
  probe_check(probe, 9);
}
END_TEST

/* An address inside: one of its start would keep the object before it as well. */
static NOT_INLINED char *pointer_free_object(void) {
  STAY_DEEP();
  struct gc_layout layout = {24, 0, NULL};
  void **object = gc_alloc_typed(&layout, 1);
  *object = gc_alloc_leaf(BALLAST_BYTES);
  return (char *)object + 8;
}

START_TEST(layout_without_pointers_is_a_leaf) {
  uint64_t before = collect();
  char *object = pointer_free_object();
  ck_assert_uint_eq(ballasts(before, collect()), 0);
  gc_keep(object);
}
END_TEST

static void check_invalid_layout(const struct gc_layout *layout, size_t count) {
  errno = 0;
  ck_assert_ptr_null(gc_alloc_typed(layout, count));
  ck_assert_int_eq(errno, EINVAL);
}

START_TEST(wrong_layouts_fail) {
  static const size_t unaligned[] = {4}, outside[] = {16}, straddling[] = {12}, good[] = {8};
  check_invalid_layout(NULL, 1);
  check_invalid_layout(&(struct gc_layout){0, 0, NULL}, 1);
  check_invalid_layout(&(struct gc_layout){16, 1, NULL}, 1);
  check_invalid_layout(&(struct gc_layout){16, 1, unaligned}, 1);
  check_invalid_layout(&(struct gc_layout){16, 1, outside}, 1);
  check_invalid_layout(&(struct gc_layout){16, 1, straddling}, 1);
  check_invalid_layout(&(struct gc_layout){4, 1, good}, 1);
  check_invalid_layout(&(struct gc_layout){20, 1, good}, 2); /* an array needs bytes that keep pointers aligned */
  ck_assert_ptr_nonnull(gc_alloc_typed(&(struct gc_layout){20, 1, good}, 1));
}
END_TEST

struct many_fields {
  void *f[32];
};
#define F(i) f[i]
GC_LAYOUT_DEFINE(all_fields, struct many_fields, F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7), F(8), F(9), F(10),
                 F(11), F(12), F(13), F(14), F(15), F(16), F(17), F(18), F(19), F(20), F(21), F(22), F(23), F(24),
                 F(25), F(26), F(27), F(28), F(29), F(30), F(31));
GC_LAYOUT_DEFINE(one_field, struct many_fields, F(7));

START_TEST(layout_macro_takes_1_to_32_fields) {
  ck_assert_uint_eq(all_fields.pointer_count, 32);
  for (size_t i = 0; i < 32; i++) ck_assert_uint_eq(all_fields.pointer_offsets[i], i * sizeof(void *));
  ck_assert_uint_eq(one_field.pointer_count, 1);
  ck_assert_uint_eq(one_field.pointer_offsets[0], 7 * sizeof(void *));
  ck_assert_uint_eq(one_field.bytes, sizeof(struct many_fields));
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("allocation");
  tcase_add_test(tests, small_sizes_are_zeroed_and_aligned);
  tcase_add_test(tests, large_sizes_are_zeroed_and_aligned);
  tcase_add_test(tests, freed_memory_comes_back_zeroed);
  tcase_add_test(tests, zero_bytes_give_distinct_objects);
  tcase_add_test(tests, requests_round_up_by_little);
  tcase_add_test(tests, objects_do_not_overlap);
  tcase_add_test(tests, sixteen_bytes_cost_sixteen);
  tcase_add_test(tests, impossible_sizes_fail);
  tcase_add_test(tests, array_sizes_that_overflow_fail);
  tcase_add_test(tests, arrays);
  tcase_add_test(tests, alignment_of_every_power_of_two);
  tcase_add_test(tests, wrong_alignments_fail);
  tcase_add_test(tests, strings);
  tcase_add_test(tests, memdup_copies);
  tcase_add_test(tests, typed_objects);
  tcase_add_test(tests, layouts_are_read_during_the_call_only);
  tcase_add_test(tests, layout_without_pointers_is_a_leaf);
  tcase_add_test(tests, wrong_layouts_fail);
  tcase_add_test(tests, layout_macro_takes_1_to_32_fields);
  return suite_end();
}
