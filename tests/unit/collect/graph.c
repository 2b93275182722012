/* tests/unit/collect/graph.c - see graph.h. */
#include "graph.h"

#include <sys/mman.h>

void graph_open(struct graph *graph) {
  heap_fixture_open(&graph->fixture, 2);
  graph->count = 0;
  graph->interior_in_heap = true;
  size_t bytes = graph->fixture.map_bytes * sizeof graph->owner[0];
  graph->owner = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert((void *)graph->owner != MAP_FAILED);
}

void graph_close(struct graph *graph) {
  munmap(graph->owner, graph->fixture.map_bytes * sizeof graph->owner[0]);
  heap_fixture_close(&graph->fixture);
}

/* Numbers in the table count from 1, so that untouched memory says that nothing is there. */
static void set_owner(struct graph *graph, uint32_t node, uint32_t value) {
  size_t granule = fixture_granule(&graph->fixture, graph->nodes[node].start);
  for (size_t i = 0; i < graph->nodes[node].bytes / GC__GRANULE_BYTES; i++) graph->owner[granule + i] = value;
}

uint32_t graph_add(struct graph *graph, enum gc__kind kind, size_t bytes) {
  uint32_t node = graph->count++;
  ck_assert_uint_lt(node, NODES_MOST);
  char *start = heap_fixture_take(&graph->fixture, node % 2, kind, bytes);
  ck_assert_ptr_nonnull(start);
  graph->nodes[node] = (struct node){start, gc__object_find(&graph->fixture.heap, start).bytes, kind, false, false};
  set_owner(graph, node, node + 1);
  return node;
}

void graph_add_random(struct graph *graph, uint32_t count, uint64_t *state) {
  static const enum gc__kind kinds[] = {GC__KIND_SCANNED, GC__KIND_SCANNED, GC__KIND_LEAF, GC__KIND_ALIGNED};
  for (uint32_t i = 0; i < count; i++) {
    size_t choice = unit_random_below(state, 100);
    size_t bytes = choice < 70   ? unit_random_below(state, 100)
                   : choice < 98 ? unit_random_below(state, 2000)
                                 : 8193 + unit_random_below(state, 40000);
    graph_add(graph, kinds[unit_random_below(state, COUNT_OF(kinds))], bytes);
  }
}

size_t graph_random_word(const struct graph *graph, uint64_t *state) {
  const struct gc__space *space = &graph->fixture.heap.space;
  const struct node *node = &graph->nodes[unit_random_below(state, graph->count)];
  switch (unit_random_below(state, 8)) {
  case 0:
    return unit_random(state) >> 1 & ~space->base; /* a number */
  case 1:
    return space->base + unit_random_below(state, space->span_bytes);
  case 2:
    return (size_t)node->start + node->bytes; /* one past its end: the next object, or nothing */
  case 3:
    return (size_t)node->start + unit_random_below(state, node->bytes);
  case 4:
    return space->base - 1 - unit_random_below(state, 100); /* just outside */
  default:
    return (size_t)node->start;
  }
}

void graph_fill(struct graph *graph, unsigned density_percent, uint64_t *state) {
  for (uint32_t node = 0; node < graph->count; node++)
    for (size_t i = 0; i < graph->nodes[node].bytes / sizeof(size_t); i++)
      graph_words(graph, node)[i] =
          unit_random_below(state, 100) < density_percent ? graph_random_word(graph, state) : 0;
}

/* ---- What is reachable ---- */

static uint32_t find_node(const struct graph *graph, size_t address) {
  const struct gc__space *space = &graph->fixture.heap.space;
  if (address - space->base >= space->span_bytes) return NO_NODE;
  return graph->owner[(address - space->base) / GC__GRANULE_BYTES] - 1;
}

static uint32_t pending[NODES_MOST];
static size_t pending_count;

static void reach(struct graph *graph, uint32_t node) {
  if (node == NO_NODE || graph->nodes[node].is_reached) return;
  graph->nodes[node].is_reached = true;
  graph->reached_objects++;
  graph->reached_bytes += graph->nodes[node].bytes;
  pending[pending_count++] = node;
}

static void reach_from_root_word(struct graph *graph, size_t word) {
  const struct gc__space *space = &graph->fixture.heap.space;
  uint32_t node = find_node(graph, word);
  reach(graph, node);
  if (node == NO_NODE && word - space->base < space->span_bytes) graph->false_words++;
  if (word % GC__GRANULE_BYTES == 0) reach(graph, find_node(graph, word - 1)); /* one past the end */
}

static void reach_from_object(struct graph *graph, uint32_t node) {
  if (graph->nodes[node].kind == GC__KIND_LEAF) return;
  for (size_t i = 0; i < graph->nodes[node].bytes / sizeof(size_t); i++) {
    uint32_t target = find_node(graph, graph_words(graph, node)[i]);
    if (target == NO_NODE) continue;
    if (graph->interior_in_heap || graph_words(graph, node)[i] == (size_t)graph->nodes[target].start)
      reach(graph, target);
  }
}

static void forget_reached(struct graph *graph) {
  graph->reached_objects = graph->reached_bytes = graph->false_words = 0;
  for (uint32_t node = 0; node < graph->count; node++) graph->nodes[node].is_reached = false;
}

static void reach_from_roots(struct graph *graph, const size_t *roots, size_t count) {
  for (size_t i = 0; i < count; i++) reach_from_root_word(graph, roots[i]);
  for (uint32_t node = 0; node < graph->count; node++)
    if (graph->nodes[node].kind == GC__KIND_ROOT) reach(graph, node);
  while (pending_count) reach_from_object(graph, pending[--pending_count]);
}

void graph_find_reachable(struct graph *graph, const size_t *roots, size_t count) {
  forget_reached(graph);
  graph->old_objects = graph->old_bytes = 0;
  reach_from_roots(graph, roots, count);
}

void graph_find_reachable_young(struct graph *graph, const size_t *roots, size_t count) {
  forget_reached(graph);
  for (uint32_t node = 0; node < graph->count; node++)
    if (graph->nodes[node].is_old) reach(graph, node);
  graph->old_objects = graph->reached_objects;
  graph->old_bytes = graph->reached_bytes;
  reach_from_roots(graph, roots, count);
}

void graph_check_marks(struct graph *graph, uint8_t epoch) {
  const struct gc__space *space = &graph->fixture.heap.space;
  size_t marked = 0;
  for (uint32_t node = 0; node < graph->count; node++)
    require((space->live[fixture_granule(&graph->fixture, graph->nodes[node].start)] == epoch) ==
            graph->nodes[node].is_reached);
  for (size_t granule = 0; granule < space->span_bytes / GC__GRANULE_BYTES; granule++)
    marked += space->live[granule] == epoch;
  require(marked == graph->reached_objects); /* nothing else is marked */
}

void graph_drop_dead(struct graph *graph) {
  uint32_t kept = 0;
  for (uint32_t node = 0; node < graph->count; node++)
    if (!graph->nodes[node].is_reached) set_owner(graph, node, 0);
  for (uint32_t node = 0; node < graph->count; node++) {
    if (!graph->nodes[node].is_reached) continue;
    graph->nodes[kept] = graph->nodes[node];
    graph->nodes[kept].is_old = true;
    set_owner(graph, kept, kept + 1);
    kept++;
  }
  graph->count = kept;
}

/* ---- Roots ---- */

void graph_roots_open(struct gc__roots *roots, struct gc__budget *budget) {
  *roots = (struct gc__roots){0};
  ck_assert(gc__region_open(&roots->list_memory, budget, (size_t)1 << 20));
}

void graph_roots_add(struct gc__roots *roots, const void *start, size_t bytes) {
  ck_assert(gc__region_commit(&roots->list_memory, (roots->count + 1) * sizeof(struct gc__root_range)));
  ((struct gc__root_range *)(void *)roots->list_memory.start)[roots->count++] =
      (struct gc__root_range){{(uintptr_t)start, (uintptr_t)start + bytes}, GC__ROOT_ADDED};
}

void graph_roots_close(struct gc__roots *roots) {
  gc__region_close(&roots->list_memory);
}
