/* bench/peers/jemalloc - the program's malloc and free, replaced by jemalloc's when it is linked. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "../malloc.h"

#include <jemalloc/jemalloc.h>
#include <string.h>

#define BENCH_PEER "jemalloc"

static inline uint64_t bench_jemalloc_allocated_bytes(void) {
  uint64_t allocated = 0;
  size_t bytes = sizeof allocated;
  if (mallctl("thread.allocated", &allocated, &bytes, NULL, 0) != 0) bench_fail("jemalloc does not count");
  return allocated;
}

static inline void bench_peer_init(struct bench_report *report) {
  const char *version = NULL;
  size_t bytes = sizeof version;
  if (mallctl("version", (void *)&version, &bytes, NULL, 0) != 0) bench_fail("jemalloc does not tell its version");
  snprintf(report->version, sizeof report->version, "%.*s", (int)strcspn(version, "-"), version);
  uint64_t before = bench_jemalloc_allocated_bytes();
  void *volatile object = malloc(1000);
  if (bench_jemalloc_allocated_bytes() == before) bench_fail("malloc is not jemalloc's");
  free(object);
}

#endif
