/* tools/verify.c - see verify.h. Each invariant is stated where its structure is defined, under the name used here. */
#include "tools/verify.h"
#include "heap/block.h"
#include "os/report.h"

static void verify_entry(const struct gc__heap *heap, uint32_t block) {
  const struct gc__block *facts = &heap->space.blocks[block];
  struct gc__block_entry entry = gc__entry_at(&heap->space, block);
  unsigned granules = entry.shape & GC__SHAPE_GRANULES;
  if (facts->state == GC__BLOCK_NONE) {
    gc__verify(granules == 0, "space.entry");
    return;
  }
  const struct gc__size_class *class = gc__block_class(heap, block);
  gc__verify(granules == class->cell_granules && entry.reciprocal == class->reciprocal, "space.entry");
  gc__verify(gc__entry_kind(entry) == facts->kind && facts->kind < GC__KIND_COUNT, "space.entry");
  gc__verify((facts->owner != 0) == (facts->state == GC__BLOCK_OWNED), "block.owner");
}

/* No byte but that of a cell's first granule is live. */
static void verify_live_bytes(const struct gc__heap *heap, uint32_t block) {
  unsigned granules = gc__entry_at(&heap->space, block).shape & GC__SHAPE_GRANULES;
  size_t first = (size_t)block * GC__BLOCK_GRANULES;
  if (!granules) return;
  for (size_t i = 0; i < GC__BLOCK_GRANULES; i++) {
    bool is_first = i % granules == 0 && i + granules <= GC__BLOCK_GRANULES;
    gc__verify(is_first || heap->space.live[first + i] != heap->epoch, "space.live");
  }
}

static void verify_lists(const struct gc__heap *heap) {
  for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++)
    for (unsigned class = 0; class < GC__CLASS_COUNT; class ++)
      for (uint32_t block = heap->available[kind][class]; block != GC__NONE; block = heap->space.blocks[block].next) {
        const struct gc__block *facts = &heap->space.blocks[block];
        gc__verify(facts->state == GC__BLOCK_LISTED && facts->kind == kind && facts->size_class == class,
                   "block.listed");
      }
}

static void verify_large(const struct gc__heap *heap, uint32_t list) {
  for (uint32_t first = list, before = GC__NONE; first != GC__NONE;
       before = first, first = heap->space.runs[first].next) {
    const struct gc__run *run = &heap->space.runs[first];
    gc__verify(run->state == GC__RUN_LARGE && run->before == before, "pages.heads");
    for (uint32_t page = first; page < first + run->page_count; page++)
      gc__verify(heap->space.run_heads[page] == first + 1 &&
                     gc__entry_at(&heap->space, page / GC__BLOCK_PAGES).shape == GC__SHAPE_PAGES,
                 "pages.heads");
  }
}

/* What a thread holds for its next allocations is young, zero and not live. */
static void verify_cursor(const struct gc__heap *heap, const struct gc__cursor *cursor) {
  for (size_t cell = cursor->next; cell != cursor->limit; cell += cursor->cell_bytes) {
    size_t granule = (cell - heap->space.base) / GC__GRANULE_BYTES;
    gc__verify(heap->space.live[granule] != heap->epoch, "local.pending");
    gc__verify(gc__heap_is_given(heap, granule), "local.pending");
    for (size_t at = cell; at < cell + cursor->cell_bytes; at += sizeof(size_t))
      gc__verify(*(const size_t *)at == 0, "local.pending");
  }
  if (cursor->block == GC__NONE) return;
  gc__verify(heap->space.blocks[cursor->block].state == GC__BLOCK_OWNED, "block.owner");
}

void gc__verify_heap(struct gc__collector *collector) {
  const struct gc__heap *heap = &collector->heap;
  for (uint32_t block = 0; block < heap->space.span_bytes / GC__BLOCK_BYTES; block++) {
    verify_entry(heap, block);
    verify_live_bytes(heap, block);
  }
  verify_lists(heap);
  verify_large(heap, heap->large);
  verify_large(heap, heap->root_large);
  gc__pages_verify(&heap->pages);
  for (const struct gc__thread *thread = collector->world.first; thread; thread = thread->next)
    for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) verify_cursor(heap, &thread->local.cursors[i]);
}
