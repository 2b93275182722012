/* mode/mark_sweep.c - see mark_sweep.h. */
#include "mode/mark_sweep.h"
#include "collect/collector.h"

static bool wants_all(const struct gc__collector *collector) {
  (void)collector;
  return true;
}

static void collect_all(struct gc__collector *collector, bool is_full) {
  (void)is_full;
  gc__collector_trace_all(collector);
}

static void pace_all(struct gc__collector *collector, unsigned threads, size_t room_bytes) {
  gc__word_poke(&collector->heap.allowance_bytes, gc__collector_allowance(collector, threads, room_bytes));
}

const struct gc__mode gc__mode_mark_sweep = {.wants_full = wants_all, .collect = collect_all, .pace = pace_all};
