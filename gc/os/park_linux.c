/* os/park_linux.c - park.h over futexes. */
#include "os/park.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void gc__park_wait(const volatile unsigned *word, unsigned value, uint64_t timeout_ns) {
  struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns ? &timeout : NULL, NULL, 0);
  errno = saved;
}

static void wake(const volatile unsigned *word, int count) {
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
  errno = saved;
}

void gc__park_wake_one(const volatile unsigned *word) {
  wake(word, 1);
}
void gc__park_wake_all(const volatile unsigned *word) {
  wake(word, INT_MAX);
}
