/* live-random - the live heap of 'live' with its 32-byte objects linked at random: one binary tree over all of them, in
 * which every link leads to a random place of memory. Reports what marking one of these objects costs, in explicit
 * collections only: nothing is allocated once the objects are linked. Beside it stands what the machine takes to load,
 * in the same order and asked for as far ahead, one byte a 16 bytes of heap and one word of each object, which no
 * marker can do without: memory, and who else uses it, may be the bound.
 *
 * The order is drawn in memory from malloc, which no collector scans. Until then the objects hang in one list.
 * Verified: every node is met once on a walk of the tree after the collections.
 */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

struct node {
  struct node *left, *right;
  uint64_t number;
  uint64_t check;
};
_Static_assert(sizeof(struct node) == 32, "the workload promises 32-byte objects");

static const uint64_t mixer = 0x9e3779b97f4a7c15ull;

static struct node *list_new(uint64_t count) {
  struct node *list = NULL;
  for (uint64_t i = 0; i < count; i++) {
    struct node *node = bench_alloc(sizeof *node);
    *node = (struct node){NULL, NULL, i, i * mixer};
    bench_store(&node->left, list);
    list = node;
  }
  return list;
}

static void shuffle(struct node **nodes, uint32_t count) {
  struct bench_random random = {1};
  for (uint32_t i = count - 1; i > 0; i--) {
    uint32_t other = bench_random_below(&random, i + 1);
    struct node *node = nodes[i];
    nodes[i] = nodes[other];
    nodes[other] = node;
  }
}

enum { GATHER_AHEAD = 32 };

/* Nanoseconds an object. Two rounds, of which the second counts: the bytes are touched then. */
static double gather_ns_per_object(struct node *const *nodes, uint32_t count) {
  uintptr_t low = UINTPTR_MAX, high = 0;
  for (uint32_t i = 0; i < count; i++) {
    if ((uintptr_t)nodes[i] < low) low = (uintptr_t)nodes[i];
    if ((uintptr_t)nodes[i] > high) high = (uintptr_t)nodes[i];
  }
  unsigned char *bytes = malloc((high - low) / 16 + 1);
  if (bytes == NULL) bench_fail("no memory for a byte a 16 bytes of heap");
  memset(bytes, 1, (high - low) / 16 + 1);
  uint64_t sum = 0, start_ns = 0;
  for (int round = 0; round < 2; round++) {
    start_ns = bench_now_ns();
    for (uint32_t i = 0; i < count; i++) {
      const struct node *ahead = nodes[i + GATHER_AHEAD < count ? i + GATHER_AHEAD : i];
      __builtin_prefetch(&bytes[((uintptr_t)ahead - low) / 16]);
      __builtin_prefetch(ahead);
      sum += nodes[i]->number + bytes[((uintptr_t)nodes[i] - low) / 16];
    }
  }
  uint64_t elapsed_ns = bench_now_ns() - start_ns;
  free(bytes);
  if (sum != 2 * ((uint64_t)count * (count - 1) / 2 + count))
    bench_fail("the objects have other numbers than they got");
  return (double)elapsed_ns / count;
}

/* Node k of the order leads to nodes 2k+1 and 2k+2. */
static struct node *link_at_random(struct node *list, uint32_t count) {
  struct node **nodes = malloc(count * sizeof *nodes);
  if (nodes == NULL) bench_fail("no memory for the order of %u objects", count);
  for (uint32_t i = 0; i < count; i++, list = list->left) {
    if (list == NULL) bench_fail("%u of %u objects are left in the list", i, count);
    nodes[i] = list;
  }
  shuffle(nodes, count);
  bench_figure("gather_ns_per_object", gather_ns_per_object(nodes, count));
  for (uint64_t i = 0; i < count; i++) {
    bench_store(&nodes[i]->left, 2 * i + 1 < count ? nodes[2 * i + 1] : NULL);
    bench_store(&nodes[i]->right, 2 * i + 2 < count ? nodes[2 * i + 2] : NULL);
  }
  struct node *root = nodes[0];
  free(nodes);
  return root;
}

struct walk {
  uint64_t count, sum;
};

static void visit(const struct node *node, struct walk *walk) {
  if (node->check != node->number * mixer) bench_fail("object %llu was overwritten", (unsigned long long)node->number);
  walk->count++;
  walk->sum += node->number;
  if (node->left != NULL) visit(node->left, walk);
  if (node->right != NULL) visit(node->right, walk);
}

static void check_all(const struct node *root, uint64_t count) {
  struct walk walk = {0, 0};
  visit(root, &walk);
  if (walk.count != count || walk.sum != count * (count - 1) / 2)
    bench_fail("%llu of %llu objects are left", (unsigned long long)walk.count, (unsigned long long)count);
}

/* Where the peer does not count marking itself, the whole pause is taken for it. */
static double mark_ns_per_object(uint64_t count) {
  struct bench_counters counters = bench_counters_since_start();
  if (counters.objects_marked != 0) return (double)counters.mark_ns / (double)counters.objects_marked;
  uint64_t sum_ns = 0;
  if (bench_pauses_count() == 0) bench_fail("a collection without a pause: nothing to report");
  for (size_t i = 0; i < bench_pauses_count(); i++) sum_ns += bench_pause_length_ns(i);
  return (double)sum_ns / (double)bench_pauses_count() / (double)count;
}

int main(int argc, char **argv) {
  bench_start("live-random", argc, argv);
  uint64_t size_bytes = bench_parameter("size", 1ull << 30);
  uint64_t collections = bench_parameter("collections", 2);
  uint64_t count = size_bytes / sizeof(struct node);
  if (count == 0 || count > UINT32_MAX || collections == 0) bench_fail("needs 32 bytes to 128G and a collection");

  struct node *root = link_at_random(list_new(count), (uint32_t)count);
  bench_time_start();
  for (uint64_t i = 0; i < collections; i++) bench_collect();
  bench_time_stop();
  bench_figure("mark_ns_per_object", mark_ns_per_object(count));
  check_all(root, count);
  return bench_finish(0);
}
