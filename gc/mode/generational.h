/* mode/generational.h - the generational mode: what a collection marked is old from then on (sticky marks: Demers,
 * Weiser, Hayes, Boehm, Bobrow and Shenker, "Combining generational and conservative garbage collection", 1990).
 *
 * A minor collection marks young objects only, with the epoch that the old ones have: from the roots, and from the old
 * objects that the write log names. It walks neither the old heap nor its tables. A full collection is that of the
 * mark-sweep mode.
 *
 * [gen.closed] When a minor trace ends, no word of an old object leads to a young one that is not marked: after it
 * there are no young objects, so that only what is written from then on can lead to one. A word that named free memory
 * when the last stop ended, and was not written since, may name a young one by chance; that does not keep it
 * (tools/stale.h).
 */
#ifndef GC_MODE_GENERATIONAL_H
#define GC_MODE_GENERATIONAL_H

#include "collect/mode.h"

extern const struct gc__mode gc__mode_generational;

#endif
