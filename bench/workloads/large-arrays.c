/* large-arrays - arrays from 16 KiB to 4 MiB, of numbers and of pointers in turn, a fixed amount of them alive. Every
 * array is written from end to end once; one of pointers leads to small objects of its own.
 *
 * Verified: the sum over each array of numbers when it dies, and each small object that an array leads to.
 */
#include "shim.h"

enum { WINDOW_MAX = 4096, LOW_LOG2 = 14, HIGH_LOG2 = 22, STEP = 64 };

struct array {
  void *memory; /* doubles, or struct cell * at every STEP-th place and NULL at the others */
  uint64_t number;
  uint32_t words;
  bool has_pointers;
};

struct cell {
  uint64_t number, place;
};

static uint64_t allocations;

static double *numbers_new(uint64_t number, uint32_t words) {
  double *numbers = bench_alloc_leaf(words * sizeof *numbers);
  for (uint32_t i = 0; i < words; i++) numbers[i] = (double)(number % 1000 + i % 8);
  return numbers;
}

static void numbers_check(const double *numbers, uint64_t number, uint32_t words) {
  double sum = 0;
  for (uint32_t i = 0; i < words; i++) sum += numbers[i];
  if (sum != (double)words * ((double)(number % 1000) + 3.5)) bench_fail("an array of numbers was overwritten");
}

static struct cell **cells_new(uint64_t number, uint32_t words) {
  struct cell **cells = bench_alloc(words * sizeof *cells);
  for (uint32_t i = 0; i < words; i++) cells[i] = NULL;
  for (uint32_t i = 0; i < words; i += STEP) {
    bench_store(&cells[i], bench_alloc(sizeof *cells[i]));
    allocations++;
    *cells[i] = (struct cell){number, i};
  }
  return cells;
}

static void cells_drop(struct cell **cells, uint64_t number, uint32_t words) {
  for (uint32_t i = 0; i < words; i += STEP) {
    if (cells[i] == NULL || cells[i]->number != number || cells[i]->place != i)
      bench_fail("place %u of an array of pointers was overwritten", i);
    bench_free(cells[i]);
  }
}

/* As many of each power of two: evenly on the logarithm, in whole pages less a header's worth of odd words. */
static uint32_t draw_words(struct bench_random *random) {
  uint32_t low = 1u << (LOW_LOG2 + bench_random_below(random, HIGH_LOG2 - LOW_LOG2));
  return (low + bench_random_below(random, low)) / 64 * 8;
}

static void array_drop(struct array *array) {
  if (array->memory == NULL) return;
  if (array->has_pointers) cells_drop(array->memory, array->number, array->words);
  else numbers_check(array->memory, array->number, array->words);
  bench_free(array->memory);
  array->memory = NULL;
}

static void array_renew(struct array *array, uint64_t number, struct bench_random *random) {
  uint32_t words = draw_words(random);
  array_drop(array);
  *array = (struct array){NULL, number, words, number % 2 == 1};
  if (array->has_pointers) bench_store(&array->memory, (void *)cells_new(number, words));
  else bench_store(&array->memory, (void *)numbers_new(number, words));
  allocations++;
}

int main(int argc, char **argv) {
  bench_start("large-arrays", argc, argv);
  uint64_t window = bench_parameter("window", 128); /* arrays alive, of 0.7 MiB on average */
  uint64_t operations = bench_parameter("operations", 3000);
  if (window == 0 || window > WINDOW_MAX) bench_fail("window must be from 1 to %d", WINDOW_MAX);
  struct array *arrays = bench_alloc(window * sizeof *arrays);
  struct bench_random random = {1};
  for (uint64_t i = 0; i < window; i++) arrays[i] = (struct array){.memory = NULL};

  bench_time_start();
  for (uint64_t i = 0; i < operations; i++)
    array_renew(&arrays[i < window ? i : bench_random_below(&random, (uint32_t)window)], i, &random);
  for (uint64_t i = 0; i < window; i++) array_drop(&arrays[i]);
  bench_time_stop();
  return bench_finish(allocations);
}
