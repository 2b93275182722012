/* tests/unit/unit.h - what the unit tests share: the main function, checks that are cheap in loops, children, output.
 *
 * Each program tests one module through its internal header, linked with the static library, where internal names can
 * be reached; folders and file names are those of the module. A test takes its claims from the comments of that header.
 * Check runs each test in a process of its own, so that one may change limits, descriptors and the environment.
 */
#ifndef TREFOIL_TESTS_UNIT_H
#define TREFOIL_TESTS_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* The program: a suite of that name with these tests. Its exit status is 0 if all of them passed. */
#define UNIT_MAIN(name, ...)                                                                                           \
  int main(void) {                                                                                                     \
    const TTest *const tests[] = {__VA_ARGS__};                                                                        \
    return unit_run(name, tests, COUNT_OF(tests));                                                                     \
  }
int unit_run(const char *name, const TTest *const *tests, size_t count);

/* As ck_assert, for loops and threads: Check's own writes a record of each success to a file, under a lock. */
#define require(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) ck_abort_msg("'%s' does not hold", #condition);                                                  \
  } while (0)

/* Fewer of something where a tool makes everything slow. */
static inline unsigned unit_repetitions(unsigned count) {
  return UNDER_TSAN ? (count + 4) / 5 : count;
}

/* For a test that cannot run here: tests/run counts the line as a skipped test. */
void unit_skip(const char *test, const char *reason);
#define SKIP_TEST(reason)                                                                                              \
  do {                                                                                                                 \
    unit_skip(__func__, (reason));                                                                                     \
    return;                                                                                                            \
  } while (0)

/* Random numbers that are the same in each run. */
uint64_t unit_random(uint64_t *state);
size_t unit_random_below(uint64_t *state, size_t bound); /* bound: not 0 */

/* Between the two, standard error goes into a file; the second call gives what was written, as a string. */
void unit_capture_begin(void);
void unit_capture_end(char *text, size_t room);

/* Runs fn(argument) in a child that exits with 0 after it; its standard error lands in text. The wait status. */
int unit_in_child(void (*fn)(void *), void *argument, char *text, size_t room);

/* Whether fn(argument) ends a child by abort(), with these words in its standard error. */
bool unit_aborts(void (*fn)(void *), void *argument, const char *words);

bool unit_all_zero(const void *memory, size_t bytes);

#endif
