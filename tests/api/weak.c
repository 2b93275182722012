/* tests/api/weak.c - weak references and weak maps: what they keep, and what they do not; deaths in minor and full
 * collections, by hand and by resizing; many of them; from several threads.
 */
#include "support.h"
#include <trefoil/weak.h>

enum { COUNT = 2000, STRAY = 12 /* of COUNT objects, that stale words may keep */ };

struct node {
  struct node *next;
  uint64_t number;
};

static struct gc_weak *weaks[COUNT];
static struct node *nodes[COUNT];

static NOT_INLINED void make_nodes(size_t bytes) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    nodes[i] = gc_alloc(bytes);
    nodes[i]->number = i;
    weaks[i] = gc_weak_new(nodes[i]);
    require(weaks[i] != NULL);
  }
}

/* In one piece: an address of an object's start in a root also keeps the object before it. */
static NOT_INLINED void drop_nodes(unsigned from, unsigned end) {
  for (unsigned i = from; i < end; i++) nodes[i] = NULL;
}

static NOT_INLINED unsigned count_alive(void) {
  STAY_DEEP();
  unsigned alive = 0;
  for (unsigned i = 0; i < COUNT; i++) {
    struct node *node = gc_weak_get(weaks[i]);
    if (node) require(node->number == i && gc_base(node) == node);
    if (nodes[i]) require(node == nodes[i]);
    alive += node != NULL;
  }
  return alive;
}

static NOT_INLINED void collect_minor(unsigned times) {
  for (unsigned i = 0; i < times; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_MINOR);
  }
}

static const size_t sizes[] = {16, 48, 3000, 20000};

/* Few enough bytes to be young together. */
START_TEST(cleared_by_minor_collections_while_young) {
  if (getenv("TREFOIL_STRESS")) SKIP_TEST("objects are old as they are born");
  make_nodes(sizes[_i]);
  drop_nodes(COUNT / 2, COUNT);
  collect_minor(2);
  ck_assert_uint_le(count_alive(), COUNT / 2 + STRAY);
  ck_assert_uint_ge(count_alive(), COUNT / 2);
}
END_TEST

START_TEST(cleared_by_full_collections_when_old) {
  make_nodes(sizes[_i]);
  collect_minor(2);
  ck_assert_uint_eq(count_alive(), COUNT);
  drop_nodes(0, COUNT / 2);
  collect();
  ck_assert_uint_le(count_alive(), COUNT / 2 + STRAY);
  drop_nodes(COUNT / 2, COUNT);
  collect();
  ck_assert_uint_le(count_alive(), STRAY);
}
END_TEST

/* Many go while their objects stay, and the other way round; new objects take the places of both. */
static NOT_INLINED void churn(uint64_t seed) {
  STAY_DEEP();
  uint64_t state = seed;
  for (unsigned k = 0; k < 3000; k++) {
    unsigned i = (unsigned)(random_next(&state) % COUNT);
    switch (random_next(&state) % 5) {
    case 0:
      nodes[i] = NULL;
      break;
    case 1:
      if (nodes[i]) weaks[i] = gc_weak_new(nodes[i]);
      break;
    case 2:
      nodes[i] = gc_alloc(16 + random_next(&state) % 100);
      nodes[i]->number = i;
      weaks[i] = gc_weak_new(nodes[i]);
      break;
    case 3:
      if (!nodes[i]) break;
      gc_free(nodes[i]);
      nodes[i] = NULL;
      require(gc_weak_get(weaks[i]) == NULL);
      break;
    default:
      gc_free(weaks[i]);
      weaks[i] = NULL;
      nodes[i] = NULL;
    }
  }
}

START_TEST(objects_and_references_come_and_go) {
  make_nodes(16);
  for (unsigned round = 0; round < repetitions(60); round++) {
    churn(round + 1);
    if (round % 5 == 0) gc_collect(round % 10 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
    count_alive();
  }
}
END_TEST

START_TEST(freed_objects_clear) {
  make_nodes(64);
  for (unsigned i = 0; i < COUNT; i++) {
    gc_free(nodes[i]);
    nodes[i] = NULL;
    require(gc_weak_get(weaks[i]) == NULL);
    if (i == COUNT / 2) collect_minor(1);
  }
  ck_assert_uint_eq(count_alive(), 0);
}
END_TEST

START_TEST(moved_objects_take_them_along) {
  make_nodes(16);
  for (size_t bytes = 32; bytes < 40000; bytes *= 7) {
    for (unsigned i = 0; i < COUNT; i++) nodes[i] = gc_realloc(nodes[i], i % 8 ? bytes : bytes / 20 + 16);
    ck_assert_uint_eq(count_alive(), COUNT);
    collect_minor(1);
    ck_assert_uint_eq(count_alive(), COUNT);
    collect();
    ck_assert_uint_eq(count_alive(), COUNT);
  }
  drop_nodes(0, COUNT);
  collect();
  ck_assert_uint_le(count_alive(), STRAY);
}
END_TEST

START_TEST(what_is_got_is_held) {
  struct node *node = gc_new(struct node), *got;
  struct gc_weak *weak = gc_weak_new(node);
  for (uint64_t i = 0; i < 50; i++) {
    got = gc_weak_get(weak);
    ck_assert_ptr_nonnull(got);
    node = NULL;
    got->number = i;
    collect_minor(i % 3);
    ck_assert_uint_eq(got->number, i);
    gc_keep(got);
  }
}
END_TEST

START_TEST(what_is_no_object_is_refused) {
  char *object = gc_alloc(100), local = 0;
  void *const wrong[] = {NULL, object + 16, object + 1, &local, (void *)16};
  for (int i = 0; i < 5; i++) {
    errno = 0;
    ck_assert_ptr_null(gc_weak_new(wrong[i]));
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_int_eq(gc_weak_map_put(gc_weak_map_new(), wrong[i], object), EINVAL);
    ck_assert_int_eq(errno, EINVAL);
    errno = 0;
    ck_assert_int_eq(gc_finalizer_set(wrong[i], NULL, NULL), EINVAL);
    ck_assert_int_eq(errno, EINVAL);
  }
  ck_assert_ptr_null(gc_weak_get(NULL));
  ck_assert(!gc_weak_map_remove(gc_weak_map_new(), &local));
  ck_assert_ptr_null(gc_weak_map_get(gc_weak_map_new(), object + 1));
}
END_TEST

/* ---- Maps ---- */

static struct gc_weak_map *map;

static NOT_INLINED struct node *new_node(uint64_t number) {
  struct node *node = gc_new(struct node);
  node->number = number;
  return node;
}

/* Keys are in nodes; a value's number tells whose it is. */
static NOT_INLINED void fill_map(void) {
  STAY_DEEP();
  map = gc_weak_map_new();
  for (unsigned i = 0; i < COUNT; i++) {
    nodes[i] = new_node(i);
    require(gc_weak_map_put(map, nodes[i], new_node(i + 1000000)) == 0);
  }
}

static NOT_INLINED void check_map(void) {
  STAY_DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    if (!nodes[i]) continue;
    const struct node *value = gc_weak_map_get(map, nodes[i]);
    require(value && value->number == i + 1000000 && gc_base(value) == value);
  }
}

START_TEST(values_live_as_long_as_keys) {
  fill_map();
  ck_assert_uint_eq(gc_weak_map_count(map), COUNT);
  for (int i = 0; i < 3; i++) {
    check_map();
    gc_collect(i == 1 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
  }
  check_map();
  drop_nodes(0, COUNT / 2);
  collect();
  check_map();
  ck_assert_uint_le(gc_weak_map_count(map), COUNT / 2 + STRAY);
  ck_assert_uint_ge(gc_weak_map_count(map), COUNT / 2);
  drop_nodes(COUNT / 2, COUNT);
  collect();
  ck_assert_uint_le(gc_weak_map_count(map), STRAY);
}
END_TEST

START_TEST(young_entries_end_in_minor_collections) {
  if (getenv("TREFOIL_STRESS")) SKIP_TEST("objects are old as they are born");
  fill_map();
  drop_nodes(0, COUNT / 2);
  collect_minor(2);
  check_map();
  ck_assert_uint_le(gc_weak_map_count(map), COUNT / 2 + STRAY);
}
END_TEST

/* Each value leads to its own key, or to the key of the next entry. */
static NOT_INLINED void fill_with_loops(unsigned distance) {
  STAY_DEEP();
  map = gc_weak_map_new();
  for (unsigned i = 0; i < COUNT; i++) nodes[i] = new_node(i);
  for (unsigned i = 0; i < COUNT; i++) {
    struct node *value = new_node(i + 1000000);
    gc_write(&value->next, nodes[(i + distance) % COUNT]);
    require(gc_weak_map_put(map, nodes[i], value) == 0);
  }
}

START_TEST(entries_do_not_keep_themselves) {
  fill_with_loops((unsigned)_i);
  gc_collect(GC_COLLECT_MINOR);
  check_map();
  collect();
  check_map();
  ck_assert_uint_eq(gc_weak_map_count(map), COUNT);
  drop_nodes(0, COUNT);
  collect();
  ck_assert_uint_le(gc_weak_map_count(map), _i == 0 ? STRAY : COUNT); /* one stray key keeps the whole ring */
}
END_TEST

/* Only the first key is held; each value leads to the next key. Entries are put in one order or the other, or mixed. */
static NOT_INLINED void fill_chain(int order) {
  STAY_DEEP();
  map = gc_weak_map_new();
  for (unsigned i = 0; i < COUNT; i++) nodes[i] = new_node(i);
  for (unsigned k = 0; k < COUNT; k++) {
    unsigned i = order == 0 ? k : order == 1 ? COUNT - 1 - k : k * 7 % COUNT;
    struct node *value = new_node(i + 1000000);
    gc_write(&value->next, i + 1 < COUNT ? nodes[i + 1] : NULL);
    require(gc_weak_map_put(map, nodes[i], value) == 0);
  }
  drop_nodes(1, COUNT);
}

static NOT_INLINED unsigned follow_chain(void) {
  STAY_DEEP();
  unsigned length = 0;
  for (struct node *key = nodes[0]; key; length++) {
    const struct node *value = gc_weak_map_get(map, key);
    require(key->number == length && value && value->number == length + 1000000);
    key = value->next;
  }
  return length;
}

START_TEST(chains_of_entries_stay_whole) {
  fill_chain(_i);
  for (int i = 0; i < 4; i++) {
    stack_clear();
    gc_collect(i % 2 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
    ck_assert_uint_eq(follow_chain(), COUNT);
  }
  nodes[0] = NULL;
  collect();
  ck_assert_uint_lt(gc_weak_map_count(map), COUNT);
}
END_TEST

START_TEST(values_are_replaced_and_removed) {
  fill_map();
  collect_minor(1);
  for (unsigned i = 0; i < COUNT; i++) {
    if (i % 3 == 0) require(gc_weak_map_remove(map, nodes[i]) && !gc_weak_map_remove(map, nodes[i]));
    else require(gc_weak_map_put(map, nodes[i], new_node(5)) == 0);
  }
  ck_assert_uint_eq(gc_weak_map_count(map), COUNT - (COUNT + 2) / 3);
  collect_minor(2);
  gc_collect(GC_COLLECT_FULL);
  for (unsigned i = 0; i < COUNT; i++) {
    const struct node *value = gc_weak_map_get(map, nodes[i]);
    if (i % 3 == 0) require(value == NULL);
    else require(value->number == 5);
  }
  for (unsigned i = 0; i < COUNT; i++) gc_free(nodes[i]);
  ck_assert_uint_eq(gc_weak_map_count(map), 0);
}
END_TEST

static NOT_INLINED void put_ballasts(void) {
  STAY_DEEP();
  map = gc_weak_map_new();
  for (unsigned i = 0; i < 12; i++) {
    nodes[i] = gc_alloc(400);
    require(gc_weak_map_put(map, nodes[i], probe_new(i)) == 0);
  }
}

START_TEST(what_ends_lets_go_of_values) {
  uint64_t before = collect();
  put_ballasts();
  ck_assert_uint_ge(ballasts(before, collect()), 12);
  for (unsigned i = 0; i < 12; i += 2) gc_weak_map_remove(map, nodes[i]);
  ck_assert_uint_le(ballasts(before, collect()), 6 + STRAY_BALLASTS);
  map = NULL; /* the keys live on */
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
  put_ballasts();
  memset(nodes, 0, sizeof nodes);
  collect_minor(3);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}
END_TEST

struct visit {
  unsigned count, most;
};

static bool visit_entry(void *key, void *value, void *data) {
  struct visit *visit = data;
  require(((struct node *)value)->number == ((struct node *)key)->number + 1000000);
  if (visit->count % 2) gc_weak_map_remove(map, nodes[(((struct node *)key)->number + 1) % COUNT]);
  gc_weak_map_put(map, new_node(7), key);
  if (visit->count % 100 == 0) gc_collect(GC_COLLECT_MINOR);
  return ++visit->count < visit->most;
}

START_TEST(each_entry_is_visited) {
  fill_map();
  struct visit visit = {0, 10};
  gc_weak_map_each(map, visit_entry, &visit);
  ck_assert_uint_eq(visit.count, 10);
  fill_map();
  visit = (struct visit){0, UINT32_MAX};
  gc_weak_map_each(map, visit_entry, &visit);
  ck_assert_uint_le(visit.count, COUNT);
  ck_assert_uint_ge(visit.count, COUNT / 2);
  gc_weak_map_each(gc_weak_map_new(), visit_entry, NULL);
}
END_TEST

START_TEST(keys_in_several_maps) {
  struct gc_weak_map *maps[10];
  for (int k = 0; k < 10; k++) maps[k] = gc_weak_map_new();
  for (unsigned i = 0; i < COUNT; i++) {
    nodes[i] = new_node(i);
    for (unsigned k = 0; k < 10; k++) gc_weak_map_put(maps[k], nodes[i], (void *)(uintptr_t)(i * 10 + k + 1));
  }
  maps[3] = NULL;
  collect();
  for (unsigned i = 0; i < COUNT; i++)
    for (unsigned k = 0; k < 10; k++)
      require(k == 3 || (uintptr_t)gc_weak_map_get(maps[k], nodes[i]) == i * 10 + k + 1);
  drop_nodes(0, COUNT);
  collect();
  for (int k = 0; k < 10; k++)
    if (maps[k]) ck_assert_uint_le(gc_weak_map_count(maps[k]), STRAY);
}
END_TEST

START_TEST(moved_keys_keep_their_values) {
  fill_map();
  for (unsigned i = 0; i < COUNT; i++) nodes[i] = gc_realloc(nodes[i], 20 + i * 5);
  check_map();
  collect_minor(1);
  collect();
  check_map();
  ck_assert_uint_eq(gc_weak_map_count(map), COUNT);
}
END_TEST

/* ---- Threads ---- */

static void *use_in_thread(void *shared) {
  struct gc_weak_map *mine = gc_weak_map_new();
  uint64_t state = (uint64_t)(uintptr_t)&mine;
  struct node *held_nodes[64] = {NULL};
  struct gc_weak *held_weaks[64] = {NULL};
  for (unsigned k = 0; k < repetitions(20000); k++) {
    unsigned i = (unsigned)(random_next(&state) % 64);
    if (held_nodes[i]) {
      require(gc_weak_get(held_weaks[i]) == held_nodes[i]);
      const struct node *value = gc_weak_map_get(mine, held_nodes[i]);
      require(value && value->number == held_nodes[i]->number + 1);
      require(gc_weak_map_get(shared, held_nodes[i]) == value);
    }
    held_nodes[i] = new_node(k);
    held_weaks[i] = gc_weak_new(held_nodes[i]);
    struct node *value = new_node(k + 1);
    require(gc_weak_map_put(mine, held_nodes[i], value) == 0 && gc_weak_map_put(shared, held_nodes[i], value) == 0);
    if (k % 1000 == 0) gc_collect(k % 5000 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
  }
  return NULL;
}

START_TEST(from_several_threads) {
  pthread_t threads[3];
  struct gc_weak_map *shared = gc_weak_map_new();
  for (int i = 0; i < 3; i++) ck_assert_int_eq(gc_thread_create(&threads[i], NULL, use_in_thread, shared), 0);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  collect();
  ck_assert_uint_le(gc_weak_map_count(shared), 3 * 64 + STRAY);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("weak");
  tcase_add_loop_test(tests, cleared_by_minor_collections_while_young, 0, 2);
  tcase_add_loop_test(tests, cleared_by_full_collections_when_old, 0, 4);
  tcase_add_test(tests, objects_and_references_come_and_go);
  tcase_add_test(tests, freed_objects_clear);
  tcase_add_test(tests, moved_objects_take_them_along);
  tcase_add_test(tests, what_is_got_is_held);
  tcase_add_test(tests, what_is_no_object_is_refused);
  tcase_add_test(tests, values_live_as_long_as_keys);
  tcase_add_test(tests, young_entries_end_in_minor_collections);
  tcase_add_loop_test(tests, entries_do_not_keep_themselves, 0, 2);
  tcase_add_loop_test(tests, chains_of_entries_stay_whole, 0, 3);
  tcase_add_test(tests, values_are_replaced_and_removed);
  tcase_add_test(tests, what_ends_lets_go_of_values);
  tcase_add_test(tests, each_entry_is_visited);
  tcase_add_test(tests, keys_in_several_maps);
  tcase_add_test(tests, moved_keys_keep_their_values);
  tcase_add_test(tests, from_several_threads);
  return suite_end();
}
