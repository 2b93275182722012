/* protect.c - guarded objects: see trefoil/protect.h, and heap/guard.h for how they lie in the heap. */
#include "runtime.h"
#include "heap/object.h"

#include <trefoil/protect.h>

#include <errno.h>
#include <string.h>

static struct gc__heap *begin_guarded(struct gc__thread *self) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  gc__world_enter(self);
  gc__lock_take(&heap->lock);
  return heap;
}

static void end_guarded(struct gc__thread *self) {
  gc__lock_give(&gc__runtime.collector.heap.lock);
  gc__world_leave(self);
}

void *gc_alloc_guarded(size_t bytes) {
  struct gc__thread *self = gc__attach();
  if (self && !gc__runtime.settings.options.buffer) return gc__allocate_guarded(bytes);
  if (self) errno = ENOTSUP; /* the pages of a buffer are the program's */
  return NULL;
}

static int set_access(struct gc__thread *self, const void *object, enum gc__access access) {
  struct gc__heap *heap = begin_guarded(self);
  struct gc__guard *guard = gc__guard_at(heap, object);
  int error = guard ? gc__guard_protect(heap, guard, access) : EINVAL;
  end_guarded(self);
  return error;
}

int gc_protect(void *guarded, enum gc_protection protection) {
  static const enum gc__access accesses[] = {[GC_PROTECT_NONE] = GC__ACCESS_NONE,
                                             [GC_PROTECT_READ] = GC__ACCESS_READ,
                                             [GC_PROTECT_READ_WRITE] = GC__ACCESS_WRITE};
  struct gc__thread *self = gc__attach();
  int error = EINVAL;
  if (!self) return ENOMEM;
  if ((unsigned)protection <= GC_PROTECT_READ_WRITE) error = set_access(self, guarded, accesses[protection]);
  gc_keep(guarded);
  if (error) errno = error;
  return error;
}

size_t gc__guarded_size(struct gc__thread *self, const void *object) {
  const struct gc__guard *guard = gc__guard_at(begin_guarded(self), object);
  size_t bytes = guard ? guard->bytes : 0;
  end_guarded(self);
  return bytes;
}

bool gc__guarded_was_freed(struct gc__thread *self, const void *object) {
  bool was_freed = gc__guard_was_freed(begin_guarded(self), object);
  end_guarded(self);
  return was_freed;
}

/* ---- Resizing ---- */

/* A new one with the old one's contents, its protection, and what hangs on it. */
static void *move_guarded(struct gc__thread *self, void *object, size_t bytes, size_t kept_bytes,
                          enum gc__access access) {
  char *moved = gc__allocate_guarded(bytes);
  if (!moved) return NULL;
  bool is_closed = access == GC__ACCESS_NONE;
  bool done = !is_closed || set_access(self, object, GC__ACCESS_READ) == 0;
  if (done) memcpy(moved, object, kept_bytes < bytes ? kept_bytes : bytes);
  done = done && (access == GC__ACCESS_WRITE || set_access(self, moved, access) == 0) &&
         gc__move_ties(self, object, moved);
  if (done) {
    gc_free(object);
    return moved;
  }
  if (is_closed) (void)set_access(self, object, access);
  gc_free(moved);
  errno = ENOMEM;
  return NULL;
}

bool gc__guarded_resize(struct gc__thread *self, void *object, size_t bytes, void **moved) {
  struct gc__heap *heap = begin_guarded(self);
  struct gc__guard *guard = gc__guard_at(heap, object);
  size_t now_bytes = guard ? guard->bytes : 0;
  enum gc__access access = guard ? (enum gc__access)guard->access : GC__ACCESS_NONE;
  if (guard) gc__guard_check(heap, guard, "gc_realloc");
  end_guarded(self);
  if (!guard) return false;
  *moved = bytes == now_bytes ? object : move_guarded(self, object, bytes, now_bytes, access);
  gc_keep(object);
  return true;
}
