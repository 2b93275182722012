/* os/clock.h - monotonic time in nanoseconds. Callable with the world stopped. */
#ifndef GC_OS_CLOCK_H
#define GC_OS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t gc__clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
