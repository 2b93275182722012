/* collect/pacing.h - how much may be allocated before the next full collection.
 *
 * The square-root rule (Kirisame, Shenoy and Panchekha, "Optimal heap limits for reducing browser memory use", 2022):
 * for a given sum of time and memory the best headroom grows with the root of the live heap, since the cost of a
 * collection grows with the heap while its gain does not. The constant gives 100 % at 64 MiB live and 25 % at 1 GiB;
 * beyond, it stays at 25 %. Small heaps get 8 MiB for each thread that can run at a time: a collection stops all of
 * them, so that with a fixed sum its share of the time would grow with their number.
 */
#ifndef GC_COLLECT_PACING_H
#define GC_COLLECT_PACING_H

#include <stddef.h>

/* live_bytes: after the last collection. growth_percent: 0 for the rule above. threads: attached ones, at most one a
 * processor. room_bytes: what the limit leaves above the committed bytes, plus free memory in the heap. */
size_t gc__pacing_allowance(size_t live_bytes, unsigned growth_percent, unsigned threads, size_t room_bytes);

#endif
