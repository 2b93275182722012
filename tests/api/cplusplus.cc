/* tests/api/cplusplus.cc - the interface as C++17 sees it: options, gc_write as a template, and exceptions that
 * leave the out-of-memory handler.
 */
#include <check.h>
#include <new>
#include <trefoil/gc.h>
#include <trefoil/stats.h>

namespace {

struct node {
  node *next;
  const node *constant;
  int number;
};

GC_LAYOUT_DEFINE(node_layout, node, next, constant);

void start_with_limit() {
  gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = 32u << 20;
  ck_assert_int_eq(gc_init(&options), 0);
}

START_TEST(options_and_allocation) {
  start_with_limit();
  node *first = gc_new(node), *array = gc_new_array(node, 10);
  auto *typed = static_cast<node *>(gc_alloc_typed(&node_layout, 1));
  ck_assert_int_eq(node_layout.pointer_count, 2);
  first->next = &array[3];
  array[3].next = typed;
  typed->number = 7;
  gc_collect(GC_COLLECT_FULL);
  ck_assert_int_eq(first->next->next->number, 7);
  ck_assert_str_eq(gc_asprintf("%s %d", "leaf", 3), "leaf 3");
}
END_TEST

START_TEST(write_is_a_template) {
  node *a = gc_new(node), *b = gc_new(node);
  ck_assert(gc_write(&a->next, b) == b);
  gc_write(&a->constant, b);
  ck_assert(a->next == b && a->constant == b);
  gc_write(&a->next, nullptr);
  ck_assert(a->next == nullptr);
  gc_write(&a->number, 5);
  ck_assert_int_eq(a->number, 5);
  int slots = 0, values = 0;
  gc_write((slots++, &a->next), (values++, b));
  ck_assert_int_eq(slots, 1);
  ck_assert_int_eq(values, 1);
}
END_TEST

void *throw_bad_alloc(size_t) { throw std::bad_alloc(); }

START_TEST(handler_may_throw) {
  start_with_limit();
  gc_set_oom_handler(throw_bad_alloc);
  for (int i = 0; i < 20; i++) {
    bool is_caught = false;
    try {
      gc_keep(gc_alloc(size_t(64) << 20));
    } catch (const std::bad_alloc &) {
      is_caught = true;
    }
    ck_assert(is_caught);
    ck_assert(gc_alloc(1000) != nullptr); /* nothing stayed locked */
    gc_collect(GC_COLLECT_FULL);
  }
}
END_TEST

} // namespace

int main() {
  Suite *suite = suite_create("cplusplus");
  TCase *tests = tcase_create("cplusplus");
  tcase_add_test(tests, options_and_allocation);
  tcase_add_test(tests, write_is_a_template);
  tcase_add_test(tests, handler_may_throw);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? 0 : 1;
}
