/* heap/sweep.h - finding what a trace left free, a few blocks at a time.
 *
 * After a trace no memory is touched: allocation looks at blocks when it needs one, in order of their addresses. A
 * block without a live cell goes back to the pages, one with some free cells into the list of its class. What is left
 * over is swept before the next trace starts. Large objects are few and are swept at once.
 *
 * [sweep.touched] In a mode that counts, cells become free one by one, in any block at any time: a block that a cell
 * became free in is touched, and the sweeper looks at touched blocks instead; there may be young cells in it. One that
 * a thread owns is left out: it is open, and is looked at when the thread has left it (gc__sweep_open_blocks).
 */
#ifndef GC_HEAP_SWEEP_H
#define GC_HEAP_SWEEP_H

#include "heap/heap.h"

/* Everything is unswept from now on, and all lists of available blocks are empty. World stopped. The epoch is new. */
void gc__sweep_begin(struct gc__heap *heap);

/* Looks at some more blocks. Lock held; it is given up meanwhile. False: there were none left. */
bool gc__sweep_some(struct gc__heap *heap);

/* For a request that found nothing: other threads may be looking at the last blocks with free cells, and list them in a
 * moment, for which this waits. False: nobody is. Lock held; it is given up meanwhile. Who looks at blocks waits for
 * nothing, and is in a section, so that a stop is not held up for long. */
bool gc__sweep_await(struct gc__heap *heap);

/* Looks at a block that a thread has left with free cells, perhaps. Lock held. */
void gc__sweep_left(struct gc__heap *heap, uint32_t block);

/* New memory was just taken: where much of the heap is free cells, memory of pages in listed blocks that hold none but
 * such goes back to the system, of a few blocks each time. [sweep.punched] Such pages are clean until a thread takes
 * the block. Lock held. */
void gc__sweep_punch(struct gc__heap *heap);

/* So many pages of a block got their memory back: [sweep.regret]. Lock held. */
void gc__sweep_note_mended(struct gc__heap *heap, size_t pages);

/* So much was handed out before the stop that ends: [sweep.regret]. World stopped. */
void gc__sweep_note_handed(struct gc__heap *heap, size_t bytes);

/* Sweeps all that is left, and gives memory back to the system. */
void gc__sweep_finish(struct gc__heap *heap);

/* Looks at the open blocks at the end of a stop: those that are more than a quarter old are tracked from now on
 * ([log.open]), those without an object go back to the pages. */
void gc__sweep_open_blocks(struct gc__heap *heap, bool is_full);

/* Frees the large objects that the last trace did not mark; after a minor one only young ones are looked at, and in a
 * mode that counts always only these. */
void gc__sweep_large(struct gc__heap *heap, bool is_full);

#endif
