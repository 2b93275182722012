/* collect/order.h - in which order finalizers run: what leads to another object comes first.
 *
 * Strongly connected components of what can be reached from the candidates come out in an order in which none leads to
 * a later one (Tarjan, "Depth-first search and linear graph algorithms", 1972); that is turned around. Candidates of
 * one component lead to each other: they keep the order of their registration. [order.linear] Each object that is not
 * reached is visited once, each of its words looked at once.
 */
#ifndef GC_COLLECT_ORDER_H
#define GC_COLLECT_ORDER_H

#include "heap/heap.h"

struct gc__order {
  struct gc__heap *heap;
  void *context;
  bool (*is_reached)(void *, size_t granule); /* looked at no further */
  bool interior_in_heap;
};

/* Sorts candidates, which are numbers of ties and among them each finalizer of an object that is not reached. World
 * stopped. False: there was no memory to find the order, and they are as they were. */
bool gc__order_candidates(const struct gc__order *order, uint32_t *candidates, uint32_t count);

#endif
