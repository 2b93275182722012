/* tests/unit/heap_fixture.h - a heap without a collector around it.
 *
 * Threads are stood in for by several struct gc__local, a trace by setting the liveness bytes of chosen objects; the
 * calls are made in the order in which collect/collector.c and mode/mark_sweep.c make them. A map of the granules that
 * are allocated lies beside the heap: each object that the heap hands out is checked to be zero and to lie in memory
 * that nobody holds, and heap_fixture_verify compares what the heap answers for every granule with the map.
 */
#ifndef TREFOIL_TESTS_UNIT_HEAP_FIXTURE_H
#define TREFOIL_TESTS_UNIT_HEAP_FIXTURE_H

#include "unit.h"
#include "heap/block.h"
#include "heap/heap.h"
#include "heap/large.h"
#include "heap/local.h"
#include "heap/object.h"
#include "heap/sweep.h"

#define FIXTURE_LOCALS_MOST   4u
#define FIXTURE_RESERVE_BYTES ((size_t)64 << 20)
#define FIXTURE_LIMIT_BYTES   ((size_t)1 << 30)

struct heap_fixture {
  struct gc__budget budget;
  struct gc__heap heap;
  struct gc__local *locals[FIXTURE_LOCALS_MOST];
  unsigned local_count;
  volatile uint8_t *map; /* a granule: 0: not allocated, 1: the first of an object, 2: another */
  size_t map_bytes;
};

void heap_fixture_open(struct heap_fixture *fixture, unsigned local_count);
void heap_fixture_close(struct heap_fixture *fixture); /* nothing may be left of the budget then */

/* The heap's own failures come through: NULL. */
void *heap_fixture_take(struct heap_fixture *fixture, unsigned local, enum gc__kind kind, size_t bytes);
void *heap_fixture_take_aligned(struct heap_fixture *fixture, unsigned local, enum gc__kind kind, size_t bytes,
                                size_t alignment);

/* Frees by hand; requires that it is taken. */
void heap_fixture_free(struct heap_fixture *fixture, unsigned local, void *object);

/* A trace: stop, mark what is to live, restart. Everything else is gone then. */
uint8_t heap_fixture_stop(struct heap_fixture *fixture); /* the epoch to mark with */
void heap_fixture_mark(struct heap_fixture *fixture, uint8_t epoch, const void *object);
void heap_fixture_restart(struct heap_fixture *fixture, uint8_t epoch);
void heap_fixture_trace(struct heap_fixture *fixture, void *const *survivors, size_t count);

/* The same for a trace of the young objects: old ones live on, and are marked already. */
uint8_t heap_fixture_stop_minor(struct heap_fixture *fixture);
void heap_fixture_restart_minor(struct heap_fixture *fixture);
void heap_fixture_trace_minor(struct heap_fixture *fixture, void *const *survivors, size_t count);

/* Starts the write log; false: the machine has no such source, and the fixture is closed. With cards,
 * heap_fixture_note_write does what gc_write does. */
bool heap_fixture_open_log(struct heap_fixture *fixture, bool has_cards, enum gc__watch_kind kind);
void heap_fixture_note_write(struct heap_fixture *fixture, const void *word);

/* Sweeps everything that is left. */
void heap_fixture_sweep(struct heap_fixture *fixture);

/* For each granule of the span the heap names the object that lies there, or none. */
void heap_fixture_verify(struct heap_fixture *fixture);

bool heap_fixture_is_taken(const struct heap_fixture *fixture, const void *object);
bool heap_fixture_resolves(const struct heap_fixture *fixture, const void *address);
uint32_t heap_fixture_block_of(const struct heap_fixture *fixture, const void *address);

static inline size_t fixture_granule(const struct heap_fixture *fixture, const void *address) {
  return gc__space_offset(&fixture->heap.space, address) / GC__GRANULE_BYTES;
}

#endif
