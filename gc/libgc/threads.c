/* libgc/threads.c - threads, their stacks, and the allocation lock. */
#include "libgc/libgc.h"
#define GC_NO_THREAD_REDIRECTS
#include "os/thread.h"

#include <libgc/gc_pthread_redirects.h>

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- The allocation lock ---- */

EXPORT void *GC_call_with_alloc_lock(GC_fn_type fn, void *data) {
  return gc__libgc_begin() ? gc_locked(fn, data) : fn(data);
}

/* As gc_locked does, in two calls. */
EXPORT void GC_alloc_lock(void) {
  if (!gc__libgc_begin()) return;
  gc__world_enter(gc__self);
  gc__lock_take(&gc__runtime.layer_lock);
}
EXPORT void GC_alloc_unlock(void) {
  if (!gc__self_is_attached()) return;
  gc__lock_give(&gc__runtime.layer_lock);
  gc__world_leave(gc__self);
}

/* ---- Stacks ---- */

EXPORT int GC_get_stack_base(struct GC_stack_base *base) {
  struct gc__range stack;
  if (!gc__os_stack(&stack)) return GC_UNIMPLEMENTED;
  base->mem_base = (void *)stack.end;
  return GC_SUCCESS;
}

EXPORT void *GC_call_with_stack_base(GC_stack_base_func fn, void *data) {
  struct GC_stack_base base;
  if (GC_get_stack_base(&base) != GC_SUCCESS) base.mem_base = __builtin_frame_address(0);
  return fn(&base, data);
}

/* For the first thread it may be one that the program set. */
EXPORT void *GC_get_my_stackbottom(struct GC_stack_base *base) {
  GC_get_stack_base(base);
  if (gc__os_thread_id() == gc__os_process_id() && GC_stackbottom) base->mem_base = GC_stackbottom;
  return gc__libgc_begin() ? gc__self : NULL;
}

EXPORT void GC_set_stackbottom(void *thread, const struct GC_stack_base *base) {
  (void)thread;
  if (gc__os_thread_id() == gc__os_process_id()) GC_stackbottom = base->mem_base;
}

EXPORT void *GC_do_blocking(GC_fn_type fn, void *data) {
  return gc__libgc_begin() ? gc_blocked(fn, data) : fn(data);
}
EXPORT void *GC_call_with_gc_active(GC_fn_type fn, void *data) {
  return gc__libgc_begin() ? gc_unblocked(fn, data) : fn(data);
}

/* ---- Threads ---- */

EXPORT void GC_allow_register_threads(void) {}

EXPORT int GC_thread_is_registered(void) {
  return gc__self_is_attached();
}

EXPORT int GC_register_my_thread(const struct GC_stack_base *base) {
  (void)base;
  if (gc__self_is_attached()) return GC_DUPLICATE;
  return gc__libgc_begin() ? GC_SUCCESS : GC_NO_MEMORY;
}

EXPORT int GC_unregister_my_thread(void) {
  if (gc__self_is_attached()) gc_thread_detach();
  return GC_SUCCESS;
}

EXPORT void GC_register_altstack(void *stack, GC_word bytes, void *altstack, GC_word altstack_bytes) {
  (void)stack, (void)bytes, (void)altstack, (void)altstack_bytes;
}

/* [libgc.results] What a thread returns is reachable until somebody has joined it: between its end and that, no stack
 * holds it. A record of each thread that can be joined is a root object, in a list, from its beginning to that. */
struct record {
  void *(*fn)(void *);
  void *argument, *result;
  struct record *next;
  size_t number; /* of all that were made: addresses are used again */
  pthread_t thread;
  bool is_detached, is_named, has_ended;
};

static pthread_mutex_t records_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t record_count;
static struct record *records; /* static data may be no root: each of them is one */
static _Thread_local struct record *own_record __attribute__((tls_model("initial-exec")));

/* Lock held. */
static void drop_record(struct record *record) {
  struct record **at = &records;
  while (*at && *at != record) at = &(*at)->next;
  if (*at) *at = record->next;
  gc_free(record);
}

static void end_record(struct record *record, void *result) {
  pthread_mutex_lock(&records_lock);
  record->result = result;
  record->has_ended = true;
  own_record = NULL;
  if (record->is_detached) drop_record(record);
  pthread_mutex_unlock(&records_lock);
}

static void *run_recorded(void *argument) {
  struct record *record = argument;
  pthread_mutex_lock(&records_lock);
  record->thread = pthread_self();
  record->is_named = true;
  own_record = record;
  pthread_mutex_unlock(&records_lock);
  void *result = record->fn(record->argument);
  end_record(record, result);
  return result;
}

static struct record *make_record(const pthread_attr_t *attributes, void *(*fn)(void *), void *argument) {
  struct record *record = gc_alloc_root(sizeof *record);
  int state = PTHREAD_CREATE_JOINABLE;
  if (!record) return NULL;
  if (attributes) pthread_attr_getdetachstate(attributes, &state);
  *record = (struct record){.fn = fn, .argument = argument, .is_detached = state == PTHREAD_CREATE_DETACHED};
  pthread_mutex_lock(&records_lock);
  record->number = ++record_count;
  record->next = records;
  records = record;
  pthread_mutex_unlock(&records_lock);
  return record;
}

/* The record of a thread that can be joined, or NULL. Lock held. */
static struct record *find_record(pthread_t thread) {
  struct record *record = records;
  while (record && !(record->is_named && pthread_equal(record->thread, thread))) record = record->next;
  return record;
}

/* Who joins a thread at once may come before it has begun. */
static void name_record(size_t number, pthread_t thread) {
  pthread_mutex_lock(&records_lock);
  struct record *record = records;
  while (record && record->number != number) record = record->next;
  if (record) record->thread = thread;
  if (record) record->is_named = true;
  pthread_mutex_unlock(&records_lock);
}

EXPORT int GC_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *argument) {
  if (!gc__libgc_begin()) return pthread_create(thread, attributes, fn, argument);
  struct record *record = make_record(attributes, fn, argument);
  if (!record) return EAGAIN;
  size_t number = record->number;
  int error = gc_thread_create(thread, attributes, run_recorded, record);
  if (!error) {
    name_record(number, *thread);
    return 0;
  }
  pthread_mutex_lock(&records_lock);
  drop_record(record);
  pthread_mutex_unlock(&records_lock);
  return error;
}

/* Once a thread is joined its number may be another one's: whose record this is must be known before. */
static struct record *record_of(pthread_t thread) {
  pthread_mutex_lock(&records_lock);
  struct record *record = find_record(thread);
  pthread_mutex_unlock(&records_lock);
  return record;
}

EXPORT int GC_pthread_join(pthread_t thread, void **result) {
  void *volatile value = NULL;
  struct record *record = gc__libgc_has_begun() ? record_of(thread) : NULL;
  int error = pthread_join(thread, (void **)&value);
  if (error) return error;
  if (result) *result = value;
  pthread_mutex_lock(&records_lock);
  if (record) drop_record(record);
  pthread_mutex_unlock(&records_lock);
  return 0;
}

EXPORT int GC_pthread_detach(pthread_t thread) {
  pthread_mutex_lock(&records_lock);
  struct record *record = find_record(thread);
  if (record && record->has_ended) drop_record(record);
  else if (record) record->is_detached = true;
  pthread_mutex_unlock(&records_lock);
  return pthread_detach(thread);
}
EXPORT int GC_pthread_cancel(pthread_t thread) {
  return pthread_cancel(thread);
}
EXPORT void GC_pthread_exit(void *result) {
  if (own_record) end_record(own_record, result);
  pthread_exit(result);
}

/* The stop signal stays open: a thread that blocks it cannot be stopped. */
EXPORT int GC_pthread_sigmask(int how, const sigset_t *set, sigset_t *before) {
  sigset_t wanted;
  if (set && how != SIG_UNBLOCK) {
    wanted = *set;
    sigdelset(&wanted, GC_get_suspend_signal());
    set = &wanted;
  }
  return pthread_sigmask(how, set, before);
}

EXPORT void *GC_dlopen(const char *path, int mode) {
  return dlopen(path, mode);
}

/* Threads go on after being stopped without a signal. */
static int restart_signal = SIGXCPU;
EXPORT void GC_set_thr_restart_signal(int signal) {
  restart_signal = signal;
}
EXPORT int GC_get_thr_restart_signal(void) {
  return restart_signal;
}

/* The library has handlers of its own for forks. */
EXPORT void GC_set_handle_fork(int value) {
  (void)value;
}
EXPORT void GC_atfork_prepare(void) {}
EXPORT void GC_atfork_parent(void) {}
EXPORT void GC_atfork_child(void) {}
EXPORT void GC_start_mark_threads(void) {}
