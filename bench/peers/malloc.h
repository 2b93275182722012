/* bench/peers/malloc.h - what the peers behind malloc and free share; included by their peer.h only.
 *
 * They are told apart at link time. What each peer.h adds is its version, asked of the allocator itself, so that a
 * report cannot name an allocator that is not the one in use.
 */
#ifndef BENCH_PEERS_MALLOC_H
#define BENCH_PEERS_MALLOC_H

#include <pthread.h>
#include <stdlib.h>

#define BENCH_COLLECTS false

static inline void *bench_alloc(size_t bytes) {
  void *object = malloc(bytes);
  if (object == NULL) bench_fail("out of memory");
  return object;
}

static inline void *bench_alloc_leaf(size_t bytes) {
  return bench_alloc(bytes);
}

static inline void bench_free(void *object) {
  free(object);
}

static inline void bench_collect(void) {}

static inline int bench_thread(pthread_t *thread, void *(*fn)(void *), void *argument) {
  return pthread_create(thread, NULL, fn, argument);
}

static inline uint64_t bench_reachable_bytes(void) {
  return 0;
}

static inline void bench_peer_counters(struct bench_counters *counters) {
  *counters = (struct bench_counters){0};
}

#endif
