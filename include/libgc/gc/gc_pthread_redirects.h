/* gc/gc_pthread_redirects.h - the same under the other name by which programs include it. */
#ifndef GC_GC_GC_PTHREAD_REDIRECTS_H
#define GC_GC_GC_PTHREAD_REDIRECTS_H

#include "../gc_pthread_redirects.h"

#endif
