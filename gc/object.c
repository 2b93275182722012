/* object.c - functions about an object that exists: size, base, freeing, resizing. */
#include "runtime.h"
#include "heap/large.h"
#include "heap/object.h"
#include "os/report.h"

#include <errno.h>
#include <string.h>

static struct gc__place find(struct gc__thread *self, const void *address) {
  gc__world_enter(self);
  struct gc__place place = gc__object_find(&gc__runtime.collector.heap, address);
  gc__world_leave(self);
  return place;
}

static char *start_of(struct gc__place place) {
  return gc__heap_address(&gc__runtime.collector.heap, place.granule);
}

_Noreturn void gc__report_misuse(struct gc__thread *self, const char *function, const void *address) {
  const struct gc__space *space = &gc__runtime.collector.heap.space;
  struct gc__place place = find(self, address);
  if (gc__pool_has(address)) gc__misuse("%s: %p: belongs to a pool", function, address);
  size_t offset = gc__space_offset(space, address);
  if (offset >= space->reserved_bytes) gc__misuse("%s: %p: is not in the heap", function, address);
  if (!gc__place_is_none(place) && (const char *)address < start_of(place))
    gc__misuse("%s: %p: points %zu bytes before the object at %p", function, address,
               (size_t)(start_of(place) - (const char *)address), (void *)start_of(place));
  if (!gc__place_is_none(place))
    gc__misuse("%s: %p: points %zu bytes into the object at %p", function, address,
               (size_t)((const char *)address - start_of(place)), (void *)start_of(place));
  if (gc__guarded_was_freed(self, address)) gc__misuse("%s: %p: is freed already", function, address);
  if (gc__space_contains(space, address)) place = gc__space_place(space, offset);
  if (!gc__place_is_none(place) && !place.is_large && start_of(place) == address)
    gc__misuse("%s: %p: is freed already or was never allocated", function, address);
  gc__misuse("%s: %p: points into free memory", function, address);
}

static bool is_in_pool(struct gc__place place) {
  if (gc__place_is_none(place) || !place.is_large) return false;
  return gc__runtime.collector.heap.space.runs[place.granule / GC__PAGE_GRANULES].is_pool;
}

static bool is_guarded(struct gc__place place) {
  return !gc__place_is_none(place) && gc__space_is_guarded(&gc__runtime.collector.heap.space, place.granule);
}

size_t gc_size(const void *object) {
  struct gc__thread *self = gc__attach();
  if (!self) return 0;
  struct gc__place place = find(self, object);
  size_t bytes;
  if (GC__UNLIKELY(is_in_pool(place))) return gc__pool_block_at(object, &bytes) == object ? bytes : 0;
  if (GC__UNLIKELY(is_guarded(place))) return gc__guarded_size(self, object);
  return gc__place_is_none(place) || start_of(place) != object ? 0 : place.bytes;
}

void *gc_base(const void *pointer) {
  struct gc__thread *self = gc__attach();
  if (!self) return NULL;
  struct gc__place place = find(self, pointer);
  size_t bytes;
  if (GC__UNLIKELY(is_in_pool(place))) return gc__pool_block_at(pointer, &bytes);
  return gc__place_is_none(place) ? NULL : start_of(place);
}

/* The granule of an object on which something may hang; SIZE_MAX: nothing does. In a section. */
static size_t tied_granule(const void *object) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  size_t offset = gc__space_offset(&heap->space, object), granule = offset / GC__GRANULE_BYTES;
  if (GC__UNLIKELY(gc__guards_any(&heap->guards)) && gc__space_contains(&heap->space, object))
    granule = gc__heap_granule(heap, object);
  bool is_tied = offset % GC__GRANULE_BYTES == 0 && gc__ties_has(&heap->ties, granule);
  return GC__UNLIKELY(is_tied) ? granule : SIZE_MAX;
}

static void drop_ties(size_t granule) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  gc__lock_take(&heap->ties.lock);
  gc__ties_drop(heap, granule);
  gc__lock_give(&heap->ties.lock);
}

void gc_free(void *object) {
  if (!object) return;
  struct gc__thread *self = gc__attach();
  if (!self) return;
  gc__world_enter(self);
  size_t tied = tied_granule(object);
  if (tied != SIZE_MAX) drop_ties(tied);
  bool done = !gc__pool_has(object) && gc__object_free(&gc__runtime.collector.heap, &self->local, object);
  gc__world_leave(self);
  if (!done) gc__report_misuse(self, "gc_free", object);
}

/* ---- Resizing ---- */

static size_t alignment_of(struct gc__place place) {
  if (place.kind != GC__KIND_ALIGNED) return GC__GRANULE_BYTES;
  if (!place.is_large) return place.bytes & -place.bytes;
  return (size_t)1 << gc__runtime.collector.heap.space.runs[place.granule / GC__PAGE_GRANULES].alignment_log2;
}

/* A cell is kept while the new size fits and would not take a cell of half its size. */
static bool fits_in_place(struct gc__thread *self, struct gc__place place, size_t bytes) {
  if (!place.is_large) return bytes <= place.bytes && (bytes > place.bytes / 2 || place.bytes == GC__GRANULE_BYTES);
  gc__world_enter(self);
  bool done = gc__large_resize(&gc__runtime.collector.heap, (uint32_t)(place.granule / GC__PAGE_GRANULES), bytes);
  gc__world_leave(self);
  return done;
}

/* Bytes past the request are kept zero in every object, so that growing later finds zeros there. */
static void clear_tail(char *start, size_t bytes, size_t end_bytes) {
  if (bytes < end_bytes) memset(start + bytes, 0, end_bytes - bytes);
}

bool gc__move_ties(struct gc__thread *self, const void *object, const void *moved) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  bool done = true;
  gc__world_enter(self);
  size_t tied = tied_granule(object);
  if (tied != SIZE_MAX) {
    gc__lock_take(&heap->ties.lock);
    done = gc__ties_move(heap, tied, gc__object_start(heap, moved));
    gc__lock_give(&heap->ties.lock);
  }
  gc__world_leave(self);
  return done;
}

static void *move(struct gc__thread *self, void *object, struct gc__place place, size_t bytes) {
  size_t kept = bytes < place.bytes ? bytes : place.bytes;
  unsigned layout = gc__layout_number_of(&gc__runtime.collector.heap, place.granule);
  char *moved = gc__allocate(bytes, alignment_of(place), place.kind, layout);
  if (!moved) return NULL;
  gc__note_procedure(self, moved);
  memcpy(moved, object, kept);
  gc_written(moved, kept); /* a collection since it was made has made it old */
  if (!gc__move_ties(self, object, moved)) {
    gc_free(moved);
    errno = ENOMEM;
    return NULL;
  }
  gc_free(object);
  return moved;
}

/* Typed objects are resized by whole elements. */
static bool is_right_size(struct gc__place place, size_t bytes) {
  const struct gc__layout *layout = gc__layout_of(&gc__runtime.collector.heap, place.granule);
  return !layout || layout->procedure || bytes % layout->bytes == 0;
}

void *gc_realloc(void *object, size_t bytes) {
  if (!object) return gc_alloc(bytes);
  struct gc__thread *self = gc__attach();
  if (!self) return NULL;
  struct gc__place place = find(self, object);
  if (gc__place_is_none(place) || start_of(place) != object || is_in_pool(place))
    gc__report_misuse(self, "gc_realloc", object);
  void *resized;
  if (GC__UNLIKELY(is_guarded(place)) && gc__guarded_resize(self, object, bytes, &resized)) return resized;
  if (!is_right_size(place, bytes)) {
    errno = EINVAL;
    return NULL;
  }
  if (!fits_in_place(self, place, bytes)) return move(self, object, place, bytes);
  size_t now_bytes = place.is_large ? gc__round_up(bytes, GC__PAGE_BYTES) : place.bytes;
  clear_tail(object, bytes, now_bytes < place.bytes ? now_bytes : place.bytes);
  return object;
}

void *gc_realloc_array(void *object, size_t count, size_t bytes) {
  size_t total;
  if (!__builtin_mul_overflow(count, bytes, &total)) return gc_realloc(object, total);
  errno = ENOMEM;
  return NULL;
}
