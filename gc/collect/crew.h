/* collect/crew.h - the threads that mark: the collecting one and its helpers.
 *
 * Helpers are started before the first stop that could use them, and sleep between traces. They are woken when a marker
 * has work to share; small traces never wake them.
 *
 * [crew.join] The word `state` holds the number of the phase and how many markers are at work in it. A helper joins by
 * adding itself while that number is not 0, and leaves when it finds nothing to do; at 0 all work is done, since a
 * marker leaves with an empty stack only. So nobody waits for a helper that has not joined, and a helper that wakes up
 * too late finds another phase and stays out.
 */
#ifndef GC_COLLECT_CREW_H
#define GC_COLLECT_CREW_H

#include "collect/trace.h"

struct gc__helper {
  struct gc__crew *crew;
  struct gc__marker *marker;
  pthread_t thread;
};

struct gc__crew {
  struct gc__budget *budget;
  struct gc__trace trace;
  struct gc__region memory; /* of the markers */
  unsigned wanted_count;    /* markers, the collecting thread included */
  unsigned started_count;   /* helpers that run */
  struct gc__helper helpers[GC__MARKERS_MOST];
  volatile size_t state;  /* phase << 32 | markers at work */
  volatile unsigned call; /* changes when helpers are wanted, or shall end */
  volatile unsigned is_ending;
  volatile unsigned are_called; /* in this phase */
  bool touches;                 /* helpers touch their own stacks when they start */
};

/* marker_count: at least 1. False: no memory. */
bool gc__crew_open(struct gc__crew *crew, struct gc__heap *heap, struct gc__budget *budget, unsigned marker_count,
                   bool interior_in_heap);
void gc__crew_close(struct gc__crew *crew);

/* Starts the helpers that are missing. Where the system refuses a thread, fewer do the work. World running, no lock. */
void gc__crew_start_helpers(struct gc__crew *crew);

/* Starts the helpers, makes room for that many items on each stack, as far as there is memory, and touches what a trace
 * will use (gc__os_touch). World running, no lock. */
void gc__crew_touch(struct gc__crew *crew, size_t items);

/* In the child of a fork no helper is left; they start again on need. */
void gc__crew_after_fork(struct gc__crew *crew);

struct gc__trace_counts {
  size_t marked_objects, marked_bytes, false_words;
};

/* Marks everything that can be reached from the roots and root objects; of a minor trace, all young objects that can be
 * reached from the roots, young root objects, and written old objects among the roots. World stopped. */
struct gc__trace_counts gc__crew_trace(struct gc__crew *crew, const struct gc__roots *roots, uint8_t epoch,
                                       bool is_minor);

/* Between a trace and the end of its stop: marks the object that a word points into, and all that can be reached from
 * it. False: there is none. */
bool gc__crew_keep(struct gc__crew *crew, size_t word);

/* What the trace marked, with what was kept since. */
struct gc__trace_counts gc__crew_counts(struct gc__crew *crew);

#endif
