/* tools/walk.h - all old objects that have words, one after the other. */
#ifndef GC_TOOLS_WALK_H
#define GC_TOOLS_WALK_H

#include "collect/collector.h"

struct gc__old_object {
  size_t granule, bytes;
  bool is_large, is_guarded;
};

/* Calls fn for each old object that is no leaf, large ones last. World stopped. */
void gc__each_old_object(struct gc__collector *collector,
                         void (*fn)(struct gc__collector *collector, struct gc__old_object object));

/* What lies in the heap, of any type, as a checker reads it. */
#if defined(__clang__)
#define GC__READS_ANYTHING                                                                                             \
  __attribute__((no_sanitize("address", "thread", "undefined"), disable_sanitizer_instrumentation))
#else
#define GC__READS_ANYTHING __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

#endif
