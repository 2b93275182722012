/* libgc/libgc.h - the drop-in for libgc.so.1: what its files share.
 *
 * The interface is that of include/libgc/gc.h. Everything here is made of functions of trefoil/gc.h, weak.h, stats.h
 * and layer.h; only the allocation functions reach into the library, for their fast path.
 *
 * [libgc.start] Programs need not call GC_init, and may set variables and options after it. So it starts nothing: the
 * collector starts with the first call that needs it, which is gc__libgc_begin's business, and reads the settings then.
 * [libgc.unlocked] Functions of the program are called with no lock held, but for those that run with the world stopped
 * (GC_push_other_roots, mark procedures), and what GC_call_with_alloc_lock runs.
 */
#ifndef GC_LIBGC_LIBGC_H
#define GC_LIBGC_LIBGC_H

#include "runtime.h"

#include <libgc/gc_mark.h>
#include <libgc/gc_typed.h>

/* What is told before the start. */
struct gc__libgc_settings {
  size_t limit_bytes;    /* GC_set_max_heap_size; 0: none */
  size_t expected_bytes; /* GC_expand_hp */
  int suspend_signal;    /* 0: the default */
  unsigned markers;      /* 0: the default */
  bool needs_tracing;    /* a mark procedure was registered */
  bool has_displaced;    /* a displacement that the library has no bit for: all places in objects are good */
  uint64_t displacements;
};
extern struct gc__libgc_settings gc__libgc_settings;

/* Starts the collector if need be, and attaches the calling thread. False: no memory. */
bool gc__libgc_begin_slow(void);
static inline bool gc__libgc_begin(void) {
  return GC__LIKELY(gc__self_is_attached()) || gc__libgc_begin_slow();
}
bool gc__libgc_has_begun(void);

/* Settings out of GC_ environment variables, and their default values. Once, before the start. */
void gc__libgc_read_environment(struct gc__libgc_settings *settings);

/* After an allocation left the fast path, and after collections: runs finalizers, or tells the program that there are
 * some. */
void gc__libgc_settle(void);

/* Makes GC_oom_fn the library's out-of-memory handler. */
void gc__libgc_open_oom(void);

/* The heap may grow as GC_free_space_divisor says. */
void gc__libgc_apply_divisor(void);

/* The function of each stop that names roots. */
void gc__libgc_push_roots(struct gc_root_sink *sink, void *unused);

/* A leaf that lives until GC_free (roots.c keeps the list). False: no memory. */
bool gc__libgc_hold(void *object);
bool gc__libgc_let_go(void *object); /* whether it was one */

#endif
