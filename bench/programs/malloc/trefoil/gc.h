/* bench/programs/malloc/trefoil/gc.h - the part of trefoil's interface that the example programs use, over malloc.
 *
 * The programs have no calls to free, so that nothing is ever given back: their time is what allocation alone costs,
 * and their memory is all that they ever asked for. The allocator is the one that is linked: the C library's, jemalloc,
 * mimalloc. Memory is zeroed as gc.h promises; what gc_realloc adds is not, and no example reads it unwritten.
 */
#ifndef BENCH_MALLOC_GC_H
#define BENCH_MALLOC_GC_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *gc_alloc(size_t bytes) {
  return calloc(1, bytes);
}
static inline void *gc_alloc_leaf(size_t bytes) {
  return calloc(1, bytes);
}
static inline void *gc_alloc_array(size_t count, size_t bytes) {
  return calloc(count, bytes);
}
static inline void *gc_alloc_leaf_array(size_t count, size_t bytes) {
  return calloc(count, bytes);
}

static inline void *gc_alloc_aligned(size_t alignment, size_t bytes) {
  void *object = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  return object == NULL ? NULL : memset(object, 0, bytes);
}

static inline void *gc_realloc(void *object, size_t bytes) {
  return realloc(object, bytes);
}
static inline void *gc_realloc_array(void *object, size_t count, size_t bytes) {
  return reallocarray(object, count, bytes);
}

static inline char *gc_strndup(const char *s, size_t n) {
  return strndup(s, n);
}
static inline char *gc_strdup(const char *s) {
  return strdup(s);
}

__attribute__((format(printf, 1, 0))) static inline char *gc_vasprintf(const char *format, va_list arguments) {
  char *text;
  return vasprintf(&text, format, arguments) < 0 ? NULL : text;
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
}

static inline int gc_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                                   void *argument) {
  return pthread_create(thread, attributes, fn, argument);
}

/* Never called: a program that needs it would end here, and says so. */
typedef void *gc_oom_fn(size_t bytes);
static inline gc_oom_fn *gc_set_oom_handler(gc_oom_fn *handler) {
  (void)handler;
  return NULL;
}

#endif
