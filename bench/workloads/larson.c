/* larson - threads that hand objects to each other, after the server benchmark of Larson and Krishnan (1998): each
 * thread replaces objects of its set at random and ends; a new thread takes over the set of its neighbour, so that
 * nearly every object dies in another thread than the one that made it.
 *
 * Sizes are even draws from 16 to 1,024 bytes. Verified: the first and the last word of each object when it dies.
 */
#include "shim.h"

#include <pthread.h>

enum { THREADS_MAX = 64, WORDS_MAX = 128 };

struct set {
  uint64_t **objects; /* an object of the heap under test */
  uint64_t count, operations;
  struct bench_random random;
};

/* A stamp knows the object's size; it is odd and small, so that it is never mistaken for a pointer. */
static uint64_t *object_new(struct bench_random *random) {
  unsigned words = 2 + bench_random_below(random, WORDS_MAX - 1);
  uint64_t *object = bench_alloc(words * sizeof *object);
  uint64_t stamp = bench_random_below(random, 1 << 16) << 16 | words << 1 | 1;
  object[0] = stamp;
  object[words - 1] = ~stamp;
  return object;
}

static void object_drop(uint64_t *object) {
  uint64_t words = object[0] >> 1 & 0x7fff;
  if (words < 2 || words > WORDS_MAX || object[words - 1] != ~object[0]) bench_fail("an object was overwritten");
  bench_free(object);
}

static void *replace_objects(void *argument) {
  struct set *set = argument;
  for (uint64_t i = 0; i < set->operations; i++) {
    uint64_t **slot = &set->objects[bench_random_below(&set->random, (uint32_t)set->count)];
    object_drop(*slot);
    bench_store(slot, object_new(&set->random));
  }
  return NULL;
}

static void fill(struct set *set) {
  set->objects = bench_alloc(set->count * sizeof set->objects[0]);
  for (uint64_t i = 0; i < set->count; i++) set->objects[i] = NULL;
  for (uint64_t i = 0; i < set->count; i++) bench_store(&set->objects[i], object_new(&set->random));
}

/* One generation of threads; then each set moves on to the next place. */
static void run_round(struct set **sets, unsigned threads) {
  pthread_t running[THREADS_MAX];
  for (unsigned i = 0; i < threads; i++) {
    int error = bench_thread(&running[i], replace_objects, sets[i]);
    if (error != 0) bench_fail("creating a thread gives error %d", error);
  }
  for (unsigned i = 0; i < threads; i++) pthread_join(running[i], NULL);
  struct set *first = sets[0];
  for (unsigned i = 0; i + 1 < threads; i++) sets[i] = sets[i + 1];
  sets[threads - 1] = first;
}

static void drop_all(struct set *set) {
  for (uint64_t i = 0; i < set->count; i++) object_drop(set->objects[i]);
  bench_free(set->objects);
}

int main(int argc, char **argv) {
  static struct set all[THREADS_MAX];
  static struct set *sets[THREADS_MAX];
  bench_start("larson", argc, argv);
  uint64_t threads = bench_parameter("threads", 4);
  uint64_t count = bench_parameter("objects", 10000); /* of a thread */
  uint64_t rounds = bench_parameter("rounds", 50);
  uint64_t operations = bench_parameter("operations", 50000); /* of a thread, a round */
  if (threads == 0 || threads > THREADS_MAX || count == 0 || count > UINT32_MAX)
    bench_fail("needs 1 to %d threads and an object", THREADS_MAX);
  for (unsigned i = 0; i < threads; i++) {
    all[i] = (struct set){.count = count, .operations = operations, .random = {i + 1}};
    sets[i] = &all[i];
    fill(sets[i]);
  }

  bench_time_start();
  for (uint64_t round = 0; round < rounds; round++) run_round(sets, (unsigned)threads);
  bench_time_stop();
  for (unsigned i = 0; i < threads; i++) drop_all(sets[i]);
  bench_figure("operations_per_s", (double)(threads * rounds * operations) / (double)bench_elapsed_ns() * 1e9);
  return bench_finish(threads * rounds * operations);
}
