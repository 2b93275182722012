/* collect/pauses.h - how long pauses were: exact sums, percentiles from logarithmic buckets.
 *
 * Sixteen buckets for each doubling: a percentile is within 1/32 of the true value.
 */
#ifndef GC_COLLECT_PAUSES_H
#define GC_COLLECT_PAUSES_H

#include <stdint.h>

#define GC__PAUSE_SUB_LOG2 4u
#define GC__PAUSE_BUCKETS  ((64u - GC__PAUSE_SUB_LOG2 + 1u) << GC__PAUSE_SUB_LOG2)

struct gc__pauses {
  uint64_t count, total_ns, max_ns;
  uint32_t buckets[GC__PAUSE_BUCKETS];
};

void gc__pauses_note(struct gc__pauses *pauses, uint64_t ns);

/* Adds what another one counted. */
void gc__pauses_add(struct gc__pauses *pauses, const struct gc__pauses *others);

/* The length that at least that share of the pauses did not exceed, in parts of 1,000; 0 if there were none. */
uint64_t gc__pauses_percentile(const struct gc__pauses *pauses, unsigned per_mille);

#endif
