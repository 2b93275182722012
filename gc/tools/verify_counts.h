/* tools/verify_counts.h - TREFOIL_CHECK=heap in a mode that counts: all counts anew, from the shadow. */
#ifndef GC_TOOLS_VERIFY_COUNTS_H
#define GC_TOOLS_VERIFY_COUNTS_H

#include "collect/collector.h"

/* World stopped, at the end of a stop. Ends the program with the name of an invariant that is broken. Needs memory for
 * a word a granule; without it nothing is checked. */
void gc__verify_counts(struct gc__collector *collector);

#endif
