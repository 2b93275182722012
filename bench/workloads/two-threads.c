/* two-threads - objects of mixed sizes from 16 bytes to 8 KiB, each alive until 4,000 more were allocated by its
 * thread; the same work a thread, by one thread and by two in turn. What is reported is the throughput of both, and how
 * many times faster two threads allocate than one. One thread means here one beside the waiting main thread, so that an
 * allocator that is faster in a program without threads has no different mode for the two.
 *
 * Of 20 sizes 16 are from 16 to 128 bytes, 3 up to 1 KiB and 1 up to 8 KiB; about 370 bytes on average.
 * Verified: the first and the last word of each object when it is replaced.
 */
#include "shim.h"

#include <pthread.h>

enum { WINDOW = 4000, SIZES = 4096 };

static uint16_t size_words[SIZES];

static void draw_sizes(void) {
  static const uint16_t low[] = {2, 16, 128}, high[] = {16, 128, 1024};
  struct bench_random random = {1};
  for (int i = 0; i < SIZES; i++) {
    unsigned draw = bench_random_below(&random, 20), kind = draw < 16 ? 0 : draw < 19 ? 1 : 2;
    size_words[i] = (uint16_t)(low[kind] + bench_random_below(&random, high[kind] - low[kind] + 1u));
  }
}

struct worker {
  pthread_t thread;
  uint64_t id;
  uint64_t operations;
  pthread_barrier_t *start;
};

static inline uint64_t *object_new(uint64_t stamp, unsigned words) {
  uint64_t *object = bench_alloc(words * sizeof *object);
  object[0] = stamp;
  object[words - 1] = ~stamp;
  return object;
}

static inline void object_drop(uint64_t *object, uint64_t stamp, unsigned words) {
  if (object[0] != stamp || object[words - 1] != ~stamp)
    bench_fail("object %llx was overwritten", (unsigned long long)stamp);
  bench_free(object);
}

/* A stamp is odd and far below the addresses of a 64-bit process: never mistaken for a pointer. */
static inline uint64_t stamp_of(const struct worker *worker, uint64_t operation) {
  return (operation << 3 | worker->id << 1 | 1) & 0xffffffff;
}

static void *work(void *argument) {
  const struct worker *worker = argument;
  uint64_t **window = bench_alloc(WINDOW * sizeof *window);
  for (int i = 0; i < WINDOW; i++) window[i] = NULL;
  pthread_barrier_wait(worker->start);
  for (uint64_t i = 0; i < worker->operations + WINDOW; i++) {
    uint64_t **slot = &window[i % WINDOW];
    if (i >= WINDOW) object_drop(*slot, stamp_of(worker, i - WINDOW), size_words[(i - WINDOW) % SIZES]);
    if (i < worker->operations) bench_store(slot, object_new(stamp_of(worker, i), size_words[i % SIZES]));
  }
  bench_free(window);
  return NULL;
}

/* Nanoseconds that the given number of threads take for their work, all together. */
static uint64_t run_threads(unsigned threads, uint64_t operations) {
  struct worker workers[2];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, threads + 1);
  for (unsigned i = 0; i < threads; i++) {
    workers[i] = (struct worker){.id = i, .operations = operations, .start = &start};
    int error = bench_thread(&workers[i].thread, work, &workers[i]);
    if (error != 0) bench_fail("creating a thread gives error %d", error);
  }
  pthread_barrier_wait(&start);
  uint64_t start_ns = bench_now_ns();
  for (unsigned i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);
  uint64_t elapsed_ns = bench_now_ns() - start_ns;
  pthread_barrier_destroy(&start);
  return elapsed_ns;
}

int main(int argc, char **argv) {
  bench_start("two-threads", argc, argv);
  uint64_t operations = bench_parameter("operations", 2000000);
  uint64_t repeats = bench_parameter("repeats", 4);
  uint64_t one_ns = 0, two_ns = 0;
  if (operations < WINDOW || repeats == 0) bench_fail("needs %d operations and a repeat", WINDOW);
  draw_sizes();
  run_threads(2, operations / 4); /* warm: the heap has its size from here on */

  bench_time_start();
  for (uint64_t i = 0; i < repeats; i++) {
    one_ns += run_threads(1, operations);
    two_ns += run_threads(2, operations);
  }
  bench_time_stop();
  double work = (double)(operations * repeats);
  bench_figure("one_thread_per_s", work / (double)one_ns * 1e9);
  bench_figure("two_threads_per_s", 2 * work / (double)two_ns * 1e9);
  bench_figure("scaling", 2 * (double)one_ns / (double)two_ns);
  return bench_finish(3 * operations * repeats);
}
