/* live - a live heap of a chosen size in 32-byte objects (see forest.h) beside objects that die young: of so many
 * allocations (512) all but one make a list that dies at once, and the last is written into an old object, where it
 * takes the place of a leaf of a tree. The live heap keeps its size, and what there is to find in it are these writes.
 *
 * They are scattered over the whole old heap, or fall into a part of it. A tree has eight places of its 32 KiB for
 * them, one in each page.
 *
 * What is timed is the churn alone; a few explicit collections follow it, so that even a heap that is seldom collected
 * shows the pause of a full collection.
 *
 * Verified: each list and each leaf when it dies, and the whole live heap at the end.
 */
#include "forest.h"

enum { WRITTEN_LEVELS = 3 }; /* of a tree, at random; from there on to the left */

struct churn {
  uint32_t list_nodes;
  uint32_t written_trees; /* the writes fall into the first ones */
  struct bench_random random;
};

/* Lists have numbers that no tree has. */
static void make_and_drop_list(uint64_t number, uint32_t nodes) {
  struct forest_node *list = NULL;
  for (uint32_t i = 0; i < nodes; i++) {
    struct forest_node *node = bench_alloc(sizeof *node);
    node->right = NULL;
    node->tree = number;
    node->check = forest_check(number, i);
    bench_store(&node->left, list);
    list = node;
  }
  for (uint32_t i = nodes; i-- > 0;) {
    struct forest_node *node = list;
    if (node == NULL || node->tree != number || node->check != forest_check(number, i))
      bench_fail("node %u of list %llu was overwritten", i, (unsigned long long)number);
    list = node->left;
    bench_free(node);
  }
}

static void write_to_old_object(const struct forest *forest, struct churn *churn) {
  uint64_t draw = bench_random_next(&churn->random) >> 32;
  struct forest_node *node = forest->trees[bench_random_below(&churn->random, churn->written_trees)];
  uint64_t place = 1;
  for (unsigned level = FOREST_TREE_LEVELS; level > 2; level--) {
    unsigned goes_right = FOREST_TREE_LEVELS - level < WRITTEN_LEVELS ? draw >> level & 1 : 0;
    node = goes_right ? node->right : node->left;
    place = 2 * place + goes_right;
  }
  struct forest_node *old = node->left;
  forest_tree_check(old, node->tree, 2 * place, 1);
  bench_store(&node->left, forest_tree_new(node->tree, 2 * place, 1));
  bench_free(old);
}

int main(int argc, char **argv) {
  struct forest forest = {0};
  bench_start("live", argc, argv);
  uint64_t size_bytes = bench_parameter("size", 1ull << 30);
  uint64_t churn_percent = bench_parameter("churn_percent", 300); /* of the live heap, allocated while the clock runs */
  uint64_t allocations_per_write = bench_parameter("allocations_per_write", 512);
  uint64_t written_percent = bench_parameter("written_percent", 100); /* of the old heap */
  uint64_t collections = bench_parameter("collections", 3);
  if (allocations_per_write == 0 || allocations_per_write > UINT32_MAX || written_percent == 0 || written_percent > 100)
    bench_fail("needs an allocation for each write, and from 1 to 100 percent to write into");

  uint64_t build_start_ns = bench_now_ns();
  forest_build(&forest, size_bytes);
  bench_figure("build_ns", (double)(bench_now_ns() - build_start_ns));

  uint64_t writes = (uint64_t)forest.tree_count * FOREST_TREE_NODES * churn_percent / 100 / allocations_per_write;
  struct churn churn = {
      (uint32_t)allocations_per_write - 1, (uint32_t)((forest.tree_count * written_percent + 99) / 100), {1}};
  bench_time_start();
  for (uint64_t i = 0; i < writes; i++) {
    make_and_drop_list(forest.built_count + i, churn.list_nodes);
    write_to_old_object(&forest, &churn);
  }
  bench_time_stop();
  for (uint64_t i = 0; i < collections; i++) bench_collect();
  forest_check_all(&forest);
  if (writes != 0) bench_figure("allocation_ns", (double)bench_elapsed_ns() / (double)(writes * allocations_per_write));
  return bench_finish(writes * allocations_per_write);
}
