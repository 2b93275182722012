/* trefoil/pool.h - memory pools: blocks of one size, ahead of time, given back one by one or all at once.
 *
 * The general rules of gc.h hold. A pool is one object to the collector: a pointer to or into any block, in a root or in a
 * live object, keeps all of it; words in its blocks keep what they point to, unless the pool is a leaf. A pool that
 * nothing points to is destroyed by a collection (in refcount mode by a full one). gc_base and gc_size answer for blocks
 * that are allocated. gc_free and gc_realloc of a block are misuse; gc_weak_new, gc_weak_map_put with it as the key, and
 * gc_finalizer_set refuse it (EINVAL).
 *
 * A pool may be used by several threads. While only the thread that made it does, its calls take no lock.
 */
#ifndef TREFOIL_POOL_H
#define TREFOIL_POOL_H

#include "gc.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gc_pool;

#define GC_POOL_LEAF 1u /* blocks hold no pointers: they are never scanned */

/* Blocks of that size, rounded up to 16 bytes and 16-aligned; memory for reserve_blocks of them is taken at once (0: for
 * some). NULL and EINVAL: block_bytes is 0 or above 1 GiB, or flags are unknown; NULL and ENOMEM. */
GC_PUBLIC struct gc_pool *gc_pool_new(size_t block_bytes, size_t reserve_blocks, unsigned flags);

/* A zeroed block, in constant time within the reserve and what was freed; beyond, the pool grows by as much as it has.
 * NULL: ENOMEM. A pool that is none, or was destroyed, is misuse, here and below. */
GC_PUBLIC void *gc_pool_alloc(struct gc_pool *pool) __attribute__((warn_unused_result));

/* Gives a block back, in constant time, for the pool to use again. NULL is fine. What is no block, one of another pool, or
 * one that is free is misuse: the program ends with a line that says so. */
GC_PUBLIC void gc_pool_free(struct gc_pool *pool, void *block);

/* Frees the pool with all its blocks at once, like gc_free. NULL is fine. */
GC_PUBLIC void gc_pool_destroy(struct gc_pool *pool);

struct gc_pool_usage {
  size_t block_bytes; /* rounded up */
  size_t used_blocks, free_blocks;
  size_t committed_bytes; /* all that the pool takes */
};
GC_PUBLIC void gc_pool_usage(const struct gc_pool *pool, struct gc_pool_usage *usage);

#ifdef __cplusplus
}
#endif

#endif
