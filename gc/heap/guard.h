/* heap/guard.h - guarded objects, and freed ones that fault on use.
 *
 * A guarded object is a large object that ends at an inaccessible page. Its run begins with less than a page that is
 * not its own, the lead, since it is the end that has to meet the page: so the object starts lead_bytes behind the
 * first granule of its run, and gc__heap_address says where. Lead and slack (what rounding up to 16 leaves) hold a
 * pattern. [guard.end] The inaccessible pages follow the run, belong to it and are in none: no word in them is ever
 * scanned. [guard.written] A guarded object is not tracked (heap/write_log.h): it counts as written at every stop.
 *
 * A freed object may be closed: its pages lose their memory and are inaccessible. In modes that trace its run ends with
 * that; in one that counts the run stays for as long as its counts do ([counts.tenant]). Then the pages are kept:
 * [guard.kept] in the order in which they came, at most GC__KEPT_MOST such runs and gc__guards.kept_pages_most pages of
 * them. They are free pages again when others push them out, or when the heap would have to grow beyond what it can.
 *
 * [guard.lent] All these pages are lent by the watch (os/watch.h). [guard.mappings] They cost mappings, of which a
 * process has a limited number: three for an object (itself, what is closed behind it, what follows), two for closed
 * pages. All together are at most a quarter of what the system grants, so that the watch has its half.
 * [guard.opened] Objects that the program may not even read are opened for reading during each stop that looks into
 * objects. That neither needs memory nor a mapping, since the pages in front of it are never inaccessible in the same
 * way (gc__os_close); where the system refuses all the same there is no collection.
 *
 * Everything here runs under the heap's lock or with the world stopped, but for what tells of a fault.
 */
#ifndef GC_HEAP_GUARD_H
#define GC_HEAP_GUARD_H

#include "heap/space.h"
#include "os/thread.h"

struct gc__heap;

#define GC__KEPT_MOST 1024u

enum gc__guard_state {
  GC__GUARD_UNUSED,
  GC__GUARD_LIVE,  /* a guarded object */
  GC__GUARD_FREED, /* a closed run that still has counts */
  GC__GUARD_KEPT   /* closed pages, in no run */
};

struct gc__guard {
  uint32_t first, page_count, end_pages; /* the run's pages, and those behind it */
  uint32_t next;                         /* of those that are kept or unused */
  size_t bytes;                          /* as they were asked for */
  size_t lead_bytes;
  volatile uint8_t state, access; /* access: what the program may do with the run */
};

struct gc__guards {
  struct gc__region memory;        /* of struct gc__guard, by number; opened with the first */
  volatile size_t count;           /* numbers that were in use so far */
  volatile size_t live_count;      /* changed under the lock, read without it */
  uint32_t unused, oldest, newest; /* lists: of numbers that are free again, and of what is kept */
  uint32_t kept_count;
  size_t kept_pages, kept_pages_most;
  size_t mappings, mappings_most; /* [guard.mappings]; most: 0: not asked yet */
  unsigned freed_percent;         /* share of freed large objects that are closed */
  uint32_t random;
};

/* Whether there are guarded objects. Without the lock: who asks about its own object knows. */
static GC__INLINE bool gc__guards_any(const struct gc__guards *guards) {
  return gc__word_peek(&guards->live_count) != 0;
}

/* Whether some of these pages are guarded, closed or kept, and have to stay mapped as they are. Lock held, or in a
 * stop. */
bool gc__guards_meet(const struct gc__heap *heap, size_t first_page, size_t page_count);

void gc__guards_open(struct gc__guards *guards);
void gc__guards_close(struct gc__heap *heap);

/* A guarded object of that size, which is not 0, or NULL: no memory, or too many mappings. Zero only if *is_clean. In a
 * section. */
char *gc__guard_take(struct gc__heap *heap, size_t bytes, bool *is_clean);

/* The record of the guarded object that starts at this address, or NULL. Lock held. */
struct gc__guard *gc__guard_at(struct gc__heap *heap, const void *object);

/* Whether an object that was freed and is closed started there. Lock held. */
bool gc__guard_was_freed(const struct gc__heap *heap, const void *object);

/* 0, or ENOMEM: no mappings. Lock held. */
int gc__guard_protect(struct gc__heap *heap, struct gc__guard *guard, enum gc__access access);

/* Ends the program, naming the function, if the pattern around the object is damaged. Lock held. */
void gc__guard_check(struct gc__heap *heap, struct gc__guard *guard, const char *function);

/* The program frees the large object whose run begins at this page: checks the pattern of a guarded one; then closes it
 * if that is its turn. Lock held. */
void gc__guard_check_freed(struct gc__heap *heap, uint32_t first);
void gc__guard_close_freed(struct gc__heap *heap, uint32_t first);

/* A run that is guarded or closed has ended: its pages are kept, or free. Lock held. */
void gc__guard_end(struct gc__heap *heap, uint32_t first);

/* Makes all that is kept free pages; false: there was nothing. Lock held. */
bool gc__guards_release_kept(struct gc__heap *heap);

/* [guard.opened] Around a stop that looks into objects. False: refused, and nothing is opened. */
bool gc__guards_begin_stop(struct gc__heap *heap);
void gc__guards_end_stop(struct gc__heap *heap);

/* Checks all patterns, with the world stopped. */
void gc__guards_check(struct gc__heap *heap);

/* [guard.written] Calls fn with the pages of each old guarded object. World stopped. */
void gc__guards_each_old(struct gc__heap *heap, void (*fn)(void *, struct gc__range), void *argument);

/* For checkers: the invariants in brackets above. Aborts where one is broken. */
void gc__guards_verify(struct gc__heap *heap);

#endif
