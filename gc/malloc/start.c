/* malloc/start.c - when the library starts, and what begins and ends with a thread. */
#include "malloc/malloc.h"
#include "os/report.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

_Thread_local struct gc__malloc_thread gc__malloc_thread;
struct gc__malloc gc__malloc = {.kind = GC__KIND_LEAF};

static pthread_mutex_t begin_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t end_key;
static bool has_failed;

/* ---- Start ---- */

static bool wants_free_ignored(void) {
  const char *text = getauxval(AT_SECURE) ? NULL : getenv("TREFOIL_IGNORE_FREE");
  if (!text || strcmp(text, "0") == 0 || !*text) return false;
  if (strcmp(text, "1") != 0) {
    gc__report("TREFOIL_IGNORE_FREE=%.100s: not understood; 0 and 1 are. free is honoured", text);
    return false;
  }
  if (gc__malloc_can_push_roots()) return true;
  gc__report("TREFOIL_IGNORE_FREE=1: /proc/self/maps cannot be read; free is honoured");
  return false;
}

/* In the first pass of a thread's destructors. Those of the program that come later free and allocate without spare
 * cells, until the library itself detaches the thread. */
static void end_thread(void *unused) {
  (void)unused;
  if (gc__malloc_thread.is_inside) return;
  gc__malloc_thread.state = GC__MALLOC_CLOSED;
  if (!gc__self_is_attached()) return;
  gc__malloc_thread.is_inside = true;
  gc__spares_close();
  gc__malloc_leave();
}

/* Finalizers there are none, and marking by helpers is only for who collects. */
static int begin_library(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.finalize = GC_FINALIZE_MANUAL;
  gc__malloc.ignores_free = wants_free_ignored();
  if (!gc__malloc.ignores_free) gc_mode_exclude(GC_MODE_DEFAULT, NULL, GC_MARK_SWEEP);
  int error = pthread_key_create(&end_key, end_thread);
  gc__side_open();
  if (!error) error = gc_init(&options);
  if (error) return error;
  if (gc__malloc.ignores_free) {
    gc__malloc.kind = GC__KIND_SCANNED;
    return gc_roots_layer(gc__malloc_push_roots, NULL);
  }
  gc_disable();
  return 0;
}

/* The C library's own constructor sets environ: before that not much of it can be called. */
static bool begin(void) {
  if (gc__flag_get(&gc__malloc.has_begun)) return true;
  if (!environ || has_failed) return false;
  int error = 0;
  pthread_mutex_lock(&begin_lock);
  if (!gc__malloc.has_begun) {
    error = begin_library();
    has_failed = error != 0;
    if (!error) gc__flag_set(&gc__malloc.has_begun, 1);
  }
  pthread_mutex_unlock(&begin_lock);
  if (error) gc__report("malloc: the library cannot start: %s", strerror(error));
  return !error;
}

/* ---- Threads ---- */

/* A thread that is past its last destructor is not attached again: nothing would detach it. */
static bool attach(void) {
  struct gc__malloc_thread *thread = &gc__malloc_thread;
  if (gc__self_is_attached() && thread->state != GC__MALLOC_NEW) return true;
  if (thread->state == GC__MALLOC_CLOSED || !gc__attach()) return false;
  thread->state = GC__MALLOC_CLOSED;
  if (!gc__malloc.ignores_free && pthread_setspecific(end_key, thread) == 0) {
    thread->state = GC__MALLOC_OPEN;
    gc__spares_open();
  }
  return true;
}

bool gc__malloc_enter(void) {
  if (gc__malloc_thread.is_inside) return false;
  int saved = errno;
  gc__malloc_thread.is_inside = true;
  bool done = begin() && attach();
  if (!done) gc__malloc_leave();
  errno = saved;
  return done;
}

/* ---- Threads that are created ---- */

struct created {
  void *(*fn)(void *);
  void *argument;
};

static void *run_created(void *argument) {
  struct created created = *(struct created *)argument;
  if (gc__malloc_enter()) gc__malloc_leave();
  gc__side_give(argument);
  return created.fn(created.argument);
}

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* The argument is seen until the new thread has it: memory from the side is a root. */
GC__EXPORT int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                              void *(*fn)(void *), void *restrict argument) {
  static volatile size_t next;
  if (!gc__word_get(&next)) gc__word_set(&next, (size_t)dlsym(RTLD_NEXT, "pthread_create"));
  create_fn *create = (create_fn *)gc__word_get(&next);
  if (!gc__malloc.ignores_free || gc__malloc_thread.is_inside) return create(thread, attributes, fn, argument);
  struct created *created = gc__side_take(sizeof *created, GC__GRANULE_BYTES);
  if (!created) return EAGAIN;
  *created = (struct created){fn, argument};
  int error = create(thread, attributes, run_created, created);
  if (error) gc__side_give(created);
  return error;
}
