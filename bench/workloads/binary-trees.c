/* binary-trees - the program of the Computer Language Benchmarks Game: one stretch tree, one tree that lives to the
 * end, and many that die at once. Two pointers a node, as small as objects with pointers get.
 *
 * Verified: each tree is counted, and the counts are known in closed form.
 */
#include "shim.h"

struct node {
  struct node *left, *right;
};

static struct node *tree_new(unsigned depth) {
  struct node *node = bench_alloc(sizeof *node);
  if (depth == 0) {
    node->left = node->right = NULL;
    return node;
  }
  bench_store(&node->left, tree_new(depth - 1));
  bench_store(&node->right, tree_new(depth - 1));
  return node;
}

static uint64_t tree_count(const struct node *node) {
  return node->left == NULL ? 1 : 1 + tree_count(node->left) + tree_count(node->right);
}

static void tree_drop(struct node *node) {
  if (node->left != NULL) {
    tree_drop(node->left);
    tree_drop(node->right);
  }
  bench_free(node);
}

static uint64_t tree_nodes(unsigned depth) {
  return (2ull << depth) - 1;
}

static void check_count(const struct node *tree, unsigned depth) {
  uint64_t count = tree_count(tree);
  if (count != tree_nodes(depth))
    bench_fail("a tree of depth %u has %llu nodes instead of %llu", depth, (unsigned long long)count,
               (unsigned long long)tree_nodes(depth));
}

static uint64_t make_and_drop(unsigned depth, uint64_t trees) {
  for (uint64_t i = 0; i < trees; i++) {
    struct node *tree = tree_new(depth);
    check_count(tree, depth);
    if (!BENCH_COLLECTS) tree_drop(tree);
  }
  return trees * tree_nodes(depth);
}

int main(int argc, char **argv) {
  enum { MIN_DEPTH = 4 };
  bench_start("binary-trees", argc, argv);
  unsigned depth = (unsigned)bench_parameter("depth", 18);
  if (depth < MIN_DEPTH + 2 || depth > 40) bench_fail("depth must be from %d to 40", MIN_DEPTH + 2);

  bench_time_start();
  uint64_t allocations = make_and_drop(depth + 1, 1);
  struct node *long_lived = tree_new(depth);
  allocations += tree_nodes(depth);
  for (unsigned d = MIN_DEPTH; d <= depth; d += 2) allocations += make_and_drop(d, 1ull << (depth - d + MIN_DEPTH));
  check_count(long_lived, depth);
  if (!BENCH_COLLECTS) tree_drop(long_lived);
  bench_time_stop();
  return bench_finish(allocations);
}
