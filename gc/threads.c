/* threads.c - threads of the program: attaching by hand, creating, blocking. */
#include "runtime.h"

#include <errno.h>

int gc_thread_attach(void) {
  return gc__attach() ? 0 : ENOMEM;
}

int gc_thread_detach(void) {
  if (!gc__self_is_attached()) return errno = EINVAL;
  gc__world_detach(&gc__runtime.collector.world);
  return 0;
}

/* What a new thread needs to begin: a root object until it has taken it, so that the argument is reachable. */
struct thread_start {
  struct gc__thread *self; /* reserved */
  void *(*fn)(void *);
  void *argument;
};

static void *begin_thread(void *argument) {
  struct thread_start *given = argument, start = *given;
  if (gc__attach_as(start.self) == 0) gc_free(given);
  return start.fn(start.argument);
}

/* What is garbage is no reason not to have another thread. */
static struct gc__thread *reserve_thread(void) {
  struct gc__world *world = &gc__runtime.collector.world;
  struct gc__thread *reserved = gc__world_reserve(world);
  if (reserved || gc__flag_get(&gc__runtime.disable_depth)) return reserved;
  gc_collect(GC_COLLECT_FULL);
  return gc__world_reserve(world);
}

int gc_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *argument) {
  struct thread_start *start = gc_alloc_root(sizeof *start);
  if (!start) return EAGAIN;
  struct gc__thread *self = reserve_thread();
  if (!self) {
    gc_free(start);
    return EAGAIN;
  }
  *start = (struct thread_start){self, fn, argument};
  gc_written(start, sizeof *start);
  int error = pthread_create(thread, attributes, begin_thread, start);
  if (!error) return 0;
  gc__world_release(&gc__runtime.collector.world, self);
  gc_free(start);
  return error;
}

void *gc_blocked(void *(*fn)(void *), void *argument) {
  if (!gc__attach()) return fn(argument);
  return gc__world_block(&gc__runtime.collector.world, fn, argument);
}

void *gc_unblocked(void *(*fn)(void *), void *argument) {
  if (!gc__attach()) return fn(argument);
  return gc__world_unblock(&gc__runtime.collector.world, fn, argument);
}
