/* gc/gc_inline.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_INLINE_H
#define GC_GC_GC_INLINE_H

#include "../gc_inline.h"

#endif
