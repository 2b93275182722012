/* trefoil/protect.h - objects and memory that the program wants treated in a special way.
 *
 * The rules of trefoil/gc.h hold for every function here.
 */
#ifndef TREFOIL_PROTECT_H
#define TREFOIL_PROTECT_H

#include <trefoil/gc.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Guarded objects ---------------------------------------------------------------------------------------- */

/* What a program may do with a guarded object. */
enum gc_protection { GC_PROTECT_NONE, GC_PROTECT_READ, GC_PROTECT_READ_WRITE };

/* A scanned object in pages of its own that ends at an inaccessible page: a read or a write that runs over its end
 * faults at once. Zeroed and 16-aligned; gc_size() is exactly what was asked for, 16 for 0. What is left between that
 * and the page (up to 15 bytes), and in front of the object (less than a page, so that an underrun does not fault),
 * holds a pattern that is checked when the object is freed or resized and at each full collection: if it was written,
 * the program ends with one line that names the object and the place, as after other misuse.
 *
 * It lives and dies like any object; gc_free, gc_realloc (the new one is guarded too, and as protected), weak
 * references and finalizers take it. What it points to stays alive whatever its protection; plain stores into it are
 * enough under every tracking, GC_TRACK_BARRIER included. A pointer to any place in it keeps it, also where
 * gc_options.interior_in_heap is false. Freed by hand it stays inaccessible for a while: see guard_freed_percent in
 * trefoil/gc.h.
 *
 * It takes its size rounded up to whole pages, one page more, and up to three of the mappings that the system grants a
 * process; all guarded and freed objects together take at most a quarter of these (vm.max_map_count: of the usual
 * 65,530 they allow about 5,400 objects). NULL and ENOMEM: no memory, or too many of them; ENOTSUP: the heap lies in a
 * buffer of the program (gc_options.buffer).
 *
 * A fault at a guarded or freed object is told in one line on standard error (the address, the object, and what it is)
 * before the action that the program had for SIGSEGV is taken: its own handler runs, or the program dies by the signal.
 * The handler is installed with the first such object; one that the program installs later sees faults first, and
 * ours only if it hands them on. A system call that is given such an address fails with EFAULT instead. */
GC_PUBLIC void *gc_alloc_guarded(size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(1);

/* Changes what the program may do with a guarded object; whatever else it does with it faults. The collector looks into
 * objects that are GC_PROTECT_NONE while the world is stopped, at two system calls each and stop. A finalizer gets the
 * object as it is protected then. Result: 0; EINVAL: not the start of a guarded object, or no protection; ENOMEM: the
 * system grants no more mappings, and nothing has changed. */
GC_PUBLIC int gc_protect(void *guarded, enum gc_protection protection);

/* ---- Swap --------------------------------------------------------------------------------------------------- */

/* Moves at least so many bytes of memory that was not used lately to the file of gc_options.swap_path, if there is so
 * much of it, and returns how many it were; 0: nothing is cold, the file is full, or there is none (errno stays as it
 * is). It goes in pieces of 2 MiB, and the memory is read and written as before: reading brings it into the page cache,
 * which the system can drop again; what is written, page by page, counts as in use again from the next collection
 * on (the next full one in mark-sweep mode and under GC_TRACK_NONE).
 * Minor collections and epochs read none of it, but for one look at what is new there; a full collection reads what may
 * hold pointers, and GC_TRACK_NONE reads that at each collection, so that leaf objects go first. In refcount mode the
 * counts of what it points to are no longer known: only a full collection finds that dead from then on.
 *
 * The same happens without this call when memory would have to be refused. The calling thread waits for the disk; the
 * others are stopped for 8 MiB at a time, while that is compared, and wait for no disk. What a thread that is not attached,
 * or the system on its own (aio, io_uring), writes into an object during such a stop may be lost. */
GC_PUBLIC size_t gc_swap_out(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
