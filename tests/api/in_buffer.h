/* tests/api/in_buffer.h - a heap inside static memory, and a list that fills it.
 */
#ifndef TESTS_API_IN_BUFFER_H
#define TESTS_API_IN_BUFFER_H

#include "support.h"

enum { BUFFER_BYTES = 1 << 20, TEXT_BYTES = 4096 };

static char buffer[BUFFER_BYTES];
static char text[TEXT_BYTES];

static struct gc_options options_with(void *memory, size_t bytes) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.buffer = memory;
  options.buffer_bytes = bytes;
  return options;
}

static void start_in(void *memory, size_t bytes) {
  struct gc_options options = options_with(memory, bytes);
  memset(memory, 0xa5, bytes); /* what the program left there */
  ck_assert_int_eq(gc_init(&options), 0);
}

static uint64_t live_bytes(void) {
  struct gc_stats stats;
  stack_clear();
  for (int i = 0; i < COLLECTIONS_UNTIL_GONE; i++) gc_collect(GC_COLLECT_FULL);
  gc_stats(&stats);
  return stats.live_bytes;
}

/* A list that fills the heap. */
struct node {
  struct node *next;
  uint64_t number;
};
static struct node *list;
static uint64_t list_length;

/* Until there is no memory for a node. */
static NOT_INLINED void fill_up(size_t bytes) {
  STAY_DEEP();
  for (;;) {
    errno = 0;
    struct node *node = gc_alloc(bytes);
    if (!node) break;
    require((char *)node >= buffer && (char *)node < buffer + BUFFER_BYTES);
    require(all_zero(node, bytes));
    node->number = list_length++;
    gc_write(&node->next, list);
    list = node;
  }
  ck_assert_int_eq(errno, ENOMEM);
}

static void check_list(void) {
  uint64_t number = list_length;
  for (const struct node *node = list; node; node = node->next) require(node->number == --number);
  require(number == 0);
}

static NOT_INLINED void drop(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    struct node *next = list->next;
    gc_write(&list->next, NULL);
    list = next;
  }
  list_length -= count;
}

#endif
