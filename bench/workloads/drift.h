/* drift.h - sizes that drift, for fragmentation.c and drift-freed.c: a fixed amount of live memory whose
 * objects grow from 32 bytes to 4 KiB on average and shrink again, phase by phase. One object in sixteen outlives the
 * phase that made it by far, so that memory shaped for one size is seldom quite empty when the next size wants it. What
 * is reported beside the time is the memory of the process over the live bytes, at the end of the last phase.
 *
 * Verified: the first and the last word of each object when it dies.
 */
#ifndef BENCH_DRIFT_H
#define BENCH_DRIFT_H

#include "shim.h"

enum { SURVIVORS = 16, PHASES_MAX = 1000, PEAK_PHASE = 7 };

struct heap {
  uint64_t **objects; /* an object of the heap under test */
  uint64_t capacity;  /* places */
  uint64_t count, live_bytes, limit_bytes;
};

static uint64_t allocations;

/* Phase 0 has 32 bytes, each next one twice as many up to PEAK_PHASE, then half as many, and so on. */
static unsigned mean_words(unsigned phase) {
  unsigned step = phase % (2 * PEAK_PHASE);
  return 4u << (step <= PEAK_PHASE ? step : 2 * PEAK_PHASE - step);
}

static uint64_t words_of(const uint64_t *object) {
  uint64_t words = object[0] >> 1 & 0x7fff;
  if (words < 2 || object[words - 1] != ~object[0]) bench_fail("an object was overwritten");
  return words;
}

/* A stamp knows the object's size; it is odd and small, so that it is never mistaken for a pointer. */
static void add_object(struct heap *heap, unsigned mean, struct bench_random *random) {
  unsigned words = mean / 2 + bench_random_below(random, mean + 1);
  uint64_t *object = bench_alloc(words * sizeof *object);
  uint64_t stamp = (allocations++ << 16 | words << 1 | 1) & 0xffffffff;
  object[0] = stamp;
  object[words - 1] = ~stamp;
  bench_store(&heap->objects[heap->count++], object);
  heap->live_bytes += words * sizeof *object;
}

static void drop_object(struct heap *heap, uint64_t index) {
  uint64_t *object = heap->objects[index];
  heap->live_bytes -= words_of(object) * sizeof *object;
  bench_store(&heap->objects[index], heap->objects[--heap->count]);
  heap->objects[heap->count] = NULL;
  bench_free(object);
}

/* Survivors stand at the front; anything behind them may die, and now and then one of them. */
static void make_room(struct heap *heap, struct bench_random *random) {
  while (heap->live_bytes > heap->limit_bytes || heap->count == heap->capacity) {
    uint64_t survivors = heap->count / SURVIVORS;
    bool takes_survivor = survivors != 0 && bench_random_below(random, 8 * SURVIVORS) == 0;
    uint64_t index = takes_survivor ? bench_random_below(random, (uint32_t)survivors)
                                    : survivors + bench_random_below(random, (uint32_t)(heap->count - survivors));
    drop_object(heap, index);
  }
}

static void run_phase(struct heap *heap, unsigned phase, uint64_t turnover_percent, struct bench_random *random) {
  uint64_t objects = heap->limit_bytes / 8 / mean_words(phase) * turnover_percent / 100;
  for (uint64_t i = 0; i < objects; i++) {
    make_room(heap, random);
    add_object(heap, mean_words(phase), random);
  }
}

static int run_drift(const char *name, int argc, char **argv) {
  bench_start(name, argc, argv);
  uint64_t size_bytes = bench_parameter("size", 64 << 20);
  uint64_t phases = bench_parameter("phases", 2 * PEAK_PHASE + 1);
  uint64_t turnover_percent = bench_parameter("turnover_percent", 200); /* of the live bytes, allocated a phase */
  if (size_bytes < 1 << 16 || size_bytes > 32ull << 30 || phases == 0 || phases > PHASES_MAX)
    bench_fail("needs 64K to 32G and 1 to %d phases", PHASES_MAX);
  struct heap heap = {.capacity = size_bytes / 24, .limit_bytes = size_bytes};
  struct bench_random random = {1};
  heap.objects = bench_alloc(heap.capacity * sizeof heap.objects[0]);
  for (uint64_t i = 0; i < heap.capacity; i++) heap.objects[i] = NULL;

  bench_time_start();
  for (unsigned phase = 0; phase < phases; phase++) run_phase(&heap, phase, turnover_percent, &random);
  bench_time_stop();
  double held_bytes = (double)(heap.live_bytes + heap.capacity * sizeof heap.objects[0]);
  bench_figure("memory_over_live", (double)bench_resident_bytes() / held_bytes);
  while (heap.count != 0) drop_object(&heap, heap.count - 1);
  return bench_finish(allocations);
}

#endif
