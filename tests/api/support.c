/* tests/api/support.c - see support.h. */
#include "support.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

void *held[HELD_LIMIT];

static Suite *the_suite;

TCase *suite_begin(const char *name) {
  the_suite = suite_create(name);
  TCase *tests = tcase_create(name);
  tcase_set_timeout(tests, TEST_SECONDS);
  suite_add_tcase(the_suite, tests);
  return tests;
}

int suite_end(void) {
  SRunner *runner = srunner_create(the_suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool under_valgrind(void) {
  return RUNNING_ON_VALGRIND != 0;
}

unsigned repetitions(unsigned count) {
  const char *text = getenv("TREFOIL_TEST_DIVISOR");
  unsigned divisor = text ? (unsigned)strtoul(text, NULL, 10) : 1;
  return divisor > 1 ? count / divisor + 1 : count;
}

void forget_environment(void) {
  static const char *const names[] = {"TREFOIL_MODE",    "TREFOIL_TRACKING",  "TREFOIL_LIMIT",   "TREFOIL_INITIAL",
                                      "TREFOIL_NURSERY", "TREFOIL_GROWTH",    "TREFOIL_MARKERS", "TREFOIL_LOG",
                                      "TREFOIL_STATS",   "TREFOIL_STRESS",    "TREFOIL_CHECK",   "TREFOIL_GUARD_FREED",
                                      "TREFOIL_SWAP",    "TREFOIL_SWAP_BYTES"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
}

void report_skip(const char *test, const char *reason) {
  size_t length = strlen(test);
  if (length > 3 && strcmp(test + length - 3, "_fn") == 0) length -= 3; /* Check appends this to the test's name */
  printf("skipped: %.*s: %s\n", (int)length, test, reason);
  fflush(stdout);
}

/* ---- Garbage ---- */

static NOT_INLINED struct probe *probe_make(uint64_t tag) {
  struct probe *probe = gc_new(struct probe);
  require(probe != NULL);
  probe->ballast = gc_alloc_leaf(BALLAST_BYTES);
  require(probe->ballast != NULL);
  pattern_fill(probe->ballast, 4096, tag);
  probe->tag = ~tag;
  return probe;
}

NOT_INLINED struct probe *probe_new(uint64_t tag) {
  STAY_DEEP();
  return probe_make(tag);
}

NOT_INLINED struct hidden probe_new_hidden(uint64_t tag) {
  struct hidden hidden = hide(probe_new(tag));
  stack_clear();
  return hidden;
}

void probe_check(const struct probe *probe, uint64_t tag) {
  require(probe->tag == ~tag);
  require(pattern_matches(probe->ballast, 4096, tag));
}

NOT_INLINED void stack_clear(void) {
  volatile char dead[64 * 1024];
  for (size_t i = 0; i < sizeof dead; i += sizeof(uint64_t)) *(volatile uint64_t *)(dead + i) = 0;
  __asm__ volatile("" : : "r"(dead) : "memory");
}

static NOT_INLINED uint64_t live_bytes(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.live_bytes;
}

uint64_t collect(void) { /* keeps its own frame small: what lies in there is not cleared */
  for (int i = 0; i < COLLECTIONS_UNTIL_GONE; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_FULL);
  }
  return live_bytes();
}

uint64_t ballasts(uint64_t before, uint64_t after) {
  return after < before ? 0 : (after - before + BALLAST_BYTES / 2) / BALLAST_BYTES;
}

/* ---- Contents ---- */

/* The top bit of each byte is set, so no eight of them are an address of user space. */
static uint8_t pattern_byte(size_t i, uint64_t seed) {
  return (uint8_t)(0x80 | (seed + i * 37 + (i >> 8)));
}

void pattern_fill(void *memory, size_t bytes, uint64_t seed) {
  uint8_t *to = memory;
  for (size_t i = 0; i < bytes; i++) to[i] = pattern_byte(i, seed);
}

bool pattern_matches(const void *memory, size_t bytes, uint64_t seed) {
  const uint8_t *from = memory;
  for (size_t i = 0; i < bytes; i++)
    if (from[i] != pattern_byte(i, seed)) return false;
  return true;
}

bool all_zero(const void *memory, size_t bytes) {
  const uint8_t *from = memory;
  return bytes == 0 || (from[0] == 0 && memcmp(from, from + 1, bytes - 1) == 0);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
uint64_t random_next(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

/* ---- Processes and output ---- */

void capture_begin(struct capture *capture) {
  fflush(stderr);
  capture->saved_fd = dup(STDERR_FILENO);
  capture->file_fd = memfd_create("stderr", 0);
  ck_assert_int_ge(capture->file_fd, 0);
  ck_assert_int_eq(dup2(capture->file_fd, STDERR_FILENO), STDERR_FILENO);
}

void capture_end(struct capture *capture, char *text, size_t room) {
  fflush(stderr);
  dup2(capture->saved_fd, STDERR_FILENO);
  ssize_t got = pread(capture->file_fd, text, room - 1, 0);
  text[got > 0 ? got : 0] = '\0';
  close(capture->saved_fd);
  close(capture->file_fd);
}

int run_in_child(void (*fn)(void *), void *argument, char *text, size_t room) {
  int file_fd = memfd_create("stderr", 0);
  ck_assert_int_ge(file_fd, 0);
  fflush(NULL);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    dup2(file_fd, STDERR_FILENO);
    fn(argument);
    exit(EXIT_SUCCESS);
  }
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ssize_t got = pread(file_fd, text, room - 1, 0);
  text[got > 0 ? got : 0] = '\0';
  close(file_fd);
  return status;
}

void *shared_memory(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    exit(EXIT_FAILURE);
  }
  return memory;
}

unsigned count_lines(const char *text) {
  unsigned lines = 0;
  for (const char *at = strchr(text, '\n'); at; at = strchr(at + 1, '\n')) lines++;
  return lines;
}

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void sleep_ms(unsigned milliseconds) {
  uint64_t end_ns = now_ns() + milliseconds * UINT64_C(1000000);
  for (uint64_t now = now_ns(); now < end_ns; now = now_ns()) { /* a stop may interrupt the sleep */
    struct timespec rest = {(time_t)((end_ns - now) / 1000000000u), (long)((end_ns - now) % 1000000000u)};
    nanosleep(&rest, NULL);
  }
}

uint64_t process_address_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  if (file) {
    if (fscanf(file, "%lu", &pages) != 1) pages = 0;
    fclose(file);
  }
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
