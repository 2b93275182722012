/* tools/dump.h - the heap by size class, large objects and free pages, for people. */
#ifndef GC_TOOLS_DUMP_H
#define GC_TOOLS_DUMP_H

#include "heap/heap.h"

#include <stdio.h>

/* The caller keeps collections away; the heap may be allocated from meanwhile, and the figures are then a little off.
 */
void gc__dump_heap(FILE *out, const struct gc__heap *heap);

#endif
