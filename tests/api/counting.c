/* tests/api/counting.c - what refcount mode promises: structures without cycles are gone within two minor collections,
 * cycles after a full one, and the figures say which was which.
 */
#include "support.h"

#include <inttypes.h>

enum { COUNT = 50000, STRAY_BYTES = 65536, POPULAR = 100, POPULAR_OBJECTS = 20 };

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

/* Rings that live for a while: most are old when they go, and only traces find them. */
enum { RINGS = 256, RING_NODES = 1000, RINGS_MADE = 2000 };

static struct node *volatile rings[RINGS];

static void replace_rings(void) {
  for (unsigned i = 0; i < RINGS_MADE; i++) {
    kept = NULL;
    build_list(RING_NODES, true);
    rings[i * 7 % RINGS] = kept;
  }
}

START_TEST(epochs_are_rare_where_objects_die_in_cycles) {
  bool knows_what_was_written = gc_tracking() == GC_TRACK_PAGES || gc_tracking() == GC_TRACK_PROTECT;
  if (!knows_what_was_written) return; /* then it is the pages that decide */
  for (int i = 0; i < 3; i++) replace_rings();
  ck_assert_uint_ge(statistics().cycles_reclaimed_bytes, RINGS_MADE / 2 * RING_NODES * sizeof(struct node));
  struct gc_stats before = statistics();
  replace_rings();
  struct gc_stats after = statistics();
  uint64_t allocated_bytes = after.allocated_bytes - before.allocated_bytes;
  uint64_t epochs = after.collections_minor - before.collections_minor;
  ck_assert_msg(epochs <= allocated_bytes / (12 << 20), "%" PRIu64 " epochs", epochs);
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

static NOT_INLINED void check_popular(void) {
  STAY_DEEP();
  require(kept->other->number == 77);
}

START_TEST(popular_objects_stay_until_a_full_collection) {
  collect();
  for (int i = 0; i < POPULAR_OBJECTS; i++) make_popular();
  minor(1);
  ck_assert_uint_eq(statistics().stuck_objects, POPULAR_OBJECTS);
  check_popular();
  kept = NULL;
  minor(3);
  collect();
  ck_assert_uint_eq(statistics().stuck_objects, 0);
  ck_assert_uint_ge(statistics().traced_objects, POPULAR_OBJECTS / 2); /* stale words may keep some */
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

/* ---- Bad input: nothing live is ever freed ---- */

enum { CELLS = 600, ROUNDS = 300 };

struct cell {
  struct cell *next, *other;
  uintptr_t number; /* whatever looks like an address */
  uint64_t tag;
};

static struct cell *cells;

static NOT_INLINED void make_cells(void) {
  for (uint64_t i = 0; i < CELLS; i++) {
    struct cell *cell = gc_new(struct cell);
    cell->tag = i;
    gc_write(&cell->next, cells);
    cells = cell;
  }
}

/* The whole list; and each `other` is NULL or a cell with its own tag plus 1000. */
static NOT_INLINED void check_cells(void) {
  uint64_t left = CELLS;
  for (struct cell *cell = cells; cell; cell = cell->next) {
    require(gc_base(cell) == cell && cell->tag == --left);
    if (cell->other) require(gc_base(cell->other) == cell->other && cell->other->tag == cell->tag + 1000);
  }
  require(left == 0);
}

static NOT_INLINED void make_garbage(void) {
  STAY_DEEP();
  for (int i = 0; i < 200; i++) gc_new(struct cell)->tag = 1;
}

START_TEST(numbers_that_look_like_addresses_free_nothing) {
  static uintptr_t seen[CELLS]; /* addresses of cells alive and dead, as complements */
  uint64_t state = 1;
  make_cells();
  for (unsigned round = 0; round < repetitions(ROUNDS); round++) {
    for (struct cell *cell = cells; cell; cell = cell->next) {
      uint64_t choice = random_next(&state);
      uintptr_t address = ~seen[choice % CELLS] + choice / CELLS % 64;
      if (choice >> 60 < 4) cell->number = address;
      else if (choice >> 60 == 4) cell->number = 0;
      if (choice >> 60 > 11) {
        struct cell *other = choice >> 60 > 13 ? gc_new(struct cell) : NULL;
        if (other) other->tag = cell->tag + 1000;
        gc_write(&cell->other, other);
        seen[cell->tag] = ~(uintptr_t)(other ? other : cell);
      }
    }
    make_garbage();
    minor(1);
    check_cells();
  }
  collect();
  check_cells();
}
END_TEST

static NOT_INLINED void give_other(struct cell *cell) {
  STAY_DEEP();
  struct cell *other = gc_new(struct cell);
  other->tag = cell->tag + 1000;
  gc_write(&cell->other, other);
}

/* Words of a cell move by memmove to its neighbour's spare word and back, or are cleared by memset. */
START_TEST(objects_overwritten_by_memset_and_memcpy_lose_nothing) {
  make_cells();
  uint64_t before = minor(3);
  for (unsigned round = 0; round < repetitions(ROUNDS); round++) {
    for (struct cell *cell = cells; cell; cell = cell->next) {
      if (round % 3 == 0) give_other(cell);
      if (round % 3 == 1) {
        memcpy(&cell->number, &cell->other, sizeof cell->other);
        memset(&cell->other, 0, sizeof cell->other);
        gc_written(cell, sizeof *cell);
      }
      if (round % 3 == 2) {
        struct cell copy = *cell;
        memmove(&copy.other, &copy.number, sizeof copy.other);
        copy.number = 0;
        memcpy(cell, &copy, sizeof copy);
        gc_written(cell, sizeof *cell);
      }
    }
    make_garbage();
    minor(1);
    if (round % 3 != 1) check_cells();
  }
  for (struct cell *cell = cells; cell; cell = cell->next) {
    memset(&cell->other, 0, sizeof cell->other + sizeof cell->number);
    gc_written(cell, sizeof *cell);
  }
  ck_assert_uint_le(minor(2), before + STRAY_BYTES);
  check_cells();
}
END_TEST

static atomic_bool is_over;

static void *collect_all_the_time(void *unused) {
  while (!atomic_load(&is_over)) gc_collect(GC_COLLECT_MINOR);
  return unused;
}

static NOT_INLINED void read_pointer(int from, struct cell **slot) {
  ssize_t done;
  do {
    gc_will_write(slot, sizeof *slot);
    done = read(from, slot, sizeof *slot);
  } while (done < 0 && (errno == EFAULT || errno == EINTR));
  require(done == sizeof *slot);
  gc_written(slot, sizeof *slot);
}

START_TEST(pointers_that_the_system_stores_are_counted) {
  static struct cell *passing; /* holds what is on its way */
  int ends[2];
  pthread_t collector;
  make_cells();
  minor(2);
  ck_assert_int_eq(pipe(ends), 0);
  ck_assert_int_eq(gc_thread_create(&collector, NULL, collect_all_the_time, NULL), 0);
  for (unsigned round = 0; round < repetitions(ROUNDS / 10); round++)
    for (struct cell *cell = cells; cell; cell = cell->next) {
      passing = gc_new(struct cell);
      passing->tag = cell->tag + 1000;
      require(write(ends[1], &passing, sizeof passing) == sizeof passing);
      read_pointer(ends[0], &cell->other);
      passing = NULL;
    }
  atomic_store(&is_over, true);
  pthread_join(collector, NULL);
  minor(2);
  make_garbage();
  check_cells();
}
END_TEST

static NOT_INLINED struct hidden hide_at_odd_place(void) {
  STAY_DEEP();
  struct cell *cell = gc_new(struct cell);
  memcpy((char *)&cells->other + 1, &cell, sizeof cell);
  gc_written(cells, sizeof *cells);
  return hide(cell);
}

START_TEST(unaligned_pointers_are_not_seen) {
  make_cells();
  minor(2);
  struct hidden cell = hide_at_odd_place();
  minor(2);
  ck_assert_ptr_null(gc_base(reveal(cell)));
  memset(&cells->other, 0, sizeof cells->other + sizeof cells->number);
  gc_written(cells, sizeof *cells);
  minor(2);
  check_cells();
}
END_TEST

static NOT_INLINED struct hidden share_one(void) {
  STAY_DEEP();
  struct cell *shared = gc_new(struct cell);
  shared->tag = 77;
  for (struct cell *cell = cells; cell; cell = cell->next) gc_write(&cell->other, shared);
  return hide(shared);
}

static NOT_INLINED bool is_whole(struct hidden shared) {
  STAY_DEEP();
  return gc_base(reveal(shared)) == reveal(shared) && ((struct cell *)reveal(shared))->tag == 77;
}

START_TEST(counts_past_the_greatest_free_nothing_that_is_named) {
  make_cells();
  struct hidden shared = share_one();
  minor(2);
  for (struct cell *cell = cells->next; cell; cell = cell->next) {
    gc_write(&cell->other, (struct cell *)NULL);
    if (cell->tag % 50 != 0) continue;
    minor(1);
    make_garbage();
    require(is_whole(shared));
  }
  ck_assert_uint_eq(statistics().stuck_objects, 1);
  collect(); /* counts anew: 1 */
  require(is_whole(shared));
  gc_write(&cells->other, (struct cell *)NULL);
  minor(2);
  ck_assert(!is_whole(shared));
  check_cells();
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("counting");
  tcase_add_test(tests, garbage_without_cycles_is_gone_after_two_epochs);
  tcase_add_test(tests, what_dies_young_is_not_counted);
  tcase_add_test(tests, cycles_wait_for_a_full_collection);
  tcase_add_test(tests, epochs_are_rare_where_objects_die_in_cycles);
  tcase_add_test(tests, popular_objects_stay_until_a_full_collection);
  tcase_add_test(tests, shadow_follows_what_holds_pointers);
  tcase_add_test(tests, numbers_that_look_like_addresses_free_nothing);
  tcase_add_test(tests, objects_overwritten_by_memset_and_memcpy_lose_nothing);
  tcase_add_test(tests, pointers_that_the_system_stores_are_counted);
  tcase_add_test(tests, unaligned_pointers_are_not_seen);
  tcase_add_test(tests, counts_past_the_greatest_free_nothing_that_is_named);
  return suite_end();
}
