/* os/memory.h - address space and the memory behind it.
 *
 * Reserving takes addresses only; committing makes them readable and writable, and the system provides zeroed memory at
 * the first touch. A budget bounds what all commits of one library instance add up to: every commit names one.
 */
#ifndef GC_OS_MEMORY_H
#define GC_OS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GC__HUGE_PAGE_BYTES ((size_t)2 << 20)

/* Where the regions of a library instance get their memory that asks nothing of the system (heap/buffer.h). */
struct gc__supply {
  void *(*take)(void *owner, size_t *bytes); /* aligned to 128; *bytes becomes what it is. NULL: not to be had */
  void (*give)(void *owner, void *start, size_t bytes);
  void *owner;
};

/* Bytes committed, and the most that they may become. Both are changed atomically. */
struct gc__budget {
  volatile size_t used_bytes, limit_bytes;
  const struct gc__supply *supply; /* NULL: the system. With one all its memory counts as used from the start */
};

/* False, and nothing taken, if that would pass the limit. */
bool gc__budget_take(struct gc__budget *budget, size_t bytes);
void gc__budget_give(struct gc__budget *budget, size_t bytes);

/* For memory that is in use already, or cannot be done without: past the limit, too. */
void gc__budget_charge(struct gc__budget *budget, size_t bytes);

/* By how much the limit is passed: by what was charged, or since it fell. */
size_t gc__budget_over_bytes(const struct gc__budget *budget);

size_t gc__os_page_bytes(void);

/* What the addresses of this process are limited to (RLIMIT_AS); SIZE_MAX: nothing. */
size_t gc__os_address_limit_bytes(void);

/* Addresses without memory. bytes and alignment: multiples of the page size, alignment a power of two. NULL: not to be
 * had, or address space is limited (RLIMIT_AS). */
void *gc__os_reserve(size_t bytes, size_t alignment);
void gc__os_release(void *start, size_t bytes);

/* What is reserved now, for who looks through the mappings of the process for those that are not ours: calls fn with
 * each, in no order. False: there were too many to note them all. Without a lock: also with the world stopped. */
bool gc__os_each_reserved(void (*fn)(void *, void *start, size_t bytes), void *argument);

/* Makes reserved pages usable. False: the system refused (memory, or its limit of mappings). */
bool gc__os_commit(void *start, size_t bytes);

/* Drops the contents of committed pages; they stay usable and read as zero. False: they kept their contents. */
bool gc__os_discard(void *start, size_t bytes);

/* What the program may do with committed pages. */
enum gc__access { GC__ACCESS_NONE, GC__ACCESS_READ, GC__ACCESS_WRITE };

/* False: refused (the limit of mappings), and nothing has changed. */
bool gc__os_protect(void *start, size_t bytes, enum gc__access access);

/* Makes committed pages inaccessible, as a mapping of their own: the system does not join them with neighbours that are
 * inaccessible as well, so that giving either access again splits no mapping and needs none. */
bool gc__os_close(void *start, size_t bytes);
bool gc__os_reopen(void *start, size_t bytes); /* the opposite, to ACCESS_WRITE */

/* How many mappings the system grants this process. */
size_t gc__os_mappings_most(void);

/* Replaces committed pages, at once, by a private mapping of a file from this offset on, or, where file is -1, by
 * zeroed memory. False: refused, and nothing changed. */
bool gc__os_replace(void *start, size_t bytes, int file, uint64_t offset);

/* Asks for huge pages where the range has whole ones. A wish: nothing depends on it. */
void gc__os_prefer_huge(void *start, size_t bytes);

/* Makes the k-th request from now for address space or memory fail (k counts from 1; 0: none does), for tests. Who
 * serves requests from elsewhere asks whether this is the one. */
void gc__os_fail_request(size_t k);
bool gc__os_shall_fail(void);

/* Writes to each page of a range, what it holds already, so that no fault comes later. Nobody else writes there. */
void gc__os_touch(void *start, size_t bytes);

/* What this process may use in all: the least of physical memory and the limits of its control groups (v1 and v2). */
size_t gc__os_memory_limit_bytes(void);

/* Physical memory that the process holds now, and in *file_bytes the part of it that belongs to files; 0 where that is
 * not known. */
size_t gc__os_resident_bytes(size_t *file_bytes);

/* Whether memory is short although no limit is reached: what the system said when it was asked last, all zero at first.
 */
struct gc__pressure {
  uint64_t asked_ns;
  uint64_t throttled;  /* how often the control group was held back for passing its soft limit (memory.high) */
  uint64_t stalled_us; /* for how long tasks of the group, or of the machine, have waited for memory */
};

/* Asks again: true if the group was held back since, or tasks waited for a tenth of the time. */
bool gc__os_memory_pressure(struct gc__pressure *pressure, uint64_t now_ns);

/* The rule by which it judges: *before becomes *now. False where nothing was known before. */
bool gc__pressure_rises(struct gc__pressure *before, const struct gc__pressure *now);

/* A growing array: reserved at once, committed from the front on demand. [region.moves] It stays where it is, unless it
 * comes from a supply and was opened by gc__region_open_most: then growing may move it, and it is nowhere before that.
 * Who keeps an address in it asks for it anew after each commit. */
struct gc__region {
  char *start;
  size_t reserved_bytes;
  volatile size_t committed_bytes; /* changed by the owner; read by others for what they estimate */
  struct gc__budget *budget;
};

bool gc__region_open(struct gc__region *region, struct gc__budget *budget, size_t reserved_bytes);

/* The same with a smaller reservation where the process' address space is limited, or where the system grants less.
 * From a supply memory is taken as it is committed, and by gc__region_open all of it at once. */
bool gc__region_open_most(struct gc__region *region, struct gc__budget *budget, size_t reserved_bytes);

void gc__region_close(struct gc__region *region); /* a region that never opened (all zero) is fine */

/* Memory of a supply that is no region, zeroed, for good; NULL: not to be had. */
void *gc__supply_take(const struct gc__supply *supply, size_t bytes);

/* Gives back all but the first keep_bytes, whose contents stay; of a supply all or nothing. */
void gc__region_trim(struct gc__region *region, size_t keep_bytes);

/* Makes the first bytes usable; what was there stays. False: no memory, and nothing changed. */
bool gc__region_commit_slow(struct gc__region *region, size_t bytes);

static inline bool gc__region_commit(struct gc__region *region, size_t bytes) {
  return bytes <= region->committed_bytes || gc__region_commit_slow(region, bytes);
}

/* The same past the budget's limit, if it must be: for what a collection cannot begin without. A heap that is full
 * could not be collected else. */
bool gc__region_commit_needed(struct gc__region *region, size_t bytes);

#endif
