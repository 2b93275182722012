/* mode/mark_sweep.h - the mark-sweep mode: nothing between collections; a collection marks from the roots and leaves
 * what it did not mark to the lazy sweeper. */
#ifndef GC_MODE_MARK_SWEEP_H
#define GC_MODE_MARK_SWEEP_H

#include "collect/mode.h"

extern const struct gc__mode gc__mode_mark_sweep;

#endif
