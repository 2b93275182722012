/* trefoil/stats.h - looking inside: statistics, events, a page for people.
 *
 * The general rules of gc.h hold. Counts and pauses start at gc_init or gc_stats_reset; sizes are those of the moment.
 */
#ifndef TREFOIL_STATS_H
#define TREFOIL_STATS_H

#include <stdio.h>
#include "gc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pauses from the first stop signal to the restart of all threads. Percentiles come from logarithmic buckets and are
 * within 5 %; max and total are exact. All 0 where there was no pause. */
struct gc_pauses {
  uint64_t count, total_ns, max_ns, p50_ns, p99_ns, p999_ns;
};

struct gc_stats {
  enum gc_mode mode;
  enum gc_tracking tracking;
  uint64_t heap_bytes;              /* memory committed: objects, free space that was not returned, tables, stacks of the
                                       markers */
  uint64_t live_bytes;              /* what the last collection found reachable, in cells and pages; 0 before the first.
                                       Refcount mode: old objects that were not freed yet */
  uint64_t limit_bytes;             /* what heap_bytes may grow to */
  uint64_t free_bytes;              /* in blocks that hold an object, as far as they were swept since the last collection */
  uint64_t shadow_bytes;            /* old contents kept for counting (refcount mode) */
  uint64_t allocated_bytes;         /* since the start, in cells and pages */
  uint64_t allocated_objects;
  uint64_t freed_bytes;             /* by gc_free */
  uint64_t collections_minor, collections_full;
  struct gc_pauses pauses, pauses_minor, pauses_full;
  uint64_t mark_ns, sweep_ns;       /* time of collections spent in marking; time spent in sweeping, also by allocation */
  uint64_t objects_marked;          /* by all collections */
  uint64_t tracked_pages_written;   /* that a collection had to look at */
  unsigned fragmentation_percent;   /* free_bytes of all bytes in blocks and large objects */
  unsigned threads;                 /* attached */
  unsigned markers;                 /* threads that may mark, the collecting one included */
  uint64_t false_words;             /* root words seen by the last collection that point at free heap memory */
  uint64_t blacklisted_bytes;       /* free memory that is not handed out because such a word points at it */
  uint64_t finalizers_pending;
  /* Refcount mode; 0 in others. */
  uint64_t cycles_reclaimed_bytes;  /* freed by full collections although counts were left: cycles, what hung on them, and
                                       what was stuck */
  uint64_t counted_objects, counted_bytes; /* freed because their count fell to 0, or by hand but not at once */
  uint64_t traced_objects;          /* those of cycles_reclaimed_bytes */
  uint64_t young_objects;           /* that died before a collection saw them: freed without being touched */
  uint64_t stuck_objects;           /* whose count became too large to be kept, since the last full collection */
  uint64_t increments, decrements;  /* of counts */
  /* With a swap file. */
  uint64_t swapped_bytes;           /* of live_bytes, about: what is in the file and not in heap_bytes */
  uint64_t swapped_out_bytes;       /* moved there in all */
  uint64_t swap_stops, swap_stop_max_ns; /* stops that moved some of it, and the longest; none of the pauses above */
};

GC_PUBLIC void gc_stats(struct gc_stats *out);
GC_PUBLIC void gc_stats_reset(void); /* counts and pauses start anew; sizes stay */

/* What happened, delivered soon after it by the thread that caused it: with the world running, no lock held, so that
 * the function may allocate. Events that come while an event is delivered on the same thread are dropped. */
enum gc_event_kind {
  GC_EVENT_COLLECTION_START, /* the collection that the next END describes began */
  GC_EVENT_COLLECTION_END,
  GC_EVENT_GROWN,            /* the heap committed more memory: bytes */
  GC_EVENT_RETURNED,         /* memory went back to the system: bytes */
  GC_EVENT_LIMIT_NEAR        /* live memory after a collection, but for what is in the swap file, is above 7/8 of
                                the limit: bytes = live memory */
};

struct gc_event {
  enum gc_event_kind kind;
  enum gc_collection collection; /* of START and END */
  uint64_t time_ns;              /* CLOCK_MONOTONIC */
  uint64_t pause_ns;             /* of END */
  uint64_t bytes;                /* END: live bytes found; else as above */
};

typedef void gc_event_fn(const struct gc_event *event, void *data);

/* Up to 8 functions, called in the order in which they were set. Result: 0; EINVAL (NULL); ENOSPC (8 are set). The data
 * pointer is a root. gc_shutdown forgets them. */
GC_PUBLIC int gc_on_event(gc_event_fn *fn, void *data);

/* A page for people: the heap by size class, fragmentation, collections and pauses. NULL is standard error. */
GC_PUBLIC void gc_dump(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
