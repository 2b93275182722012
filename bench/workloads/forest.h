/* forest - a live heap of a chosen size in 32-byte objects: an array of trees of 1,023 nodes, each tree built at once.
 *
 * A node knows its tree's number and its place, mixed into one word, so that a node that was reclaimed or overwritten
 * is noticed wherever a tree is read. Trees are replaced one by one: that is the churn of the workloads built on it.
 */
#ifndef BENCH_FOREST_H
#define BENCH_FOREST_H

#include "shim.h"

enum { FOREST_TREE_LEVELS = 10, FOREST_TREE_NODES = (1 << FOREST_TREE_LEVELS) - 1 };

struct forest_node {
  struct forest_node *left, *right;
  uint64_t tree;
  uint64_t check;
};
_Static_assert(sizeof(struct forest_node) == 32, "the workloads promise 32-byte objects");

struct forest {
  struct forest_node **trees; /* an object of the heap under test */
  uint32_t tree_count;
  uint64_t built_count; /* trees built so far; the next tree's number */
};

static inline uint64_t forest_check(uint64_t tree, uint64_t place) {
  return (tree * 2048 + place) * 0x9e3779b97f4a7c15ull;
}

static struct forest_node *forest_tree_new(uint64_t tree, uint64_t place, unsigned levels) {
  struct forest_node *node = bench_alloc(sizeof *node);
  node->tree = tree;
  node->check = forest_check(tree, place);
  if (levels == 1) {
    node->left = node->right = NULL;
    return node;
  }
  bench_store(&node->left, forest_tree_new(tree, 2 * place, levels - 1));
  bench_store(&node->right, forest_tree_new(tree, 2 * place + 1, levels - 1));
  return node;
}

static void forest_tree_check(const struct forest_node *node, uint64_t tree, uint64_t place, unsigned levels) {
  if (node->tree != tree || node->check != forest_check(tree, place))
    bench_fail("node %llu of tree %llu was overwritten", (unsigned long long)place, (unsigned long long)tree);
  if (levels == 1) return;
  forest_tree_check(node->left, tree, 2 * place, levels - 1);
  forest_tree_check(node->right, tree, 2 * place + 1, levels - 1);
}

static void forest_tree_free(struct forest_node *node) {
  if (node == NULL) return;
  forest_tree_free(node->left);
  forest_tree_free(node->right);
  bench_free(node);
}

static inline struct forest_node *forest_next_tree(struct forest *forest) {
  return forest_tree_new(forest->built_count++, 1, FOREST_TREE_LEVELS);
}

/* Verifies the tree and lets it die. */
static inline void forest_drop(struct forest_node *tree) {
  forest_tree_check(tree, tree->tree, 1, FOREST_TREE_LEVELS);
  if (!BENCH_COLLECTS) forest_tree_free(tree);
}

static inline void forest_build(struct forest *forest, uint64_t size_bytes) {
  uint64_t count = size_bytes / (FOREST_TREE_NODES * sizeof(struct forest_node));
  if (count == 0 || count > UINT32_MAX) bench_fail("the live heap must be from 32K to 128G");
  forest->tree_count = (uint32_t)count;
  forest->trees = bench_alloc(count * sizeof forest->trees[0]);
  for (uint64_t i = 0; i < count; i++) forest->trees[i] = NULL; /* what is not built yet must not look like a tree */
  for (uint64_t i = 0; i < count; i++) bench_store(&forest->trees[i], forest_next_tree(forest));
}

static inline void forest_replace(struct forest *forest, struct bench_random *random) {
  uint32_t index = bench_random_below(random, forest->tree_count);
  struct forest_node *tree = forest_next_tree(forest);
  forest_drop(forest->trees[index]);
  bench_store(&forest->trees[index], tree);
}

static inline void forest_check_all(const struct forest *forest) {
  for (uint32_t i = 0; i < forest->tree_count; i++)
    forest_tree_check(forest->trees[i], forest->trees[i]->tree, 1, FOREST_TREE_LEVELS);
}

#endif
