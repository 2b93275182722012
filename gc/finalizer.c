/* finalizer.c - setting finalizers, and running what collections have queued: in a thread of the library, or where the
 * program asks for it.
 *
 * [finalizer.thread] The thread starts when there is something to run, and is attached only while it runs something:
 * between two batches it is none of the program's threads, and no stop waits for it. It is not started again while
 * gc_shutdown ends it, and is gone in the child of a fork, where the next collection starts another.
 */
#include "runtime.h"
#include "heap/object.h"
#include "os/park.h"
#include "os/thread.h"

#include <trefoil/layer.h>

#include <errno.h>

/* What a finalizer registers while gc_shutdown runs them is run as well, so many times over. */
#define SHUTDOWN_ROUNDS 100

#define IS_STARTING 1u
#define IS_STARTED  2u

static struct {
  pthread_t thread;
  volatile unsigned is_started; /* IS_STARTING meanwhile */
  volatile unsigned is_ending, is_attached;
  volatile unsigned call; /* changes when there may be work */
} runner;

/* The tie that the calling thread runs the finalizer of, or 0; and whether it is the library's own. */
static _Thread_local uint32_t running;
static _Thread_local bool is_runner;

static struct gc__heap *heap_of_runtime(void) {
  return &gc__runtime.collector.heap;
}

/* ---- Setting ---- */

_Static_assert((int)GC_FINALIZE_ALWAYS == (int)GC__ORDER_ALWAYS && (int)GC_FINALIZE_LEADERS == (int)GC__ORDER_LEADERS,
               "the orders of the interface are those of ties");

struct finalizer {
  gc_finalizer *fn;
  void *data;
  enum gc__order_kind order;
};

static struct finalizer replace(struct gc__heap *heap, size_t granule, struct finalizer wanted) {
  struct gc__ties *ties = &heap->ties;
  struct finalizer before = {0};
  uint32_t number = gc__ties_find(ties, granule, GC__TIE_FINALIZER);
  if (number) {
    before.fn = (gc_finalizer *)gc__tie_at(ties, number)->other;
    before.data = (void *)gc__tie_at(ties, number)->value;
    gc__ties_end_finalizer(heap, number);
  }
  if (wanted.fn) gc__ties_add_finalizer(heap, granule, (size_t)wanted.data, (size_t)wanted.fn, wanted.order);
  return before;
}

int gc_finalizer_set(void *object, gc_finalizer *fn, void *data) {
  return gc_finalizer_exchange(object, fn, data, GC_FINALIZE_REFERRERS_FIRST, NULL, NULL);
}

int gc_finalizer_exchange(void *object, gc_finalizer *fn, void *data, enum gc_finalizer_order order,
                          gc_finalizer **before_fn, void **before_data) {
  struct finalizer wanted = {fn, data, (enum gc__order_kind)order}, before = {0};
  struct gc__heap *heap = heap_of_runtime();
  struct gc__thread *self = gc__attach();
  int error = EINVAL;
  if (!self) return ENOMEM;
  gc__world_enter(self);
  gc__lock_take(&heap->ties.lock);
  size_t granule = gc__object_start(heap, object);
  if (granule != SIZE_MAX && order <= GC_FINALIZE_ALWAYS) error = !fn || gc__ties_reserve(heap, 1) ? 0 : ENOMEM;
  if (!error) before = replace(heap, granule, wanted);
  gc__lock_give(&heap->ties.lock);
  gc__world_leave(self);
  gc_keep(object);
  gc_keep(data);
  if (before_fn) *before_fn = before.fn;
  if (before_data) *before_data = before.data;
  if (error) errno = error;
  return error;
}

/* ---- Running ---- */

struct call {
  uint32_t tie;
  gc_finalizer *fn;
  void *object, *data;
};

/* From here on this thread's stack holds the object. */
static struct call take_next_queued(struct gc__thread *self) {
  struct gc__heap *heap = heap_of_runtime();
  struct call call = {0};
  gc__world_enter(self);
  gc__lock_take(&heap->ties.lock);
  call.tie = gc__ties_take_queued(heap);
  if (call.tie) {
    const struct gc__tie *tie = gc__tie_at(&heap->ties, call.tie);
    call.fn = (gc_finalizer *)tie->other;
    call.object = gc__heap_address(heap, tie->granule);
    call.data = (void *)tie->value;
  }
  gc__lock_give(&heap->ties.lock);
  gc__world_leave(self);
  return call;
}

static void note_done(struct gc__thread *self, uint32_t tie) {
  struct gc__ties *ties = &heap_of_runtime()->ties;
  gc__world_enter(self);
  gc__lock_take(&ties->lock);
  ties->running_count--;
  gc__tie_retire(ties, tie);
  gc__lock_give(&ties->lock);
  gc__world_leave(self);
}

static bool run_next(struct gc__thread *self) {
  volatile struct call call = take_next_queued(self);
  if (!call.tie) return false;
  running = call.tie;
  call.fn(call.object, call.data);
  running = 0;
  note_done(gc__attach(), call.tie);
  return true;
}

size_t gc_finalizers_pending(void) {
  return gc__attach() ? gc__word_get(&heap_of_runtime()->ties.queued_count) : 0;
}

size_t gc_finalizers_run(void) {
  struct gc__thread *self = gc__attach();
  size_t count = 0, most = self && !running ? gc__word_get(&heap_of_runtime()->ties.queued_count) : 0;
  while (count < most && run_next(self)) count++;
  return count;
}

bool gc__finalizer_is_running(void) {
  return running != 0;
}

/* ---- The thread ---- */

static bool has_work(void) {
  return !gc__flag_get(&runner.is_ending) && gc__word_get(&heap_of_runtime()->ties.queued_count);
}

/* A finalizer may detach its thread. */
static void run_batch(void) {
  struct gc__world *world = &gc__runtime.collector.world;
  gc__flag_set(&runner.is_attached, 1);
  if (gc__world_attach(world) == 0)
    while (has_work() && gc__self_is_attached() && run_next(gc__self)) continue;
  if (gc__self_is_attached()) gc__world_detach(world);
  gc__flag_set(&runner.is_attached, 0);
}

static void *run_finalizers(void *unused) {
  gc__os_helper_begun();
  is_runner = true;
  while (!gc__flag_get(&runner.is_ending)) {
    unsigned call = gc__flag_get(&runner.call);
    if (has_work()) run_batch();
    else gc__park_wait(&runner.call, call, 0);
  }
  return unused;
}

static void call_runner(void) {
  gc__flag_add(&runner.call, 1);
  gc__park_wake_all(&runner.call);
}

void gc__finalizers_notice(void) {
  bool is_manual = gc__runtime.settings.options.finalize == GC_FINALIZE_MANUAL;
  if (GC__LIKELY(!gc__word_peek(&heap_of_runtime()->ties.queued_count)) || is_manual) return;
  if (gc__flag_get(&runner.is_ending)) return;
  if (gc__flag_swap_if(&runner.is_started, 0, IS_STARTING)) {
    int error = gc__os_helper_start(&runner.thread, run_finalizers, NULL, "trefoil-final");
    gc__flag_set(&runner.is_started, error ? 0 : IS_STARTED); /* the next collection tries again */
    gc__park_wake_all(&runner.is_started);
  }
  call_runner();
}

bool gc__finalizers_begin_end(void) {
  if (!gc__flag_swap_if(&runner.is_ending, 0, 1)) return false;
  while (gc__flag_get(&runner.is_started) == IS_STARTING) gc__park_wait(&runner.is_started, IS_STARTING, 0);
  if (!gc__flag_get(&runner.is_started)) return true;
  call_runner();
  pthread_join(runner.thread, NULL);
  gc__flag_set(&runner.is_started, 0);
  return true;
}

void gc__finalizers_end_end(void) {
  gc__flag_set(&runner.is_ending, 0);
}

unsigned gc__finalizers_own_threads(void) {
  return gc__flag_get(&runner.is_attached);
}

void gc__finalizers_run_all(void) {
  struct gc__ties *ties = &heap_of_runtime()->ties;
  struct gc__thread *self = gc__attach();
  for (int round = 0; self && round < SHUTDOWN_ROUNDS; round++) {
    while (run_next(self)) continue;
    if (!ties->finalizer_count) break;
    gc__world_enter(self);
    gc__lock_take(&ties->lock);
    ties->finalizes_all = true;
    gc__lock_give(&ties->lock);
    gc__world_leave(self);
    if (!gc__collect_now(GC__FULL)) break;
  }
}

/* Only the thread that forked is left. */
void gc__finalizers_after_fork_in_child(void) {
  gc__flag_set(&runner.is_started, is_runner ? IS_STARTED : 0);
  gc__flag_set(&runner.is_attached, is_runner);
  gc__flag_set(&runner.is_ending, 0);
  gc__ties_after_fork(&heap_of_runtime()->ties, running);
}
