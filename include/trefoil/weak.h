/* trefoil/weak.h - end of life: weak references, weak maps, finalizers.
 *
 * The general rules of gc.h hold. None of these keeps its object alive. An object here is the start of one, as gc_alloc
 * returned it: anything else is EINVAL, an address inside an object included. gc_realloc that moves an object takes all
 * that hangs on it along; gc_free ends it: weak references are cleared, map entries removed, finalizers forgotten.
 *
 * When a collection finds objects unreachable, it first queues those that have finalizers and clears the weak references
 * to them; what these objects lead to stays whole, weak references to that included, until it is found unreachable
 * again. So a weak reference never gives an object whose finalizer has been queued for that death.
 */
#ifndef TREFOIL_WEAK_H
#define TREFOIL_WEAK_H

#include "gc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Weak references ---------------------------------------------------------------------------------------- */

struct gc_weak; /* itself an object: it lives as long as something points to it */

/* NULL and EINVAL: the argument is no object; NULL and ENOMEM. */
GC_PUBLIC struct gc_weak *gc_weak_new(void *object);

/* The object, which the caller holds from then on, or NULL once it is gone; of NULL NULL. */
GC_PUBLIC void *gc_weak_get(struct gc_weak *weak);

/* ---- Weak maps ---------------------------------------------------------------------------------------------- */

/* A map from objects to values of which the entries are ephemerons (Hayes, "Ephemerons: a new finalization mechanism",
 * 1997): an entry does not keep its key, and keeps its value as long as map and key live, even if the value leads to
 * the key. It ends when the key does. A value is any word; if it points to or into an object, it keeps that. In refcount
 * mode an entry whose value leads to its key ends in a full collection.
 *
 * The map is itself an object. Calls for a map that is none end the program with a line on standard error. All take
 * constant time if a key lies in few maps, and may be made from several threads at once. */
struct gc_weak_map;

GC_PUBLIC struct gc_weak_map *gc_weak_map_new(void); /* NULL: ENOMEM */

/* Replaces the key's value if there is one. 0; EINVAL: the key is no object; ENOMEM: nothing has changed. */
GC_PUBLIC int gc_weak_map_put(struct gc_weak_map *map, void *key, void *value);

/* The value; NULL: there is no such key (or its value is NULL). */
GC_PUBLIC void *gc_weak_map_get(struct gc_weak_map *map, const void *key);

GC_PUBLIC bool gc_weak_map_remove(struct gc_weak_map *map, const void *key); /* whether there was an entry */

/* Entries, those included whose keys are dead and were not found so yet. */
GC_PUBLIC size_t gc_weak_map_count(struct gc_weak_map *map);

/* Calls fn for each entry that is in the map at the beginning and still in it when its turn comes, until fn returns
 * false. fn may change the map. Keys and values stay alive meanwhile. Takes two words of memory an entry; where they are
 * not to be had, errno is ENOMEM and fn is not called. */
GC_PUBLIC void gc_weak_map_each(struct gc_weak_map *map, bool (*fn)(void *key, void *value, void *data), void *data);

/* ---- Finalizers --------------------------------------------------------------------------------------------- */

typedef void gc_finalizer(void *object, void *data);

/* fn(object, data) is called once, when a collection has found the object unreachable; fn NULL takes an earlier one
 * back. A second call replaces the first. Result: 0; EINVAL: no object; ENOMEM: nothing has changed.
 *
 * - Finalizers run in a thread of the library, which starts on need, or under GC_FINALIZE_MANUAL inside gc_finalizers_run
 *   only: never inside an allocation, never with a lock of the library held. They may do what any code may: allocate,
 *   collect, wait, make the object reachable again, give it a finalizer again. They must return. Not allowed is
 *   gc_shutdown, which returns EBUSY.
 * - All unreachable objects with finalizers are queued in the collection that finds them (in refcount mode: a full
 *   collection does; an epoch queues those that nothing counts, and what only they lead to follows when they are gone).
 *   Each runs even if an earlier one made its object reachable.
 * - Of two that one collection queued, the one from whose object a path leads to the other's runs first; where a path leads
 *   back, the order is that of registration. (Where there is not even memory to find the order, that of registration
 *   is taken for all.)
 * - The object and what it reaches stay whole until its finalizer has run. What becomes of it is decided by a later
 *   collection: its memory is freed then, if nothing leads to it.
 * - data is a strong root while the finalizer is set and until it has run: if it leads to the object, that never dies.
 * - After fork the child restarts the thread on need; a finalizer that was running in another thread is not run there.
 * - At the end of the process nothing runs. gc_shutdown waits for a finalizer that runs, and forgets the others; with
 *   gc_options.finalize_at_shutdown it runs all that are set first, for reachable objects, too, in the same order, and
 *   those that they register meanwhile. */
GC_PUBLIC int gc_finalizer_set(void *object, gc_finalizer *fn, void *data);

/* Runs those that are queued now, in the calling thread; how many it ran. Inside a finalizer: 0. */
GC_PUBLIC size_t gc_finalizers_run(void);

GC_PUBLIC size_t gc_finalizers_pending(void); /* queued, and not begun */

#ifdef __cplusplus
}
#endif

#endif
