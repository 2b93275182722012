/* tests/api/pool.c - memory pools: blocks are zero and apart, keep each other and what they point to (but in leaf
 * pools), and are gone with their pool; figures; what a block refuses; several threads.
 */
#include "support.h"
#include <trefoil/pool.h>
#include <trefoil/weak.h>

#include <sched.h>
#include <stdatomic.h>

enum { COUNT = 5000 };

static char *blocks[COUNT];

static const size_t sizes[] = {1, 16, 24, 64, 200, 1000, 5000, 70000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static struct gc_pool_usage usage_of(const struct gc_pool *pool) {
  struct gc_pool_usage usage;
  gc_pool_usage(pool, &usage);
  return usage;
}

static void use_pool(size_t bytes, size_t reserve, unsigned flags, unsigned count) {
  struct gc_pool *pool = gc_pool_new(bytes, reserve, flags);
  ck_assert_ptr_nonnull(pool);
  struct gc_pool_usage usage = usage_of(pool);
  ck_assert_uint_ge(usage.block_bytes, bytes);
  ck_assert_uint_lt(usage.block_bytes, bytes + 16);
  ck_assert_uint_ge(usage.free_blocks, reserve);
  uint64_t state = bytes + reserve;
  unsigned used = 0;
  memset(blocks, 0, sizeof blocks);
  for (unsigned k = 0; k < count * 3; k++) {
    unsigned i = (unsigned)(random_next(&state) % count);
    if (blocks[i]) {
      require(pattern_matches(blocks[i], bytes, i) && gc_base(blocks[i] + bytes - 1) == blocks[i]);
      gc_pool_free(pool, blocks[i]);
      require(gc_base(blocks[i]) == NULL && gc_size(blocks[i]) == 0);
      blocks[i] = NULL;
      used--;
    } else {
      blocks[i] = gc_pool_alloc(pool);
      require(blocks[i] && (uintptr_t)blocks[i] % 16 == 0 && all_zero(blocks[i], bytes));
      require(gc_size(blocks[i]) == usage.block_bytes);
      pattern_fill(blocks[i], bytes, i);
      used++;
    }
    if (k % 2000 == 0) gc_collect(k % 4000 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
  }
  usage = usage_of(pool);
  ck_assert_uint_eq(usage.used_blocks, used);
  ck_assert_uint_ge(usage.committed_bytes, (usage.used_blocks + usage.free_blocks) * usage.block_bytes);
  gc_pool_destroy(pool);
  for (unsigned i = 0; i < count; i++) require(gc_base(blocks[i]) == NULL);
}

START_TEST(blocks_are_zero_and_apart) {
  unsigned count = sizes[_i] > 2000 ? 100 : COUNT;
  use_pool(sizes[_i], 0, 0, count);
  use_pool(sizes[_i], count, 0, count);
  use_pool(sizes[_i], 10, GC_POOL_LEAF, count);
}
END_TEST

START_TEST(a_large_reserve_is_ready) {
  struct gc_pool *pool = gc_pool_new(16, 600000, GC_POOL_LEAF);
  struct gc_pool_usage before = usage_of(pool);
  for (unsigned i = 0; i < 600000; i++) *(uint64_t *)gc_pool_alloc(pool) = i;
  ck_assert_uint_eq(usage_of(pool).committed_bytes, before.committed_bytes);
  ck_assert_uint_eq(usage_of(pool).used_blocks, 600000);
  gc_pool_destroy(pool);
  gc_pool_destroy(NULL);
}
END_TEST

/* ---- What keeps what ---- */

static NOT_INLINED char *make_with_ballasts(unsigned flags, unsigned ballast_count, unsigned count) {
  STAY_DEEP();
  struct gc_pool *pool = gc_pool_new(64, 0, flags);
  char *last = NULL;
  for (unsigned i = 0; i < count; i++) {
    void **block = gc_pool_alloc(pool);
    gc_write(&block[3], i < ballast_count ? gc_alloc_leaf(BALLAST_BYTES) : NULL);
    last = (char *)block;
  }
  return last + 40;
}

/* The ballast is not in the block that is held, nor in its chunk. */
START_TEST(one_block_keeps_the_whole_pool) {
  uint64_t before = collect();
  for (int i = 0; i < 12; i++) held[i] = make_with_ballasts(0, 1, 5000);
  gc_collect(GC_COLLECT_MINOR);
  ck_assert_uint_ge(ballasts(before, collect()), 12);
  for (int i = 0; i < 12; i++) require(gc_base(held[i]) == (char *)held[i] - 40);
  memset(held, 0, sizeof held);
  ck_assert_uint_le(ballasts(before, collect()), 2 * STRAY_BALLASTS); /* a pool without its ballast takes 0.6 of one */
}
END_TEST

START_TEST(leaf_pools_keep_their_blocks_only) {
  uint64_t before = collect();
  char *inside = make_with_ballasts(GC_POOL_LEAF, 10, 5000);
  uint64_t after = collect();
  ck_assert_uint_le(ballasts(before, after), STRAY_BALLASTS);
  ck_assert_uint_ge(after, before + 5000 * 64);
  ck_assert_ptr_eq(gc_base(inside), inside - 40);
}
END_TEST

static NOT_INLINED void free_blocks_with_ballasts(struct gc_pool *pool) {
  STAY_DEEP();
  for (int i = 0; i < 12; i++) {
    void **block = gc_pool_alloc(pool);
    gc_write(&block[0], gc_alloc_leaf(BALLAST_BYTES));
    held[i] = block;
  }
  gc_collect(GC_COLLECT_MINOR);
  for (int i = 0; i < 12; i++) gc_pool_free(pool, held[i]);
  memset(held, 0, sizeof held);
}

START_TEST(freed_blocks_keep_nothing) {
  uint64_t before = collect();
  struct gc_pool *pool = gc_pool_new(48, 100, 0);
  free_blocks_with_ballasts(pool);
  gc_collect(GC_COLLECT_MINOR);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
  gc_keep(pool);
}
END_TEST

/* ---- What is refused ---- */

START_TEST(wrong_arguments_fail) {
  static const struct {
    size_t bytes, reserve;
    unsigned flags;
    int error;
  } wrong[] = {{0, 10, 0, EINVAL}, {16, 1, 6, EINVAL}, {SIZE_MAX, 1, 0, EINVAL}, {16, SIZE_MAX / 16, 0, ENOMEM}};
  for (int i = 0; i < 4; i++) {
    errno = 0;
    ck_assert_ptr_null(gc_pool_new(wrong[i].bytes, wrong[i].reserve, wrong[i].flags));
    ck_assert_int_eq(errno, wrong[i].error);
  }
  struct gc_pool *pool = gc_pool_new(64, 10, 0);
  void *block = gc_pool_alloc(pool);
  ck_assert_ptr_null(gc_weak_new(block));
  ck_assert_int_eq(gc_finalizer_set(block, NULL, NULL), EINVAL);
  ck_assert_int_eq(gc_weak_map_put(gc_weak_map_new(), block, block), EINVAL);
  gc_pool_free(pool, NULL);
}
END_TEST

START_TEST(no_memory_is_reported) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = 64u << 20;
  ck_assert_int_eq(gc_init(&options), 0);
  errno = 0;
  ck_assert_ptr_null(gc_pool_new(1000, 1000000, 0));
  ck_assert_int_eq(errno, ENOMEM);
  struct gc_pool *pool = gc_pool_new(1000, 10, 0);
  unsigned count = 0;
  errno = 0;
  while (gc_pool_alloc(pool)) count++;
  ck_assert_int_eq(errno, ENOMEM);
  ck_assert_uint_ge(count, 10000);
  gc_pool_destroy(pool);
  ck_assert_ptr_nonnull(gc_pool_new(1000, 10000, 0));
}
END_TEST

/* ---- Threads ---- */

static struct gc_pool *shared;

static void *use_shared(void *unused) {
  uint64_t *mine[100] = {NULL};
  uint64_t state = (uint64_t)(uintptr_t)&state;
  for (unsigned k = 0; k < repetitions(100000); k++) {
    unsigned i = (unsigned)(random_next(&state) % 100);
    if (mine[i]) {
      require(*mine[i] == (uint64_t)(uintptr_t)mine[i]);
      gc_pool_free(shared, mine[i]);
      mine[i] = NULL;
    } else {
      mine[i] = gc_pool_alloc(shared);
      require(mine[i] && *mine[i] == 0);
      *mine[i] = (uint64_t)(uintptr_t)mine[i];
    }
  }
  for (int i = 0; i < 100; i++) gc_pool_free(shared, mine[i]);
  return unused;
}

START_TEST(from_several_threads) {
  pthread_t threads[3];
  shared = gc_pool_new(40, 0, 0);
  for (int i = 0; i < 3; i++) ck_assert_int_eq(gc_thread_create(&threads[i], NULL, use_shared, NULL), 0);
  use_shared(NULL);
  for (int i = 0; i < 20; i++) gc_collect(i % 5 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(usage_of(shared).used_blocks, 0);
}
END_TEST

static atomic_bool is_over;
static _Atomic(struct gc_pool *) offered;

/* Not all the time: the next collection would have the lock at once. */
static void *collect_at_offers(void *unused) {
  while (!atomic_load(&is_over)) {
    if (atomic_load(&offered)) gc_collect(GC_COLLECT_FULL);
    sched_yield();
  }
  return unused;
}

static void *take_offers(void *unused) {
  while (!atomic_load(&is_over)) {
    struct gc_pool *pool = atomic_load(&offered);
    if (!pool) continue;
    require(gc_pool_alloc(pool));
    atomic_store(&offered, NULL);
  }
  return unused;
}

/* A thread that takes a pool from its owner stops the world, as a collection at the same time wants to. */
START_TEST(changing_hands_during_collections) {
  pthread_t collecting, taking;
  ck_assert_int_eq(gc_thread_create(&collecting, NULL, collect_at_offers, NULL), 0);
  ck_assert_int_eq(gc_thread_create(&taking, NULL, take_offers, NULL), 0);
  for (unsigned i = 0; i < repetitions(1000); i++) {
    struct gc_pool *pool = gc_pool_new(16, 0, 0);
    atomic_store(&offered, pool);
    while (atomic_load(&offered)) sched_yield();
    gc_pool_destroy(pool);
  }
  atomic_store(&is_over, true);
  pthread_join(collecting, NULL);
  pthread_join(taking, NULL);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("pool");
  tcase_add_loop_test(tests, blocks_are_zero_and_apart, 0, SIZES);
  tcase_add_test(tests, a_large_reserve_is_ready);
  tcase_add_test(tests, one_block_keeps_the_whole_pool);
  tcase_add_test(tests, leaf_pools_keep_their_blocks_only);
  tcase_add_test(tests, freed_blocks_keep_nothing);
  tcase_add_test(tests, wrong_arguments_fail);
  tcase_add_test(tests, no_memory_is_reported);
  tcase_add_test(tests, from_several_threads);
  tcase_add_test(tests, changing_hands_during_collections);
  return suite_end();
}
