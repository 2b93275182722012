/* tests/api/finalizers.c - finalizers: each runs once, in order, when its object is unreachable and not before; what
 * they may do; who runs them. Tests that look at the order run them by hand.
 */
#include "support.h"
#include <sys/wait.h>
#include <trefoil/weak.h>

enum { COUNT = 1000, STRAY = 12, LINKS = 3 };

struct node {
  struct node *links[LINKS];
  uint64_t number, canary;
};

static struct node *nodes[COUNT];
static atomic_uint runs[COUNT], order_length;
static unsigned order[COUNT];

static void do_nothing(void *object, void *data) {
  (void)object, (void)data;
}

static void start(enum gc_finalize finalize, bool at_shutdown) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.finalize = finalize;
  options.finalize_at_shutdown = at_shutdown;
  ck_assert_int_eq(gc_init(&options), 0);
}

static void note_run(void *object, void *data) {
  struct node *node = object;
  require(node->canary == ~node->number && gc_base(node) == node);
  for (int i = 0; i < LINKS; i++) require(!node->links[i] || node->links[i]->canary == ~node->links[i]->number);
  require(data == NULL || *(uint64_t *)data == node->number);
  atomic_fetch_add(&runs[node->number], 1);
  order[atomic_fetch_add(&order_length, 1) % COUNT] = (unsigned)node->number;
}

static NOT_INLINED struct node *new_node(uint64_t number) {
  struct node *node = gc_new(struct node);
  require(node != NULL);
  node->number = number;
  node->canary = ~number;
  return node;
}

static NOT_INLINED void make_nodes(unsigned count) {
  STAY_DEEP();
  for (unsigned i = 0; i < count; i++) {
    nodes[i] = new_node(i);
    require(gc_finalizer_set(nodes[i], note_run, NULL) == 0);
  }
}

static NOT_INLINED void drop_nodes(unsigned from, unsigned end) {
  for (unsigned i = from; i < end; i++) nodes[i] = NULL;
}

static NOT_INLINED void collect_minor(void) {
  stack_clear();
  gc_collect(GC_COLLECT_MINOR);
}

static unsigned count_runs(unsigned from, unsigned end) {
  unsigned count = 0;
  for (unsigned i = from; i < end; i++) {
    require(runs[i] <= 1);
    count += runs[i];
  }
  return count;
}

/* ---- Once, and not too early ---- */

START_TEST(runs_once_when_the_object_is_dead) {
  start(GC_FINALIZE_MANUAL, false);
  make_nodes(COUNT);
  for (int i = 0; i < 3; i++) collect_minor();
  collect();
  ck_assert_uint_eq(gc_finalizers_pending(), 0);
  ck_assert_uint_eq(gc_finalizers_run(), 0);
  drop_nodes(0, COUNT / 2);
  collect();
  size_t pending = gc_finalizers_pending();
  ck_assert_uint_ge(pending, COUNT / 2 - STRAY);
  struct gc_stats stats;
  gc_stats(&stats);
  ck_assert_uint_eq(stats.finalizers_pending, pending);
  ck_assert_uint_eq(count_runs(0, COUNT), 0);
  ck_assert_uint_eq(gc_finalizers_run(), pending);
  ck_assert_uint_eq(count_runs(0, COUNT / 2), pending);
  ck_assert_uint_eq(count_runs(COUNT / 2, COUNT), 0);
  for (int i = 0; i < 3; i++) {
    collect();
    gc_finalizers_run();
  }
  ck_assert_uint_le(count_runs(0, COUNT / 2), COUNT / 2);
}
END_TEST

START_TEST(young_objects_are_queued_by_minor_collections) {
  start(GC_FINALIZE_MANUAL, false);
  make_nodes(COUNT);
  drop_nodes(0, COUNT / 2);
  collect_minor();
  ck_assert_uint_ge(gc_finalizers_pending(), COUNT / 2 - STRAY);
  collect_minor();
  collect();
  ck_assert_uint_ge(gc_finalizers_run(), COUNT / 2 - STRAY);
}
END_TEST

START_TEST(memory_comes_back_after_the_run) {
  start(GC_FINALIZE_MANUAL, false);
  uint64_t before = collect();
  make_nodes(20);
  for (int i = 0; i < 20; i++) nodes[i]->links[0] = (struct node *)probe_new(1);
  for (int i = 0; i < 20; i++) gc_finalizer_set(nodes[i], NULL, NULL); /* links are no nodes here */
  for (int i = 0; i < 20; i++) require(gc_finalizer_set(nodes[i], do_nothing, NULL) == 0);
  drop_nodes(0, 20);
  ck_assert_uint_ge(ballasts(before, collect()), 20);
  ck_assert_uint_ge(gc_finalizers_run(), 20 - 2);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}
END_TEST

START_TEST(taken_back_and_replaced) {
  static uint64_t numbers[COUNT];
  start(GC_FINALIZE_MANUAL, false);
  make_nodes(COUNT);
  for (unsigned i = 0; i < COUNT; i++) {
    numbers[i] = i;
    if (i % 4 == 0) require(gc_finalizer_set(nodes[i], NULL, NULL) == 0);
    if (i % 4 == 1) require(gc_finalizer_set(nodes[i], note_run, &numbers[i]) == 0);
    if (i % 4 == 2) gc_free(nodes[i]);
    if (i % 4 == 3) nodes[i] = gc_realloc(nodes[i], 300 + i);
  }
  drop_nodes(0, COUNT);
  for (int i = 0; i < 2; i++) {
    collect();
    gc_finalizers_run();
  }
  for (unsigned i = 0; i < COUNT; i++) require(runs[i] <= (i % 2));
  ck_assert_uint_ge(count_runs(0, COUNT), COUNT / 2 - STRAY);
}
END_TEST

/* ---- Data ---- */

static NOT_INLINED void make_with_data(void) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    uint64_t *number = gc_alloc_leaf(sizeof *number);
    *number = i;
    nodes[i] = new_node(i);
    require(gc_finalizer_set(nodes[i], note_run, number) == 0);
  }
}

START_TEST(data_is_kept) {
  start(GC_FINALIZE_MANUAL, false);
  make_with_data();
  for (int i = 0; i < 2; i++) {
    collect_minor();
    for (unsigned k = 0; k < COUNT; k++) gc_keep(gc_alloc_leaf(8));
  }
  collect();
  drop_nodes(0, COUNT / 2);
  collect_minor();
  collect();
  for (unsigned k = 0; k < COUNT; k++) gc_keep(gc_alloc_leaf(8));
  gc_finalizers_run();
  ck_assert_uint_ge(count_runs(0, COUNT), COUNT / 2 - STRAY);
  drop_nodes(0, COUNT);
  collect();
  gc_finalizers_run();
  ck_assert_uint_ge(count_runs(0, COUNT), COUNT - STRAY);
}
END_TEST

START_TEST(data_that_leads_to_the_object_keeps_it) {
  start(GC_FINALIZE_MANUAL, false);
  make_nodes(100);
  for (unsigned i = 0; i < 100; i++) require(gc_finalizer_set(nodes[i], note_run, nodes[i]) == 0);
  drop_nodes(0, 100);
  collect_minor();
  collect();
  ck_assert_uint_eq(gc_finalizers_run(), 0);
}
END_TEST

/* ---- Order ---- */

static bool reaches[COUNT][COUNT];

static void find_reachability(unsigned count) {
  for (unsigned k = 0; k < count; k++)
    for (unsigned i = 0; i < count; i++)
      for (unsigned j = 0; reaches[i][k] && j < count; j++) reaches[i][j] |= reaches[k][j];
}

/* Every fifth node has no finalizer, and some links lead through further objects. */
static NOT_INLINED void make_graph(unsigned count, unsigned link_percent, bool is_dag, uint64_t seed) {
  STAY_DEEP();
  uint64_t state = seed;
  memset(reaches, 0, sizeof reaches);
  for (unsigned i = 0; i < count; i++) nodes[i] = new_node(i);
  for (unsigned i = 0; i < count; i++) {
    for (unsigned k = 0; k < LINKS; k++) {
      unsigned to = (unsigned)(random_next(&state) % count);
      if (random_next(&state) % 100 >= link_percent || (is_dag && to <= i)) continue;
      struct node *through = nodes[to];
      if (random_next(&state) % 2) {
        through = new_node(i);
        gc_write(&through->links[1], nodes[to]);
      }
      gc_write(&nodes[i]->links[k], through);
      reaches[i][to] = true;
    }
  }
  for (unsigned k = 0; k < count; k++) {
    unsigned i = k * 7 % count; /* the order of registration; count is no multiple of 7 */
    if (i % 5) require(gc_finalizer_set(nodes[i], note_run, NULL) == 0);
  }
}

static void check_order(unsigned count) {
  find_reachability(count);
  for (unsigned a = 0; a < order_length; a++)
    for (unsigned b = a + 1; b < order_length; b++) {
      unsigned first = order[a], later = order[b];
      if (reaches[later][first]) require(reaches[first][later]); /* a cycle */
      if (!reaches[first][later] || !reaches[later][first]) continue;
      unsigned turn_first = 0, turn_later = 0;
      for (unsigned k = 0; k < count; k++) {
        if (k * 7 % count == first) turn_first = k;
        if (k * 7 % count == later) turn_later = k;
      }
      require(turn_first < turn_later);
    }
}

/* A stray word keeps some, and what they lead to: those run later. Epochs queue one layer at a time. */
static void check_graph(unsigned count, unsigned link_percent, bool is_dag, bool is_old, uint64_t seed) {
  make_graph(count, link_percent, is_dag, seed);
  if (is_old) collect_minor();
  drop_nodes(0, count);
  order_length = 0;
  memset(runs, 0, sizeof runs);
  stack_clear();
  gc_collect(GC_COLLECT_FULL);
  if (gc_finalizers_pending() < count * 4 / 5 - STRAY && gc_mode() != GC_REFCOUNT) ck_assert_uint_ge(link_percent, 20);
  gc_finalizers_run();
  check_order(count);
  for (int i = 0; i < 20; i++) {
    collect();
    gc_finalizers_run();
  }
  if (link_percent < 20) ck_assert_uint_ge(count_runs(0, count), count * 4 / 5 - STRAY);
  collect();
}

START_TEST(referrers_run_first) {
  start(GC_FINALIZE_MANUAL, false);
  for (uint64_t seed = 1; seed <= repetitions(12); seed++) {
    check_graph(100, 5, false, seed % 2, seed);
    check_graph(100, 30, false, seed % 2, seed + 100);
    check_graph(100, 60, true, seed % 2, seed + 200);
    check_graph(100, 80, false, seed % 2, seed + 300);
  }
}
END_TEST

/* One list through all, and a ring: the deepest graphs. */
static NOT_INLINED void make_list(bool is_ring) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) nodes[i] = new_node(i);
  for (unsigned i = 0; i + 1 < COUNT; i++) gc_write(&nodes[i]->links[0], nodes[i + 1]);
  if (is_ring) gc_write(&nodes[COUNT - 1]->links[0], nodes[0]);
  for (unsigned k = 0; k < COUNT; k++) require(gc_finalizer_set(nodes[k * 7 % COUNT], note_run, NULL) == 0);
}

START_TEST(lists_and_rings_in_order) {
  start(GC_FINALIZE_MANUAL, false);
  for (int is_ring = 0; is_ring < 2; is_ring++) {
    make_list(is_ring);
    order_length = 0;
    memset(runs, 0, sizeof runs);
    collect_minor();
    drop_nodes(0, COUNT);
    for (unsigned i = 0; i < COUNT + 2 && order_length < COUNT; i++) {
      stack_clear();
      gc_collect(GC_COLLECT_FULL);
      gc_finalizers_run();
    }
    if (order_length < COUNT - STRAY) continue; /* a stray word holds the ring */
    for (unsigned i = 0; i < order_length; i++) require(order[i] == (is_ring ? i * 7 % COUNT : i));
  }
}
END_TEST

/* ---- What they may do ---- */

static struct node *revived[COUNT];

static void revive(void *object, void *data) {
  struct node *node = object;
  note_run(object, data);
  gc_write(&revived[node->number], node);
}

START_TEST(objects_may_be_revived) {
  start(GC_FINALIZE_MANUAL, false);
  make_nodes(COUNT);
  for (unsigned i = 0; i < COUNT; i++) require(gc_finalizer_set(nodes[i], revive, NULL) == 0);
  collect_minor();
  drop_nodes(0, COUNT);
  collect();
  size_t count = gc_finalizers_run();
  ck_assert_uint_ge(count, COUNT - STRAY);
  for (int i = 0; i < 2; i++) {
    collect_minor();
    collect();
  }
  ck_assert_uint_eq(gc_finalizers_run(), 0);
  for (unsigned i = 0; i < COUNT; i++)
    if (revived[i]) require(revived[i]->canary == ~(uint64_t)i && gc_base(revived[i]) == revived[i]);
  for (unsigned i = 0; i < COUNT; i++)
    if (revived[i]) require(gc_finalizer_set(revived[i], note_run, NULL) == 0);
  memset(revived, 0, sizeof revived);
  collect();
  ck_assert_uint_ge(gc_finalizers_run(), count - STRAY);
}
END_TEST

static void use_everything(void *object, void *data) {
  struct node *node = object;
  note_run(object, data);
  errno = 0;
  require(gc_shutdown() == EBUSY && errno == EBUSY);
  require(gc_finalizers_run() == 0); /* not inside another one */
  if (node->number % 50 == 0) gc_collect(node->number % 100 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
  for (unsigned i = 0; i < 200; i++) gc_keep(gc_alloc(i));
  struct node *next = new_node(node->number);
  require(gc_finalizer_set(next, do_nothing, NULL) == 0);
  struct gc_weak *weak = gc_weak_new(next);
  require(gc_weak_get(weak) == next);
  gc_keep(next);
}

START_TEST(finalizers_may_do_anything) {
  start(_i ? GC_FINALIZE_THREAD : GC_FINALIZE_MANUAL, false);
  make_nodes(COUNT);
  for (unsigned i = 0; i < COUNT; i++) require(gc_finalizer_set(nodes[i], use_everything, NULL) == 0);
  drop_nodes(0, COUNT);
  for (int i = 0; i < 400 && count_runs(0, COUNT) < COUNT - STRAY; i++) {
    collect();
    if (_i) sleep_ms(5);
    else gc_finalizers_run();
  }
  ck_assert_uint_ge(count_runs(0, COUNT), COUNT - STRAY);
}
END_TEST

static void free_others(void *object, void *data) {
  struct node *node = object;
  (void)data;
  for (int i = 0; i < LINKS; i++) {
    gc_free(node->links[i]); /* which may be queued, too */
    node->links[i] = NULL;
  }
  runs[node->number]++;
}

static NOT_INLINED void make_owners(void) {
  STAY_DEEP();
  make_nodes(COUNT);
  for (unsigned i = 0; i + 1 < COUNT; i += 2) {
    gc_write(&nodes[i]->links[0], nodes[i + 1]);
    require(gc_finalizer_set(nodes[i], free_others, NULL) == 0);
  }
}

START_TEST(queued_objects_may_be_freed) {
  start(GC_FINALIZE_MANUAL, false);
  make_owners();
  drop_nodes(0, COUNT);
  collect();
  gc_finalizers_run();
  collect();
  gc_finalizers_run();
  ck_assert_uint_ge(count_runs(0, COUNT), COUNT / 2 - STRAY);
  for (unsigned i = 1; i < COUNT; i += 2) require(!runs[i] || !runs[i - 1]);
}
END_TEST

/* ---- Weak references ---- */

static struct gc_weak *weaks[COUNT], *inner_weaks[COUNT];

static void check_weak(void *object, void *data) {
  struct node *node = object;
  note_run(object, data);
  require(gc_weak_get(weaks[node->number]) == NULL);
  require(gc_weak_get(inner_weaks[node->number]) == node->links[0]);
}

static NOT_INLINED void make_with_weaks(void) {
  STAY_DEEP();
  make_nodes(COUNT);
  for (unsigned i = 0; i < COUNT; i++) {
    gc_write(&nodes[i]->links[0], new_node(i));
    require(gc_finalizer_set(nodes[i], check_weak, NULL) == 0);
    weaks[i] = gc_weak_new(nodes[i]);
    inner_weaks[i] = gc_weak_new(nodes[i]->links[0]);
  }
}

START_TEST(weak_references_are_cleared_first) {
  start(GC_FINALIZE_MANUAL, false);
  make_with_weaks();
  if (_i) collect_minor();
  drop_nodes(0, COUNT);
  collect();
  ck_assert_uint_ge(gc_finalizers_run(), COUNT - STRAY);
  collect();
  unsigned alive = 0;
  for (unsigned i = 0; i < COUNT; i++) alive += runs[i] && gc_weak_get(inner_weaks[i]);
  ck_assert_uint_le(alive, STRAY);
}
END_TEST

/* ---- The thread ---- */

static _Atomic(pthread_t) ran_in; /* others may still run when it is looked at */

static void note_thread(void *object, void *data) {
  struct gc_stats stats;
  atomic_store(&ran_in, pthread_self());
  gc_stats(&stats);
  require(stats.threads == 1);
  note_run(object, data);
}

static void wait_for_runs(unsigned count) {
  for (int i = 0; i < 2000 && count_runs(0, COUNT) < count; i++) sleep_ms(5);
}

START_TEST(a_thread_of_the_library_runs_them) {
  start(GC_FINALIZE_THREAD, false);
  make_nodes(COUNT);
  for (unsigned i = 0; i < COUNT; i++) require(gc_finalizer_set(nodes[i], note_thread, NULL) == 0);
  drop_nodes(0, COUNT);
  collect();
  wait_for_runs(COUNT - STRAY);
  ck_assert_uint_ge(count_runs(0, COUNT), COUNT - STRAY);
  ck_assert(!pthread_equal(atomic_load(&ran_in), pthread_self()));
  ck_assert_int_eq(gc_shutdown(), 0);
}
END_TEST

static atomic_uint slow_runs;

static void run_slowly(void *object, void *data) {
  (void)object, (void)data;
  sleep_ms(100);
  atomic_fetch_add(&slow_runs, 1);
}

START_TEST(shutdown_waits_for_one_that_runs) {
  start(GC_FINALIZE_THREAD, false);
  make_nodes(50);
  for (unsigned i = 0; i < 50; i++) require(gc_finalizer_set(nodes[i], run_slowly, NULL) == 0);
  drop_nodes(0, 50);
  collect();
  sleep_ms(30);
  ck_assert_int_eq(gc_shutdown(), 0);
  unsigned count = atomic_load(&slow_runs);
  ck_assert_uint_ge(count, 1);
  ck_assert_uint_lt(count, 20);
  sleep_ms(200);
  ck_assert_uint_eq(atomic_load(&slow_runs), count);
  ck_assert_int_eq(gc_init(NULL), 0);
  drop_nodes(0, 50);
  make_nodes(100);
  drop_nodes(0, 100);
  collect();
  wait_for_runs(100 - STRAY);
  ck_assert_uint_ge(count_runs(0, 100), 100 - STRAY);
}
END_TEST

static void register_another(void *object, void *data) {
  struct node *node = object;
  note_run(object, data);
  if (node->number + COUNT / 2 >= COUNT) return;
  struct node *next = new_node(node->number + COUNT / 2);
  require(gc_finalizer_set(next, register_another, NULL) == 0);
}

START_TEST(all_run_at_shutdown_if_asked_for) {
  start(_i ? GC_FINALIZE_THREAD : GC_FINALIZE_MANUAL, true);
  make_nodes(COUNT / 2);
  for (unsigned i = 0; i < COUNT / 2; i++) require(gc_finalizer_set(nodes[i], register_another, NULL) == 0);
  gc_collect(GC_COLLECT_MINOR);
  ck_assert_int_eq(gc_shutdown(), 0);
  ck_assert_uint_eq(count_runs(0, COUNT), COUNT);
}
END_TEST

START_TEST(none_runs_at_shutdown_otherwise) {
  start(GC_FINALIZE_MANUAL, false);
  make_nodes(COUNT);
  drop_nodes(0, COUNT / 2);
  collect();
  ck_assert_int_eq(gc_shutdown(), 0);
  ck_assert_uint_eq(count_runs(0, COUNT), 0);
  ck_assert_uint_eq(gc_finalizers_pending(), 0);
}
END_TEST

START_TEST(a_child_starts_the_thread_anew) {
  if (UNDER_TSAN || UNDER_ASAN) SKIP_TEST("no new threads in a child there");
  start(GC_FINALIZE_THREAD, false);
  make_nodes(100);
  drop_nodes(0, 100);
  collect();
  wait_for_runs(100 - STRAY);
  pid_t child = fork();
  if (child == 0) {
    memset(runs, 0, sizeof runs);
    order_length = 0;
    make_nodes(COUNT);
    drop_nodes(0, COUNT);
    collect();
    wait_for_runs(COUNT - 2 * STRAY);
    _exit(count_runs(0, COUNT) >= COUNT - 2 * STRAY ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- From several threads, and many ---- */

static atomic_uint churned;

static void count_churned(void *object, void *data) {
  require(((struct node *)object)->canary == ~((struct node *)object)->number && data == &churned);
  atomic_fetch_add(&churned, 1);
}

static void *churn_in_thread(void *unused) {
  for (unsigned i = 0; i < repetitions(20000); i++)
    require(gc_finalizer_set(new_node(i), count_churned, &churned) == 0);
  return unused;
}

START_TEST(from_several_threads) {
  pthread_t threads[3];
  start(_i ? GC_FINALIZE_THREAD : GC_FINALIZE_MANUAL, false);
  for (int i = 0; i < 3; i++) ck_assert_int_eq(gc_thread_create(&threads[i], NULL, churn_in_thread, NULL), 0);
  for (int i = 0; i < 50; i++) {
    gc_collect(i % 5 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
    if (!_i) gc_finalizers_run();
  }
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  unsigned wanted = 3 * repetitions(20000) - STRAY;
  for (int i = 0; i < 1000 && atomic_load(&churned) < wanted; i++) {
    collect();
    if (_i) sleep_ms(5);
    else gc_finalizers_run();
  }
  ck_assert_uint_ge(atomic_load(&churned), wanted);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("finalizers");
  tcase_add_test(tests, runs_once_when_the_object_is_dead);
  tcase_add_test(tests, young_objects_are_queued_by_minor_collections);
  tcase_add_test(tests, memory_comes_back_after_the_run);
  tcase_add_test(tests, taken_back_and_replaced);
  tcase_add_test(tests, data_is_kept);
  tcase_add_test(tests, data_that_leads_to_the_object_keeps_it);
  tcase_add_test(tests, referrers_run_first);
  tcase_add_test(tests, lists_and_rings_in_order);
  tcase_add_test(tests, objects_may_be_revived);
  tcase_add_loop_test(tests, finalizers_may_do_anything, 0, 2);
  tcase_add_test(tests, queued_objects_may_be_freed);
  tcase_add_loop_test(tests, weak_references_are_cleared_first, 0, 2);
  tcase_add_test(tests, a_thread_of_the_library_runs_them);
  tcase_add_test(tests, shutdown_waits_for_one_that_runs);
  tcase_add_loop_test(tests, all_run_at_shutdown_if_asked_for, 0, 2);
  tcase_add_test(tests, none_runs_at_shutdown_otherwise);
  tcase_add_test(tests, a_child_starts_the_thread_anew);
  tcase_add_loop_test(tests, from_several_threads, 0, 2);
  return suite_end();
}
