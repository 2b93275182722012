/* malloc/malloc.h - malloc and its relatives for programs as they are (LD_PRELOAD): what its files share.
 *
 * [malloc.honoured] As a rule free is honoured and nothing is ever collected: the collector is off, in mark-sweep mode,
 * which does nothing for a store, and memory is asked for as leaves. No stop ever moves the heap's stamp on, so that
 * every allocated cell is a young one and its liveness byte is 0. [malloc.spare] A byte of GC__LIVE_RECYCLED says that
 * the cell was freed and is in the list of spare cells of a thread (malloc/spare.c), linked through its first word: to
 * the heap it is allocated. Such cells are not zeroed when they are handed out again.
 *
 * [malloc.ignored] With TREFOIL_IGNORE_FREE=1 free does nothing, all memory is scanned, and what nothing leads to is
 * collected, in any mode. Every writable private mapping that is not the library's is a root (malloc/roots.c). A thread
 * that the program creates is attached before it runs its function; there are no lists of spare cells.
 *
 * [malloc.side] Some requests come while the library is not there for them: before the C library is initialized, from
 * what the library itself calls (pthread_create makes room for thread-local data), and from threads that are past their
 * last destructor. These are served from the side (malloc/side.c), whose memory is no part of the heap. Blocks of the
 * heap that are freed at such a moment wait until a thread allocates.
 */
#ifndef GC_MALLOC_MALLOC_H
#define GC_MALLOC_MALLOC_H

#include "runtime.h"

#define GC__EXPORT __attribute__((visibility("default")))

/* ---- Threads ---- */

enum gc__malloc_state {
  GC__MALLOC_NEW,    /* has not been seen */
  GC__MALLOC_OPEN,   /* may have spare cells */
  GC__MALLOC_CLOSED, /* is ending: it keeps none any more */
};

/* A freed cell. */
struct gc__spare {
  struct gc__spare *next;
};

struct gc__spares {
  struct gc__spare *first;
  uint32_t count, room; /* how many there are, and how many more there may be */
};

struct gc__malloc_thread {
  struct gc__spares spares[GC__CLASS_COUNT];
  enum gc__malloc_state state;
  bool is_inside; /* the library: [malloc.side] */
};
extern _Thread_local struct gc__malloc_thread gc__malloc_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

struct gc__malloc {
  volatile unsigned has_begun;
  bool ignores_free;
  enum gc__kind kind; /* of what malloc returns */
};
extern struct gc__malloc gc__malloc;

/* Starts the library if need be and attaches the calling thread, which is inside it until gc__malloc_leave. False: it
 * is not to be had now, or there is no memory. */
bool gc__malloc_enter(void);
static inline void gc__malloc_leave(void) {
  gc__malloc_thread.is_inside = false;
}

/* ---- From the side ---- */

/* Aligned to 16 bytes at least; alignment: a power of two. Not zeroed. NULL: no memory. From any thread at any time but
 * with the world stopped. */
void *gc__side_take(size_t bytes, size_t alignment);
void gc__side_give(void *block);
bool gc__side_has(const void *address);
size_t gc__side_bytes(const void *block); /* usable ones */
/* For children of fork. Once, before gc_init: the side is held after the library's locks, as by a thread that asks for
 * memory while it has one. */
void gc__side_open(void);

/* ---- Spare cells ---- */

/* Gives all of this thread's back to the heap, or half of those of a class, those that were freed first. Inside. */
void gc__spares_close(void);
void gc__spares_open(void);
void gc__spares_flush(unsigned size_class);

/* Memory that was freed and that nobody needs soon goes back to the system: all beyond a share of what is in use, or
 * all of it. Inside. Whether there was something. */
bool gc__malloc_relieve(bool is_all);

/* ---- Roots ---- */

/* The function of each stop that names them. */
void gc__malloc_push_roots(struct gc_root_sink *sink, void *unused);
bool gc__malloc_can_push_roots(void);

#endif
