/* heap/layout.h - which words of a typed object may hold pointers.
 *
 * Layouts are interned by content and never forgotten: a number stands for each. A table beside the heap has the number
 * for each cell in a block of typed objects, two bytes a cell; that of a large object is in its run. So an object has
 * no header, and a stray write changes no layout.
 *
 * [layout.words] A word of a typed object that its layout does not declare is never looked at: no trace follows it, and
 * where counts are kept its shadow is 0. Number 0 declares all words: so it is for a cell that was handed out and not
 * numbered yet, where it, like the number of a tenant before, stands for words that are all zero. An object's layout
 * does not change, and is repeated to the object's end.
 *
 * [layout.procedure] A layout may have a function of a layer on top in place of words: it declares none, and the
 * function is called for each such object that a trace reaches, and at minor collections for all old ones, since it may
 * lead to young objects through memory that nobody watches. So blocks with such objects are in a list. Not where counts
 * are kept.
 *
 * Addresses for the table are reserved for the whole heap. The part of a block is charged when the block is made, and
 * given back with it. In a fixed space ([space.fixed]) the part of a block is taken from the heap's own pages, and
 * there is room for fewer layouts; beyond them all words of an object are scanned, as beyond GC__LAYOUTS_MOST.
 */
#ifndef GC_HEAP_LAYOUT_H
#define GC_HEAP_LAYOUT_H

#include "heap/space.h"

struct gc__heap;

#define GC__LAYOUTS_MOST      65535u
#define GC__LAYOUT_BUCKETS    1024u
#define GC__LAYOUT_MASK_BYTES ((size_t)64 * sizeof(void *)) /* an element of up to that has a mask */

typedef void gc__mark_fn(void *object, size_t bytes, void *data);

struct gc__layout {
  size_t bytes;     /* of an element */
  size_t step;      /* from one element to the next; more than any object has, where they would not be aligned */
  size_t count;     /* of the offsets */
  uint64_t mask;    /* of the words of an element of up to 64: a bit each */
  uint32_t next;    /* in its bucket; 0: none */
  size_t procedure; /* [layout.procedure]: a gc__mark_fn, or 0 */
  void *data;       /* for it */
  size_t offsets[]; /* rising */
};

struct gc__layouts {
  struct gc__region memory;       /* of the layouts */
  struct gc__region index_memory; /* of addresses, by number */
  size_t used_bytes;              /* of memory; heap's lock */
  volatile unsigned count;        /* the last number */
  volatile unsigned buckets[GC__LAYOUT_BUCKETS];
  uint16_t *cells; /* NULL: there was no typed object yet. A block has a part of it, room for the most cells */
  size_t *parts;   /* in a fixed space, instead: the address of each block's own part */
  struct gc__region part_memory;
  bool is_open;
  size_t cells_bytes, usable_bytes; /* of addresses, and of those that are accessible */
  size_t charged_bytes;             /* for blocks of typed objects */
  struct gc__budget *budget;
};

void gc__layouts_close(struct gc__layouts *layouts);

/* The number of a layout, by content, or 0. Offsets rise. Without a lock. */
unsigned gc__layouts_find(const struct gc__layouts *layouts, size_t bytes, size_t count, const size_t *offsets);

/* The same for any order of offsets, and adds it if it is new. Heap's lock held. SIZE_MAX: no memory; 0: there are too
 * many already. */
size_t gc__layouts_add(struct gc__heap *heap, size_t bytes, size_t count, const size_t *offsets);

/* A new layout of that function. Heap's lock held. SIZE_MAX: no memory, or there are too many already. */
size_t gc__layouts_add_procedure(struct gc__heap *heap, gc__mark_fn *fn, void *data);

/* Makes the table usable for a new block of typed objects with so many cells. Heap's lock held. False: no memory. */
bool gc__layouts_cover(struct gc__heap *heap, uint32_t block, unsigned cell_count);
void gc__layouts_uncover(struct gc__heap *heap, uint32_t block, unsigned cell_count);

/* Numbers the layout of a new small object. */
void gc__layouts_note(struct gc__heap *heap, size_t granule, unsigned layout);

/* The layout of the object that begins at this granule; NULL: all of its words may hold pointers. */
const struct gc__layout *gc__layout_of(const struct gc__heap *heap, size_t granule);

/* Its number; 0: none. */
unsigned gc__layout_number_of(const struct gc__heap *heap, size_t granule);

static inline const struct gc__layout *gc__layout_numbered(const struct gc__layouts *layouts, unsigned number) {
  return number ? ((const struct gc__layout *const *)(const void *)layouts->index_memory.start)[number] : NULL;
}

/* Where the number of a cell is. */
static GC__INLINE uint16_t *gc__layout_cell(const struct gc__layouts *layouts, const struct gc__space *space,
                                            size_t granule) {
  size_t block = gc__block_of(space, granule);
  uint16_t *part =
      layouts->parts ? (uint16_t *)layouts->parts[block] : layouts->cells + block * gc__block_granules(space);
  return part + gc__cell_of((unsigned)gc__granule_in_block(space, granule), gc__entry_at(space, block).reciprocal);
}

/* Whether the layout declares the word at this offset in an object. */
bool gc__layout_declares(const struct gc__layout *layout, size_t offset);

/* The same for the word at this offset of the heap, in whatever object it lies; see gc__heap_declares. */
bool gc__layouts_declare(const struct gc__heap *heap, size_t offset);

#endif
