/* gcbench - after the benchmark of John Ellis and Pete Kovac, as Hans Boehm adapted it: a stretch tree, a long-lived
 * tree and a long-lived array of doubles, and short-lived trees of growing depth, half of them built from the root down
 * (each new object is stored into an older one) and half from the leaves up.
 *
 * Verified: the shape and the contents of the long-lived tree and of the last tree of each depth, and the array.
 */
#include "shim.h"

struct node {
  struct node *left, *right;
  int i, j;
};

enum { STRETCH_DEPTH = 18, LONG_LIVED_DEPTH = 16, MIN_DEPTH = 4, ARRAY_COUNT = 500000 };

static uint64_t allocations;

static struct node *node_new(struct node *left, struct node *right) {
  struct node *node = bench_alloc(sizeof *node);
  *node = (struct node){NULL, NULL, 3, 4};
  bench_store(&node->left, left);
  bench_store(&node->right, right);
  allocations++;
  return node;
}

static void grow_down(unsigned depth, struct node *node) {
  if (depth == 0) return;
  bench_store(&node->left, node_new(NULL, NULL));
  bench_store(&node->right, node_new(NULL, NULL));
  grow_down(depth - 1, node->left);
  grow_down(depth - 1, node->right);
}

static struct node *tree_top_down(unsigned depth) {
  struct node *root = node_new(NULL, NULL);
  grow_down(depth, root);
  return root;
}

static struct node *tree_bottom_up(unsigned depth) {
  if (depth == 0) return node_new(NULL, NULL);
  struct node *left = tree_bottom_up(depth - 1);
  struct node *right = tree_bottom_up(depth - 1);
  return node_new(left, right);
}

static uint64_t tree_nodes(unsigned depth) {
  return (2ull << depth) - 1;
}

static uint64_t count_whole(const struct node *node) {
  if (node == NULL) return 0;
  if (node->i != 3 || node->j != 4) bench_fail("a node was overwritten");
  return 1 + count_whole(node->left) + count_whole(node->right);
}

static void check_tree(const struct node *tree, unsigned depth) {
  if (count_whole(tree) != tree_nodes(depth)) bench_fail("a tree of depth %u lost nodes", depth);
}

static void tree_drop(struct node *node) {
  if (BENCH_COLLECTS || node == NULL) return;
  tree_drop(node->left);
  tree_drop(node->right);
  bench_free(node);
}

/* As many trees as make up twice the stretch tree. */
static void make_and_drop(unsigned depth, struct node *(*tree_new)(unsigned)) {
  uint64_t trees = 2 * tree_nodes(STRETCH_DEPTH) / tree_nodes(depth);
  for (uint64_t i = 0; i < trees; i++) {
    struct node *tree = tree_new(depth);
    if (i == trees - 1) check_tree(tree, depth);
    tree_drop(tree);
  }
}

static double *array_new(void) {
  double *array = bench_alloc_leaf(ARRAY_COUNT * sizeof *array);
  for (int i = 0; i < ARRAY_COUNT; i++) array[i] = 1.0 / (i + 1);
  allocations++;
  return array;
}

static void check_array(const double *array) {
  for (int i = 0; i < ARRAY_COUNT; i++)
    if (array[i] != 1.0 / (i + 1)) bench_fail("element %d of the array was overwritten", i);
}

int main(int argc, char **argv) {
  bench_start("gcbench", argc, argv);
  uint64_t repeats = bench_parameter("repeats", 3);

  bench_time_start();
  for (uint64_t i = 0; i < repeats; i++) {
    tree_drop(tree_bottom_up(STRETCH_DEPTH));
    struct node *long_lived = tree_top_down(LONG_LIVED_DEPTH);
    double *array = array_new();
    for (unsigned depth = MIN_DEPTH; depth <= LONG_LIVED_DEPTH; depth += 2) {
      make_and_drop(depth, tree_top_down);
      make_and_drop(depth, tree_bottom_up);
    }
    check_tree(long_lived, LONG_LIVED_DEPTH);
    check_array(array);
    tree_drop(long_lived);
    bench_free(array);
  }
  bench_time_stop();
  return bench_finish(allocations);
}
