/* javaxfc.h - GC_finalize_all is declared in gc.h. */
#ifndef GC_JAVAXFC_H
#define GC_JAVAXFC_H

#include "gc.h"

#endif
