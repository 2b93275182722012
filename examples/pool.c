/* pool: the same work with blocks of a pool and with single objects. Requests come and go at random, as in a server;
 * each phase ends with all of its blocks at once. Prints what a block costs in time, and the memory that is taken for
 * what is in use: with gc_pool_free and gc_pool_destroy, with gc_free, and left to the collector. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <trefoil/gc.h>
#include <trefoil/pool.h>
#include <trefoil/stats.h>

enum { PHASES = 4, REQUESTS = 50000, EXCHANGES = 500000 };

struct request {
  struct request *before;
  uint64_t number;
  char text[40];
};

enum way { POOL, FREED, COLLECTED };

static struct request *requests[REQUESTS];
static struct gc_pool *pool;

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static uint64_t random_next(uint64_t *state) { /* xorshift64 (Marsaglia 2003) */
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

static struct request *take(enum way way, uint64_t number) {
  struct request *request = way == POOL ? gc_pool_alloc(pool) : gc_new(struct request);
  if (!request) {
    fputs("pool: no memory\n", stderr);
    exit(EXIT_FAILURE);
  }
  request->number = number;
  return request;
}

static void give(enum way way, struct request *request) {
  if (way == POOL) gc_pool_free(pool, request);
  if (way == FREED) gc_free(request);
}

static void run_phase(enum way way, uint64_t seed) {
  uint64_t state = seed;
  for (uint64_t i = 0; i < REQUESTS; i++) requests[i] = take(way, i);
  for (uint64_t i = 0; i < EXCHANGES; i++) {
    uint64_t slot = random_next(&state) % REQUESTS;
    give(way, requests[slot]);
    requests[slot] = take(way, i);
  }
}

static void end_phase(enum way way) {
  for (int i = 0; way == FREED && i < REQUESTS; i++) gc_free(requests[i]);
  for (int i = 0; i < REQUESTS; i++) requests[i] = NULL;
}

static void run(enum way way, const char *name) {
  struct gc_stats stats;
  double taken_ns = 0;
  size_t bytes = 0;
  for (int phase = 1; phase <= PHASES; phase++) {
    double start_ns = now_ns();
    if (way == POOL && !(pool = gc_pool_new(sizeof(struct request), REQUESTS, 0))) exit(EXIT_FAILURE);
    run_phase(way, (uint64_t)phase);
    if (way == POOL) {
      struct gc_pool_usage usage;
      gc_pool_usage(pool, &usage);
      bytes = usage.committed_bytes;
    } else {
      gc_stats(&stats);
      bytes = stats.heap_bytes;
    }
    end_phase(way);
    if (way == POOL) gc_pool_destroy(pool);
    taken_ns += now_ns() - start_ns;
  }
  printf("%-12s %6.1f ns a block, %5.2f bytes taken for a byte in use\n", name,
         taken_ns / PHASES / (REQUESTS + EXCHANGES), (double)bytes / REQUESTS / sizeof(struct request));
}

int main(void) {
  run(POOL, "pool");
  run(FREED, "gc_free");
  run(COLLECTED, "collected");
  return 0;
}
