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
  void *(*fn)(void *);
  void *argument;
};

static void *begin_thread(void *argument) {
  struct thread_start *given = argument, start;
  struct gc__thread *self = gc__attach();
  start = *given;
  if (self) gc_free(given);
  return start.fn(start.argument);
}

int gc_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *argument) {
  struct thread_start *start = gc_alloc_root(sizeof *start);
  if (!start) return EAGAIN;
  *start = (struct thread_start){fn, argument};
  gc_written(start, sizeof *start);
  int error = pthread_create(thread, attributes, begin_thread, start);
  if (error) gc_free(start);
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
