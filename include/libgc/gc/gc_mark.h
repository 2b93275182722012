/* gc/gc_mark.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_MARK_H
#define GC_GC_GC_MARK_H

#include "../gc_mark.h"

#endif
