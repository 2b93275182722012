/* heap/page_set.h - a set of pages, by groups of 16: which pages have objects that some step of counting has to look
 * at.
 *
 * [pageset.room] There is room for every group of the span twice, since a group is in the list only once, and once more
 * while the pages are taken; the room is made when the span grows: adding never fails, so that no step of a stop needs
 * memory for lists of objects. Who takes the pages looks at their liveness bytes for the objects meant: 256 bytes a
 * page, which cost less than the cache miss of one object. (The lists of objects of refcount.md, with the fallback of
 * its step 22 as the only way.)
 *
 * A set changes under the lock of its user, or with the world stopped.
 */
#ifndef GC_HEAP_PAGE_SET_H
#define GC_HEAP_PAGE_SET_H

#include "heap/space.h"

#define GC__SET_PAGES    16u /* in a group, as in an ordinary block */
#define GC__SET_GRANULES (GC__SET_PAGES * GC__PAGE_GRANULES)

struct gc__page_set {
  uint32_t *blocks; /* [0, count): groups with a page in the set, in no order */
  uint16_t *masks;  /* a group, a bit a page */
  uint32_t count;
  struct gc__region block_memory, mask_memory;
};
_Static_assert(GC__BLOCK_PAGES == GC__SET_PAGES, "a table has as many groups as there are ordinary blocks");

bool gc__page_set_open(struct gc__page_set *set, struct gc__budget *budget, size_t reserved_blocks);
void gc__page_set_close(struct gc__page_set *set);

/* Makes room for so many blocks. False: no memory. */
bool gc__page_set_extend(struct gc__page_set *set, size_t blocks);

static inline void gc__page_set_add_mask(struct gc__page_set *set, uint32_t block, uint16_t mask) {
  if (!set->masks[block]) set->blocks[set->count++] = block;
  set->masks[block] |= mask;
}

/* The page in which an object begins. */
static inline void gc__page_set_add(struct gc__page_set *set, size_t granule) {
  unsigned page = granule / GC__PAGE_GRANULES % GC__SET_PAGES;
  gc__page_set_add_mask(set, (uint32_t)(granule / GC__SET_GRANULES), (uint16_t)(1u << page));
}

static inline bool gc__page_set_has(const struct gc__page_set *set, size_t granule) {
  return set->masks[granule / GC__SET_GRANULES] >> granule / GC__PAGE_GRANULES % GC__SET_PAGES & 1;
}

void gc__page_set_clear(struct gc__page_set *set);

/* Empties the set and calls fn with the first granule of each of its pages; true: it goes on being a member. Pages that
 * fn adds meanwhile stay, too, and are not visited. */
void gc__page_set_take(struct gc__page_set *set, bool (*fn)(void *, size_t), void *argument);

#endif
