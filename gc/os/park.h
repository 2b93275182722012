/* os/park.h - sleeping until a word changes, and waking who sleeps. Both may be called from a signal handler. */
#ifndef GC_OS_PARK_H
#define GC_OS_PARK_H

#include <stdint.h>

/* Sleeps while *word == value, until it is woken, for at most timeout_ns (0: no bound). May return early at any time:
 * callers look at the word again. */
void gc__park_wait(const volatile unsigned *word, unsigned value, uint64_t timeout_ns);
void gc__park_wake_one(const volatile unsigned *word);
void gc__park_wake_all(const volatile unsigned *word);

#endif
