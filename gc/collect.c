/* collect.c - collections on request, and the switch of those that are not; added roots. */
#include "runtime.h"
#include "heap/sweep.h"
#include "os/clock.h"
#include "os/report.h"

#include <errno.h>

GC__NOINLINE bool gc__collect_now(enum gc__extent extent) {
  __builtin_unwind_init();
  struct gc__collector *collector = &gc__runtime.collector;
  struct gc__collection made = {0};
  size_t number = gc__collector_number(collector, extent);
  void (*before)(void) = (void (*)(void))gc__word_get(&gc__runtime.before_collection);
  if (before) before();
  gc__world_note_stack();
  bool done = gc__collector_run(collector, extent, number, &made);
  if (made.number && gc__runtime.settings.log_collections) gc__log_collection(&made);
  if (made.number) gc__events_collection(&made);
  gc__finalizers_notice();
  return done;
}

/* Words of a dead object's shadow that are consumed between two moments at which a stop can come. */
#define CASCADE_WORDS 4096u

void gc__cascade_finish(struct gc__thread *self) {
  struct gc__counting *counting = &gc__runtime.collector.counting;
  while (gc__cascade_is_due(counting)) {
    gc__world_enter(self);
    if (!gc__cascade_run(counting, CASCADE_WORDS)) gc__spin_hint();
    gc__world_leave(self);
  }
}

/* Who asks for a collection wants memory back: what counting found dead is freed before this returns; and what a full
 * one found free is swept and returned at once. */
void gc_collect(enum gc_collection kind) {
  struct gc__thread *self = gc__attach();
  if (!self) return;
  gc__collect_now(kind == GC_COLLECT_FULL ? GC__FULL : GC__MINOR);
  gc__cascade_finish(self);
  if (kind == GC_COLLECT_FULL) {
    gc__world_enter(self);
    gc__heap_want_trim(&gc__runtime.collector.heap);
    gc__sweep_finish(&gc__runtime.collector.heap);
    gc__world_leave(self);
  }
  gc__events_deliver();
}

void gc_disable(void) {
  if (gc__attach()) gc__flag_add(&gc__runtime.disable_depth, 1);
}

void gc_enable(void) {
  unsigned depth;
  if (!gc__attach()) return;
  do {
    depth = gc__flag_get(&gc__runtime.disable_depth);
    if (!depth) gc__misuse("gc_enable: collection is not disabled");
  } while (!gc__flag_swap_if(&gc__runtime.disable_depth, depth, depth - 1));
}

static int result(int error) {
  if (error) errno = error;
  return error;
}

int gc_roots_add(const void *start, size_t bytes) {
  struct gc__thread *self = gc__attach();
  struct gc__range range = {(uintptr_t)start, (uintptr_t)start + bytes};
  if (!self) return ENOMEM;
  if (!start) return result(EINVAL);
  gc__world_enter(self);
  int error = gc__roots_add(&gc__runtime.collector.roots, range);
  gc__world_leave(self);
  return result(error);
}

int gc_roots_remove(const void *start) {
  struct gc__thread *self = gc__attach();
  if (!self) return ENOMEM;
  gc__world_enter(self);
  int error = gc__roots_remove(&gc__runtime.collector.roots, (uintptr_t)start);
  gc__world_leave(self);
  return result(error);
}
