/* heap/write_log.h - where old objects may have got pointers to young ones since the last stop.
 *
 * A minor collection marks young objects only; it finds what old objects point to through this log, whatever its
 * source: the record of written pages (os/watch.h), or the cards that gc_write sets.
 *
 * [log.covered] A block of cells with an old object in it is open or tracked, and each block that an old large object
 * has a page in is tracked; leaves excepted. An open block counts as written: all its old objects are looked at. Writes
 * to a tracked block are noted. [log.open] Cells are handed out from open blocks only, since young objects are written
 * anyway: a block is opened when a thread takes it, and tracked again at a stop, once it is more than a quarter old
 * (heap/sweep.c). A prototype took 18.0 ns an allocation where young objects were born in tracked blocks, 11.0 where
 * such blocks were opened for one cycle each, and 9.1 where a pool of them stayed open, as here.
 *
 * Arming a block and opening it again costs two system calls that other threads feel, since the kernel interrupts them
 * to flush their translations: a heap that is collected in full again and again does neither, and remembers which
 * blocks may have armed pages.
 *
 * The list of open blocks also has those of leaves that were handed out since the last stop, and may have blocks that
 * are none any more. It changes under the heap's lock.
 */
#ifndef GC_HEAP_WRITE_LOG_H
#define GC_HEAP_WRITE_LOG_H

#include "heap/space.h"
#include "os/watch.h"

struct gc__heap;

struct gc__log {
  bool is_on;      /* the mode wants a log; else nothing is open or tracked */
  bool has_cards;  /* the source is gc_write, not the watch */
  bool is_resting; /* no minor collection comes soon: what is tracked from now on is not armed, and counts as written */
  struct gc__watch watch;
  volatile size_t watched_bytes; /* of the span: what lies behind always counts as written */
  bool has_refused;              /* memory, for want of it */
  volatile unsigned open_count;  /* read without the lock, too, to guess what roots take */
  struct gc__range arming;       /* blocks in a row that were tracked last: not armed yet */
  size_t written_pages;          /* of 4 KiB, that gc__log_take told of, in all */
};

/* Starts the log of a heap without blocks. 0; ENOTSUP: the machine cannot, *missing says what; ENOMEM. */
int gc__log_open(struct gc__heap *heap, bool has_cards, enum gc__watch_kind kind, const char **missing);
void gc__log_close(struct gc__heap *heap);

/* The span has become longer. */
void gc__log_extend(struct gc__heap *heap);

/* A thread takes cells from the block from now on. Heap's lock held, in a section. What it returns is to be opened in
 * the same section without the lock: the system call interrupts the other threads, and they would wait for the lock as
 * well (two threads that replace objects at random, refcount mode: 2 to 6 % of the time, medians of seven rounds). */
struct gc__range gc__log_open_block(struct gc__heap *heap, uint32_t block);
void gc__log_open_pages(struct gc__heap *heap, struct gc__range range);

/* Notes writes to these pages from now on, latest after gc__log_arm. World stopped. */
void gc__log_track(struct gc__heap *heap, uint32_t first_page, uint32_t page_count);
void gc__log_arm(struct gc__heap *heap);

/* These pages belong to an old object from now on, and are tracked as they are: armed ones note the program's writes,
 * the others count as written. Heap's lock held. */
void gc__log_cover(struct gc__heap *heap, uint32_t first_page, uint32_t page_count);

/* A new large object gets these pages, or a large object grows into them. They may be armed from a former tenant: each
 * would trap when the program writes there first, as it soon does, one by one; and under GC_TRACK_PROTECT a system call
 * may write into a young object, or a leaf, without a word. What it returns is to be opened as above. Heap's lock held.
 */
struct gc__range gc__log_welcome(struct gc__heap *heap, uint32_t first_page, uint32_t page_count);

/* Nothing in these pages is an object any more: those of their blocks that have no others are not tracked. Heap's lock
 * held. */
void gc__log_forget(struct gc__heap *heap, uint32_t first_page, uint32_t page_count);

/* Calls fn with ranges of memory, in order of addresses, that cover all writes to tracked blocks since they were told
 * of last. They may cover more: free memory, leaves, young objects. World stopped. */
void gc__log_take(struct gc__heap *heap, void (*fn)(void *, struct gc__range), void *argument);

/* The program is about to let the system write there: no fault may come (GC_TRACK_PROTECT). In a section. */
void gc__log_expect(struct gc__heap *heap, struct gc__range range);

/* Something else with the same contents is mapped in the place of a chunk between the two, or zeroes where nothing is
 * in use: it counts as written until the next take. Heap's lock held; nobody writes there. */
void gc__log_begin_remap(struct gc__heap *heap, uint32_t chunk);
void gc__log_end_remap(struct gc__heap *heap, uint32_t chunk);

/* In the child of a fork. */
void gc__log_after_fork(struct gc__heap *heap);

static inline bool gc__log_is_tracked(const struct gc__space *space, size_t block) {
  return space->tracked[block / GC__CHUNK_BLOCKS] >> block % GC__CHUNK_BLOCKS & 1;
}

#endif
