/* gc_version.h - the version of the interface: gc.h has it. */
#ifndef GC_VERSION_H
#define GC_VERSION_H

#include "gc.h"

#endif
