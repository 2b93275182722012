/* false-roots - a live heap (see forest.h) beside a static array of random values that all look like addresses in it.
 * The values span the live heap and as much address space again above it, where the heap grows.
 *
 * Each round replaces half as many trees as there are, at random, allocates as many that die at once, and collects.
 * What the random values keep alive must level off: the workload fails when the memory of the process after the last
 * round is more than a tenth above that after round 10. Also reported: what the last collection kept beyond the trees.
 * Verified: each tree when it dies, and the whole live heap at the end.
 */
#include "forest.h"

enum { DECOYS_MAX = 1000000, SETTLED_ROUND = 10 };

/* External, so that no compiler can conclude that nobody reads it. */
uintptr_t bench_decoys[DECOYS_MAX];

struct range {
  uintptr_t low, high;
};

static void include_tree(struct range *range, const struct forest_node *node) {
  uintptr_t address = (uintptr_t)node;
  if (node == NULL) return;
  if (address < range->low) range->low = address;
  if (address + sizeof *node > range->high) range->high = address + sizeof *node;
  include_tree(range, node->left);
  include_tree(range, node->right);
}

static void draw_decoys(const struct forest *forest, uint64_t count, struct bench_random *random) {
  struct range range = {UINTPTR_MAX, 0};
  for (uint32_t i = 0; i < forest->tree_count; i++) include_tree(&range, forest->trees[i]);
  uintptr_t span_bytes = 2 * (range.high - range.low);
  for (uint64_t i = 0; i < count; i++) bench_decoys[i] = range.low + bench_random_next(random) % span_bytes;
}

static void run_round(struct forest *forest, struct bench_random *random) {
  for (uint32_t i = 0; i < forest->tree_count / 2; i++) {
    forest_replace(forest, random);
    forest_drop(forest_next_tree(forest));
  }
  bench_collect();
}

static void report_retained(const struct forest *forest) {
  uint64_t live_bytes = (uint64_t)forest->tree_count * FOREST_TREE_NODES * sizeof(struct forest_node);
  uint64_t reachable_bytes = bench_reachable_bytes();
  bench_figure("reachable_bytes", (double)reachable_bytes);
  bench_figure("expected_bytes", (double)live_bytes);
#ifdef GC_OPTIONS_INIT /* trefoil counts more than that */
  struct gc_stats stats;
  gc_stats(&stats);
  bench_figure("false_words", (double)stats.false_words);
  bench_figure("blacklisted_bytes", (double)stats.blacklisted_bytes);
#endif
}

int main(int argc, char **argv) {
  struct forest forest = {0};
  struct bench_random random = {1};
  bench_start("false-roots", argc, argv);
  uint64_t size_bytes = bench_parameter("size", 256 << 20);
  uint64_t decoys = bench_parameter("decoys", DECOYS_MAX);
  uint64_t rounds = bench_parameter("rounds", 100);
  if (decoys > DECOYS_MAX || rounds < SETTLED_ROUND)
    bench_fail("at most %d decoys, at least %d rounds", DECOYS_MAX, SETTLED_ROUND);
  forest_build(&forest, size_bytes);
  draw_decoys(&forest, decoys, &random);

  uint64_t settled_bytes = 0, final_bytes = 0;
  bench_time_start();
  for (uint64_t round = 1; round <= rounds; round++) {
    run_round(&forest, &random);
    final_bytes = bench_resident_bytes();
    if (round == SETTLED_ROUND) settled_bytes = final_bytes;
  }
  bench_time_stop();
  forest_check_all(&forest);
  bench_figure("round_10_bytes", (double)settled_bytes);
  bench_figure("last_round_bytes", (double)final_bytes);
  bench_figure("growth", (double)final_bytes / (double)settled_bytes);
  report_retained(&forest);
  if (final_bytes > settled_bytes + settled_bytes / 10)
    bench_fail("memory grew from %llu MB at round %d to %llu MB", (unsigned long long)settled_bytes / 1000000,
               SETTLED_ROUND, (unsigned long long)final_bytes / 1000000);
  return bench_finish(rounds * (forest.tree_count / 2) * 2 * FOREST_TREE_NODES);
}
