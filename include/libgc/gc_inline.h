/* gc_inline.h - what bdwgc has as macros around free lists: here the functions are as fast. */
#ifndef GC_INLINE_H
#define GC_INLINE_H

#include "gc_mark.h"

#define GC_GRANULE_BYTES                         16
#define GC_GRANULE_WORDS                         2
#define GC_MALLOC_WORDS(result, n, lists)        ((void)(lists), (result) = GC_malloc((n) * sizeof(GC_word)))
#define GC_MALLOC_ATOMIC_WORDS(result, n, lists) ((void)(lists), (result) = GC_malloc_atomic((n) * sizeof(GC_word)))
#define GC_CONS(result, first, second, lists)                                                                          \
  do {                                                                                                                 \
    void *gc_first_ = (void *)(first), *gc_second_ = (void *)(second);                                                 \
    GC_MALLOC_WORDS(result, 2, lists);                                                                                 \
    if (result) {                                                                                                      \
      ((void **)(result))[0] = gc_first_;                                                                              \
      ((void **)(result))[1] = gc_second_;                                                                             \
    }                                                                                                                  \
  } while (0)

#endif
