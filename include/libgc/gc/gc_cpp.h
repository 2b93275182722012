/* gc/gc_cpp.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_CPP_H
#define GC_GC_GC_CPP_H

#include "../gc_cpp.h"

#endif
