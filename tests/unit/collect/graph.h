/* tests/unit/collect/graph.h - random graphs of objects in a fixture's heap, and what of them is reachable, found out
 * by the simplest means: every word of every reached object is looked up in a table of all objects.
 */
#ifndef TREFOIL_TESTS_UNIT_COLLECT_GRAPH_H
#define TREFOIL_TESTS_UNIT_COLLECT_GRAPH_H

#include "../heap_fixture.h"
#include "collect/crew.h"

#define NODES_MOST 20000u
#define NO_NODE    UINT32_MAX

struct node {
  char *start;
  size_t bytes; /* of the cell or run */
  enum gc__kind kind;
  bool is_reached;
  bool is_old; /* survived a trace */
};

struct graph {
  struct heap_fixture fixture;
  struct node nodes[NODES_MOST];
  uint32_t count;
  uint32_t *owner; /* a granule of the reservation: the node that lies there */
  bool interior_in_heap;
  size_t reached_objects, reached_bytes, false_words;
  size_t old_objects, old_bytes; /* of the reached ones */
};

void graph_open(struct graph *graph);
void graph_close(struct graph *graph);

/* Adds an object; its number. */
uint32_t graph_add(struct graph *graph, enum gc__kind kind, size_t bytes);

/* Adds that many objects of random kinds (no roots) and sizes. */
void graph_add_random(struct graph *graph, uint32_t count, uint64_t *state);

/* A word of the kinds that a trace meets: to the start, to the inside or the end of some node, to anywhere in the heap,
 * or a number. */
size_t graph_random_word(const struct graph *graph, uint64_t *state);

/* Fills all objects with such words, about density_percent of them, and zeros. */
void graph_fill(struct graph *graph, unsigned density_percent, uint64_t *state);

static inline size_t *graph_words(struct graph *graph, uint32_t node) {
  return (size_t *)(void *)graph->nodes[node].start;
}

/* Finds what can be reached from these words and from the root objects. */
void graph_find_reachable(struct graph *graph, const size_t *roots, size_t count);

/* The same for a minor trace: old objects count as reached. */
void graph_find_reachable_young(struct graph *graph, const size_t *roots, size_t count);

/* Whether exactly the reached objects carry the epoch. */
void graph_check_marks(struct graph *graph, uint8_t epoch);

/* Forgets the objects that were not reached: a trace ended. The others are old. */
void graph_drop_dead(struct graph *graph);

/* ---- A list of roots that is made by hand ---- */

void graph_roots_open(struct gc__roots *roots, struct gc__budget *budget);
void graph_roots_add(struct gc__roots *roots, const void *start, size_t bytes);
void graph_roots_close(struct gc__roots *roots);

#endif
