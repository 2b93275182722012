/* gc/gc_backptr.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_BACKPTR_H
#define GC_GC_GC_BACKPTR_H

#include "../gc_backptr.h"

#endif
