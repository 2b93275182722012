/* gc/gc_allocator.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_ALLOCATOR_H
#define GC_GC_GC_ALLOCATOR_H

#include "../gc_allocator.h"

#endif
