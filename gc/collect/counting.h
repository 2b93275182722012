/* collect/counting.h - counting what old objects name: deferred, coalesced, and taken from the heap as it is at a stop.
 *
 * Deferred: words of stacks, registers and static data are never counted; what they name is pinned from one stop to the
 * next (Deutsch and Bobrow 1976). Coalesced: a word of an old object is looked at once a stop, if its page was written
 * since the last one, and its old value comes from the shadow (Levanoni and Petrank 2001). New objects that nothing
 * counted are free without being touched (Shahriyar, Blackburn and Frampton, "Down for the count?", 2012).
 *
 * [count.exact] Unless it is stuck, the count of an object is the number of shadow words that name it. A count is
 * lowered for shadow words only ([shadow.words]). [count.sync] At the end of a stop, each word of a LIVE old object has
 * shadow == memory, or shadow == 0 and it named no object when it was looked at. An object that is allocated there
 * later is not kept by that: nobody stored its address (tools/stale.h). [count.zero] A LIVE old object of count 0 lies
 * in a page of the set of candidates, root objects excepted. [count.death] Between two stops a count is lowered only
 * for the shadow of an object that a stop before found unreachable; so what reaches 0 then and is not pinned was
 * unreachable at that stop, too, and stays so.
 *
 * One thread counts. To let several do it, each would have to own the targets in some of the blocks, or exchange bytes
 * by compare-and-swap: other than a lost mark, a lost increment frees a live object. Bytes are exchanged atomically
 * where the program runs, since gc_free changes them there, too.
 */
#ifndef GC_COLLECT_COUNTING_H
#define GC_COLLECT_COUNTING_H

#include "collect/roots.h"
#include "heap/heap.h"

/* An object as the stacks hold it: its first granule, above the granules of its cell; 0: it is large, or of a kind that
 * has to be looked up (promoted objects that are typed). */
#define GC__OBJECT_LOG2 10u
_Static_assert(GC__SHAPE_GRANULES < 1u << GC__OBJECT_LOG2, "the length of a cell has room");

static GC__INLINE size_t gc__object_ref(size_t granule, size_t cell_granules) {
  return granule << GC__OBJECT_LOG2 | cell_granules;
}
static GC__INLINE size_t gc__object_granule(size_t ref) {
  return ref >> GC__OBJECT_LOG2;
}
static inline size_t gc__object_ref_of(struct gc__place place) {
  return gc__object_ref(place.granule, place.is_large ? 0 : place.bytes / GC__GRANULE_BYTES);
}

static inline size_t gc__object_ref_promoted(struct gc__place place) {
  return place.kind == GC__KIND_TYPED ? gc__object_ref(place.granule, 0) : gc__object_ref_of(place);
}

/* Objects, a stack. Memory comes from reserved addresses. */
struct gc__objects {
  size_t *items;
  size_t count, room;
  struct gc__region memory;
};

bool gc__objects_grow(struct gc__objects *objects);

/* False: no memory. */
static GC__INLINE bool gc__objects_push(struct gc__objects *objects, size_t ref) {
  if (GC__UNLIKELY(objects->count == objects->room) && !gc__objects_grow(objects)) return false;
  objects->items[objects->count++] = ref;
  return true;
}

struct gc__count_figures {
  uint64_t increments, decrements;
  uint64_t promoted_objects, promoted_bytes;
  uint64_t counted_objects, counted_bytes; /* freed when their counts reached 0, or by hand and not at once */
  uint64_t marked_objects;                 /* old ones, by traces */
  uint64_t traced_objects, traced_bytes;   /* freed by traces that found them unreachable, though they were counted */
  uint64_t young_objects;                  /* freed untouched, or by hand while they were young */
  uint64_t false_words;
};

struct gc__counting {
  struct gc__heap *heap;
  bool interior_in_heap;
  struct gc__objects promoted;    /* to be synced: [count.sync]; in a trace, to be scanned */
  struct gc__objects dying;       /* their shadow is to be consumed. Between stops: by who holds the cascade's lock */
  size_t current;                 /* one of these that is half consumed: its first granule; SIZE_MAX: none */
  size_t current_at, current_end; /* its words that come next, by their offsets */
  size_t released_bytes;          /* not subtracted from old_bytes yet */
  uint32_t released_block;        /* in which a cell became free, not noted yet; GC__NONE */
  volatile size_t has_dying;      /* somebody should run the cascade */
  volatile unsigned cascade_lock;
  bool has_overflowed;                   /* during an epoch: [epoch.fresh] holds no more */
  bool has_uncounted;                    /* words of live objects had no room in the shadow since the last recount */
  uint32_t decided_count;                /* during a stop: dead objects with finalizers (collect/weak.h) */
  size_t stuck_objects;                  /* that became stuck since the last trace, dead ones included */
  size_t stuck_bytes, stuck_again_bytes; /* by that trace itself, or for want of a shadow in the swap file */
  struct gc__count_figures figures;
  uint64_t allocated_objects, promoted_before; /* when the last stop ended: for young_objects */
};

/* Makes room for that many objects in each list, as far as there is memory, and touches it (gc__os_touch). */
void gc__counting_touch(struct gc__counting *counting, size_t objects);

bool gc__counting_open(struct gc__counting *counting, struct gc__heap *heap, bool interior_in_heap);
void gc__counting_close(struct gc__counting *counting);

/* Gives back what the lists of objects do not need now. Collector lock held, the world runs. */
void gc__counting_trim(struct gc__counting *counting);

/* ---- Steps, world stopped ---- */

/* One epoch over these roots, which say what was written as well. */
void gc__counting_run_epoch(struct gc__counting *counting, const struct gc__roots *roots);

/* A trace that frees what is reached from nothing, cycles too: collect/cycles.c. After an epoch of the same stop, when
 * nothing is dying any more, and no word was left uncounted. */
void gc__counting_trace_cycles(struct gc__counting *counting, const struct gc__roots *roots);

/* A trace that makes all counts anew as well: collect/recount.c. */
void gc__counting_recount(struct gc__counting *counting, const struct gc__roots *roots);

/* ---- Pieces that the steps share ---- */

#define GC__NO_OBJECT SIZE_MAX

/* The first granule of the cell or run that contains a word's target; GC__NO_OBJECT: it names none. */
static GC__INLINE size_t gc__counting_cell(const struct gc__counting *counting, size_t word) {
  const struct gc__space *space = &counting->heap->space;
  size_t offset = word - space->base;
  if (GC__LIKELY(offset >= gc__word_peek(&space->span_bytes))) return GC__NO_OBJECT;
  return gc__space_granule_of(space, offset);
}

/* What a word in an object names, live or young. */
static GC__INLINE size_t gc__counting_resolve(const struct gc__counting *counting, size_t word) {
  size_t granule = gc__counting_cell(counting, word);
  if (granule == GC__NO_OBJECT || !gc__heap_is_given(counting->heap, granule)) return GC__NO_OBJECT;
  const struct gc__space *space = &counting->heap->space;
  if (!counting->interior_in_heap && !gc__space_is_start(space, granule, word - space->base)) return GC__NO_OBJECT;
  return granule;
}

/* The place of the cell or run that starts there. */
static GC__INLINE struct gc__place gc__counting_place(const struct gc__counting *counting, size_t granule) {
  const struct gc__space *space = &counting->heap->space;
  struct gc__block_entry entry = gc__entry_at(space, gc__block_of(space, granule));
  size_t cell_granules = entry.shape & GC__SHAPE_GRANULES;
  if (GC__UNLIKELY(!cell_granules)) return gc__space_place(space, granule * GC__GRANULE_BYTES);
  return (struct gc__place){granule, cell_granules * GC__GRANULE_BYTES, gc__entry_kind(entry), false};
}

/* A young object becomes an old one with this byte; its words will be synced. */
void gc__counting_promote(struct gc__counting *counting, size_t granule, uint8_t byte);

/* One more word names it. */
void gc__counting_increment(struct gc__counting *counting, size_t granule);

/* A counted word names it no more. Within a stop nothing dies of it: others may still be counted. */
void gc__counting_decrement(struct gc__counting *counting, size_t word);

/* Its count is no longer known. */
void gc__counting_stick(struct gc__counting *counting, size_t granule);

/* The word at this address in the shadow names that object from now on, which is counted; or, where the shadow has no
 * memory, the object is stuck. */
void gc__counting_note(struct gc__counting *counting, size_t *shadow, size_t value, size_t target);

/* These pages of the heap have no shadow from now on ([swap.uncounted]): how many bytes that gave back. World stopped.
 */
size_t gc__counting_drop_shadow(struct gc__counting *counting, size_t first_page, size_t count);

/* The cell or run is free from now on: its shadow is 0. The heap is told of a cell by gc__counting_settle at the
 * latest: neighbours often die together, and telling takes an atomic operation. */
void gc__counting_release(struct gc__counting *counting, struct gc__place place);
void gc__counting_settle(struct gc__counting *counting);

static GC__INLINE void gc__counting_release_cell(struct gc__counting *counting, size_t granule, size_t bytes) {
  uint32_t block = (uint32_t)gc__block_of(&counting->heap->space, granule);
  if (GC__UNLIKELY(block != counting->released_block)) gc__counting_settle(counting);
  counting->released_bytes += bytes;
  counting->released_block = block;
  gc__byte_poke(&counting->heap->space.live[granule], 0);
}

/* Calls fn with each root word that lies in the heap's addresses or just behind them; not with words in objects. */
void gc__counting_each_root(struct gc__counting *counting, const struct gc__roots *roots,
                            void (*fn)(struct gc__counting *, size_t));

/* A root word names free memory, in that cell or in none: what lies there is not handed out until the next trace, or an
 * object born there would be kept by chance. Cells that a thread may hold are left out: they would be handed out with
 * that byte. Each trace begins anew. */
void gc__counting_note_false(struct gc__counting *counting, size_t word, size_t granule);
void gc__counting_begin_black(struct gc__counting *counting);

/* Calls fn for each allocated root object; is_all: not only for those made since the last stop. */
void gc__counting_each_root_object(struct gc__counting *counting, bool is_all,
                                   void (*fn)(struct gc__counting *, size_t));

#endif
