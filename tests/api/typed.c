/* tests/api/typed.c - typed objects: the declared words of an object keep what they point to, all others keep nothing,
 * whatever the object's size and age, also after it was resized; layouts are told apart by content only.
 */
#include "support.h"

struct element {
  uint64_t number;
  void *declared;
  void *hidden; /* not declared */
};
GC_LAYOUT_DEFINE(element_layout, struct element, declared);

enum { ROUNDS = 12, LARGE_COUNT = 3000 };

/* Where one of 1, 2, ... elements is looked at. */
static const size_t counts[] = {1, 2, 3, 40, 341, 342, LARGE_COUNT, 100000};
enum { SIZES = sizeof counts / sizeof counts[0] };

static struct element *arrays[ROUNDS];

static NOT_INLINED void make_arrays(size_t count) {
  STAY_DEEP();
  for (int i = 0; i < ROUNDS; i++) {
    arrays[i] = gc_alloc_typed(&element_layout, count);
    require(arrays[i] != NULL);
  }
}

/* A ballast for each array, in its last element or in the middle. */
static NOT_INLINED void fill_arrays(size_t count, bool is_declared) {
  STAY_DEEP();
  for (int i = 0; i < ROUNDS; i++) {
    struct element *element = &arrays[i][i % 2 ? count - 1 : count / 2];
    void *ballast = gc_alloc_leaf(BALLAST_BYTES);
    require(ballast != NULL);
    pattern_fill(ballast, 4096, (uint64_t)i);
    if (is_declared) element->declared = ballast;
    else element->hidden = ballast;
    element->number = (uint64_t)i;
  }
}

static NOT_INLINED void check_arrays(size_t count) {
  STAY_DEEP();
  for (int i = 0; i < ROUNDS; i++) {
    const struct element *element = &arrays[i][i % 2 ? count - 1 : count / 2];
    require(element->number == (uint64_t)i);
    require(pattern_matches(element->declared, 4096, (uint64_t)i));
  }
}

static NOT_INLINED void collect_minor(void) {
  stack_clear();
  gc_collect(GC_COLLECT_MINOR);
}

static void check_size(size_t count, bool is_old) {
  uint64_t before = collect();
  make_arrays(count);
  uint64_t empty = is_old ? collect() : before;
  fill_arrays(count, true);
  collect_minor();
  check_arrays(count);
  ck_assert_uint_ge(ballasts(empty, collect()), ROUNDS);
  check_arrays(count);
  for (int i = 0; i < ROUNDS; i++) arrays[i][i % 2 ? count - 1 : count / 2].declared = NULL;
  uint64_t dropped = collect();
  ck_assert_uint_le(ballasts(before, dropped), STRAY_BALLASTS + ROUNDS * count * sizeof **arrays / BALLAST_BYTES + 1);
  fill_arrays(count, false);
  collect_minor();
  ck_assert_uint_le(ballasts(dropped, collect()), STRAY_BALLASTS);
  memset(arrays, 0, sizeof arrays);
}

START_TEST(declared_words_alone_keep) {
  check_size(counts[_i], false);
  check_size(counts[_i], true);
}
END_TEST

/* ---- Resizing ---- */

START_TEST(resizing_by_whole_elements) {
  struct element *array = gc_alloc_typed(&element_layout, 1);
  array->number = 77;
  static const size_t wrong[] = {1, 23, 25, 100, 20000};
  for (int i = 0; i < 5; i++) {
    errno = 0;
    ck_assert_ptr_null(gc_realloc(array, wrong[i]));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_eq(gc_base(array), array);
    ck_assert_uint_eq(array->number, 77);
  }
  for (int i = 0; i < SIZES; i++) {
    array = gc_realloc_array(array, counts[i], sizeof *array);
    ck_assert_ptr_nonnull(array);
    ck_assert_uint_eq(array->number, 77);
  }
  array = gc_realloc(array, sizeof *array);
  ck_assert_uint_eq(array->number, 77);
  ck_assert_ptr_nonnull(gc_realloc(array, 0));
}
END_TEST

static NOT_INLINED void resize_all(size_t count) {
  STAY_DEEP();
  for (int i = 0; i < ROUNDS; i++) arrays[i] = gc_realloc_array(arrays[i], count, sizeof **arrays);
}

START_TEST(resized_objects_keep_their_layout) {
  make_arrays(1);
  for (int i = 0; i < 5; i++) {
    resize_all(counts[i] + 1);
    fill_arrays(counts[i] + 1, true);
    uint64_t before = collect();
    check_arrays(counts[i] + 1);
    for (int k = 0; k < ROUNDS; k++) memset(arrays[k], 0, (counts[i] + 1) * sizeof **arrays);
    fill_arrays(counts[i] + 1, false);
    uint64_t after = collect();
    ck_assert_uint_ge(ballasts(after, before), ROUNDS - STRAY_BALLASTS);
    for (int k = 0; k < ROUNDS; k++) memset(arrays[k], 0, (counts[i] + 1) * sizeof **arrays);
  }
}
END_TEST

/* ---- Layouts ---- */

enum { LAYOUTS = 2000, WORDS = 20 };

static NOT_INLINED void make_with_layout(unsigned i, void ***made) {
  size_t offsets[4] = {(i % WORDS) * 8, (i / WORDS % WORDS) * 8, (i / WORDS / WORDS) * 8, (i % WORDS) * 8};
  struct gc_layout layout = {WORDS * 8, 4, offsets}; /* in no order, and one twice */
  *made = gc_alloc_typed(&layout, 1);
  require(*made != NULL);
  for (int k = 0; k < 3; k++) (*made)[offsets[k] / 8] = gc_strdup("kept");
}

START_TEST(layouts_are_told_apart_by_content) {
  void ***objects = gc_alloc_array(LAYOUTS, sizeof *objects);
  for (unsigned round = 0; round < 3; round++) {
    for (unsigned i = 0; i < LAYOUTS; i++) make_with_layout(i, &objects[i]);
    collect();
    for (unsigned i = 0; i < LAYOUTS; i++) {
      require(strcmp(objects[i][i % WORDS], "kept") == 0);
      require(strcmp(objects[i][i / WORDS % WORDS], "kept") == 0);
      require(strcmp(objects[i][i / WORDS / WORDS], "kept") == 0);
    }
  }
  gc_keep(objects);
}
END_TEST

START_TEST(more_layouts_than_have_numbers) {
  if (under_valgrind()) SKIP_TEST("takes long");
  size_t offset = 0;
  void **kept[16];
  for (size_t i = 0; i < 66000; i++) {
    struct gc_layout layout = {8 * (i + 1), 1, &offset};
    kept[i % 16] = gc_alloc_typed(&layout, 0);
    require(kept[i % 16] != NULL);
    if (i % 16 == 0) *kept[0] = gc_strdup("kept");
  }
  collect();
  ck_assert_str_eq(*kept[0], "kept");
}
END_TEST

/* A layout of an element that is no multiple of a pointer, and one of 1,000 words. */
START_TEST(odd_layouts) {
  static size_t many[500];
  for (size_t i = 0; i < 500; i++) many[i] = i * 16;
  void **long_one = gc_alloc_typed(&(struct gc_layout){8000, 500, many}, 1);
  void **longer = gc_alloc_typed(&(struct gc_layout){8000, 500, many}, 100);
  void **odd = gc_alloc_typed(&(struct gc_layout){29, 1, &many[1]}, 1);
  for (size_t i = 0; i < 1000; i++) {
    long_one[i] = i % 2 ? NULL : gc_strdup("kept");
    longer[99000 + i] = long_one[i];
  }
  odd[2] = gc_strdup("odd");
  collect();
  for (size_t i = 0; i < 1000; i += 2) require(strcmp(long_one[i], "kept") == 0);
  memset(long_one, 0, 8000);
  collect();
  for (size_t i = 0; i < 1000; i += 2) require(strcmp(longer[99000 + i], "kept") == 0);
  ck_assert_str_eq(odd[2], "odd");
}
END_TEST

/* ---- Threads ---- */

struct node {
  uint64_t tag;
  struct node *next;
};
GC_LAYOUT_DEFINE(node_layout, struct node, next);

static void *build_lists(void *unused) {
  for (unsigned round = 0; round < repetitions(40); round++) {
    struct node *list = NULL;
    for (uint64_t i = 0; i < 2000; i++) {
      struct node *node = gc_alloc_typed(&node_layout, 1);
      require(node != NULL && node->tag == 0 && node->next == NULL);
      *node = (struct node){i, list};
      list = node;
    }
    for (uint64_t i = 2000; i-- > 0; list = list->next) require(list->tag == i);
  }
  return unused;
}

START_TEST(from_several_threads) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) ck_assert_int_eq(gc_thread_create(&threads[i], NULL, build_lists, NULL), 0);
  build_lists(NULL);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("typed");
  tcase_add_loop_test(tests, declared_words_alone_keep, 0, SIZES);
  tcase_add_test(tests, resizing_by_whole_elements);
  tcase_add_test(tests, resized_objects_keep_their_layout);
  tcase_add_test(tests, layouts_are_told_apart_by_content);
  tcase_add_test(tests, more_layouts_than_have_numbers);
  tcase_add_test(tests, odd_layouts);
  tcase_add_test(tests, from_several_threads);
  return suite_end();
}
