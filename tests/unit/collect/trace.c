/* tests/unit/collect/trace.c - exactly what can be reached is marked: by one marker and by several, with any room for
 * their stacks; root words that point at nothing keep memory from being handed out. */
#include "graph.h"

#include <sched.h>
#include <sys/wait.h>

#define ROOTS_MOST 40000u

static struct graph graph;
static struct heap_fixture *const fixture = &graph.fixture;
static struct gc__heap *const heap = &graph.fixture.heap;
static struct gc__crew crew;
static struct gc__roots roots;
static size_t root_words[ROOTS_MOST];

static void open_trace(unsigned markers, bool interior_in_heap) {
  graph_open(&graph);
  graph.interior_in_heap = interior_in_heap;
  graph_roots_open(&roots, &fixture->budget);
  ck_assert(gc__crew_open(&crew, heap, &fixture->budget, markers, interior_in_heap));
  gc__crew_start_helpers(&crew);
  ck_assert_uint_eq(crew.started_count, markers - 1);
}

static void close_trace(void) {
  gc__crew_close(&crew);
  graph_roots_close(&roots);
  graph_close(&graph);
}

/* One collection from the first count words of root_words; the counts of the trace. */
static struct gc__trace_counts collect(size_t count) {
  graph_find_reachable(&graph, root_words, count);
  uint8_t epoch = heap_fixture_stop(fixture);
  struct gc__trace_counts counts = gc__crew_trace(&crew, &roots, epoch, false);
  graph_check_marks(&graph, epoch);
  heap_fixture_restart(fixture, epoch);
  graph_drop_dead(&graph);
  return counts;
}

static void check_counts(struct gc__trace_counts counts) {
  require(counts.marked_objects == graph.reached_objects);
  require(counts.marked_bytes == graph.reached_bytes);
  require(counts.false_words == graph.false_words);
}

/* With several markers some objects may be counted twice. */
static void check_counts_of_many(struct gc__trace_counts counts) {
  require(counts.marked_objects >= graph.reached_objects && counts.marked_bytes >= graph.reached_bytes);
  require(counts.marked_objects <= graph.reached_objects + graph.reached_objects / 4 + 100);
  require(counts.false_words == graph.false_words);
}

static void limit_stacks(size_t items) {
  for (unsigned i = 0; i < crew.trace.marker_count; i++)
    crew.trace.markers[i]->stack.room = crew.trace.markers[i]->stack.most = items;
}

/* ---- Random graphs ---- */

struct setting {
  unsigned markers;
  bool interior_in_heap;
  size_t stack_items; /* 0 is no room at all; SIZE_MAX: as it comes */
};

/* Traces of a graph that grows and dies; with few pointers an object most of it is unreachable, with many all of it. */
static void run_random(struct setting setting, uint64_t seed) {
  static const unsigned densities[] = {2, 15, 40, 5};
  open_trace(setting.markers, setting.interior_in_heap);
  if (setting.stack_items != SIZE_MAX) limit_stacks(setting.stack_items);
  size_t count = 3000;
  for (size_t at = 0, bytes = 8; at < count; at += bytes / 8, bytes = bytes * 3 + 8) /* ranges of several lengths */
    graph_roots_add(&roots, &root_words[at], (bytes / 8 < count - at ? bytes / 8 : count - at) * 8);
  for (unsigned round = 0; round < COUNT_OF(densities); round++) {
    graph_add_random(&graph, 2000, &seed);
    graph_fill(&graph, densities[round], &seed);
    for (size_t i = 0; i < count; i++)
      root_words[i] = unit_random_below(&seed, 20) ? 0 : graph_random_word(&graph, &seed);
    struct gc__trace_counts counts = collect(count);
    if (setting.markers == 1) check_counts(counts);
    else check_counts_of_many(counts);
    heap_fixture_verify(fixture);
  }
  close_trace();
}

START_TEST(one_marker_marks_what_is_reachable) {
  run_random((struct setting){1, true, SIZE_MAX}, 1);
  run_random((struct setting){1, false, SIZE_MAX}, 2);
}
END_TEST

START_TEST(several_markers_mark_what_is_reachable) {
  run_random((struct setting){2, true, SIZE_MAX}, 3);
  run_random((struct setting){3, false, SIZE_MAX}, 4);
}
END_TEST

/* [trace.overflow] */
START_TEST(no_room_for_the_stack_loses_nothing) {
  static const size_t items[] = {0, 1, 2, 16, 100};
  for (unsigned i = 0; i < COUNT_OF(items); i++) {
    run_random((struct setting){1, true, items[i]}, 5 + i);
    run_random((struct setting){2, true, items[i]}, 15 + i);
  }
}
END_TEST

/* ---- Overflow, step by step ---- */

START_TEST(what_could_not_be_pushed_is_found_again) {
  open_trace(1, true);
  uint32_t array = graph_add(&graph, GC__KIND_SCANNED, 100000), rows[100];
  for (unsigned i = 0; i < 100; i++) {
    rows[i] = graph_add(&graph, GC__KIND_SCANNED, 800);
    graph_words(&graph, array)[i * 120] = (size_t)graph.nodes[rows[i]].start;
    for (unsigned j = 0; j < 100; j++)
      graph_words(&graph, rows[i])[j] = (size_t)graph.nodes[graph_add(&graph, GC__KIND_SCANNED, 16)].start;
  }
  root_words[0] = (size_t)graph.nodes[array].start;
  graph_roots_add(&roots, root_words, sizeof root_words[0]);
  graph_find_reachable(&graph, root_words, 1);
  ck_assert_uint_eq(graph.reached_objects, 1 + 100 + 10000);

  struct gc__marker *marker = crew.trace.markers[0];
  uint8_t epoch = heap_fixture_stop(fixture);
  limit_stacks(5);
  gc__trace_begin(&crew.trace, &roots, epoch, false);
  gc__trace_root_objects(marker);
  gc__trace_work(marker);
  ck_assert(crew.trace.has_overflowed);
  ck_assert_uint_lt(marker->marked_objects, graph.reached_objects);
  unsigned rounds = 0;
  while (gc__trace_recover(marker)) rounds++;
  ck_assert_uint_ge(rounds, 1);
  graph_check_marks(&graph, epoch);
  ck_assert_uint_eq(marker->marked_objects, graph.reached_objects);
  ck_assert_uint_eq(marker->marked_bytes, graph.reached_bytes);
  for (size_t block = 0; block < heap->space.span_bytes / GC__BLOCK_BYTES; block++)
    require(!heap->space.blocks[block].must_rescan);
  ck_assert(!gc__trace_recover(marker));
  heap_fixture_restart(fixture, epoch);
  close_trace();
}
END_TEST

/* ---- Single claims ---- */

/* Whether a node is marked by a trace from one word. */
static bool keeps(size_t word, uint32_t node) {
  root_words[0] = word;
  uint8_t epoch = heap_fixture_stop(fixture);
  gc__crew_trace(&crew, &roots, epoch, false);
  bool is_marked = heap->space.live[fixture_granule(fixture, graph.nodes[node].start)] == epoch;
  for (uint32_t i = 0; i < graph.count; i++) heap_fixture_mark(fixture, epoch, graph.nodes[i].start); /* for the next */
  heap_fixture_restart(fixture, epoch);
  return is_marked;
}

START_TEST(root_words_keep_up_to_one_past_the_end) {
  static const size_t sizes[] = {16, 48, 96, 1000, 8192, 40000};
  for (int interior = 0; interior < 2; interior++) { /* for roots that option does not matter */
    open_trace(1, interior);
    graph_roots_add(&roots, root_words, sizeof root_words[0]);
    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
      graph_add(&graph, GC__KIND_SCANNED, sizes[i]);
      uint32_t node = graph_add(&graph, GC__KIND_LEAF, sizes[i]);
      size_t start = (size_t)graph.nodes[node].start, bytes = graph.nodes[node].bytes;
      ck_assert(keeps(start, node) && keeps(start + 1, node) && keeps(start + bytes - 1, node));
      ck_assert(keeps(start + bytes, node));
      ck_assert(!keeps(start + bytes + 1, node) && !keeps(start + bytes + 8, node) && !keeps(start - 1, node));
      ck_assert(!keeps(start + bytes + 16, node));
    }
    close_trace();
  }
}
END_TEST

START_TEST(heap_words_keep_only_what_they_point_into) {
  for (int interior = 0; interior < 2; interior++) {
    open_trace(1, interior);
    graph_roots_add(&roots, root_words, sizeof root_words[0]);
    uint32_t holder = graph_add(&graph, GC__KIND_SCANNED, 32);
    graph_add(&graph, GC__KIND_LEAF, 96);
    uint32_t node = graph_add(&graph, GC__KIND_LEAF, 96);
    size_t start = (size_t)graph.nodes[node].start, root = (size_t)graph.nodes[holder].start;
    graph_words(&graph, holder)[3] = start;
    ck_assert(keeps(root, node));
    graph_words(&graph, holder)[3] = start + 8;
    ck_assert_int_eq(keeps(root, node), interior);
    graph_words(&graph, holder)[3] = start + 95;
    ck_assert_int_eq(keeps(root, node), interior);
    graph_words(&graph, holder)[3] = start + 96;
    ck_assert(!keeps(root, node));
    graph_words(&graph, holder)[3] = ~start;
    ck_assert(!keeps(root, node));
    close_trace();
  }
}
END_TEST

START_TEST(leaves_are_not_scanned) {
  static const size_t sizes[] = {64, 5000, 60000};
  open_trace(1, true);
  graph_roots_add(&roots, root_words, sizeof root_words[0]);
  for (unsigned i = 0; i < COUNT_OF(sizes); i++)
    for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++) {
      if (kind == GC__KIND_ROOT) continue;
      uint32_t holder = graph_add(&graph, (enum gc__kind)kind, sizes[i]), node = graph_add(&graph, GC__KIND_LEAF, 16);
      graph_words(&graph, holder)[graph.nodes[holder].bytes / sizeof(size_t) - 1] = (size_t)graph.nodes[node].start;
      ck_assert_int_eq(keeps((size_t)graph.nodes[holder].start, node), kind != GC__KIND_LEAF);
    }
  close_trace();
}
END_TEST

START_TEST(root_objects_keep_themselves_and_what_they_hold) {
  open_trace(1, true);
  for (unsigned i = 0; i < 300; i++) {
    uint32_t node = graph_add(&graph, GC__KIND_ROOT, i % 10 ? 16 + i * 8 : 10000 + i * 8);
    graph_words(&graph, node)[i % 2] = (size_t)graph.nodes[graph_add(&graph, GC__KIND_LEAF, 16)].start;
  }
  struct gc__trace_counts counts = collect(0);
  check_counts(counts);
  ck_assert_uint_eq(counts.marked_objects, 600);
  for (uint32_t node = 0; node < graph.count; node++) { /* freed by hand, they keep nothing */
    if (graph.nodes[node].kind != GC__KIND_ROOT || node % 4) continue;
    heap_fixture_free(fixture, 0, graph.nodes[node].start);
    graph.nodes[node].kind = GC__KIND_SCANNED;
  }
  graph_find_reachable(&graph, root_words, 0);
  size_t expected = graph.reached_objects;
  uint8_t epoch = heap_fixture_stop(fixture);
  ck_assert_uint_eq(gc__crew_trace(&crew, &roots, epoch, false).marked_objects, expected);
  heap_fixture_restart(fixture, epoch);
  close_trace();
}
END_TEST

/* Pointers at every place of an object that is scanned in slices, also from a few markers. */
START_TEST(large_arrays_are_scanned_whole) {
  for (unsigned markers = 1; markers <= 3; markers++)
    for (size_t items = 1; items < 4096; items *= 60) {
      open_trace(markers, true);
      limit_stacks(items);
      uint32_t array = graph_add(&graph, GC__KIND_SCANNED, (size_t)1 << 20);
      size_t words = graph.nodes[array].bytes / sizeof(size_t);
      for (size_t at = 0; at < words; at += 61)
        graph_words(&graph, array)[at] = (size_t)graph.nodes[graph_add(&graph, GC__KIND_LEAF, 16)].start;
      graph_words(&graph, array)[words - 1] = (size_t)graph.nodes[graph_add(&graph, GC__KIND_SCANNED, 16)].start;
      root_words[0] = (size_t)graph.nodes[array].start + 500;
      graph_roots_add(&roots, root_words, sizeof root_words[0]);
      collect(1);
      ck_assert_uint_gt(graph.reached_objects, words / 61);
      close_trace();
    }
}
END_TEST

START_TEST(long_root_ranges_are_scanned_whole) {
  for (unsigned markers = 1; markers <= 2; markers++) {
    open_trace(markers, true);
    memset(root_words, 0, sizeof root_words);
    for (size_t at = 0; at < ROOTS_MOST; at += 97)
      root_words[at] = (size_t)graph.nodes[graph_add(&graph, GC__KIND_LEAF, 32)].start;
    root_words[ROOTS_MOST - 1] = (size_t)graph.nodes[graph_add(&graph, GC__KIND_LEAF, 32)].start;
    graph_roots_add(&roots, root_words, 0);
    graph_roots_add(&roots, root_words, sizeof root_words);
    graph_roots_add(&roots, root_words, 0);
    collect(ROOTS_MOST);
    ck_assert_uint_eq(graph.reached_objects, ROOTS_MOST / 97 + 2);
    close_trace();
  }
}
END_TEST

/* ---- False roots ---- */

/* Whether an object covers a granule that was hit. */
static bool is_hit(const char *start, const size_t *words, size_t count) {
  size_t bytes = gc__object_find(heap, start).bytes;
  for (size_t i = 0; i < count; i++)
    if (words[i] - (size_t)start < bytes) return true;
  return false;
}

/* Takes objects until the heap would have to grow; how many of them cover what a root word points to. */
static size_t take_all(const size_t *words, size_t count) {
  static const size_t sizes[] = {16, 48, 300, 2000, 9000};
  size_t hits = 0, span_bytes = heap->space.span_bytes;
  for (unsigned i = 0; i < COUNT_OF(sizes); i++)
    for (int j = 0; j < 3000 && heap->space.span_bytes == span_bytes; j++) {
      const char *start = heap_fixture_take(fixture, 0, GC__KIND_SCANNED, sizes[i]);
      ck_assert_ptr_nonnull(start);
      hits += is_hit(start, words, count);
    }
  return hits;
}

/* A heap with free cells, free pages and tails of blocks, and nobody who owns a block. */
static void make_holes(uint64_t *state) {
  graph_add_random(&graph, 6000, state);
  for (size_t i = 0; i < 500; i++) root_words[i] = (size_t)graph.nodes[unit_random_below(state, graph.count)].start;
  graph_roots_add(&roots, root_words, 500 * sizeof root_words[0]);
  gc__local_close(heap, fixture->locals[0]);
  gc__local_close(heap, fixture->locals[1]);
  collect(500);
}

START_TEST(what_false_roots_point_to_is_not_handed_out) {
  uint64_t state = 30;
  open_trace(1, true);
  make_holes(&state);
  size_t *words = &root_words[500], count = 1000;
  for (size_t i = 0; i < count; i++) words[i] = heap->space.base + unit_random_below(&state, heap->space.span_bytes);
  graph_roots_add(&roots, words, count * sizeof words[0]);
  struct gc__trace_counts counts = collect(500 + count);
  check_counts(counts);
  ck_assert_uint_gt(counts.false_words, count / 4);
  ck_assert_uint_eq(take_all(words, count), 0);
  roots.count = 0; /* the words are gone: a trace later the memory is as good as any other */
  gc__local_close(heap, fixture->locals[0]);
  collect(0);
  ck_assert_uint_gt(take_all(words, count), 50);
  close_trace();
}
END_TEST

START_TEST(dead_objects_under_a_root_word_are_no_false_roots) {
  open_trace(1, true);
  uint32_t node = graph_add(&graph, GC__KIND_SCANNED, 64);
  root_words[0] = (size_t)graph.nodes[node].start + 20;
  graph_roots_add(&roots, root_words, sizeof root_words[0]);
  struct gc__trace_counts counts = collect(1);
  ck_assert(counts.marked_objects == 1 && counts.false_words == 0);
  heap_fixture_free(fixture, 0, graph.nodes[node].start);
  graph.count = 0;
  uint8_t epoch = heap_fixture_stop(fixture);
  counts = gc__crew_trace(&crew, &roots, epoch, false);
  ck_assert(counts.marked_objects == 0 && counts.false_words == 1);
  heap_fixture_restart(fixture, epoch);
  close_trace();
}
END_TEST

UNIT_MAIN("collect/trace", one_marker_marks_what_is_reachable, several_markers_mark_what_is_reachable,
          no_room_for_the_stack_loses_nothing, what_could_not_be_pushed_is_found_again,
          root_words_keep_up_to_one_past_the_end, heap_words_keep_only_what_they_point_into, leaves_are_not_scanned,
          root_objects_keep_themselves_and_what_they_hold, large_arrays_are_scanned_whole,
          long_root_ranges_are_scanned_whole, what_false_roots_point_to_is_not_handed_out,
          dead_objects_under_a_root_word_are_no_false_roots)
