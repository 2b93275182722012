/* gc/gc.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_H
#define GC_GC_GC_H

#include "../gc.h"

#endif
