/* leak_detector.h - malloc and its relatives as functions of the collector. Leaks are not looked for: what is forgotten
 * is collected. */
#ifndef GC_LEAK_DETECTOR_H
#define GC_LEAK_DETECTOR_H

#include <stdlib.h>
#include <string.h>

#include "gc.h"

#undef malloc
#undef calloc
#undef free
#undef realloc
#undef reallocarray
#undef strdup
#undef strndup
#undef memalign
#undef aligned_alloc
#undef posix_memalign
#undef _aligned_malloc
#undef _aligned_free
#undef free_aligned_sized
#undef cfree
#undef free_sized
#undef malloc_usable_size
#define malloc(n)                   GC_MALLOC(n)
#define calloc(m, n)                gc_leak_calloc_(m, n)
#define free(p)                     GC_FREE(p)
#define realloc(p, n)               GC_REALLOC(p, n)
#define reallocarray(p, m, n)       gc_leak_realloc_(p, m, n)
#define strdup(s)                   GC_STRDUP(s)
#define strndup(s, n)               GC_STRNDUP(s, n)
#define memalign(a, n)              GC_memalign(a, n)
#define aligned_alloc(a, n)         GC_memalign(a, n)
#define _aligned_malloc(n, a)       GC_memalign(a, n)
#define _aligned_free(p)            GC_FREE(p)
#define posix_memalign(p, a, n)     GC_posix_memalign(p, a, n)
#define cfree(p)                    GC_FREE(p)
#define free_sized(p, n)            ((void)(n), GC_FREE(p))
#define free_aligned_sized(p, a, n) ((void)(a), (void)(n), GC_FREE(p))
#define malloc_usable_size(p)       GC_size(p)
#define CHECK_LEAKS()               GC_gcollect()

static inline void *gc_leak_calloc_(size_t count, size_t bytes) {
  return bytes && count > (size_t)-1 / bytes ? NULL : GC_MALLOC(count * bytes);
}
static inline void *gc_leak_realloc_(void *object, size_t count, size_t bytes) {
  return bytes && count > (size_t)-1 / bytes ? NULL : GC_REALLOC(object, count * bytes);
}

#endif
