/* heap/size_class.h - the sizes that small objects are rounded up to.
 *
 * Eight classes to each doubling, so that rounding wastes at most 12.5 % above 128 bytes (below, granules of 16 bytes
 * bound it). From 1 KiB on the sizes are the largest that fit n times into a block, so that little is left at its end.
 */
#ifndef GC_HEAP_SIZE_CLASS_H
#define GC_HEAP_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

#define GC__GRANULE_BYTES    16u
#define GC__GRANULE_LOG2     4u
#define GC__BLOCK_LOG2       16u /* of an ordinary heap; small buffers have smaller ones: heap/space.h [space.block] */
#define GC__BLOCK_LOG2_LEAST 12u
#define GC__BLOCK_BYTES      ((size_t)1 << GC__BLOCK_LOG2)
#define GC__BLOCK_GRANULES   (GC__BLOCK_BYTES / GC__GRANULE_BYTES)
#define GC__BLOCK_WORDS      (GC__BLOCK_GRANULES / 64) /* of a bitmap with a bit a granule */

#define GC__CLASS_COUNT     56u
#define GC__SMALL_MAX_BYTES 8192u

struct gc__size_class {
  uint16_t cell_bytes, cell_granules;
  uint16_t cell_count; /* in an ordinary block */
  uint32_t reciprocal; /* of cell_granules, see gc__cell_of */
};

extern const struct gc__size_class gc__size_classes[GC__CLASS_COUNT];

/* The class of a request of n bytes, by (n + 15) / 16. Request 0 gives the least class. */
extern const uint8_t gc__class_of_granules[GC__SMALL_MAX_BYTES / GC__GRANULE_BYTES + 1];

static inline unsigned gc__class_of(size_t bytes) {
  return gc__class_of_granules[(bytes + GC__GRANULE_BYTES - 1) >> GC__GRANULE_LOG2];
}

/* granule / cell_granules for any granule of a block: with r = ceil(2^24 / n) the error of granule * r is below
 * granule * n <= 4095 * 512 < 2^24, so that the quotient is exact. */
#define GC__RECIPROCAL_LOG2 24u
static inline unsigned gc__cell_of(unsigned granule, uint32_t reciprocal) {
  return (unsigned)((uint64_t)granule * reciprocal >> GC__RECIPROCAL_LOG2);
}

#endif
