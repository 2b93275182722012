/* leak_detector.h - malloc and its relatives as functions of the collector. Leaks are not looked for: what is forgotten
 * is collected. */
#ifndef GC_LEAK_DETECTOR_H
#define GC_LEAK_DETECTOR_H

#include <stdlib.h>
#include <string.h>

#include "gc.h"

#undef malloc
#undef calloc
#undef free
#undef realloc
#undef strdup
#define malloc(n)       GC_MALLOC(n)
#define calloc(m, n)    GC_MALLOC((m) * (n))
#define free(p)         GC_FREE(p)
#define realloc(p, n)   GC_REALLOC(p, n)
#define strdup(s)       GC_STRDUP(s)
#define CHECK_LEAKS()   GC_gcollect()

#endif
