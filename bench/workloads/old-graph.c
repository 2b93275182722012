/* old-graph - writes to old objects: a graph whose nodes live from the start to the end, while their links change all
 * the time and every other operation hangs a new small object on an old one. What a collector pays for noticing writes,
 * and for tracing where few objects die, shows here.
 *
 * An operation exchanges two links at random, so that each node keeps as many links to it as it began with.
 * Verified: each label when it is replaced; at the end every label, and that each node has all links to it.
 */
#include "shim.h"

#include <stdlib.h>

enum { LINKS = 4 };

struct label {
  uint64_t id, version;
  uint64_t check;
};

struct node {
  struct node *links[LINKS];
  struct label *label; /* a leaf */
  uint64_t id;
};

static const uint64_t mixer = 0x9e3779b97f4a7c15ull;

static struct label *label_new(uint64_t id, uint64_t version) {
  struct label *label = bench_alloc_leaf(sizeof *label);
  *label = (struct label){id, version, (id + version) * mixer};
  return label;
}

static void label_check(const struct label *label, uint64_t id) {
  if (label->id != id || label->check != (id + label->version) * mixer)
    bench_fail("the label of node %llu was overwritten", (unsigned long long)id);
}

static struct node **graph_new(uint32_t count) {
  struct node **nodes = bench_alloc(count * sizeof *nodes);
  for (uint32_t i = 0; i < count; i++) nodes[i] = NULL;
  for (uint32_t i = 0; i < count; i++) {
    struct node *node = bench_alloc(sizeof *node);
    *node = (struct node){.id = i};
    bench_store(&nodes[i], node);
    bench_store(&node->label, label_new(i, 0));
  }
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < LINKS; k++) bench_store(&nodes[i]->links[k], nodes[(i + k + 1) % count]);
  return nodes;
}

static void exchange_links(struct node **nodes, uint32_t count, struct bench_random *random) {
  uint32_t draw = bench_random_below(random, LINKS * LINKS);
  struct node **one = &nodes[bench_random_below(random, count)]->links[draw % LINKS];
  struct node **other = &nodes[bench_random_below(random, count)]->links[draw / LINKS];
  struct node *node = *one;
  bench_store(one, *other);
  bench_store(other, node);
}

static void renew_label(struct node *node, uint64_t version) {
  struct label *old = node->label;
  label_check(old, node->id);
  bench_store(&node->label, label_new(node->id, version));
  bench_free(old);
}

static void check_graph(struct node **nodes, uint32_t count) {
  uint8_t *links_to = calloc(count, 1);
  if (links_to == NULL) bench_fail("no memory to count links");
  for (uint32_t i = 0; i < count; i++) {
    if (nodes[i]->id != i) bench_fail("node %u was overwritten", i);
    label_check(nodes[i]->label, i);
    for (uint32_t k = 0; k < LINKS; k++) {
      const struct node *to = nodes[i]->links[k];
      if (to == NULL || to->id >= count) bench_fail("a link of node %u was overwritten", i);
      links_to[to->id]++;
    }
  }
  for (uint32_t i = 0; i < count; i++)
    if (links_to[i] != LINKS) bench_fail("%u links to node %u are left", links_to[i], i);
  free(links_to);
}

int main(int argc, char **argv) {
  bench_start("old-graph", argc, argv);
  uint64_t size_bytes = bench_parameter("size", 256 << 20);
  uint64_t operations = bench_parameter("operations", 10000000);
  uint64_t count = size_bytes / (sizeof(struct node) + sizeof(struct label) + sizeof(struct node *));
  if (count == 0 || count > UINT32_MAX) bench_fail("the graph must be from 80 bytes to 320G");
  struct bench_random random = {1};
  struct node **nodes = graph_new((uint32_t)count);

  bench_time_start();
  for (uint64_t i = 0; i < operations; i++) {
    exchange_links(nodes, (uint32_t)count, &random);
    if (i % 2 == 1) renew_label(nodes[bench_random_below(&random, (uint32_t)count)], i);
  }
  bench_time_stop();
  bench_figure("operation_ns", (double)bench_elapsed_ns() / (double)operations);
  check_graph(nodes, (uint32_t)count);
  return bench_finish(operations / 2);
}
