/* heap/ties.h - what hangs on objects without keeping them: weak references, entries of weak maps, finalizers.
 *
 * A tie is a record in memory of the library. [ties.found] Each that has an object hangs in the list of the 256 bytes
 * of heap in which the object begins, the object's bit is set, and its page is in the set of pages: a collection finds
 * the tied objects that died by comparing bits with liveness bytes, 64 at a time, and looks at no record of one that
 * lives; nothing is ever hashed anew. [ties.young] Ties made or moved since the last stop are listed: objects of all
 * others are old, so that a minor collection need not look at them. [ties.lazy] An object's bit may outlast its ties
 * until a stop decides on the object; only gc_free clears it between stops. So a tied object does not die between
 * stops, and what gc_weak_get gives stays whole until a stop has seen who holds it. [ties.counted] Where counts are
 * kept, a word that a tie holds on to counts like a word of the shadow from the next stop on, and is taken back at a
 * stop: until then the tie is retired.
 *
 * [ties.links] A link is a word of the program, anywhere in memory, that is cleared when an object is gone. Links are
 * found by the addresses of their words in an open hash table of their ties' numbers, at most half full. One whose word
 * lies in an object has a second tie there: it ends with that object. [ties.before] Programs have thousands of links to
 * one object: ties of both kinds know the one before them in its list, in the upper half of other.
 *
 * All of it changes under its lock, in a section ([heap.nostop]), or with the world stopped. Tables for the heap are
 * committed when there is a first tie; adding fails cleanly where there is no memory for them or for the record.
 */
#ifndef GC_HEAP_TIES_H
#define GC_HEAP_TIES_H

#include "heap/page_set.h"
#include "os/lock.h"

#define GC__TIE_CARD_LOG2 4u /* granules that share a list */

enum gc__tie_kind {
  GC__TIE_FREE,      /* link: the next free one */
  GC__TIE_WEAK,      /* object: what is referred to; link: the handle */
  GC__TIE_HANDLE,    /* object: the weak reference; link: the tie above */
  GC__TIE_MAP,       /* object: the map; value: how many entries; link: the first */
  GC__TIE_ENTRY,     /* object: the key; other: the map and the entry before, see gc__tie_map; link: the next entry */
  GC__TIE_FINALIZER, /* value: the data; other: the function; link: its number in order of registration */
  GC__TIE_QUEUED,    /* the same, to be run; other 0: cancelled; link: the next one; holds its object */
  GC__TIE_RUNNING,   /* the same, while it runs; hangs nowhere */
  GC__TIE_LINK,      /* object: what is referred to; value: the address of a word of the program that is cleared when it
                        is gone; other: 1 if it is a long one, and [ties.before]; link: the tie below, or 0 */
  GC__TIE_HOLDER,    /* object: the one that the word lies in; link: the tie above */
  GC__TIE_RETIRED    /* holds words that count until the next stop; hangs nowhere; link: the next one */
};

/* Which finalizers of one collection are queued, and in which order: collect/weak.h. */
enum gc__order_kind {
  GC__ORDER_REFERRERS,           /* all; referrers first */
  GC__ORDER_NONE,                /* all, in any order, but for what one of the next two leads to */
  GC__ORDER_LEADERS,             /* those that no candidate of this kind or the next leads to, itself included */
  GC__ORDER_LEADERS_IGNORE_SELF, /* the same, but a pointer of an object to itself is no obstacle */
  GC__ORDER_ALWAYS               /* all, whatever leads to it */
};

struct gc__tie {
  uint64_t granule : 48; /* where the object begins */
  uint64_t kind : 8;
  uint64_t is_counted : 1;    /* [ties.counted]: value */
  uint64_t counts_object : 1; /* [ties.counted]: the object */
  uint64_t is_listed : 1;     /* [ties.young] */
  uint64_t is_candidate : 1;  /* during a stop: its finalizer will be queued */
  uint64_t order : 3;         /* of a finalizer: enum gc__order_kind */
  size_t value, other;
  uint32_t next; /* in its list */
  uint32_t link;
};
_Static_assert(sizeof(struct gc__tie) == 32, "two share a cache line");

struct gc__heap;

struct gc__ties {
  struct gc__lock lock;
  struct gc__tie *ties; /* [1, count); number 0 is none */
  uint32_t count, free;
  uint32_t *young, young_count;     /* [ties.young] */
  uint32_t *scratch;                /* for steps of a stop: room for a number a tie */
  uint32_t *heads;                  /* lists */
  uint64_t *bits;                   /* a granule */
  volatile size_t covered_granules; /* that heads and bits have */
  struct gc__page_set pages;
  uint32_t first_queued, last_queued, retired;
  volatile size_t queued_count; /* to be run, cancelled ones left out */
  uint32_t next_order;
  uint32_t candidate_count; /* during a stop */
  size_t entry_count, finalizer_count, running_count;
  size_t leader_count; /* finalizers of the two kinds that keep what they lead to */
  uint32_t *slots;     /* [ties.links] */
  size_t slot_count, link_count;
  size_t data_count;  /* finalizers, queued ones included, whose data lies in the heap */
  bool finalizes_all; /* the next full collection queues what has a finalizer, dead or alive */
  struct gc__region memory, young_memory, scratch_memory, head_memory, bit_memory, slot_memory;
  struct gc__region order_memory[4]; /* collect/order.c */
};

void gc__ties_open(struct gc__ties *ties);
void gc__ties_close(struct gc__ties *ties);

/* Whether something may hang on the object that begins at this granule. Without the lock: who asks for its own object
 * knows. */
static GC__INLINE bool gc__ties_has(const struct gc__ties *ties, size_t granule) {
  return granule < gc__word_get(&ties->covered_granules) &&
         (gc__word_peek((const volatile size_t *)&ties->bits[granule / 64]) >> granule % 64 & 1);
}

static inline struct gc__tie *gc__tie_at(const struct gc__ties *ties, uint32_t number) {
  return &ties->ties[number];
}

/* Makes room for so many ties, of objects anywhere in the heap. False: no memory. */
bool gc__ties_reserve(struct gc__heap *heap, uint32_t count);

/* A new tie of an object, for which there is room: its number. */
uint32_t gc__tie_make(struct gc__ties *ties, enum gc__tie_kind kind, size_t granule, size_t value, size_t other);

/* Takes a tie off its object, or hangs it on another. */
void gc__tie_unhang(struct gc__ties *ties, uint32_t number);
void gc__tie_hang(struct gc__ties *ties, uint32_t number, size_t granule);

/* Ends a tie that hangs nowhere any more: at once, or when a stop has taken back what it holds. */
void gc__tie_retire(struct gc__ties *ties, uint32_t number);

/* The first tie of an object, and the one after another one; 0: none. */
uint32_t gc__ties_first(const struct gc__ties *ties, size_t granule);
uint32_t gc__ties_next(const struct gc__ties *ties, uint32_t number);
uint32_t gc__ties_find(const struct gc__ties *ties, size_t granule, enum gc__tie_kind kind);

/* ---- Maps ---- */

static inline uint32_t gc__tie_map(const struct gc__tie *entry) {
  return (uint32_t)entry->other;
}

/* The map's entry for the key that begins there; 0: none. */
uint32_t gc__ties_find_entry(const struct gc__ties *ties, uint32_t map, size_t granule);

/* There is no such entry, and room was reserved. */
uint32_t gc__ties_add_entry(struct gc__ties *ties, uint32_t map, size_t granule, size_t value);
void gc__ties_drop_entry(struct gc__ties *ties, uint32_t entry);

/* ---- Links ---- */

/* The link whose word lies at this address; 0: there is none. */
uint32_t gc__links_find(const struct gc__ties *ties, size_t slot);

/* Makes room for one more, with its ties. False: no memory. */
bool gc__links_reserve(struct gc__heap *heap);

/* Room was reserved. holder: where the object begins that the word lies in; SIZE_MAX: in none. */
void gc__links_add(struct gc__ties *ties, size_t slot, size_t granule, size_t holder, bool is_long);

static inline bool gc__link_is_long(const struct gc__tie *tie) {
  return (uint32_t)tie->other != 0;
}

/* Ends it; the word stays as it is. */
void gc__links_drop(struct gc__ties *ties, uint32_t number);

/* ---- Objects that end ---- */

/* The object is gone, or will be: weak references to it are cleared, and all that hangs on it goes, its bit too. */
void gc__ties_drop(struct gc__heap *heap, size_t granule);

/* Clears weak references to it only, and short links. */
void gc__ties_clear_weak(struct gc__heap *heap, size_t granule);
void gc__ties_clear_links(struct gc__heap *heap, size_t granule); /* short links only */

/* All that hangs on one object hangs on another one from now on. False: no memory, and nothing has changed. */
bool gc__ties_move(struct gc__heap *heap, size_t from, size_t to);

/* ---- Finalizers ---- */

/* Room was reserved. */
void gc__ties_add_finalizer(struct gc__heap *heap, size_t granule, size_t data, size_t fn, enum gc__order_kind order);
void gc__ties_end_finalizer(struct gc__heap *heap, uint32_t number);

/* At the end of the queue; it hangs on its object still. */
void gc__ties_queue(struct gc__ties *ties, uint32_t number);

/* The next one to run, which is running then; 0: none. */
uint32_t gc__ties_take_queued(struct gc__heap *heap);

/* In the child of a fork: none runs but that one, if it is not 0. */
void gc__ties_after_fork(struct gc__ties *ties, uint32_t running);

#endif
