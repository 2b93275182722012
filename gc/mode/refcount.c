/* mode/refcount.c - see refcount.h. */
#include "mode/refcount.h"
#include "collect/collector.h"
#include "collect/pacing.h"

/* Of the growth since the last trace, the share that a trace has to free for the next one not to wait for longer. */
#define WORTH_SHARE 8
#define SCALE_MOST  8

/* Of the old objects, the share that may become stuck between two traces, and what is never too much. Most of what is
 * stuck is popular and lives: what a trace finds stuck again does not count. */
#define STUCK_SHARE 4
#define STUCK_BYTES ((size_t)1 << 20)

static size_t grown_bytes(const struct gc__collector *collector) {
  size_t old_bytes = gc__word_peek(&collector->heap.counts.old_bytes), before = collector->nursery.full_live_bytes;
  return old_bytes > before ? old_bytes - before : 0;
}

/* NULL: counting is enough. */
static const char *reason_to_trace(const struct gc__collector *collector) {
  const struct gc__nursery *nursery = &collector->nursery;
  size_t stuck = collector->counting.stuck_bytes - collector->counting.stuck_again_bytes,
         grown = grown_bytes(collector), room = nursery->full_room_bytes;
  if (nursery->is_tight) return "memory is short";
  if (stuck > STUCK_BYTES && stuck > nursery->full_live_bytes / STUCK_SHARE) return "counts are stuck";
  if (grown >= room) return "old objects have grown";
  if (gc__flag_get(&collector->heap.is_crowded) && grown >= room / 4) return "old blocks are sparse";
  return NULL;
}

static bool wants_trace(const struct gc__collector *collector) {
  return reason_to_trace(collector) != NULL;
}

static void collect_counts(struct gc__collector *collector, bool is_full) {
  const char *reason = reason_to_trace(collector);
  collector->last.reason = reason ? reason : "asked for";
  gc__collector_count(collector, is_full);
}

/* What growth made due tells whether growth was worth a trace; one that was asked for tells nothing. */
static void note_trace(struct gc__collector *collector) {
  struct gc__nursery *nursery = &collector->nursery;
  const struct gc__collection *last = &collector->last;
  size_t before = nursery->full_live_bytes;
  size_t grown = last->old_before_bytes > before ? last->old_before_bytes - before : 0;
  bool was_due = grown >= nursery->full_room_bytes;
  if (!nursery->trace_scale || last->traced_bytes >= grown / WORTH_SHARE) nursery->trace_scale = 1;
  else if (was_due && nursery->trace_scale < SCALE_MOST) nursery->trace_scale *= 2;
}

static void note_epoch(struct gc__collector *collector) {
  const struct gc__collection *last = &collector->last;
  struct gc__nursery_sample sample = {.pause_ns = last->pause_ns,
                                      .handed_bytes = last->handed_bytes,
                                      .survived_bytes = last->counts.marked_bytes,
                                      .survived_objects = last->counts.marked_objects,
                                      .written_pages = last->written_pages};
  if (!last->is_full) gc__nursery_note(&collector->nursery, &sample);
}

static void pace_counts(struct gc__collector *collector, unsigned threads, size_t room_bytes) {
  struct gc__nursery *nursery = &collector->nursery;
  struct gc__heap *heap = &collector->heap;
  if (collector->last.number) note_epoch(collector);
  if (!collector->last.number || collector->last.is_full) {
    note_trace(collector);
    nursery->full_live_bytes = collector->last.live_bytes;
    nursery->full_room_bytes =
        gc__pacing_allowance(nursery->full_live_bytes, collector->growth_percent, threads, room_bytes);
    gc__word_poke(&heap->old_room_bytes, nursery->full_room_bytes);
    nursery->full_room_bytes *= nursery->trace_scale;
  }
  size_t allowance = gc__nursery_allowance(nursery, room_bytes);
  size_t least = gc__space_table_bytes(&heap->space) + nursery->full_live_bytes + 2 * allowance;
  size_t most = least + nursery->full_room_bytes;
  gc__word_poke(&heap->allowance_bytes, allowance);
  gc__word_poke(&heap->tier_bytes[GC__TIER_DENSE], least + nursery->full_room_bytes / 2);
  gc__word_poke(&heap->tier_bytes[GC__TIER_PACKED], most + most / 3);
  gc__flag_set(&heap->is_crowded, 0);
}

const struct gc__mode gc__mode_refcount = {.wants_full = wants_trace, .collect = collect_counts, .pace = pace_counts};
