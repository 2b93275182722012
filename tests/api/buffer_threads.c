/* tests/api/buffer_threads.c - heaps inside memory of the program's, with threads, which need room there to be
 * attached, and with a forked child.
 */
#include "in_buffer.h"

static void *build_in_thread(void *unused) {
  (void)unused;
  for (int round = 0; round < 20; round++) {
    struct node *mine = NULL;
    for (uint64_t i = 0; i < 300; i++) {
      struct node *node = gc_alloc(sizeof *node);
      require(node != NULL);
      node->number = i;
      gc_write(&node->next, mine);
      mine = node;
    }
    for (uint64_t i = 300; i > 0; i--, mine = mine->next) require(mine->number == i - 1);
  }
  return NULL;
}

START_TEST(threads_share_one) {
  pthread_t threads[4];
  start_in(buffer, BUFFER_BYTES);
  for (int round = 0; round < 3; round++) { /* the slots of those that ended are used again */
    for (int i = 0; i < 4; i++) ck_assert_int_eq(gc_thread_create(&threads[i], NULL, build_in_thread, NULL), 0);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  }
  ck_assert_uint_lt(live_bytes(), BUFFER_BYTES / 10);
}
END_TEST

static void *attach_in_full_heap(void *error) {
  *(int *)error = gc_thread_attach();
  return NULL;
}

START_TEST(a_thread_that_finds_no_room) {
  pthread_t thread;
  int error = -1;
  start_in(buffer, BUFFER_BYTES);
  fill_up(2048);
  fill_up(16);
  ck_assert_int_eq(pthread_create(&thread, NULL, attach_in_full_heap, &error), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(error, ENOMEM);
  drop(list_length - 10);
  ck_assert_uint_lt(live_bytes(), BUFFER_BYTES / 4);
  ck_assert_int_eq(pthread_create(&thread, NULL, attach_in_full_heap, &error), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(error, 0);
}
END_TEST

static void fill_with_garbage(void) {
  gc_disable();
  fill_up(2048);
  fill_up(16);
  drop(list_length);
  gc_enable();
}

/* It cannot collect before it is attached, and needs memory to be. */
START_TEST(a_thread_attaches_in_a_heap_of_garbage) {
  pthread_t thread;
  int error = -1;
  start_in(buffer, BUFFER_BYTES);
  fill_with_garbage();
  gc_disable();
  ck_assert_int_eq(pthread_create(&thread, NULL, attach_in_full_heap, &error), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(error, ENOMEM); /* it is full indeed */
  gc_enable();
  ck_assert_int_eq(pthread_create(&thread, NULL, attach_in_full_heap, &error), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(error, 0);
}
END_TEST

static void *is_attached(void *unused) {
  return gc_thread_detach() == 0 ? buffer : unused;
}

/* The heap is full when the thread is made, but of garbage: who makes it collects. */
START_TEST(a_thread_is_made_in_a_heap_of_garbage) {
  pthread_t thread;
  void *result = NULL;
  start_in(buffer, BUFFER_BYTES);
  ck_assert_ptr_nonnull(gc_alloc_root(3 * sizeof(void *))); /* beside it is a cell for what the thread begins with */
  fill_with_garbage();
  ck_assert_int_eq(gc_thread_create(&thread, NULL, is_attached, NULL), 0);
  ck_assert_int_eq(pthread_join(thread, &result), 0);
  ck_assert_ptr_eq(result, buffer);
}
END_TEST

START_TEST(no_thread_is_made_in_a_full_heap) {
  pthread_t thread;
  start_in(buffer, BUFFER_BYTES);
  ck_assert_ptr_nonnull(gc_alloc_root(3 * sizeof(void *)));
  fill_up(2048);
  fill_up(16);
  ck_assert_int_eq(gc_thread_create(&thread, NULL, is_attached, NULL), EAGAIN);
  drop(list_length - 10);
  ck_assert_int_eq(gc_thread_create(&thread, NULL, is_attached, NULL), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(gc_shutdown(), 0); /* nothing is reserved any more */
}
END_TEST

static void work_in_child(void *unused) {
  (void)unused;
  check_list();
  drop(list_length);
  fill_up(100);
  check_list();
}

START_TEST(a_forked_child_has_its_own) {
  start_in(buffer, BUFFER_BYTES);
  fill_up(64);
  ck_assert_int_eq(run_in_child(work_in_child, NULL, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
  check_list();
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("buffer_threads");
  tcase_add_test(tests, threads_share_one);
  tcase_add_test(tests, a_thread_that_finds_no_room);
  tcase_add_test(tests, a_thread_attaches_in_a_heap_of_garbage);
  tcase_add_test(tests, a_thread_is_made_in_a_heap_of_garbage);
  tcase_add_test(tests, no_thread_is_made_in_a_full_heap);
  tcase_add_test(tests, a_forked_child_has_its_own);
  return suite_end();
}
