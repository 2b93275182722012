/* gc_backptr.h - ways from roots to objects. As in Debian's bdwgc, the library has none of the functions of this name;
 * programs include the header for the others that come with it. */
#ifndef GC_BACKPTR_H
#define GC_BACKPTR_H

#include "gc.h"

#endif
