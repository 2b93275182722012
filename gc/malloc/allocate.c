/* malloc/allocate.c - malloc and its relatives. */
#include "heap/large.h"
#include "heap/object.h"
#include "malloc/malloc.h"
#include "os/report.h"

#include <errno.h>
#include <string.h>

static struct gc__heap *the_heap(void) {
  return &gc__runtime.collector.heap;
}

/* ---- Freed where the library is not to be had ---- */

/* They are linked through their first words. */
static volatile size_t waiting_blocks;

static void wait_to_be_freed(void *block) {
  size_t before;
  do {
    before = gc__word_get(&waiting_blocks);
    *(size_t *)block = before;
  } while (!gc__word_swap_if(&waiting_blocks, before, (size_t)block));
}

static void free_waiting(void) {
  size_t first;
  do first = gc__word_get(&waiting_blocks);
  while (!gc__word_swap_if(&waiting_blocks, first, 0));
  for (size_t next; first; first = next) {
    next = *(size_t *)first;
    gc_free((void *)first);
  }
}

/* ---- Making ---- */

/* Where nothing is collected there is no need to zero what the program does not ask to be zero. */
static char *take_large(size_t bytes, size_t alignment, bool *is_zero) {
  struct gc__thread *self = gc__self;
  gc__world_enter(self);
  char *object = gc__large_take(the_heap(), bytes, alignment, GC__KIND_LEAF, 0, is_zero);
  gc__world_leave(self);
  return object;
}

/* Inside. */
static void *make(size_t bytes, size_t alignment, bool wants_zero) {
  bool is_zero = true;
  char *object = NULL;
  if (GC__UNLIKELY(gc__word_get(&waiting_blocks) != 0)) free_waiting();
  if (!gc__malloc.ignores_free && bytes > GC__SMALL_MAX_BYTES) object = take_large(bytes, alignment, &is_zero);
  if (!object) {
    bool is_aligned = gc__malloc.ignores_free && alignment > GC__GRANULE_BYTES;
    object = gc__allocate(bytes, alignment, is_aligned ? GC__KIND_ALIGNED : gc__malloc.kind, 0);
    is_zero = true;
  }
  if (object && wants_zero && !is_zero) memset(object, 0, bytes);
  return object;
}

static GC__NOINLINE void *allocate_slow(size_t bytes, size_t alignment, bool wants_zero) {
  void *object = NULL;
  if (bytes > PTRDIFF_MAX || alignment > PTRDIFF_MAX) {
    errno = ENOMEM;
  } else if (gc__malloc_enter()) {
    object = make(bytes, alignment, wants_zero);
    gc__malloc_leave();
  } else {
    object = gc__side_take(bytes, alignment);
    if (object && wants_zero) memset(object, 0, bytes);
    if (!object) errno = ENOMEM;
  }
  return object;
}

/* A cell that this thread freed, or NULL. */
static GC__INLINE void *take_spare(unsigned size_class) {
  struct gc__spares *spares = &gc__malloc_thread.spares[size_class];
  struct gc__spare *cell = spares->first;
  if (GC__UNLIKELY(!cell)) return NULL;
  const struct gc__space *space = &the_heap()->space;
  spares->first = cell->next;
  spares->count--;
  spares->room++;
  gc__byte_poke(&space->live[gc__space_offset(space, cell) / GC__GRANULE_BYTES], 0);
  return cell;
}

static GC__INLINE void *take_fresh(unsigned size_class) {
  return gc__cursor_bump(gc__local_cursor(&gc__self->local, gc__malloc.kind, size_class));
}

GC__EXPORT void *malloc(size_t bytes) {
  if (GC__LIKELY(bytes <= GC__SMALL_MAX_BYTES)) {
    unsigned size_class = gc__class_of(bytes);
    void *cell = take_spare(size_class);
    if (GC__LIKELY(cell != NULL) || (cell = take_fresh(size_class))) return cell;
  }
  return allocate_slow(bytes, GC__GRANULE_BYTES, false);
}

GC__EXPORT void *calloc(size_t count, size_t bytes) {
  size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) total = SIZE_MAX;
  if (GC__LIKELY(total <= GC__SMALL_MAX_BYTES)) {
    unsigned size_class = gc__class_of(total);
    void *cell = take_spare(size_class);
    if (cell) return memset(cell, 0, total);
    if ((cell = take_fresh(size_class))) return cell;
  }
  return allocate_slow(total, GC__GRANULE_BYTES, true);
}

/* The least class whose cells are all aligned so. */
static void *allocate_aligned(size_t alignment, size_t bytes) {
  if (alignment <= GC__GRANULE_BYTES) return malloc(bytes);
  if (!gc__malloc.ignores_free && bytes <= GC__SMALL_MAX_BYTES && alignment <= GC__SMALL_MAX_BYTES) {
    unsigned size_class = gc__class_of(bytes);
    while (size_class < GC__CLASS_COUNT && gc__size_classes[size_class].cell_bytes % alignment) size_class++;
    void *cell = size_class < GC__CLASS_COUNT ? take_spare(size_class) : NULL;
    if (cell) return cell;
  }
  return allocate_slow(bytes, alignment, false);
}

static void *refuse_request(int error) {
  errno = error;
  return NULL;
}

GC__EXPORT void *aligned_alloc(size_t alignment, size_t bytes) {
  return gc__is_power_of_two(alignment) ? allocate_aligned(alignment, bytes) : refuse_request(EINVAL);
}

/* As glibc has it, an alignment that is no power of two means the next one. */
GC__EXPORT void *memalign(size_t alignment, size_t bytes) {
  size_t power = GC__GRANULE_BYTES;
  if (alignment > PTRDIFF_MAX / 2) return refuse_request(EINVAL);
  while (power < alignment) power *= 2;
  return allocate_aligned(power, bytes);
}

GC__EXPORT int posix_memalign(void **object, size_t alignment, size_t bytes) {
  if (!gc__is_power_of_two(alignment) || alignment % sizeof(void *)) return EINVAL;
  int saved = errno;
  void *made = allocate_aligned(alignment, bytes);
  errno = saved;
  if (!made) return ENOMEM;
  *object = made;
  return 0;
}

GC__EXPORT void *valloc(size_t bytes) {
  return allocate_aligned(gc__os_page_bytes(), bytes);
}

GC__EXPORT void *pvalloc(size_t bytes) {
  size_t page_bytes = gc__os_page_bytes();
  if (bytes > PTRDIFF_MAX) return refuse_request(ENOMEM);
  return allocate_aligned(page_bytes, bytes ? gc__round_up(bytes, page_bytes) : page_bytes);
}

/* ---- Freeing ---- */

static bool is_start(struct gc__place place, const void *address) {
  return !gc__place_is_none(place) && gc__heap_address(the_heap(), place.granule) == address;
}

/* [malloc.spare] */
static bool is_spare(struct gc__place place) {
  return !place.is_large && gc__byte_peek(&the_heap()->space.live[place.granule]) == GC__LIVE_RECYCLED;
}

/* The object that the program means, or the end of it. Inside. */
static struct gc__place find_block(const void *block, const char *function) {
  struct gc__place place = gc__object_find(the_heap(), block);
  if (!is_start(place, block)) gc__report_misuse(gc__self, function, block);
  if (is_spare(place)) gc__misuse("%s: %p: is freed already", function, block);
  return place;
}

/* The spare cells of its class are full, or it is large, or the thread is new or ending. errno stays as it is. */
static void free_inside(void *block) {
  struct gc__place place = find_block(block, "free");
  if (!place.is_large && gc__malloc_thread.state == GC__MALLOC_OPEN) gc__spares_flush(gc__class_of(place.bytes));
  gc_free(block);
  gc__malloc_relieve(false);
}

static GC__NOINLINE void free_slow(void *block) {
  int saved = errno;
  if (gc__side_has(block)) {
    gc__side_give(block);
  } else if (gc__malloc.ignores_free) {
    return;
  } else if (gc__malloc_enter()) {
    free_inside(block);
    gc__malloc_leave();
  } else {
    if (!gc__space_contains(&the_heap()->space, block)) gc__misuse("free: %p: is not in the heap", block);
    wait_to_be_freed(block);
  }
  errno = saved;
}

/* Room is only where free is honoured. */
GC__EXPORT void free(void *block) {
  if (!block) return;
  struct gc__heap *heap = the_heap();
  struct gc__place place = gc__object_find(heap, block);
  if (GC__LIKELY(!gc__place_is_none(place) && !place.is_large)) {
    struct gc__spares *spares = &gc__malloc_thread.spares[gc__class_of(place.bytes)];
    uint8_t *live = &heap->space.live[place.granule];
    bool is_ours = gc__space_address(&heap->space, place.granule) == block && gc__byte_peek(live) == 0;
    if (GC__LIKELY(is_ours && spares->room)) {
      struct gc__spare *cell = block;
      gc__byte_poke(live, GC__LIVE_RECYCLED);
      cell->next = spares->first;
      spares->first = cell;
      spares->count++;
      spares->room--;
      return;
    }
  }
  free_slow(block);
}

/* ---- Sizes ---- */

GC__EXPORT size_t malloc_usable_size(void *block) {
  if (!block) return 0;
  if (gc__side_has(block)) return gc__side_bytes(block);
  struct gc__place place = gc__object_find(the_heap(), block);
  return is_start(place, block) ? place.bytes : 0;
}

/* Memory that is free goes back to the system; 1: there was some, 0: there was not. What is to be kept is for the
 * library to know. */
GC__EXPORT int malloc_trim(size_t kept_bytes) {
  (void)kept_bytes;
  if (gc__malloc.ignores_free || !gc__malloc_enter()) return 0;
  bool done = gc__malloc_relieve(true);
  gc__malloc_leave();
  return done;
}

/* ---- Resizing ---- */

/* A cell is kept while the new size fits and is not much less. */
static bool resize_in_place(struct gc__place place, size_t bytes) {
  if (!place.is_large) return bytes <= place.bytes && (bytes > place.bytes / 2 || place.bytes == GC__GRANULE_BYTES);
  struct gc__thread *self = gc__self;
  gc__world_enter(self);
  bool done = gc__large_resize(the_heap(), (uint32_t)(place.granule / GC__PAGE_GRANULES), bytes);
  gc__world_leave(self);
  return done;
}

/* Whether the block stays where it is; how much of it there was. */
static bool keeps_place(void *block, size_t bytes, size_t *before) {
  int saved = errno;
  if (gc__side_has(block)) {
    *before = gc__side_bytes(block);
    return bytes <= *before;
  }
  if (!gc__malloc_enter()) {
    *before = malloc_usable_size(block);
    if (!*before) gc__misuse("realloc: %p: is not in the heap", block);
    return bytes <= *before;
  }
  struct gc__place place = find_block(block, "realloc");
  *before = place.bytes;
  bool done = bytes <= PTRDIFF_MAX && resize_in_place(place, bytes);
  gc__malloc_leave();
  errno = saved;
  return done;
}

/* Of nothing it is malloc, to nothing it is free, as glibc has it. */
GC__EXPORT void *realloc(void *block, size_t bytes) {
  size_t before;
  if (!block) return malloc(bytes);
  if (!bytes) {
    free(block);
    return NULL;
  }
  if (keeps_place(block, bytes, &before)) return block;
  void *moved = malloc(bytes);
  if (!moved) return NULL;
  memcpy(moved, block, bytes < before ? bytes : before);
  free(block);
  return moved;
}

GC__EXPORT void *reallocarray(void *block, size_t count, size_t bytes) {
  size_t total;
  return __builtin_mul_overflow(count, bytes, &total) ? refuse_request(ENOMEM) : realloc(block, total);
}
