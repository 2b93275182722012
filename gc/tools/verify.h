/* tools/verify.h - TREFOIL_CHECK=heap: are the heap's invariants true? */
#ifndef GC_TOOLS_VERIFY_H
#define GC_TOOLS_VERIFY_H

#include "tools/stale.h"

/* Makes the collector call what is below. The structure stays until it is closed (gc__stale_close). */
void gc__verify_open(struct gc__stale *stale, struct gc__collector *collector);

/* Walks the whole heap. World stopped, after a collection. Ends the program with the name of an invariant that is
 * broken. */
void gc__verify_heap(struct gc__collector *collector);

/* The same when a minor trace has ended and nothing is freed yet: [gen.closed]. */
void gc__verify_trace(struct gc__collector *collector);

#endif
