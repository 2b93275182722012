/* collect/collector.h - one collection at a time: who may start one, what is counted, what follows it.
 *
 * The steps of a collection while the world is stopped are the mode's (gc/mode/); everything around them is here.
 *
 * [collector.order] Loader, collector lock, registry lock, stop: the order in which a collection takes hold. Two
 * threads that want one at the same time share it.
 */
#ifndef GC_COLLECT_COLLECTOR_H
#define GC_COLLECT_COLLECTOR_H

#include "collect/crew.h"
#include "collect/pauses.h"
#include "collect/roots.h"
#include "collect/world.h"

struct gc__pause_record {
  uint64_t start_ns, length_ns;
  bool is_full;
};

struct gc__collector {
  struct gc__budget *budget;
  struct gc__heap heap;
  struct gc__world world;
  struct gc__roots roots;
  struct gc__crew crew;
  struct gc__lock lock;
  void (*collect_stopped)(struct gc__collector *); /* the mode's steps */
  void (*inspect_stopped)(struct gc__collector *); /* called at the end of each stop, or NULL */
  unsigned growth_percent;
  unsigned processors;
  size_t wanted_limit_bytes; /* as the options say; 0: the system's */
  uint64_t limit_read_ns;    /* when the system was asked last */
  volatile size_t number;    /* of collections so far */
  size_t live_bytes;         /* after the last one */
  struct gc__trace_counts last_counts;
  uint64_t objects_marked, mark_ns; /* in all */
  uint64_t count_full;
  uint64_t last_pause_ns;
  struct gc__pauses pauses_full;
  bool keeps_records;        /* of every pause, for the statistics file */
  struct gc__region records; /* of struct gc__pause_record */
  size_t record_count;
};

struct gc__collector_settings {
  size_t reserve_bytes, initial_bytes, limit_bytes;
  unsigned growth_percent, markers;
  int stop_signal;
  bool interior_in_heap, keeps_records;
  struct gc__range own_state; /* no root */
};

/* 0, ENOMEM, EINVAL (the signal). */
int gc__collector_open(struct gc__collector *collector, struct gc__budget *budget,
                       const struct gc__collector_settings *settings);
void gc__collector_close(struct gc__collector *collector);

/* Collects, unless another thread finished a collection since `number` was read. False: there was no memory to begin
 * with; nothing happened. The calling thread is attached and in no section. */
bool gc__collector_run(struct gc__collector *collector, size_t number);

/* Around fork(), in this order; the calling thread holds none of the locks. */
void gc__collector_before_fork(struct gc__collector *collector);
void gc__collector_after_fork_in_parent(struct gc__collector *collector);
void gc__collector_after_fork_in_child(struct gc__collector *collector);

/* Forgets counts and pauses. */
void gc__collector_reset_counts(struct gc__collector *collector);

#endif
