/* The functions of malloc's family as the library preloads them: what the C standard, POSIX and glibc's manual say of
 * each, from one thread and from several, and what a wrong pointer comes to. Run with LD_PRELOAD; with
 * TREFOIL_IGNORE_FREE=1 what depends on free is left out, and tests/malloc/ignored.c has its own. */
#include "preload.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

static volatile size_t too_many = SIZE_MAX, odd = 24; /* so that the compiler does not see them */

static void fill(unsigned char *block, size_t bytes, unsigned seed) {
  for (size_t i = 0; i < bytes; i++) block[i] = (unsigned char)(seed + i * 7);
}

static bool is_filled(const unsigned char *block, size_t bytes, unsigned seed) {
  for (size_t i = 0; i < bytes; i++)
    if (block[i] != (unsigned char)(seed + i * 7)) return false;
  return true;
}

/* From 1 byte to 3 MB. */
static size_t next_size(size_t bytes) {
  return bytes < 64 ? bytes + 1 : bytes + bytes / 7;
}
#define SIZES_MOST ((size_t)3 << 20)

START_TEST(it_is_preloaded) {
  ck_assert_msg(is_preloaded(), "malloc is not that of libtrefoil-malloc.so: run with LD_PRELOAD");
}
END_TEST

START_TEST(blocks_are_aligned_and_apart) {
  unsigned char *blocks[256];
  size_t sizes[256];
  unsigned count = 0;
  for (size_t bytes = 1; bytes <= SIZES_MOST; bytes = next_size(bytes)) {
    blocks[count] = malloc(bytes);
    ck_assert_ptr_nonnull(blocks[count]);
    ck_assert_uint_eq((uintptr_t)blocks[count] % 16, 0);
    ck_assert_uint_ge(malloc_usable_size(blocks[count]), bytes);
    sizes[count] = malloc_usable_size(blocks[count]);
    fill(blocks[count], sizes[count], count);
    count++;
  }
  for (unsigned i = 0; i < count; i++) {
    ck_assert(is_filled(blocks[i], sizes[i], i));
    free(blocks[i]);
  }
}
END_TEST

START_TEST(nothing_is_a_block) {
  void *one = malloc(0), *other = malloc(0), *zeroed = calloc(0, 8);
  ck_assert_ptr_nonnull(one);
  ck_assert_ptr_nonnull(other);
  ck_assert_ptr_nonnull(zeroed);
  ck_assert_ptr_ne(one, other);
  ck_assert_ptr_ne(one, zeroed);
  free(one);
  free(other);
  free(zeroed);
  free(NULL);
  ck_assert_uint_eq(malloc_usable_size(NULL), 0);
}
END_TEST

START_TEST(calloc_is_zero) {
  for (size_t bytes = 1; bytes <= SIZES_MOST; bytes = next_size(bytes)) {
    unsigned char *dirty[4], *clean;
    for (int i = 0; i < 4; i++) {
      dirty[i] = malloc(bytes);
      memset(dirty[i], 0xa5, malloc_usable_size(dirty[i]));
    }
    for (int i = 0; i < 4; i++) free(dirty[i]);
    for (int i = 0; i < 6; i++) {
      clean = calloc(1, bytes);
      ck_assert(clean[0] == 0 && memcmp(clean, clean + 1, bytes - 1) == 0);
      free(clean);
    }
  }
}
END_TEST

START_TEST(failures_set_errno) {
  void *block = malloc(10);
  errno = 0;
  ck_assert_ptr_null(malloc(too_many));
  ck_assert_int_eq(errno, ENOMEM);
  errno = 0;
  ck_assert_ptr_null(malloc(too_many / 2 + 1));
  ck_assert_int_eq(errno, ENOMEM);
  errno = 0;
  ck_assert_ptr_null(malloc(too_many / 4)); /* more than there are addresses */
  ck_assert_int_eq(errno, ENOMEM);
  errno = 0;
  ck_assert_ptr_null(calloc(too_many / 8, 9));
  ck_assert_int_eq(errno, ENOMEM);
  errno = 0;
  ck_assert_ptr_null(reallocarray(block, too_many / 8, 9));
  ck_assert_int_eq(errno, ENOMEM);
  errno = 0;
  ck_assert_ptr_null(realloc(block, too_many / 2 + 1));
  ck_assert_int_eq(errno, ENOMEM);
  memset(block, 1, 10); /* is still there */
  free(block);
}
END_TEST

START_TEST(errno_survives_success) {
  for (size_t bytes = 16; bytes <= (size_t)256 << 20; bytes *= 4) {
    char *block = malloc(bytes);
    ck_assert_ptr_nonnull(block);
    memset(block, 1, bytes);
    errno = EXDEV;
    free(block);
    ck_assert_int_eq(errno, EXDEV);
  }
}
END_TEST

START_TEST(alignments_hold) {
  for (size_t alignment = 8; alignment <= (size_t)4 << 20; alignment *= 2)
    for (size_t bytes = 1; bytes <= 100000; bytes = bytes * 3 + 1) {
      void *blocks[4] = {aligned_alloc(alignment, bytes), memalign(alignment, bytes), memalign(alignment - 3, bytes)};
      ck_assert_int_eq(posix_memalign(&blocks[3], alignment, bytes), 0);
      for (int i = 0; i < 4; i++) {
        ck_assert_ptr_nonnull(blocks[i]);
        ck_assert_uint_eq((uintptr_t)blocks[i] % alignment, 0);
        ck_assert_uint_ge(malloc_usable_size(blocks[i]), bytes);
        memset(blocks[i], i, bytes);
      }
      for (int i = 0; i < 4; i++) free(blocks[i]);
    }
}
END_TEST

START_TEST(wrong_alignments_are_refused) {
  void *block = &block;
  errno = EXDEV;
  ck_assert_int_eq(posix_memalign(&block, odd, 10), EINVAL);
  ck_assert_int_eq(posix_memalign(&block, 4, 10), EINVAL);
  ck_assert_int_eq(posix_memalign(&block, 0, 10), EINVAL);
  ck_assert_int_eq(posix_memalign(&block, 16, too_many), ENOMEM);
  ck_assert_ptr_eq(block, &block);
  ck_assert_int_eq(errno, EXDEV);
  ck_assert_ptr_null(aligned_alloc(odd, 48));
  ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(pages_are_whole) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *one = valloc(10), *other = pvalloc(page + 1);
  ck_assert_uint_eq((uintptr_t)one % page, 0);
  ck_assert_uint_eq((uintptr_t)other % page, 0);
  ck_assert_uint_ge(malloc_usable_size(other), 2 * page);
  free(one);
  free(other);
}
END_TEST

START_TEST(realloc_keeps_contents) {
  for (size_t from = 1; from <= SIZES_MOST / 4; from = from * 2 + 3)
    for (size_t to = 1; to <= SIZES_MOST / 4; to = to * 2 + 5) {
      unsigned char *block = malloc(from), *resized;
      fill(block, from, 3);
      resized = realloc(block, to);
      ck_assert_ptr_nonnull(resized);
      ck_assert_uint_ge(malloc_usable_size(resized), to);
      ck_assert(is_filled(resized, from < to ? from : to, 3));
      fill(resized, to, 4);
      free(resized);
    }
}
END_TEST

START_TEST(realloc_of_nothing_and_to_nothing) {
  void *block = realloc(NULL, 40);
  ck_assert_uint_ge(malloc_usable_size(block), 40);
  ck_assert_ptr_null(realloc(block, 0));
  block = reallocarray(NULL, 10, 10);
  ck_assert_uint_ge(malloc_usable_size(block), 100);
  free(block);
}
END_TEST

/* As text that is added to does. */
START_TEST(realloc_by_small_steps) {
  unsigned char *text = NULL;
  for (size_t bytes = 1; bytes < 3000000; bytes += 1 + bytes / 200) {
    text = realloc(text, bytes);
    text[bytes - 1] = (unsigned char)bytes;
    if (bytes > 1) ck_assert_uint_eq(text[0], 1);
  }
  free(text);
}
END_TEST

/* ---- Threads ---- */

#define WORKERS   4
#define MAILBOXES 64

struct parcel {
  size_t bytes;
  unsigned seed;
  unsigned char contents[];
};
static _Atomic(struct parcel *) mailboxes[MAILBOXES];
static atomic_size_t made, ended;

static void end_parcel(struct parcel *parcel) {
  if (!parcel) return;
  ck_assert(is_filled(parcel->contents, parcel->bytes, parcel->seed));
  atomic_fetch_add(&ended, 1);
  free(parcel);
}

/* Who takes a parcel out of a mailbox is seldom who put it there. */
static void *work(void *argument) {
  unsigned random = (unsigned)(uintptr_t)argument * 7919 + 1;
  for (int i = 0; i < 40000 / test_divisor(); i++) {
    random = random * 1103515245 + 12345;
    size_t bytes = random >> 16 & ((random >> 8 & 63) ? 511 : 0xffff);
    struct parcel *parcel = malloc(sizeof *parcel + bytes);
    parcel->bytes = bytes;
    parcel->seed = random;
    fill(parcel->contents, bytes, random);
    atomic_fetch_add(&made, 1);
    end_parcel(atomic_exchange(&mailboxes[random >> 10 & (MAILBOXES - 1)], parcel));
  }
  return NULL;
}

START_TEST(blocks_go_from_thread_to_thread) {
  pthread_t threads[WORKERS];
  for (uintptr_t i = 0; i < WORKERS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, work, (void *)i), 0);
  for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < MAILBOXES; i++) end_parcel(atomic_exchange(&mailboxes[i], NULL));
  ck_assert_uint_eq(made, ended);
}
END_TEST

/* Destructors that free and allocate in every pass, the last one after the library has let the thread go. */
static pthread_key_t late_key;

static void end_late(void *value) {
  char *next = malloc(100), *own = calloc(1, 3000);
  ck_assert_uint_eq((unsigned char)own[2999], 0);
  free(value);
  own = realloc(own, 9000);
  free(own);
  pthread_setspecific(late_key, next);
}

static void *live_shortly(void *argument) {
  char *block = malloc(200);
  pthread_setspecific(late_key, block);
  for (size_t bytes = 8; bytes < 20000; bytes *= 3) free(malloc(bytes));
  return strdup(argument);
}

START_TEST(threads_come_and_go) {
  ck_assert_int_eq(pthread_key_create(&late_key, end_late), 0);
  size_t before = 0;
  int rounds = 1200 / test_divisor();
  for (int i = 0; i < rounds; i++) {
    pthread_t threads[2];
    void *result;
    for (int j = 0; j < 2; j++) ck_assert_int_eq(pthread_create(&threads[j], NULL, live_shortly, "abc"), 0);
    for (int j = 0; j < 2; j++) {
      pthread_join(threads[j], &result);
      ck_assert_str_eq(result, "abc");
      free(result);
    }
    if (i == rounds / 3) before = resident_bytes();
  }
  if (!ignores_free()) ck_assert_uint_lt(resident_bytes(), before + (4 << 20));
}
END_TEST

/* ---- Forks ---- */

static atomic_bool is_over;

static void *churn(void *unused) {
  while (!is_over) {
    void *blocks[50];
    for (size_t i = 0; i < 50; i++) blocks[i] = malloc(i * i * 9);
    for (size_t i = 0; i < 50; i++) free(blocks[i]);
  }
  return unused;
}

static void live_on(char *text) {
  pthread_t thread;
  for (int i = 0; i < 2000; i++) free(malloc((size_t)i * 11));
  text = realloc(text, 5000);
  is_over = true;
  if (pthread_create(&thread, NULL, churn, NULL) || pthread_join(thread, NULL)) _exit(3);
  _exit(strcmp(text, "before") == 0 ? 0 : 4);
}

START_TEST(children_go_on) {
  pthread_t threads[2];
  is_over = false;
  for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, NULL), 0);
  for (int i = 0; i < 40 / test_divisor() + 2; i++) {
    char *text = strdup("before");
    int status = -1;
    pid_t child = fork();
    if (!child) live_on(text);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    free(text);
  }
  is_over = true;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}
END_TEST

/* ---- Memory goes back ---- */

static void use_and_free(size_t bytes, size_t count) {
  void **blocks = malloc(count * sizeof *blocks);
  for (size_t i = 0; i < count; i++) {
    blocks[i] = malloc(bytes);
    memset(blocks[i], 1, bytes);
  }
  ck_assert_uint_gt(resident_bytes(), bytes * count);
  for (size_t i = 0; i < count; i++) free(blocks[(i * 7919) % count]);
  free(blocks);
}

START_TEST(freed_memory_goes_back) {
  if (ignores_free()) return;
  size_t before = resident_bytes();
  use_and_free(48, 3000017);
  ck_assert_uint_lt(resident_bytes(), before + (40 << 20));
  use_and_free(3000, 60013);
  ck_assert_uint_lt(resident_bytes(), before + (40 << 20));
  use_and_free(500000, 401);
  ck_assert_uint_lt(resident_bytes(), before + (40 << 20));
  malloc_trim(0);
  ck_assert_uint_lt(resident_bytes(), before + (16 << 20));
}
END_TEST

/* ---- Wrong pointers ---- */

static void free_twice(void) {
  char *volatile block = malloc(40);
  free(block);
  free(block);
}
static void free_twice_after_others(void) {
  char *volatile blocks[5000];
  for (int i = 0; i < 5000; i++) blocks[i] = malloc(40);
  for (int i = 0; i < 5000; i += 2) free(blocks[i]);
  for (int i = 0; i < 5000; i += 2) free(blocks[i]);
}
static void *free_in_thread(void *block) {
  free(block);
  return NULL;
}
static void free_twice_in_threads(void) {
  void *volatile block = malloc(40);
  pthread_t thread;
  pthread_create(&thread, NULL, free_in_thread, block);
  pthread_join(thread, NULL);
  free(block);
}
static void free_large_twice(void) {
  char *volatile block = malloc(100000);
  free(block);
  free(block);
}
static void free_inside(void) {
  char *volatile inside = (char *)malloc(400) + 16;
  free(inside);
}
static void free_foreign(void) {
  static char elsewhere[64];
  char *volatile block = elsewhere;
  free(block);
}
static void realloc_freed(void) {
  char *volatile block = malloc(40);
  free(block);
  block = realloc(block, 100);
}

static const struct {
  void (*run)(void);
  const char *function, *said;
} misuses[] = {
    {free_twice, "free", "is freed already"},
    {free_twice_after_others, "free", "is freed already"},
    {free_twice_in_threads, "free", "is freed already"},
    {free_large_twice, "free", "points into free memory"},
    {free_inside, "free", "points 16 bytes into the object at "},
    {free_foreign, "free", "is not in the heap"},
    {realloc_freed, "realloc", "is freed already"},
};

START_TEST(misuse_is_told) {
  char said[512], begin[64];
  if (ignores_free()) return;
  int status = run_captured(misuses[_i].run, said, sizeof said);
  ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x, said: %s", status, said);
  snprintf(begin, sizeof begin, "trefoil: %s: 0x", misuses[_i].function);
  ck_assert_msg(strncmp(said, begin, strlen(begin)) == 0, "said: %s", said);
  ck_assert_msg(strstr(said, misuses[_i].said) != NULL, "said: %s", said);
  ck_assert_msg(strchr(said, '\n') == said + strlen(said) - 1, "not one line: %s", said);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("malloc");
  TCase *tests = tcase_create("family");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, it_is_preloaded);
  tcase_add_test(tests, blocks_are_aligned_and_apart);
  tcase_add_test(tests, nothing_is_a_block);
  tcase_add_test(tests, calloc_is_zero);
  tcase_add_test(tests, failures_set_errno);
  tcase_add_test(tests, errno_survives_success);
  tcase_add_test(tests, alignments_hold);
  tcase_add_test(tests, wrong_alignments_are_refused);
  tcase_add_test(tests, pages_are_whole);
  tcase_add_test(tests, realloc_keeps_contents);
  tcase_add_test(tests, realloc_of_nothing_and_to_nothing);
  tcase_add_test(tests, realloc_by_small_steps);
  tcase_add_test(tests, blocks_go_from_thread_to_thread);
  tcase_add_test(tests, threads_come_and_go);
  tcase_add_test(tests, children_go_on);
  tcase_add_test(tests, freed_memory_goes_back);
  tcase_add_loop_test(tests, misuse_is_told, 0, sizeof misuses / sizeof misuses[0]);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
