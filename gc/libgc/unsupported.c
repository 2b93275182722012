/* libgc/unsupported.c - what libgc.so.1 exports and this library does not do: each says so when it is called, with what
 * to do instead, and fails as is documented. */
#include "libgc/libgc.h"
#include "os/report.h"

#include <stdarg.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

/* Each place says it once. */
#define REFUSE(instead)                                                                                                \
  do {                                                                                                                 \
    static volatile unsigned has_said;                                                                                 \
    if (gc__flag_swap_if(&has_said, 0, 1)) gc__report("libgc: %s is not supported: %s", __func__, instead);            \
  } while (0)

#define LIMITS_STATIC "use GC_set_no_dls(1), and GC_add_roots for what is a root"
#define NEEDS_BDWGC   "this program needs bdwgc's own library"
#define USE_KIND      "use GC_new_proc and GC_new_kind"
#define USE_FINALIZER "use GC_register_finalizer_no_order"

EXPORT int GC_gcj_kind, GC_gcj_debug_kind;

EXPORT void GC_init_gcj_malloc(int index, void *procedure) {
  (void)index, (void)procedure;
  REFUSE(USE_KIND);
}
EXPORT void *GC_gcj_malloc(size_t bytes, void *descriptor) {
  (void)bytes, (void)descriptor;
  REFUSE(USE_KIND);
  return NULL;
}
EXPORT void *GC_gcj_malloc_ignore_off_page(size_t bytes, void *descriptor) {
  (void)bytes, (void)descriptor;
  REFUSE(USE_KIND);
  return NULL;
}
EXPORT void *GC_debug_gcj_malloc(size_t bytes, void *descriptor, const char *file, int line) {
  (void)bytes, (void)descriptor, (void)file, (void)line;
  REFUSE(USE_KIND);
  return NULL;
}

EXPORT void GC_init_finalized_malloc(void) {
  REFUSE(USE_FINALIZER);
}
EXPORT void GC_register_disclaim_proc(int kind, GC_disclaim_proc fn, int from_all) {
  (void)kind, (void)fn, (void)from_all;
  REFUSE(USE_FINALIZER);
}
EXPORT void *GC_finalized_malloc(size_t bytes, const struct GC_finalizer_closure *closure) {
  (void)bytes, (void)closure;
  REFUSE(USE_FINALIZER);
  return NULL;
}

EXPORT void GC_set_toggleref_func(GC_toggleref_func fn) {
  (void)fn;
  REFUSE("use disappearing links");
}
EXPORT GC_toggleref_func GC_get_toggleref_func(void) {
  return NULL;
}
EXPORT int GC_toggleref_add(void *object, int is_strong) {
  (void)object, (void)is_strong;
  REFUSE("use disappearing links");
  return GC_NO_MEMORY;
}

EXPORT void GC_exclude_static_roots(void *low, void *high) {
  (void)low, (void)high;
  REFUSE(LIMITS_STATIC);
}
EXPORT void GC_clear_exclusion_table(void) {
  REFUSE(LIMITS_STATIC);
}
EXPORT void GC_register_has_static_roots_callback(GC_has_static_roots_func fn) {
  (void)fn;
  REFUSE(LIMITS_STATIC);
}
EXPORT int GC_is_tmp_root(void *address) {
  (void)address;
  REFUSE(LIMITS_STATIC);
  return 0;
}

EXPORT void GC_stop_world_external(void) {
  REFUSE("use GC_call_with_alloc_lock, or GC_disable");
}
EXPORT void GC_start_world_external(void) {
  REFUSE("use GC_call_with_alloc_lock, or GC_enable");
}
EXPORT void GC_suspend_thread(pthread_t thread) {
  (void)thread;
  REFUSE(NEEDS_BDWGC);
}
EXPORT void GC_resume_thread(pthread_t thread) {
  (void)thread;
  REFUSE(NEEDS_BDWGC);
}
EXPORT int GC_is_thread_suspended(pthread_t thread) {
  (void)thread;
  REFUSE(NEEDS_BDWGC);
  return 0;
}

EXPORT void GC_enumerate_reachable_objects_inner(GC_reachable_object_proc fn, void *data) {
  (void)fn, (void)data;
  REFUSE(NEEDS_BDWGC);
}
EXPORT void GC_print_free_list(int kind, size_t granules) {
  (void)kind, (void)granules;
  REFUSE("there are no free lists; GC_dump shows the heap");
}
EXPORT void GC_incr_bytes_allocd(size_t bytes) {
  (void)bytes;
  REFUSE("allocate with GC_malloc_many");
}
EXPORT void GC_incr_bytes_freed(size_t bytes) {
  (void)bytes;
  REFUSE("free with GC_free");
}

/* ---- Names that the collector's own parts use ---- */

EXPORT void GC_noop1(GC_word word) {
  __asm__ volatile("" : : "r"(word));
}

/* Free lists and tables of bdwgc, which only its own macros of an older version touch: always empty. */
EXPORT void *GC_arrays[1];
EXPORT void **GC_objfreelist_ptr, **GC_aobjfreelist_ptr, **GC_uobjfreelist_ptr, **GC_auobjfreelist_ptr;

static void abort_with(const char *text) {
  if (text) gc__report("%s", text);
}
EXPORT void (*GC_on_abort)(const char *) = abort_with;

static void print_to(FILE *file, const char *format, va_list arguments) {
  vfprintf(file, format, arguments);
}
#define PRINTER(name, file)                                                                                            \
  EXPORT __attribute__((format(printf, 1, 2))) void name(const char *format, ...) {                                    \
    va_list arguments;                                                                                                 \
    va_start(arguments, format);                                                                                       \
    print_to(file, format, arguments);                                                                                 \
    va_end(arguments);                                                                                                 \
  }
PRINTER(GC_printf, stdout)
PRINTER(GC_err_printf, stderr)
PRINTER(GC_log_printf, stderr)
