/* os/swap_file_linux.c - swap_file.h over O_TMPFILE, fallocate and /proc/self/pagemap.
 *
 * System calls are made without the C library, whose functions are cancellation points.
 */
#include "base/bits.h"
#include "os/memory.h"
#include "os/swap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is compared, or read of the page map, in one call. */
#define COMPARED_BYTES ((size_t)16 << 10)

/* ---- Making it ---- */

int gc__swap_file_name(char absolute[GC__SWAP_PATH_BYTES], const char *path) {
  size_t used = 0;
  if (*path != '/') {
    if (!getcwd(absolute, GC__SWAP_PATH_BYTES - 1)) return errno == ERANGE ? ENAMETOOLONG : errno;
    used = strlen(absolute);
    absolute[used++] = '/';
  }
  size_t more = strlen(path) + 1;
  if (more > GC__SWAP_PATH_BYTES - used) return ENAMETOOLONG;
  memcpy(absolute + used, path, more);
  return 0;
}

/* For file systems without O_TMPFILE: a name that nothing had, taken away at once. */
static int make_named(const char *name) {
  int file = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file >= 0) unlink(name);
  return file;
}

static int make_file(const char *path) {
  char name[GC__SWAP_PATH_BYTES + 64];
  struct stat there;
  bool is_there = stat(path, &there) == 0;
  if (is_there && !S_ISDIR(there.st_mode)) return errno = EEXIST, -1;
  if (!is_there && errno != ENOENT) return -1;
  snprintf(name, sizeof name, "%s", path);
  char *slash = is_there ? NULL : strrchr(name, '/');
  if (slash) slash[slash == name] = 0;
  int file = open(name, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  if (is_there) snprintf(name, sizeof name, "%s/trefoil-swap-%d", path, (int)getpid());
  return make_named(is_there ? name : path);
}

static bool tells_written(void) {
  uint64_t written;
  return gc__swap_file_find_written((const void *)gc__round_down((uintptr_t)&written, gc__os_page_bytes()), 1,
                                    &written);
}

int gc__swap_file_open(struct gc__swap_file *file, const char *path) {
  struct stat made;
  *file = (struct gc__swap_file){.file = -1};
  if (!tells_written()) return ENOTSUP;
  file->file = make_file(path);
  if (file->file < 0) return errno;
  if (fstat(file->file, &made) != 0) {
    int error = errno;
    gc__swap_file_close(file);
    return error;
  }
  file->device = made.st_dev;
  file->inode = made.st_ino;
  return 0;
}

bool gc__swap_file_is_there(const struct gc__swap_file *file) {
  struct stat now;
  return file->file >= 0 && fstat(file->file, &now) == 0 && now.st_dev == file->device && now.st_ino == file->inode;
}

void gc__swap_file_close(struct gc__swap_file *file) {
  if (gc__swap_file_is_there(file)) (void)syscall(SYS_close, file->file);
  file->file = -1;
}

uint64_t gc__swap_file_free_bytes(const struct gc__swap_file *file) {
  struct statfs system;
  if (fstatfs(file->file, &system) != 0) return 0;
  return (uint64_t)system.f_bavail * (uint64_t)system.f_bsize;
}

/* ---- Contents ---- */

/* Growing a file past RLIMIT_FSIZE would end the program by a signal. */
static bool may_grow_to(uint64_t bytes) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

int gc__swap_file_reserve(const struct gc__swap_file *file, uint64_t offset, size_t bytes) {
  struct stat now;
  if (!may_grow_to(offset + bytes)) return EFBIG;
  if (syscall(SYS_fallocate, file->file, 0, (long)offset, (long)bytes) == 0) return 0;
  if (errno != EOPNOTSUPP) return errno;
  if (fstat(file->file, &now) != 0) return errno;
  if ((uint64_t)now.st_size >= offset + bytes) return 0;
  return syscall(SYS_ftruncate, file->file, (long)(offset + bytes)) == 0 ? 0 : errno;
}

int gc__swap_file_write(const struct gc__swap_file *file, uint64_t offset, const void *from, size_t bytes) {
  if (!may_grow_to(offset + bytes)) return EFBIG;
  for (size_t done = 0; done < bytes;) {
    long n = syscall(SYS_pwrite64, file->file, (const char *)from + done, bytes - done, (long)(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return ENOSPC;
    done += (size_t)n;
  }
  return 0;
}

int gc__swap_file_settle(const struct gc__swap_file *file, uint64_t offset, size_t bytes) {
  const unsigned how = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  long result;
  do result = syscall(SYS_sync_file_range, file->file, (long)offset, (long)bytes, how);
  while (result != 0 && errno == EINTR);
  return result == 0 || errno == ENOSYS || errno == ESPIPE ? 0 : errno;
}

/* The memory may hold what sanitizers would not let us look at. Both are whole pages. */
GC__UNINSTRUMENTED static bool words_equal(const uint64_t *one, const uint64_t *other, size_t bytes) {
  uint64_t differs = 0;
  for (size_t i = 0; i < bytes / sizeof *one; i++) differs |= one[i] ^ other[i];
  return !differs;
}

bool gc__swap_file_equals(const struct gc__swap_file *file, uint64_t offset, const void *memory, size_t bytes) {
  uint64_t piece[COMPARED_BYTES / sizeof(uint64_t)];
  for (size_t done = 0; done < bytes;) {
    size_t wanted = bytes - done < COMPARED_BYTES ? bytes - done : COMPARED_BYTES;
    long n = syscall(SYS_pread64, file->file, piece, wanted, (long)(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || n % (long)sizeof piece[0]) return false;
    if (!words_equal(piece, (const uint64_t *)(const void *)((const char *)memory + done), (size_t)n)) return false;
    done += (size_t)n;
  }
  return true;
}

/* ---- Mappings ---- */

bool gc__swap_file_map(const struct gc__swap_file *file, uint64_t offset, void *start, size_t bytes) {
  return gc__os_replace(start, bytes, file->file, offset);
}

bool gc__swap_file_unmap(void *start, size_t bytes) {
  return gc__os_replace(start, bytes, -1, 0);
}

/* pagemap(5): what is present and belongs to no file is memory of the process, and so is what lies in swap space. An
 * armed page that is not present (os/watch.h) looks like one in swap space; it is told apart by being armed. */
#define ENTRY_PRESENT ((uint64_t)1 << 63)
#define ENTRY_SWAPPED ((uint64_t)1 << 62)
#define ENTRY_OF_FILE ((uint64_t)1 << 61)
#define ENTRY_ARMED   ((uint64_t)1 << 57)

static bool is_written(uint64_t entry) {
  if (entry & ENTRY_PRESENT) return !(entry & ENTRY_OF_FILE);
  return (entry & ENTRY_SWAPPED) && !(entry & ENTRY_ARMED);
}

static bool read_entries(int map, size_t first, uint64_t *entries, size_t count) {
  char *to = (char *)entries;
  for (size_t done = 0, bytes = count * sizeof *entries; done < bytes;) {
    long n = syscall(SYS_pread64, map, to + done, bytes - done, (long)(first * sizeof *entries + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += (size_t)n;
  }
  return true;
}

bool gc__swap_file_find_written(const void *start, size_t page_count, uint64_t *written) {
  uint64_t entries[COMPARED_BYTES / sizeof(uint64_t) / 4];
  const size_t room = sizeof entries / sizeof entries[0];
  size_t first = (uintptr_t)start / gc__os_page_bytes();
  int map = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  bool is_read = map >= 0;
  for (size_t i = 0; i < (page_count + 63) / 64; i++) written[i] = 0;
  for (size_t page = 0; is_read && page < page_count; page += room) {
    size_t count = page_count - page < room ? page_count - page : room;
    is_read = read_entries(map, first + page, entries, count);
    for (size_t i = 0; is_read && i < count; i++)
      if (is_written(entries[i])) gc__bit_set(written, page + i);
  }
  if (map >= 0) (void)syscall(SYS_close, map);
  return is_read;
}
