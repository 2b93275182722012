/* collect/nursery.h - how much is allocated between two minor collections, and when a full one is due.
 *
 * The nursery is a number of bytes, not a place. It starts at 4 MiB and follows what minor collections cost: it doubles
 * while more than a fifth survives and the predicted pause stays below 1 ms, up to 8 MiB where almost nothing survives
 * (trees took 202, 190, 143, 118, 114 and 116 ms with 1, 2, 4, 8, 16 and 32 MiB), and above that it halves where
 * survivors and written pages alone take longer than a pause should.
 *
 * A full collection is due when the old objects have grown by what the mark-sweep mode would let be allocated; and when
 * eight times the heap was allocated since the last one, however little of it survived: after a peak nothing else would
 * find that most of the old objects are gone.
 *
 * [nursery.rest] Generations do not pay where a program writes so much of its old objects that noticing and rereading
 * it costs more, for a byte allocated, than full collections do. Then only full ones are made for a while, with the
 * headroom of the mark-sweep mode, and no page is armed. The same holds where full collections are short and cost less:
 * two threads that keep their last 4,000 objects each allocated 6 million a second in generations, 13 million without.
 * Short is also what takes no more than four minor ones: threads that hand over objects of a heap of 20 MiB, nearly all
 * of which survive their first collection, took 2.8 times as long with minor pauses of 2 ms as with full ones of 4.
 *
 * [nursery.work] What a collection costs is processor time of the thread that made it. Its pause also has what the
 * other threads took to stop, which with four of them on two processors was most of it, and what other processes had:
 * by pauses the same program made 266 minor collections among 125 full ones, by processor time 56 among 131.
 */
#ifndef GC_COLLECT_NURSERY_H
#define GC_COLLECT_NURSERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a collection came to, as far as it matters here. */
struct gc__nursery_sample {
  bool is_full;
  uint64_t work_ns;                        /* [nursery.work] */
  size_t live_bytes;                       /* old objects after it */
  size_t handed_bytes;                     /* since the collection before */
  size_t survived_bytes, survived_objects; /* of a minor one */
  size_t written_pages;
};

struct gc__nursery {
  size_t wanted_bytes;     /* as the options say; 0: adapted */
  unsigned thrift_percent; /* of sizes that are chosen here, if not 0 */
  size_t bytes;            /* now; 0: nothing was collected yet */
  size_t full_live_bytes;  /* after the last full collection */
  size_t full_room_bytes;  /* that the old objects may grow by from then on */
  size_t since_full_bytes; /* allocated since then */
  uint64_t full_ns;        /* work of the last full collection */
  unsigned costly_minors;  /* score of the last minor ones in a row: [nursery.rest] */
  unsigned rest_fulls;     /* full collections to come before the next minor one */
  unsigned next_rest;      /* how many it will be the next time: each rest is twice as long as the one before */
  uint64_t rest_most_ns;   /* a full collection that takes longer ends the rest: the heap has grown meanwhile */
  bool has_rested;         /* the next minor collection also sees what was written meanwhile: it is no measure */
  unsigned trace_scale;    /* refcount mode: times full_room_bytes; 0: nothing was traced yet */
  bool dies_in_cycles;     /* refcount mode: the last trace freed most of what the old objects had grown by */
  size_t old_bytes;        /* old objects after the last collection */
  unsigned fixed_epochs;   /* refcount mode: in a row, of which the nursery explains little */
  bool is_tight;           /* memory is short: the next collection is a full one */
};

/* Of a size that is chosen, what is taken. */
static inline size_t gc__nursery_thrifty(const struct gc__nursery *nursery, size_t bytes) {
  return nursery->thrift_percent ? bytes / 100 * nursery->thrift_percent : bytes;
}

/* Learns from a collection. */
void gc__nursery_note(struct gc__nursery *nursery, const struct gc__nursery_sample *sample);

/* How much may be handed out before the next collection. room_bytes: as for gc__pacing_allowance. */
size_t gc__nursery_allowance(struct gc__nursery *nursery, size_t room_bytes);

/* Whether the next collection has to be a full one. live_bytes: old objects now. is_crowded: memory is used up, though
 * the old objects have not grown by all that they may; a quarter of it makes a full collection worth while. */
bool gc__nursery_wants_full(const struct gc__nursery *nursery, size_t live_bytes, bool is_crowded);

#endif
