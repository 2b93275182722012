/* os/swap_file.h - a file without a name that parts of memory are moved to.
 *
 * Memory that was moved is a private mapping of the file: it reads as before, from the page cache, which the system may
 * drop at any time; what is written to it becomes memory of the process again, and leaves the file as it is.
 *
 * [swap.private] Only the process that made the file writes to it, and only until it forks: a child that never touched
 * a page of such a mapping sees what the file says now, not what it said at the fork.
 *
 * Nothing here takes a lock of the C library or is a cancellation point, but for open.
 */
#ifndef GC_OS_SWAP_FILE_H
#define GC_OS_SWAP_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GC__SWAP_PATH_BYTES ((size_t)PATH_MAX)

struct gc__swap_file {
  int file;               /* -1: none */
  uint64_t device, inode; /* of it: a program may close all descriptors, and others get their numbers */
};

/* What stays right when the program changes its directory. 0; ENAMETOOLONG, or why there is no current directory. */
int gc__swap_file_name(char absolute[GC__SWAP_PATH_BYTES], const char *path);

/* Makes the file in the directory `path`, or beside it where nothing has that name yet. 0; EEXIST: something else has
 * it; ENOTSUP: the system does not tell which pages of a mapping were written; else as open(2). */
int gc__swap_file_open(struct gc__swap_file *file, const char *path);
void gc__swap_file_close(struct gc__swap_file *file); /* mappings stay; what is closed (file: -1) is fine */

/* Whether the descriptor still stands for the file. */
bool gc__swap_file_is_there(const struct gc__swap_file *file);

/* What the file system has left for it. */
uint64_t gc__swap_file_free_bytes(const struct gc__swap_file *file);

/* Each: 0, or an error: ENOSPC, EIO, EFBIG (RLIMIT_FSIZE; no signal comes), EFAULT. Reserve takes the space for
 * [offset, offset + bytes); settle waits until what was written is on the disk, so that the system can drop it. */
int gc__swap_file_reserve(const struct gc__swap_file *file, uint64_t offset, size_t bytes);
int gc__swap_file_write(const struct gc__swap_file *file, uint64_t offset, const void *from, size_t bytes);
int gc__swap_file_settle(const struct gc__swap_file *file, uint64_t offset, size_t bytes);

/* Whether the file has there what memory has. False also where it cannot be read. */
bool gc__swap_file_equals(const struct gc__swap_file *file, uint64_t offset, const void *memory, size_t bytes);

/* Replaces what is mapped at start, at once, by a private mapping of the file; or by zeroed memory. False: refused, and
 * nothing changed. */
bool gc__swap_file_map(const struct gc__swap_file *file, uint64_t offset, void *start, size_t bytes);
bool gc__swap_file_unmap(void *start, size_t bytes);

/* Sets a bit for each page of a mapping that was written since it was made, and clears the others. What the system has
 * moved to swap space of its own may count as not written. False: not to be had. */
bool gc__swap_file_find_written(const void *start, size_t page_count, uint64_t *written);

#endif
