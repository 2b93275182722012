/* libgc/threads.c - threads, their stacks, and the allocation lock. */
#include "libgc/libgc.h"
#define GC_NO_THREAD_REDIRECTS
#include "os/thread.h"

#include <libgc/gc_pthread_redirects.h>

#include <dlfcn.h>
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

EXPORT int GC_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *argument) {
  if (!gc__libgc_begin()) return pthread_create(thread, attributes, fn, argument);
  return gc_thread_create(thread, attributes, fn, argument);
}
EXPORT int GC_pthread_join(pthread_t thread, void **result) {
  return pthread_join(thread, result);
}
EXPORT int GC_pthread_detach(pthread_t thread) {
  return pthread_detach(thread);
}
EXPORT int GC_pthread_cancel(pthread_t thread) {
  return pthread_cancel(thread);
}
EXPORT void GC_pthread_exit(void *result) {
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
