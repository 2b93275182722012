/* heap/heap.h - the heap as a whole: its parts, its lock and its counters.
 *
 * The heap hands out cells and large objects, takes them back, and knows which are allocated. It never starts a
 * collection: a request that it cannot serve fails, and the caller decides.
 *
 * [heap.nostop] Its lock is taken, and its slow paths run, only where the thread cannot be stopped (collect/world.h):
 * when the world is stopped, nobody holds the lock and no list is half changed.
 */
#ifndef GC_HEAP_HEAP_H
#define GC_HEAP_HEAP_H

#include "base/atomic.h"
#include "base/bytes.h"
#include "heap/buffer.h"
#include "heap/counts.h"
#include "heap/guard.h"
#include "heap/layout.h"
#include "heap/liveness.h"
#include "heap/pages.h"
#include "heap/space.h"
#include "heap/swap.h"
#include "heap/ties.h"
#include "heap/write_log.h"
#include "os/lock.h"

/* How old a block with free cells is: handing out its cells costs a look at all its old objects at the next minor
 * collection (heap/write_log.h). Without a write log, and for leaves, everything is sparse. */
enum gc__tier {
  GC__TIER_SPARSE, /* at most a quarter: as good as an empty one */
  GC__TIER_DENSE,  /* at most half */
  GC__TIER_PACKED, /* more */
  GC__TIER_COUNT
};

struct gc__sweep {
  uint32_t next, end;     /* blocks [next, end) were not looked at since the last trace; unused by a mode that counts */
  uint32_t pending;       /* blocks that a thread looks at right now */
  size_t live_cell_bytes; /* found so far, in blocks of cells */
  size_t free_cell_bytes; /* found so far, in blocks that hold a live cell */
  uint32_t punch_next;    /* block that gc__sweep_punch looks at next */
  size_t punched_pages, mended_pages; /* lately: [sweep.regret] */
  size_t aged_bytes;                  /* handed out since these were halved */
  volatile size_t total_ns;           /* time spent, by all threads */
};

struct gc__heap {
  struct gc__space space;
  struct gc__pages pages;
  struct gc__budget *budget;
  struct gc__buffer buffer; /* of a heap in memory of the program's */
  struct gc__lock lock;
  struct gc__counts counts; /* of a mode that counts; else space.counts is NULL and these are all zero */
  struct gc__layouts layouts;
  struct gc__ties ties;
  struct gc__guards guards;
  uint8_t epoch;         /* [live.epoch]; a mode that counts never changes it */
  uint8_t black_epoch;   /* number of the last full trace, as false root words are noted with it */
  uint16_t stamp;        /* number of the coming stop: [block.young] */
  uint16_t ended_stamp;  /* number of the last one */
  size_t hand_out_bytes; /* cells are zeroed and handed to a thread in steps of this size */
  uint32_t available[GC__TIER_COUNT][GC__KIND_COUNT][GC__CLASS_COUNT]; /* lists: [block.listed] */
  uint32_t root_blocks;                                                /* list of all blocks of root objects */
  uint32_t procedure_blocks;  /* list of all blocks that may have objects with a procedure: [layout.procedure] */
  bool has_large_procedures;  /* so may large objects */
  uint32_t large, root_large; /* lists of large objects */
  struct gc__sweep sweep;
  struct gc__log log;
  struct gc__swap swap;
  size_t initial_bytes;                /* never given back to the system */
  volatile size_t handed_since_bytes;  /* to programs since the last collection, less what they freed */
  volatile size_t handed_before_bytes; /* between the last full collection and the last one */
  volatile size_t untrimmed_bytes;     /* handed out since gc__heap_trim */
  volatile size_t allowance_bytes;     /* that may be handed out before the next collection */
  /* Committed bytes beyond which blocks of that tier come before new memory. */
  volatile size_t tier_bytes[GC__TIER_COUNT];
  volatile unsigned is_crowded;                /* packed blocks would be the next: a full collection may be better */
  volatile size_t large_bytes, large_objects;  /* allocated in all */
  volatile size_t grown_bytes, returned_bytes; /* in all */
  volatile size_t taken_bytes; /* of blocks that threads took since a collection last took them back: collect/strip.h */
};

/* reserve_bytes: of addresses at most. initial_bytes are taken at once. False: no memory. */
bool gc__heap_open(struct gc__heap *heap, struct gc__budget *budget, size_t reserve_bytes, size_t initial_bytes);
void gc__heap_close(struct gc__heap *heap);

/* The same inside memory of the caller's, which the budget becomes all used by. False: it is too little. */
bool gc__heap_open_in(struct gc__heap *heap, struct gc__budget *budget, struct gc__range memory, bool has_cards,
                      bool has_counts);

/* Touches the first bytes of the heap and all tables for them, in the end: no page fault comes later. False: no memory.
 */
bool gc__heap_touch(struct gc__heap *heap, size_t bytes);

/* Keeps counts from now on: for a heap without objects. False: no memory. */
bool gc__heap_keep_counts(struct gc__heap *heap);

static GC__INLINE bool gc__heap_has_counts(const struct gc__heap *heap) {
  return heap->space.counts != NULL;
}

/* Forgets which blocks are available. */
void gc__heap_empty_lists(struct gc__heap *heap);

/* The epoch that the coming trace marks with. World stopped. May rewrite all liveness bytes, once in 247 traces. */
uint8_t gc__heap_next_epoch(struct gc__heap *heap);

/* Ends a trace that marked with that epoch: what it did not mark is free from now on. World stopped; pending cells of
 * all threads must be noted anew afterwards (gc__local_after_stop). */
void gc__heap_end_trace(struct gc__heap *heap, uint8_t epoch);

/* The same after a trace of the young objects, which marked with the epoch that the old ones have. */
void gc__heap_end_minor(struct gc__heap *heap);

/* The same after a stop of a mode that counts. is_full: it was a trace. */
void gc__heap_end_count(struct gc__heap *heap, bool is_full);

/* Lengthens the span for that many pages in a row, or makes what is kept of freed objects free pages, perhaps fewer
 * than that. Lock held. False: no memory. */
bool gc__heap_grow(struct gc__heap *heap, uint32_t page_count, uint32_t alignment_pages);

/* Whether gc__heap_trim is worth a call at the end of a cycle: when as much was handed out since the last one as is
 * committed, or half of that is idle, or somebody wants it. What one cycle does not use the next one may: a program of
 * 18 MiB that collects every 5 ms had 2.6 MiB returned each time and faulted them in again, 34,700 page faults where
 * there are 9,500 now, a tenth of its time. A mode that counts finds free memory all the time, most of it after a
 * trace, which wants it. */
bool gc__heap_is_trim_due(const struct gc__heap *heap);
void gc__heap_want_trim(struct gc__heap *heap);

/* Gives free memory that was idle since the last time back to the system, most of it at a time, but for a sixteenth
 * of what is in use and no more than the allowance may use: a steady program keeps what it uses, while one past its
 * peak shrinks within a few collections. */
void gc__heap_trim(struct gc__heap *heap);

/* Whether the word at this offset may hold a pointer, of an object that is no leaf: [layout.words]. */
static GC__INLINE bool gc__heap_declares(const struct gc__heap *heap, size_t offset) {
  struct gc__block_entry entry = gc__entry_at(&heap->space, gc__block_at(&heap->space, offset));
  bool may_be_typed = (entry.shape & GC__SHAPE_PAGES) || gc__entry_kind(entry) == GC__KIND_TYPED;
  return GC__LIKELY(!may_be_typed) || gc__layouts_declare(heap, offset);
}

/* Where the object lies that starts at this granule, as gc__space_granule_of found it: a guarded one behind its lead
 * (heap/guard.h). */
static inline char *gc__heap_address(const struct gc__heap *heap, size_t granule) {
  char *start = gc__space_address(&heap->space, granule);
  if (GC__LIKELY(!gc__guards_any(&heap->guards)) || !gc__space_is_guarded(&heap->space, granule)) return start;
  const struct gc__guard *guards = (const struct gc__guard *)(const void *)heap->guards.memory.start;
  return start + guards[heap->space.runs[granule / GC__PAGE_GRANULES].guard].lead_bytes;
}

/* The opposite, without a look whether there is such an object: of an address in the span. */
static inline size_t gc__heap_granule(const struct gc__heap *heap, const void *address) {
  size_t offset = gc__space_offset(&heap->space, address);
  if (GC__UNLIKELY(gc__guards_any(&heap->guards))) {
    size_t granule = gc__space_granule_of(&heap->space, offset);
    if (granule != SIZE_MAX && gc__heap_address(heap, granule) == address) return granule;
  }
  return offset / GC__GRANULE_BYTES;
}

/* Which of 64 liveness bytes are those of old objects, or of cells that must stay for another reason: a bit each. */
static GC__INLINE uint64_t gc__heap_live_bits(const struct gc__heap *heap, const uint8_t *bytes) {
  bool has_counts = gc__heap_has_counts(heap);
  return gc__bytes_equal(bytes, has_counts ? 0 : heap->epoch) ^ (has_counts ? ~(uint64_t)0 : 0);
}

/* The same for one byte. */
static GC__INLINE bool gc__heap_is_old(const struct gc__heap *heap, size_t granule) {
  uint8_t byte = gc__byte_peek(&heap->space.live[granule]);
  return gc__heap_has_counts(heap) ? byte != 0 : byte == heap->epoch;
}

/* Whether an old object starts at this granule, other than a cell that only has to stay. */
static GC__INLINE bool gc__heap_is_old_object(const struct gc__heap *heap, size_t granule) {
  uint8_t byte = gc__byte_peek(&heap->space.live[granule]);
  return gc__heap_has_counts(heap) ? gc__count_is_live(byte) : byte == heap->epoch;
}

/* Whether the cell or large object that starts at this granule (as gc__space_granule_of found it) is young, or waits in
 * a thread's cursor. Its byte says nothing else. */
static GC__INLINE bool gc__heap_is_young(const struct gc__heap *heap, size_t granule) {
  const struct gc__space *space = &heap->space;
  struct gc__block_entry entry = gc__entry_at(space, gc__block_of(space, granule));
  if (entry.shape & GC__SHAPE_PAGES) {
    const struct gc__run *run = &space->runs[granule / GC__PAGE_GRANULES];
    return run->state == GC__RUN_LARGE && (!gc__heap_has_counts(heap) || run->stamp == heap->stamp);
  }
  return entry.stamp == heap->stamp && (gc__word_peek(&space->young[granule / 64]) >> granule % 64 & 1);
}

/* Whether the cell or large object that starts at this granule (as gc__space_granule_of found it) is allocated, as far
 * as the tables know: cells that a thread holds for its next allocations count as allocated unless the world is
 * stopped. */
static GC__INLINE bool gc__heap_is_given(const struct gc__heap *heap, size_t granule) {
  uint8_t byte = gc__byte_peek(&heap->space.live[granule]);
  if (gc__heap_has_counts(heap) && byte) return gc__count_is_live(byte);
  return byte == heap->epoch || gc__heap_is_young(heap, granule);
}

#endif
