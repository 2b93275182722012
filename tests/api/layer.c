/* tests/api/layer.c - what trefoil/layer.h offers to interfaces on top: displaced pointers, roots that are named at
 * each stop, kinds with mark functions, links, orders of finalizers, the lock, settings.
 */
#include "support.h"
#include <trefoil/layer.h>

enum { COUNT = 1000, STRAY = 12 /* of COUNT objects, that stale words may keep */ };

static bool is_counting(void) {
  return gc_mode() == GC_REFCOUNT;
}

static NOT_INLINED void collect_full(unsigned times) {
  for (unsigned i = 0; i < times; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_FULL);
  }
}

static NOT_INLINED void collect_minor(unsigned times) {
  for (unsigned i = 0; i < times; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_MINOR);
  }
}

/* ---- Displaced pointers ---- */

static char **holders[COUNT];
static struct gc_weak *weaks[COUNT];

static NOT_INLINED void hold_displaced(size_t distance) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    char *object = gc_alloc(48);
    weaks[i] = gc_weak_new(object);
    holders[i] = gc_alloc(sizeof(char *));
    *holders[i] = object + distance;
  }
}

static NOT_INLINED unsigned count_weak(void) {
  STAY_DEEP();
  unsigned alive = 0;
  for (unsigned i = 0; i < COUNT; i++) alive += gc_weak_get(weaks[i]) != NULL;
  return alive;
}

START_TEST(displaced_pointers_keep_where_that_is_said) {
  static const size_t distances[] = {0, 1, 2, 9};
  size_t distance = distances[_i];
  struct gc_options options = GC_OPTIONS_INIT;
  options.interior_in_heap = false;
  ck_assert_int_eq(gc_init(&options), 0);
  ck_assert_int_eq(gc_displacement_add(1), 0);
  ck_assert_int_eq(gc_displacement_add(9), 0);
  ck_assert_int_eq(gc_displacement_add(64), EINVAL);
  hold_displaced(distance);
  collect_minor(3);
  collect_full(2);
  gc_keep(holders); /* read somewhere, or the compiler leaves it out */
  if (distance == 2) ck_assert_uint_le(count_weak(), STRAY);
  else ck_assert_uint_eq(count_weak(), COUNT);
}
END_TEST

/* ---- Roots ---- */

struct table {
  void **slots; /* in malloc memory */
  bool skips_static;
  unsigned calls;
  bool refuses;
};

static void name_table(struct gc_root_sink *sink, void *data) {
  struct table *table = data;
  table->calls++;
  gc_root_push(sink, table->slots, table->slots + COUNT);
  if (table->skips_static) gc_root_skip_static(sink);
  if (table->refuses) gc_root_refuse(sink);
}

static NOT_INLINED void fill_table(struct table *table) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    table->slots[i] = gc_alloc(32);
    weaks[i] = gc_weak_new(table->slots[i]);
  }
}

START_TEST(roots_that_a_layer_names) {
  static struct table table;
  table.slots = calloc(COUNT, sizeof *table.slots);
  ck_assert_int_eq(gc_roots_layer(name_table, &table), 0);
  fill_table(&table);
  collect_minor(3);
  collect_full(2);
  ck_assert_uint_ge(table.calls, 5);
  ck_assert_uint_eq(count_weak(), COUNT);
  memset(table.slots, 0, COUNT * sizeof *table.slots);
  table.refuses = true;
  collect_minor(3);
  collect_full(2);
  ck_assert_uint_eq(count_weak(), COUNT);
  table.refuses = false;
  collect_minor(3);
  collect_full(2);
  ck_assert_uint_le(count_weak(), STRAY);
  ck_assert_int_eq(gc_roots_layer(NULL, NULL), 0);
  unsigned calls = table.calls;
  collect_full(1);
  ck_assert_uint_eq(table.calls, calls);
  free(table.slots);
}
END_TEST

static void *static_slots[COUNT];

static NOT_INLINED void fill_static(struct gc_weak **references) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    static_slots[i] = gc_alloc(32);
    references[i] = gc_weak_new(static_slots[i]);
  }
}

START_TEST(static_data_is_no_root_where_the_layer_says_so) {
  struct table *table = malloc(sizeof *table);
  *table = (struct table){calloc(COUNT, sizeof(void *)), false, 0, false};
  ck_assert_int_eq(gc_roots_layer(name_table, table), 0);
  struct gc_weak **references = gc_alloc_root(COUNT * sizeof *references);
  fill_static(references);
  memcpy(table->slots, static_slots, COUNT / 2 * sizeof(void *));
  table->skips_static = true;
  collect_minor(3);
  collect_full(2);
  unsigned alive = 0;
  for (unsigned i = 0; i < COUNT; i++) {
    bool is_there = gc_weak_get(references[i]) != NULL;
    ck_assert(is_there || i >= COUNT / 2);
    alive += is_there;
  }
  ck_assert_uint_le(alive, COUNT / 2 + STRAY);
}
END_TEST

/* ---- Kinds ---- */

struct outside { /* what an object of a kind has in malloc memory */
  void *kept;
};

static atomic_uint mark_calls;

static void mark_outside(void *object, size_t bytes, void *data) {
  struct outside *outside = *(struct outside **)object;
  atomic_fetch_add(&mark_calls, 1);
  require(bytes >= sizeof(void *) && data == &mark_calls);
  if (outside) gc_mark(outside->kept);
}

static NOT_INLINED void make_kind_objects(unsigned kind, size_t bytes, void **objects, struct outside *outsides) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    struct outside **object = gc_alloc_kind(kind, bytes);
    require(object != NULL && gc_size(object) >= bytes);
    *object = &outsides[i];
    objects[i] = object;
  }
}

/* Old objects of the kind get new objects by way of memory that the library does not know. */
static NOT_INLINED void give_all(struct outside *outsides) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    unsigned *number = gc_alloc(64);
    *number = i;
    outsides[i].kept = number;
    weaks[i] = gc_weak_new(number);
  }
}

START_TEST(kinds_mark_what_they_keep) {
  static const size_t sizes[] = {16, 500, 20000};
  unsigned kind = gc_kind_new(mark_outside, &mark_calls);
  if (is_counting()) {
    ck_assert_uint_eq(kind, 0);
    ck_assert_int_eq(errno, ENOTSUP);
    return;
  }
  ck_assert_uint_ne(kind, 0);
  void **objects = gc_alloc_root(COUNT * sizeof *objects);
  struct outside *outsides = calloc(COUNT, sizeof *outsides);
  make_kind_objects(kind, sizes[_i], objects, outsides);
  collect_minor(2);
  for (unsigned round = 0; round < 3; round++) {
    give_all(outsides);
    collect_minor(2);
    collect_full(round);
    ck_assert_uint_eq(count_weak(), COUNT);
    for (unsigned i = 0; i < COUNT; i++) ck_assert_uint_eq(*(unsigned *)outsides[i].kept, i);
  }
  ck_assert_uint_ge(mark_calls, COUNT);
  memset(outsides, 0, COUNT * sizeof *outsides);
  collect_full(2);
  ck_assert_uint_le(count_weak(), STRAY);
  memset(objects, 0, COUNT * sizeof *objects);
  collect_full(2);
  atomic_store(&mark_calls, 0);
  collect_full(1);
  ck_assert_uint_le(mark_calls, STRAY);
  gc_mark(objects); /* outside of a mark function it means nothing */
  ck_assert_ptr_null(gc_alloc_kind(0, 16));
  ck_assert_int_eq(errno, EINVAL);
  ck_assert_ptr_null(gc_alloc_kind(kind + 1, 16));
  free(outsides);
}
END_TEST

START_TEST(objects_of_kinds_are_resized) {
  unsigned kind = gc_kind_new(mark_outside, &mark_calls);
  if (!kind) return;
  struct outside *outside = calloc(1, sizeof *outside), **object = gc_alloc_kind(kind, 16);
  *object = outside;
  object = gc_realloc(object, 5000);
  collect_minor(2);
  outside->kept = gc_alloc(32);
  struct gc_weak *weak = gc_weak_new(outside->kept);
  collect_minor(2);
  ck_assert_ptr_eq(gc_weak_get(weak), outside->kept);
  ck_assert_ptr_eq(*object, outside);
}
END_TEST

/* ---- Links ---- */

static void *targets[COUNT];
static void **slots; /* in malloc memory */

static NOT_INLINED void make_links(enum gc_link_life life) {
  STAY_DEEP();
  slots = calloc(COUNT, sizeof *slots);
  for (unsigned i = 0; i < COUNT; i++) {
    targets[i] = gc_alloc(48);
    slots[i] = targets[i];
    require(gc_link_add(&slots[i], targets[i], life) == 0);
  }
}

static NOT_INLINED unsigned count_slots(void) {
  unsigned alive = 0;
  for (unsigned i = 0; i < COUNT; i++) alive += slots[i] != NULL;
  return alive;
}

START_TEST(links_are_cleared) {
  make_links(_i ? GC_LINK_LONG : GC_LINK_SHORT);
  ck_assert_int_eq(gc_link_add(&slots[3], targets[3], GC_LINK_SHORT), EEXIST);
  ck_assert(gc_link_is(&slots[3], _i ? GC_LINK_LONG : GC_LINK_SHORT));
  ck_assert(!gc_link_is(&slots[3], _i ? GC_LINK_SHORT : GC_LINK_LONG));
  ck_assert_int_eq(gc_link_add((void **)((char *)slots + 1), targets[3], GC_LINK_SHORT), EINVAL);
  ck_assert_int_eq(gc_link_remove(&slots[5]), 0);
  ck_assert_int_eq(gc_link_remove(&slots[5]), ENOENT);
  void *moved = slots[7];
  ck_assert_int_eq(gc_link_move(&slots[7], &slots[5]), 0);
  ck_assert_int_eq(gc_link_move(&slots[7], &slots[5]), ENOENT);
  ck_assert_int_eq(gc_link_move(&slots[8], &slots[9]), EEXIST);
  slots[5] = moved;
  collect_minor(2);
  ck_assert_uint_eq(count_slots(), COUNT);
  gc_free(targets[9]);
  targets[9] = NULL;
  ck_assert_ptr_null(slots[9]);
  memset(targets, 0, sizeof targets);
  collect_minor(3);
  collect_full(2);
  ck_assert_uint_le(count_slots(), STRAY);
  ck_assert_ptr_nonnull(slots[7]); /* it had been moved away, so that nothing clears it */
  ck_assert_int_eq(gc_link_add(&slots[7], slots, GC_LINK_SHORT), EINVAL);
}
END_TEST

/* Slots inside leaf objects, which die before the object or after it. */
static NOT_INLINED void make_holders(void ***leaves) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    leaves[i] = gc_alloc_leaf(32);
    targets[i] = gc_alloc(48);
    leaves[i][1] = targets[i];
    require(gc_link_add(&leaves[i][1], targets[i], GC_LINK_SHORT) == 0);
  }
}

START_TEST(links_end_with_the_object_that_holds_them) {
  void ***leaves = gc_alloc_root(COUNT * sizeof *leaves);
  make_holders(leaves);
  collect_minor(2);
  for (unsigned i = 0; i < COUNT / 4; i++) leaves[i] = NULL;
  void **freed = leaves[COUNT / 4];
  gc_free(freed);
  ck_assert_int_eq(gc_link_remove(&freed[1]), ENOENT);
  leaves[COUNT / 4] = NULL;
  for (unsigned i = COUNT / 2; i < COUNT; i++) targets[i] = NULL;
  collect_full(3);
  unsigned cleared = 0;
  for (unsigned i = COUNT / 4 + 1; i < COUNT; i++) {
    if (i < COUNT / 2) ck_assert_ptr_eq(leaves[i][1], targets[i]);
    cleared += leaves[i][1] == NULL;
  }
  ck_assert_uint_ge(cleared, COUNT / 2 - STRAY);
  void **moved = gc_realloc(leaves[COUNT / 3], 30000);
  ck_assert_int_eq(gc_link_remove(&moved[1]), ENOENT);
}
END_TEST

/* A table of links beside one of what they should be. */
START_TEST(links_are_found_among_many) {
  enum { ROOM = 4096 };
  static bool is_linked[ROOM];
  void **words = calloc(ROOM, sizeof *words), *object = gc_alloc(16);
  uint32_t state = 12345;
  for (unsigned i = 0; i < repetitions(100000); i++) {
    state = state * 1664525 + 1013904223;
    unsigned at = (state >> 8) % ROOM, to = (state >> 20) % ROOM;
    switch (state % 7) {
    case 0:
    case 1:
    case 2:
      ck_assert_int_eq(gc_link_add(&words[at], object, GC_LINK_SHORT), is_linked[at] ? EEXIST : 0);
      is_linked[at] = true;
      break;
    case 3:
    case 4:
      ck_assert_int_eq(gc_link_remove(&words[at]), is_linked[at] ? 0 : ENOENT);
      is_linked[at] = false;
      break;
    default:
      ck_assert_int_eq(gc_link_move(&words[at], &words[to]), !is_linked[at] ? ENOENT : is_linked[to] ? EEXIST : 0);
      if (!is_linked[at] || is_linked[to]) break;
      is_linked[at] = false;
      is_linked[to] = true;
    }
  }
  for (unsigned i = 0; i < ROOM; i++) ck_assert(gc_link_is(&words[i], GC_LINK_SHORT) == is_linked[i]);
  gc_free(object);
  for (unsigned i = 0; i < ROOM; i++) ck_assert(!gc_link_is(&words[i], GC_LINK_SHORT));
  free(words);
}
END_TEST

/* ---- Finalizers ---- */

struct link_in_chain {
  struct link_in_chain *next;
  unsigned number;
};

static unsigned finalized[8], finalized_count;

static void note_finalized(void *object, void *data) {
  require(data == finalized);
  finalized[finalized_count++] = ((struct link_in_chain *)object)->number;
}

static NOT_INLINED void make_chain(unsigned count, bool is_ring, enum gc_finalizer_order order) {
  STAY_DEEP();
  struct link_in_chain *first = NULL, *last = NULL;
  for (unsigned i = count; i-- > 0;) {
    struct link_in_chain *link = gc_alloc(sizeof *link);
    link->number = i;
    link->next = first;
    if (!last) last = link;
    first = link;
    gc_finalizer *fn = note_finalized;
    void *data = first;
    require(gc_finalizer_exchange(link, note_finalized, finalized, order, &fn, &data) == 0);
    require(fn == NULL && data == NULL);
  }
  if (is_ring) last->next = first;
}

static NOT_INLINED unsigned run_after_collection(void) {
  collect_full(1);
  return (unsigned)gc_finalizers_run();
}

static void start_manually(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.finalize = GC_FINALIZE_MANUAL;
  ck_assert_int_eq(gc_init(&options), 0);
}

START_TEST(all_are_queued_at_once_or_leaders_first) {
  enum gc_finalizer_order order = (enum gc_finalizer_order)_i;
  start_manually();
  make_chain(3, false, order);
  bool waits = order == GC_FINALIZE_LEADERS || order == GC_FINALIZE_LEADERS_BUT_SELF;
  unsigned rounds = 0, ran = 0;
  for (; ran < 3 && rounds < 10; rounds++) {
    unsigned now = run_after_collection();
    if (waits && !is_counting()) ck_assert_uint_le(now, 1);
    ran += now;
  }
  ck_assert_uint_eq(ran, 3);
  if (!waits && !is_counting()) ck_assert_uint_eq(rounds, 1);
  if (waits || order == GC_FINALIZE_REFERRERS_FIRST)
    for (unsigned i = 0; i < 3; i++) ck_assert_uint_eq(finalized[i], i);
}
END_TEST

START_TEST(leaders_in_a_ring_wait_for_ever) {
  start_manually();
  if (is_counting()) return; /* there the order of a trace is that of referrers */
  make_chain(2, true, GC_FINALIZE_LEADERS);
  make_chain(1, true, GC_FINALIZE_LEADERS);
  for (unsigned i = 0; i < 4; i++) ck_assert_uint_eq(run_after_collection(), 0);
  make_chain(1, true, GC_FINALIZE_LEADERS_BUT_SELF);
  make_chain(2, true, GC_FINALIZE_ALWAYS);
  ck_assert_uint_eq(run_after_collection(), 3);
}
END_TEST

START_TEST(what_was_set_before_comes_back) {
  start_manually();
  struct link_in_chain *object = gc_alloc(sizeof *object);
  gc_finalizer *fn;
  void *data;
  ck_assert_int_eq(gc_finalizer_set(object, note_finalized, finalized), 0);
  ck_assert_int_eq(gc_finalizer_exchange(object, NULL, NULL, GC_FINALIZE_UNORDERED, &fn, &data), 0);
  ck_assert(fn == note_finalized && data == finalized);
  ck_assert_int_eq(gc_finalizer_exchange((char *)object + 8, NULL, NULL, GC_FINALIZE_UNORDERED, &fn, &data), EINVAL);
  ck_assert(fn == NULL && data == NULL);
  ck_assert_int_eq(gc_finalizer_exchange(object, fn, data, (enum gc_finalizer_order)7, NULL, NULL), EINVAL);
}
END_TEST

/* A short link is cleared before its object's finalizer runs, also where only the finalizable object leads to it. */
static NOT_INLINED void make_resurrected(void **short_slot, void **long_slot) {
  STAY_DEEP();
  struct link_in_chain *inner = gc_alloc(sizeof *inner), *outer = gc_alloc(sizeof *outer);
  outer->next = inner;
  *short_slot = *long_slot = inner;
  require(gc_link_add(short_slot, inner, GC_LINK_SHORT) == 0);
  require(gc_link_add(long_slot, inner, GC_LINK_LONG) == 0);
  require(gc_finalizer_exchange(outer, note_finalized, finalized, GC_FINALIZE_UNORDERED, NULL, NULL) == 0);
}

START_TEST(short_links_are_cleared_before_finalizers) {
  start_manually();
  void **both = calloc(2, sizeof *both);
  make_resurrected(&both[0], &both[1]);
  collect_full(1);
  if (!is_counting()) ck_assert_ptr_null(both[0]);
  ck_assert_ptr_nonnull(both[1]);
  ck_assert_uint_eq(gc_finalizers_run(), 1);
  collect_full(3);
  ck_assert_ptr_null(both[0]);
  ck_assert_ptr_null(both[1]);
  free(both);
}
END_TEST

/* ---- The lock, and what is called before a collection ---- */

static uint64_t collections(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.collections_full + stats.collections_minor;
}

static atomic_bool is_over, is_inside;
static atomic_uint before_calls;

static void count_before(void) {
  atomic_fetch_add(&before_calls, 1);
}

static void *collect_always(void *unused) {
  while (!is_over) gc_collect(GC_COLLECT_MINOR);
  return unused;
}

/* Nothing but time passes inside. */
static void *stay(void *argument) {
  require(!atomic_exchange(&is_inside, true));
  unsigned before = before_calls;
  struct gc_stats stats;
  gc_stats(&stats); /* does not wait for a collection that waits for this section */
  require(stats.threads >= 1 && stats.heap_bytes > 0);
  for (volatile int i = 0; i < 20000; i++) continue;
  require(before_calls - before <= 1); /* one may have been about to begin */
  require(atomic_exchange(&is_inside, false));
  return argument;
}

static void *stay_often(void *unused) {
  for (unsigned i = 0; i < 200; i++) require(gc_locked(stay, &is_over) == &is_over);
  return unused;
}

START_TEST(no_collection_while_locked) {
  pthread_t collecting, staying;
  gc_before_collection(count_before);
  ck_assert_int_eq(gc_thread_create(&collecting, NULL, collect_always, NULL), 0);
  ck_assert_int_eq(gc_thread_create(&staying, NULL, stay_often, NULL), 0);
  do stay_often(NULL);
  while (before_calls < 10);
  ck_assert_int_eq(pthread_join(staying, NULL), 0);
  is_over = true;
  ck_assert_int_eq(pthread_join(collecting, NULL), 0);
  gc_before_collection(NULL);
  unsigned before = before_calls;
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_eq(before_calls, before);
}
END_TEST

/* ---- Settings ---- */

START_TEST(an_excluded_mode_is_replaced) {
  gc_mode_exclude(GC_REFCOUNT, "this is a test", GC_MARK_SWEEP);
  ck_assert_int_eq(gc_init(NULL), 0);
  ck_assert(gc_mode() != GC_REFCOUNT);
}
END_TEST

START_TEST(all_modes_but_one_are_excluded) {
  gc_mode_exclude(GC_MODE_DEFAULT, NULL, GC_MARK_SWEEP);
  ck_assert_int_eq(gc_init(NULL), 0);
  ck_assert_int_eq(gc_mode(), GC_MARK_SWEEP);
}
END_TEST

START_TEST(a_limit_is_set_later) {
  ck_assert_int_eq(gc_init(NULL), 0);
  gc_limit((size_t)64 << 20);
  gc_collect(GC_COLLECT_FULL);
  ck_assert_ptr_null(gc_alloc_leaf((size_t)128 << 20));
  ck_assert_int_eq(errno, ENOMEM);
  gc_limit(0);
  gc_collect(GC_COLLECT_FULL);
}
END_TEST

static uint64_t collections_of_churn(void) {
  uint64_t before = collections();
  for (unsigned i = 0; i < 200000; i++) gc_keep(gc_alloc(400));
  return collections() - before;
}

START_TEST(thrift_means_more_collections) {
  if (getenv("TREFOIL_STRESS")) SKIP_TEST("collects at every allocation");
  gc_thrift(20);
  uint64_t thrifty = collections_of_churn();
  gc_thrift(0);
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_gt(thrifty, 2 * collections_of_churn());
}
END_TEST

START_TEST(what_is_expected_is_not_collected_for) {
  if (getenv("TREFOIL_STRESS")) SKIP_TEST("collects at every allocation");
  gc_expect((size_t)256 << 20);
  for (unsigned i = 0; i < 3000; i++) ck_assert_ptr_nonnull(gc_alloc(30000));
  struct gc_stats stats;
  gc_stats(&stats);
  if (gc_mode() == GC_MARK_SWEEP) ck_assert_uint_eq(collections(), 0);
  if (gc_mode() == GC_GENERATIONAL) ck_assert_uint_eq(stats.collections_full, 0);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("layer");
  tcase_add_loop_test(tests, displaced_pointers_keep_where_that_is_said, 0, 4);
  tcase_add_test(tests, roots_that_a_layer_names);
  tcase_add_test(tests, static_data_is_no_root_where_the_layer_says_so);
  tcase_add_loop_test(tests, kinds_mark_what_they_keep, 0, 3);
  tcase_add_test(tests, objects_of_kinds_are_resized);
  tcase_add_loop_test(tests, links_are_cleared, 0, 2);
  tcase_add_test(tests, links_end_with_the_object_that_holds_them);
  tcase_add_test(tests, links_are_found_among_many);
  tcase_add_loop_test(tests, all_are_queued_at_once_or_leaders_first, 0, GC_FINALIZE_ALWAYS + 1);
  tcase_add_test(tests, leaders_in_a_ring_wait_for_ever);
  tcase_add_test(tests, what_was_set_before_comes_back);
  tcase_add_test(tests, short_links_are_cleared_before_finalizers);
  tcase_add_test(tests, no_collection_while_locked);
  tcase_add_test(tests, an_excluded_mode_is_replaced);
  tcase_add_test(tests, all_modes_but_one_are_excluded);
  tcase_add_test(tests, a_limit_is_set_later);
  tcase_add_test(tests, thrift_means_more_collections);
  tcase_add_test(tests, what_is_expected_is_not_collected_for);
  return suite_end();
}
