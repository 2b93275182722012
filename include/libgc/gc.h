/* gc.h - the interface of the Boehm-Demers-Weiser collector, bdwgc 8.2, over trefoil: for programs that were written for
 * it. They compile against this header and link with libgc.so.1 of trefoil, or run with it in place of the one that
 * they were linked with. New programs are better off with <trefoil/gc.h>.
 *
 * What a function means is what bdwgc documents, with these differences:
 *  - No object is padded: a pointer to one past the end of an object keeps it if it is in a stack, a register or static
 *    data, and not if it is in another object.
 *  - Every allocation is cleared. Threads attach themselves at their first call.
 *  - GC_debug_ functions are the plain ones: there is no header in front of an object, and GC_base of what they gave is
 *    that itself.
 *  - Wrong frees end the program with a line that names the address.
 *  - What has to do with incremental collection, time limits and frequencies is noted and changes nothing: TREFOIL_MODE
 *    and its relatives decide. A larger GC_free_space_divisor means less memory and more collections, as it did.
 *  - Functions below "Not supported" say so on standard error when they are called, and fail.
 */
#ifndef GC_H
#define GC_H

#include <stddef.h>

#define GC_TMP_VERSION_MAJOR 8
#define GC_TMP_VERSION_MINOR 2
#define GC_TMP_VERSION_MICRO 2
#define GC_VERSION_MAJOR     GC_TMP_VERSION_MAJOR
#define GC_VERSION_MINOR     GC_TMP_VERSION_MINOR
#define GC_VERSION_MICRO     GC_TMP_VERSION_MICRO

#if defined(__GNUC__)
#define GC_API extern __attribute__((visibility("default")))
#define GC_ATTR_MALLOC __attribute__((malloc))
#define GC_ATTR_ALLOC_SIZE(n) __attribute__((alloc_size(n)))
#define GC_ATTR_NONNULL(n) __attribute__((nonnull(n)))
#else
#define GC_API extern
#define GC_ATTR_MALLOC
#define GC_ATTR_ALLOC_SIZE(n)
#define GC_ATTR_NONNULL(n)
#endif
#define GC_CALL
#define GC_CALLBACK

/* Threads are always supported; GC_THREADS asks for the names of pthread.h to mean those of here, see the end. */
#if defined(GC_THREADS) && !defined(GC_PTHREADS)
#define GC_PTHREADS
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef void *GC_PTR;
typedef unsigned long GC_word;
typedef long GC_signed_word;
typedef size_t GC_uintptr_t;

#define GC_SUCCESS       0
#define GC_DUPLICATE     1
#define GC_NO_MEMORY     2
#define GC_UNIMPLEMENTED 3
#define GC_NO_THREADS    2
#define GC_NOT_FOUND     4

/* ---- Start ---- */

/* Optional: the first allocation starts the collector, too. */
GC_API void GC_init(void);
GC_API int GC_is_init_called(void);
GC_API void GC_deinit(void);                  /* does nothing */
GC_API unsigned GC_get_version(void);         /* major << 16 | minor << 8 | micro */

/* ---- Allocation ---- */

/* NULL, or what the function of GC_set_oom_fn returned, where there is no memory. Of 0 bytes: a distinct object. */
GC_API void *GC_malloc(size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_atomic(size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);        /* never scanned */
GC_API void *GC_malloc_uncollectable(size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1); /* a root until GC_free */
GC_API void *GC_malloc_atomic_uncollectable(size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_ignore_off_page(size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_atomic_ignore_off_page(size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_malloc_stubborn(size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API char *GC_strdup(const char *s) GC_ATTR_MALLOC;
GC_API char *GC_strndup(const char *s, size_t n) GC_ATTR_MALLOC;
GC_API void *GC_memalign(size_t alignment, size_t bytes) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(2);
GC_API int GC_posix_memalign(void **object, size_t alignment, size_t bytes);
GC_API void *GC_realloc(void *object, size_t bytes) GC_ATTR_ALLOC_SIZE(2); /* 0 bytes: frees it, and gives NULL */
GC_API void GC_free(void *object);

/* A list of objects linked by their first words (GC_NEXT), all else of which is zero. */
GC_API void *GC_malloc_many(size_t bytes);
#define GC_NEXT(p) (*(void **)(p))

GC_API void *GC_base(void *address);           /* the start of the object that it points into; NULL: none */
GC_API size_t GC_size(const void *object);     /* usable bytes; 0: no object starts there */
GC_API int GC_is_heap_ptr(const void *address);

/* The others of the family, with a place in the source that is not used. */
GC_API void *GC_debug_malloc(size_t bytes, const char *file, int line) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_debug_malloc_atomic(size_t bytes, const char *file, int line) GC_ATTR_MALLOC GC_ATTR_ALLOC_SIZE(1);
GC_API void *GC_debug_malloc_uncollectable(size_t bytes, const char *file, int line) GC_ATTR_MALLOC;
GC_API void *GC_debug_malloc_atomic_uncollectable(size_t bytes, const char *file, int line) GC_ATTR_MALLOC;
GC_API void *GC_debug_malloc_ignore_off_page(size_t bytes, const char *file, int line) GC_ATTR_MALLOC;
GC_API void *GC_debug_malloc_atomic_ignore_off_page(size_t bytes, const char *file, int line) GC_ATTR_MALLOC;
GC_API void *GC_debug_malloc_stubborn(size_t bytes, const char *file, int line) GC_ATTR_MALLOC;
GC_API char *GC_debug_strdup(const char *s, const char *file, int line) GC_ATTR_MALLOC;
GC_API char *GC_debug_strndup(const char *s, size_t n, const char *file, int line) GC_ATTR_MALLOC;
GC_API void *GC_debug_realloc(void *object, size_t bytes, const char *file, int line);
GC_API void *GC_debug_malloc_replacement(size_t bytes) GC_ATTR_MALLOC;
GC_API void *GC_debug_realloc_replacement(void *object, size_t bytes);
GC_API void GC_debug_free(void *object);
GC_API void GC_change_stubborn(const void *object);
GC_API void GC_end_stubborn_change(const void *object);
GC_API void GC_debug_change_stubborn(const void *object);
GC_API void GC_debug_end_stubborn_change(const void *object);
GC_API void GC_ptr_store_and_dirty(void *slot, const void *value); /* *slot = value */
GC_API void GC_debug_ptr_store_and_dirty(void *slot, const void *value);

typedef void *(*GC_oom_func)(size_t bytes);
GC_API GC_oom_func GC_oom_fn;
GC_API void GC_set_oom_fn(GC_oom_func fn); /* may leave by longjmp or an exception */
GC_API GC_oom_func GC_get_oom_fn(void);
GC_API void GC_abort_on_oom(void);

/* ---- Pointers and roots ---- */

/* 0: words in objects keep only what they point to the start of, or to a registered place in. Before the first
 * allocation. Words in roots keep what they point into, in any case. */
GC_API int GC_all_interior_pointers;
GC_API void GC_set_all_interior_pointers(int value);
GC_API int GC_get_all_interior_pointers(void);
GC_API void GC_register_displacement(size_t bytes); /* 64 or more make all places good */
GC_API void GC_debug_register_displacement(size_t bytes);

/* Not 0: static data is no root, that of the program neither. */
GC_API int GC_no_dls;
GC_API void GC_set_no_dls(int value);
GC_API int GC_get_no_dls(void);
GC_API void GC_add_roots(void *low, void *high_plus_1);
GC_API void GC_remove_roots(void *low, void *high_plus_1);
GC_API void GC_clear_roots(void);
GC_API void *GC_is_visible(void *address);            /* the address */
GC_API void *GC_is_valid_displacement(void *address); /* the address */
GC_API void *GC_same_obj(void *a, void *b);           /* a; says so on standard error if they are not */
GC_API void *GC_pre_incr(void **p, ptrdiff_t bytes);
GC_API void *GC_post_incr(void **p, ptrdiff_t bytes);
GC_API void (*GC_same_obj_print_proc)(void *, void *);
GC_API void (*GC_is_valid_displacement_print_proc)(void *);
GC_API void (*GC_is_visible_print_proc)(void *);
typedef int (*GC_has_static_roots_func)(const char *, void *, size_t);

typedef GC_word GC_hidden_pointer;
#define GC_HIDE_POINTER(p)   (~(GC_hidden_pointer)(p))
#define GC_REVEAL_POINTER(p) ((void *)GC_HIDE_POINTER(p))
#define GC_HIDE_NZ_POINTER(p)   ((GC_hidden_pointer)(-(GC_signed_word)(p))) /* NULL stays 0 */
#define GC_REVEAL_NZ_POINTER(p) ((void *)GC_HIDE_NZ_POINTER(p))
#define HIDE_POINTER(p)      GC_HIDE_POINTER(p)
#define REVEAL_POINTER(p)    GC_REVEAL_POINTER(p)
#if defined(__GNUC__)
#define GC_reachable_here(p) __asm__ __volatile__(" " : : "X"(p) : "memory")
#else
GC_API void GC_noop1(GC_word);
#define GC_reachable_here(p) GC_noop1((GC_word)(p))
#endif

/* ---- Collections ---- */

GC_API void GC_gcollect(void); /* unless it is disabled */
GC_API void GC_gcollect_and_unmap(void);
typedef int (*GC_stop_func)(void);
GC_API int GC_try_to_collect(GC_stop_func stop); /* whether it collected; stop is asked once, before */
GC_API void GC_set_stop_func(GC_stop_func stop);
GC_API GC_stop_func GC_get_stop_func(void);
GC_API int GC_collect_a_little(void); /* 0: nothing is left to do */
GC_API int GC_dont_gc;                /* how often it is disabled */
GC_API void GC_disable(void);
GC_API void GC_enable(void);
GC_API int GC_is_disabled(void);
GC_API GC_word GC_gc_no;
GC_API GC_word GC_get_gc_no(void); /* of collections so far, minor ones included */
typedef void (*GC_start_callback_proc)(void);
GC_API void GC_set_start_callback(GC_start_callback_proc); /* before each collection */
GC_API GC_start_callback_proc GC_get_start_callback(void);

/* Hints and notes. */
GC_API int GC_parallel; /* marking threads beside the collecting one */
GC_API int GC_get_parallel(void);
GC_API void GC_set_markers_count(unsigned count);
GC_API void GC_start_mark_threads(void);
GC_API int GC_expand_hp(size_t bytes); /* 1 */
GC_API void GC_set_max_heap_size(GC_word bytes);
GC_API int GC_dont_expand, GC_use_entire_heap, GC_full_freq, GC_dont_precollect, GC_find_leak;
GC_API GC_word GC_non_gc_bytes, GC_free_space_divisor, GC_max_retries;
GC_API unsigned long GC_time_limit;
GC_API void GC_set_dont_expand(int);
GC_API int GC_get_dont_expand(void);
GC_API void GC_set_full_freq(int);
GC_API int GC_get_full_freq(void);
GC_API void GC_set_dont_precollect(int);
GC_API int GC_get_dont_precollect(void);
GC_API void GC_set_find_leak(int);
GC_API int GC_get_find_leak(void);
GC_API void GC_set_non_gc_bytes(GC_word);
GC_API GC_word GC_get_non_gc_bytes(void);
GC_API void GC_set_free_space_divisor(GC_word);
GC_API GC_word GC_get_free_space_divisor(void);
GC_API void GC_set_max_retries(GC_word);
GC_API GC_word GC_get_max_retries(void);
#define GC_TIME_UNLIMITED 999999
GC_API void GC_set_time_limit(unsigned long);
GC_API unsigned long GC_get_time_limit(void);
struct GC_timeval_s {
  unsigned long tv_ms, tv_nsec;
};
GC_API void GC_set_time_limit_tv(struct GC_timeval_s);
GC_API struct GC_timeval_s GC_get_time_limit_tv(void);
GC_API void GC_set_allocd_bytes_per_finalizer(GC_word);
GC_API GC_word GC_get_allocd_bytes_per_finalizer(void);
GC_API void GC_set_pages_executable(int);
GC_API int GC_get_pages_executable(void);
GC_API void GC_set_min_bytes_allocd(size_t);
GC_API size_t GC_get_min_bytes_allocd(void);
GC_API void GC_set_rate(int);
GC_API int GC_get_rate(void);
GC_API void GC_set_max_prior_attempts(int);
GC_API int GC_get_max_prior_attempts(void);
GC_API void GC_set_disable_automatic_collection(int);
GC_API int GC_get_disable_automatic_collection(void);
GC_API void GC_set_force_unmap_on_gcollect(int);
GC_API int GC_get_force_unmap_on_gcollect(void);
GC_API void GC_set_manual_vdb_allowed(int);
GC_API int GC_get_manual_vdb_allowed(void);
#define GC_PROTECTS_NONE 0
GC_API void GC_enable_incremental(void);
GC_API int GC_is_incremental_mode(void);         /* 0 */
GC_API int GC_incremental_protection_needs(void); /* GC_PROTECTS_NONE */
GC_API void GC_start_incremental_collection(void);

/* ---- Figures ---- */

GC_API size_t GC_get_heap_size(void);
GC_API size_t GC_get_free_bytes(void);
GC_API size_t GC_get_unmapped_bytes(void);
GC_API size_t GC_get_bytes_since_gc(void);
GC_API size_t GC_get_expl_freed_bytes_since_gc(void);
GC_API size_t GC_get_total_bytes(void);
GC_API size_t GC_get_obtained_from_os_bytes(void);
GC_API size_t GC_get_memory_use(void);
GC_API void GC_get_heap_usage_safe(GC_word *heap, GC_word *free, GC_word *unmapped, GC_word *since_gc, GC_word *total);
struct GC_prof_stats_s {
  GC_word heapsize_full, free_bytes_full, unmapped_bytes, bytes_allocd_since_gc, allocd_bytes_before_gc, non_gc_bytes,
      gc_no, markers_m1, bytes_reclaimed_since_gc, reclaimed_bytes_before_gc, expl_freed_bytes_since_gc,
      obtained_from_os_bytes;
};
GC_API size_t GC_get_prof_stats(struct GC_prof_stats_s *stats, size_t bytes);
GC_API size_t GC_get_prof_stats_unsafe(struct GC_prof_stats_s *stats, size_t bytes);
GC_API size_t GC_get_size_map_at(int i);
GC_API void GC_start_performance_measurement(void);
GC_API unsigned long GC_get_full_gc_total_time(void); /* ms */
GC_API void GC_dump(void);
GC_API void GC_dump_named(const char *name);
GC_API void GC_dump_regions(void);
GC_API void GC_dump_finalization(void);

/* ---- End of life ---- */

typedef void (*GC_finalization_proc)(void *object, void *data);
#define GC_FINALIZER_ARGUMENTS_                                                                                        \
  void *object, GC_finalization_proc fn, void *data, GC_finalization_proc *old_fn, void **old_data
GC_API void GC_register_finalizer(GC_FINALIZER_ARGUMENTS_);
GC_API void GC_register_finalizer_ignore_self(GC_FINALIZER_ARGUMENTS_);
GC_API void GC_register_finalizer_no_order(GC_FINALIZER_ARGUMENTS_);
GC_API void GC_register_finalizer_unreachable(GC_FINALIZER_ARGUMENTS_);
GC_API void GC_debug_register_finalizer(GC_FINALIZER_ARGUMENTS_);
GC_API void GC_debug_register_finalizer_ignore_self(GC_FINALIZER_ARGUMENTS_);
GC_API void GC_debug_register_finalizer_no_order(GC_FINALIZER_ARGUMENTS_);
GC_API void GC_debug_register_finalizer_unreachable(GC_FINALIZER_ARGUMENTS_);
GC_API int GC_register_disappearing_link(void **link);
GC_API int GC_general_register_disappearing_link(void **link, const void *object);
GC_API int GC_move_disappearing_link(void **link, void **new_link);
GC_API int GC_unregister_disappearing_link(void **link); /* whether there was one */
GC_API int GC_register_long_link(void **link, const void *object);
GC_API int GC_move_long_link(void **link, void **new_link);
GC_API int GC_unregister_long_link(void **link);
GC_API int GC_should_invoke_finalizers(void);
GC_API int GC_invoke_finalizers(void);
GC_API void GC_finalize_all(void);
GC_API int GC_finalize_on_demand, GC_java_finalization;
GC_API void GC_set_finalize_on_demand(int);
GC_API int GC_get_finalize_on_demand(void);
GC_API void GC_set_java_finalization(int);
GC_API int GC_get_java_finalization(void);
typedef void (*GC_finalizer_notifier_proc)(void);
GC_API GC_finalizer_notifier_proc GC_finalizer_notifier;
GC_API void GC_set_finalizer_notifier(GC_finalizer_notifier_proc);
GC_API GC_finalizer_notifier_proc GC_get_finalizer_notifier(void);
typedef void (*GC_await_finalize_proc)(void *);
GC_API void GC_set_await_finalize_proc(GC_await_finalize_proc);
GC_API GC_await_finalize_proc GC_get_await_finalize_proc(void);

/* ---- Messages and events ---- */

typedef void (*GC_warn_proc)(char *format, GC_word argument);
GC_API void GC_set_warn_proc(GC_warn_proc);
GC_API GC_warn_proc GC_get_warn_proc(void);
GC_API void GC_ignore_warn_proc(char *format, GC_word argument);
GC_API void GC_set_log_fd(int fd);
typedef void (*GC_abort_func)(const char *);
GC_API void GC_set_abort_func(GC_abort_func);
GC_API GC_abort_func GC_get_abort_func(void);
typedef void (*GC_on_heap_resize_proc)(GC_word heap_bytes);
GC_API GC_on_heap_resize_proc GC_on_heap_resize;
GC_API void GC_set_on_heap_resize(GC_on_heap_resize_proc);
GC_API GC_on_heap_resize_proc GC_get_on_heap_resize(void);
typedef enum {
  GC_EVENT_START,
  GC_EVENT_MARK_START,
  GC_EVENT_MARK_END,
  GC_EVENT_RECLAIM_START,
  GC_EVENT_RECLAIM_END,
  GC_EVENT_END,
  GC_EVENT_PRE_STOP_WORLD,
  GC_EVENT_POST_STOP_WORLD,
  GC_EVENT_PRE_START_WORLD,
  GC_EVENT_POST_START_WORLD,
  GC_EVENT_THREAD_SUSPENDED,
  GC_EVENT_THREAD_UNSUSPENDED
} GC_EventType;
typedef void (*GC_on_collection_event_proc)(GC_EventType);
GC_API void GC_set_on_collection_event(GC_on_collection_event_proc); /* gets GC_EVENT_START only */
GC_API GC_on_collection_event_proc GC_get_on_collection_event(void);
typedef void (*GC_on_thread_event_proc)(GC_EventType, void *);
GC_API void GC_set_on_thread_event(GC_on_thread_event_proc); /* gets nothing */
GC_API GC_on_thread_event_proc GC_get_on_thread_event(void);

/* ---- Threads ---- */

struct GC_stack_base {
  void *mem_base;
};
typedef void *(*GC_fn_type)(void *);
typedef void *(*GC_stack_base_func)(struct GC_stack_base *, void *);
GC_API void *GC_call_with_alloc_lock(GC_fn_type fn, void *data); /* fn must not allocate */
GC_API void GC_alloc_lock(void);
GC_API void GC_alloc_unlock(void);
GC_API void *GC_call_with_stack_base(GC_stack_base_func fn, void *data);
GC_API void *GC_do_blocking(GC_fn_type fn, void *data);
GC_API void *GC_call_with_gc_active(GC_fn_type fn, void *data);
GC_API int GC_get_stack_base(struct GC_stack_base *);
GC_API void *GC_get_my_stackbottom(struct GC_stack_base *);
GC_API char *GC_stackbottom; /* of the first thread: may be changed by programs that switch its stack */
GC_API void GC_set_stackbottom(void *thread, const struct GC_stack_base *);
GC_API void GC_allow_register_threads(void);
GC_API int GC_register_my_thread(const struct GC_stack_base *);
GC_API int GC_unregister_my_thread(void);
GC_API int GC_thread_is_registered(void);
GC_API void GC_register_altstack(void *, GC_word, void *, GC_word); /* they are found by themselves */
GC_API void GC_set_suspend_signal(int signal);                      /* before the first allocation */
GC_API int GC_get_suspend_signal(void);
GC_API void GC_set_thr_restart_signal(int signal); /* none is needed */
GC_API int GC_get_thr_restart_signal(void);
GC_API void GC_set_handle_fork(int); /* forks are always handled */
GC_API void GC_atfork_prepare(void);
GC_API void GC_atfork_parent(void);
GC_API void GC_atfork_child(void);

/* ---- Not supported ---- */

typedef enum { GC_TOGGLE_REF_DROP, GC_TOGGLE_REF_STRONG, GC_TOGGLE_REF_WEAK } GC_ToggleRefStatus;
typedef GC_ToggleRefStatus (*GC_toggleref_func)(void *);
GC_API void GC_set_toggleref_func(GC_toggleref_func);
GC_API GC_toggleref_func GC_get_toggleref_func(void);
GC_API int GC_toggleref_add(void *object, int is_strong); /* GC_NO_MEMORY */
GC_API void GC_exclude_static_roots(void *low, void *high_plus_1);
GC_API void GC_clear_exclusion_table(void);
GC_API void GC_register_has_static_roots_callback(GC_has_static_roots_func);
GC_API void GC_stop_world_external(void);
GC_API void GC_start_world_external(void);

/* ---- Macros ---- */

#define GC_INIT()                      GC_init()
#define GC_MALLOC(n)                   GC_malloc(n)
#define GC_MALLOC_ATOMIC(n)            GC_malloc_atomic(n)
#define GC_MALLOC_UNCOLLECTABLE(n)     GC_malloc_uncollectable(n)
#define GC_MALLOC_ATOMIC_UNCOLLECTABLE(n) GC_malloc_atomic_uncollectable(n)
#define GC_MALLOC_IGNORE_OFF_PAGE(n)   GC_malloc_ignore_off_page(n)
#define GC_MALLOC_ATOMIC_IGNORE_OFF_PAGE(n) GC_malloc_atomic_ignore_off_page(n)
#define GC_MALLOC_STUBBORN(n)          GC_malloc(n)
#define GC_REALLOC(p, n)               GC_realloc(p, n)
#define GC_FREE(p)                     GC_free(p)
#define GC_STRDUP(s)                   GC_strdup(s)
#define GC_STRNDUP(s, n)               GC_strndup(s, n)
#define GC_CHANGE_STUBBORN(p)          GC_change_stubborn(p)
#define GC_END_STUBBORN_CHANGE(p)      GC_end_stubborn_change(p)
#define GC_PTR_STORE(p, q)             (*(void **)(p) = (void *)(q))
#define GC_PTR_STORE_AND_DIRTY(p, q)   GC_ptr_store_and_dirty(p, q)
#define GC_REGISTER_DISPLACEMENT(n)    GC_register_displacement(n)
#define GC_REGISTER_FINALIZER(p, f, d, of, od)             GC_register_finalizer(p, f, d, of, od)
#define GC_REGISTER_FINALIZER_IGNORE_SELF(p, f, d, of, od) GC_register_finalizer_ignore_self(p, f, d, of, od)
#define GC_REGISTER_FINALIZER_NO_ORDER(p, f, d, of, od)    GC_register_finalizer_no_order(p, f, d, of, od)
#define GC_REGISTER_FINALIZER_UNREACHABLE(p, f, d, of, od) GC_register_finalizer_unreachable(p, f, d, of, od)
#define GC_GENERAL_REGISTER_DISAPPEARING_LINK(link, p)     GC_general_register_disappearing_link(link, p)
#define GC_REGISTER_LONG_LINK(link, p) GC_register_long_link(link, p)
#define GC_NEW(t)                      ((t *)GC_MALLOC(sizeof(t)))
#define GC_NEW_ATOMIC(t)               ((t *)GC_MALLOC_ATOMIC(sizeof(t)))
#define GC_NEW_STUBBORN(t)             GC_NEW(t)
#define GC_NEW_UNCOLLECTABLE(t)        ((t *)GC_MALLOC_UNCOLLECTABLE(sizeof(t)))
#define GC_PTR_ADD(x, n)               ((x) + (n))
#define GC_PRE_INCR(x, n)              ((x) += (n))
#define GC_POST_INCR(x)                ((x)++)
#define GC_POST_DECR(x)                ((x)--)

#ifdef __cplusplus
}
#endif

#ifdef GC_PTHREADS
#include "gc_pthread_redirects.h"
#endif

#endif
