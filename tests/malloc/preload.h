/* tests/malloc/preload.h - for programs that run on libtrefoil-malloc.so by LD_PRELOAD, and know nothing else of it. */
#ifndef TESTS_MALLOC_PRELOAD_H
#define TESTS_MALLOC_PRELOAD_H

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool is_preloaded(void) {
  Dl_info info;
  void *function = dlsym(RTLD_DEFAULT, "malloc");
  return function && dladdr(function, &info) && strstr(info.dli_fname, "libtrefoil-malloc.so");
}

static inline bool ignores_free(void) {
  const char *text = getenv("TREFOIL_IGNORE_FREE");
  return text && strcmp(text, "1") == 0;
}

static inline int test_divisor(void) {
  const char *text = getenv("TREFOIL_TEST_DIVISOR");
  int divisor = text ? atoi(text) : 1;
  return divisor > 0 ? divisor : 1;
}

/* Of the process, now. */
static inline size_t resident_bytes(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  if (file) fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Runs fn in a child; what it said on standard error, and its status as from waitpid. */
static inline int run_captured(void (*fn)(void), char *said, size_t bytes) {
  int ends[2], status = -1;
  size_t length = 0;
  ck_assert_int_eq(pipe(ends), 0);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (!child) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    fn();
    _exit(0);
  }
  close(ends[1]);
  for (ssize_t got; length < bytes - 1 && (got = read(ends[0], said + length, bytes - 1 - length)) > 0;)
    length += (size_t)got;
  said[length] = 0;
  close(ends[0]);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  return status;
}

static inline int run_suite(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}

#endif
