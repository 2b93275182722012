/* libgc/finalize.c - finalizers and disappearing links. */
#include "libgc/libgc.h"
#include "os/report.h"

#include <errno.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int GC_finalize_on_demand;
EXPORT int GC_java_finalization = 1; /* what is queued is kept whole in any case */
EXPORT GC_finalizer_notifier_proc GC_finalizer_notifier;

static volatile size_t notified_number; /* of the collection that the program was told of last */

/* One thread tells the program of what one collection queued. */
static void notify(void) {
  size_t number = gc__collector_number(&gc__runtime.collector, GC__MINOR), before = gc__word_get(&notified_number);
  GC_finalizer_notifier_proc fn = GC_finalizer_notifier;
  if (fn && number != before && gc__word_swap_if(&notified_number, before, number)) fn();
}

void gc__libgc_settle(void) {
  if (GC__LIKELY(!gc__word_peek(&gc__runtime.collector.heap.ties.queued_count))) return;
  if (GC_finalize_on_demand) notify();
  else gc_finalizers_run();
}

/* ---- Finalizers ---- */

/* An address that is no object has none. */
static void exchange(void *object, GC_finalization_proc fn, void *data, GC_finalization_proc *old_fn, void **old_data,
                     enum gc_finalizer_order order) {
  gc_finalizer *before = NULL;
  void *before_data = NULL;
  if (gc__libgc_begin()) {
    int error = gc_finalizer_exchange(object, fn, data, order, &before, &before_data);
    if (error == ENOMEM) gc__report("GC_register_finalizer: %p: no memory, not registered", object);
  }
  if (old_fn) *old_fn = before;
  if (old_data) *old_data = before_data;
}

#define REGISTER(name, order)                                                                                          \
  EXPORT void GC_##name(void *object, GC_finalization_proc fn, void *data, GC_finalization_proc *old_fn,               \
                        void **old_data) {                                                                             \
    exchange(object, fn, data, old_fn, old_data, order);                                                               \
  }
REGISTER(register_finalizer, GC_FINALIZE_LEADERS)
REGISTER(register_finalizer_ignore_self, GC_FINALIZE_LEADERS_BUT_SELF)
REGISTER(register_finalizer_no_order, GC_FINALIZE_UNORDERED)
REGISTER(register_finalizer_unreachable, GC_FINALIZE_ALWAYS)
REGISTER(debug_register_finalizer, GC_FINALIZE_LEADERS)
REGISTER(debug_register_finalizer_ignore_self, GC_FINALIZE_LEADERS_BUT_SELF)
REGISTER(debug_register_finalizer_no_order, GC_FINALIZE_UNORDERED)
REGISTER(debug_register_finalizer_unreachable, GC_FINALIZE_ALWAYS)

EXPORT int GC_should_invoke_finalizers(void) {
  return gc__libgc_has_begun() && gc_finalizers_pending() > 0;
}

EXPORT int GC_invoke_finalizers(void) {
  return gc__libgc_has_begun() ? (int)gc_finalizers_run() : 0;
}

EXPORT void GC_finalize_all(void) {
  if (gc__libgc_begin() && !gc__finalizer_is_running()) gc__finalizers_run_all();
}

EXPORT void GC_set_finalize_on_demand(int value) {
  GC_finalize_on_demand = value;
}
EXPORT int GC_get_finalize_on_demand(void) {
  return GC_finalize_on_demand;
}
EXPORT void GC_set_java_finalization(int value) {
  GC_java_finalization = value;
}
EXPORT int GC_get_java_finalization(void) {
  return GC_java_finalization;
}
EXPORT void GC_set_finalizer_notifier(GC_finalizer_notifier_proc fn) {
  GC_finalizer_notifier = fn;
}
EXPORT GC_finalizer_notifier_proc GC_get_finalizer_notifier(void) {
  return GC_finalizer_notifier;
}

/* ---- Links ---- */

/* Registering a link again makes it one to the new object. */
static int add_link(void **link, void *object, enum gc_link_life life) {
  if (!gc__libgc_begin()) return GC_NO_MEMORY;
  int error = gc_link_add(link, object, life), result = GC_SUCCESS;
  if (error == EEXIST) {
    result = GC_DUPLICATE;
    gc_link_remove(link);
    error = gc_link_add(link, object, life);
  }
  if (error == EINVAL && (uintptr_t)link % sizeof *link) gc__misuse("%p: a link that is not aligned", (void *)link);
  return error == ENOMEM ? GC_NO_MEMORY : result;
}

static int remove_link(void **link, enum gc_link_life life) {
  return gc__libgc_has_begun() && gc_link_is(link, life) && gc_link_remove(link) == 0;
}

static int move_link(void **link, void **to, enum gc_link_life life) {
  if (!gc__libgc_has_begun() || !gc_link_is(link, life)) return GC_NOT_FOUND;
  if (link == to) return GC_SUCCESS;
  int error = gc_link_move(link, to);
  return !error ? GC_SUCCESS : error == EEXIST ? GC_DUPLICATE : error == ENOMEM ? GC_NO_MEMORY : GC_NOT_FOUND;
}

EXPORT int GC_register_disappearing_link(void **link) {
  void *base = GC_base(link);
  if (!base) gc__misuse("GC_register_disappearing_link: %p: is in no object", (void *)link);
  return add_link(link, base, GC_LINK_SHORT);
}
EXPORT int GC_general_register_disappearing_link(void **link, const void *object) {
  return add_link(link, (void *)(uintptr_t)object, GC_LINK_SHORT);
}
EXPORT int GC_move_disappearing_link(void **link, void **new_link) {
  return move_link(link, new_link, GC_LINK_SHORT);
}
EXPORT int GC_unregister_disappearing_link(void **link) {
  return remove_link(link, GC_LINK_SHORT);
}
EXPORT int GC_register_long_link(void **link, const void *object) {
  return add_link(link, (void *)(uintptr_t)object, GC_LINK_LONG);
}
EXPORT int GC_move_long_link(void **link, void **new_link) {
  return move_link(link, new_link, GC_LINK_LONG);
}
EXPORT int GC_unregister_long_link(void **link) {
  return remove_link(link, GC_LINK_LONG);
}
