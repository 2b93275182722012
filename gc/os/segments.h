/* os/segments.h - the writable data of the program and of every loaded library.
 *
 * [segments.hold] The list is right while the loader is held: gc__segments_hold runs a function under the loader's own
 * lock, so that nobody is in the middle of opening or closing a library meanwhile. That lock comes before every lock of
 * this library: a thread that holds one of ours never asks for the loader's.
 */
#ifndef GC_OS_SEGMENTS_H
#define GC_OS_SEGMENTS_H

#include "os/memory.h"
#include "os/thread.h"

/* A library with thread-local data. */
struct gc__tls_module {
  size_t id, bytes;
};

struct gc__segments {
  struct gc__region range_memory, module_memory;
  size_t range_count, module_count;
  uint64_t opened, closed; /* the loader's counters when the list was made */
  bool is_known;
};

bool gc__segments_open(struct gc__segments *segments, struct gc__budget *budget);
void gc__segments_close(struct gc__segments *segments);

/* Brings the lists up to date and calls fn(argument) while they are. False: no memory for the lists; fn was not called.
 */
bool gc__segments_hold(struct gc__segments *segments, void (*fn)(void *), void *argument);

static inline const struct gc__range *gc__segments_ranges(const struct gc__segments *segments) {
  return (const struct gc__range *)(const void *)segments->range_memory.start;
}
static inline const struct gc__tls_module *gc__segments_modules(const struct gc__segments *segments) {
  return (const struct gc__tls_module *)(const void *)segments->module_memory.start;
}

#endif
