/* heap/local.c - see local.h. */
#include "heap/local.h"
#include "base/check.h"
#include "heap/sweep.h"
#include "os/tsan.h"

#include <string.h>

/* How many batches of blocks are swept for a block with free cells before a whole free block is taken instead. */
#define SWEEPS_FIRST 8

static bool has_small_blocks(const struct gc__space *space) {
  return space->block_log2 < GC__BLOCK_LOG2;
}

size_t gc__local_tail_bytes(const struct gc__space *space) {
  if (!has_small_blocks(space)) return sizeof(struct gc__local_tail);
  return GC__CURSOR_COUNT * gc__block_words(space) * sizeof(uint64_t);
}

void gc__local_open(const struct gc__space *space, struct gc__local *local, void *tail) {
  struct gc__local_tail *whole = tail;
  local->recycled = has_small_blocks(space) ? NULL : whole->recycled;
  local->occupied = has_small_blocks(space) ? tail : whole->occupied;
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) {
    local->cursors[i] =
        (struct gc__cursor){.block = GC__NONE, .cell_bytes = gc__size_classes[i % GC__CLASS_COUNT].cell_bytes};
    if (local->recycled) local->recycled[i].count = 0;
  }
}

/* Others may be reading: gc__cursor_piece. */
static void set_piece(struct gc__cursor *cursor, size_t start, size_t end) {
  gc__word_set(&cursor->next, SIZE_MAX);
  gc__full_barrier();
  gc__word_set(&cursor->limit, end);
  gc__word_set(&cursor->next, start);
}

/* ---- Blocks ---- */

/* What was handed out minus what was freed goes to the heap's counter now and then, to keep threads off its line. */
static void report_handed(struct gc__heap *heap, struct gc__local *local) {
  size_t bytes = local->unreported_bytes;
  local->unreported_bytes = 0;
  if ((ptrdiff_t)bytes < 0 && gc__word_peek(&heap->handed_since_bytes) < (size_t)-bytes) return;
  gc__word_add(&heap->handed_since_bytes, bytes);
}

struct taken_block {
  uint32_t block; /* GC__NONE: no memory */
  bool is_clean;
};

static struct taken_block make_block(struct gc__heap *heap, enum gc__kind kind, unsigned size_class, bool *is_refused) {
  struct gc__page_grant grant = gc__block_make(heap, kind, size_class);
  *is_refused = grant.is_refused;
  if (grant.first == GC__NONE) return (struct taken_block){GC__NONE, false};
  return (struct taken_block){(uint32_t)gc__block_of_page(&heap->space, grant.first), grant.dirty_pages == 0};
}

/* A new block, of free pages or by growth; once that was refused it is not asked for again. */
static struct taken_block take_new(struct gc__heap *heap, enum gc__kind kind, unsigned size_class, bool *is_refused) {
  struct taken_block taken = {GC__NONE, false};
  if (*is_refused) return taken;
  taken = make_block(heap, kind, size_class, is_refused);
  if (taken.block != GC__NONE || *is_refused) return taken;
  uint32_t block_pages = gc__block_pages(&heap->space);
  *is_refused = !gc__heap_grow(heap, block_pages, block_pages);
  return *is_refused ? taken : make_block(heap, kind, size_class, is_refused);
}

/* Whether new memory is better than the free cells of old blocks of that tier. */
static bool is_roomy(struct gc__heap *heap, enum gc__tier tier) {
  if (heap->pages.dirty_free_pages >= gc__block_pages(&heap->space)) return true;
  size_t used_bytes = gc__word_peek(&heap->budget->used_bytes), most = gc__word_peek(&heap->tier_bytes[tier]);
  if (tier == GC__TIER_PACKED && used_bytes >= most - most / 4) gc__flag_set(&heap->is_crowded, 1);
  return used_bytes < most;
}

/* A known block that is sparse, or one that sweeping finds soon. */
static uint32_t find_sparse(struct gc__heap *heap, enum gc__kind kind, unsigned size_class) {
  for (int sweeps = 0;; sweeps++) {
    uint32_t block = gc__block_unlist(heap, kind, size_class, GC__TIER_SPARSE);
    if (block != GC__NONE || sweeps == SWEEPS_FIRST || !gc__sweep_some(heap)) return block;
  }
}

/* In order of preference: a block with free cells that is known or soon found; free pages; what all of sweeping finds;
 * denser blocks; growth. Lock held. */
static struct taken_block find_block(struct gc__heap *heap, enum gc__kind kind, unsigned size_class) {
  struct taken_block taken = {find_sparse(heap, kind, size_class), false};
  bool is_refused = false;
  if (taken.block != GC__NONE) return taken;
  do {
    taken.block = gc__block_unlist(heap, kind, size_class, GC__TIER_SPARSE);
    if (taken.block == GC__NONE && is_roomy(heap, GC__TIER_DENSE))
      taken = make_block(heap, kind, size_class, &is_refused);
    if (taken.block != GC__NONE) return taken;
  } while (gc__sweep_some(heap));
  for (enum gc__tier tier = GC__TIER_DENSE; tier < GC__TIER_COUNT; tier++) {
    if (is_roomy(heap, tier)) taken = take_new(heap, kind, size_class, &is_refused);
    if (taken.block == GC__NONE) taken.block = gc__block_unlist(heap, kind, size_class, tier);
    if (taken.block != GC__NONE) return taken;
  }
  return take_new(heap, kind, size_class, &is_refused);
}

/* Lets a block go from which no cell is pending. Lock held. */
static uint32_t let_go(struct gc__heap *heap, struct gc__cursor *cursor) {
  uint32_t block = cursor->block;
  struct gc__block *facts = &heap->space.blocks[block];
  gc__word_set(&facts->owner, 0);
  facts->state = GC__BLOCK_IDLE;
  facts->swept_epoch = heap->epoch; /* it may have been taken in the epoch before */
  cursor->block = GC__NONE;
  cursor->rest = cursor->hole_end = 0;
  return block;
}

static void leave_block(struct gc__heap *heap, struct gc__cursor *cursor) {
  if (cursor->block == GC__NONE) return;
  gc__lock_take(&heap->lock);
  uint32_t block = let_go(heap, cursor);
  if (gc__flag_get(&heap->space.blocks[block].freed_cells) >= gc__block_relook_cells(heap, block))
    gc__sweep_left(heap, block);
  gc__lock_give(&heap->lock);
}

/* What was handed out and never allocated is not the program's. */
static void take_back(struct gc__local *local, struct gc__cursor *cursor) {
  size_t cells = (cursor->limit - cursor->next) / cursor->cell_bytes;
  gc__word_poke(&local->handed_bytes, local->handed_bytes - cells * cursor->cell_bytes);
  gc__word_poke(&local->handed_objects, local->handed_objects - cells);
  set_piece(cursor, 0, 0);
}

/* What is held for the next allocations is no object. */
static void forget_cursor(struct gc__heap *heap, struct gc__local *local, unsigned index) {
  struct gc__piece piece = gc__cursor_piece(&local->cursors[index]);
  struct gc__recycled *recycled = local->recycled ? &local->recycled[index] : NULL;
  if (piece.next != piece.limit) gc__block_clear_young(heap, piece.next, piece.limit);
  while (recycled && recycled->count) {
    uint32_t granule = recycled->granules[--recycled->count];
    gc__byte_poke(&heap->space.live[granule], 0);
    if (gc__heap_has_counts(heap)) gc__block_note_freed(heap, (uint32_t)gc__block_of(&heap->space, granule));
  }
}

static void forget_pending(struct gc__heap *heap, struct gc__local *local) {
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) forget_cursor(heap, local, i);
}

/* The block goes where it belongs by what it holds: back to the pages, if that is nothing. */
static void give_up(struct gc__heap *heap, struct gc__local *local, unsigned index) {
  struct gc__cursor *cursor = &local->cursors[index];
  forget_cursor(heap, local, index);
  take_back(local, cursor);
  if (cursor->block == GC__NONE) return;
  gc__lock_take(&heap->lock);
  gc__sweep_left(heap, let_go(heap, cursor));
  gc__lock_give(&heap->lock);
}

static uint64_t *occupied_of(const struct gc__heap *heap, const struct gc__local *local, unsigned index) {
  return local->occupied + index * gc__block_words(&heap->space);
}

/* [sweep.punched] Without memory for it the block goes back to its list. What it takes anew, others may have too much.
 */
static bool mend_block(struct gc__heap *heap, uint32_t block) {
  const struct gc__space *space = &heap->space;
  size_t mended_pages;
  if (!gc__pages_mend(&heap->pages, (uint32_t)gc__block_page(space, block), gc__block_pages(space), &mended_pages)) {
    heap->space.blocks[block].state = GC__BLOCK_IDLE;
    gc__block_list(heap, block);
    return false;
  }
  if (!mended_pages) return true;
  gc__sweep_note_mended(heap, mended_pages);
  gc__sweep_punch(heap);
  return true;
}

static bool take_block(struct gc__heap *heap, struct gc__local *local, unsigned index) {
  struct gc__cursor *cursor = &local->cursors[index];
  report_handed(heap, local);
  gc__lock_take(&heap->lock);
  struct taken_block taken;
  struct gc__range unopened = {0, 0};
  do taken = find_block(heap, (enum gc__kind)(index / GC__CLASS_COUNT), index % GC__CLASS_COUNT);
  while (taken.block == GC__NONE && gc__sweep_await(heap));
  if (taken.is_clean) gc__sweep_punch(heap);
  else if (taken.block != GC__NONE && !mend_block(heap, taken.block)) taken.block = GC__NONE;
  if (taken.block != GC__NONE) {
    unopened = gc__log_open_block(heap, taken.block);
    gc__word_poke(&heap->taken_bytes, heap->taken_bytes + gc__block_bytes(&heap->space));
  }
  gc__lock_give(&heap->lock);
  if (taken.block == GC__NONE) return false;
  gc__log_open_pages(heap, unopened);
  gc__word_set(&heap->space.blocks[taken.block].owner, (size_t)local);
  gc__block_read_occupied(heap, taken.block, occupied_of(heap, local, index));
  gc__tsan_acquire(&heap->sweep); /* [tsan.edges] */
  gc__block_stamp(heap, taken.block);
  cursor->block = taken.block;
  cursor->is_clean = taken.is_clean;
  cursor->rest = cursor->hole_end = heap->space.base + gc__block_offset(&heap->space, taken.block);
  return true;
}

void gc__local_close(struct gc__heap *heap, struct gc__local *local) {
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) give_up(heap, local, i);
  report_handed(heap, local);
}

/* ---- Cells ---- */

/* The next hole of the owned block behind the current one. */
static bool next_hole(struct gc__heap *heap, struct gc__cursor *cursor, const uint64_t *occupied) {
  size_t base = heap->space.base + gc__block_offset(&heap->space, cursor->block);
  unsigned cell_granules = cursor->cell_bytes / GC__GRANULE_BYTES;
  size_t end = gc__block_granules(&heap->space) / cell_granules * cell_granules;
  size_t start = (cursor->hole_end - base) / GC__GRANULE_BYTES;
  while (start < end && gc__bit_test(occupied, start)) start += cell_granules;
  if (start >= end) return false;
  cursor->rest = base + start * GC__GRANULE_BYTES;
  cursor->hole_end = base + gc__bit_next(occupied, start, end) * GC__GRANULE_BYTES;
  return true;
}

static void note_handed(struct gc__local *local, size_t bytes, unsigned cell_bytes) {
  gc__word_poke(&local->handed_bytes, local->handed_bytes + bytes);
  gc__word_poke(&local->handed_objects, local->handed_objects + bytes / cell_bytes);
}

/* Zeroes the next piece of the hole and makes it [next, limit). */
static void hand_out(struct gc__heap *heap, struct gc__local *local, struct gc__cursor *cursor) {
  size_t bytes = heap->hand_out_bytes / cursor->cell_bytes * cursor->cell_bytes;
  if (bytes == 0) bytes = cursor->cell_bytes;
  if (bytes > cursor->hole_end - cursor->rest) bytes = cursor->hole_end - cursor->rest;
  if (!cursor->is_clean) memset((void *)cursor->rest, 0, bytes);
  gc__block_set_young(heap, cursor->rest, cursor->rest + bytes);
  set_piece(cursor, cursor->rest, cursor->rest + bytes);
  cursor->rest += bytes;
  local->unreported_bytes += bytes;
  note_handed(local, bytes, cursor->cell_bytes);
}

/* A cell that this thread freed becomes a piece of its own. */
static bool hand_out_recycled(struct gc__heap *heap, struct gc__local *local, unsigned index) {
  struct gc__cursor *cursor = &local->cursors[index];
  struct gc__recycled *recycled = &local->recycled[index];
  if (!local->recycled || !recycled->count) return false;
  size_t granule = recycled->granules[--recycled->count];
  size_t cell = heap->space.base + granule * GC__GRANULE_BYTES;
  memset((void *)cell, 0, cursor->cell_bytes);
  gc__block_set_young(heap, cell, cell + cursor->cell_bytes);
  gc__full_barrier(); /* [local.recycled] */
  gc__byte_poke(&heap->space.live[granule], 0);
  set_piece(cursor, cell, cell + cursor->cell_bytes);
  local->unreported_bytes += cursor->cell_bytes;
  note_handed(local, cursor->cell_bytes, cursor->cell_bytes);
  return true;
}

bool gc__local_refill(struct gc__heap *heap, struct gc__local *local, enum gc__kind kind, unsigned size_class) {
  unsigned index = (unsigned)kind * GC__CLASS_COUNT + size_class;
  struct gc__cursor *cursor = &local->cursors[index];
  GC__CHECK(cursor->next == cursor->limit);
  if (hand_out_recycled(heap, local, index)) return true;
  while (cursor->rest == cursor->hole_end) {
    if (cursor->block != GC__NONE && next_hole(heap, cursor, occupied_of(heap, local, index))) break;
    leave_block(heap, cursor);
    if (!take_block(heap, local, index)) return false;
  }
  hand_out(heap, local, cursor);
  return true;
}

bool gc__local_recycle(struct gc__heap *heap, struct gc__local *local, struct gc__place place) {
  size_t block = gc__block_of(&heap->space, place.granule);
  unsigned index = (unsigned)place.kind * GC__CLASS_COUNT + heap->space.blocks[block].size_class;
  if (!local->recycled) return false;
  struct gc__recycled *recycled = &local->recycled[index];
  if (gc__word_peek(&heap->space.blocks[block].owner) != (size_t)local) return false;
  if (recycled->count == GC__RECYCLED_MOST || place.granule > UINT32_MAX) return false;
  gc__byte_poke(&heap->space.live[place.granule], GC__LIVE_RECYCLED);
  recycled->granules[recycled->count++] = (uint32_t)place.granule;
  return true;
}

/* ---- Stops ---- */

static struct gc__block *block_of_piece(struct gc__heap *heap, struct gc__piece piece) {
  return &heap->space.blocks[gc__block_at(&heap->space, piece.next - heap->space.base)];
}

static bool is_aimed_at(struct gc__heap *heap, const struct gc__cursor *cursor) {
  struct gc__piece piece = gc__cursor_piece(cursor);
  if (piece.next != piece.limit && block_of_piece(heap, piece)->is_aimed_at) return true;
  return cursor->block != GC__NONE && heap->space.blocks[cursor->block].is_aimed_at;
}

/* The blocks are not looked at yet: what they hold is about to die. */
void gc__local_strip(struct gc__heap *heap, struct gc__local *local) {
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) {
    struct gc__cursor *cursor = &local->cursors[i];
    if (is_aimed_at(heap, cursor)) continue;
    forget_cursor(heap, local, i);
    take_back(local, cursor);
    gc__lock_take(&heap->lock);
    if (cursor->block != GC__NONE) let_go(heap, cursor);
    gc__lock_give(&heap->lock);
  }
  report_handed(heap, local);
}

void gc__local_before_stop(struct gc__heap *heap, struct gc__local *local) {
  forget_pending(heap, local);
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) {
    struct gc__piece piece = gc__cursor_piece(&local->cursors[i]);
    if (piece.next != piece.limit) block_of_piece(heap, piece)->is_pending = true;
  }
}

/* The blocks stay owned. A pending piece may also lie in a block that is not: a recycled cell. Such a block is not for
 * the sweeper, which would not see that cell. */
void gc__local_after_stop(struct gc__heap *heap, struct gc__local *local) {
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) {
    const struct gc__cursor *cursor = &local->cursors[i];
    if (cursor->block != GC__NONE) gc__block_stamp(heap, cursor->block);
    struct gc__piece piece = gc__cursor_piece(cursor);
    if (piece.next == piece.limit) continue;
    struct gc__block *facts = block_of_piece(heap, piece);
    facts->is_pending = false;
    facts->swept_epoch = heap->epoch;
    gc__block_stamp(heap, (uint32_t)(facts - heap->space.blocks));
    gc__block_set_young(heap, piece.next, piece.limit);
  }
}
