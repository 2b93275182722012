/* os/tsan.h - living in a program that runs under ThreadSanitizer, whether or not the library itself is instrumented.
 *
 * [tsan.outside] ThreadSanitizer's runtime takes locks of its own inside the calls that the compiler adds to a program
 * and inside the C library's functions that it replaces. A thread that slept through a stop with such a lock would keep
 * it from the collector, and from a thread that is to finish a section first: both would wait for ever. So a thread
 * whose signal arrives while it executes code of the runtime does not answer; the signal is sent to it again a little
 * later, until it is met elsewhere. A call of the runtime ends, or waits in the C library (for a mutex of the program,
 * say), where the runtime holds none of the locks that the library's own calls need: so the thread is met outside at
 * last, and while the world is stopped the library may call into the runtime like anybody.
 *
 * [tsan.inside] The exception: to write a report, and when the program opens or closes a library, the runtime asks the
 * loader with a lock of its own held, which waits for a collection that holds the loader; other threads may want that
 * lock too, inside the runtime. They answer there after many signals. The locks in question serve reports and dlopen
 * only, which neither a collection nor a section comes to: unless the library itself is instrumented and has a race to
 * report (see os/segments_elf.c for those tests).
 *
 * [tsan.edges] The runtime cannot see that a stop orders what threads do before it and after it, and would report a
 * race when memory finds a new owner. So each stop tells it: all that threads did before they answered comes before
 * what the collector does, and that comes before what they do afterwards. Memory that gc_free releases finds a new
 * owner without a stop: what a thread did before it freed a cell comes before what is done by any thread that takes a
 * block or pages later. What a stopper did before it asks comes before what a thread reads that was asked and has not
 * answered ([figures.locked]).
 */
#ifndef GC_OS_TSAN_H
#define GC_OS_TSAN_H

#include "base/bits.h"
#include "os/thread.h"

/* The runtime's code, empty where there is none. Found when the library is loaded. */
extern struct gc__range gc__tsan_code;

/* The runtime's interface, absent in most programs. */
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

static inline bool gc__tsan_is_there(void) {
  return gc__tsan_code.end != 0;
}

/* What was done before the release of an address comes before what is done after its acquire. */
static inline void gc__tsan_release(const volatile void *address) {
  if (GC__UNLIKELY(gc__tsan_code.end)) __tsan_release((void *)(uintptr_t)address);
}
static inline void gc__tsan_acquire(const volatile void *address) {
  if (GC__UNLIKELY(gc__tsan_code.end)) __tsan_acquire((void *)(uintptr_t)address);
}

#endif
