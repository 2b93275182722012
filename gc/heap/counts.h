/* heap/counts.h - a liveness byte that counts, and the tables of a mode that does (collect/counting.h).
 *
 * [counts.byte] The byte of an object's first granule is 0 while it is young, and when it is gone; else it has the
 * count of the words that name it (the four low bits: 1 is count 0, the greatest is stuck and never changes but by a
 * trace), a state, and two bits: pinned, marked. All other bytes are 0. So free is 0 here, and the current epoch in
 * modes that trace: gc__heap_live_bits (heap/heap.h) compares with a byte, then inverts or not, and sweeping and
 * allocation are the same. [counts.tenant] While a word of the shadow names a cell, its byte is not 0: it has no new
 * tenant, and its block keeps its class.
 *
 * States: LIVE; FREED by hand, and not looked at by a stop yet; KEPT: freed, but still counted by someone, so that the
 * cell stays; DYING: nothing counts it, and the words that it counts are being taken back. Only LIVE objects (and young
 * ones) are objects to anybody. [counts.special] A marked byte that says DYING is no object: the values that say
 * recycled and black (heap/liveness.h) are such, and a trace has no dying objects.
 */
#ifndef GC_HEAP_COUNTS_H
#define GC_HEAP_COUNTS_H

#include "heap/page_set.h"
#include "heap/shadow.h"

#define GC__COUNT_MASK  0x0fu
#define GC__COUNT_ZERO  0x01u
#define GC__COUNT_STUCK 0x0fu

#define GC__STATE_MASK  0x30u
#define GC__STATE_LIVE  0x00u
#define GC__STATE_FREED 0x10u
#define GC__STATE_KEPT  0x20u
#define GC__STATE_DYING 0x30u

#define GC__COUNT_PINNED 0x40u
#define GC__COUNT_MARKED 0x80u

static inline bool gc__count_is_live(uint8_t byte) {
  return byte && !(byte & GC__STATE_MASK);
}
static inline bool gc__count_is_special(uint8_t byte) {
  return (byte & (GC__COUNT_MARKED | GC__STATE_DYING)) == (GC__COUNT_MARKED | GC__STATE_DYING);
}

/* Pages with... */
enum gc__count_set {
  GC__SET_CANDIDATES, /* live objects of count 0: [count.zero] */
  GC__SET_PINNED,     /* pinned objects, or such as were */
  GC__SET_FREED,      /* objects freed by hand since the last stop; heap's lock */
  GC__SET_UNSYNCED,   /* promoted objects that found no room on the stack; empty between stops */
  GC__SET_TOUCHED,    /* (blocks, not pages) a cell that became free: for the sweeper; heap's lock */
  GC__SET_COUNT
};

struct gc__counts {
  struct gc__shadow shadow;
  struct gc__page_set sets[GC__SET_COUNT];
  volatile size_t old_bytes; /* in cells and runs whose byte is not 0 */
};

/* Tables for a heap's whole reservation, usable for its span. False: no memory. */
bool gc__counts_open(struct gc__counts *counts, struct gc__budget *budget, const struct gc__space *space);
void gc__counts_close(struct gc__counts *counts);
bool gc__counts_extend(struct gc__counts *counts, const struct gc__space *space, size_t span_bytes);
void gc__counts_touch(struct gc__counts *counts);               /* all but the shadow: gc__os_touch */
size_t gc__counts_table_bytes(const struct gc__counts *counts); /* committed, the shadow included */

/* Tells Valgrind that all tables of the heap are defined: what counting writes into them follows from words that the
 * program may never have written (os/valgrind.h). World stopped. */
void gc__counts_trust(const struct gc__counts *counts, const struct gc__space *space);

#endif
