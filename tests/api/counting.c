/* tests/api/counting.c - what refcount mode promises: structures without cycles are gone within two minor collections,
 * cycles after a full one, and the figures say which was which.
 */
#include "support.h"

enum { COUNT = 50000, STRAY_BYTES = 65536, POPULAR = 100 };

struct node {
  struct node *next, *other;
  uint64_t number;
};

static struct node *kept;

static struct gc_stats statistics(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats;
}

static uint64_t minor(unsigned times) {
  for (unsigned i = 0; i < times; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_MINOR);
  }
  return statistics().live_bytes;
}

static NOT_INLINED void build_list(unsigned count, bool is_ring) {
  STAY_DEEP();
  struct node *last = NULL;
  for (unsigned i = 0; i < count; i++) {
    struct node *node = gc_new(struct node);
    node->next = kept;
    node->number = i;
    if (kept) kept->other = is_ring ? node : NULL;
    if (!last) last = node;
    gc_written(node, sizeof *node);
    kept = node;
  }
  if (is_ring) gc_write(&last->next, kept);
}

START_TEST(garbage_without_cycles_is_gone_after_two_epochs) {
  uint64_t before = minor(3);
  build_list(COUNT, false);
  uint64_t held = minor(1);
  ck_assert_uint_ge(held - before, COUNT * sizeof(struct node));
  kept = NULL;
  ck_assert_uint_le(minor(2), before + STRAY_BYTES);
  struct gc_stats stats = statistics();
  ck_assert_uint_eq(stats.collections_full, 0);
  ck_assert_uint_ge(stats.counted_objects, COUNT - STRAY_BYTES / sizeof(struct node));
  ck_assert_uint_ge(stats.counted_bytes, stats.counted_objects * sizeof(struct node));
  ck_assert_uint_ge(stats.increments, stats.decrements);
}
END_TEST

START_TEST(what_dies_young_is_not_counted) {
  minor(1);
  struct gc_stats before = statistics();
  build_list(COUNT, false);
  kept = NULL;
  minor(1);
  struct gc_stats after = statistics();
  ck_assert_uint_ge(after.young_objects - before.young_objects, COUNT - 100);
  ck_assert_uint_le(after.increments - before.increments, 100);
}
END_TEST

START_TEST(cycles_wait_for_a_full_collection) {
  uint64_t before = minor(3);
  build_list(COUNT, true);
  minor(1);
  kept = NULL;
  ck_assert_uint_ge(minor(3) - before, COUNT * sizeof(struct node));
  ck_assert_uint_eq(statistics().cycles_reclaimed_bytes, 0);
  uint64_t after = collect();
  ck_assert_uint_le(after, before + STRAY_BYTES);
  ck_assert_uint_ge(statistics().cycles_reclaimed_bytes, COUNT * sizeof(struct node) - STRAY_BYTES);
  ck_assert_uint_ge(statistics().traced_objects, COUNT - STRAY_BYTES / sizeof(struct node));
}
END_TEST

static NOT_INLINED void make_popular(void) {
  STAY_DEEP();
  struct node *popular = gc_new(struct node);
  popular->number = 77;
  for (int i = 0; i < POPULAR; i++) {
    struct node *node = gc_new(struct node);
    *node = (struct node){kept, popular, (uint64_t)i};
    gc_written(node, sizeof *node);
    kept = node;
  }
}

START_TEST(popular_objects_stay_until_a_full_collection) {
  collect();
  make_popular();
  minor(1);
  ck_assert_uint_eq(statistics().stuck_objects, 1);
  require(kept->other->number == 77);
  kept = NULL;
  minor(3);
  collect();
  ck_assert_uint_eq(statistics().stuck_objects, 0);
  ck_assert_uint_ge(statistics().traced_objects, 1);
}
END_TEST

START_TEST(shadow_follows_what_holds_pointers) {
  ck_assert_uint_eq(gc_mode(), GC_REFCOUNT);
  for (int i = 0; i < 100; i++) held[i] = gc_alloc_leaf(10000);
  minor(1);
  uint64_t before = statistics().shadow_bytes;
  ck_assert_uint_le(before, 1 << 16);
  build_list(COUNT, false);
  minor(1);
  uint64_t shadow_bytes = statistics().shadow_bytes;
  ck_assert_uint_ge(shadow_bytes - before, COUNT * sizeof(struct node));
  ck_assert_uint_le(shadow_bytes - before, COUNT * sizeof(struct node) * 3);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("counting");
  tcase_add_test(tests, garbage_without_cycles_is_gone_after_two_epochs);
  tcase_add_test(tests, what_dies_young_is_not_counted);
  tcase_add_test(tests, cycles_wait_for_a_full_collection);
  tcase_add_test(tests, popular_objects_stay_until_a_full_collection);
  tcase_add_test(tests, shadow_follows_what_holds_pointers);
  return suite_end();
}
