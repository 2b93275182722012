/* trefoil/layer.h - for libraries that put another interface on top of this one: that of a language, or of another
 * collector.
 *
 * The general rules of gc.h hold. Functions that are said to run with the world stopped are called by the collector
 * while every other thread sleeps, perhaps inside malloc: they may call only what is said here, may take no lock, and
 * may allocate nothing, neither from this library nor from the C library.
 */
#ifndef TREFOIL_LAYER_H
#define TREFOIL_LAYER_H

#include "weak.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Pointers ----------------------------------------------------------------------------------------------- */

/* Where gc_options.interior_in_heap is false, words in objects keep what they point to the start of; from now on also
 * what they point to so many bytes behind the start of, as pointers with a tag in their low bits do. For the beginning:
 * words that were stored before are not looked at again. 0; EINVAL: 64 or more. */
GC_PUBLIC int gc_displacement_add(size_t bytes);

/* ---- Roots -------------------------------------------------------------------------------------------------- */

struct gc_root_sink;

/* Called at each stop, perhaps twice, with the world stopped. It names what is a root at this stop through the
 * functions below, and calls nothing else of this library. One for the process; NULL takes it back. 0; ENOMEM. */
typedef void gc_roots_fn(struct gc_root_sink *sink, void *data);
GC_PUBLIC int gc_roots_layer(gc_roots_fn *fn, void *data);

/* The aligned words of [start, end). */
GC_PUBLIC void gc_root_push(struct gc_root_sink *sink, const void *start, const void *end);

/* Static data of the program and its libraries is no root at this stop. Thread-local data is, as ever. */
GC_PUBLIC void gc_root_skip_static(struct gc_root_sink *sink);

/* The stack that the process' first thread runs on now ends here: in programs that switch stacks themselves. */
GC_PUBLIC void gc_root_main_stack(struct gc_root_sink *sink, const void *end);

/* The roots cannot be named at this stop: it collects nothing, and what was allocated stays. */
GC_PUBLIC void gc_root_refuse(struct gc_root_sink *sink);

/* ---- Kinds of objects --------------------------------------------------------------------------------------- */

/* Objects of a kind are not scanned: for each that lives, its function is called at each collection, minor ones
 * included, and passes what the object keeps to gc_mark. That may also be what memory outside of the heap points to.
 * It runs with the world stopped, may run in several threads of the library at once, and meets objects that are still
 * all zero. bytes: usable ones. Finalizers do not see what objects of kinds lead to (gc_finalizer_exchange).
 * Result: the number of a new kind; 0 and ENOTSUP: in refcount mode, where what counts is words; 0 and ENOMEM. */
typedef void gc_mark_fn(void *object, size_t bytes, void *data);
GC_PUBLIC unsigned gc_kind_new(gc_mark_fn *fn, void *data);
GC_PUBLIC void *gc_alloc_kind(unsigned kind, size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(2);

/* Inside a gc_mark_fn only: keeps the object that a pointer leads into. Anything else is ignored. */
GC_PUBLIC void gc_mark(const void *pointer);

/* ---- Links -------------------------------------------------------------------------------------------------- */

enum gc_link_life { GC_LINK_SHORT, GC_LINK_LONG };

/* *slot becomes NULL when the object is gone; the slot may be anywhere, and what is in it keeps nothing only if the
 * collector does not see it: in a leaf object, in malloc memory, or disguised. A short link is cleared when its object
 * is found unreachable, before finalizers are queued; a long one when its memory is about to be reused. A slot inside
 * an object is forgotten when that object dies, is freed or is moved. Read it inside gc_locked, and take a pointer out
 * of it there: then no collection comes in between. 0; EEXIST: the slot is linked already; EINVAL: it is not aligned,
 * or this is no object; ENOMEM. */
GC_PUBLIC int gc_link_add(void **slot, void *object, enum gc_link_life life);
GC_PUBLIC int gc_link_remove(void **slot); /* 0; ENOENT */

/* The link of one slot becomes that of another, to which the program has copied its contents. 0; ENOENT; EEXIST;
 * EINVAL; ENOMEM. */
GC_PUBLIC int gc_link_move(void **slot, void **to);
GC_PUBLIC bool gc_link_is(void **slot, enum gc_link_life life); /* whether there is such a link */

/* ---- Finalizers --------------------------------------------------------------------------------------------- */

/* When the finalizer of an unreachable object is due, in collections; gc_finalizer_set sets the first. */
enum gc_finalizer_order {
  GC_FINALIZE_REFERRERS_FIRST,  /* at once, after those of objects that lead to it */
  GC_FINALIZE_UNORDERED,        /* at once, unless one of the next two leads to it */
  GC_FINALIZE_LEADERS,          /* once nothing leads to it but what is not finalizable; in a cycle never */
  GC_FINALIZE_LEADERS_BUT_SELF, /* the same, but its pointers to itself do not matter */
  GC_FINALIZE_ALWAYS            /* at once, whatever leads to it */
};

/* gc_finalizer_set with an order; before_fn and before_data, unless NULL, get what was set before, or NULL. In refcount
 * mode an epoch queues what nothing counts, in whatever order; full collections do as is said here, but take
 * REFERRERS_FIRST for the third and fourth. */
GC_PUBLIC int gc_finalizer_exchange(void *object, gc_finalizer *fn, void *data, enum gc_finalizer_order order,
                                    gc_finalizer **before_fn, void **before_data);

/* ---- Settings ----------------------------------------------------------------------------------------------- */

/* Before gc_init: where this mode is asked for, by whom ever, the other one is taken, and a line on standard error says
 * so and why. Both strings are static. GC_MODE_DEFAULT: whatever other one is asked for; reason NULL: nothing is said. */
GC_PUBLIC void gc_mode_exclude(enum gc_mode mode, const char *reason, enum gc_mode instead);

/* gc_options.limit_bytes from now on; 0: as the machine or container says. */
GC_PUBLIC void gc_limit(size_t bytes);

/* The program expects to use so much: until objects take as much, no full collection is due. 0: nothing special. */
GC_PUBLIC void gc_expect(size_t bytes);

/* Memory for time: the heap may grow by this share of what it may otherwise between two full collections, and as much
 * less is allocated between minor ones, and huge pages come with 32 MiB only; gc_options.growth_percent and
 * nursery_bytes win. 0 or 100: as otherwise. */
GC_PUBLIC void gc_thrift(unsigned percent);

/* ---- Collections -------------------------------------------------------------------------------------------- */

/* fn(argument), while no collection begins or ends, no link is cleared, and no other thread is inside gc_locked. It may
 * call what allocates nothing and waits for nothing, and gc_stats. Result: fn's. */
GC_PUBLIC void *gc_locked(void *(*fn)(void *), void *argument);

/* Called before each collection, by the thread that starts it, with nothing held. NULL: none. */
GC_PUBLIC void gc_before_collection(void (*fn)(void));

#ifdef __cplusplus
}
#endif

#endif
