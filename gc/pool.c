/* pool.c - memory pools: see trefoil/pool.h.
 *
 * A pool is made of chunks: large objects, each with a header in front of its blocks. [pool.whole] The header points to
 * the pool, which is the header of the first chunk and from which all others are found: so a pointer into any chunk
 * keeps all of them. In a leaf pool only the pointers of headers are declared (heap/layout.h). [pool.bits] Which blocks
 * are free is known from bits in an object of their own, in three levels: a word of each tells which words of the level
 * below are not 0. No list runs through free blocks, and a stray write into one changes none. The word that was used
 * last is tried first: one level is read then, and the block that comes is likely to be in the cache.
 *
 * [pool.zero] Free blocks are zero: they are cleared when they are freed, while they are still in the cache, and keep
 * nothing. [pool.given] A block goes to its bit by a division. For the one that was given out last the pool remembers
 * the bit: to take a block and give it back at once is short then, no longer than to wait for the two divisions that
 * follow from each other (8.2 ns for both of 32 bytes, instead of 8.8). What is remembered is a function of the offset
 * in a chunk alone, so that it is right of every chunk and never out of date. [pool.owner] The thread that made the
 * pool is its owner until another thread uses it: that one stops the world once to end this. So the owner needs no
 * lock, only a section.
 */
#include "runtime.h"
#include "heap/object.h"
#include "os/report.h"

#include <trefoil/pool.h>

#include <errno.h>
#include <string.h>

#define BLOCKS_MOST       ((size_t)64 * 64 * 64) /* of a chunk: what three levels of bits can tell */
#define CHUNK_LEAST       ((size_t)64 << 10)
#define FIXED_CHUNK_SHARE 64u /* of a heap in a buffer, what a chunk is where that is less */
#define BLOCK_BYTES_MOST  ((size_t)1 << 30)
#define TOP               0u /* words of the bits: one, then up to 64, then the rest */
#define MIDDLE            1u
#define LOW               65u

struct pool_bit {
  size_t word; /* of the lowest level */
  uint64_t mask;
};

struct pool_chunk {
  struct gc_pool *pool;
  struct pool_chunk *next;      /* of the pool */
  struct pool_chunk *next_open; /* with free blocks */
  uint64_t *bits;
  size_t word; /* of the lowest level, where a bit was given or taken last */
  size_t block_count, free_count, bytes;
  size_t blocks_bytes; /* of them and the header */
};

struct gc_pool {
  struct pool_chunk first;
  struct pool_chunk *open; /* chunks with free blocks */
  struct pool_chunk *last;
  struct pool_chunk *recent; /* to which a block was given back last */
  size_t block_bytes;
  uint64_t reciprocal; /* of that, times 2^64, rounded up */
  unsigned flags;
  volatile unsigned lock;
  size_t given_offset; /* [pool.given]: in a chunk; 0: none yet */
  struct pool_bit given;
  volatile size_t owner; /* [pool.owner]: address of the struct gc__thread; 0: none any more */
  size_t block_count, committed_bytes;
};

#define HEADER_BYTES ((sizeof(struct gc_pool) + 63) / 64 * 64)

static char *blocks_of(struct pool_chunk *chunk) {
  return (char *)chunk + HEADER_BYTES;
}

/* The chunk that an address lies in, or NULL. */
static struct pool_chunk *chunk_at(const void *address) {
  const struct gc__space *space = &gc__runtime.collector.heap.space;
  if (!gc__space_contains(space, address)) return NULL;
  size_t offset = gc__space_offset(space, address);
  if (!(gc__entry_at(space, gc__block_at(space, offset)).shape & GC__SHAPE_PAGES)) return NULL;
  uint32_t head = space->run_heads[offset >> GC__PAGE_LOG2];
  if (!head || space->runs[head - 1].state != GC__RUN_LARGE || !space->runs[head - 1].is_pool) return NULL;
  return (struct pool_chunk *)(void *)(space->base + (size_t)(head - 1) * GC__PAGE_BYTES);
}

static void set_is_pool(const struct pool_chunk *chunk, bool is_pool) {
  const struct gc__space *space = &gc__runtime.collector.heap.space;
  space->runs[gc__space_offset(space, chunk) / GC__PAGE_BYTES].is_pool = is_pool;
}

/* What was destroyed names itself no more. The heap's addresses are readable, unless there are guards. */
static GC__INLINE bool is_plain_pool(const struct gc_pool *pool) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  size_t offset = gc__space_offset(&heap->space, pool);
  return offset < gc__word_get(&heap->space.span_bytes) && offset % GC__PAGE_BYTES == 0 &&
         !gc__word_peek(&heap->guards.count) && pool->first.pool == pool;
}

static void check_pool(const struct gc_pool *pool, const char *function) {
  if (is_plain_pool(pool) || (chunk_at(pool) && pool->first.pool == pool)) return;
  gc__misuse("%s: %p: is no pool, or was destroyed", function, (const void *)pool);
}

/* ---- Sections ---- */

static void end_ownership(void *argument) {
  struct gc_pool *pool = argument;
  gc__word_poke(&pool->owner, 0);
}

static GC__NOINLINE void take_from_owner(struct gc_pool *pool) {
  struct gc__collector *collector = &gc__runtime.collector;
  gc__lock_take(&collector->lock); /* [world.stopper] */
  gc__lock_take(&collector->world.lock);
  if (gc__word_get(&pool->owner)) gc__world_stop(&collector->world, end_ownership, pool);
  gc__lock_give(&collector->world.lock);
  gc__lock_give(&collector->lock);
}

/* Whether a lock was taken: for end_section. */
static bool begin_section(struct gc__thread *self, struct gc_pool *pool) {
  for (;;) {
    gc__world_enter(self);
    size_t owner = gc__word_peek(&pool->owner);
    if (GC__LIKELY(owner == (size_t)self)) return false;
    if (!owner) break;
    gc__world_leave(self);
    take_from_owner(pool);
  }
  while (!gc__flag_swap_if(&pool->lock, 0, 1)) gc__spin_hint();
  return true;
}

static void end_section(struct gc__thread *self, struct gc_pool *pool, bool is_locked) {
  if (is_locked) gc__flag_set(&pool->lock, 0);
  gc__world_leave(self);
}

/* ---- [pool.bits] ---- */

static GC__INLINE size_t find_word(const uint64_t *bits) {
  size_t top = gc__lowest_bit(bits[TOP]);
  return top * 64 + gc__lowest_bit(bits[MIDDLE + top]);
}

static GC__INLINE struct pool_bit bit_of(size_t index) {
  return (struct pool_bit){index / 64, (uint64_t)1 << index % 64};
}

static GC__INLINE size_t index_of(struct pool_bit bit) {
  return bit.word * 64 + gc__lowest_bit(bit.mask);
}

/* There is one. */
static GC__INLINE struct pool_bit take_bit(struct pool_chunk *chunk) {
  uint64_t *bits = chunk->bits;
  size_t word = chunk->word;
  uint64_t low = bits[LOW + word];
  if (GC__UNLIKELY(!low)) {
    word = chunk->word = find_word(bits);
    low = bits[LOW + word];
  }
  uint64_t rest = bits[LOW + word] = low & (low - 1);
  if (GC__UNLIKELY(!rest)) {
    uint64_t *middle = &bits[MIDDLE + word / 64];
    *middle &= ~((uint64_t)1 << word % 64);
    if (!*middle) bits[TOP] &= ~((uint64_t)1 << word / 64);
  }
  return (struct pool_bit){word, low & -low};
}

static GC__INLINE void give_bit(uint64_t *bits, struct pool_bit bit) {
  uint64_t low = bits[LOW + bit.word];
  bits[LOW + bit.word] = low | bit.mask;
  if (GC__LIKELY(low)) return;
  bits[MIDDLE + bit.word / 64] |= (uint64_t)1 << bit.word % 64;
  bits[TOP] |= (uint64_t)1 << bit.word / 64;
}

static GC__INLINE bool is_free_bit(const struct pool_chunk *chunk, struct pool_bit bit) {
  return chunk->bits[LOW + bit.word] & bit.mask;
}

/* ---- Chunks ---- */

/* The number of the layout of chunks of leaf pools, which have one element however long they are. */
static size_t leaf_layout(struct gc__thread *self) {
  static const size_t offsets[] = {offsetof(struct gc_pool, first.pool),
                                   offsetof(struct gc_pool, first.next),
                                   offsetof(struct gc_pool, first.next_open),
                                   offsetof(struct gc_pool, first.bits),
                                   offsetof(struct gc_pool, open),
                                   offsetof(struct gc_pool, last)};
  const struct gc_layout layout = {(size_t)1 << 60, sizeof offsets / sizeof offsets[0], offsets};
  return gc__intern(self, &layout);
}

/* A chunk that belongs to no pool yet. NULL: no memory. */
static struct pool_chunk *new_chunk(struct gc__thread *self, size_t block_bytes, size_t block_count, unsigned flags) {
  size_t bytes = HEADER_BYTES + block_count * block_bytes;
  size_t layout = flags & GC_POOL_LEAF ? leaf_layout(self) : 0;
  if (layout == SIZE_MAX) return NULL;
  uint64_t *bits = gc_alloc_leaf((LOW + (block_count + 63) / 64) * sizeof *bits);
  if (!bits) return NULL;
  for (size_t i = 0; i < block_count; i++) give_bit(bits, bit_of(i));
  enum gc__kind kind = layout ? GC__KIND_TYPED : flags & GC_POOL_LEAF ? GC__KIND_LEAF : GC__KIND_SCANNED;
  struct pool_chunk *chunk = gc__allocate(bytes, GC__GRANULE_BYTES, kind, (unsigned)layout);
  if (!chunk) {
    gc_free(bits);
    return NULL;
  }
  chunk->block_count = chunk->free_count = block_count;
  chunk->bytes = gc_size(chunk) + gc_size(bits);
  chunk->blocks_bytes = bytes;
  gc_write(&chunk->bits, bits);
  set_is_pool(chunk, true);
  return chunk;
}

/* In a section of the pool, or when it is new. */
static void add_chunk(struct gc_pool *pool, struct pool_chunk *chunk) {
  gc_write(&chunk->pool, pool);
  gc_write(&chunk->next_open, pool->open);
  gc_write(&pool->open, chunk);
  if (pool->last) gc_write(&pool->last->next, chunk);
  gc_write(&pool->last, chunk);
  gc_write(&pool->recent, chunk);
  pool->block_count += chunk->block_count;
  pool->committed_bytes += chunk->bytes;
}

static size_t chunk_blocks(size_t block_bytes, size_t wanted) {
  const struct gc__space *space = &gc__runtime.collector.heap.space;
  size_t share_bytes = space->is_fixed ? space->reserved_bytes / FIXED_CHUNK_SHARE : CHUNK_LEAST;
  size_t least = (share_bytes < CHUNK_LEAST ? share_bytes : CHUNK_LEAST) / block_bytes;
  if (wanted < least) wanted = least;
  if (wanted < 1) wanted = 1;
  return wanted < BLOCKS_MOST ? wanted : BLOCKS_MOST;
}

static bool grow(struct gc__thread *self, struct gc_pool *pool, size_t wanted) {
  struct pool_chunk *chunk = new_chunk(self, pool->block_bytes, chunk_blocks(pool->block_bytes, wanted), pool->flags);
  if (!chunk) return false;
  bool is_locked = begin_section(self, pool);
  add_chunk(pool, chunk);
  end_section(self, pool, is_locked);
  return true;
}

/* ---- The functions ---- */

struct gc_pool *gc_pool_new(size_t block_bytes, size_t reserve_blocks, unsigned flags) {
  struct gc__thread *self = gc__attach();
  if (!self) return NULL;
  errno = EINVAL;
  if (!block_bytes || block_bytes > BLOCK_BYTES_MOST || (flags & ~GC_POOL_LEAF)) return NULL;
  errno = ENOMEM;
  block_bytes = gc__round_up(block_bytes, GC__GRANULE_BYTES);
  if (reserve_blocks > SIZE_MAX / 2 / block_bytes) return NULL;
  struct gc_pool *pool = (void *)new_chunk(self, block_bytes, chunk_blocks(block_bytes, reserve_blocks), flags);
  if (!pool) return NULL;
  pool->block_bytes = block_bytes;
  pool->reciprocal = UINT64_MAX / block_bytes + 1;
  pool->flags = flags;
  gc__word_poke(&pool->owner, (size_t)self);
  add_chunk(pool, &pool->first);
  while (pool->block_count < reserve_blocks)
    if (!grow(self, pool, reserve_blocks - pool->block_count)) {
      gc_pool_destroy(pool);
      errno = ENOMEM;
      return NULL;
    }
  return pool;
}

static GC__NOINLINE void *alloc_slow(struct gc_pool *pool) {
  struct gc__thread *self = gc__attach();
  if (!self) return NULL;
  check_pool(pool, "gc_pool_alloc");
  bool is_locked = begin_section(self, pool);
  while (GC__UNLIKELY(!pool->open)) {
    size_t wanted = pool->block_count;
    end_section(self, pool, is_locked);
    if (!grow(self, pool, wanted)) return NULL;
    is_locked = begin_section(self, pool);
  }
  struct pool_chunk *chunk = pool->open;
  void *block = blocks_of(chunk) + index_of(take_bit(chunk)) * pool->block_bytes;
  if (--chunk->free_count == 0) gc_write(&pool->open, chunk->next_open);
  end_section(self, pool, is_locked);
  gc_keep(block);
  return block;
}

/* The short path of the owner, in a section, without a call: NULL where lists would change. */
static GC__INLINE void *alloc_short(const struct gc__thread *self, struct gc_pool *pool) {
  if (GC__UNLIKELY(gc__word_peek(&pool->owner) != (size_t)self)) return NULL;
  struct pool_chunk *chunk = pool->open;
  if (GC__UNLIKELY(!chunk || chunk->free_count < 2)) return NULL;
  chunk->free_count--;
  pool->given = take_bit(chunk);
  size_t offset = pool->given_offset = HEADER_BYTES + index_of(pool->given) * pool->block_bytes;
  return (char *)chunk + offset;
}

void *gc_pool_alloc(struct gc_pool *pool) {
  struct gc__thread *self = gc__self;
  void *block = NULL;
  if (GC__LIKELY(gc__self_is_attached() && is_plain_pool(pool))) {
    unsigned depth = gc__world_enter(self);
    block = alloc_short(self, pool);
    gc__world_leave_to(self, depth);
  }
  if (GC__UNLIKELY(!block)) return alloc_slow(pool);
  gc_keep(block);
  return block;
}

static GC__INLINE size_t high_product(size_t a, uint64_t b) {
  return (size_t)(((unsigned __int128)a * b) >> 64);
}

/* offset / block_bytes: the product is too large by less than offset * block_bytes / 2^64, so that the quotient is
 * right, or one too much where blocks are huge. */
static GC__INLINE size_t divide(const struct gc_pool *pool, size_t offset) {
  size_t index = high_product(offset, pool->reciprocal);
  return GC__UNLIKELY(index * pool->block_bytes > offset) ? index - 1 : index;
}

/* Most blocks are a few words: a call of memset would take as long as all the rest. */
#define CLEAR_WORDS_MOST ((size_t)16 * sizeof(size_t))

static GC__INLINE void clear_words(void *block, size_t bytes) {
  for (char *granule = block, *end = granule + bytes; granule < end; granule += GC__GRANULE_BYTES)
    memset(granule, 0, GC__GRANULE_BYTES);
}

/* Longer blocks are cleared before the section: a stop waits for that. */
#define CLEAR_INSIDE_MOST ((size_t)4096)

/* The number of an allocated block of the chunk; otherwise the program ends. */
static size_t check_block(const struct gc_pool *pool, struct pool_chunk *chunk, const char *block) {
  if (GC__UNLIKELY(!chunk || block < blocks_of(chunk)))
    gc__misuse("gc_pool_free: %p: is no block of a pool", (const void *)block);
  if (GC__UNLIKELY(chunk->pool != pool))
    gc__misuse("gc_pool_free: %p: is a block of another pool, %p", (const void *)block, (void *)chunk->pool);
  size_t offset = (size_t)(block - blocks_of(chunk)), index = divide(pool, offset);
  if (GC__UNLIKELY(index >= chunk->block_count))
    gc__misuse("gc_pool_free: %p: is no block of a pool", (const void *)block);
  size_t inside = offset - index * pool->block_bytes;
  if (GC__UNLIKELY(inside))
    gc__misuse("gc_pool_free: %p: points %zu bytes into the block at %p", (const void *)block, inside,
               (const void *)(block - inside));
  if (GC__UNLIKELY(is_free_bit(chunk, bit_of(index))))
    gc__misuse("gc_pool_free: %p: is freed already or was never allocated", (const void *)block);
  return index;
}

/* The chunk of a block of this pool, or what chunk_at says. In a section of the pool. */
static GC__INLINE struct pool_chunk *chunk_of(const struct gc_pool *pool, const char *block) {
  struct pool_chunk *chunk = pool->recent;
  return GC__LIKELY((size_t)(block - (char *)chunk) < chunk->blocks_bytes) ? chunk : chunk_at(block);
}

static GC__NOINLINE void free_slow(struct gc_pool *pool, void *block) {
  struct gc__thread *self = gc__attach();
  if (!self || !block) return;
  check_pool(pool, "gc_pool_free");
  bool is_long = pool->block_bytes > CLEAR_INSIDE_MOST;
  if (is_long) {
    check_block(pool, chunk_at(block), block);
    memset(block, 0, pool->block_bytes);
  }
  bool is_locked = begin_section(self, pool);
  struct pool_chunk *chunk = chunk_of(pool, block);
  size_t index = check_block(pool, chunk, block);
  if (!is_long) memset(block, 0, pool->block_bytes);
  if (GC__UNLIKELY(gc_barrier.bytes)) gc_written(block, pool->block_bytes);
  give_bit(chunk->bits, bit_of(index));
  chunk->word = index / 64;
  if (GC__UNLIKELY(pool->recent != chunk)) gc_write(&pool->recent, chunk);
  if (GC__UNLIKELY(chunk->free_count++ == 0)) {
    gc_write(&chunk->next_open, pool->open);
    gc_write(&pool->open, chunk);
  }
  end_section(self, pool, is_locked);
}

/* As alloc_short, where the block lies in the chunk that got one back before, and is not longer than that. What is not
 * as it should be is for the long path to say. */
static GC__INLINE bool free_short(const struct gc__thread *self, struct gc_pool *pool, void *block, size_t most) {
  if (GC__UNLIKELY(gc__word_peek(&pool->owner) != (size_t)self)) return false;
  struct pool_chunk *chunk = pool->recent;
  size_t block_bytes = pool->block_bytes, offset = (size_t)((char *)block - (char *)chunk);
  bool is_simple = chunk->free_count && block_bytes <= most && !gc_barrier.bytes;
  if (GC__UNLIKELY(!is_simple || offset >= chunk->blocks_bytes)) return false;
  struct pool_bit bit = pool->given;
  if (offset != pool->given_offset) {
    size_t index = high_product(offset - HEADER_BYTES, pool->reciprocal);
    if (GC__UNLIKELY(index >= chunk->block_count || HEADER_BYTES + index * block_bytes != offset)) return false;
    bit = bit_of(index);
  }
  if (GC__UNLIKELY(is_free_bit(chunk, bit))) return false;
  if (most == CLEAR_WORDS_MOST) clear_words(block, block_bytes);
  else memset(block, 0, block_bytes);
  give_bit(chunk->bits, bit);
  chunk->word = bit.word;
  chunk->free_count++;
  return true;
}

static GC__INLINE bool try_free(struct gc_pool *pool, void *block, size_t most) {
  struct gc__thread *self = gc__self;
  if (GC__UNLIKELY(!gc__self_is_attached() || !is_plain_pool(pool))) return false;
  unsigned depth = gc__world_enter(self);
  bool is_done = free_short(self, pool, block, most);
  gc__world_leave_to(self, depth);
  return is_done;
}

static GC__NOINLINE void free_longer(struct gc_pool *pool, void *block) {
  if (!try_free(pool, block, CLEAR_INSIDE_MOST)) free_slow(pool, block);
}

/* A function without a call of memset keeps less on its stack. */
void gc_pool_free(struct gc_pool *pool, void *block) {
  if (GC__UNLIKELY(!try_free(pool, block, CLEAR_WORDS_MOST))) free_longer(pool, block);
}

void gc_pool_destroy(struct gc_pool *pool) {
  if (!pool || !gc__attach()) return;
  check_pool(pool, "gc_pool_destroy");
  struct pool_chunk *next;
  for (struct pool_chunk *chunk = pool->first.next; chunk; chunk = next) {
    next = chunk->next;
    set_is_pool(chunk, false);
    gc_free(chunk->bits);
    gc_free(chunk);
  }
  set_is_pool(&pool->first, false);
  gc_free(pool->first.bits);
  pool->first.pool = NULL;
  gc_free(pool);
}

void gc_pool_usage(const struct gc_pool *pool, struct gc_pool_usage *usage) {
  struct gc_pool *changing = (struct gc_pool *)(uintptr_t)pool;
  struct gc__thread *self = gc__attach();
  if (!self) return;
  check_pool(pool, "gc_pool_usage");
  bool is_locked = begin_section(self, changing);
  size_t free_blocks = 0;
  for (const struct pool_chunk *chunk = &pool->first; chunk; chunk = chunk->next) free_blocks += chunk->free_count;
  *usage = (struct gc_pool_usage){.block_bytes = pool->block_bytes,
                                  .used_blocks = pool->block_count - free_blocks,
                                  .free_blocks = free_blocks,
                                  .committed_bytes = pool->committed_bytes};
  end_section(self, changing, is_locked);
}

/* ---- For questions about addresses ---- */

bool gc__pool_has(const void *address) {
  return chunk_at(address) != NULL;
}

void *gc__pool_block_at(const void *address, size_t *bytes) {
  struct pool_chunk *chunk = chunk_at(address);
  *bytes = HEADER_BYTES;
  if ((const char *)address < blocks_of(chunk)) return chunk == &chunk->pool->first ? chunk : NULL;
  *bytes = chunk->pool->block_bytes;
  size_t index = (size_t)((const char *)address - blocks_of(chunk)) / *bytes;
  if (index >= chunk->block_count || is_free_bit(chunk, bit_of(index))) return NULL;
  return blocks_of(chunk) + index * *bytes;
}
