/* list-drop - what it takes to let go of a list of ten million nodes: the list is built and checked, then the clock
 * starts, the only pointer to it goes, and short lists are made and dropped while the collector finds out. malloc frees
 * the list node by node, which is one long pause of the program's own.
 *
 * Verified: the length of the list and the sum of its values before it goes, and each short list.
 */
#include "list.h"

enum { SHORT_NODES = 1000 };

/* The list is nowhere but in this cell, which lies in the heap: frames and registers keep nothing by chance. */
static struct node **cell_with_list(uint64_t count) {
  struct node **cell = bench_alloc(sizeof *cell);
  bench_store(cell, list_new(count));
  check_list(*cell, count);
  return cell;
}

int main(int argc, char **argv) {
  bench_start("list-drop", argc, argv);
  uint64_t count = bench_parameter("count", 10000000);
  uint64_t turns = bench_parameter("turns", 20000); /* short lists afterwards */
  if (count == 0) bench_fail("needs an object");
  struct node **cell = cell_with_list(count);

  bench_time_start();
  if (!BENCH_COLLECTS) list_free(*cell);
  *cell = NULL;
  for (uint64_t i = 0; i < turns; i++) {
    struct node *list = list_new(SHORT_NODES);
    check_list(list, SHORT_NODES);
    if (!BENCH_COLLECTS) list_free(list);
  }
  bench_time_stop();
  bench_figure("left_bytes", (double)bench_reachable_bytes());
  bench_free(cell);
  return bench_finish(turns * SHORT_NODES);
}
