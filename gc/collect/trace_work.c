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
