/* heap/local.h - a thread's part of the heap: where its next objects come from.
 *
 * For each kind and size class a thread has a cursor: a piece of zeroed cells [next, limit) that it hands out by a
 * bump, without a lock or an atomic operation. Behind the piece lies the rest of a hole (free cells in a row), behind
 * that the rest of a block that the thread owns.
 *
 * [local.keep] A stop leaves next and limit as they are, wherever it hits: the fast path reads next, compares with
 * limit and stores next + cell. A thread that was stopped before its store finds its piece unchanged, still its own,
 * and still unallocated. A stop after the store finds the new object's address in a register. [local.pending] Cells in
 * [next, limit) have their young bits set between stops, so that nobody else takes them, and are not allocated. The
 * stop clears those bits (gc__local_before_stop), and sets them anew afterwards. [local.recycled] Cells that this
 * thread freed by hand in a block of its own wait in short stacks with GC__LIVE_RECYCLED in their byte. They are
 * dropped at each stop. When such a cell is handed out, its young bit is set before its byte is cleared, and who takes
 * the block meanwhile reads bytes before bits (gc__block_read_occupied): it sees one or the other. Cells of other
 * threads' blocks are not kept: there a thread that takes the block could read between the two steps of freeing as well
 * as between those of handing out, and no order of reading is right for both.
 */
#ifndef GC_HEAP_LOCAL_H
#define GC_HEAP_LOCAL_H

#include "heap/block.h"
#include "heap/heap.h"

/* A line each: what the fast path touches lies in one, and its place is a shift. */
struct gc__cursor {
  _Alignas(64) size_t next; /* addresses; next == limit == 0 at first */
  size_t limit;
  size_t rest, hole_end; /* of the current hole, what was not handed to [next, limit) yet */
  uint32_t block;        /* owned; GC__NONE: none */
  uint16_t cell_bytes;
  bool is_clean; /* the block's memory was zero when it was made */
};

#define GC__RECYCLED_MOST 16u
struct gc__recycled {
  uint32_t count;
  uint32_t granules[GC__RECYCLED_MOST]; /* their first granules: 32 bits name those of the first 64 GiB */
};

#define GC__CURSOR_COUNT (GC__KIND_COUNT * GC__CLASS_COUNT)

struct gc__local {
  struct gc__cursor cursors[GC__CURSOR_COUNT]; /* by kind, then class */
  size_t handed_bytes, handed_objects;         /* in all; pending cells included */
  size_t freed_bytes;                          /* by hand, in all */
  size_t unreported_bytes;                     /* handed out, not yet added to handed_since_bytes; may be negative */
  struct gc__recycled *recycled; /* a cursor; NULL where blocks are small: there they are looked at again instead */
  uint64_t *occupied;            /* of the owned blocks, when they were taken: so many words as blocks have a cursor */
};

/* A thread's part with the memory behind its two pointers, for ordinary blocks; of the second, fewer words are used
 * where blocks are small, and the first not at all. */
struct gc__local_tail {
  struct gc__recycled recycled[GC__CURSOR_COUNT];
  uint64_t occupied[GC__CURSOR_COUNT * GC__BLOCK_WORDS];
};

/* What a tail takes in that space: gc__local_open is given so much. */
size_t gc__local_tail_bytes(const struct gc__space *space);

/* Memory is all zero before, or was a thread's part. */
void gc__local_open(const struct gc__space *space, struct gc__local *local, void *tail);

/* Gives all blocks back. By the thread itself, which may go on allocating, or when it can run no more. */
void gc__local_close(struct gc__heap *heap, struct gc__local *local);

/* The same for a stopped thread, but for the blocks that are aimed at: collect/strip.h. */
void gc__local_strip(struct gc__heap *heap, struct gc__local *local);

/* Fills [next, limit) of a cursor that is empty. False: no memory. */
bool gc__local_refill(struct gc__heap *heap, struct gc__local *local, enum gc__kind kind, unsigned size_class);

/* Keeps a freed cell for this thread's next allocation of its class. False: no room, or the block is not the thread's.
 * Its young bit is clear. */
bool gc__local_recycle(struct gc__heap *heap, struct gc__local *local, struct gc__place place);

/* World stopped, before roots are scanned and after the trace ended. */
void gc__local_before_stop(struct gc__heap *heap, struct gc__local *local);
void gc__local_after_stop(struct gc__heap *heap, struct gc__local *local);

struct gc__piece {
  size_t next, limit;
};

/* The piece of a cursor whose owner may be running: empty while the owner is exchanging it. The owner makes the piece
 * empty, sets the limit, then next (set_piece in local.c): two equal limits around next belong to it. */
static inline struct gc__piece gc__cursor_piece(const struct gc__cursor *cursor) {
  size_t limit = gc__word_get(&cursor->limit), next = gc__word_get(&cursor->next);
  bool is_whole = limit == gc__word_get(&cursor->limit) && next <= limit;
  return is_whole ? (struct gc__piece){next, limit} : (struct gc__piece){0, 0};
}

static inline struct gc__cursor *gc__local_cursor(struct gc__local *local, enum gc__kind kind, unsigned size_class) {
  return &local->cursors[(size_t)kind * GC__CLASS_COUNT + size_class];
}

/* The fast path: whether there was a cell in the piece. See [local.keep]: the order of the two accesses to next. */
static GC__INLINE bool gc__cursor_take(struct gc__cursor *cursor, void **cell) {
  size_t next = gc__word_peek(&cursor->next);
  if (GC__UNLIKELY(next == gc__word_peek(&cursor->limit))) return false;
  gc__word_poke(&cursor->next, next + cursor->cell_bytes);
  *cell = (void *)next;
  return true;
}

static inline void *gc__cursor_bump(struct gc__cursor *cursor) {
  void *cell;
  return gc__cursor_take(cursor, &cell) ? cell : NULL;
}

#endif
