/* runtime.h - the one running library: everything that the functions of the API share.
 *
 * [runtime.own] All state of the library lies in this structure or in memory of its own, so that the collector can cut
 * it out of the roots. What a program hands in as a root (event data) lies elsewhere, in ordinary static data.
 */
#ifndef GC_RUNTIME_H
#define GC_RUNTIME_H

#include "collect/cascade.h"
#include "collect/collector.h"
#include "settings.h"
#include "tools/barriers.h"
#include "tools/stale.h"

#include <trefoil/layer.h>
#include <trefoil/stats.h>

struct gc__runtime {
  struct gc__budget budget;
  struct gc__collector collector;
  struct gc__settings settings;
  struct gc__barriers barriers; /* TREFOIL_CHECK=barriers */
  struct gc__stale stale;       /* TREFOIL_CHECK=heap */
  volatile unsigned is_running;
  volatile unsigned disable_depth;
  volatile size_t oom_handler;             /* a gc_oom_fn, or 0 */
  volatile unsigned has_reported_oom;      /* the last request that failed was answered with NULL: allocate.c */
  int process_id;                          /* that started it: a forked child writes no statistics */
  struct gc__world_totals totals_at_reset; /* what gc_stats subtracts */
  gc_roots_fn *roots_layer;                /* trefoil/layer.h */
  void *roots_data;
  struct gc__lock layer_lock;                            /* of gc_locked */
  volatile size_t before_collection;                     /* a void (*)(void), or 0 */
  volatile size_t grown_bytes_seen, returned_bytes_seen; /* by gc__events_deliver */
};

extern struct gc__runtime gc__runtime;

/* The calling thread, attached, with the library running; NULL: no memory (errno is set). */
struct gc__thread *gc__attach_slow(void);

/* Attaches a new thread as what gc__world_reserve gave to its creator: 0 or ENOMEM. */
int gc__attach_as(struct gc__thread *reserved);

static inline struct gc__thread *gc__attach(void) {
  return GC__LIKELY(gc__self_is_attached()) ? gc__self : gc__attach_slow();
}

/* Collects, with what belongs to it outside of the pause: helpers, log, events. In no section. */
bool gc__collect_now(enum gc__extent extent);

/* Frees all that counting found dead, or waits for the thread that is at it. In no section. */
void gc__cascade_finish(struct gc__thread *self);

/* How writes to old objects are noticed, as it turned out; and the name as in TREFOIL_TRACKING. */
enum gc_tracking gc__tracking_of(const struct gc__heap *heap);
const char *gc__tracking_name(enum gc_tracking tracking);

/* Memory of a kind; alignment is a power of two, at least 16; layout: of typed memory, else 0. NULL and ENOMEM. */
void *gc__allocate(size_t bytes, size_t alignment, enum gc__kind kind, unsigned layout);

/* A guarded object (heap/guard.h); NULL and ENOMEM. */
void *gc__allocate_guarded(size_t bytes);

/* Resizes the guarded object that lies there, by moving it. *moved: the new one, or NULL with errno. False: no guarded
 * object lies there. */
bool gc__guarded_resize(struct gc__thread *self, void *object, size_t bytes, void **moved);

/* Its size as it was asked for, or 0; whether it, or a freed object that is kept, started there. */
size_t gc__guarded_size(struct gc__thread *self, const void *object);
bool gc__guarded_was_freed(struct gc__thread *self, const void *object);

/* Ends the program with what is known of an address that is not the start of an object, naming the function. */
_Noreturn void gc__report_misuse(struct gc__thread *self, const char *function, const void *address);

/* What hangs on an object that moves. False: no memory for that. */
bool gc__move_ties(struct gc__thread *self, const void *object, const void *moved);

/* Typed memory of the layout of that number. */
void *gc__allocate_typed(size_t bytes, unsigned layout);

/* A new object may be one with a procedure: [layout.procedure]. */
void gc__note_procedure(struct gc__thread *self, const void *object);

/* After a collection, in no section: what it queued will be run, if that is the library's business. */
void gc__finalizers_notice(void);

/* gc_shutdown: ends the thread that runs them, waiting for the one that it runs; false: another thread does that. None
 * starts until the second. Without a lock. */
bool gc__finalizers_begin_end(void);
void gc__finalizers_end_end(void);
void gc__finalizers_run_all(void); /* also those of reachable objects, in the calling thread */

bool gc__finalizer_is_running(void);       /* in the calling thread */
unsigned gc__finalizers_own_threads(void); /* how many attached ones are the library's */
void gc__finalizers_after_fork_in_child(void);

/* The number of a layout; SIZE_MAX: no memory; 0: there are too many. */
size_t gc__intern(struct gc__thread *self, const struct gc_layout *layout);

/* Whether an address lies in a pool; then the allocated block that it lies in (the pool itself is one), or NULL. */
bool gc__pool_has(const void *address);
void *gc__pool_block_at(const void *address, size_t *bytes);

/* Tells the program's event functions what happened to the heap's size since, and of a collection. Unlocked, in no
 * section. */
void gc__events_deliver(void);
void gc__events_collection(const struct gc__collection *made);
void gc__events_forget(void);

/* The log line of a collection, and the statistics file. */
void gc__log_collection(const struct gc__collection *made);
void gc__statistics_write(void);
size_t gc__statistics_freed_since(void); /* bytes freed by hand since the last collection began. Attached threads */

#endif
