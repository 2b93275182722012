/* The backup trace, and counting without memory. The numbers in brackets are the traps that a test is for: rules of
 * counting that were broken on purpose, and the test failed. */
#include "counted_heap.h"

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

START_TEST(a_trace_counts_each_word_once) { /* [16] */
  open_heap();
  size_t **ways[3], **shared = make_node(), **child = make_node(), **before = make_node(), **at = make_node();
  shared[0] = (size_t *)child;
  child[1] = (size_t *)shared;
  for (int i = 0; i < 3; i++) {
    ways[i] = make_node();
    ways[i][0] = (size_t *)shared;
    root[i] = (size_t *)ways[i];
  }
  stack[0] = (size_t)at;
  stop(true);
  ck_assert(count_of(shared) == 4 && count_of(child) == 1 && is_live(at) && is_live(before));
  stop(true);
  ck_assert(count_of(shared) == 4 && count_of(child) == 1 && is_live(at) && is_live(before));
  root[0] = NULL;
  epoch();
  ck_assert_int_eq(count_of(shared), 3);
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

/* A tree, in groups of short cells; an array that is consumed page by page; and a pin in the middle of both. */
START_TEST(large_steps_free_what_small_ones_do) {
  open_heap();
  for (int round = 0; round < 2; round++) {
    size_t before = heap->counts.old_bytes, length = 3000;
    size_t ***array = make(GC__KIND_SCANNED, length * sizeof *array), **tree = make_tree(7);
    for (size_t i = 0; i < length; i++) {
      array[i] = make_node();
      array[i][1] = make(GC__KIND_LEAF, 40);
    }
    root[0] = (size_t *)tree;
    root[1] = (size_t *)array;
    stack[0] = (size_t)tree[1] + 8;
    stack[1] = (size_t)array[1500] + 8;
    size_t **pinned = (size_t **)tree[1], **kept = array[1500];
    epoch();
    size_t grown = heap->counts.old_bytes - before, most = 0;
    ck_assert_uint_eq(count_tree(tree, 7), 3280);
    root[0] = root[1] = NULL;
    stop(false);
    while (gc__cascade_run(counting, 700)) most = counting->dying.count > most ? counting->dying.count : most;
    ck_assert_uint_le(most, 600); /* a page of the array, and the rest of the tree */
    ck_assert_uint_eq(count_tree(pinned, 6), 1093);
    ck_assert(is_live(kept) && is_live(kept[1]) && count_of(kept) == 0);
    ck_assert_uint_lt(heap->counts.old_bytes - before, grown / 2);
    stack[0] = stack[1] = 0;
    stop(false);
    while (gc__cascade_run(counting, 5000)) continue;
    stop(false);
    ck_assert_uint_eq(heap->counts.old_bytes, round ? before : sizeof(size_t) * WORDS);
  }
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
  gc__local_open(&heap->space, local, local + 1);
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

UNIT_MAIN("collect/recount", cycles_wait_for_the_trace, a_trace_counts_each_word_once, counts_stick_until_the_trace,
          the_cascade_leaves_stuck_counts_alone, a_trace_forgets_what_was_dying_and_freed,
          stacks_without_room_lose_nothing, large_steps_free_what_small_ones_do,
          targets_of_words_without_a_shadow_are_stuck, blocks_that_are_empty_go_back)
