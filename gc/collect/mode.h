/* collect/mode.h - what makes a mode: a handful of functions that the collector calls at each collection, never for an
 * object, an allocation or a store. */
#ifndef GC_COLLECT_MODE_H
#define GC_COLLECT_MODE_H

#include <stdbool.h>
#include <stddef.h>

struct gc__collector;

struct gc__mode {
  /* Whether a collection that nobody asked to be a full one has to be one all the same. Collector lock held. */
  bool (*wants_full)(const struct gc__collector *);

  /* The steps of a collection, with the world stopped and the roots gathered. */
  void (*collect)(struct gc__collector *, bool is_full);

  /* After a collection: how much may be handed out before the next one. threads: attached ones, at most one a
   * processor; room_bytes: what the limit leaves, and what is free in the heap. Collector lock held, world running. */
  void (*pace)(struct gc__collector *, unsigned threads, size_t room_bytes);
};

#endif
