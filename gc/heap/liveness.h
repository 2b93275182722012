/* heap/liveness.h - what a liveness byte says.
 *
 * [live.epoch] An object that the last trace reached has the current epoch in the byte of its first granule. A trace
 * marks with the next epoch, so that nothing is cleared before it; when the numbers run out, all bytes are rewritten
 * once (gc__heap_renumber). Any other value is free, or young: young cells are told apart by their block's bitmap
 * ([block.young]), so that an old value can never revive a cell.
 */
#ifndef GC_HEAP_LIVENESS_H
#define GC_HEAP_LIVENESS_H

#include <stdint.h>

#define GC__EPOCH_FIRST 1u
#define GC__EPOCH_LAST  0xf8u

/* A cell freed by hand that some thread keeps for its next allocation; not live, and nobody else may take it. */
#define GC__LIVE_RECYCLED 0xfdu

/* Free, but a root word points there: not handed out in this epoch. Two values, so that those of the epoch before are
 * known as stale. */
static inline uint8_t gc__live_black(uint8_t epoch) {
  return (uint8_t)(0xfeu | (epoch & 1u));
}

#endif
