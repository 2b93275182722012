/* tests/api/stores.c - gc_write and its relatives: the plain semantics, arguments evaluated once, every kind of slot. What
 * must not compile is checked by tests/scripts/headers.
 */
#include "support.h"

struct node {
  struct node *next;
  volatile void *other;
  double number;
};

START_TEST(write_stores_and_gives_the_value) {
  struct node *node = gc_new(struct node), *target = gc_new(struct node), *on_stack = NULL;
  static struct node *in_data;
  ck_assert_ptr_eq(gc_write(&node->next, target), target);
  ck_assert_ptr_eq(node->next, target);
  gc_write(&on_stack, node);
  gc_write(&in_data, node);
  ck_assert_ptr_eq(on_stack, in_data);
  gc_write(&node->next, NULL);
  ck_assert_ptr_null(node->next);
  gc_write(&node->number, 2.5);
  ck_assert(node->number == 2.5);
  struct node *volatile slot = NULL;
  gc_write(&slot, target);
  ck_assert_ptr_eq(slot, target);
}
END_TEST

START_TEST(write_evaluates_its_arguments_once) {
  void **array = gc_alloc_array(4, sizeof *array);
  void **slot = array;
  int values = 0;
  gc_write(slot++, (values++, (void *)array));
  ck_assert_ptr_eq(slot, array + 1);
  ck_assert_int_eq(values, 1);
  ck_assert_ptr_eq(array[0], array);
}
END_TEST

START_TEST(write_range_moves_like_memmove) {
  enum { COUNT = 3000 };
  uintptr_t *words = gc_alloc_array(COUNT, sizeof *words), expected[COUNT];
  static const size_t moves[][3] = {{0, 1, 2999},   {1, 0, 2999}, {0, 1500, 1500}, {1500, 0, 1500}, {0, 512, 2000},
                                    {512, 0, 2000}, {7, 7, 100},  {3, 10, 0},      {600, 88, 2048}, {88, 600, 2048}};
  for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
    size_t to = moves[i][0], from = moves[i][1], bytes = moves[i][2] * sizeof *words;
    for (uintptr_t k = 0; k < COUNT; k++) words[k] = expected[k] = ~(k * 13);
    memmove(expected + to, expected + from, bytes);
    gc_write_range(words + to, words + from, bytes);
    ck_assert_mem_eq(words, expected, sizeof expected);
  }
  char text[10] = "abcdefghi";
  gc_write_range(text + 1, text, 5); /* of any alignment, anywhere */
  ck_assert_str_eq(text, "aabcdeghi");
}
END_TEST

static atomic_bool finished;

static void *collect_meanwhile(void *unused) {
  while (!atomic_load(&finished)) {
    gc_collect(GC_COLLECT_FULL);
    usleep(100); /* or the others would hardly run */
  }
  return unused;
}

/* An overlapping move must not hide the one pointer to an object from a stop in its middle. */
START_TEST(write_range_keeps_what_it_moves) {
  enum { COUNT = 5000 };
  struct node **array = gc_alloc_array(COUNT + 1, sizeof *array);
  for (int i = 0; i < COUNT; i++) {
    array[i] = gc_new(struct node);
    array[i]->number = i;
  }
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, collect_meanwhile, NULL), 0);
  for (unsigned round = 0; round < repetitions(2000); round++) {
    gc_write_range(array + 1, array, COUNT * sizeof *array);
    gc_write_range(array, array + 1, COUNT * sizeof *array);
    gc_write(&array[COUNT], (struct node *)NULL);
    for (int i = 0; i < 50; i++) gc_keep(gc_new(struct node));
  }
  atomic_store(&finished, true);
  pthread_join(thread, NULL);
  for (int i = 0; i < COUNT; i++) ck_assert(array[i]->number == i);
}
END_TEST

START_TEST(announcements_take_any_range) {
  char *object = gc_alloc(100000), local[100];
  gc_will_write(object, 100000);
  memset(object, 0, 100000);
  gc_written(object, 100000);
  gc_written(object + 5, 3);
  gc_written(object, 0);
  gc_written(local, sizeof local);
  gc_will_write(local, sizeof local);
  gc_written(NULL, 0);
  _Atomic(void *) slot = NULL;
  atomic_store(&slot, object);
  gc_written((const void *)&slot, sizeof slot);
  gc_collect(GC_COLLECT_FULL);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("stores");
  tcase_add_test(tests, write_stores_and_gives_the_value);
  tcase_add_test(tests, write_evaluates_its_arguments_once);
  tcase_add_test(tests, write_range_moves_like_memmove);
  tcase_add_test(tests, write_range_keeps_what_it_moves);
  tcase_add_test(tests, announcements_take_any_range);
  return suite_end();
}
