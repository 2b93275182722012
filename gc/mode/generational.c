/* mode/generational.c - see generational.h. */
#include "mode/generational.h"
#include "collect/collector.h"

static bool wants_full(const struct gc__collector *collector) {
  const struct gc__nursery *nursery = &collector->nursery;
  bool is_crowded = gc__flag_get(&collector->heap.is_crowded);
  return gc__nursery_wants_full(nursery, collector->last.live_bytes, is_crowded);
}

static void collect_generation(struct gc__collector *collector, bool is_full) {
  if (is_full) gc__collector_trace_all(collector);
  else gc__collector_trace_young(collector);
}

static void note_last(struct gc__collector *collector) {
  const struct gc__collection *last = &collector->last;
  struct gc__nursery_sample sample = {.is_full = last->is_full,
                                      .work_ns = last->work_ns,
                                      .live_bytes = last->live_bytes,
                                      .handed_bytes = last->handed_bytes,
                                      .survived_bytes = last->counts.marked_bytes,
                                      .survived_objects = last->counts.marked_objects,
                                      .written_pages = last->written_pages};
  gc__nursery_note(&collector->nursery, &sample);
}

/* The old objects may grow by what the mark-sweep mode would let be allocated. What blocks that are no longer handed
 * out waste counts as well: halfway to the memory that the mark-sweep mode would use, cells of half-empty blocks come
 * first, and there a full collection, if the old objects have grown enough to make it worth while. */
static void pace_generations(struct gc__collector *collector, unsigned threads, size_t room_bytes) {
  struct gc__nursery *nursery = &collector->nursery;
  struct gc__heap *heap = &collector->heap;
  if (collector->last.number) note_last(collector);
  if (!collector->last.number || collector->last.is_full) {
    nursery->full_live_bytes = collector->last.live_bytes;
    nursery->full_room_bytes = gc__collector_allowance(collector, threads, room_bytes);
  }
  size_t allowance = gc__nursery_allowance(nursery, room_bytes);
  size_t least = gc__space_table_bytes(&heap->space) + nursery->full_live_bytes;
  if (!nursery->rest_fulls) least += 2 * allowance;
  size_t most = least + nursery->full_room_bytes;
  gc__word_poke(&heap->allowance_bytes, allowance);
  heap->log.is_resting = nursery->rest_fulls != 0;
  gc__word_poke(&heap->tier_bytes[GC__TIER_DENSE], least + nursery->full_room_bytes / 2);
  gc__word_poke(&heap->tier_bytes[GC__TIER_PACKED], most + most / 8);
  gc__flag_set(&heap->is_crowded, 0);
}

const struct gc__mode gc__mode_generational = {
    .wants_full = wants_full, .collect = collect_generation, .pace = pace_generations};
