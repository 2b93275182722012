/* tests/api/support.h - what the tests at the public interface share.
 *
 * A conservative collector may keep what a stale word in a stack or register points to. The tests that expect
 * something to be reclaimed therefore make garbage in functions that are not inlined, know it by hidden addresses only,
 * and hang a ballast of BALLAST_BYTES on it: whether it lives shows in live_bytes, far above any noise.
 *
 * Each test runs in a process of its own (Check forks), so that each starts with a collector that is not running.
 * Environment: TREFOIL_TEST_DIVISOR divides the number of repetitions, for slow tools like Valgrind.
 */
#ifndef TREFOIL_TESTS_API_SUPPORT_H
#define TREFOIL_TESTS_API_SUPPORT_H

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <trefoil/gc.h>
#include <trefoil/stats.h>

#ifdef __clang__
#define NOT_INLINED __attribute__((noinline))
#else
#define NOT_INLINED __attribute__((noinline, noclone))
#endif

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

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

/* Whether the library is instrumented as well, not only the tests. */
#ifndef LIBRARY_UNDER_TSAN
#define LIBRARY_UNDER_TSAN 0
#endif

enum {
  BALLAST_BYTES = 1 << 20,
  HELD_LIMIT = 40000,
  STRAY_BALLASTS = 3,         /* of ten or more dropped ones, what stale words may keep; sanitizers leave more of them */
  COLLECTIONS_UNTIL_GONE = 3, /* what is dropped must be gone after so many full collections, in every mode */
  TEST_SECONDS = 60           /* for one test; CK_TIMEOUT_MULTIPLIER stretches it */
};

/* ---- Suites ---- */

TCase *suite_begin(const char *name);
int suite_end(void); /* runs the tests; the exit status */

bool under_valgrind(void);
unsigned repetitions(unsigned count); /* count divided by TREFOIL_TEST_DIVISOR, at least 1 */
void forget_environment(void);        /* unsets every variable that the library reads */

/* For a test that cannot run here: tests/run counts the line as a skipped test. */
void report_skip(const char *test, const char *reason);
#define SKIP_TEST(reason)                                                                                              \
  do {                                                                                                                 \
    report_skip(__func__, (reason));                                                                                   \
    return;                                                                                                            \
  } while (0)

/* As ck_assert, for loops and threads: Check's own writes a record of each success to a file, under a lock. */
#define require(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) ck_abort_msg("'%s' does not hold", #condition);                                                  \
  } while (0)

/* ---- Hidden addresses and garbage ---- */

/* An address in a form that no scan takes for one. */
struct hidden {
  uintptr_t word;
};
static inline struct hidden hide(const void *pointer) { return (struct hidden){~(uintptr_t)pointer}; }
static inline void *reveal(struct hidden hidden) { return (void *)~hidden.word; }

/* In a function that makes garbage: keeps what its callees leave on the stack away from the frames that collect() uses
 * later, whose padding is cleared by nobody. */
#define STAY_DEEP()                                                                                                    \
  volatile char gap_[4096];                                                                                            \
  __asm__ volatile("" : : "r"(gap_) : "memory")

/* An object that shows whether it lives: it alone holds a leaf of BALLAST_BYTES. */
struct probe {
  void *ballast;
  uint64_t tag;
};
struct probe *probe_new(uint64_t tag);
struct hidden probe_new_hidden(uint64_t tag); /* nothing in the caller's frames or registers holds it */
void probe_check(const struct probe *probe, uint64_t tag);

/* Static data that the compiler cannot see through: it drops static arrays that are only written. */
extern void *held[HELD_LIMIT];

void stack_clear(void);          /* overwrites dead words below the caller's frame */
uint64_t collect(void);          /* clears the stack, collects until garbage is gone; live bytes after it */
uint64_t ballasts(uint64_t before, uint64_t after); /* how many ballasts live_bytes grew by, rounded */

/* ---- Contents ---- */

/* Fills memory with bytes that depend on the seed; a word of them is never an address. */
void pattern_fill(void *memory, size_t bytes, uint64_t seed);
bool pattern_matches(const void *memory, size_t bytes, uint64_t seed);
bool all_zero(const void *memory, size_t bytes);
uint64_t random_next(uint64_t *state);

/* ---- Processes and output ---- */

struct capture {
  int saved_fd, file_fd;
};
void capture_begin(struct capture *capture); /* standard error goes to a file from here on */
void capture_end(struct capture *capture, char *text, size_t room);

/* Runs fn in a child that exits with 0 after it; its standard error lands in text. Result: the wait status. */
int run_in_child(void (*fn)(void *), void *argument, char *text, size_t room);
void *shared_memory(size_t bytes); /* that children share with this process */
unsigned count_lines(const char *text);
uint64_t now_ns(void);
void sleep_ms(unsigned milliseconds);

/* Current size and resident size of this process, from /proc. */
uint64_t process_address_bytes(void);

#endif
