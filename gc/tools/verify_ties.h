/* tools/verify_ties.h - TREFOIL_CHECK=heap: are the invariants of heap/ties.h true? */
#ifndef GC_TOOLS_VERIFY_TIES_H
#define GC_TOOLS_VERIFY_TIES_H

#include "collect/collector.h"

/* World stopped, at the end of a stop. Ends the program with the name of an invariant that is broken. */
void gc__verify_ties(const struct gc__collector *collector);

#endif
