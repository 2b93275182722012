/* heap/object.h - questions about addresses, and freeing by hand, while the program runs.
 *
 * The caller cannot be stopped meanwhile ([heap.nostop]).
 */
#ifndef GC_HEAP_OBJECT_H
#define GC_HEAP_OBJECT_H

#include "heap/heap.h"
#include "heap/local.h"

/* The object that contains this address; place.granule is SIZE_MAX where there is none. */
struct gc__place gc__object_find(const struct gc__heap *heap, const void *address);

/* The first granule of the object that starts at this address; SIZE_MAX: none does. */
size_t gc__object_start(const struct gc__heap *heap, const void *address);

static inline bool gc__place_is_none(struct gc__place place) {
  return place.granule == SIZE_MAX;
}

/* Frees the object that starts at this address; false: none does, or another thread freed it just now. */
bool gc__object_free(struct gc__heap *heap, struct gc__local *local, const void *address);

#endif
