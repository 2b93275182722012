/* heap/large.h - objects of more than 8 KiB: runs of pages of their own. */
#ifndef GC_HEAP_LARGE_H
#define GC_HEAP_LARGE_H

#include "heap/heap.h"

/* What a request takes: whole pages, at least one. */
static inline size_t gc__large_bytes(size_t bytes) {
  return bytes ? gc__round_up(bytes, GC__PAGE_BYTES) : GC__PAGE_BYTES;
}

/* A run for an object of that size, or NULL: no memory. Its contents are zero only if *is_clean. alignment: a power of
 * two. layout: of a typed object, else 0. */
char *gc__large_take(struct gc__heap *heap, size_t bytes, size_t alignment, enum gc__kind kind, unsigned layout,
                     bool *is_clean);

/* The two halves of that, for guarded objects (heap/guard.h): finds pages, and makes pages that were taken a large
 * object by these facts. Lock held. */
struct gc__page_grant gc__large_find_pages(struct gc__heap *heap, uint32_t count, uint32_t alignment_pages);
void gc__large_adopt(struct gc__heap *heap, uint32_t first, struct gc__run run);

/* Lengthens or shortens the object in place to bytes, rounded up to pages. False: it stays as it was. Bytes that were
 * not in its run before are zero afterwards. */
bool gc__large_resize(struct gc__heap *heap, uint32_t first, size_t bytes);

/* Frees it. Lock held. */
void gc__large_release(struct gc__heap *heap, uint32_t first);

#endif
