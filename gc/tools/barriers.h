/* tools/barriers.h - TREFOIL_CHECK=barriers: does a program that promised gc_write keep the promise?
 *
 * A copy of all old objects is kept. At the beginning of a stop, before the cards are taken, each word of an old object
 * is compared with it: one that leads to another object than before, and has no card, is named on standard error. At
 * the end of the stop the copy is made anew. [barriers.flight] A thread may have been stopped between its store and the
 * card: while there are other threads a word is named some stops later, if it has had no card by then.
 *
 * The copy is as large as the heap. When there is no memory for it, that is said once, and checking ends.
 */
#ifndef GC_TOOLS_BARRIERS_H
#define GC_TOOLS_BARRIERS_H

#include "collect/collector.h"

struct gc__barriers {
  struct gc__region copy;     /* of the heap's span, at the same offsets */
  struct gc__region pages;    /* a byte a page: belongs to an old large object, and is in the copy */
  struct gc__region suspects; /* words that may be in flight */
  size_t suspect_count;
  bool is_over; /* for want of memory */
};

/* Makes the collector call what is below. The structure stays until it is closed; all zero is closed. */
void gc__barriers_open(struct gc__barriers *barriers, struct gc__collector *collector);
void gc__barriers_close(struct gc__barriers *barriers);

#endif
