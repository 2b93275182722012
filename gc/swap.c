/* swap.c - moving cold parts of the heap out of memory, on request. */
#include "runtime.h"

#include <trefoil/protect.h>

size_t gc_swap_out(size_t bytes) {
  return gc__attach() ? gc__collector_swap_out(&gc__runtime.collector, bytes, false) : 0;
}
