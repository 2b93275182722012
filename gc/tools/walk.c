/* tools/walk.c - see walk.h. */
#include "tools/walk.h"
#include "heap/block.h"

typedef void old_object_fn(struct gc__collector *, struct gc__old_object);

static void each_old_cell(struct gc__collector *collector, uint32_t block, old_object_fn *fn) {
  const struct gc__heap *heap = &collector->heap;
  const struct gc__block *facts = &heap->space.blocks[block];
  if (facts->state == GC__BLOCK_NONE || facts->kind == GC__KIND_LEAF) return;
  const struct gc__size_class *class = gc__block_class(heap, block);
  size_t granule = gc__block_granule(&heap->space, block);
  unsigned cell_count = gc__block_cells(&heap->space, class);
  for (unsigned cell = 0; cell < cell_count; cell++, granule += class->cell_granules)
    if (gc__heap_is_old_object(heap, granule))
      fn(collector, (struct gc__old_object){granule, class->cell_bytes, false, false});
}

static void each_old_run(struct gc__collector *collector, uint32_t list, old_object_fn *fn) {
  const struct gc__space *space = &collector->heap.space;
  for (uint32_t first = list; first != GC__NONE; first = space->runs[first].next) {
    const struct gc__run *run = &space->runs[first];
    size_t granule = (size_t)first * GC__PAGE_GRANULES;
    if (run->kind != GC__KIND_LEAF && gc__heap_is_old_object(&collector->heap, granule))
      fn(collector, (struct gc__old_object){granule, run->page_count * GC__PAGE_BYTES, true, run->is_guarded});
  }
}

void gc__each_old_object(struct gc__collector *collector, old_object_fn *fn) {
  for (uint32_t block = 0; block < gc__block_count(&collector->heap.space); block++)
    each_old_cell(collector, block, fn);
  each_old_run(collector, collector->heap.large, fn);
  each_old_run(collector, collector->heap.root_large, fn);
}
