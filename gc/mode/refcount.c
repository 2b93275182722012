/* mode/refcount.c - see refcount.h. */
#include "mode/refcount.h"
#include "collect/collector.h"

/* Of the growth since the last trace, the share that a trace has to free for the next one not to wait for longer. */
#define WORTH_SHARE 8
#define SCALE_MOST  9
#define SCALE_STEP  3

/* Of the old objects, the share that may become stuck between two traces, and what is never too much. Most of what is
 * stuck is popular and lives: what a trace finds stuck again does not count. */
#define STUCK_SHARE 4
#define STUCK_BYTES ((size_t)1 << 20)

/* Heaps from here on have little free memory beside the old objects, smaller ones have what the mark-sweep mode would
 * let be allocated. */
#define LARGE_BYTES         ((size_t)256 << 20)
#define LARGE_SLACK_SHARE   32
#define LARGE_NURSERY_SHARE 48

/* [refcount.nursery]; and what an epoch takes for an object that survived and for a page that was written, by which it
 * is chosen: times that were measured would say how busy the machine is. */
#define EPOCH_FIRST_BYTES   ((size_t)4 << 20)
#define EPOCH_LEAST_BYTES   ((size_t)2 << 20)
#define EPOCH_MOST_BYTES    ((size_t)32 << 20)
#define EPOCH_KNEE_BYTES    ((size_t)8 << 20) /* where almost nothing lives, more is no faster */
#define EPOCH_CYCLES_BYTES  ((size_t)16 << 20)
#define EPOCH_PAUSE_NS      UINT64_C(3000000)
#define EPOCH_SURVIVOR_NS   15
#define EPOCH_PAGE_NS       4000
#define EPOCH_COUNTED_NS    60 /* a survivor, at most */
#define EPOCH_FIXED_SHARE   4
#define EPOCH_MANY_SHARE    5
#define EPOCH_WRITTEN_SHARE 16

static size_t grown_bytes(const struct gc__collector *collector) {
  size_t old_bytes = gc__word_peek(&collector->heap.counts.old_bytes), before = collector->nursery.full_live_bytes;
  return old_bytes > before ? old_bytes - before : 0;
}

static size_t newly_stuck_bytes(const struct gc__collector *collector) {
  return collector->counting.stuck_bytes - collector->counting.stuck_again_bytes;
}

static bool are_counts_stuck(const struct gc__collector *collector) {
  size_t stuck = newly_stuck_bytes(collector);
  return stuck > STUCK_BYTES && stuck > collector->nursery.full_live_bytes / STUCK_SHARE;
}

/* NULL: counting is enough. */
static const char *reason_to_trace(const struct gc__collector *collector) {
  const struct gc__nursery *nursery = &collector->nursery;
  if (nursery->is_tight) return "memory is short";
  if (are_counts_stuck(collector)) return "counts are stuck";
  if (grown_bytes(collector) >= nursery->full_room_bytes) return "old objects have grown";
  return NULL;
}

static bool wants_trace(const struct gc__collector *collector) {
  return reason_to_trace(collector) != NULL;
}

/* Any trace frees stuck objects that died. Making the counts of those that live anew takes four times as long: for many
 * of them, or for a program that asks for a full collection. */
static void collect_counts(struct gc__collector *collector, bool is_full) {
  const char *reason = reason_to_trace(collector);
  bool recounts = reason ? are_counts_stuck(collector) : newly_stuck_bytes(collector) != 0;
  collector->last.reason = reason ? reason : "asked for";
  gc__collector_count(collector, is_full, recounts);
}

/* What growth made due tells whether growth was worth a trace; one that was asked for long before tells nothing. */
static void note_trace(struct gc__collector *collector) {
  struct gc__nursery *nursery = &collector->nursery;
  const struct gc__collection *last = &collector->last;
  size_t before = nursery->full_live_bytes, room = nursery->full_room_bytes;
  size_t grown = last->old_before_bytes > before ? last->old_before_bytes - before : 0;
  size_t worth = (grown > room / WORTH_SHARE ? grown : room / WORTH_SHARE) / WORTH_SHARE;
  nursery->dies_in_cycles = last->traced_bytes > grown / 2;
  if (!nursery->trace_scale || last->traced_bytes > worth) nursery->trace_scale = 1;
  else if (grown >= room && nursery->trace_scale < SCALE_MOST) nursery->trace_scale *= SCALE_STEP;
}

/* What is allocated between two epochs is not there for other use, nor is what died meanwhile. */
static size_t most_nursery_bytes(size_t old_bytes) {
  size_t share = old_bytes / LARGE_NURSERY_SHARE, most = EPOCH_KNEE_BYTES + 3 * old_bytes;
  if (old_bytes > LARGE_BYTES) most = share > EPOCH_KNEE_BYTES ? share : EPOCH_KNEE_BYTES;
  return most < EPOCH_MOST_BYTES ? most : EPOCH_MOST_BYTES;
}

/* Whether epochs take longer than the program does between them, and neither survivors nor written pages explain it but
 * what each epoch has to do again: pins, mostly. Two in a row: one may be long because another process had the
 * processor. */
static bool are_mostly_fixed(struct gc__nursery *nursery, const struct gc__collection *last) {
  uint64_t known_ns = last->counts.marked_objects * EPOCH_COUNTED_NS + last->written_pages * EPOCH_PAGE_NS;
  uint64_t fixed_ns = last->pause_ns > known_ns ? last->pause_ns - known_ns : 0;
  if (last->is_full) return nursery->fixed_epochs >= 2;
  if (fixed_ns > last->program_ns) nursery->fixed_epochs++;
  else if (fixed_ns < last->program_ns / EPOCH_FIXED_SHARE) nursery->fixed_epochs = 0;
  return nursery->fixed_epochs >= 2;
}

/* Free memory from which on packed blocks are filled up, and half of it dense ones: looking at their old objects costs
 * more than new blocks do (heap/heap.h), but nothing else finds a use for their free cells. */
static size_t slack_bytes(const struct gc__nursery *nursery, size_t old_bytes) {
  return old_bytes > LARGE_BYTES ? old_bytes / LARGE_SLACK_SHARE : nursery->full_room_bytes / nursery->trace_scale;
}

/* What is allocated between two epochs: [refcount.nursery] in refcount.h. */
static void note_epoch(struct gc__collector *collector) {
  struct gc__nursery *nursery = &collector->nursery;
  const struct gc__collection *last = &collector->last;
  size_t survived = last->counts.marked_bytes, before = nursery->old_bytes;
  size_t grown = last->live_bytes > before ? last->live_bytes - before : 0;
  nursery->old_bytes = last->live_bytes;
  if (!nursery->bytes)
    nursery->bytes = nursery->wanted_bytes ? nursery->wanted_bytes : gc__nursery_thrifty(nursery, EPOCH_FIRST_BYTES);
  if (nursery->wanted_bytes) return;
  bool is_fixed = are_mostly_fixed(nursery, last);
  size_t most = gc__nursery_thrifty(nursery, is_fixed ? EPOCH_MOST_BYTES : most_nursery_bytes(last->live_bytes));
  if (nursery->bytes > most) nursery->bytes = most;
  if (last->is_full || last->handed_bytes < nursery->bytes / 2) return;
  uint64_t survivors_ns = last->counts.marked_objects * EPOCH_SURVIVOR_NS,
           pages_ns = last->written_pages * EPOCH_PAGE_NS;
  bool are_many = survived > last->handed_bytes / EPOCH_MANY_SHARE && pages_ns < EPOCH_PAUSE_NS;
  bool die_soon = are_many && grown < survived / 2, die_in_cycles = are_many && nursery->dies_in_cycles;
  if (die_in_cycles && !die_soon && most > EPOCH_CYCLES_BYTES) most = EPOCH_CYCLES_BYTES;
  bool are_all_written =
      pages_ns > EPOCH_PAUSE_NS && last->written_pages * GC__PAGE_BYTES > last->live_bytes / EPOCH_WRITTEN_SHARE;
  bool is_short = (survivors_ns + pages_ns) * 3 < EPOCH_PAUSE_NS, is_long = survivors_ns + pages_ns > EPOCH_PAUSE_NS;
  if (is_fixed || die_soon || die_in_cycles || is_short || are_all_written)
    nursery->bytes = nursery->bytes * 2 < most ? nursery->bytes * 2 : most;
  else if (is_long && nursery->bytes > gc__nursery_thrifty(nursery, EPOCH_LEAST_BYTES)) nursery->bytes /= 2;
}

static void pace_counts(struct gc__collector *collector, unsigned threads, size_t room_bytes) {
  struct gc__nursery *nursery = &collector->nursery;
  struct gc__heap *heap = &collector->heap;
  if (collector->last.number) note_epoch(collector);
  if (!collector->last.number || collector->last.is_full) {
    note_trace(collector);
    nursery->full_live_bytes = collector->last.live_bytes;
    nursery->full_room_bytes = gc__collector_allowance(collector, threads, room_bytes);
    nursery->full_room_bytes *= nursery->trace_scale;
  }
  size_t allowance = gc__nursery_allowance(nursery, room_bytes), old_bytes = collector->last.live_bytes;
  size_t least = gc__space_table_bytes(&heap->space) + old_bytes + allowance, slack = slack_bytes(nursery, old_bytes);
  gc__word_poke(&heap->allowance_bytes, allowance);
  gc__word_poke(&heap->tier_bytes[GC__TIER_DENSE], least + slack / 2);
  gc__word_poke(&heap->tier_bytes[GC__TIER_PACKED], least + slack);
  gc__flag_set(&heap->is_crowded, 0);
}

const struct gc__mode gc__mode_refcount = {.wants_full = wants_trace, .collect = collect_counts, .pace = pace_counts};
