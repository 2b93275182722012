/* heap/space.h - the address space of the heap, and the tables that lie beside it.
 *
 * One contiguous reservation holds all objects, so that "may this word be a pointer?" is one subtraction and one
 * comparison. It is used from the front: [0, span) is committed and may hold objects. Positions in it are offsets;
 * granules (16 bytes), pages (4 KiB) and blocks (64 KiB) are numbered from its start, and each table is an array over
 * one of these numbers, reserved whole and committed with the span.
 *
 * [space.fixed] A space may also lie in memory of the caller's (heap/buffer.h): then it and its tables have their whole
 * size from the start, and nothing is asked of the system. [space.block] The size of its blocks is chosen then: 4 KiB
 * in a small one, so that each size class takes as little. What follows from it is asked of the space, by the functions
 * below; the macros are for ordinary blocks. The maps of bits and the tables of cards are the same for both.
 *
 * [space.entry] The entry of a block tells all that marking needs about a word into it: cells of one size class and
 * kind, page runs, or nothing. 8 bytes a block, so that a heap of 1 GiB has 128 KiB of entries, which stay in the
 * cache. [space.live] The liveness byte of an object's first granule says whether it is live: heap/liveness.h. Other
 * granules' bytes are never equal to a live value. [space.displaced] Where words in objects keep only what they point
 * to the start of, they also keep what they point to so many bytes behind the start of as there is a bit for in
 * displacements. Bit 0 is always set; bits are added before words in objects make use of them.
 */
#ifndef GC_HEAP_SPACE_H
#define GC_HEAP_SPACE_H

#include "base/atomic.h"
#include "base/bits.h"
#include "heap/size_class.h"
#include "os/memory.h"

#define GC__PAGE_LOG2     12u
#define GC__PAGE_BYTES    ((size_t)1 << GC__PAGE_LOG2)
#define GC__PAGE_GRANULES (GC__PAGE_BYTES / GC__GRANULE_BYTES)
#define GC__BLOCK_PAGES   (GC__BLOCK_BYTES / GC__PAGE_BYTES)
#define GC__CHUNK_BYTES   GC__HUGE_PAGE_BYTES                 /* the span grows in whole chunks */
#define GC__CHUNK_BLOCKS  (GC__CHUNK_BYTES / GC__BLOCK_BYTES) /* bits in a word of the tables tracked and armed */
#define GC__CARD_LOG2     9u                                  /* in the binary interface: gc_write in trefoil/gc.h */
#define GC__CARD_BYTES    ((size_t)1 << GC__CARD_LOG2)
#define GC__DISPLACEMENTS 64u
#define GC__NONE          UINT32_MAX /* no page, no block */

/* What a block's objects are. Roots are scanned like the others, and live until they are freed by hand; aligned ones
 * are scanned objects that asked for more than 16 bytes of alignment, so that gc_realloc knows them; of typed ones only
 * the words are scanned that their layouts declare (heap/layout.h). */
enum gc__kind { GC__KIND_SCANNED, GC__KIND_LEAF, GC__KIND_ROOT, GC__KIND_ALIGNED, GC__KIND_TYPED, GC__KIND_COUNT };

#define GC__SHAPE_GRANULES  0x3ffu /* granules in a cell; 0: no cells here */
#define GC__SHAPE_KIND_LOG2 10u
#define GC__SHAPE_PAGES     0x8000u /* page runs: look at run_heads */

struct gc__block_entry {
  uint32_t reciprocal; /* of the cell's granules */
  uint16_t shape;      /* GC__SHAPE_...; 0: nothing is here */
  uint16_t stamp;      /* the stop before which cells were last handed out here: see heap/block.h [block.young] */
};
_Static_assert(sizeof(struct gc__block_entry) == 8, "entries are small to stay in the cache");

/* Slow-path facts of a block: heap/block.h. */
struct gc__block {
  volatile size_t owner;           /* address of the struct gc__local that hands out its cells, or 0 */
  uint32_t next;                   /* in a list of available blocks; GC__NONE ends it */
  uint32_t root_next, root_before; /* in the list of blocks of root objects, or of those with procedures */
  volatile unsigned freed_cells;   /* by hand since it was last looked at */
  volatile uint16_t live_cells;    /* when it was last looked at, in the epoch counted_epoch */
  uint32_t before;                 /* in a list of available blocks */
  uint8_t state, size_class, kind;
  uint8_t tier;        /* of the list that it is in */
  uint8_t swept_epoch; /* in which it was last looked at, or taken by a thread */
  uint8_t counted_epoch;
  bool is_open;                 /* is in the list of open blocks: heap/write_log.h */
  bool has_no_bytes;            /* its liveness bytes are all 0 and not charged: heap/pages.h [pages.bytes] */
  bool has_procedures;          /* is in the list for [layout.procedure] */
  bool may_have_old;            /* false: it was made since the last stop */
  bool is_pending;              /* during a stop: a thread holds cells for its next allocations, owner or not */
  bool is_aimed_at;             /* during a stop that strips: a word of a stack may lead here; collect/strip.h */
  volatile uint8_t black_epoch; /* the epoch in which a false root word hit free memory here, or 0 */
  volatile uint8_t must_rescan; /* a marked object here was not scanned: collect/trace.h [trace.overflow] */
  volatile uint8_t is_touched;  /* a mode that counts: cells became free since it was looked at [sweep.touched] */
};

/* A run of pages: heap/pages.h. Valid at the number of its first page. */
struct gc__run {
  uint32_t page_count;
  uint32_t next, before; /* in a list of free runs or of large objects; GC__NONE ends it */
  uint16_t stamp;        /* of a large object: the stop before which it was made */
  uint8_t state, kind;
  uint8_t alignment_log2;
  bool is_pool : 1;    /* of a large object: the program has it as a part of a pool */
  bool is_guarded : 1; /* has a record: heap/guard.h */
  bool is_closed : 1;  /* was freed by hand and is inaccessible: likewise */
  union {
    uint16_t layout; /* of a typed object */
    uint16_t guard;  /* of a guarded one: the number of its record */
  };
};

struct gc__counts;
struct gc__swap;

struct gc__space {
  uintptr_t base;
  size_t reserved_bytes;
  volatile size_t span_bytes;
  uint8_t block_log2;           /* [space.block] */
  bool is_fixed;                /* [space.fixed] */
  bool saves;                   /* memory, at the cost of time: huge pages come later */
  uint16_t small_most_bytes;    /* longer objects are runs of pages */
  uint8_t *live;                /* a granule */
  volatile size_t *entries;     /* a block: struct gc__block_entry, read and written as one word */
  struct gc__block *blocks;     /* a block */
  uint64_t *young;              /* a bit a granule: [block.young] */
  uint32_t *run_heads;          /* a page: number of its run's first page, plus 1; 0: in no run */
  struct gc__run *runs;         /* a page */
  uint32_t *tracked;            /* a bit a block: [log.covered] */
  uint32_t *armed;              /* likewise: pages of it may be armed (heap/write_log.h) */
  uint32_t *open_blocks;        /* a block: room for the list of heap/write_log.h */
  uint8_t *cards, *card_blocks; /* a card, 64 KiB: not 0: gc_write stored there. If has_cards */
  uint8_t *black_pages;         /* a page: the epoch in which a false root word hit it while it was free */
  uint64_t *dirty_pages;        /* a bit a page: its contents may not be zero. Charged, unless [swap.away] */
  bool has_cards;
  volatile size_t returned_pages; /* of the first table, that are not charged: [pages.bytes] */
  volatile size_t displacements;  /* [space.displaced] */
  struct gc__counts *counts;      /* more tables, of a mode that counts, or NULL: heap/counts.h */
  struct gc__swap *swap;          /* of a heap that can be moved to a file, or NULL: heap/swap.h */
  struct gc__budget *budget;
  struct gc__region tables[13]; /* the memory of the tables above, in their order */
  char *shadow;                 /* of a fixed space, for a mode that counts: heap/shadow.h */
};

/* Reserves addresses for at most reserve_bytes of objects, less if the system grants less. False: not even a little. */
bool gc__space_open(struct gc__space *space, struct gc__budget *budget, size_t reserve_bytes);
void gc__space_close(struct gc__space *space);

/* [space.fixed] Lays a space and its tables out in so much memory of the caller's, for blocks of that size: the tables
 * are zeroed and come first, their end is returned. The budget is to be set. NULL: there is no room for a block. */
char *gc__space_lay_out(struct gc__space *space, uintptr_t start, size_t bytes, unsigned block_log2, bool has_cards,
                        bool has_shadow);

/* Has tables of cards from now on, too. False: no memory for them. */
bool gc__space_keep_cards(struct gc__space *space);

/* Lengthens the span by at least that many bytes. False: no memory for the tables, or no addresses left. */
bool gc__space_extend(struct gc__space *space, size_t bytes);

/* Memory committed for the tables. */
size_t gc__space_table_bytes(const struct gc__space *space);

static inline size_t gc__space_offset(const struct gc__space *space, const void *address) {
  return (uintptr_t)address - space->base;
}
static inline char *gc__space_address(const struct gc__space *space, size_t granule) {
  return (char *)space->base + granule * GC__GRANULE_BYTES;
}
static inline bool gc__space_contains(const struct gc__space *space, const void *address) {
  return gc__space_offset(space, address) < gc__word_get(&space->span_bytes);
}

/* ---- [space.block] ---- */

static GC__INLINE size_t gc__block_bytes(const struct gc__space *space) {
  return (size_t)1 << space->block_log2;
}
static GC__INLINE size_t gc__block_granules(const struct gc__space *space) {
  return gc__block_bytes(space) / GC__GRANULE_BYTES;
}
static GC__INLINE uint32_t gc__block_pages(const struct gc__space *space) {
  return (uint32_t)(gc__block_bytes(space) / GC__PAGE_BYTES);
}
static GC__INLINE size_t gc__block_words(const struct gc__space *space) {
  return gc__block_granules(space) / 64;
}
static GC__INLINE size_t gc__block_count(const struct gc__space *space) {
  return space->span_bytes >> space->block_log2;
}
static GC__INLINE size_t gc__block_at(const struct gc__space *space, size_t offset) {
  return offset >> space->block_log2;
}
static GC__INLINE size_t gc__block_of(const struct gc__space *space, size_t granule) {
  return granule >> (space->block_log2 - GC__GRANULE_LOG2);
}
static GC__INLINE size_t gc__block_of_page(const struct gc__space *space, size_t page) {
  return page >> (space->block_log2 - GC__PAGE_LOG2);
}
static GC__INLINE size_t gc__block_offset(const struct gc__space *space, size_t block) {
  return block << space->block_log2;
}
static GC__INLINE size_t gc__block_granule(const struct gc__space *space, size_t block) {
  return block << (space->block_log2 - GC__GRANULE_LOG2);
}
static GC__INLINE size_t gc__block_page(const struct gc__space *space, size_t block) {
  return block << (space->block_log2 - GC__PAGE_LOG2);
}
static GC__INLINE size_t gc__granule_in_block(const struct gc__space *space, size_t granule) {
  return granule & (gc__block_granules(space) - 1);
}

/* The cells of that size in a block: as many as fit n times into 64 KiB fit n / 16 times into 4 KiB. */
static GC__INLINE unsigned gc__block_cells(const struct gc__space *space, const struct gc__size_class *class) {
  return class->cell_count >> (GC__BLOCK_LOG2 - space->block_log2);
}

/* The words of its young bits. */
static GC__INLINE uint64_t *gc__block_young(const struct gc__space *space, size_t block) {
  return space->young + (block << (space->block_log2 - GC__GRANULE_LOG2 - 6));
}

static GC__INLINE struct gc__block_entry gc__entry_at(const struct gc__space *space, size_t block) {
  union {
    size_t word;
    struct gc__block_entry entry;
  } both = {.word = gc__word_peek(&space->entries[block])};
  return both.entry;
}
static inline void gc__entry_set(struct gc__space *space, size_t block, struct gc__block_entry entry) {
  union {
    struct gc__block_entry entry;
    size_t word;
  } both = {.entry = entry};
  gc__word_poke(&space->entries[block], both.word);
}

/* Where an offset lies: the first granule of the cell or large object, live or not, that contains it. */
struct gc__place {
  size_t granule; /* SIZE_MAX: no cell and no large object is there */
  size_t bytes;   /* of the cell or run */
  enum gc__kind kind;
  bool is_large;
};

/* Preconditions: offset < span_bytes. At most two dependent loads. */
static GC__INLINE size_t gc__space_granule_of(const struct gc__space *space, size_t offset) {
  size_t block = gc__block_at(space, offset), block_granules = gc__block_granules(space);
  struct gc__block_entry entry = gc__entry_at(space, block);
  unsigned cell_granules = entry.shape & GC__SHAPE_GRANULES;
  if (GC__LIKELY(cell_granules)) {
    unsigned in_block = (unsigned)((offset >> GC__GRANULE_LOG2) & (block_granules - 1));
    unsigned first = gc__cell_of(in_block, entry.reciprocal) * cell_granules;
    if (GC__UNLIKELY(first + cell_granules > block_granules)) return SIZE_MAX;
    return gc__block_granule(space, block) + first;
  }
  if (!(entry.shape & GC__SHAPE_PAGES)) return SIZE_MAX;
  uint32_t head = space->run_heads[offset >> GC__PAGE_LOG2];
  return head ? (size_t)(head - 1) * GC__PAGE_GRANULES : SIZE_MAX;
}

/* Whether the object that starts at this granule, as gc__space_granule_of found it, is a guarded one. */
static inline bool gc__space_is_guarded(const struct gc__space *space, size_t granule) {
  bool is_run = gc__entry_at(space, gc__block_of(space, granule)).shape & GC__SHAPE_PAGES;
  return is_run && space->runs[granule / GC__PAGE_GRANULES].is_guarded;
}

/* [space.displaced]: whether an offset in the object that begins at this granule is as good as its start. A guarded
 * object begins inside its run, and any word into that will do. */
static GC__INLINE bool gc__space_is_start(const struct gc__space *space, size_t granule, size_t offset) {
  size_t distance = offset - granule * GC__GRANULE_BYTES;
  bool is_displaced = distance < GC__DISPLACEMENTS && (gc__word_peek(&space->displacements) >> distance & 1);
  return is_displaced || gc__space_is_guarded(space, granule);
}

struct gc__place gc__space_place(const struct gc__space *space, size_t offset);

static inline enum gc__kind gc__entry_kind(struct gc__block_entry entry) {
  return (enum gc__kind)((entry.shape & ~GC__SHAPE_PAGES) >> GC__SHAPE_KIND_LOG2);
}

#endif
