/* tests/unit/collect/crew.c - helpers come, work, sleep and go; a trace is right with any number of them. */
#include "graph.h"

#include <sys/wait.h>
#include <unistd.h>

static struct graph graph;
static struct heap_fixture *const fixture = &graph.fixture;
static struct gc__crew crew;
static struct gc__roots roots;
static size_t root_word;

/* An array of that many objects: enough to be shared if there are more than a few hundred. */
static void make_array(uint32_t count) {
  graph_add(&graph, GC__KIND_SCANNED, count * sizeof(size_t));
  for (uint32_t i = 0; i < count; i++)
    graph_words(&graph, 0)[i] = (size_t)graph.nodes[graph_add(&graph, GC__KIND_SCANNED, 128)].start;
  root_word = (size_t)graph.nodes[0].start;
  graph_roots_add(&roots, &root_word, sizeof root_word);
  graph_find_reachable(&graph, &root_word, 1);
  ck_assert_uint_eq(graph.reached_objects, count + 1);
}

static void open_crew(unsigned markers, uint32_t array_count) {
  graph_open(&graph);
  graph_roots_open(&roots, &fixture->budget);
  ck_assert(gc__crew_open(&crew, &fixture->heap, &fixture->budget, markers, true));
  make_array(array_count);
}

static void close_crew(void) {
  gc__crew_close(&crew);
  graph_roots_close(&roots);
  graph_close(&graph);
}

static void trace(void) {
  uint8_t epoch = heap_fixture_stop(fixture);
  struct gc__trace_counts counts = gc__crew_trace(&crew, &roots, epoch, false);
  require(counts.marked_objects >= graph.reached_objects);
  graph_check_marks(&graph, epoch);
  heap_fixture_restart(fixture, epoch);
}

START_TEST(phases_follow_each_other_fast) {
  open_crew(4, 3000);
  gc__crew_start_helpers(&crew);
  ck_assert_uint_eq(crew.started_count, 3);
  for (int i = 0; i < 300; i++) trace();
  close_crew();
}
END_TEST

START_TEST(small_traces_wake_nobody) {
  open_crew(3, 20);
  gc__crew_start_helpers(&crew);
  unsigned call = crew.call;
  for (int i = 0; i < 50; i++) trace();
  ck_assert_uint_eq(crew.call, call);
  close_crew();
  open_crew(3, 15000);
  gc__crew_start_helpers(&crew);
  call = crew.call;
  trace();
  ck_assert_uint_eq(crew.call, call + 1); /* once a phase */
  close_crew();
}
END_TEST

START_TEST(without_helpers_the_collecting_thread_does_it_all) {
  open_crew(8, 5000); /* nobody started them */
  trace();
  trace();
  ck_assert_uint_eq(crew.started_count, 0);
  close_crew();
}
END_TEST

START_TEST(helpers_are_started_once) {
  open_crew(3, 5000);
  for (int i = 0; i < 3; i++) gc__crew_start_helpers(&crew);
  ck_assert(crew.started_count == 2 && crew.trace.marker_count == 3 && crew.wanted_count == 3);
  trace();
  close_crew();
  open_crew(100000, 10); /* more than there may be */
  ck_assert_uint_eq(crew.wanted_count, GC__MARKERS_MOST);
  close_crew();
}
END_TEST

START_TEST(without_memory_fewer_do_the_work) {
  open_crew(8, 5000);
  size_t limit_bytes = fixture->budget.limit_bytes;
  fixture->budget.limit_bytes = fixture->budget.used_bytes;
  gc__crew_start_helpers(&crew);
  ck_assert_uint_lt(crew.started_count, 7);
  ck_assert_uint_eq(crew.wanted_count, crew.started_count + 1); /* it does not ask again */
  fixture->budget.limit_bytes = limit_bytes;
  trace();
  close_crew();
}
END_TEST

START_TEST(a_crew_that_cannot_be_opened_leaves_nothing) {
  graph_open(&graph);
  size_t used_bytes = fixture->budget.used_bytes;
  unsigned refusals = 0;
  for (size_t k = 1; k < 8; k++) {
    gc__os_fail_request(k);
    bool is_open = gc__crew_open(&crew, &fixture->heap, &fixture->budget, 2, true);
    gc__os_fail_request(0);
    refusals += !is_open;
    if (is_open) gc__crew_close(&crew);
    ck_assert_uint_eq(fixture->budget.used_bytes, used_bytes);
  }
  ck_assert_uint_ge(refusals, 1);
  graph_close(&graph);
}
END_TEST

/* In the child no helper is left, and new ones are started. */
START_TEST(the_child_of_a_fork_starts_anew) {
  int status = -1;
  if (UNDER_TSAN) SKIP_TEST("ThreadSanitizer allows no threads after a fork");
  open_crew(3, 5000);
  gc__crew_start_helpers(&crew);
  trace();
  gc__os_helpers_hold();
  pid_t child = fork();
  gc__os_helpers_let_go();
  if (child == 0) {
    gc__crew_after_fork(&crew);
    trace();
    gc__crew_start_helpers(&crew);
    if (crew.started_count != 2) _exit(2);
    for (int i = 0; i < 20; i++) trace();
    gc__crew_close(&crew);
    _exit(0);
  }
  ck_assert(child > 0 && waitpid(child, &status, 0) == child);
  ck_assert_int_eq(status, 0);
  trace();
  close_crew();
}
END_TEST

UNIT_MAIN("collect/crew", phases_follow_each_other_fast, small_traces_wake_nobody,
          without_helpers_the_collecting_thread_does_it_all, helpers_are_started_once, without_memory_fewer_do_the_work,
          a_crew_that_cannot_be_opened_leaves_nothing, the_child_of_a_fork_starts_anew)
