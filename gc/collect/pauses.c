/* collect/pauses.c - see pauses.h. */
#include "collect/pauses.h"
#include "base/bits.h"

/* Values below 16 have a bucket each; above, the four bits behind the highest one choose it. */
static unsigned bucket_of(uint64_t ns) {
  if (ns >> GC__PAUSE_SUB_LOG2 == 0) return (unsigned)ns;
  unsigned log2 = gc__highest_bit(ns);
  unsigned sub = (unsigned)(ns >> (log2 - GC__PAUSE_SUB_LOG2)) & ((1u << GC__PAUSE_SUB_LOG2) - 1);
  return ((log2 - GC__PAUSE_SUB_LOG2 + 1) << GC__PAUSE_SUB_LOG2) + sub;
}

/* The middle of a bucket. */
static uint64_t bucket_ns(unsigned bucket) {
  if (bucket >> GC__PAUSE_SUB_LOG2 == 0) return bucket;
  unsigned shift = (bucket >> GC__PAUSE_SUB_LOG2) - 1;
  uint64_t low = (uint64_t)((1u << GC__PAUSE_SUB_LOG2) | (bucket & ((1u << GC__PAUSE_SUB_LOG2) - 1))) << shift;
  return low + (((uint64_t)1 << shift) >> 1);
}

void gc__pauses_note(struct gc__pauses *pauses, uint64_t ns) {
  pauses->count++;
  pauses->total_ns += ns;
  if (ns > pauses->max_ns) pauses->max_ns = ns;
  pauses->buckets[bucket_of(ns)]++;
}

uint64_t gc__pauses_percentile(const struct gc__pauses *pauses, unsigned per_mille) {
  uint64_t wanted = (pauses->count * per_mille + 999) / 1000, seen = 0;
  for (unsigned bucket = 0; bucket < GC__PAUSE_BUCKETS; bucket++) {
    seen += pauses->buckets[bucket];
    if (!seen || seen < wanted) continue;
    uint64_t ns = bucket_ns(bucket);
    return ns < pauses->max_ns ? ns : pauses->max_ns;
  }
  return 0;
}

void gc__pauses_add(struct gc__pauses *pauses, const struct gc__pauses *others) {
  pauses->count += others->count;
  pauses->total_ns += others->total_ns;
  if (others->max_ns > pauses->max_ns) pauses->max_ns = others->max_ns;
  for (unsigned i = 0; i < GC__PAUSE_BUCKETS; i++) pauses->buckets[i] += others->buckets[i];
}
