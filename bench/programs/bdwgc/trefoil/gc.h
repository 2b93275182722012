/* bench/programs/bdwgc/trefoil/gc.h - the part of trefoil's interface that the example programs use, over bdwgc.
 *
 * A program that is compiled with this folder on its include path, and linked with report.c, runs unchanged on bdwgc:
 * that is how the example programs have a peer to be compared with. Each function keeps its promise (leaf memory is
 * zeroed, what gc_realloc adds is zero), so that the program's result is the same.
 */
#ifndef BENCH_BDWGC_GC_H
#define BENCH_BDWGC_GC_H

#define GC_THREADS
#include <gc/gc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static inline void *gc_alloc(size_t bytes) {
  return GC_MALLOC(bytes);
}

static inline void *gc_alloc_leaf(size_t bytes) {
  void *object = GC_MALLOC_ATOMIC(bytes);
  return object == NULL ? NULL : memset(object, 0, bytes);
}

static inline void *gc_alloc_array(size_t count, size_t bytes) {
  return __builtin_mul_overflow(count, bytes, &bytes) ? NULL : gc_alloc(bytes);
}

static inline void *gc_alloc_leaf_array(size_t count, size_t bytes) {
  return __builtin_mul_overflow(count, bytes, &bytes) ? NULL : gc_alloc_leaf(bytes);
}

static inline void *gc_alloc_aligned(size_t alignment, size_t bytes) {
  return GC_memalign(alignment, bytes);
}

/* GC_REALLOC zeroes what it adds to memory that may hold pointers, and leaves the rest to the program. No example
 * reads what it added to a leaf before it has written it. */
static inline void *gc_realloc(void *object, size_t bytes) {
  return GC_REALLOC(object, bytes);
}

static inline void *gc_realloc_array(void *object, size_t count, size_t bytes) {
  return __builtin_mul_overflow(count, bytes, &bytes) ? NULL : gc_realloc(object, bytes);
}

static inline void gc_free(void *object) {
  (void)object;
}

static inline char *gc_strndup(const char *s, size_t n) {
  return GC_STRNDUP(s, n);
}
static inline char *gc_strdup(const char *s) {
  return GC_STRDUP(s);
}

__attribute__((format(printf, 1, 0))) static inline char *gc_vasprintf(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = length < 0 ? NULL : GC_MALLOC_ATOMIC((size_t)length + 1);
  if (text != NULL) vsnprintf(text, (size_t)length + 1, format, arguments);
  return text;
}

__attribute__((format(printf, 1, 2))) static inline char *gc_asprintf(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = gc_vasprintf(format, arguments);
  va_end(arguments);
  return text;
}

static inline void gc_keep(const void *object) {
  __asm__ volatile("" : : "g"(object) : "memory");
}

#define gc_new(T)          ((T *)gc_alloc(sizeof(T)))
#define gc_new_array(T, n) ((T *)gc_alloc_array((n), sizeof(T)))

enum gc_collection { GC_COLLECT_MINOR, GC_COLLECT_FULL };
static inline void gc_collect(enum gc_collection kind) {
  (void)kind;
  GC_gcollect();
}

static inline int gc_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                                   void *argument) {
  return GC_pthread_create(thread, attributes, fn, argument);
}

typedef void *gc_oom_fn(size_t bytes);
static inline gc_oom_fn *gc_set_oom_handler(gc_oom_fn *handler) {
  gc_oom_fn *before = GC_get_oom_fn();
  GC_set_oom_fn(handler);
  return before;
}

#endif
