/* collect/trace_work.c - the work of a trace: its beginning, and the pieces of roots that markers take. */
#include "collect/trace.h"
#include "heap/block.h"

bool gc__trace_has_work(const struct gc__trace *trace) {
  for (unsigned i = 0; i < trace->marker_count; i++)
    if (gc__word_peek(&trace->markers[i]->stack.shared)) return true;
  return gc__word_peek(&trace->root_at) < gc__word_peek(&trace->root_count);
}

void gc__trace_begin(struct gc__trace *trace, const struct gc__roots *roots, uint8_t epoch, bool is_minor) {
  trace->epoch = epoch;
  trace->is_minor = is_minor;
  trace->roots = gc__roots_list(roots);
  gc__word_poke(&trace->root_count, roots->count);
  gc__word_poke(&trace->root_at, 0);
  trace->root_from = 0;
  trace->has_overflowed = 0;
  for (unsigned i = 0; i < trace->marker_count; i++) {
    struct gc__marker *marker = trace->markers[i];
    marker->trace = trace;
    marker->space = trace->heap->space;
    marker->epoch = epoch;
    marker->epoch_before = trace->heap->epoch;
    marker->stamp = trace->heap->stamp;
    marker->is_minor = is_minor;
    marker->interior_in_heap = trace->interior_in_heap;
    marker->candidates.oldest = marker->candidates.count = 0;
    marker->marked_objects = marker->marked_bytes = marker->false_words = 0;
  }
}

bool gc__trace_take_root(struct gc__trace *trace, struct gc__root_range *piece) {
  bool found = false;
  while (!gc__flag_swap_if(&trace->root_lock, 0, 1)) gc__spin_hint();
  while (gc__word_peek(&trace->root_at) < gc__word_peek(&trace->root_count) && !found) {
    struct gc__range range = trace->roots[trace->root_at].range;
    uintptr_t start = trace->root_from ? trace->root_from : range.start;
    *piece = (struct gc__root_range){{start, range.end}, trace->roots[trace->root_at].source};
    found = start < range.end;
    if (found && range.end - start > GC__ROOT_PIECE_BYTES) piece->range.end = start + GC__ROOT_PIECE_BYTES;
    trace->root_from = piece->range.end;
    if (piece->range.end != range.end) continue;
    gc__word_poke(&trace->root_at, trace->root_at + 1);
    trace->root_from = 0;
  }
  gc__flag_set(&trace->root_lock, 0);
  return found;
}

bool gc__trace_steal(struct gc__marker *marker) {
  struct gc__trace *trace = marker->trace;
  for (unsigned i = 0; i < trace->marker_count; i++)
    if (trace->markers[i] != marker && gc__mark_stack_steal(&marker->stack, &trace->markers[i]->stack)) return true;
  return false;
}

/* ---- Objects that are found through their blocks ---- */

void gc__trace_each_cell(struct gc__marker *marker, uint32_t block, void (*fn)(struct gc__marker *, size_t)) {
  const struct gc__heap *heap = marker->trace->heap;
  const struct gc__size_class *class = gc__block_class(heap, block);
  size_t granule = gc__block_granule(&heap->space, block);
  unsigned cell_count = gc__block_cells(&heap->space, class);
  for (unsigned cell = 0; cell < cell_count; cell++, granule += class->cell_granules) fn(marker, granule);
}

static void add_root_cell(struct gc__marker *marker, size_t granule) {
  if (gc__heap_is_given(marker->trace->heap, granule))
    gc__trace_add(marker, (size_t)gc__space_address(&marker->space, granule));
}

static void call_cell(struct gc__marker *marker, size_t granule) {
  const struct gc__layout *layout = gc__layout_of(marker->trace->heap, granule);
  bool is_old = gc__byte_peek(&marker->space.live[granule]) == marker->epoch;
  if (is_old && layout && layout->procedure) gc__trace_call(marker, layout, granule);
}

static void call_old_procedures(struct gc__marker *marker) {
  const struct gc__heap *heap = marker->trace->heap;
  for (uint32_t block = heap->procedure_blocks; block != GC__NONE; block = heap->space.blocks[block].root_next)
    gc__trace_each_cell(marker, block, call_cell);
  uint32_t first = heap->has_large_procedures ? heap->large : GC__NONE;
  for (; first != GC__NONE; first = heap->space.runs[first].next) call_cell(marker, (size_t)first * GC__PAGE_GRANULES);
}

/* Young ones are in blocks of the coming stop's stamp, and first in the list of large ones. */
void gc__trace_root_objects(struct gc__marker *marker) {
  struct gc__heap *heap = marker->trace->heap;
  if (marker->is_minor) call_old_procedures(marker);
  for (uint32_t block = heap->root_blocks; block != GC__NONE; block = heap->space.blocks[block].root_next)
    if (!marker->is_minor || gc__entry_at(&heap->space, block).stamp == heap->stamp)
      gc__trace_each_cell(marker, block, add_root_cell);
  for (uint32_t first = heap->root_large; first != GC__NONE; first = heap->space.runs[first].next) {
    if (marker->is_minor && heap->space.runs[first].stamp != heap->stamp) break;
    gc__trace_add(marker, (size_t)gc__space_address(&marker->space, (size_t)first * GC__PAGE_GRANULES));
  }
}

/* ---- [trace.overflow] ---- */

static void rescan_cell(struct gc__marker *marker, size_t granule) {
  if (marker->space.live[granule] != marker->epoch) return;
  gc__trace_rescan(marker, granule, gc__space_place(&marker->space, granule * GC__GRANULE_BYTES).bytes);
}

static void rescan_large(struct gc__marker *marker, size_t granule) {
  struct gc__place place = gc__space_place(&marker->space, granule * GC__GRANULE_BYTES);
  if (marker->space.live[granule] != marker->epoch || place.kind == GC__KIND_LEAF) return;
  gc__trace_rescan(marker, granule, place.bytes);
}

static void rescan_block(struct gc__marker *marker, uint32_t block) {
  const struct gc__space *space = &marker->space;
  struct gc__block_entry entry = gc__entry_at(space, block);
  if (!(entry.shape & GC__SHAPE_PAGES)) {
    if (gc__entry_kind(entry) != GC__KIND_LEAF) gc__trace_each_cell(marker, block, rescan_cell);
    return;
  }
  for (size_t page = gc__block_page(space, block); page < gc__block_page(space, block + 1); page++)
    if (space->run_heads[page] == page + 1 && space->runs[page].state == GC__RUN_LARGE)
      rescan_large(marker, page * GC__PAGE_GRANULES);
}

bool gc__trace_recover(struct gc__marker *marker) {
  struct gc__trace *trace = marker->trace;
  if (!trace->has_overflowed) return false;
  trace->has_overflowed = 0;
  for (uint32_t block = 0; block < gc__block_count(&trace->heap->space); block++) {
    if (!trace->heap->space.blocks[block].must_rescan) continue;
    trace->heap->space.blocks[block].must_rescan = 0;
    rescan_block(marker, block);
  }
  return true;
}
