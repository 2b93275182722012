/* bench/peers/malloc - malloc and free of the C library. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "../malloc.h"

#include <gnu/libc-version.h>

#define BENCH_PEER "malloc"

static inline void bench_peer_init(struct bench_report *report) {
  snprintf(report->version, sizeof report->version, "glibc %s", gnu_get_libc_version());
}

#endif
