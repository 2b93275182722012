/* list16 - ten million objects of 16 bytes in one linked list: what the smallest object costs in memory, and the shape
 * that gives a marker nothing to do in parallel.
 *
 * Verified: the length of the list and the sum of its values.
 */
#include "list.h"

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
