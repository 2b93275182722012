/* tests/unit/collect/trace_young.c - minor traces: exactly the young objects are marked that can be reached from the
 * roots and from old objects, whatever the source of the log, and with any room for the list of what was written. */
#include "graph.h"

#define ROOT_WORDS 300u

static struct graph graph;
static struct heap_fixture *const fixture = &graph.fixture;
static struct gc__heap *const heap = &graph.fixture.heap;
static struct gc__crew crew;
static struct gc__roots roots;
static size_t root_words[ROOT_WORDS];
static size_t list_room; /* ranges that the list has room for; 0: as many as come */

struct source {
  enum gc__watch_kind kind;
  bool has_cards;
};
static const struct source everything = {GC__WATCH_NONE, false}, cards = {GC__WATCH_NONE, true},
                           kernel = {GC__WATCH_KERNEL, false};

static bool open_trace(unsigned markers, bool interior_in_heap, struct source source) {
  graph_open(&graph);
  graph.interior_in_heap = interior_in_heap;
  list_room = 0;
  if (!heap_fixture_open_log(fixture, source.has_cards, source.kind)) return false;
  graph_roots_open(&roots, &fixture->budget);
  ck_assert(gc__region_commit(&roots.list_memory, roots.list_memory.reserved_bytes));
  ck_assert(gc__crew_open(&crew, heap, &fixture->budget, markers, interior_in_heap));
  gc__crew_start_helpers(&crew);
  return true;
}

static void close_trace(void) {
  gc__crew_close(&crew);
  graph_roots_close(&roots);
  graph_close(&graph);
}

static void limit_stacks(size_t items) {
  for (unsigned i = 0; i < crew.trace.marker_count; i++)
    crew.trace.markers[i]->stack.room = crew.trace.markers[i]->stack.most = items;
}

/* ---- Collections ---- */

/* Adds what was written to the list, for which there is just so much room. */
static void gather_written(void) {
  size_t committed = roots.list_memory.committed_bytes;
  if (list_room) roots.list_memory.committed_bytes = (roots.count + list_room) * sizeof(struct gc__root_range);
  size_t most = roots.list_memory.committed_bytes / sizeof(struct gc__root_range);
  gc__roots_gather_written(&roots, heap);
  ck_assert_uint_le(roots.count, most);
  roots.list_memory.committed_bytes = committed;
}

static struct gc__trace_counts collect_young(size_t count) {
  graph_find_reachable_young(&graph, root_words, count);
  uint8_t epoch = heap_fixture_stop_minor(fixture);
  size_t own_count = roots.count;
  gather_written();
  struct gc__trace_counts counts = gc__crew_trace(&crew, &roots, epoch, true);
  roots.count = own_count;
  graph_check_marks(&graph, epoch);
  heap_fixture_restart_minor(fixture);
  graph_drop_dead(&graph);
  return counts;
}

static void collect_all(size_t count) {
  graph_find_reachable(&graph, root_words, count);
  uint8_t epoch = heap_fixture_stop(fixture);
  gc__crew_trace(&crew, &roots, epoch, false);
  graph_check_marks(&graph, epoch);
  heap_fixture_restart(fixture, epoch);
  graph_drop_dead(&graph);
}

static void link_word(uint32_t from, size_t word, size_t value) {
  graph_words(&graph, from)[word] = value;
  heap_fixture_note_write(fixture, &graph_words(&graph, from)[word]);
}

static size_t start_of(uint32_t node) {
  return (size_t)graph.nodes[node].start;
}

/* ---- Random graphs ---- */

struct setting {
  unsigned markers;
  bool interior_in_heap;
  struct source source;
  size_t stack_items, list_room;
};

/* A word that leads to an object which is there, or nowhere for good: what an old object's word means may not change
 * before it is written again, when a new object comes to where it points. */
static size_t lasting_word(uint64_t *state) {
  uint32_t node = (uint32_t)unit_random_below(state, graph.count);
  switch (unit_random_below(state, 6)) {
  case 0:
    return unit_random(state) >> 1 & ~heap->space.base;
  case 1:
    return start_of(node) + (graph.interior_in_heap ? unit_random_below(state, graph.nodes[node].bytes) : 8);
  default:
    return start_of(node);
  }
}

/* Some words of some objects, old ones mostly. */
static void write_some(uint64_t *state) {
  for (unsigned i = 0; i < 1500; i++) {
    uint32_t node = (uint32_t)unit_random_below(state, graph.count);
    size_t word = unit_random_below(state, graph.nodes[node].bytes / sizeof(size_t));
    link_word(node, word, unit_random_below(state, 5) ? lasting_word(state) : 0);
  }
}

static void fill_young(uint32_t first, unsigned density_percent, uint64_t *state) {
  for (uint32_t node = first; node < graph.count; node++)
    for (size_t i = 0; i < graph.nodes[node].bytes / sizeof(size_t); i++)
      if (unit_random_below(state, 100) < density_percent) link_word(node, i, lasting_word(state));
}

static void check_young_counts(const struct setting *setting, struct gc__trace_counts counts) {
  size_t objects = graph.reached_objects - graph.old_objects, bytes = graph.reached_bytes - graph.old_bytes;
  require(counts.marked_objects >= objects && counts.marked_bytes >= bytes);
  if (setting->markers == 1) require(counts.marked_objects == objects && counts.marked_bytes == bytes);
  require(counts.false_words == 0); /* nothing is kept free for them */
}

static void run_random(struct setting setting, uint64_t seed) {
  if (!open_trace(setting.markers, setting.interior_in_heap, setting.source)) return;
  if (setting.stack_items) limit_stacks(setting.stack_items);
  graph_roots_add(&roots, root_words, sizeof root_words);
  for (unsigned round = 0; round < 8; round++) {
    uint32_t first = graph.count;
    graph_add_random(&graph, 1200, &seed);
    for (unsigned i = 0; i < 5; i++) graph_add(&graph, GC__KIND_ROOT, i == 4 ? 20000 : 16 + i * 100);
    fill_young(first, round % 3 ? 4 : 1, &seed);
    write_some(&seed);
    for (size_t i = 0; i < ROOT_WORDS; i++)
      root_words[i] = unit_random_below(&seed, 6) ? 0 : graph_random_word(&graph, &seed);
    list_room = setting.list_room;
    if (round % 5 == 4) {
      collect_all(ROOT_WORDS);
    } else {
      struct gc__trace_counts counts = collect_young(ROOT_WORDS);
      check_young_counts(&setting, counts);
    }
    heap_fixture_verify(fixture);
  }
  close_trace();
}

START_TEST(young_objects_are_marked_that_can_be_reached) {
  run_random((struct setting){.markers = 1, .interior_in_heap = true, .source = everything}, 1);
  run_random((struct setting){.markers = 1, .interior_in_heap = true, .source = kernel}, 2);
  run_random((struct setting){.markers = 1, .interior_in_heap = true, .source = cards}, 3);
  run_random((struct setting){.markers = 1, .interior_in_heap = false, .source = kernel}, 4);
}
END_TEST

START_TEST(several_markers_mark_the_same) {
  run_random((struct setting){.markers = 2, .interior_in_heap = true, .source = kernel}, 5);
  run_random((struct setting){.markers = 3, .interior_in_heap = false, .source = cards}, 6);
}
END_TEST

START_TEST(little_room_for_the_stack_loses_nothing) {
  for (size_t items = 1; items < 100; items *= 8)
    run_random(
        (struct setting){.markers = 1 + items % 2, .interior_in_heap = true, .source = kernel, .stack_items = items},
        7 + items);
}
END_TEST

START_TEST(little_room_for_the_list_loses_nothing) {
  for (size_t room = 1; room < 40; room = room * 2 + 1) {
    run_random((struct setting){.markers = 1, .interior_in_heap = true, .source = kernel, .list_room = room},
               10 + room);
    run_random((struct setting){.markers = 2, .interior_in_heap = true, .source = cards, .list_room = room}, 70 + room);
    run_random((struct setting){.markers = 1, .interior_in_heap = true, .source = everything, .list_room = room}, room);
  }
}
END_TEST

/* ---- Single claims ---- */

/* An object that only one word of an old one leads to. */
static void check_reached_from(uint32_t holder, size_t word, size_t bytes, size_t offset) {
  uint32_t node = graph_add(&graph, GC__KIND_SCANNED, bytes), dead = graph_add(&graph, GC__KIND_SCANNED, bytes);
  link_word(holder, word, start_of(node) + offset);
  size_t lost = fixture_granule(fixture, graph.nodes[dead].start);
  size_t kept = fixture_granule(fixture, graph.nodes[node].start);
  graph.nodes[node].kind = GC__KIND_SCANNED;
  collect_young(0);
  require(heap->space.live[kept] == heap->epoch && heap->space.live[lost] != heap->epoch);
}

/* A range of what was written begins and ends anywhere in a cell, and in a large object. */
START_TEST(every_word_of_an_old_object_counts) {
  static const size_t sizes[] = {16, 48, 1000, 6000, 8192, 70000};
  static const struct source all[] = {{GC__WATCH_NONE, false}, {GC__WATCH_KERNEL, false}, {GC__WATCH_NONE, true}};
  for (unsigned i = 0; i < COUNT_OF(all); i++)
    for (unsigned k = 0; k < COUNT_OF(sizes); k++) {
      if (!open_trace(1, true, all[i])) continue;
      unsigned cell_count = sizes[k] <= GC__SMALL_MAX_BYTES ? gc__size_classes[gc__class_of(sizes[k])].cell_count : 3;
      for (unsigned cell = 0; cell <= cell_count; cell++) graph_add(&graph, GC__KIND_ROOT, sizes[k]);
      collect_young(0); /* full blocks are tracked now */
      uint32_t holder = cell_count / 2;
      size_t words = graph.nodes[holder].bytes / sizeof(size_t), step = words / 40 + 1;
      for (size_t word = 0; word < words; word += step) check_reached_from(holder, word, 64, 0);
      check_reached_from(holder, words - 1, 64, 0);
      check_reached_from(0, words - 1, 64, 0);
      check_reached_from(cell_count - 1, 0, 64, 0);
      close_trace();
    }
}
END_TEST

START_TEST(young_large_objects_are_reached_anywhere_inside) {
  open_trace(1, true, cards);
  uint32_t holder = graph_add(&graph, GC__KIND_ROOT, 64);
  collect_young(0);
  size_t bytes = (size_t)3 * GC__BLOCK_BYTES;
  for (size_t offset = 0; offset < bytes; offset += 9001) check_reached_from(holder, 1, bytes, offset);
  close_trace();
}
END_TEST

START_TEST(young_root_objects_keep_what_they_hold) {
  static const size_t sizes[] = {16, 400, 8192, 30000};
  open_trace(1, true, everything);
  for (int round = 0; round < 3; round++) {
    size_t before = graph.count;
    for (unsigned k = 0; k < COUNT_OF(sizes); k++) {
      uint32_t holder = graph_add(&graph, GC__KIND_ROOT, sizes[k]);
      link_word(holder, sizes[k] / 8 - 1, start_of(graph_add(&graph, GC__KIND_LEAF, 48)));
    }
    collect_young(0);
    ck_assert_uint_eq(graph.count, before + 2 * COUNT_OF(sizes));
  }
  close_trace();
}
END_TEST

START_TEST(root_words_keep_young_objects_up_to_one_past_the_end) {
  static const size_t sizes[] = {16, 96, 8192, 40000};
  open_trace(1, true, everything);
  graph_roots_add(&roots, root_words, sizeof root_words[0]);
  for (unsigned k = 0; k < COUNT_OF(sizes); k++)
    for (int place = 0; place < 4; place++) {
      graph_add(&graph, GC__KIND_SCANNED, sizes[k]);
      uint32_t node = graph_add(&graph, GC__KIND_SCANNED, sizes[k]);
      size_t bytes = graph.nodes[node].bytes, offsets[] = {0, bytes / 2, bytes, bytes + 16};
      root_words[0] = start_of(node) + offsets[place];
      size_t granule = fixture_granule(fixture, graph.nodes[node].start);
      collect_young(1);
      ck_assert_int_eq(heap->space.live[granule] == heap->epoch, place < 3);
    }
  close_trace();
}
END_TEST

/* Young and old runs, leaves and free pages side by side in the blocks that are told of. */
START_TEST(blocks_of_runs_may_be_mixed) {
  static const struct source all[] = {{GC__WATCH_NONE, false}, {GC__WATCH_KERNEL, false}, {GC__WATCH_NONE, true}};
  for (unsigned i = 0; i < COUNT_OF(all); i++) {
    if (!open_trace(1, true, all[i])) continue;
    uint64_t state = i;
    for (int round = 0; round < 8; round++) {
      uint32_t first = graph.count;
      for (int k = 0; k < 60; k++) {
        size_t choice = unit_random_below(&state, 5), bytes = 9000 + unit_random_below(&state, 6) * 4096;
        graph_add(&graph, choice == 0 ? GC__KIND_LEAF : choice == 1 ? GC__KIND_ROOT : GC__KIND_SCANNED, bytes);
      }
      for (int k = 0; k < 40; k++) graph_add(&graph, GC__KIND_SCANNED, 64);
      fill_young(first, 0, &state);
      for (uint32_t node = 0; node < graph.count; node++)
        if (unit_random_below(&state, 2))
          link_word(node, unit_random_below(&state, graph.nodes[node].bytes / 8), lasting_word(&state));
      collect_young(0);
      heap_fixture_verify(fixture);
    }
    close_trace();
  }
}
END_TEST

UNIT_MAIN("collect/trace_young", young_objects_are_marked_that_can_be_reached, several_markers_mark_the_same,
          little_room_for_the_stack_loses_nothing, little_room_for_the_list_loses_nothing,
          every_word_of_an_old_object_counts, young_large_objects_are_reached_anywhere_inside,
          young_root_objects_keep_what_they_hold, root_words_keep_young_objects_up_to_one_past_the_end,
          blocks_of_runs_may_be_mixed)
