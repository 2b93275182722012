/* tests/api/forks.c - parent and child both go on after a fork: allocating, collecting, with threads, from any thread,
 * in the middle of other threads' allocations and collections.
 */
#include "support.h"
#include <spawn.h>
#include <sys/wait.h>

struct node {
  struct node *next;
  uint64_t tag;
};

static struct node *kept;

static unsigned list_length;

static NOT_INLINED void keep_list(unsigned count) {
  for (unsigned i = 0; i < repetitions(count); i++) {
    struct node *node = gc_new(struct node);
    *node = (struct node){kept, ~(uint64_t)list_length++};
    kept = node;
  }
}

static bool list_is_whole(void) {
  unsigned count = list_length;
  for (struct node *node = kept; node; node = node->next)
    if (node->tag != ~(uint64_t)--count) return false;
  return count == 0;
}

static NOT_INLINED bool churn(unsigned count) {
  for (unsigned i = 0; i < repetitions(count); i++) {
    size_t bytes = 16 + i % 700;
    char *object = i % 2 ? gc_alloc(bytes) : gc_alloc_leaf(bytes);
    if (!object || !all_zero(object, bytes)) return false;
    pattern_fill(object, bytes, i);
  }
  return true;
}

static void *churn_in_thread(void *unused) {
  (void)unused;
  return churn(5000) ? &kept : NULL;
}

/* What a child does; its exit status says which step went wrong. */
static int live_on(void) {
  struct gc_stats stats;
  if (!list_is_whole()) return 1;
  gc_stats(&stats);
  if (stats.threads != 1) return 2;
  if (!churn(30000)) return 3;
  gc_collect(GC_COLLECT_FULL);
  if (!list_is_whole()) return 4;
  if (UNDER_TSAN || UNDER_ASAN)
    return 0; /* no new threads there: the allocator of either may be locked since the fork */
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    void *result = NULL;
    if (gc_thread_create(&thread, NULL, churn_in_thread, NULL) != 0) return 5;
    gc_collect(GC_COLLECT_FULL);
    pthread_join(thread, &result);
    if (!result) return 6;
  }
  kept = NULL;
  gc_collect(GC_COLLECT_FULL);
  return churn(10000) ? 0 : 7;
}

static void check_status(pid_t child) {
  int status = 0;
  pid_t ended;
  do ended = waitpid(child, &status, 0);
  while (ended < 0 && errno == EINTR);
  if (ended != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    ck_abort_msg("the child ended with status %#x", (unsigned)status);
}

static void fork_and_check(void) {
  pid_t child = fork();
  require(child >= 0);
  if (child == 0) _exit(live_on());
  check_status(child);
  require(list_is_whole());
}

START_TEST(both_go_on) {
  keep_list(20000);
  for (int i = 0; i < 5; i++) {
    fork_and_check();
    ck_assert(churn(10000));
    gc_collect(GC_COLLECT_FULL);
  }
}
END_TEST

START_TEST(child_starts_the_collector_itself) {
  fork_and_check(); /* the parent has not used it yet */
  keep_list(10);
  fork_and_check();
}
END_TEST

START_TEST(memory_is_not_shared) {
  keep_list(100);
  pid_t child = fork();
  if (child == 0) {
    for (struct node *node = kept; node; node = node->next) node->tag = 0;
    gc_collect(GC_COLLECT_FULL);
    _exit(churn(1000) ? 0 : 1);
  }
  check_status(child);
  ck_assert(list_is_whole());
}
END_TEST

START_TEST(children_of_children) {
  keep_list(1000);
  pid_t child = fork();
  if (child == 0) {
    if (!churn(1000)) _exit(20);
    pid_t grandchild = fork();
    if (grandchild == 0) _exit(live_on());
    int status;
    waitpid(grandchild, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 21);
  }
  check_status(child);
}
END_TEST

/* ---- From a process with threads ---- */

static atomic_bool finished;

static void *allocate_meanwhile(void *unused) {
  while (!atomic_load(&finished)) require(churn(1000));
  return unused;
}

static void *collect_meanwhile(void *unused) {
  while (!atomic_load(&finished)) {
    gc_collect(GC_COLLECT_FULL);
    usleep(100); /* or the others would hardly run */
  }
  return unused;
}

static void fork_beside(void *first(void *), void *second(void *)) {
  pthread_t threads[2];
  keep_list(5000);
  ck_assert_int_eq(pthread_create(&threads[0], NULL, first, NULL), 0);
  ck_assert_int_eq(pthread_create(&threads[1], NULL, second, NULL), 0);
  for (unsigned i = 0; i < repetitions(30); i++) fork_and_check();
  atomic_store(&finished, true);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

START_TEST(beside_allocating_threads) {
  fork_beside(allocate_meanwhile, allocate_meanwhile);
}
END_TEST

START_TEST(beside_collecting_threads) {
  fork_beside(collect_meanwhile, allocate_meanwhile);
}
END_TEST

static void *fork_in_thread(void *unused) {
  require(gc_thread_attach() == 0);
  for (unsigned i = 0; i < repetitions(10); i++) fork_and_check();
  return unused;
}

START_TEST(from_other_threads) {
  pthread_t threads[2];
  keep_list(1000);
  for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, fork_in_thread, NULL), 0);
  for (int i = 0; i < 20; i++) {
    ck_assert(churn(1000));
    gc_collect(GC_COLLECT_FULL);
  }
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}
END_TEST

static void *fork_unattached(void *unused) {
  fork_and_check();
  return unused;
}

START_TEST(from_a_thread_that_is_not_attached) {
  pthread_t thread;
  keep_list(1000);
  ck_assert_int_eq(pthread_create(&thread, NULL, fork_unattached, NULL), 0);
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(child_may_end_the_collector) { /* the other threads are not in the child */
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, allocate_meanwhile, NULL), 0);
  ck_assert(churn(100000));
  pid_t child = fork();
  if (child == 0) {
    if (gc_shutdown() != 0) _exit(1);
    _exit(gc_init(NULL) == 0 && churn(1000) && gc_shutdown() == 0 ? 0 : 2);
  }
  check_status(child);
  atomic_store(&finished, true);
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(other_programs_can_be_started) {
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, collect_meanwhile, NULL), 0);
  for (int i = 0; i < 5; i++) {
    pid_t child;
    char *arguments[] = {"true", NULL};
    ck_assert(churn(1000));
    ck_assert_int_eq(posix_spawnp(&child, "true", NULL, NULL, arguments, NULL), 0);
    check_status(child);
    ck_assert_int_eq(system("exit 0"), 0);
  }
  atomic_store(&finished, true);
  pthread_join(thread, NULL);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("forks");
  tcase_add_test(tests, both_go_on);
  tcase_add_test(tests, child_starts_the_collector_itself);
  tcase_add_test(tests, memory_is_not_shared);
  tcase_add_test(tests, children_of_children);
  tcase_add_test(tests, beside_allocating_threads);
  tcase_add_test(tests, beside_collecting_threads);
  tcase_add_test(tests, from_other_threads);
  tcase_add_test(tests, from_a_thread_that_is_not_attached);
  tcase_add_test(tests, child_may_end_the_collector);
  tcase_add_test(tests, other_programs_can_be_started);
  return suite_end();
}
