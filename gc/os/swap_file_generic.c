/* os/swap_file_generic.c - swap_file.h where it is not known which pages of a mapping were written: there is none. */
#include "os/swap_file.h"

#include <errno.h>

int gc__swap_file_name(char absolute[GC__SWAP_PATH_BYTES], const char *path) {
  (void)absolute, (void)path;
  return ENOTSUP;
}

int gc__swap_file_open(struct gc__swap_file *file, const char *path) {
  (void)path;
  *file = (struct gc__swap_file){.file = -1};
  return ENOTSUP;
}

void gc__swap_file_close(struct gc__swap_file *file) {
  file->file = -1;
}

bool gc__swap_file_is_there(const struct gc__swap_file *file) {
  (void)file;
  return false;
}

uint64_t gc__swap_file_free_bytes(const struct gc__swap_file *file) {
  (void)file;
  return 0;
}

int gc__swap_file_reserve(const struct gc__swap_file *file, uint64_t offset, size_t bytes) {
  (void)file, (void)offset, (void)bytes;
  return ENOTSUP;
}

int gc__swap_file_write(const struct gc__swap_file *file, uint64_t offset, const void *from, size_t bytes) {
  (void)file, (void)offset, (void)from, (void)bytes;
  return ENOTSUP;
}

int gc__swap_file_settle(const struct gc__swap_file *file, uint64_t offset, size_t bytes) {
  (void)file, (void)offset, (void)bytes;
  return ENOTSUP;
}

bool gc__swap_file_equals(const struct gc__swap_file *file, uint64_t offset, const void *memory, size_t bytes) {
  (void)file, (void)offset, (void)memory, (void)bytes;
  return false;
}

bool gc__swap_file_map(const struct gc__swap_file *file, uint64_t offset, void *start, size_t bytes) {
  (void)file, (void)offset, (void)start, (void)bytes;
  return false;
}

bool gc__swap_file_unmap(void *start, size_t bytes) {
  (void)start, (void)bytes;
  return false;
}

bool gc__swap_file_find_written(const void *start, size_t page_count, uint64_t *written) {
  (void)start, (void)page_count, (void)written;
  return false;
}
