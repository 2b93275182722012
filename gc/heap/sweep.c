/* heap/sweep.c - see sweep.h. */
#include "heap/sweep.h"
#include "base/check.h"
#include "heap/block.h"
#include "heap/large.h"
#include "os/clock.h"

/* Blocks that one thread looks at between two holds of the lock. */
#define BATCH_BLOCKS 16u

void gc__sweep_begin(struct gc__heap *heap) {
  for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++)
    for (unsigned class = 0; class < GC__CLASS_COUNT; class ++) heap->available[kind][class] = GC__NONE;
  heap->sweep.next = 0;
  heap->sweep.end = (uint32_t)(heap->space.span_bytes / GC__BLOCK_BYTES);
  heap->sweep.live_cell_bytes = heap->sweep.free_cell_bytes = 0;
}

/* A block that was given to a thread since the trace is not unswept: the thread saw the bytes itself. */
static bool is_unswept(const struct gc__heap *heap, uint32_t block) {
  uint8_t state = heap->space.blocks[block].state;
  return (state == GC__BLOCK_IDLE || state == GC__BLOCK_LISTED) &&
         gc__entry_at(&heap->space, block).stamp != heap->stamp;
}

/* Puts a block where it belongs by its count of live cells. Lock held. */
static void file_block(struct gc__heap *heap, uint32_t block, unsigned live_cells) {
  const struct gc__size_class *class = gc__block_class(heap, block);
  heap->space.blocks[block].state = GC__BLOCK_IDLE;
  heap->space.blocks[block].freed_cells = 0;
  if (live_cells == 0) {
    gc__block_release(heap, block);
    return;
  }
  heap->sweep.live_cell_bytes += (size_t)live_cells * class->cell_bytes;
  heap->sweep.free_cell_bytes += (size_t)(class->cell_count - live_cells) * class->cell_bytes;
  if (live_cells < class->cell_count) gc__block_list(heap, block);
}

/* Blocks [first, end) were claimed by this thread: their states do not change, but for cells that others free by hand.
 * Such a cell is either seen as free here, or counted by gc__block_note_freed for later. */
bool gc__sweep_some(struct gc__heap *heap) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  uint32_t blocks[BATCH_BLOCKS], count = 0;
  unsigned live_cells[BATCH_BLOCKS];
  if (heap->sweep.next == heap->sweep.end) return false;
  while (count < BATCH_BLOCKS && heap->sweep.next < heap->sweep.end) {
    uint32_t block = heap->sweep.next++;
    if (!is_unswept(heap, block)) continue;
    heap->space.blocks[block].state = GC__BLOCK_CLAIMED;
    blocks[count++] = block;
  }
  heap->sweep.pending += count;
  gc__lock_give(&heap->lock);
  uint64_t start_ns = gc__clock_ns();
  for (uint32_t i = 0; i < count; i++) live_cells[i] = gc__block_count_live(heap, blocks[i]);
  gc__word_add(&heap->sweep.total_ns, gc__clock_ns() - start_ns);
  gc__lock_take(&heap->lock);
  for (uint32_t i = 0; i < count; i++) file_block(heap, blocks[i], live_cells[i]);
  heap->sweep.pending -= count;
  if (heap->sweep.next == heap->sweep.end && heap->sweep.pending == 0) gc__heap_trim(heap);
  return true;
}

void gc__sweep_finish(struct gc__heap *heap) {
  gc__lock_take(&heap->lock);
  while (gc__sweep_some(heap)) continue;
  gc__lock_give(&heap->lock);
}

void gc__sweep_large(struct gc__heap *heap) {
  gc__lock_take(&heap->lock);
  uint32_t next;
  for (uint32_t first = heap->large; first != GC__NONE; first = next) {
    const struct gc__run *run = &heap->space.runs[first];
    next = run->next;
    if (run->stamp != heap->stamp && heap->space.live[(size_t)first * GC__PAGE_GRANULES] != heap->epoch)
      gc__large_release(heap, first);
  }
  gc__lock_give(&heap->lock);
}
