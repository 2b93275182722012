/* The library itself as a peer, and a way to break it, for tests of the workloads in every mode.
 *
 * BENCH_BREAK=K clears the K-th object as soon as 1,000 more were allocated, as a collector would that gave its memory
 * to somebody else; 0 or nothing: none. With BENCH_FORGET set, a program that promises barriers breaks its promise: its
 * stores are plain.
 */
#ifndef BENCH_BROKEN_TREFOIL_H
#define BENCH_BROKEN_TREFOIL_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define bench_alloc      bench_alloc_whole
#define bench_alloc_leaf bench_alloc_leaf_whole
#include "peers/trefoil/peer.h"
#undef bench_alloc
#undef bench_alloc_leaf

static uint64_t bench_break_at; /* 0: nothing */
static bool bench_forgets;

__attribute__((constructor)) static void bench_read_faults(void) {
  const char *text = getenv("BENCH_BREAK");
  bench_break_at = text == NULL ? 0 : strtoull(text, NULL, 10);
  bench_forgets = getenv("BENCH_FORGET") != NULL;
}

#ifdef BENCH_BARRIER
#undef bench_store
#define bench_store(slot, value) (bench_forgets ? (void)(*(slot) = (value)) : (void)gc_write(slot, value))
#endif

/* The variable keeps the victim alive until it is cleared, whatever the program does with it. */
static inline void *bench_count(void *object) {
  static _Atomic uint64_t count;
  static void *_Atomic victim;
  uint64_t number = atomic_fetch_add(&count, 1) + 1;
  if (number == bench_break_at) victim = object;
  if (bench_break_at != 0 && number == bench_break_at + 1000) memset(victim, 0, gc_size(victim));
  return object;
}

static inline void *bench_alloc(size_t bytes) {
  return bench_count(bench_alloc_whole(bytes));
}

static inline void *bench_alloc_leaf(size_t bytes) {
  return bench_count(bench_alloc_leaf_whole(bytes));
}

#endif
