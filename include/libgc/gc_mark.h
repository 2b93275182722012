/* gc_mark.h - kinds of objects that a program marks itself, and roots that only it knows. Procedures run with the world
 * stopped: they call nothing that allocates or locks. */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "gc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Means nothing here: a mark procedure passes on what it was given. */
struct GC_ms_entry {
  void *opaque;
};
typedef struct GC_ms_entry *(*GC_mark_proc)(GC_word *object, struct GC_ms_entry *top, struct GC_ms_entry *limit,
                                            GC_word environment);

#define GC_LOG_MAX_MARK_PROCS  6
#define GC_MAX_MARK_PROCS      (1 << GC_LOG_MAX_MARK_PROCS)
#define GC_RESERVED_MARK_PROCS 8
#define GC_PROC_BYTES          100

/* The two low bits of a descriptor say what the others mean. */
#define GC_DS_TAG_BITS   2
#define GC_DS_TAGS       ((1 << GC_DS_TAG_BITS) - 1)
#define GC_DS_LENGTH     0 /* bytes from the start that may hold pointers */
#define GC_DS_BITMAP     1 /* from GC_make_descriptor */
#define GC_DS_PROC       2 /* GC_MAKE_PROC */
#define GC_DS_PER_OBJECT 3 /* not supported, but for what GC_make_descriptor gives */
#define GC_MAKE_PROC(index, environment)                                                                               \
  (((((GC_word)(environment)) << GC_LOG_MAX_MARK_PROCS | (index)) << GC_DS_TAG_BITS) | GC_DS_PROC)

#define GC_I_PTRFREE 0
#define GC_I_NORMAL  1

GC_API void *GC_least_plausible_heap_addr, *GC_greatest_plausible_heap_addr;

/* In a mark procedure: keeps the object that a pointer leads to. */
GC_API struct GC_ms_entry *GC_mark_and_push(void *object, struct GC_ms_entry *top, struct GC_ms_entry *limit,
                                            void **source);
#define GC_MARK_AND_PUSH(object, top, limit, source)                                                                   \
  ((GC_word)(object) >= (GC_word)GC_least_plausible_heap_addr &&                                                       \
           (GC_word)(object) <= (GC_word)GC_greatest_plausible_heap_addr                                               \
       ? GC_mark_and_push(object, top, limit, (void **)(source))                                                       \
       : (top))

GC_API void **GC_new_free_list(void);
GC_API void **GC_new_free_list_inner(void);
GC_API unsigned GC_new_kind(void **free_list, GC_word descriptor, int adds_size, int clears);
GC_API unsigned GC_new_kind_inner(void **free_list, GC_word descriptor, int adds_size, int clears);
GC_API unsigned GC_new_proc(GC_mark_proc);
GC_API unsigned GC_new_proc_inner(GC_mark_proc);
GC_API void *GC_generic_malloc(size_t bytes, int kind);
GC_API void *GC_generic_malloc_ignore_off_page(size_t bytes, int kind);
GC_API void *GC_generic_malloc_uncollectable(size_t bytes, int kind);
GC_API void *GC_generic_or_special_malloc(size_t bytes, int kind);
GC_API void *GC_debug_generic_or_special_malloc(size_t bytes, int kind, const char *file, int line);
#define GC_GENERIC_OR_SPECIAL_MALLOC(bytes, kind) GC_generic_or_special_malloc(bytes, kind)
GC_API void GC_generic_malloc_many(size_t bytes, int kind, void **list); /* *list: see GC_malloc_many */
GC_API void *GC_malloc_kind(size_t bytes, int kind);
GC_API void *GC_malloc_kind_global(size_t bytes, int kind);
GC_API int GC_get_kind_and_size(const void *object, size_t *bytes);
typedef void (*GC_describe_type_fn)(void *object, char *text);
GC_API void GC_register_describe_type_fn(int kind, GC_describe_type_fn);
GC_API size_t GC_get_debug_header_size(void); /* 0 */
GC_API const size_t GC_debug_header_size;
#define GC_USR_PTR_FROM_BASE(p) ((void *)((char *)(p) + GC_get_debug_header_size()))
GC_API void *GC_clear_stack(void *argument); /* the argument */

/* Roots: in the function of GC_set_push_other_roots, and the first three in mark procedures, too. */
GC_API void GC_push_all(void *low, void *high);
GC_API void GC_push_all_eager(void *low, void *high);
GC_API void GC_push_conditional(void *low, void *high, int all);
GC_API void GC_set_mark_bit(const void *object);   /* keeps it, with what it leads to */
GC_API void GC_clear_mark_bit(const void *object); /* does nothing */
GC_API int GC_is_marked(const void *object);       /* whether it outlived the last collection */
typedef void (*GC_push_other_roots_proc)(void);
GC_API GC_push_other_roots_proc GC_push_other_roots;
GC_API void GC_set_push_other_roots(GC_push_other_roots_proc);
GC_API GC_push_other_roots_proc GC_get_push_other_roots(void);
GC_API void GC_push_finalizer_structures(void);

/* Not supported. */
typedef void (*GC_reachable_object_proc)(void *object, size_t bytes, void *data);
GC_API void GC_enumerate_reachable_objects_inner(GC_reachable_object_proc, void *data);
GC_API int GC_is_tmp_root(void *);
GC_API void GC_print_free_list(int kind, size_t granules);
struct GC_finalizer_closure {
  GC_finalization_proc proc;
  void *cd;
};
typedef int (*GC_disclaim_proc)(void *object);
GC_API void GC_init_finalized_malloc(void);
GC_API void GC_register_disclaim_proc(int kind, GC_disclaim_proc, int from_all);
GC_API void *GC_finalized_malloc(size_t bytes, const struct GC_finalizer_closure *closure); /* NULL */
GC_API int GC_gcj_kind, GC_gcj_debug_kind;
GC_API void GC_init_gcj_malloc(int index, void *procedure);
GC_API void *GC_gcj_malloc(size_t bytes, void *descriptor); /* NULL */
GC_API void *GC_gcj_malloc_ignore_off_page(size_t bytes, void *descriptor);
GC_API void *GC_debug_gcj_malloc(size_t bytes, void *descriptor, const char *file, int line);

#ifdef __cplusplus
}
#endif

#endif
