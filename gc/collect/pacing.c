/* collect/pacing.c - see pacing.h. */
#include "collect/pacing.h"
#include "base/bits.h"

#define ROOT_FACTOR    8192u
#define LEAST_PERCENT  25u
#define THREAD_BYTES   ((size_t)8 << 20)
#define LEAST_AT_LIMIT ((size_t)256 << 10)

/* Newton's method from above; exact to the integer. */
static size_t square_root(size_t value) {
  if (value < 2) return value;
  size_t root = (size_t)1 << (gc__highest_bit(value) / 2 + 1);
  for (;;) {
    size_t better = (root + value / root) / 2;
    if (better >= root) return root;
    root = better;
  }
}

size_t gc__pacing_allowance(size_t live_bytes, unsigned growth_percent, unsigned threads, size_t room_bytes) {
  size_t bytes;
  if (growth_percent) {
    bytes = live_bytes / 100 * growth_percent;
  } else {
    bytes = ROOT_FACTOR * square_root(live_bytes);
    if (bytes < live_bytes / 100 * LEAST_PERCENT) bytes = live_bytes / 100 * LEAST_PERCENT;
  }
  if (bytes < threads * THREAD_BYTES) bytes = threads * THREAD_BYTES;
  if (bytes > room_bytes) bytes = room_bytes;
  return bytes < LEAST_AT_LIMIT ? LEAST_AT_LIMIT : bytes;
}
