/* os/limit_generic.c - the memory limit where there are no control groups: physical memory, nothing else is known. */
#include "os/memory.h"

#include <unistd.h>

size_t gc__os_memory_limit_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES);
  return pages > 0 ? (size_t)pages * gc__os_page_bytes() : SIZE_MAX;
}

size_t gc__os_resident_bytes(size_t *file_bytes) {
  *file_bytes = 0;
  return 0;
}

bool gc__os_memory_pressure(struct gc__pressure *pressure, uint64_t now_ns) {
  struct gc__pressure now = {.asked_ns = now_ns};
  return gc__pressure_rises(pressure, &now);
}
