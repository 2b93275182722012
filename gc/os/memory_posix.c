/* os/memory_posix.c - memory.h over mmap, mprotect and madvise. */
#include "os/memory.h"
#include "os/valgrind.h"
#include "base/atomic.h"
#include "base/bits.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* Requests left until one fails; 0: none will. Only tests set it. */
static volatile size_t requests_until_failure;

void gc__os_fail_request(size_t k) {
  gc__word_poke(&requests_until_failure, k);
}

bool gc__os_shall_fail(void) {
  size_t left = gc__word_peek(&requests_until_failure);
  if (GC__LIKELY(!left)) return false;
  return gc__word_add(&requests_until_failure, (size_t)-1) == 1;
}

size_t gc__os_page_bytes(void) {
  static volatile size_t page_bytes;
  size_t known = gc__word_peek(&page_bytes);
  if (!known) {
    known = (size_t)sysconf(_SC_PAGESIZE);
    gc__word_poke(&page_bytes, known);
  }
  return known;
}

/* Valgrind has 128 GiB for all that a program maps, and keeps books of it. */
#define UNDER_VALGRIND_BYTES ((size_t)1 << 36)

size_t gc__os_address_limit_bytes(void) {
  size_t most = gc__valgrind_is_there() ? UNDER_VALGRIND_BYTES : SIZE_MAX;
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > most) return most;
  return limit.rlim_cur;
}

/* [memory.noted] Each reservation has an entry while it is used. It goes before the addresses do: they may be another
 * one's at once. Addresses are complemented: this is static data, where one into the heap would keep what lies there.
 */
#define RESERVATIONS_MOST 1024u

static struct {
  volatile size_t not_start, bytes; /* not_start: 0: none, 1: is being set */
} reservations[RESERVATIONS_MOST];
static volatile size_t reservations_missed;

static void note_reserved(const void *start, size_t bytes) {
  for (unsigned i = 0; i < RESERVATIONS_MOST; i++) {
    volatile size_t *not_start = &reservations[i].not_start;
    if (gc__word_peek(not_start) || !gc__word_swap_if(not_start, 0, 1)) continue;
    gc__word_poke(&reservations[i].bytes, bytes);
    gc__word_set(not_start, ~(size_t)start);
    return;
  }
  gc__word_add(&reservations_missed, 1);
}

static void forget_reserved(const void *start) {
  for (unsigned i = 0; i < RESERVATIONS_MOST; i++)
    if (gc__word_peek(&reservations[i].not_start) == ~(size_t)start) {
      gc__word_set(&reservations[i].not_start, 0);
      return;
    }
  gc__word_add(&reservations_missed, (size_t)-1);
}

bool gc__os_each_reserved(void (*fn)(void *, void *start, size_t bytes), void *argument) {
  for (unsigned i = 0; i < RESERVATIONS_MOST; i++) {
    size_t not_start = gc__word_get(&reservations[i].not_start);
    if (not_start > 1) fn(argument, (void *)~not_start, gc__word_peek(&reservations[i].bytes));
  }
  return gc__word_get(&reservations_missed) == 0;
}

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

void *gc__os_reserve(size_t bytes, size_t alignment) {
  size_t page_bytes = gc__os_page_bytes();
  size_t slack = alignment > page_bytes ? alignment : 0;
  if (gc__os_shall_fail() || bytes + slack < bytes) return NULL;
  char *start = mmap(NULL, bytes + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return NULL;
  char *aligned = (char *)gc__round_up((uintptr_t)start, alignment);
  if (aligned > start) munmap(start, (size_t)(aligned - start));
  size_t tail = slack - (size_t)(aligned - start);
  if (tail) munmap(aligned + bytes, tail);
  note_reserved(aligned, bytes);
  return aligned;
}

void gc__os_release(void *start, size_t bytes) {
  forget_reserved(start);
  munmap(start, bytes);
}

bool gc__os_commit(void *start, size_t bytes) {
  return !gc__os_shall_fail() && mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}

/* MADV_DONTNEED and not MADV_FREE: the pages must read as zero afterwards, and the memory must be gone from what the
 * system counts as ours, at once. */
bool gc__os_discard(void *start, size_t bytes) {
  return madvise(start, bytes, MADV_DONTNEED) == 0;
}

static int protection_of(enum gc__access access) {
  switch (access) {
  case GC__ACCESS_NONE:
    return PROT_NONE;
  case GC__ACCESS_READ:
    return PROT_READ;
  case GC__ACCESS_WRITE:
    break;
  }
  return PROT_READ | PROT_WRITE;
}

bool gc__os_protect(void *start, size_t bytes, enum gc__access access) {
  return !gc__os_shall_fail() && mprotect(start, bytes, protection_of(access)) == 0;
}

#if !defined(MADV_DONTDUMP) || !defined(MADV_DODUMP)
#define MADV_DONTDUMP MADV_NORMAL
#define MADV_DODUMP   MADV_NORMAL
#endif

/* Mappings with different wishes for core dumps are never joined. A wish that is not granted costs a mapping more. */
bool gc__os_close(void *start, size_t bytes) {
  if (!gc__os_protect(start, bytes, GC__ACCESS_NONE)) return false;
  (void)madvise(start, bytes, MADV_DONTDUMP);
  return true;
}

bool gc__os_reopen(void *start, size_t bytes) {
  if (!gc__os_protect(start, bytes, GC__ACCESS_WRITE)) return false;
  (void)madvise(start, bytes, MADV_DODUMP);
  return true;
}

#define DEFAULT_MAPPINGS 65530

size_t gc__os_mappings_most(void) {
  char text[32];
  int file = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (file < 0) return DEFAULT_MAPPINGS;
  ssize_t length = read(file, text, sizeof text);
  close(file);
  size_t most = 0;
  for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9' && most < SIZE_MAX / 16; i++)
    most = 10 * most + (size_t)(text[i] - '0');
  return most > 0 ? most : DEFAULT_MAPPINGS;
}

/* Linux refuses, for its limit of mappings, before it takes away what was there. */
bool gc__os_replace(void *start, size_t bytes, int file, uint64_t offset) {
  int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | (file < 0 ? MAP_ANONYMOUS : 0);
  if (gc__os_shall_fail()) return false;
  return mmap(start, bytes, PROT_READ | PROT_WRITE, flags, file, (off_t)offset) != MAP_FAILED;
}

void gc__os_prefer_huge(void *start, size_t bytes) {
#ifdef MADV_HUGEPAGE
  (void)madvise(start, bytes, MADV_HUGEPAGE);
#else
  (void)start, (void)bytes;
#endif
}

void gc__os_touch(void *start, size_t bytes) {
  size_t page_bytes = gc__os_page_bytes();
  volatile char *end = (volatile char *)start + bytes;
  for (volatile char *at = start; at < end;
       at = (volatile char *)gc__round_down((uintptr_t)at + page_bytes, page_bytes))
    *at = *at;
}
