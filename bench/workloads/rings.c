/* rings - doubly linked rings that are made, kept for a while and dropped: garbage that counting alone never finds. A
 * table has the last ones, and each new ring takes the place of one at random, so that most are old when they go.
 *
 * Verified: each ring is walked both ways when it goes, and memory stays what it was in the first third.
 */
#include "shim.h"

struct node {
  struct node *next, *before;
  uint64_t ring, place;
};

enum { BOUND_PERCENT = 150, SLACK_BYTES = 64 << 20 };

struct table {
  uint64_t slot_count, nodes;
  struct node **slots;
};

static struct node *ring_new(uint64_t ring, uint64_t nodes) {
  struct node *first = NULL, *last = NULL;
  for (uint64_t i = 0; i < nodes; i++) {
    struct node *node = bench_alloc(sizeof *node);
    *node = (struct node){.ring = ring, .place = i};
    if (first == NULL) first = node;
    else {
      bench_store(&last->next, node);
      bench_store(&node->before, last);
    }
    last = node;
  }
  bench_store(&last->next, first);
  bench_store(&first->before, last);
  return first;
}

static void ring_check(const struct node *first, uint64_t nodes) {
  const struct node *node = first;
  for (uint64_t i = 0; i < nodes; i++, node = node->next)
    if (node->ring != first->ring || node->place != i || node->next->before != node)
      bench_fail("node %llu of ring %llu was overwritten", (unsigned long long)i, (unsigned long long)first->ring);
  if (node != first) bench_fail("a ring was overwritten: it does not end where it began");
}

static void ring_free(struct node *first, uint64_t nodes) {
  for (uint64_t i = 0; i < nodes; i++) {
    struct node *next = first->next;
    bench_free(first);
    first = next;
  }
}

static void ring_drop(struct table *table, uint64_t slot) {
  struct node *ring = table->slots[slot];
  if (ring == NULL) return;
  ring_check(ring, table->nodes);
  table->slots[slot] = NULL;
  if (!BENCH_COLLECTS) ring_free(ring, table->nodes);
}

/* What the process holds at most from the first third on, in percent of what it held until then; 0: not much more. */
static uint64_t churn(struct table *table, uint64_t rings) {
  struct bench_random random = {1};
  uint64_t early_bytes = 0, late_bytes = 0;
  for (uint64_t i = 0; i < rings; i++) {
    uint64_t slot = bench_random_below(&random, (uint32_t)table->slot_count);
    ring_drop(table, slot);
    bench_store(&table->slots[slot], ring_new(i, table->nodes));
    if (i % (rings / 96 + 1) != 0) continue;
    uint64_t now_bytes = bench_resident_bytes();
    uint64_t *most_bytes = i < rings / 3 ? &early_bytes : &late_bytes;
    if (now_bytes > *most_bytes) *most_bytes = now_bytes;
  }
  bench_figure("early_bytes", (double)early_bytes);
  bench_figure("late_bytes", (double)late_bytes);
  bench_figure("growth", early_bytes == 0 ? 0 : (double)late_bytes / (double)early_bytes);
  bench_figure("cycles_bytes", (double)bench_cycles_bytes());
  return early_bytes == 0 || late_bytes < early_bytes + SLACK_BYTES ? 0 : late_bytes * 100 / early_bytes;
}

int main(int argc, char **argv) {
  bench_start("rings", argc, argv);
  struct table table = {.slot_count = bench_parameter("kept", 256), .nodes = bench_parameter("nodes", 1000)};
  uint64_t rings = bench_parameter("rings", 2000000);
  if (table.slot_count == 0 || table.nodes == 0 || rings < 3) bench_fail("needs rings and a place for them");
  table.slots = bench_alloc(table.slot_count * sizeof table.slots[0]);
  for (uint64_t i = 0; i < table.slot_count; i++) table.slots[i] = NULL;

  bench_time_start();
  uint64_t percent = churn(&table, rings);
  bench_time_stop();
  if (percent > BOUND_PERCENT) bench_fail("memory grew to %llu %% of what it was", (unsigned long long)percent);
  for (uint64_t i = 0; i < table.slot_count; i++) ring_drop(&table, i);
  bench_free(table.slots);
  return bench_finish(rings * table.nodes);
}
