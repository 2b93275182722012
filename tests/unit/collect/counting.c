/* Counting: epochs, the cascade, the backup trace. A heap without threads and without a kernel's record: everything
 * counts as written, the stack is an array here, and after each stop all counts are made anew from the shadow
 * (gc__verify_counts). The names in brackets are the traps that a test is for: broken rules that it finds. */
#include "unit.h"
#include "collect/cascade.h"
#include "collect/collector.h"
#include "heap/large.h"
#include "heap/object.h"
#include "heap/sweep.h"
#include "tools/verify_counts.h"

#define STACK_WORDS 8u
#define WORDS       4u /* of an object, where a test does not say otherwise */

static struct gc__collector collector;
static struct gc__budget budget;
static struct gc__local *local;
static size_t stack[STACK_WORDS];
static size_t **root; /* a root object with WORDS words */

static struct gc__heap *const heap = &collector.heap;
static struct gc__counting *const counting = &collector.counting;

/* ---- The heap ---- */

static void *make(enum gc__kind kind, size_t bytes) {
  bool is_clean;
  if (bytes > GC__SMALL_MAX_BYTES) {
    char *object = gc__large_take(heap, bytes, GC__GRANULE_BYTES, kind, &is_clean);
    if (!is_clean) memset(object, 0, gc__large_bytes(bytes));
    return object;
  }
  struct gc__cursor *cursor = gc__local_cursor(local, kind, gc__class_of(bytes));
  void *cell;
  while (!(cell = gc__cursor_bump(cursor))) ck_assert(gc__local_refill(heap, local, kind, gc__class_of(bytes)));
  ck_assert(unit_all_zero(cell, cursor->cell_bytes));
  return cell;
}

static size_t **make_node(void) {
  return make(GC__KIND_SCANNED, WORDS * sizeof(size_t));
}

static void open_heap(void) {
  const char *missing;
  memset(stack, 0, sizeof stack);
  memset(&collector, 0, sizeof collector);
  budget = (struct gc__budget){.limit_bytes = (size_t)1 << 30};
  ck_assert(gc__heap_open(heap, &budget, (size_t)64 << 20, 0));
  heap->allowance_bytes = (size_t)1 << 30;
  ck_assert_int_eq(gc__log_open(heap, false, GC__WATCH_NONE, &missing), 0);
  ck_assert(gc__heap_keep_counts(heap));
  ck_assert(gc__counting_open(counting, heap, true));
  ck_assert(gc__region_open(&collector.roots.list_memory, &budget, 4096));
  ck_assert(gc__region_commit(&collector.roots.list_memory, 4096));
  local = calloc(1, sizeof *local);
  gc__local_open(local);
  root = make(GC__KIND_ROOT, WORDS * sizeof(size_t));
}

static void close_heap(void) {
  gc__local_close(heap, local);
  free(local);
  gc__region_close(&collector.roots.list_memory);
  gc__counting_close(counting);
  gc__heap_close(heap);
  ck_assert_uint_eq(budget.used_bytes, 0);
}

/* A stop: the stack is a root, and all of the heap was written. */
static void stop(bool is_full) {
  struct gc__root_range *list = (void *)collector.roots.list_memory.start;
  uintptr_t base = heap->space.base;
  gc__sweep_finish(heap);
  gc__local_before_stop(heap, local);
  list[0] = (struct gc__root_range){{(uintptr_t)stack, (uintptr_t)(stack + STACK_WORDS)}, GC__ROOT_STACK};
  list[1] = (struct gc__root_range){{base, base + heap->space.span_bytes}, GC__ROOT_WRITTEN};
  collector.roots.count = 2;
  if (is_full) gc__counting_recount(counting, &collector.roots);
  else gc__counting_run_epoch(counting, &collector.roots);
  gc__heap_end_count(heap, is_full);
  gc__local_after_stop(heap, local);
  gc__verify_counts(&collector);
  gc__sweep_large(heap, is_full);
}

static void cascade(void) {
  while (gc__cascade_run(counting, 1)) continue;
}

static void epoch(void) {
  stop(false);
  cascade();
}

static size_t granule_of(const void *object) {
  return gc__space_offset(&heap->space, object) / GC__GRANULE_BYTES;
}
static uint8_t byte_of(const void *object) {
  return heap->space.live[granule_of(object)];
}
static bool is_live(const void *object) {
  return gc__count_is_live(byte_of(object));
}
static int count_of(const void *object) {
  return (byte_of(object) & GC__COUNT_MASK) - (int)GC__COUNT_ZERO;
}
static unsigned state_of(const void *object) {
  return byte_of(object) & GC__STATE_MASK;
}
static size_t shadow_of(const void *word) {
  return *gc__shadow_at(&heap->counts.shadow, word);
}
static void free_by_hand(void *object) {
  ck_assert(gc__object_free(heap, local, object));
}

/* ---- Epochs ---- */

START_TEST(young_objects_that_nothing_names_are_free_untouched) {
  open_heap();
  size_t **node = make_node();
  ck_assert(gc__heap_is_given(heap, granule_of(node)));
  epoch();
  ck_assert_uint_eq(byte_of(node), 0);
  ck_assert(!gc__heap_is_given(heap, granule_of(node)));
  ck_assert_uint_eq(counting->figures.counted_objects, 0);
  close_heap();
}
END_TEST

/* In a block that its thread left before the stop, nobody clears the bits. */
START_TEST(young_bits_end_with_the_stop) { /* [13] */
  open_heap();
  size_t **node = make_node();
  make_node();
  stack[0] = (size_t)make_node() + 8; /* keeps the block */
  for (unsigned i = 0; i < GC__BLOCK_GRANULES; i++) make_node();
  epoch();
  ck_assert_uint_ne(heap->space.blocks[granule_of(node) / GC__BLOCK_GRANULES].state, GC__BLOCK_NONE);
  ck_assert(!gc__heap_is_given(heap, granule_of(node)));
  root[0] = (size_t *)node;
  epoch();
  ck_assert(byte_of(node) == 0 && shadow_of(&root[0]) == 0);
  close_heap();
}
END_TEST

START_TEST(a_block_may_be_taken_twice_between_stops) { /* [12] */
  open_heap();
  size_t **node = make_node();
  gc__local_close(heap, local);
  gc__local_open(local);
  bool is_same_block = false;
  for (unsigned i = 0; i < GC__BLOCK_GRANULES; i++) {
    size_t **other = make_node();
    ck_assert_ptr_ne(other, node);
    is_same_block |= granule_of(other) / GC__BLOCK_GRANULES == granule_of(node) / GC__BLOCK_GRANULES;
  }
  ck_assert(is_same_block);
  close_heap();
}
END_TEST

START_TEST(a_stack_word_pins_for_one_epoch) {
  open_heap();
  size_t **node = make_node();
  stack[3] = (size_t)node + 5;
  for (int i = 0; i < 3; i++) {
    epoch();
    ck_assert(is_live(node) && count_of(node) == 0 && (byte_of(node) & GC__COUNT_PINNED));
  }
  stack[3] = 0;
  epoch();
  ck_assert_uint_eq(byte_of(node), 0);
  close_heap();
}
END_TEST

START_TEST(a_word_one_past_the_end_pins) { /* [16: only resolve(w)] */
  open_heap();
  size_t **node = make_node(), **next = make_node();
  ck_assert_ptr_eq((char *)next, (char *)node + WORDS * sizeof(size_t));
  stack[0] = (size_t)next;
  epoch();
  ck_assert(is_live(node) && is_live(next));
  close_heap();
}
END_TEST

START_TEST(counted_words_keep_and_their_absence_frees) {
  open_heap();
  root[0] = (size_t *)make_node();
  root[1] = root[0];
  size_t **node = (size_t **)root[0];
  epoch();
  ck_assert(is_live(node) && count_of(node) == 2);
  root[0] = NULL;
  epoch();
  ck_assert(is_live(node) && count_of(node) == 1);
  root[1] = NULL;
  stop(false);
  ck_assert_uint_eq(state_of(node), GC__STATE_DYING);
  ck_assert(!gc__heap_is_given(heap, granule_of(node)));
  cascade();
  ck_assert_uint_eq(byte_of(node), 0);
  close_heap();
}
END_TEST

START_TEST(increments_come_before_decisions) { /* [4] */
  open_heap();
  size_t **node = make_node();
  stack[0] = (size_t)node;
  epoch(); /* it is a candidate, of count 0 and pinned */
  stack[0] = 0;
  root[0] = (size_t *)node;
  epoch();
  ck_assert(is_live(node) && count_of(node) == 1);
  root[0] = NULL;
  size_t **holder = make_node();
  holder[0] = (size_t *)node;
  root[1] = (size_t *)holder;
  epoch();
  ck_assert(is_live(node) && count_of(node) == 1);
  root[1] = NULL;
  epoch();
  ck_assert_uint_eq(byte_of(node), 0);
  close_heap();
}
END_TEST

START_TEST(numbers_that_become_addresses_are_not_counted) { /* [1] */
  open_heap();
  size_t **cell = make_node();
  size_t number = (size_t)cell;
  epoch(); /* it is free now */
  root[0] = (size_t *)number;
  epoch();
  ck_assert_uint_eq(shadow_of(&root[0]), 0);
  void *tenant;
  do tenant = make_node();
  while (tenant != (void *)cell && (char *)tenant < (char *)cell + GC__BLOCK_BYTES);
  if (tenant == (void *)cell) {
    root[1] = tenant;
    epoch();
    ck_assert_int_eq(count_of(tenant), 2); /* now both are pointers */
  }
  root[0] = root[1] = NULL;
  epoch();
  close_heap();
}
END_TEST

START_TEST(deaths_read_the_shadow_not_memory) { /* [2] */
  open_heap();
  size_t **holder = make_node(), **named = make_node(), **other = make_node();
  holder[0] = (size_t *)named;
  root[0] = (size_t *)holder;
  root[1] = (size_t *)other;
  root[2] = (size_t *)named;
  epoch();
  ck_assert(count_of(named) == 2 && count_of(other) == 1);
  root[0] = NULL;
  stop(false);
  holder[0] = (size_t *)other;
  cascade();
  ck_assert(count_of(named) == 1 && count_of(other) == 1);
  close_heap();
}
END_TEST

START_TEST(the_cascade_stops_at_pins) { /* [3] */
  open_heap();
  size_t **nodes[6];
  for (int i = 0; i < 6; i++) {
    nodes[i] = make_node();
    if (i) nodes[i - 1][0] = (size_t *)nodes[i];
  }
  root[0] = (size_t *)nodes[0];
  epoch();
  root[0] = NULL;
  stack[0] = (size_t)nodes[3] + 8; /* its start would be the end of the one before */
  stop(false);
  gc__cascade_run(counting, WORDS + 1); /* in the middle of the second */
  stop(false);                          /* goes on under new pins */
  cascade();
  for (int i = 0; i < 3; i++) ck_assert_uint_eq(byte_of(nodes[i]), 0);
  for (int i = 3; i < 6; i++) ck_assert(is_live(nodes[i]));
  ck_assert(count_of(nodes[3]) == 0 && count_of(nodes[4]) == 1);
  stack[0] = 0;
  epoch();
  for (int i = 3; i < 6; i++) ck_assert_uint_eq(byte_of(nodes[i]), 0);
  close_heap();
}
END_TEST

START_TEST(a_stale_word_does_not_revive_the_dying) { /* [10] */
  open_heap();
  size_t **node = make_node();
  root[0] = (size_t *)node;
  epoch();
  root[0] = NULL;
  stop(false);
  stack[0] = (size_t)node;
  root[1] = (size_t *)node;
  stop(false);
  ck_assert_uint_eq(state_of(node), GC__STATE_DYING);
  ck_assert_uint_eq(shadow_of(&root[1]), 0);
  cascade();
  ck_assert_uint_eq(byte_of(node), 0);
  close_heap();
}
END_TEST

START_TEST(words_of_objects_that_cross_pages_are_seen) { /* [14] */
  open_heap();
  size_t bytes = 3000;
  char *objects[20];
  size_t *leaf[20];
  for (int i = 0; i < 20; i++) {
    objects[i] = make(GC__KIND_SCANNED, bytes);
    if (i) *(char **)(void *)(objects[i - 1] + 2992) = objects[i];
  }
  root[0] = (size_t *)(void *)objects[0];
  epoch();
  for (int i = 0; i < 20; i++) {
    leaf[i] = make(GC__KIND_LEAF, 48);
    *(size_t **)(void *)(objects[i] + 2984) = leaf[i];
  }
  epoch();
  for (int i = 0; i < 20; i++) ck_assert(is_live(leaf[i]) && count_of(leaf[i]) == 1);
  root[0] = NULL;
  epoch();
  for (int i = 0; i < 20; i++) ck_assert(byte_of(leaf[i]) == 0 && byte_of(objects[i]) == 0);
  close_heap();
}
END_TEST

START_TEST(root_objects_are_never_candidates) {
  open_heap();
  for (int i = 0; i < 3; i++) epoch();
  root[0] = (size_t *)root; /* counted, too */
  epoch();
  ck_assert(is_live(root) && count_of(root) == 1);
  size_t **holder = make_node();
  holder[0] = (size_t *)root;
  root[0] = (size_t *)holder;
  epoch();
  root[0] = NULL;
  epoch(); /* the cascade lowers its count to 0 */
  ck_assert(is_live(root) && count_of(root) == 0);
  stop(true);
  ck_assert(is_live(root));
  free_by_hand(root);
  ck_assert(!is_live(root));
  close_heap();
}
END_TEST

/* ---- Freeing by hand ---- */

START_TEST(freed_cells_that_are_counted_get_no_tenant) { /* [5] */
  open_heap();
  size_t **node = make_node();
  root[0] = (size_t *)node;
  epoch();
  free_by_hand(node);
  ck_assert_uint_eq(state_of(node), GC__STATE_FREED);
  ck_assert(gc__place_is_none(gc__object_find(heap, node)));
  ck_assert(!gc__object_free(heap, local, node)); /* a double free */
  epoch();
  ck_assert_uint_eq(state_of(node), GC__STATE_KEPT);
  for (unsigned i = 0; i < 2 * GC__BLOCK_GRANULES; i++) ck_assert_ptr_ne(make_node(), node);
  epoch();
  ck_assert_uint_eq(state_of(node), GC__STATE_KEPT);
  root[0] = NULL;
  epoch();
  ck_assert_uint_eq(byte_of(node), 0);
  close_heap();
}
END_TEST

START_TEST(children_of_the_freed_are_lowered_by_a_stop) { /* [6] */
  open_heap();
  size_t **holder = make_node(), **child = make_node();
  holder[0] = (size_t *)child;
  root[0] = (size_t *)holder;
  epoch();
  root[0] = NULL;
  stack[0] = (size_t)holder[0]; /* loaded just before */
  free_by_hand(holder);
  cascade();
  ck_assert(is_live(child) && count_of(child) == 1);
  epoch();
  ck_assert(is_live(child) && count_of(child) == 0);
  stack[0] = 0;
  epoch();
  ck_assert_uint_eq(byte_of(child), 0);
  close_heap();
}
END_TEST

START_TEST(freed_objects_in_a_cascade_settle_later) { /* [7] */
  open_heap();
  size_t **holder = make_node(), **freed = make_node(), **child = make_node();
  holder[0] = (size_t *)freed;
  freed[0] = (size_t *)child;
  root[0] = (size_t *)holder;
  root[1] = (size_t *)child;
  epoch();
  root[0] = NULL;
  stop(false);
  free_by_hand(freed);
  cascade(); /* nothing counts it any more */
  ck_assert(state_of(freed) == GC__STATE_FREED && count_of(freed) == 0 && count_of(child) == 2);
  epoch();
  ck_assert(byte_of(freed) == 0 && count_of(child) == 1);
  close_heap();
}
END_TEST

START_TEST(what_counts_nothing_is_free_at_once) {
  open_heap();
  size_t *leaf = make(GC__KIND_LEAF, 32), **node = make_node(), **young = make_node();
  stack[0] = (size_t)leaf;
  stack[1] = (size_t)node;
  free_by_hand(young);
  epoch();
  ck_assert(is_live(leaf) && is_live(node));
  free_by_hand(leaf);
  free_by_hand(node);
  ck_assert(!is_live(leaf) && !is_live(node));
  epoch();
  ck_assert(byte_of(leaf) == 0 && byte_of(node) == 0 && byte_of(young) == 0);
  close_heap();
}
END_TEST

START_TEST(large_objects_are_counted_and_freed) {
  open_heap();
  size_t **large = make(GC__KIND_SCANNED, 100000), **dead = make(GC__KIND_SCANNED, 20000);
  size_t last = 100000 / sizeof(size_t) - 1;
  size_t **child = make_node();
  large[last] = (size_t *)child;
  root[0] = (size_t *)large + 7000; /* inside */
  stop(false);
  ck_assert(heap->space.runs[gc__space_offset(&heap->space, dead) / GC__PAGE_BYTES].state != GC__RUN_LARGE);
  ck_assert(count_of(large) == 1 && count_of(child) == 1);
  uint32_t first = (uint32_t)(gc__space_offset(&heap->space, large) / GC__PAGE_BYTES);
  ck_assert(!gc__large_resize(heap, first, 30000)); /* words may name what would leave it */
  root[0] = NULL;
  stop(false);
  unsigned steps = 1;
  while (gc__cascade_run(counting, 10)) steps++;
  ck_assert_uint_ge(steps, 20);
  ck_assert(heap->space.runs[first].state != GC__RUN_LARGE && byte_of(child) == 0);
  close_heap();
}
END_TEST

/* ---- The backup trace ---- */

START_TEST(cycles_wait_for_the_trace) {
  open_heap();
  size_t **a = make_node(), **b = make_node(), **hanging = make_node(), **kept = make_node();
  a[0] = (size_t *)b;
  b[0] = (size_t *)a;
  b[1] = (size_t *)hanging;
  a[1] = (size_t *)kept;
  root[0] = (size_t *)a;
  root[1] = (size_t *)kept;
  epoch();
  root[0] = NULL;
  for (int i = 0; i < 3; i++) epoch();
  ck_assert(is_live(a) && is_live(b) && is_live(hanging) && count_of(kept) == 2);
  stop(true);
  ck_assert(byte_of(a) == 0 && byte_of(b) == 0 && byte_of(hanging) == 0 && count_of(kept) == 1);
  ck_assert_uint_eq(counting->figures.traced_objects, 3);
  close_heap();
}
END_TEST

START_TEST(counts_stick_until_the_trace) { /* [15] */
  open_heap();
  size_t **popular = make_node(), **array = make(GC__KIND_SCANNED, 64 * sizeof(size_t));
  for (int i = 0; i < 20; i++) array[i] = (size_t *)popular;
  root[0] = (size_t *)array;
  epoch();
  ck_assert_uint_eq(byte_of(popular) & GC__COUNT_MASK, GC__COUNT_STUCK);
  for (int i = 5; i < 20; i++) array[i] = NULL;
  epoch();
  ck_assert_uint_eq(byte_of(popular) & GC__COUNT_MASK, GC__COUNT_STUCK);
  stop(true);
  ck_assert_int_eq(count_of(popular), 5);
  root[0] = NULL;
  epoch();
  ck_assert_uint_eq(byte_of(popular), 0);
  close_heap();
}
END_TEST

START_TEST(the_cascade_leaves_stuck_counts_alone) { /* [15] */
  open_heap();
  size_t **popular = make_node(), **list = NULL;
  for (int i = 0; i < 20; i++) {
    size_t **node = make_node();
    node[0] = (size_t *)popular;
    node[1] = (size_t *)list;
    list = node;
  }
  root[0] = (size_t *)list;
  root[1] = (size_t *)popular;
  epoch();
  root[0] = NULL;
  epoch();
  ck_assert_uint_eq(byte_of(list), 0);
  ck_assert_uint_eq(byte_of(popular), GC__COUNT_STUCK);
  close_heap();
}
END_TEST

START_TEST(a_trace_forgets_what_was_dying_and_freed) {
  open_heap();
  size_t **holder = make_node(), **child = make_node(), **freed = make_node();
  holder[0] = (size_t *)child;
  root[0] = (size_t *)holder;
  root[1] = (size_t *)freed;
  root[2] = (size_t *)child;
  epoch();
  root[0] = NULL;
  free_by_hand(freed);
  stop(false);
  gc__cascade_run(counting, 1);
  stop(true);
  ck_assert(byte_of(holder) == 0 && byte_of(freed) == 0 && count_of(child) == 1);
  ck_assert_uint_eq(shadow_of(&root[1]), 0);
  ck_assert(!gc__cascade_is_due(counting));
  close_heap();
}
END_TEST

/* ---- Without memory ---- */

/* A stack that has room for so many objects and no more. */
static void limit_room(struct gc__objects *objects, size_t count) {
  objects->room = count;
  objects->memory.reserved_bytes = count * sizeof(size_t);
}

/* A tree of `depth` levels with three children each. */
static size_t **make_tree(int depth) {
  size_t **node = make_node();
  for (int i = 0; depth && i < 3; i++) node[i] = (size_t *)make_tree(depth - 1);
  return node;
}

static size_t count_tree(size_t **node, int depth) {
  size_t count = is_live(node) ? 1 : 0;
  for (int i = 0; depth && i < 3; i++) count += count_tree((size_t **)node[i], depth - 1);
  return count;
}

START_TEST(stacks_without_room_lose_nothing) {
  open_heap();
  size_t reserved[2] = {counting->promoted.memory.reserved_bytes, counting->dying.memory.reserved_bytes};
  limit_room(&counting->promoted, 4);
  limit_room(&counting->dying, 2);
  size_t **tree = make_tree(7);
  root[0] = (size_t *)tree;
  epoch();
  ck_assert_uint_eq(count_tree(tree, 7), 3280);
  stop(true);
  ck_assert_uint_eq(count_tree(tree, 7), 3280);
  root[0] = NULL;
  for (int i = 0; i < 3000 && heap->counts.old_bytes > sizeof(size_t) * WORDS; i++) epoch();
  ck_assert_uint_eq(heap->counts.old_bytes, sizeof(size_t) * WORDS); /* the root object */
  counting->promoted.memory.reserved_bytes = reserved[0];
  counting->dying.memory.reserved_bytes = reserved[1];
  close_heap();
}
END_TEST

START_TEST(targets_of_words_without_a_shadow_are_stuck) { /* [15: counted as 1] */
  open_heap();
  size_t **tree = make_tree(7);
  root[0] = (size_t *)tree;
  budget.limit_bytes = budget.used_bytes + 2 * GC__PAGE_BYTES;
  epoch();
  ck_assert_uint_eq(count_tree(tree, 7), 3280);
  ck_assert_uint_gt(counting->stuck_objects, 0);
  budget.limit_bytes = (size_t)1 << 30;
  root[0] = NULL;
  epoch();
  ck_assert_uint_gt(heap->counts.old_bytes, sizeof(size_t) * WORDS);
  stop(true);
  ck_assert_uint_eq(heap->counts.old_bytes, sizeof(size_t) * WORDS);
  close_heap();
}
END_TEST

/* ---- All of it ---- */

START_TEST(blocks_that_are_empty_go_back) {
  open_heap();
  epoch();
  size_t before = heap->pages.free_pages;
  root[0] = (size_t *)make_tree(8);
  epoch();
  ck_assert_uint_lt(heap->pages.free_pages, before + 512);
  root[0] = NULL;
  epoch();
  gc__local_close(heap, local);
  gc__local_open(local);
  gc__sweep_finish(heap);
  epoch();
  gc__sweep_finish(heap);
  size_t blocks = 0;
  for (uint32_t block = 0; block < heap->space.span_bytes / GC__BLOCK_BYTES; block++)
    blocks += heap->space.blocks[block].state != GC__BLOCK_NONE;
  ck_assert_uint_eq(blocks, 1);
  close_heap();
}
END_TEST

UNIT_MAIN("collect/counting", young_objects_that_nothing_names_are_free_untouched, young_bits_end_with_the_stop,
          a_block_may_be_taken_twice_between_stops, a_stack_word_pins_for_one_epoch, a_word_one_past_the_end_pins,
          counted_words_keep_and_their_absence_frees, increments_come_before_decisions,
          numbers_that_become_addresses_are_not_counted, deaths_read_the_shadow_not_memory, the_cascade_stops_at_pins,
          a_stale_word_does_not_revive_the_dying, words_of_objects_that_cross_pages_are_seen,
          root_objects_are_never_candidates, freed_cells_that_are_counted_get_no_tenant,
          children_of_the_freed_are_lowered_by_a_stop, freed_objects_in_a_cascade_settle_later,
          what_counts_nothing_is_free_at_once, large_objects_are_counted_and_freed, cycles_wait_for_the_trace,
          counts_stick_until_the_trace, the_cascade_leaves_stuck_counts_alone, a_trace_forgets_what_was_dying_and_freed,
          stacks_without_room_lose_nothing, targets_of_words_without_a_shadow_are_stuck, blocks_that_are_empty_go_back)
