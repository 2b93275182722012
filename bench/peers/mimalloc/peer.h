/* bench/peers/mimalloc - the program's malloc and free, replaced by mimalloc's when it is linked. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "../malloc.h"

#include <mimalloc.h>

#define BENCH_PEER "mimalloc"

static inline void bench_peer_init(struct bench_report *report) {
  int version = mi_version();
  snprintf(report->version, sizeof report->version, "%d.%d.%d", version / 100, version / 10 % 10, version % 10);
  void *volatile object = malloc(1000);
  bool is_mimalloc = mi_is_in_heap_region(object);
  free(object);
  if (!is_mimalloc) bench_fail("malloc is not mimalloc's");
}

#endif
