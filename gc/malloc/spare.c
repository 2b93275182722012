/* malloc/spare.c - spare cells: what a thread freed and will be handed out next [malloc.spare].
 *
 * Freeing and allocating small memory of the same size again takes no lock and no atomic operation this way, and the
 * cell is in the cache. Cells of other threads' blocks are as good. What a thread has beyond its room goes back to the
 * heap, which looks at blocks that many cells came back to, and gives empty ones back to its pages.
 */
#include "heap/object.h"
#include "malloc/malloc.h"

/* Room for that much memory of each size, within these numbers of cells: the last cells that a program frees may lie in
 * as many blocks of 64 KiB. */
#define SPARE_BYTES ((size_t)64 << 10)
#define SPARE_LEAST 8u
#define SPARE_MOST  128u

/* The heap keeps none of the cells for this thread: [local.recycled] is for what is zeroed when it is handed out. */
void gc__spares_open(void) {
  gc__self->local.recycled = NULL;
  for (unsigned size_class = 0; size_class < GC__CLASS_COUNT; size_class++) {
    size_t room = SPARE_BYTES / gc__size_classes[size_class].cell_bytes;
    gc__malloc_thread.spares[size_class].room = (uint32_t)(room < SPARE_LEAST  ? SPARE_LEAST
                                                           : room > SPARE_MOST ? SPARE_MOST
                                                                               : room);
  }
}

/* Cells from this one on go back to the heap. */
static void give_back(struct gc__spare *cell) {
  struct gc__thread *self = gc__self;
  struct gc__heap *heap = &gc__runtime.collector.heap;
  struct gc__spare *next;
  gc__world_enter(self);
  for (; cell; cell = next) {
    next = cell->next;
    gc__byte_poke(&heap->space.live[gc__space_offset(&heap->space, cell) / GC__GRANULE_BYTES], 0);
    gc__object_free(heap, &self->local, cell);
  }
  gc__world_leave(self);
}

void gc__spares_flush(unsigned size_class) {
  struct gc__spares *spares = &gc__malloc_thread.spares[size_class];
  struct gc__spare *last = spares->first;
  uint32_t kept = spares->count / 2;
  if (!kept) return;
  for (uint32_t i = 1; i < kept; i++) last = last->next;
  struct gc__spare *rest = last->next;
  last->next = NULL;
  spares->room += spares->count - kept;
  spares->count = kept;
  give_back(rest);
}

void gc__spares_close(void) {
  for (unsigned size_class = 0; size_class < GC__CLASS_COUNT; size_class++) {
    struct gc__spare *first = gc__malloc_thread.spares[size_class].first;
    gc__malloc_thread.spares[size_class] = (struct gc__spares){0};
    give_back(first);
  }
}

/* ---- Back to the system ---- */

/* What may stay: a quarter of what is in use, and some. Half of that is kept when there was more. */
#define KEPT_SHARE 4
#define KEPT_BYTES ((size_t)16 << 20)

bool gc__malloc_relieve(bool is_all) {
  struct gc__thread *self = gc__self;
  struct gc__heap *heap = &gc__runtime.collector.heap;
  size_t most = is_all ? 0 : gc__word_peek(&heap->budget->used_bytes) / KEPT_SHARE + KEPT_BYTES;
  most /= GC__PAGE_BYTES;
  if (heap->pages.dirty_free_pages <= most) return false; /* a look without the lock */
  gc__world_enter(self);
  gc__lock_take(&heap->lock);
  size_t dirty_pages = heap->pages.dirty_free_pages, returned = 0;
  if (dirty_pages > most) returned = gc__pages_discard(&heap->pages, dirty_pages - most / 2);
  gc__word_add(&heap->returned_bytes, returned * GC__PAGE_BYTES);
  gc__lock_give(&heap->lock);
  gc__world_leave(self);
  return returned != 0;
}
