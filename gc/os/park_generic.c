/* os/park_generic.c - park.h where nothing better is known: look at the word, sleep a little, look again. */
#include "os/park.h"
#include "base/atomic.h"
#include "os/clock.h"

#include <errno.h>

#define NAP_NS 50000

void gc__park_wait(const volatile unsigned *word, unsigned value, uint64_t timeout_ns) {
  int saved = errno;
  uint64_t end_ns = timeout_ns ? gc__clock_ns() + timeout_ns : UINT64_MAX;
  while (gc__flag_get(word) == value && gc__clock_ns() < end_ns) {
    struct timespec nap = {.tv_sec = 0, .tv_nsec = NAP_NS};
    nanosleep(&nap, NULL);
  }
  errno = saved;
}

void gc__park_wake_one(const volatile unsigned *word) {
  (void)word;
}
void gc__park_wake_all(const volatile unsigned *word) {
  (void)word;
}
