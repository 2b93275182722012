/* gc/gc_typed.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_TYPED_H
#define GC_GC_GC_TYPED_H

#include "../gc_typed.h"

#endif
