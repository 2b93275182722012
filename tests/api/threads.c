/* tests/api/threads.c - threads that attach, detach, end, hand objects to each other and collect, all at once; and
 * regions in which a thread is not stopped.
 */
#include "support.h"
#include <semaphore.h>
#include <signal.h>

struct node {
  struct node *next;
  uint64_t tag;
};

static unsigned attached(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.threads;
}

static void start_thread(pthread_t *thread, void *fn(void *), void *argument) {
  ck_assert_int_eq(pthread_create(thread, NULL, fn, argument), 0);
}

/* ---- Attach and detach ---- */

static void *attach_and_detach(void *unused) {
  (void)unused;
  errno = 0;
  require(gc_thread_detach() == EINVAL);
  require(errno == EINVAL);
  for (int i = 0; i < 100; i++) {
    require(gc_thread_attach() == 0);
    require(gc_thread_attach() == 0);
    require(attached() == 2);
    require(gc_thread_detach() == 0);
    require(gc_thread_detach() == EINVAL);
  }
  ck_assert_ptr_nonnull(gc_alloc(16)); /* attaches again */
  require(attached() == 2);
  return NULL;
}

START_TEST(attaching_does_not_nest) {
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_eq(attached(), 1);
  pthread_t thread;
  start_thread(&thread, attach_and_detach, NULL);
  pthread_join(thread, NULL);
  ck_assert_uint_eq(attached(), 1); /* ending detaches */
}
END_TEST

START_TEST(first_thread_may_detach_too) {
  ck_assert_ptr_nonnull(gc_alloc(16));
  ck_assert_int_eq(gc_thread_detach(), 0);
  ck_assert_int_eq(gc_thread_detach(), EINVAL);
  ck_assert_ptr_nonnull(gc_alloc(16));
  ck_assert_uint_eq(attached(), 1);
}
END_TEST

static sem_t ready, go;

static NOT_INLINED void hold_while_detached(void) {
  void *volatile held = probe_new(1); /* on a stack that is not scanned meanwhile */
  require(gc_thread_detach() == 0);
  sem_post(&ready);
  sem_wait(&go);
  held = NULL;
  (void)held;
}

static void *detached_holder(void *unused) {
  (void)unused;
  hold_while_detached();
  return NULL;
}

START_TEST(stack_of_detached_thread_is_not_scanned) {
  sem_init(&ready, 0, 0);
  sem_init(&go, 0, 0);
  uint64_t before = collect();
  pthread_t thread;
  start_thread(&thread, detached_holder, NULL);
  sem_wait(&ready);
  ck_assert_uint_eq(ballasts(before, collect()), 0);
  sem_post(&go);
  pthread_join(thread, NULL);
}
END_TEST

/* ---- gc_thread_create ---- */

static void *check_argument(void *argument) {
  sleep_ms(2); /* long enough for collections before the argument is looked at */
  probe_check(argument, 77);
  return (void *)(uintptr_t)88;
}

START_TEST(argument_is_a_root_until_it_is_taken) {
  for (unsigned i = 0; i < repetitions(60); i++) {
    pthread_t thread;
    void *result;
    ck_assert_int_eq(gc_thread_create(&thread, NULL, check_argument, probe_new(77)), 0);
    collect();
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_uint_eq((uintptr_t)result, 88);
  }
}
END_TEST

static atomic_uint finished;

static void *finish(void *argument) {
  probe_check(argument, 5);
  atomic_fetch_add(&finished, 1);
  return NULL;
}

START_TEST(created_threads_take_attributes) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  for (unsigned i = 0; i < 20; i++) {
    pthread_t thread;
    ck_assert_int_eq(gc_thread_create(&thread, &attributes, finish, probe_new(5)), 0);
    gc_collect(GC_COLLECT_FULL);
  }
  for (int i = 0; atomic_load(&finished) < 20 && i < 10000; i++) sleep_ms(1);
  ck_assert_uint_eq(atomic_load(&finished), 20);
  for (int i = 0; attached() > 1 && i < 10000; i++) sleep_ms(1);
  ck_assert_uint_eq(attached(), 1);
  pthread_attr_destroy(&attributes);
}
END_TEST

START_TEST(failing_creation_reports_and_forgets) {
  if (UNDER_ASAN || UNDER_TSAN) SKIP_TEST("the sanitizer ends the program when a stack cannot be had");
  uint64_t before = collect();
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ck_assert_int_eq(pthread_attr_setstacksize(&attributes, (size_t)1 << 50), 0);
  for (int i = 0; i < 10; i++) {
    pthread_t thread;
    ck_assert_int_eq(gc_thread_create(&thread, &attributes, finish, probe_new(5)), EAGAIN);
  }
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
  ck_assert_uint_eq(attached(), 1);
}
END_TEST

static void *leave_early(void *argument) {
  probe_check(argument, 6);
  pthread_exit((void *)(uintptr_t)7);
}

START_TEST(threads_may_leave_by_pthread_exit) {
  for (unsigned i = 0; i < 20; i++) {
    pthread_t thread;
    void *result;
    ck_assert_int_eq(gc_thread_create(&thread, NULL, leave_early, probe_new(6)), 0);
    collect();
    pthread_join(thread, &result);
    ck_assert_uint_eq((uintptr_t)result, 7);
  }
  ck_assert_uint_eq(attached(), 1);
}
END_TEST

/* ---- Coming and going during collections ---- */

static NOT_INLINED void build_and_check(uint64_t tag, unsigned count) {
  struct node *list = NULL;
  for (unsigned i = 0; i < count; i++) {
    struct node *node = i % 50 ? gc_new(struct node) : gc_alloc(3000);
    require(node != NULL);
    *node = (struct node){list, ~(tag + i)};
    list = node;
  }
  for (unsigned i = count; i-- > 0; list = list->next) require(list->tag == ~(tag + i));
  require(list == NULL);
}

/* Collects until that many threads are done; leaves them some time in between. */
static void collect_until(atomic_uint *done, unsigned count) {
  while (atomic_load(done) < count) {
    gc_collect(GC_COLLECT_FULL);
    usleep(100);
  }
}

static void *short_life(void *argument) {
  build_and_check((uint64_t)(uintptr_t)argument, 200);
  return NULL;
}

static void *start_short_lives(void *argument) {
  for (unsigned i = 0; i < repetitions(200); i++) {
    pthread_t thread;
    if (i % 2)
      start_thread(&thread, short_life, (void *)(uintptr_t)i);
    else
      require(gc_thread_create(&thread, NULL, short_life, (void *)(uintptr_t)i) == 0);
    pthread_join(thread, NULL);
  }
  atomic_fetch_add((atomic_uint *)argument, 1);
  return NULL;
}

START_TEST(threads_come_and_go_during_collections) {
  atomic_uint done = 0;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) start_thread(&threads[i], start_short_lives, &done);
  collect_until(&done, 4);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(attached(), 1);
}
END_TEST

static void *collect_often(void *unused) {
  (void)unused;
  for (unsigned i = 0; i < repetitions(50); i++) {
    build_and_check(i, 500);
    gc_collect(i % 2 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
  }
  return NULL;
}

START_TEST(every_thread_may_collect_at_once) {
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) start_thread(&threads[i], collect_often, NULL);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}
END_TEST

/* ---- Handing objects over ---- */

enum { SLOT_COUNT = 64, HANDING_THREADS = 4 };
static _Atomic(struct node *) slots[SLOT_COUNT];

static NOT_INLINED struct node *make_chain(uint64_t *state) {
  struct node *chain = NULL;
  unsigned length = 1 + (unsigned)(random_next(state) % 30);
  for (unsigned i = 0; i < length; i++) {
    size_t bytes = sizeof(struct node) + random_next(state) % 300;
    struct node *node = gc_alloc(bytes);
    *node = (struct node){chain, ~(uint64_t)(i * 31)};
    chain = node;
  }
  return chain;
}

static void check_chain(const struct node *chain) {
  unsigned length = 0;
  for (const struct node *node = chain; node; node = node->next) length++;
  for (const struct node *node = chain; node; node = node->next) require(node->tag == ~(uint64_t)(--length * 31));
}

static void *hand_over(void *argument) {
  uint64_t state = (uintptr_t)argument;
  unsigned count = repetitions(100000);
  for (unsigned i = 0; i < count; i++) {
    struct node *taken = atomic_exchange(&slots[random_next(&state) % SLOT_COUNT], make_chain(&state));
    check_chain(taken);
    if (taken && i % 7 == 0) { /* freeing what another thread allocated */
      struct node *rest = taken->next;
      gc_free(taken);
      check_chain(rest);
    }
  }
  return NULL;
}

START_TEST(objects_move_between_threads_by_exchange) {
  pthread_t threads[HANDING_THREADS];
  for (uintptr_t i = 0; i < HANDING_THREADS; i++) start_thread(&threads[i], hand_over, (void *)(i + 1));
  for (int i = 0; i < HANDING_THREADS; i++) pthread_join(threads[i], NULL);
  struct gc_stats stats;
  gc_stats(&stats);
  ck_assert_uint_gt(stats.collections_full + stats.collections_minor, 0);
}
END_TEST

struct queue { /* itself an object, that all threads reach through static data */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct node *items[16];
  unsigned first, count, producers;
};
static struct queue *queue;

static void queue_put(struct node *item) {
  pthread_mutex_lock(&queue->lock);
  while (queue->count == 16) pthread_cond_wait(&queue->changed, &queue->lock);
  queue->items[(queue->first + queue->count++) % 16] = item;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
}

static struct node *queue_take(void) {
  struct node *item = NULL;
  pthread_mutex_lock(&queue->lock);
  while (queue->count == 0 && queue->producers > 0) pthread_cond_wait(&queue->changed, &queue->lock);
  if (queue->count > 0) {
    item = queue->items[queue->first];
    queue->items[queue->first] = NULL;
    queue->first = (queue->first + 1) % 16;
    queue->count--;
    pthread_cond_broadcast(&queue->changed);
  }
  pthread_mutex_unlock(&queue->lock);
  return item;
}

static void *produce(void *argument) {
  uint64_t state = (uintptr_t)argument;
  unsigned count = repetitions(20000);
  for (unsigned i = 0; i < count; i++) queue_put(make_chain(&state));
  pthread_mutex_lock(&queue->lock);
  queue->producers--;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
  return NULL;
}

static void *consume(void *unused) {
  (void)unused;
  require(gc_thread_attach() == 0); /* nothing else here calls in */
  uintptr_t taken = 0;
  for (struct node *item = queue_take(); item; item = queue_take(), taken++) check_chain(item);
  return (void *)taken;
}

START_TEST(objects_move_between_threads_by_queue) {
  queue = gc_new(struct queue);
  pthread_mutex_init(&queue->lock, NULL);
  pthread_cond_init(&queue->changed, NULL);
  queue->producers = 2;
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; i++) start_thread(&threads[i], i < 2 ? produce : consume, (void *)(i + 1));
  uintptr_t taken = 0;
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    taken += (uintptr_t)result;
  }
  ck_assert_uint_eq(taken, 2 * repetitions(20000));
}
END_TEST

/* ---- Regions without stops ---- */

struct region {
  struct probe *seen_inside;
  unsigned depth;
};

static void *wait_inside(void *argument) {
  sem_post(&ready);
  sem_wait(&go);
  return argument;
}

static void *block(void *unused) {
  (void)unused;
  struct probe *volatile held = probe_new(11);
  struct probe *returned = gc_blocked(wait_inside, probe_new(12));
  probe_check(held, 11);
  probe_check(returned, 12); /* only the argument held it */
  return NULL;
}

START_TEST(blocked_threads_are_not_waited_for) {
  sem_init(&ready, 0, 0);
  sem_init(&go, 0, 0);
  pthread_t thread;
  start_thread(&thread, block, NULL);
  sem_wait(&ready);
  for (int i = 0; i < 20; i++) {
    build_and_check(1, 1000);
    collect();
  }
  sem_post(&go);
  pthread_join(thread, NULL);
}
END_TEST

static void *block_stop_signals(void *unused) {
  (void)unused;
  sigset_t all;
  sigfillset(&all);
  sigset_t old;
  pthread_sigmask(SIG_BLOCK, &all, &old); /* a stop by signal would wait forever */
  wait_inside(NULL);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return NULL;
}

static void *block_deaf(void *unused) { return gc_blocked(block_stop_signals, unused); }

START_TEST(blocked_threads_need_no_signal) {
  sem_init(&ready, 0, 0);
  sem_init(&go, 0, 0);
  pthread_t thread;
  start_thread(&thread, block_deaf, NULL);
  sem_wait(&ready);
  uint64_t start_ns = now_ns();
  collect();
  ck_assert_uint_lt(now_ns() - start_ns, UINT64_C(2000000000));
  sem_post(&go);
  pthread_join(thread, NULL);
}
END_TEST

static void *blocked_again(void *argument);

static void *unblocked_again(void *argument) {
  struct region *region = argument;
  build_and_check(region->depth, 500);
  struct probe *volatile held = probe_new(region->depth);
  region->seen_inside = probe_new(100 + region->depth);
  gc_collect(GC_COLLECT_FULL);
  if (region->depth++ < 10) require(gc_blocked(blocked_again, region) == region);
  probe_check(held, --region->depth);
  return region;
}

static void *blocked_again(void *argument) { return gc_unblocked(unblocked_again, argument); }

START_TEST(blocked_and_unblocked_nest) {
  struct region region = {NULL, 1};
  ck_assert_ptr_eq(gc_unblocked(unblocked_again, &region), &region); /* outside: a plain call */
  ck_assert_ptr_eq(gc_blocked(blocked_again, &region), &region);
  probe_check(region.seen_inside, 110);
}
END_TEST

static void *hold_a_little(void *argument) {
  build_and_check(*(unsigned *)argument, 20);
  return argument;
}

static void *enter_and_leave(void *argument) { return gc_unblocked(hold_a_little, argument); }

static void *in_and_out(void *argument) {
  for (unsigned i = 0; i < repetitions(3000); i++) {
    build_and_check(i, 20);
    gc_blocked(enter_and_leave, &i);
  }
  atomic_fetch_add((atomic_uint *)argument, 1);
  return NULL;
}

START_TEST(regions_end_during_collections) {
  atomic_uint done = 0;
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) start_thread(&threads[i], in_and_out, &done);
  collect_until(&done, 3);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("threads");
  tcase_add_test(tests, attaching_does_not_nest);
  tcase_add_test(tests, first_thread_may_detach_too);
  tcase_add_test(tests, stack_of_detached_thread_is_not_scanned);
  tcase_add_test(tests, argument_is_a_root_until_it_is_taken);
  tcase_add_test(tests, created_threads_take_attributes);
  tcase_add_test(tests, failing_creation_reports_and_forgets);
  tcase_add_test(tests, threads_may_leave_by_pthread_exit);
  tcase_add_test(tests, threads_come_and_go_during_collections);
  tcase_add_test(tests, every_thread_may_collect_at_once);
  tcase_add_test(tests, objects_move_between_threads_by_exchange);
  tcase_add_test(tests, objects_move_between_threads_by_queue);
  tcase_add_test(tests, blocked_threads_are_not_waited_for);
  tcase_add_test(tests, blocked_threads_need_no_signal);
  tcase_add_test(tests, blocked_and_unblocked_nest);
  tcase_add_test(tests, regions_end_during_collections);
  return suite_end();
}
