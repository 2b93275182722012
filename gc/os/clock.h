/* os/clock.h - monotonic time and the calling thread's processor time, in nanoseconds. Callable with the world stopped.
 */
#ifndef GC_OS_CLOCK_H
#define GC_OS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t gc__clock_read_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t gc__clock_ns(void) {
  return gc__clock_read_ns(CLOCK_MONOTONIC);
}

/* What it does not count is waiting, for another thread or for a processor. Costs a system call. */
static inline uint64_t gc__clock_thread_ns(void) {
  return gc__clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

#endif
