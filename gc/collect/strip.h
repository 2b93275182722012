/* collect/strip.h - taking blocks back from threads, where memory is short.
 *
 * A thread owns a block of each kind and class that it has allocated of, and keeps it over collections. Where blocks
 * are large and memory is not, that may be most of it: three threads of the model test owned 22 MB of empty blocks in a
 * buffer of 40 MB with 4 MB of objects, and none of them found room for 668 KB, however often it collected.
 *
 * [strip.aim] A thread can be stopped in the middle of the fast path (heap/local.h [local.keep]): it has read where its
 * next cell begins, and goes on to store where it ends and to use it, whatever its cursor says now. Then a register or
 * its stack holds the one or the other. So a block stays with its thread if a word of any stack or register leads into
 * it, or just behind its end. All other cursors are as after gc__local_close: who reads next anew finds it equal to
 * limit.
 */
#ifndef GC_COLLECT_STRIP_H
#define GC_COLLECT_STRIP_H

#include "collect/roots.h"

/* World stopped, roots gathered, no object marked yet: what the blocks hold is swept as that of others. */
void gc__strip(struct gc__heap *heap, struct gc__world *world, const struct gc__roots *roots);

#endif
