/* tests/api/environment.c - variables that win over the program's options, and one line for each value that is wrong:
 * it names the variable, the value and what is accepted, and the default is taken.
 */
#include "support.h"

static struct gc_stats statistics(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats;
}

static void start_with(const char *name, const char *value, const struct gc_options *options, char *text, size_t room) {
  forget_environment();
  setenv(name, value, 1);
  struct capture capture;
  capture_begin(&capture);
  int error = gc_init(options);
  capture_end(&capture, text, room);
  ck_assert_msg(error == 0, "gc_init answers %d under %s=%s", error, name, value);
}

static void start_silently(const char *name, const char *value, const struct gc_options *options) {
  char text[1000];
  start_with(name, value, options, text, sizeof text);
  ck_assert_msg(text[0] == '\0', "%s=%s: %s", name, value, text);
}

START_TEST(sizes_take_suffixes) {
  static const struct {
    const char *text;
    uint64_t bytes;
  } sizes[] = {{"67108864", 64u << 20}, {"65536K", 64u << 20}, {"64M", 64u << 20}, {"1G", 1u << 30}};
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = 99u << 20;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    start_silently("TREFOIL_LIMIT", sizes[i].text, &options);
    ck_assert_uint_eq(statistics().limit_bytes, sizes[i].bytes);
    ck_assert_int_eq(gc_shutdown(), 0);
  }
}
END_TEST

START_TEST(environment_wins_over_options) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.markers = 3;
  start_silently("TREFOIL_MARKERS", "2", &options);
  ck_assert_uint_eq(statistics().markers, 2);
  ck_assert_int_eq(gc_shutdown(), 0);

  options.initial_bytes = 1 << 20;
  start_silently("TREFOIL_INITIAL", "48M", &options);
  ck_assert_uint_ge(statistics().heap_bytes, 48u << 20);
  ck_assert_int_eq(gc_shutdown(), 0);

  options.initial_bytes = 0;
  options.mode = GC_REFCOUNT;
  start_silently("TREFOIL_MODE", "mark-sweep", &options);
  ck_assert_int_eq(gc_mode(), GC_MARK_SWEEP);
  ck_assert_int_eq(gc_shutdown(), 0);
}
END_TEST

START_TEST(environment_also_rules_the_implicit_start) {
  forget_environment();
  setenv("TREFOIL_LIMIT", "77M", 1);
  ck_assert_ptr_nonnull(gc_alloc(16));
  ck_assert_uint_eq(statistics().limit_bytes, 77u << 20);
}
END_TEST

START_TEST(tracking_and_growth_and_nursery_are_read) {
  start_silently("TREFOIL_TRACKING", "none", NULL);
  ck_assert_int_eq(gc_tracking(), GC_TRACK_NONE);
  ck_assert_int_eq(gc_shutdown(), 0);
  start_silently("TREFOIL_TRACKING", "auto", NULL);
  ck_assert_int_eq(gc_shutdown(), 0);
  start_silently("TREFOIL_GROWTH", "50", NULL);
  ck_assert_int_eq(gc_shutdown(), 0);
  start_silently("TREFOIL_NURSERY", "8M", NULL);
  ck_assert_int_eq(gc_shutdown(), 0);
}
END_TEST

static const struct wrong {
  const char *name, *value, *accepted;
} wrong_values[] = {
    {"TREFOIL_MODE", "fast", "mark-sweep"},
    {"TREFOIL_MODE", "rc", "refcount"},
    {"TREFOIL_MODE", "mark-sweep ", "mark-sweep"},
    {"TREFOIL_TRACKING", "cards", "none"},
    {"TREFOIL_TRACKING", "barrier", "none"}, /* only where the program promised it */
    {"TREFOIL_LIMIT", "lots", "K"},
    {"TREFOIL_LIMIT", "12X", "K"},
    {"TREFOIL_LIMIT", "12MB", "K"},
    {"TREFOIL_LIMIT", "-1", "K"},
    {"TREFOIL_LIMIT", "99999999999999999999", "K"},
    {"TREFOIL_LIMIT", "99999999999999G", "K"},
    {"TREFOIL_INITIAL", "1.5M", "K"},
    {"TREFOIL_NURSERY", "M", "K"},
    {"TREFOIL_GROWTH", "much", "percent"},
    {"TREFOIL_GROWTH", "-5", "percent"},
    {"TREFOIL_MARKERS", "all", "number"},
    {"TREFOIL_MARKERS", "99999999999999999999", "number"},
    {"TREFOIL_LOG", "everything", "gc"},
    {"TREFOIL_STRESS", "free", "alloc"},
    {"TREFOIL_SWAP_BYTES", "all", "K"},
    {"TREFOIL_CHECK", "everything", "heap"},
};

START_TEST(wrong_values_are_named) {
  const struct wrong *wrong = &wrong_values[_i];
  char text[1000];
  start_with(wrong->name, wrong->value, NULL, text, sizeof text);
  ck_assert_msg(count_lines(text) == 1, "%s=%s: not one line: %s", wrong->name, wrong->value, text);
  ck_assert_msg(strncmp(text, "trefoil: ", 9) == 0, "%s", text);
  char *name = strstr(text, wrong->name);
  ck_assert_msg(name != NULL, "%s is not named: %s", wrong->name, text);
  char *value = strstr(name + strlen(wrong->name), wrong->value);
  ck_assert_msg(value != NULL, "the value %s is not named: %s", wrong->value, text);
  ck_assert_msg(strstr(value + strlen(wrong->value), wrong->accepted) != NULL, "what is accepted is not named: %s",
                text);
  ck_assert_int_eq(gc_mode(), GC_GENERATIONAL);
  for (int i = 0; i < 1000; i++) require(gc_alloc(100) != NULL);
  gc_collect(GC_COLLECT_FULL);
}
END_TEST

START_TEST(wrong_value_leaves_the_programs_option) {
  struct gc_options options = GC_OPTIONS_INIT;
  char text[1000];
  options.markers = 2;
  start_with("TREFOIL_MARKERS", "some", &options, text, sizeof text);
  ck_assert_uint_eq(count_lines(text), 1);
  ck_assert_uint_eq(statistics().markers, 2);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("environment");
  tcase_add_test(tests, sizes_take_suffixes);
  tcase_add_test(tests, environment_wins_over_options);
  tcase_add_test(tests, environment_also_rules_the_implicit_start);
  tcase_add_test(tests, tracking_and_growth_and_nursery_are_read);
  tcase_add_loop_test(tests, wrong_values_are_named, 0, (int)(sizeof wrong_values / sizeof wrong_values[0]));
  tcase_add_test(tests, wrong_value_leaves_the_programs_option);
  return suite_end();
}
