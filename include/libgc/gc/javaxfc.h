/* gc/javaxfc.h - the same under the other name by which programs include it. */
#ifndef GC_GC_JAVAXFC_H
#define GC_GC_JAVAXFC_H

#include "../javaxfc.h"

#endif
