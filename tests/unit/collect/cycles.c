/* The trace that frees cycles: what it frees, what it keeps, and that all counts are exact afterwards, which each stop
 * verifies anyway. */
#include "counted_heap.h"

static void trace_cycles(void) {
  stop_for(make_trace);
}

/* Two nodes that name each other, and a third that hangs on the second. */
static size_t **make_cycle(size_t **hanging) {
  size_t **a = make_node(), **b = make_node();
  a[0] = (size_t *)b;
  b[0] = (size_t *)a;
  b[1] = (size_t *)hanging;
  return a;
}

START_TEST(cycles_are_freed_and_what_they_named_is_counted_less) {
  open_heap();
  size_t **kept = make_node(), **hanging = make_node(), **cycle = make_cycle(hanging), **other = (size_t **)cycle[0];
  hanging[3] = (size_t *)kept;
  cycle[1] = (size_t *)kept;
  root[0] = (size_t *)cycle;
  root[1] = (size_t *)kept;
  epoch();
  ck_assert_int_eq(count_of(kept), 3);
  root[0] = NULL;
  for (int i = 0; i < 3; i++) epoch();
  ck_assert(is_live(cycle) && is_live(other) && is_live(hanging));
  trace_cycles();
  ck_assert(byte_of(cycle) == 0 && byte_of(other) == 0 && byte_of(hanging) == 0);
  ck_assert_int_eq(count_of(kept), 1);
  ck_assert_uint_eq(counting->figures.traced_objects, 3);
  ck_assert_uint_eq(counting->figures.traced_bytes, 3 * WORDS * sizeof(size_t));
  close_heap();
}
END_TEST

START_TEST(what_a_stack_names_keeps_its_cycle) {
  open_heap();
  size_t **hanging = make_node(), **cycle = make_cycle(hanging), **past = make_cycle(NULL), **last = make_node();
  root[0] = (size_t *)cycle;
  root[1] = (size_t *)past;
  epoch();
  root[0] = root[1] = NULL;
  stack[0] = (size_t)cycle + 3 * sizeof(size_t);
  stack[1] = (size_t)past[0] + WORDS * sizeof(size_t); /* one past the end of the second */
  for (int i = 0; i < 2; i++) {
    trace_cycles();
    ck_assert(is_live(cycle) && is_live(cycle[0]) && count_of(hanging) == 1 && is_live(past) && is_live(past[0]));
  }
  (void)last;
  stack[0] = stack[1] = 0;
  trace_cycles();
  ck_assert(byte_of(cycle) == 0 && byte_of(hanging) == 0 && byte_of(past) == 0);
  close_heap();
}
END_TEST

/* A word outside of all that was counted is no reason to keep anything: a young cycle is found dead as well. */
START_TEST(all_root_objects_keep_what_they_name) {
  open_heap();
  size_t **large = make(GC__KIND_ROOT, 3 * GC__SMALL_MAX_BYTES), **hanging = make_node();
  large[2000] = (size_t *)make_cycle(hanging);
  root[3] = (size_t *)make_cycle(NULL);
  trace_cycles();
  trace_cycles();
  ck_assert(is_live(large) && is_live(large[2000]) && is_live(hanging) && is_live(root[3]));
  large[2000] = NULL;
  trace_cycles();
  ck_assert(byte_of(hanging) == 0 && is_live(root[3]));
  close_heap();
}
END_TEST

START_TEST(large_objects_and_leaves_are_freed_with_their_cycle) {
  open_heap();
  size_t before = heap->counts.old_bytes, length = 3 * GC__SMALL_MAX_BYTES / sizeof(size_t);
  size_t **array = make(GC__KIND_SCANNED, length * sizeof(size_t)), **node = make_node(), *leaf;
  leaf = make(GC__KIND_LEAF, 2 * GC__SMALL_MAX_BYTES);
  array[0] = array[length - 1] = (size_t *)node;
  array[length / 2] = leaf;
  node[0] = (size_t *)array;
  node[1] = make(GC__KIND_LEAF, 48);
  root[0] = (size_t *)array;
  epoch();
  trace_cycles();
  ck_assert(is_live(array) && is_live(leaf) && count_of(node) == 2);
  root[0] = NULL;
  trace_cycles();
  ck_assert_uint_eq(heap->counts.old_bytes, before + WORDS * sizeof(size_t)); /* the root object is old now */
  close_heap();
}
END_TEST

/* The cell of what was freed by hand stays while others name it: until the trace has freed the last of them. */
START_TEST(kept_cells_go_with_the_last_dead_word) {
  open_heap();
  size_t **target = make_node(), **cycle = make_cycle(target), **holder = make_node();
  holder[0] = (size_t *)target;
  root[0] = (size_t *)cycle;
  root[1] = (size_t *)holder;
  epoch();
  free_by_hand(target);
  epoch();
  ck_assert_uint_eq(state_of(target), GC__STATE_KEPT);
  root[0] = NULL;
  trace_cycles();
  ck_assert(state_of(target) == GC__STATE_KEPT && count_of(target) == 1);
  root[1] = NULL;
  holder[1] = (size_t *)holder; /* the trace has to free it */
  epoch();
  trace_cycles();
  ck_assert_uint_eq(byte_of(target), 0);
  close_heap();
}
END_TEST

START_TEST(stuck_objects_are_freed_and_stay_stuck_otherwise) {
  open_heap();
  size_t **popular[2], **array[2];
  for (int i = 0; i < 2; i++) {
    popular[i] = make_node();
    array[i] = make(GC__KIND_SCANNED, 64 * sizeof(size_t));
    for (int k = 0; k < 20; k++) array[i][k] = (size_t *)popular[i];
    root[i] = (size_t *)array[i];
  }
  epoch();
  root[0] = NULL;
  epoch();
  ck_assert_uint_eq(byte_of(array[0]), 0);
  ck_assert_uint_eq(byte_of(popular[0]), GC__COUNT_STUCK);
  trace_cycles();
  ck_assert_uint_eq(byte_of(popular[0]), 0);
  ck_assert_uint_eq(byte_of(popular[1]), GC__COUNT_STUCK);
  close_heap();
}
END_TEST

START_TEST(a_stack_without_room_marks_all_the_same) {
  open_heap();
  size_t reserved = counting->promoted.memory.reserved_bytes, **tree = make_tree(7), **dead = make_tree(6);
  root[0] = (size_t *)tree;
  root[1] = (size_t *)dead;
  dead[3] = (size_t *)dead;
  epoch();
  root[1] = NULL;
  limit_room(&counting->promoted, 4);
  trace_cycles();
  ck_assert_uint_eq(count_tree(tree, 7), 3280);
  ck_assert_uint_eq(counting->figures.traced_objects, 1093);
  counting->promoted.memory.reserved_bytes = reserved;
  close_heap();
}
END_TEST

/* Words that have no shadow are not followed: they make a recount necessary, which is told. */
START_TEST(words_without_a_shadow_are_told) {
  open_heap();
  root[0] = (size_t *)make_tree(7);
  epoch();
  ck_assert(!counting->has_uncounted);
  root[1] = (size_t *)make_tree(7);
  budget.limit_bytes = budget.used_bytes + 2 * GC__PAGE_BYTES;
  epoch();
  ck_assert(counting->has_uncounted);
  budget.limit_bytes = (size_t)1 << 30;
  stop(true);
  ck_assert(!counting->has_uncounted);
  trace_cycles();
  ck_assert_uint_eq(count_tree((size_t **)root[1], 7), 3280);
  close_heap();
}
END_TEST

/* A root word that names a free cell or page keeps that from use, until a trace does not find the word any more. */
START_TEST(false_root_words_are_shunned) {
  open_heap();
  size_t **first = make_node(), **dead = make_cycle(NULL);
  root[0] = (size_t *)first;
  root[1] = (size_t *)dead;
  epoch();
  root[1] = NULL;
  trace_cycles();
  ck_assert_uint_eq(byte_of(dead), 0);
  gc__local_close(heap, local);
  gc__local_open(&heap->space, local, local + 1);
  stack[0] = (size_t)dead;
  trace_cycles();
  ck_assert(gc__count_is_special(byte_of(dead)));
  ck_assert_uint_eq(counting->figures.false_words, 1);
  for (int i = 0; i < 4000; i++) ck_assert_ptr_ne(make_node(), dead);
  stack[0] = 0;
  trace_cycles();
  ck_assert_uint_eq(byte_of(dead), 0);
  ck_assert_uint_eq(counting->figures.false_words, 0);
  close_heap();
}
END_TEST

UNIT_MAIN("collect/cycles", cycles_are_freed_and_what_they_named_is_counted_less, what_a_stack_names_keeps_its_cycle,
          all_root_objects_keep_what_they_name, large_objects_and_leaves_are_freed_with_their_cycle,
          kept_cells_go_with_the_last_dead_word, stuck_objects_are_freed_and_stay_stuck_otherwise,
          a_stack_without_room_marks_all_the_same, words_without_a_shadow_are_told, false_root_words_are_shunned)
