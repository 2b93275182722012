/* list.h - a linked list of 16-byte objects that hold 0, 1, 2, ... from its end on: for workloads that make and check
 * such lists.
 */
#ifndef BENCH_LIST_H
#define BENCH_LIST_H

#include "shim.h"

struct node {
  struct node *next;
  uint64_t value;
};
_Static_assert(sizeof(struct node) == 16, "the workload promises 16-byte objects");

static struct node *list_new(uint64_t count) {
  struct node *list = NULL;
  for (uint64_t i = 0; i < count; i++) {
    struct node *node = bench_alloc(sizeof *node);
    bench_store(&node->next, list);
    node->value = i;
    list = node;
  }
  return list;
}

static void check_list(const struct node *list, uint64_t count) {
  uint64_t seen = 0, sum = 0;
  for (const struct node *node = list; node != NULL; node = node->next) {
    seen++;
    sum += node->value;
  }
  if (seen != count || sum != count * (count - 1) / 2)
    bench_fail("%llu of %llu objects are left", (unsigned long long)seen, (unsigned long long)count);
}

static void list_free(struct node *list) {
  while (list != NULL) {
    struct node *next = list->next;
    bench_free(list);
    list = next;
  }
}

#endif
