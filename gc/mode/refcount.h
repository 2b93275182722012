/* mode/refcount.h - the reference counting mode: a collection is an epoch, which counts what was written of old objects
 * since the last one (collect/counting.h); what dies of it is freed in steps while the program runs
 * (collect/cascade.h). Now and then a trace frees cycles (collect/cycles.c),
 * or counts everything anew as well (collect/recount.c).
 *
 * A trace is due when counting leaves too much: counts stuck at their greatest value, memory short, or old objects that
 * have grown by what the mark-sweep mode would let be allocated. Growth alone may be all live: where a trace frees
 * hardly any of it, the next one waits for three times as much, and then nine times.
 *
 * [refcount.nursery] Objects that die before their first epoch cost nothing, and old ones that die cost twice what a
 * survivor does in a mode that traces: once to be counted, once to be taken back. So the nursery is twice to four times
 * as large as the generational mode's where that makes no long pauses: it doubles while an epoch is short, and also
 * where many survive and as many die, as in a program whose trees are larger than the nursery (which take 1.30 s with 8
 * MiB, 0.86 with 16, 0.60 with 32), up to 16 MiB also where they die in cycles, as the last trace saw; and where most
 * old pages are written between two epochs, however near these are. It halves where an epoch takes too long. A large
 * heap has a small one, and little other free memory: an LRU cache of 512 MiB takes 1.16 times its live size so,
 * and 1.29 with 32 MiB. But where epochs take longer than the program does whatever the nursery is, it is as large as
 * may be: a million root words that lead anywhere into a heap of 460 MiB took 87 ms to pin, after each 5 ms of the
 * program.
 */
#ifndef GC_MODE_REFCOUNT_H
#define GC_MODE_REFCOUNT_H

#include "collect/mode.h"

extern const struct gc__mode gc__mode_refcount;

#endif
