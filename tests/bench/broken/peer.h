/* A peer for tests of the workloads: it reclaims nothing, and overwrites one object that is still in use.
 *
 * BENCH_BREAK=K clears the K-th object as soon as 1,000 more were allocated; 0 or nothing: none, and the peer is
 * right but for its appetite for memory. Objects come out of one mapping that is never reused.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BENCH_PEER     "broken"
#define BENCH_COLLECTS true

static char *bench_arena;
static _Atomic size_t bench_arena_used_bytes;
static _Atomic uint64_t bench_allocated_count;
static uint64_t bench_break_at;
static void *_Atomic bench_victim;
static size_t bench_victim_bytes;

static inline void *bench_alloc(size_t bytes) {
  enum { ARENA_BYTES_LOG2 = 35, DELAY = 1000 };
  if (bench_arena == NULL) {
    bench_arena =
        mmap(NULL, 1ul << ARENA_BYTES_LOG2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bench_arena == MAP_FAILED) bench_fail("no address space");
  }
  bytes = (bytes + 15) / 16 * 16;
  size_t at_bytes = atomic_fetch_add(&bench_arena_used_bytes, bytes);
  if (at_bytes + bytes > 1ul << ARENA_BYTES_LOG2) bench_fail("out of memory");
  uint64_t number = atomic_fetch_add(&bench_allocated_count, 1) + 1;
  if (number == bench_break_at) {
    bench_victim_bytes = bytes;
    bench_victim = bench_arena + at_bytes;
  }
  if (bench_break_at != 0 && number == bench_break_at + DELAY) memset(bench_victim, 0, bench_victim_bytes);
  return bench_arena + at_bytes;
}

static inline void *bench_alloc_leaf(size_t bytes) {
  return bench_alloc(bytes);
}

static inline void bench_free(void *object) {
  (void)object;
}

static inline void bench_collect(void) {
  bench_pause(BENCH_PAUSE_FULL, bench_now_ns(), 1);
}

static inline int bench_thread(pthread_t *thread, void *(*fn)(void *), void *argument) {
  return pthread_create(thread, NULL, fn, argument);
}

static inline uint64_t bench_reachable_bytes(void) {
  return 0;
}

static inline void bench_peer_counters(struct bench_counters *counters) {
  *counters = (struct bench_counters){0};
}

static inline void bench_peer_init(struct bench_report *report) {
  const char *text = getenv("BENCH_BREAK");
  bench_break_at = text == NULL ? 0 : strtoull(text, NULL, 10);
  report->mode = "none";
}

#endif
