/* trefoil/protect.h - objects and memory that the program wants treated in a special way.
 */
#ifndef TREFOIL_PROTECT_H
#define TREFOIL_PROTECT_H

#include <trefoil/gc.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Swap --------------------------------------------------------------------------------------------------- */

/* Moves at least so many bytes of memory that was not used lately to the file of gc_options.swap_path, if there is so
 * much of it, and returns how many it were; 0: nothing is cold, the file is full, or there is none (errno stays as it
 * is). It goes in pieces of 2 MiB, and the memory is read and written as before: reading brings it into the page cache,
 * which the system can drop again; what is written, page by page, counts as in use again from the next collection
 * on (the next full one in mark-sweep mode and under GC_TRACK_NONE).
 * Minor collections and epochs read none of it, but for one look at what is new there; a full collection reads what may
 * hold pointers, and GC_TRACK_NONE reads that at each collection, so that leaf objects go first.
 *
 * The same happens without this call when memory would have to be refused. The calling thread waits for the disk; the
 * others are stopped for 8 MiB at a time, while that is compared, and wait for no disk. What a thread that is not attached,
 * or the system on its own (aio, io_uring), writes into an object during such a stop may be lost. */
GC_PUBLIC size_t gc_swap_out(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
