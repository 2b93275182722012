/* Counting: epochs, the cascade, what is freed by hand. The numbers in brackets are the traps that a test is for: rules
 * of counting that were broken on purpose, and the test failed. */
#include "counted_heap.h"

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
  gc__local_open(&heap->space, local, local + 1);
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

/* What a stop finds in an object that was young when it came is counted by a loop of its own. */
START_TEST(new_objects_may_hold_stale_words) { /* [10], [13], [16] */
  open_heap();
  size_t **dead = make_node(), **dying = make_node();
  root[0] = (size_t *)dying;
  root[3] = (size_t *)make_node(); /* keeps the block */
  for (unsigned i = 0; i < GC__BLOCK_GRANULES; i++) make_node();
  epoch();
  root[0] = NULL;
  stop(false);
  ck_assert_uint_eq(state_of(dying), GC__STATE_DYING);
  size_t **holder = make_node(), **free_cell = (size_t **)(void *)((char *)dead + 8);
  holder[0] = (size_t *)root; /* its page has a shadow from then on */
  holder[1] = (size_t *)dying;
  holder[2] = (size_t *)free_cell;
  holder[3] = (size_t *)((char *)heap->space.base + heap->space.span_bytes);
  root[1] = (size_t *)holder;
  stop(false);
  for (int i = 1; i < 4; i++) ck_assert_uint_eq(shadow_of(&holder[i]), 0);
  cascade();
  epoch();
  ck_assert(is_live(holder) && byte_of(dying) == 0 && byte_of(dead) == 0);
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

/* A node that found no room is looked for in its page; there the child that it promotes is met, too, which lies on the
 * stack already. */
START_TEST(what_is_met_twice_is_counted_once) { /* [9] */
  open_heap();
  epoch(); /* the root object is old from now on */
  size_t reserved_bytes = counting->promoted.memory.reserved_bytes;
  limit_room(&counting->promoted, 1);
  size_t **first = make_node(), **node = make_node();
  for (int i = 0; i < 60; i++) make_node(); /* more than is looked at at a time */
  size_t **child = make_node(), **grandchild = make_node();
  ck_assert_uint_eq(granule_of(first) / GC__PAGE_GRANULES, granule_of(grandchild) / GC__PAGE_GRANULES);
  node[0] = (size_t *)child;
  child[0] = (size_t *)grandchild;
  root[0] = (size_t *)first;
  root[1] = (size_t *)node;
  epoch();
  ck_assert(count_of(first) == 1 && count_of(node) == 1 && count_of(child) == 1 && count_of(grandchild) == 1);
  counting->promoted.memory.reserved_bytes = reserved_bytes;
  close_heap();
}
END_TEST

UNIT_MAIN("collect/counting", young_objects_that_nothing_names_are_free_untouched, young_bits_end_with_the_stop,
          a_block_may_be_taken_twice_between_stops, a_stack_word_pins_for_one_epoch, a_word_one_past_the_end_pins,
          counted_words_keep_and_their_absence_frees, increments_come_before_decisions,
          numbers_that_become_addresses_are_not_counted, deaths_read_the_shadow_not_memory, the_cascade_stops_at_pins,
          a_stale_word_does_not_revive_the_dying, new_objects_may_hold_stale_words,
          words_of_objects_that_cross_pages_are_seen, root_objects_are_never_candidates,
          freed_cells_that_are_counted_get_no_tenant, children_of_the_freed_are_lowered_by_a_stop,
          freed_objects_in_a_cascade_settle_later, what_counts_nothing_is_free_at_once,
          large_objects_are_counted_and_freed, what_is_met_twice_is_counted_once)
