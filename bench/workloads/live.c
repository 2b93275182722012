/* live - a live heap of a chosen size in 32-byte objects (see forest.h) under churn: nine trees of ten die at once, the
 * tenth takes the place of one that lived. What is timed is the churn alone; a few explicit collections follow it, so
 * that even a heap that is seldom collected shows the pause of a full collection.
 *
 * Verified: each tree when it dies, and the whole live heap at the end.
 */
#include "forest.h"

static void churn(struct forest *forest, uint64_t trees, struct bench_random *random) {
  for (uint64_t i = 0; i < trees; i++) {
    if (i % 10 == 9) forest_replace(forest, random);
    else forest_drop(forest_next_tree(forest));
  }
}

int main(int argc, char **argv) {
  struct forest forest = {0};
  struct bench_random random = {1};
  bench_start("live", argc, argv);
  uint64_t size_bytes = bench_parameter("size", 1ull << 30);
  uint64_t churn_percent = bench_parameter("churn_percent", 300); /* of the live heap, allocated while the clock runs */
  uint64_t collections = bench_parameter("collections", 3);

  uint64_t build_start_ns = bench_now_ns();
  forest_build(&forest, size_bytes);
  bench_figure("build_ns", (double)(bench_now_ns() - build_start_ns));

  uint64_t trees = forest.tree_count * churn_percent / 100;
  bench_time_start();
  churn(&forest, trees, &random);
  bench_time_stop();
  for (uint64_t i = 0; i < collections; i++) bench_collect();
  forest_check_all(&forest);
  bench_figure("allocation_ns", (double)bench_elapsed_ns() / (double)(trees * FOREST_TREE_NODES));
  return bench_finish(trees * FOREST_TREE_NODES);
}
