/* gc/gc_version.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_VERSION_H
#define GC_GC_GC_VERSION_H

#include "../gc_version.h"

#endif
