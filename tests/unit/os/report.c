/* tests/unit/os/report.c - lines on standard error: whole, short enough, and with errno kept. */
#include "../unit.h"
#include "base/check.h"
#include "os/report.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

START_TEST(a_line_has_a_prefix_and_one_newline) {
  char text[2048];
  unit_capture_begin();
  errno = EXDEV;
  gc__report("%s is %d", "seven", 7);
  gc__report("%s", "");
  int error = errno;
  unit_capture_end(text, sizeof text);
  ck_assert_str_eq(text, "trefoil: seven is 7\ntrefoil: \n");
  ck_assert_int_eq(error, EXDEV);
}
END_TEST

START_TEST(long_lines_are_cut) {
  char text[4096], words[2000];
  memset(words, 'x', sizeof words - 1);
  words[sizeof words - 1] = 0;
  unit_capture_begin();
  gc__report("%s", words);
  gc__report("next");
  unit_capture_end(text, sizeof text);
  char *end = strchr(text, '\n');
  ck_assert_ptr_nonnull(end);
  ck_assert_str_eq(end, "\ntrefoil: next\n");
  ck_assert_uint_ge((size_t)(end - text), 400);
  ck_assert_uint_le((size_t)(end - text), 511);
  ck_assert_uint_eq(strspn(text + strlen("trefoil: "), "x"), (size_t)(end - text) - strlen("trefoil: "));
}
END_TEST

START_TEST(a_closed_standard_error_is_survived) {
  int saved = dup(STDERR_FILENO);
  errno = EXDEV;
  close(STDERR_FILENO);
  gc__report("nobody reads this");
  int error = errno;
  dup2(saved, STDERR_FILENO);
  ck_assert_int_eq(error, EXDEV);
}
END_TEST

START_TEST(lines_are_put_together_without_printf) {
  char text[2048], expected[200];
  struct gc__line line;
  unit_capture_begin();
  gc__line_begin(&line);
  gc__line_add(&line, "at ");
  gc__line_add_address(&line, 0x12abcdef);
  gc__line_add(&line, ": ");
  gc__line_add_number(&line, 0);
  gc__line_add(&line, " ");
  gc__line_add_number(&line, SIZE_MAX);
  gc__line_write(&line);
  gc__line_begin(&line);
  for (int i = 0; i < 200; i++) gc__line_add(&line, "abcdef");
  gc__line_write(&line);
  unit_capture_end(text, sizeof text);
  snprintf(expected, sizeof expected, "trefoil: at 0x12abcdef: 0 %zu\ntrefoil: abc", SIZE_MAX);
  ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
  ck_assert_uint_eq(strlen(strchr(text, '\n') + 1), sizeof line.text);
}
END_TEST

static void misuse(void *argument) {
  gc__misuse("%s: %p: went wrong", "gc_test", argument);
}
static void fail_check(void *argument) {
  gc__check_failed("file.c", 12, argument);
}
static void break_invariant(void *argument) {
  gc__verify(argument != NULL, "test.name");
}
static void break_claim(void *argument) {
  GC__CHECK(argument == NULL);
}

START_TEST(misuse_and_broken_invariants_abort) {
  static char one[1], text[4096];
  ck_assert(unit_aborts(misuse, (void *)0x10, "trefoil: gc_test: 0x10: went wrong\n"));
  ck_assert(unit_aborts(fail_check, "a claim", "trefoil: internal check failed: file.c:12: a claim\n"));
  ck_assert(unit_aborts(break_invariant, NULL, "trefoil: the heap is damaged: [test.name] does not hold\n"));
  ck_assert_int_eq(unit_in_child(break_invariant, one, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(checks_are_of_builds_with_checks) {
  char text[4096], one;
  ck_assert_int_eq(unit_in_child(break_claim, NULL, text, sizeof text), 0);
#if TREFOIL_CHECKS
  ck_assert(unit_aborts(break_claim, &one, "argument == ")); /* the claim is named; NULL may be expanded */
#else
  ck_assert_int_eq(unit_in_child(break_claim, &one, text, sizeof text), 0);
#endif
}
END_TEST

UNIT_MAIN("os/report", a_line_has_a_prefix_and_one_newline, long_lines_are_cut, lines_are_put_together_without_printf,
          a_closed_standard_error_is_survived, misuse_and_broken_invariants_abort, checks_are_of_builds_with_checks)
