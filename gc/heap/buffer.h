/* heap/buffer.h - a heap inside memory of the program's: its space, its tables, and the supply of all other tables.
 *
 * [buffer.whole] The memory is laid out once: tables of the space, the shadow of a mode that counts, and the space, all
 * of which is committed and dirty from the start. Other tables (threads, stacks, lists, ties) are taken from the heap's
 * own free pages as they are needed, and so compete with objects for them; what is smaller than a page is cut from
 * pages that hold such pieces only. Pages of tables belong to no block and to no run: no word leads to anything there.
 * So the system is asked for nothing, and nothing outside of the memory grows with the heap.
 */
#ifndef GC_HEAP_BUFFER_H
#define GC_HEAP_BUFFER_H

#include "heap/space.h"
#include "os/thread.h"

struct gc__heap;

#define GC__PIECE_SIZES 5u /* of 128 bytes, each next one twice as many */

/* Buffers from here on have ordinary blocks. */
#define GC__BUFFER_LARGE_BYTES ((size_t)16 << 20)

struct gc__buffer {
  struct gc__range memory;          /* the program's; empty: the heap lies in a reservation */
  struct gc__supply supply, locked; /* the second one for those who hold the heap's lock */
  struct gc__budget locked_budget;  /* of regions that come from it */
  void *pieces[GC__PIECE_SIZES];    /* free ones by size, each points to the next. Heap's lock */
  char *rest, *rest_end;            /* of the memory that pieces are cut from */
};

/* Lays the heap's space out in memory, and makes the budget's supply of the rest. False: it is too little. */
bool gc__buffer_open(struct gc__heap *heap, struct gc__range memory, bool has_cards, bool has_counts);

#endif
