/* mode/refcount.h - the reference counting mode: a collection is an epoch, which counts what was written of old objects
 * since the last one (collect/counting.h); what dies of it is freed in steps while the program runs
 * (collect/cascade.h). A trace in an epoch's place frees cycles and counts anew (collect/recount.c).
 *
 * A trace is due when counting leaves too much: counts stuck at their greatest value, memory short, or old objects that
 * have grown by what the mark-sweep mode would let be allocated. Growth alone may be all live: where a trace frees
 * hardly any of it, the next one waits for twice as much, up to eight times.
 */
#ifndef GC_MODE_REFCOUNT_H
#define GC_MODE_REFCOUNT_H

#include "collect/mode.h"

extern const struct gc__mode gc__mode_refcount;

#endif
