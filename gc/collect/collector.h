/* collect/collector.h - one collection at a time: who may start one, what is counted, what follows it.
 *
 * The steps of a collection while the world is stopped are the mode's (gc/mode/); everything around them is here.
 *
 * [collector.order] Loader, collector lock, registry lock, stop: the order in which a collection takes hold. Two
 * threads that want one at the same time share it.
 */
#ifndef GC_COLLECT_COLLECTOR_H
#define GC_COLLECT_COLLECTOR_H

#include "collect/counting.h"
#include "collect/crew.h"
#include "collect/mode.h"
#include "collect/nursery.h"
#include "collect/pauses.h"
#include "collect/roots.h"
#include "collect/swapping.h"
#include "collect/world.h"

struct gc__pause_record {
  uint64_t start_ns, length_ns;
  bool is_full;
};

/* What one collection came to. */
struct gc__collection {
  size_t number; /* of collections so far, this one included; 0: none was made */
  bool is_full;
  uint64_t start_ns, pause_ns;
  uint64_t work_ns;               /* of the pause, the processor time of the thread that collected */
  uint64_t program_ns;            /* from the end of the collection before to its start */
  struct gc__trace_counts counts; /* a minor one counts the young objects that it marked */
  size_t live_bytes;              /* old ones included */
  size_t handed_bytes;            /* since the collection before */
  size_t freed_bytes;             /* by hand, until it began: of all times */
  size_t written_pages;           /* that it had to look at */
  const char *reason;             /* of a mode that counts: why it traced */
  size_t old_before_bytes;        /* there: old objects before it */
  size_t traced_bytes;            /* there: what a trace freed that counting had not */
};

struct gc__collector {
  struct gc__budget *budget;
  struct gc__heap heap;
  struct gc__world world;
  struct gc__roots roots;
  struct gc__crew crew;
  struct gc__counting counting; /* of a mode that counts */
  struct gc__lock lock;
  const struct gc__mode *mode;
  void (*inspect_begun)(struct gc__collector *);  /* called before a collection looks at the log, or NULL */
  void (*inspect_traced)(struct gc__collector *); /* called when a trace has ended, before anything is freed, or NULL */
  void (*inspect_stopped)(struct gc__collector *); /* called at the end of each stop, or NULL */
  void (*inspect_ended)(struct gc__collector *);   /* called after that if there was a collection, or NULL */
  void *inspected;                                 /* what those of the first and last keep between stops */
  void *verified;                                  /* and what the other two keep */
  unsigned growth_percent;
  unsigned thrift_percent; /* of what the heap may grow by otherwise, if not 0 */
  unsigned processors;
  size_t expected_bytes;              /* of objects: until there are as many no full collection is due */
  volatile size_t wanted_limit_bytes; /* as the options say; 0: the system's */
  uint64_t limit_read_ns;             /* when the system was asked last */
  struct gc__pressure pressure;
  bool is_pressed; /* memory is short outside: the next collection is for giving it back */
  volatile size_t number, number_full, number_stripping; /* collections so far, by enum gc__extent */
  struct gc__collection last;
  struct gc__nursery nursery; /* of modes that have one */
  struct gc__swapping swapping;
  uint64_t objects_marked, mark_ns; /* in all */
  uint64_t count_minor, count_full;
  struct gc__pauses pauses_minor, pauses_full;
  bool is_prepared;          /* gc__collector_prepare */
  bool keeps_records;        /* of every pause, for the statistics file */
  struct gc__region records; /* of struct gc__pause_record */
  size_t record_count;
};

struct gc__collector_settings {
  const struct gc__mode *mode;
  bool has_counts;           /* heap/counts.h */
  bool wants_log, has_cards; /* heap/write_log.h */
  enum gc__watch_kind watch; /* its source, if it is not cards */
  const char *missing;       /* result: what the machine lacks, with ENOTSUP */
  int swap_error;            /* result: why there is no swap file; then it is what the function returns */
  size_t reserve_bytes, initial_bytes, limit_bytes, nursery_bytes;
  const char *swap_path; /* NULL: none */
  size_t swap_bytes;
  unsigned growth_percent, markers;
  int stop_signal;
  bool interior_in_heap, keeps_records;
  struct gc__range own_state; /* no root */
  struct gc__range buffer;    /* memory of the program's for the whole heap; empty: it is reserved */
};

/* 0; ENOMEM; EINVAL (the signal); ENOTSUP (the log's source); else why there is no swap file, as swap_error says. */
int gc__collector_open(struct gc__collector *collector, struct gc__budget *budget,
                       struct gc__collector_settings *settings);
void gc__collector_close(struct gc__collector *collector);

/* Touches what objects of so many bytes need, tables and the stacks of a collection included (gc__os_touch). World
 * running, no lock. False: no memory. */
bool gc__collector_touch(struct gc__collector *collector, size_t bytes);

/* Takes what the first collection needs at once; the calling thread is attached. False: no memory. */
bool gc__collector_prepare(struct gc__collector *collector);

/* What a collection is asked to do, each the same as the one before and more. */
enum gc__extent {
  GC__MINOR, /* a full one, if the mode thinks that it is time for it */
  GC__FULL,
  GC__STRIPPING /* threads give up the blocks that they own: collect/strip.h */
};

/* How many there were of that extent at least. */
static inline size_t gc__collector_number(const struct gc__collector *collector, enum gc__extent extent) {
  return gc__word_get(extent == GC__MINOR  ? &collector->number
                      : extent == GC__FULL ? &collector->number_full
                                           : &collector->number_stripping);
}

/* Collects, unless another thread finished such a collection since its number was read; made says what was done. False:
 * there was no memory to begin with; nothing happened. The calling thread is attached and in no section. */
bool gc__collector_run(struct gc__collector *collector, enum gc__extent extent, size_t number,
                       struct gc__collection *made);

/* Waits for a collection that is under way: what it found free is freed when it ends, later than the world runs on and
 * its number is there. In no section. */
void gc__collector_await(struct gc__collector *collector);

/* Changes expected_bytes, and what may be allocated before the next collection with it. World running, no lock. */
void gc__collector_expect(struct gc__collector *collector, size_t bytes);

/* Changes thrift_percent; likewise. */
void gc__collector_save(struct gc__collector *collector, unsigned thrift_percent);

/* How much old objects may grow by before a full collection: collect/pacing.h, and what the program expects. */
size_t gc__collector_allowance(const struct gc__collector *collector, unsigned threads, size_t room_bytes);

/* Steps that modes are made of. World stopped, roots gathered. */
void gc__collector_trace_all(struct gc__collector *collector);
void gc__collector_trace_young(struct gc__collector *collector);
void gc__collector_count(struct gc__collector *collector, bool is_full, bool recounts); /* by a full one */

/* Around fork(), in this order; the calling thread holds none of the locks. */
void gc__collector_before_fork(struct gc__collector *collector);
void gc__collector_after_fork_in_parent(struct gc__collector *collector);
void gc__collector_after_fork_in_child(struct gc__collector *collector);

/* Forgets counts and pauses. */
void gc__collector_reset_counts(struct gc__collector *collector);

#endif
