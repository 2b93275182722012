/* list16 - ten million objects of 16 bytes in one linked list: what the smallest object costs in memory, and the shape
 * that gives a marker nothing to do in parallel.
 *
 * Verified: the length of the list and the sum of its values.
 */
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

int main(int argc, char **argv) {
  bench_start("list16", argc, argv);
  uint64_t count = bench_parameter("count", 10000000);
  if (count == 0) bench_fail("needs an object");

  bench_time_start();
  struct node *list = list_new(count);
  check_list(list, count);
  if (!BENCH_COLLECTS) list_free(list);
  bench_time_stop();
  return bench_finish(count);
}
