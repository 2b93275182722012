/* libgc/allocate.c - objects: making them, freeing, resizing, asking about them. */
#include "heap/object.h"
#include "libgc/libgc.h"
#include "os/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- Making ---- */

/* The object stays in a register or on the stack while finalizers run. */
static GC__NOINLINE void *allocate_slow(size_t bytes, enum gc__kind kind) {
  if (!gc__libgc_begin()) return NULL;
  void *object = gc__allocate(bytes, GC__GRANULE_BYTES, kind, 0);
  gc__libgc_settle();
  gc_keep(object);
  return object;
}

static GC__INLINE void *allocate(size_t bytes, enum gc__kind kind) {
  if (GC__LIKELY(bytes <= GC__SMALL_MAX_BYTES)) {
    void *cell = gc__cursor_bump(gc__local_cursor(&gc__self->local, kind, gc__class_of(bytes)));
    if (GC__LIKELY(cell != NULL)) return cell;
  }
  return allocate_slow(bytes, kind);
}

EXPORT void *GC_malloc(size_t bytes) {
  return allocate(bytes, GC__KIND_SCANNED);
}
EXPORT void *GC_malloc_atomic(size_t bytes) {
  return allocate(bytes, GC__KIND_LEAF);
}
EXPORT void *GC_malloc_uncollectable(size_t bytes) {
  return allocate(bytes, GC__KIND_ROOT);
}
EXPORT void *GC_malloc_ignore_off_page(size_t bytes) {
  return allocate(bytes, GC__KIND_SCANNED);
}
EXPORT void *GC_malloc_atomic_ignore_off_page(size_t bytes) {
  return allocate(bytes, GC__KIND_LEAF);
}
EXPORT void *GC_malloc_stubborn(size_t bytes) {
  return allocate(bytes, GC__KIND_SCANNED);
}

EXPORT void *GC_malloc_atomic_uncollectable(size_t bytes) {
  void *object = allocate(bytes, GC__KIND_LEAF);
  if (!object || gc__libgc_hold(object)) return object;
  gc_free(object);
  errno = ENOMEM;
  return NULL;
}

EXPORT void *GC_malloc_many(size_t bytes) {
  void *list;
  GC_generic_malloc_many(bytes, GC_I_NORMAL, &list);
  return list;
}

EXPORT void *GC_memalign(size_t alignment, size_t bytes) {
  if (!gc__libgc_begin()) return NULL;
  void *object = gc_alloc_aligned(alignment, bytes);
  gc__libgc_settle();
  return object;
}

EXPORT int GC_posix_memalign(void **object, size_t alignment, size_t bytes) {
  if (!gc__is_power_of_two(alignment) || alignment % sizeof(void *)) return EINVAL;
  *object = GC_memalign(alignment, bytes);
  return *object ? 0 : ENOMEM;
}

EXPORT char *GC_strndup(const char *s, size_t n) {
  size_t length = strnlen(s, n);
  char *copy = GC_malloc_atomic(length + 1);
  if (!copy) return NULL;
  memcpy(copy, s, length);
  copy[length] = 0;
  return copy;
}

EXPORT char *GC_strdup(const char *s) {
  return s ? GC_strndup(s, SIZE_MAX) : NULL;
}

/* ---- Freeing and resizing ---- */

EXPORT void GC_free(void *object) {
  if (!object || !gc__libgc_begin()) return;
  gc__libgc_let_go(object);
  gc_free(object);
}

/* What a descriptor says of an object is not repeated in a longer one: that is scanned whole. */
static void *resize_typed(void *object, size_t bytes) {
  size_t before = gc_size(object);
  void *resized = GC_malloc(bytes);
  if (!resized) return NULL;
  memcpy(resized, object, bytes < before ? bytes : before);
  gc_free(object);
  return resized;
}

EXPORT void *GC_realloc(void *object, size_t bytes) {
  if (!object) return GC_malloc(bytes);
  if (!gc__libgc_begin()) return NULL;
  if (!bytes) {
    GC_free(object);
    return NULL;
  }
  bool is_held = gc__libgc_let_go(object);
  errno = 0;
  void *resized = gc_realloc(object, bytes);
  if (!resized && errno == EINVAL) resized = resize_typed(object, bytes);
  if (is_held && !gc__libgc_hold(resized ? resized : object)) gc__report("GC_realloc: no memory to keep %p", resized);
  gc__libgc_settle();
  gc_keep(resized);
  return resized;
}

/* ---- Questions ---- */

EXPORT void *GC_base(void *address) {
  if (!gc__space_contains(&gc__runtime.collector.heap.space, address)) return NULL;
  return gc__libgc_begin() ? gc_base(address) : NULL;
}

EXPORT size_t GC_size(const void *object) {
  if (!gc__space_contains(&gc__runtime.collector.heap.space, object)) return 0;
  return gc__libgc_begin() ? gc_size(object) : 0;
}

/* Whether there may be objects at all where it points. */
EXPORT int GC_is_heap_ptr(const void *address) {
  const struct gc__space *space = &gc__runtime.collector.heap.space;
  if (!gc__space_contains(space, address)) return 0;
  size_t offset = gc__space_offset(space, address);
  struct gc__block_entry entry = gc__entry_at(space, offset >> GC__BLOCK_LOG2);
  return (entry.shape & GC__SHAPE_GRANULES) ||
         ((entry.shape & GC__SHAPE_PAGES) && space->run_heads[offset >> GC__PAGE_LOG2]);
}

/* ---- Out of memory ---- */

static void *no_memory(size_t bytes) {
  (void)bytes;
  return NULL;
}

EXPORT GC_oom_func GC_oom_fn = no_memory;

/* The variable is read when it is needed: programs may set it, too. */
static void *call_oom_fn(size_t bytes) {
  GC_oom_func fn = GC_oom_fn;
  return fn ? fn(bytes) : NULL;
}

EXPORT void GC_set_oom_fn(GC_oom_func fn) {
  GC_oom_fn = fn;
}
EXPORT GC_oom_func GC_get_oom_fn(void) {
  return GC_oom_fn;
}

void gc__libgc_open_oom(void) {
  gc_set_oom_handler(call_oom_fn);
}

EXPORT void GC_abort_on_oom(void) {
  gc__misuse("GC_abort_on_oom: out of memory");
}

/* ---- Under other names ---- */

#define WITH_PLACE(function)                                                                                           \
  EXPORT void *GC_debug_##function(size_t bytes, const char *file, int line) {                                         \
    (void)file, (void)line;                                                                                            \
    return GC_##function(bytes);                                                                                       \
  }
WITH_PLACE(malloc)
WITH_PLACE(malloc_atomic)
WITH_PLACE(malloc_uncollectable)
WITH_PLACE(malloc_atomic_uncollectable)
WITH_PLACE(malloc_ignore_off_page)
WITH_PLACE(malloc_atomic_ignore_off_page)
WITH_PLACE(malloc_stubborn)

EXPORT char *GC_debug_strdup(const char *s, const char *file, int line) {
  (void)file, (void)line;
  return GC_strdup(s);
}
EXPORT char *GC_debug_strndup(const char *s, size_t n, const char *file, int line) {
  (void)file, (void)line;
  return GC_strndup(s, n);
}
EXPORT void *GC_debug_realloc(void *object, size_t bytes, const char *file, int line) {
  (void)file, (void)line;
  return GC_realloc(object, bytes);
}
EXPORT void *GC_debug_malloc_replacement(size_t bytes) {
  return GC_malloc(bytes);
}
EXPORT void *GC_debug_realloc_replacement(void *object, size_t bytes) {
  return GC_realloc(object, bytes);
}
EXPORT void GC_debug_free(void *object) {
  GC_free(object);
}

/* Plain stores are enough for the collector. */
EXPORT void GC_change_stubborn(const void *object) {
  (void)object;
}
EXPORT void GC_end_stubborn_change(const void *object) {
  gc_keep(object);
}
EXPORT void GC_debug_change_stubborn(const void *object) {
  (void)object;
}
EXPORT void GC_debug_end_stubborn_change(const void *object) {
  gc_keep(object);
}
EXPORT void GC_ptr_store_and_dirty(void *slot, const void *value) {
  *(const void *volatile *)slot = value;
  gc_keep(value);
}
EXPORT void GC_debug_ptr_store_and_dirty(void *slot, const void *value) {
  GC_ptr_store_and_dirty(slot, value);
}
