/* tests/api/faults.h - programs that are expected to die of a fault, or by abort(), with one line on standard error: each
 * in a child process, which tells this one the address of the object first.
 */
#ifndef TREFOIL_TESTS_API_FAULTS_H
#define TREFOIL_TESTS_API_FAULTS_H

#include "support.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char **told_object; /* shared with the children */
static char fault_text[8000];

static inline void tell_object(char *object) { *told_object = object; }

__attribute__((noinline, no_sanitize("address", "thread"))) static void write_byte(char *at) { *(volatile char *)at = 1; }
__attribute__((noinline, no_sanitize("address", "thread"))) static void read_byte(const char *at) {
  gc_keep((void *)(uintptr_t) * (const volatile char *)at);
}

/* Whether the system can read a byte there: it does not fault. */
static inline bool is_readable(const char *at) {
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  ssize_t written = write(ends[1], at, 1);
  close(ends[0]);
  close(ends[1]);
  return written == 1;
}

static inline int run_dying(void fn(void *), void *argument) {
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (!told_object) told_object = shared_memory(sizeof *told_object);
  return run_in_child(fn, argument, fault_text, sizeof fault_text);
}

/* fn dies of SIGSEGV and says that it touched what lies `at` bytes behind the told object: format gets the object's
 * address and size. A sanitizer has a handler of its own, which gets the fault after ours and says more. */
static inline void check_fault(void fn(void *), void *argument, ptrdiff_t at, const char *format, size_t bytes) {
  char place[300], expected[400];
  int status = run_dying(fn, argument);
  snprintf(place, sizeof place, format, (void *)*told_object, bytes);
  snprintf(expected, sizeof expected, "trefoil: fault at %p: %s\n", (void *)(*told_object + at), place);
  if (UNDER_ASAN || UNDER_TSAN) {
    ck_assert_msg(status != 0 && strncmp(fault_text, expected, strlen(expected)) == 0, "%#x, %s: %s", (unsigned)status,
                  expected, fault_text);
    return;
  }
  ck_assert_str_eq(fault_text, expected);
  ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %#x", (unsigned)status);
}

/* fn ends by abort() with one line, which begins and ends so; `begin` may name the object by %p. */
static inline void check_abort(void fn(void *), void *argument, const char *begin, const char *end) {
  char first[300], last[300];
  int status = run_dying(fn, argument);
  snprintf(first, sizeof first, begin, (void *)*told_object);
  snprintf(last, sizeof last, end, (void *)*told_object);
  ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x: %s", (unsigned)status, fault_text);
  size_t length = strlen(fault_text);
  ck_assert_uint_eq(count_lines(fault_text), 1);
  ck_assert_msg(strncmp(fault_text, first, strlen(first)) == 0 && length >= strlen(last) &&
                    strcmp(fault_text + length - strlen(last), last) == 0,
                "%s%s: %s", first, last, fault_text);
}

#endif
