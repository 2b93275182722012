/* collect/trace.h - marking: from the roots through every object that can be reached, by one marker or several.
 *
 * A word that may be a pointer becomes a candidate: the granule of the object that it points into. Candidates pass
 * through a short queue while their liveness bytes and first lines are prefetched, before the byte is looked at (Cher,
 * Hosking and Vijaykumar 2004). An object that was not marked is marked, and pushed if it is to be scanned.
 *
 * [trace.bytes] Marking writes a byte without an atomic operation: two markers that meet at one object both scan it,
 * which is wasted work and nothing else (counters may be a little high then). [trace.overflow] An object that is marked
 * but could not be pushed is found again by a flag on its block: its marked objects are scanned anew until no flag is
 * left. So marking ends right with any amount of memory for its stacks.
 *
 * [trace.young] A minor trace marks with the epoch that old objects have, so that they count as marked. A word matters
 * to it only if the entry of the block that it points into has the stamp of the coming stop: no other block has young
 * objects, and the entry is in the cache. It starts at the roots and at what the write log names of old objects.
 */
#ifndef GC_COLLECT_TRACE_H
#define GC_COLLECT_TRACE_H

#include "collect/mark_stack.h"
#include "collect/roots.h"
#include "heap/heap.h"

/* How many candidates wait for their bytes; a power of two. 1, 4, 8, 32 and 64 took 183, 24, 16, 11.3 and 11.1 ns an
 * object on randomly linked objects in a prototype. What was tried here and lost: taking items from below the top of
 * the stack (+60 % on trees in the order of allocation); a second queue of marked objects instead of asking for each
 * candidate's line (+20 % there, -10 % on random links); looking up and visiting candidates in batches of 32 in loops
 * of their own, without branches (15 % fewer instructions, but +15 to +40 % there and on random links: the requests to
 * memory come in bursts). */
#define GC__QUEUE_ROOM 32u

#define GC__MARKERS_MOST 128u

struct gc__trace;

/* A ring: count entries from the oldest one on, modulo its room. */
struct gc__queue {
  size_t entries[GC__QUEUE_ROOM];
  size_t oldest, count;
};

/* Markers share no cache line: with the counters of one beside the copy of the next, two markers were slower than one.
 */
struct gc__marker {
  _Alignas(GC__SHARING_BYTES) struct gc__space space; /* a copy, good for one trace */
  uint8_t epoch, epoch_before; /* that the trace marks with; that live objects have which it has not met yet */
  uint16_t stamp;              /* of blocks with young objects */
  bool is_minor;               /* only young objects are marked */
  bool interior_in_heap;
  struct gc__queue candidates; /* liveness bytes on their way */
  struct gc__mark_stack stack;
  struct gc__trace *trace;
  size_t marked_objects, marked_bytes, false_words;
};

struct gc__trace {
  struct gc__heap *heap;
  uint8_t epoch; /* that this trace marks with */
  bool is_minor; /* [trace.young] */
  bool interior_in_heap;
  bool is_shared; /* more than one marker may work */
  const struct gc__root_range *roots;
  volatile size_t root_count;  /* read by markers that are on their way out of an earlier phase, too */
  volatile unsigned root_lock; /* of the next two: pieces of the ranges are handed to the markers */
  volatile size_t root_at;
  uintptr_t root_from;
  volatile unsigned has_overflowed; /* [trace.overflow] */
  struct gc__marker *markers[GC__MARKERS_MOST];
  unsigned marker_count;
  void (*wake_helpers)(void *); /* called when there is work to share */
  void *wake_argument;
};

/* Prepares a trace over the heap that marks with that epoch. World stopped. */
void gc__trace_begin(struct gc__trace *trace, const struct gc__roots *roots, uint8_t epoch, bool is_minor);

/* Words of stacks and static data that a marker takes at a time. */
#define GC__ROOT_PIECE_BYTES ((size_t)32 << 10)

/* The next piece of the roots that nobody took; false: there is none. */
bool gc__trace_take_root(struct gc__trace *trace, struct gc__root_range *piece);

/* Makes the object that a word points into work for this marker, unless it is marked. False: there is none. */
bool gc__trace_add(struct gc__marker *marker, size_t word);

/* [layout.procedure]: calls the function of an object that begins at this granule; and what it calls in turn. */
void gc__trace_call(struct gc__marker *marker, const struct gc__layout *layout, size_t granule);
void gc__trace_keep(size_t word);

/* Calls fn with the first granule of each cell of a block. */
void gc__trace_each_cell(struct gc__marker *marker, uint32_t block, void (*fn)(struct gc__marker *, size_t));

/* Takes some of another marker's work; false: there is none. */
bool gc__trace_steal(struct gc__marker *marker);

/* Marks the allocated root objects, and makes them work for the first marker; at a minor trace also what old objects
 * with procedures keep. */
void gc__trace_root_objects(struct gc__marker *marker);

/* Works until this marker finds nothing to do: neither of its own, nor of the roots, nor to steal. */
void gc__trace_work(struct gc__marker *marker);

/* Whether there is work that a marker without any could take. */
bool gc__trace_has_work(const struct gc__trace *trace);

/* Scans a marked object, and what it leads to: again, perhaps, since it may have been left out. */
void gc__trace_rescan(struct gc__marker *marker, size_t granule, size_t bytes);

/* Finds what could not be pushed, as work for this marker; false: nothing was left out. No other marker runs. */
bool gc__trace_recover(struct gc__marker *marker);

#endif
