/* tests/unit/unit.c - see unit.h. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_SECONDS 60 /* for one test; CK_TIMEOUT_MULTIPLIER stretches it */

int unit_run(const char *name, const TTest *const *tests, size_t count) {
  Suite *suite = suite_create(name);
  TCase *group = tcase_create(name);
  tcase_set_timeout(group, TEST_SECONDS);
  suite_add_tcase(suite, group);
  for (size_t i = 0; i < count; i++) tcase_add_test(group, tests[i]);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void unit_skip(const char *test, const char *reason) {
  size_t length = strlen(test);
  if (length > 3 && strcmp(test + length - 3, "_fn") == 0) length -= 3; /* Check appends this to the test's name */
  printf("skipped: %.*s: %s\n", (int)length, test, reason);
  fflush(stdout);
}

/* Splitmix64 (Steele, Lea and Flood, 2014). */
uint64_t unit_random(uint64_t *state) {
  uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

size_t unit_random_below(uint64_t *state, size_t bound) {
  return unit_random(state) % bound;
}

static int saved_stderr, capture_file;

void unit_capture_begin(void) {
  char path[] = "/tmp/trefoil-unit-XXXXXX";
  fflush(stderr);
  saved_stderr = dup(STDERR_FILENO);
  capture_file = mkstemp(path);
  ck_assert(saved_stderr >= 0 && capture_file >= 0 && unlink(path) == 0);
  ck_assert(dup2(capture_file, STDERR_FILENO) >= 0);
}

void unit_capture_end(char *text, size_t room) {
  fflush(stderr);
  dup2(saved_stderr, STDERR_FILENO);
  ssize_t length = pread(capture_file, text, room - 1, 0);
  text[length > 0 ? length : 0] = 0;
  close(capture_file);
  close(saved_stderr);
}

int unit_in_child(void (*fn)(void *), void *argument, char *text, size_t room) {
  int status = 0;
  unit_capture_begin();
  pid_t child = fork();
  if (child == 0) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    fn(argument);
    _exit(0);
  }
  pid_t waited = child > 0 ? waitpid(child, &status, 0) : -1;
  unit_capture_end(text, room);
  ck_assert(child > 0 && waited == child);
  return status;
}

bool unit_aborts(void (*fn)(void *), void *argument, const char *words) {
  char text[4096];
  int status = unit_in_child(fn, argument, text, sizeof text);
  bool is_so = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, words);
  if (!is_so) fprintf(stderr, "status %d, standard error: %s\n", status, text);
  return is_so;
}

bool unit_all_zero(const void *memory, size_t bytes) {
  const unsigned char *byte = memory;
  return bytes == 0 || (byte[0] == 0 && memcmp(byte, byte + 1, bytes - 1) == 0);
}
