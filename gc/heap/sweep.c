/* heap/sweep.c - see sweep.h. */
#include "heap/sweep.h"
#include "base/check.h"
#include "heap/block.h"
#include "heap/large.h"
#include "os/clock.h"
#include "os/park.h"

/* Blocks that one thread looks at between two holds of the lock. */
#define BATCH_BLOCKS 16u

void gc__sweep_begin(struct gc__heap *heap) {
  gc__heap_empty_lists(heap);
  heap->sweep.next = 0;
  heap->sweep.end = (uint32_t)gc__block_count(&heap->space);
  heap->sweep.live_cell_bytes = heap->sweep.free_cell_bytes = 0;
}

/* A block that was given to a thread since the trace is not unswept: the thread saw the bytes itself. */
static bool is_unswept(const struct gc__heap *heap, uint32_t block) {
  const struct gc__block *facts = &heap->space.blocks[block];
  return (facts->state == GC__BLOCK_IDLE || facts->state == GC__BLOCK_LISTED) && facts->swept_epoch != heap->epoch;
}

/* Adds what was counted of a block to the sums, or takes it back. */
static void add_counted(struct gc__heap *heap, uint32_t block, bool is_added) {
  const struct gc__size_class *class = gc__block_class(heap, block);
  size_t live_cells = heap->space.blocks[block].live_cells;
  size_t live_bytes = live_cells * class->cell_bytes,
         free_bytes = (gc__block_cells(&heap->space, class) - live_cells) * class->cell_bytes;
  heap->sweep.live_cell_bytes += is_added ? live_bytes : -live_bytes;
  heap->sweep.free_cell_bytes += is_added ? free_bytes : -free_bytes;
}

/* Puts a block where it belongs by its count of live cells. Lock held. */
static void file_block(struct gc__heap *heap, uint32_t block, unsigned live_cells) {
  struct gc__block *facts = &heap->space.blocks[block];
  if (facts->counted_epoch == heap->epoch) add_counted(heap, block, false);
  facts->state = GC__BLOCK_IDLE;
  gc__half_poke(&facts->live_cells, (uint16_t)live_cells);
  facts->swept_epoch = facts->counted_epoch = heap->epoch;
  if (live_cells == 0) {
    facts->counted_epoch = 0;
    gc__block_release(heap, block);
    return;
  }
  add_counted(heap, block, true);
  if (live_cells < gc__block_cells(&heap->space, gc__block_class(heap, block))) gc__block_list(heap, block);
}

static uint32_t claim_unswept(struct gc__heap *heap, uint32_t blocks[BATCH_BLOCKS]) {
  uint32_t count = 0;
  while (count < BATCH_BLOCKS && heap->sweep.next < heap->sweep.end) {
    uint32_t block = heap->sweep.next++;
    if (!is_unswept(heap, block)) continue;
    heap->space.blocks[block].state = GC__BLOCK_CLAIMED;
    gc__flag_set(&heap->space.blocks[block].freed_cells, 0); /* before the bytes are read */
    blocks[count++] = block;
  }
  return count;
}

/* A block that another thread looks at right now stays: that thread may have missed what became free. */
static uint32_t claim_touched(struct gc__heap *heap, uint32_t blocks[BATCH_BLOCKS]) {
  struct gc__page_set *touched = &heap->counts.sets[GC__SET_TOUCHED];
  uint32_t count = 0;
  while (count < BATCH_BLOCKS && touched->count) {
    uint32_t block = touched->blocks[touched->count - 1];
    struct gc__block *facts = &heap->space.blocks[block];
    if (facts->state == GC__BLOCK_CLAIMED) break;
    touched->count--;
    touched->masks[block] = 0;
    gc__byte_poke(&facts->is_touched, 0);
    if (facts->state == GC__BLOCK_LISTED) gc__block_withdraw(heap, block);
    if (facts->state != GC__BLOCK_IDLE) continue;
    facts->state = GC__BLOCK_CLAIMED;
    blocks[count++] = block;
  }
  gc__full_barrier();
  return count;
}

static bool has_unswept(const struct gc__heap *heap) {
  if (!gc__heap_has_counts(heap)) return heap->sweep.next != heap->sweep.end;
  return heap->counts.sets[GC__SET_TOUCHED].count != 0;
}

/* The blocks were claimed by this thread: their states do not change, but for cells that others free by hand. Such a
 * cell is either seen as free here, or counted by gc__block_note_freed for later. */
bool gc__sweep_some(struct gc__heap *heap) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  uint32_t blocks[BATCH_BLOCKS];
  unsigned live_cells[BATCH_BLOCKS];
  if (!has_unswept(heap)) return false;
  bool has_counts = gc__heap_has_counts(heap);
  uint32_t count = has_counts ? claim_touched(heap, blocks) : claim_unswept(heap, blocks);
  if (has_counts && !count) return false;
  heap->sweep.pending += count;
  gc__lock_give(&heap->lock);
  uint64_t start_ns = gc__clock_ns();
  for (uint32_t i = 0; i < count; i++)
    live_cells[i] = has_counts ? gc__block_count_occupied(heap, blocks[i]) : gc__block_count_live(heap, blocks[i]);
  gc__word_add(&heap->sweep.total_ns, gc__clock_ns() - start_ns);
  gc__lock_take(&heap->lock);
  for (uint32_t i = 0; i < count; i++) file_block(heap, blocks[i], live_cells[i]);
  heap->sweep.pending -= count;
  if (!has_counts && !has_unswept(heap) && heap->sweep.pending == 0 && gc__heap_is_trim_due(heap)) gc__heap_trim(heap);
  return true;
}

/* A sleep, since the other thread may be waiting for this processor. */
#define AWAIT_NS 50000u

bool gc__sweep_await(struct gc__heap *heap) {
  unsigned never = 0;
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (!heap->sweep.pending) return false;
  gc__lock_give(&heap->lock);
  gc__park_wait(&never, never, AWAIT_NS);
  gc__lock_take(&heap->lock);
  return true;
}

/* Another thread may have listed it meanwhile, or be looking at it: then that is enough. */
void gc__sweep_left(struct gc__heap *heap, uint32_t block) {
  struct gc__block *facts = &heap->space.blocks[block];
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (facts->state == GC__BLOCK_LISTED) gc__block_withdraw(heap, block);
  if (facts->state != GC__BLOCK_IDLE) return;
  gc__flag_set(&facts->freed_cells, 0); /* before the bytes are read */
  gc__full_barrier();
  file_block(heap, block, gc__block_count_occupied(heap, block));
}

/* Free cells are worth looking for from this share of the heap on; so many blocks for each new one. */
#define PUNCH_SHARE  4
#define PUNCH_BLOCKS 32u

/* [sweep.regret] Pages that are punched and mended soon cost two system calls and a fault each, and save nothing: where
 * threads replace objects of all sizes at random that happens to nearly all of them (97 % in larson, 110 of 848 MiB in
 * drifting sizes with counts). From half of them on punching rests, but for a few by which it learns when that changes.
 */
#define REGRET_SHARE 2
#define PROBE_SHARE  64 /* of what is committed */

static bool is_regretted(const struct gc__heap *heap, size_t used_bytes) {
  size_t probed_pages = used_bytes / GC__PAGE_BYTES / PROBE_SHARE;
  return heap->sweep.mended_pages > heap->sweep.punched_pages / REGRET_SHARE + probed_pages;
}

void gc__sweep_note_mended(struct gc__heap *heap, size_t pages) {
  heap->sweep.mended_pages += pages;
}

void gc__sweep_note_handed(struct gc__heap *heap, size_t bytes) {
  struct gc__sweep *sweep = &heap->sweep;
  sweep->aged_bytes += bytes;
  if (sweep->aged_bytes < gc__word_peek(&heap->budget->used_bytes)) return;
  sweep->aged_bytes = 0;
  sweep->punched_pages /= 2;
  sweep->mended_pages /= 2;
}

/* Where sizes drift, and one object in sixteen of each size stays, blocks of each size stay, too, almost empty: page by
 * page most of what cells of 512 bytes and more leave is empty, as it would be in smaller blocks. */
static void punch_block(struct gc__heap *heap, uint32_t block) {
  const struct gc__space *space = &heap->space;
  uint64_t occupied[GC__BLOCK_WORDS];
  unsigned cell_granules = gc__block_class(heap, block)->cell_granules;
  uint32_t first = (uint32_t)gc__block_page(space, block), count = gc__block_pages(space);
  uint32_t full = 0; /* a bit a page */
  size_t granules = gc__block_granules(space);
  gc__block_read_occupied(heap, block, occupied);
  for (size_t at = 0; (at = gc__bit_next(occupied, at, granules)) < granules; at++) {
    size_t last = (at + cell_granules - 1) / GC__PAGE_GRANULES;
    for (size_t page = at / GC__PAGE_GRANULES; page <= last; page++) full |= UINT32_C(1) << page;
  }
  size_t done = 0;
  for (uint32_t page = 0; page < count; page++)
    if (!(full >> page & 1)) done += gc__pages_punch(&heap->pages, first + page, 1);
  heap->sweep.punched_pages += done;
  gc__word_add(&heap->returned_bytes, done * GC__PAGE_BYTES);
}

void gc__sweep_punch(struct gc__heap *heap) {
  uint32_t count = (uint32_t)gc__block_count(&heap->space);
  GC__CHECK(gc__lock_is_held(&heap->lock));
  size_t used_bytes = gc__word_peek(&heap->budget->used_bytes);
  if (heap->space.is_fixed || heap->sweep.free_cell_bytes < used_bytes / PUNCH_SHARE) return;
  if (is_regretted(heap, used_bytes)) return;
  for (unsigned i = 0; i < PUNCH_BLOCKS; i++) {
    uint32_t block = heap->sweep.punch_next < count ? heap->sweep.punch_next : 0;
    const struct gc__block *facts = &heap->space.blocks[block];
    heap->sweep.punch_next = block + 1;
    if (facts->state == GC__BLOCK_LISTED && facts->swept_epoch == heap->epoch) punch_block(heap, block);
  }
}

void gc__sweep_finish(struct gc__heap *heap) {
  gc__lock_take(&heap->lock);
  while (gc__sweep_some(heap)) continue;
  if (gc__heap_has_counts(heap) && gc__heap_is_trim_due(heap)) gc__heap_trim(heap);
  gc__lock_give(&heap->lock);
}

/* ---- Open blocks ---- */

/* Whether an open block stays one. What a thread owns does, or holds cells of, since it goes on handing them out; and
 * what is listed as available, without another look: its cells are counted when it is taken. */
static bool stays_open(struct gc__heap *heap, uint32_t block, bool is_full) {
  struct gc__block *facts = &heap->space.blocks[block];
  if (facts->state == GC__BLOCK_NONE) return false;
  if (facts->state == GC__BLOCK_OWNED || facts->is_pending) return true;
  if (facts->state == GC__BLOCK_LISTED && !is_full) return facts->kind != GC__KIND_LEAF;
  facts->is_open = false;
  gc__flag_set(&facts->freed_cells, 0);
  unsigned live_cells = gc__block_count_live(heap, block);
  file_block(heap, block, live_cells);
  if (!live_cells || facts->kind == GC__KIND_LEAF) return false;
  if (gc__block_tier(heap, block) == GC__TIER_SPARSE) return true;
  gc__log_track(heap, (uint32_t)gc__block_page(&heap->space, block), gc__block_pages(&heap->space));
  return false;
}

void gc__sweep_open_blocks(struct gc__heap *heap, bool is_full) {
  struct gc__space *space = &heap->space;
  uint32_t count = heap->log.open_count, kept = 0;
  gc__lock_take(&heap->lock);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t block = space->open_blocks[i];
    bool stays = stays_open(heap, block, is_full);
    space->blocks[block].is_open = space->blocks[block].may_have_old = stays;
    if (stays) space->open_blocks[kept++] = block;
  }
  gc__flag_set(&heap->log.open_count, kept);
  gc__lock_give(&heap->lock);
}

/* ---- Large objects ---- */

void gc__sweep_large(struct gc__heap *heap, bool is_full) {
  gc__lock_take(&heap->lock);
  uint32_t next;
  for (uint32_t first = heap->large; first != GC__NONE; first = next) {
    const struct gc__run *run = &heap->space.runs[first];
    next = run->next;
    if (run->stamp == heap->stamp) continue;
    if (!is_full && run->stamp != heap->ended_stamp) break; /* the list is in order of age */
    if (!gc__heap_is_old(heap, (size_t)first * GC__PAGE_GRANULES)) gc__large_release(heap, first);
  }
  gc__lock_give(&heap->lock);
}
