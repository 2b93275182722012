/* mode/mark_sweep.h - the mark-sweep mode: nothing between collections; a collection marks from the roots and leaves
 * what it did not mark to the lazy sweeper. */
#ifndef GC_MODE_MARK_SWEEP_H
#define GC_MODE_MARK_SWEEP_H

#include "collect/collector.h"

/* The steps of a collection, with the world stopped and the roots gathered. */
void gc__mark_sweep_collect(struct gc__collector *collector);

#endif
