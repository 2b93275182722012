/* heap/pages.h - runs of 4 KiB pages: what blocks and large objects are cut from.
 *
 * Free runs hang in lists by length; a request takes the best fit that is found there, and a run that comes back is
 * joined with its neighbours at once. [pages.whole] Two free runs are never adjacent. [pages.heads] The first and the
 * last page of a free run, and every page of a large object, name the run in run_heads; pages of blocks of cells name
 * none.
 *
 * [pages.bytes] The liveness bytes of a block are a page, too, and most of what the tables take. Where a block is free
 * and none of its pages is charged, they go back to the system with these, and are charged again when a page of the
 * block is handed out: a heap past its peak keeps 1.6 % of what it had, and not 8. Those of a block that a false root
 * word hit stay; one that is hit later gets a page that nobody charges.
 *
 * Pages are dirty from the moment they are handed out until their contents are given back to the system; dirty pages
 * are what the heap has committed, and they are charged to the budget, but for those in a file ([swap.away]).
 * Everything here runs under the heap's lock.
 */
#ifndef GC_HEAP_PAGES_H
#define GC_HEAP_PAGES_H

#include "heap/space.h"

/* Lists for each length up to 32 pages, then eight for each doubling. */
#define GC__RUN_BIN_COUNT 224u

enum gc__run_state { GC__RUN_NONE, GC__RUN_FREE, GC__RUN_LARGE };

struct gc__pages {
  struct gc__space *space;
  uint32_t bins[GC__RUN_BIN_COUNT]; /* first run of the list; GC__NONE: empty */
  uint64_t filled[(GC__RUN_BIN_COUNT + 63) / 64];
  size_t free_pages, dirty_free_pages; /* the latter are charged: those that are away are not among them */
  size_t idle_pages;                   /* the least that dirty_free_pages was since gc__pages_discard_idle */
};

/* What a request for pages came to. */
struct gc__page_grant {
  uint32_t first;     /* GC__NONE: not to be had */
  bool is_refused;    /* then: there was a run, but no budget for its memory */
  size_t dirty_pages; /* of them, how many were dirty: their contents are not zero */
};

void gc__pages_open(struct gc__pages *pages, struct gc__space *space);

/* All pages of a fixed space ([space.fixed]) are free from now on, and dirty for ever. */
void gc__pages_give_fixed(struct gc__pages *pages);

/* count pages in a row, the first at a multiple of alignment_pages (a power of two). shy_epoch: no page that a false
 * root word hit in that epoch; 0: any. Fails where no free run fits, or the budget does not allow it. */
struct gc__page_grant gc__pages_take(struct gc__pages *pages, uint32_t count, uint32_t alignment_pages,
                                     uint8_t shy_epoch);

/* Frees pages that were taken; their run_heads are 0. */
void gc__pages_give(struct gc__pages *pages, uint32_t first, uint32_t count);

/* Gives the memory of pages that are taken, and stay so, back to the system: they are clean, and are charged no more.
 */
void gc__pages_drop(struct gc__pages *pages, uint32_t first, uint32_t count);

/* Lengthens the span so that its end is a free run in which that many pages fit at that alignment. */
bool gc__pages_grow(struct gc__pages *pages, uint32_t count, uint32_t alignment_pages);

/* Takes `more` pages right behind a run, if they are free, so that it grows in place; sets how many of them are dirty.
 */
bool gc__pages_take_after(struct gc__pages *pages, uint32_t first, uint32_t count, uint32_t more, size_t *dirty_pages);

/* Pages of a block that hold nothing lose their memory, and are charged again before they may: they are clean
 * meanwhile, though not free; but for those that are mapped to the swap file. How many it were, both times; and false:
 * the budget does not allow it, and it were none. */
size_t gc__pages_punch(struct gc__pages *pages, uint32_t first, uint32_t count);
bool gc__pages_mend(struct gc__pages *pages, uint32_t first, uint32_t count, size_t *mended_pages);

/* Gives the memory of up to that many dirty free pages back to the system, longest runs first; how many it were. */
size_t gc__pages_discard(struct gc__pages *pages, size_t count);

/* The same for seven eighths of those that nobody needed since it was called last, but for as many as are to stay free.
 * A heap that uses up its free pages in each cycle and gets them back at its end keeps them: discarding and touching
 * again took two threads that keep 4,000 objects each a third of their time. */
size_t gc__pages_discard_idle(struct gc__pages *pages, size_t kept_pages);

/* For checkers: the invariants in brackets above. Aborts where one is broken. */
void gc__pages_verify(const struct gc__pages *pages);

#endif
