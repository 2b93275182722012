/* collect/pacing.h - how much may be allocated before the next full collection.
 *
 * The square-root rule (Kirisame, Shenoy and Panchekha, "Optimal heap limits for reducing browser memory use", 2022): for
 * a given sum of time and memory the best headroom grows with the root of the live heap, since the cost of a collection
 * grows with the heap while its gain does not. The constant gives 100 % at 64 MiB live and 25 % at 1 GiB; beyond, it
 * stays at 25 %.
 */
#ifndef GC_COLLECT_PACING_H
#define GC_COLLECT_PACING_H

#include <stddef.h>

/* live_bytes: after the last collection. growth_percent: 0 for the rule above. room_bytes: what the limit leaves above
 * the committed bytes, plus free memory in the heap. */
size_t gc__pacing_allowance(size_t live_bytes, unsigned growth_percent, size_t room_bytes);

#endif
