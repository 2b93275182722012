/* store.c - stores that the collector is told of. Mark-sweep needs none of it: these are plain. */
#include <trefoil/gc.h>

#include <string.h>

void gc_write_range(void *to, const void *from, size_t bytes) {
  memmove(to, from, bytes);
}

void gc_written(const void *start, size_t bytes) {
  (void)start, (void)bytes;
}

void gc_will_write(void *start, size_t bytes) {
  (void)start, (void)bytes;
}
