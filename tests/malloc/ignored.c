/* A program whose calls of free are ignored, and which is collected instead: what any memory of its leads to stays,
 * what none leads to goes. Run with LD_PRELOAD and TREFOIL_IGNORE_FREE=1, in each mode. */
#include "preload.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#define LIST_LENGTH 2000

struct link {
  struct link *next;
  size_t number;
  unsigned char *text;
};

static struct link *make_list(size_t seed) {
  struct link *list = NULL;
  for (size_t i = 0; i < LIST_LENGTH; i++) {
    struct link *link = malloc(sizeof *link);
    *link = (struct link){list, seed + i, malloc(seed % 50 + 20)};
    memset(link->text, (int)(seed + i), 20);
    list = link;
  }
  return list;
}

static bool is_whole(const struct link *list, size_t seed) {
  size_t i = LIST_LENGTH;
  for (; list; list = list->next) {
    if (!i-- || list->number != seed + i) return false;
    for (int at = 0; at < 20; at++)
      if (list->text[at] != (unsigned char)(seed + i)) return false;
  }
  return i == 0;
}

/* So much that what is not kept is gone, and other objects lie where it was. */
static void use_up(size_t megabytes) {
  for (size_t used = 0; used < megabytes << 20;) {
    size_t bytes = 16 + used % 300;
    unsigned char *block = malloc(bytes);
    memset(block, 0xee, bytes);
    free(block);
    used += bytes;
  }
}
#define MUCH (1024 / (size_t)test_divisor() + 64)

/* Not inlined: nothing of a list is left in the caller's frame. */
#define APART __attribute__((noinline))

static struct link *in_static_data;
static _Thread_local struct link *in_thread_local;
static struct link **in_mapping, **in_break, **in_private_file;

static APART void keep_everywhere(void) {
  in_static_data = make_list(1);
  in_thread_local = make_list(2);
  in_mapping = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  in_mapping[77777] = make_list(3);
  in_break = sbrk(65536);
  in_break[5000] = make_list(4);
  char name[] = "/tmp/trefoil-test-XXXXXX";
  int file = mkstemp(name);
  ck_assert_int_eq(ftruncate(file, 5000), 0);
  in_private_file = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0); /* reaches beyond the file */
  in_private_file[1] = make_list(5);
  unlink(name);
  close(file);
}

START_TEST(what_any_memory_leads_to_stays) {
  keep_everywhere();
  struct link *volatile on_stack = make_list(6);
  for (int i = 0; i < 3; i++) {
    use_up(MUCH / 3);
    ck_assert(is_whole(in_static_data, 1));
    ck_assert(is_whole(in_thread_local, 2));
    ck_assert(is_whole(in_mapping[77777], 3));
    ck_assert(is_whole(in_break[5000], 4));
    ck_assert(is_whole(in_private_file[1], 5));
    ck_assert(is_whole(on_stack, 6));
  }
}
END_TEST

START_TEST(the_rest_goes) {
  size_t before = resident_bytes();
  use_up(4 * MUCH);
  for (size_t i = 0; i < MUCH / 20; i++) memset(malloc(4 << 20), 1, 4 << 20);
  ck_assert_uint_lt(resident_bytes(), before + ((size_t)512 << 20));
}
END_TEST

START_TEST(free_does_nothing) {
  struct link *volatile list = make_list(9);
  for (struct link *link = list, *next; link; link = next) {
    next = link->next;
    free(link->text);
    free(link);
    free(link); /* what is wrong otherwise is so not here */
  }
  use_up(MUCH / 4);
  ck_assert(is_whole(list, 9));
}
END_TEST

START_TEST(resized_blocks_are_whole) {
  struct link **volatile table = NULL;
  for (size_t i = 1; i <= 300; i++) {
    table = realloc(table, i * sizeof *table);
    table[i - 1] = i % 50 ? malloc(i) : make_list(i);
  }
  use_up(MUCH / 4);
  for (size_t i = 50; i <= 300; i += 50) ck_assert(is_whole(table[i - 1], i));
}
END_TEST

/* ---- Threads ---- */

static sem_t is_set, may_end;
static pthread_key_t key;

struct given {
  struct link *list;
  size_t seed;
};

/* Allocates nothing before it waits: it is known from its beginning. */
static void *wait_with_list(void *argument) {
  struct given *given = argument;
  struct link *volatile list = given->list;
  size_t seed = given->seed;
  given->list = NULL;
  sem_post(&is_set);
  while (sem_wait(&may_end)) continue;
  return is_whole(list, seed) ? argument : NULL;
}

static void *keep_as_specific(void *argument) {
  struct given *given = argument;
  pthread_setspecific(key, make_list(given->seed));
  in_thread_local = make_list(given->seed + 1);
  sem_post(&is_set);
  while (sem_wait(&may_end)) continue;
  use_up(MUCH / 16);
  return is_whole(pthread_getspecific(key), given->seed) && is_whole(in_thread_local, given->seed + 1) ? argument
                                                                                                       : NULL;
}

static APART void hand_over(struct given *given, size_t seed) {
  *given = (struct given){make_list(seed), seed};
}

START_TEST(threads_keep_what_is_theirs) {
  pthread_t threads[8];
  struct given given[8];
  void *result;
  sem_init(&is_set, 0, 0);
  sem_init(&may_end, 0, 0);
  pthread_key_create(&key, NULL);
  for (size_t i = 0; i < 8; i++) {
    hand_over(&given[i], 100 * (i + 1));
    ck_assert_int_eq(pthread_create(&threads[i], NULL, i % 2 ? keep_as_specific : wait_with_list, &given[i]), 0);
  }
  for (int i = 0; i < 8; i++)
    while (sem_wait(&is_set)) continue;
  use_up(MUCH / 2);
  for (int i = 0; i < 8; i++) sem_post(&may_end);
  for (int i = 0; i < 8; i++) {
    pthread_join(threads[i], &result);
    ck_assert_ptr_eq(result, &given[i]);
  }
}
END_TEST

/* ---- Forks ---- */

START_TEST(children_are_collected) {
  struct link *volatile list = make_list(31);
  for (int i = 0; i < 3; i++) {
    int status = -1;
    pid_t child = fork();
    if (!child) {
      use_up(MUCH / 4);
      _exit(is_whole(list, 31) && resident_bytes() < (size_t)600 << 20 ? 0 : 3);
    }
    use_up(MUCH / 8);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(is_whole(list, 31));
  }
}
END_TEST

/* Where no file can be opened, nothing is known of the roots: nothing is collected until one can be. */
START_TEST(nothing_goes_without_files) {
  struct link **kept = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  static int files[1 << 16];
  int count = 0;
  kept[10] = make_list(41);
  while (count < 1 << 16 && (files[count] = dup(0)) >= 0) count++;
  use_up(12); /* a collection is due, and is tried again at each step from then on */
  ck_assert(is_whole(kept[10], 41));
  size_t without = resident_bytes();
  while (count) close(files[--count]);
  ck_assert_uint_eq(without, 0); /* no file for that either: there were none */
  use_up(MUCH / 2);
  ck_assert(is_whole(kept[10], 41));
  ck_assert_uint_lt(resident_bytes(), (size_t)600 << 20);
}
END_TEST

static void say_what_is_accepted(void) {
  execl("/bin/sh", "sh", "-c", ":", (char *)NULL);
}

START_TEST(a_wrong_value_is_named) {
  char said[512];
  setenv("TREFOIL_IGNORE_FREE", "yes", 1);
  ck_assert_int_eq(run_captured(say_what_is_accepted, said, sizeof said), 0);
  ck_assert_str_eq(said, "trefoil: TREFOIL_IGNORE_FREE=yes: not understood; 0 and 1 are. free is honoured\n");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("free ignored");
  TCase *tests = tcase_create("ignored");
  if (!is_preloaded() || !ignores_free()) {
    fprintf(stderr, "run with LD_PRELOAD=libtrefoil-malloc.so TREFOIL_IGNORE_FREE=1\n");
    return 1;
  }
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, what_any_memory_leads_to_stays);
  tcase_add_test(tests, the_rest_goes);
  tcase_add_test(tests, free_does_nothing);
  tcase_add_test(tests, resized_blocks_are_whole);
  tcase_add_test(tests, threads_keep_what_is_theirs);
  tcase_add_test(tests, children_are_collected);
  tcase_add_test(tests, nothing_goes_without_files);
  tcase_add_test(tests, a_wrong_value_is_named);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
