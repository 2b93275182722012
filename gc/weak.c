/* weak.c - weak references and weak maps. What collections do about them is in collect/weak.h.
 *
 * A weak reference is a leaf object whose first word is the address that it stands for, as it is: nothing scans a leaf,
 * and a stop that comes after it was loaded finds it in a register. So reading one takes no lock. [weak.handles] A map
 * is a leaf object with the number of its tie.
 */
#include "runtime.h"
#include "heap/object.h"
#include "os/report.h"

#include <trefoil/weak.h>

#include <errno.h>

struct gc_weak {
  volatile size_t target;
  size_t unused;
};

struct gc_weak_map {
  size_t number, unused;
};

static struct gc__ties *begin(struct gc__thread *self) {
  struct gc__ties *ties = &gc__runtime.collector.heap.ties;
  gc__world_enter(self);
  gc__lock_take(&ties->lock);
  return ties;
}

static void end(struct gc__thread *self) {
  gc__lock_give(&gc__runtime.collector.heap.ties.lock);
  gc__world_leave(self);
}

static int fail_with(int error) {
  if (error) errno = error;
  return error;
}

/* ---- Weak references ---- */

struct gc_weak *gc_weak_new(void *object) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  struct gc__thread *self = gc__attach();
  int error = EINVAL;
  if (!self) return NULL;
  struct gc_weak *weak = gc_alloc_leaf(sizeof *weak);
  if (!weak) return NULL;
  struct gc__ties *ties = begin(self);
  size_t granule = gc__object_start(heap, object), own = gc__object_start(heap, weak);
  if (granule != SIZE_MAX) error = gc__ties_reserve(heap, 2) ? 0 : ENOMEM;
  if (!error) {
    uint32_t tie = gc__tie_make(ties, GC__TIE_WEAK, granule, 0, 0);
    uint32_t handle = gc__tie_make(ties, GC__TIE_HANDLE, own, 0, 0);
    gc__tie_at(ties, tie)->link = handle;
    gc__tie_at(ties, handle)->link = tie;
    gc__word_set(&weak->target, (size_t)object);
  }
  end(self);
  if (!error) return weak;
  gc_free(weak);
  errno = error;
  return NULL;
}

void *gc_weak_get(struct gc_weak *weak) {
  return weak ? (void *)gc__word_get(&weak->target) : NULL;
}

/* ---- Weak maps ---- */

struct gc_weak_map *gc_weak_map_new(void) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  struct gc__thread *self = gc__attach();
  struct gc_weak_map *map = self ? gc_alloc_leaf(sizeof *map) : NULL;
  if (!map) return NULL;
  struct gc__ties *ties = begin(self);
  bool has_room = gc__ties_reserve(heap, 1);
  if (has_room) map->number = gc__tie_make(ties, GC__TIE_MAP, gc__object_start(heap, map), 0, 0);
  end(self);
  if (has_room) return map;
  gc_free(map);
  errno = ENOMEM;
  return NULL;
}

/* Begins a call for a map: the number of its tie, with the lock held. */
static uint32_t begin_map(struct gc__thread *self, const struct gc_weak_map *map, const char *function) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  struct gc__ties *ties = begin(self);
  size_t granule = gc__object_start(heap, map);
  uint32_t number = granule == SIZE_MAX ? 0 : gc__ties_find(ties, granule, GC__TIE_MAP);
  if (number) return number;
  end(self);
  gc__misuse("%s: %p: is no weak map", function, (const void *)map);
}

static size_t granule_of_key(const void *key) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  bool may_be_one = gc__space_contains(&heap->space, key) && (uintptr_t)key % GC__GRANULE_BYTES == 0;
  return may_be_one ? gc__heap_granule(heap, key) : SIZE_MAX;
}

static uint32_t find_entry(uint32_t number, const void *key) {
  const struct gc__ties *ties = &gc__runtime.collector.heap.ties;
  size_t granule = granule_of_key(key);
  return granule == SIZE_MAX ? 0 : gc__ties_find_entry(ties, number, granule);
}

/* The entry before goes when the new one is there: it may hold a count of its value until the next stop. */
int gc_weak_map_put(struct gc_weak_map *map, void *key, void *value) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  struct gc__thread *self = gc__attach();
  int error = EINVAL;
  if (!self) return ENOMEM;
  uint32_t number = begin_map(self, map, "gc_weak_map_put");
  size_t granule = gc__object_start(heap, key);
  if (granule != SIZE_MAX) error = gc__ties_reserve(heap, 1) ? 0 : ENOMEM;
  if (!error) {
    uint32_t before = gc__ties_find_entry(&heap->ties, number, granule);
    gc__ties_add_entry(&heap->ties, number, granule, (size_t)value);
    if (before) gc__ties_drop_entry(&heap->ties, before);
  }
  end(self);
  gc_keep(value);
  return fail_with(error);
}

void *gc_weak_map_get(struct gc_weak_map *map, const void *key) {
  struct gc__thread *self = gc__attach();
  if (!self) return NULL;
  uint32_t entry = find_entry(begin_map(self, map, "gc_weak_map_get"), key);
  void *volatile value = entry ? (void *)gc__tie_at(&gc__runtime.collector.heap.ties, entry)->value : NULL;
  end(self);
  return value;
}

bool gc_weak_map_remove(struct gc_weak_map *map, const void *key) {
  struct gc__thread *self = gc__attach();
  if (!self) return false;
  uint32_t entry = find_entry(begin_map(self, map, "gc_weak_map_remove"), key);
  if (entry) gc__ties_drop_entry(&gc__runtime.collector.heap.ties, entry);
  end(self);
  return entry != 0;
}

size_t gc_weak_map_count(struct gc_weak_map *map) {
  struct gc__thread *self = gc__attach();
  if (!self) return 0;
  uint32_t number = begin_map(self, map, "gc_weak_map_count");
  size_t count = gc__tie_at(&gc__runtime.collector.heap.ties, number)->value;
  end(self);
  return count;
}

/* Copies keys and values into an object; how many entries. No stop can come in between. */
static size_t copy_entries(struct gc__thread *self, struct gc_weak_map *map, void **pairs, size_t room) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  uint32_t number = begin_map(self, map, "gc_weak_map_each");
  size_t count = 0;
  for (uint32_t entry = gc__tie_at(&heap->ties, number)->link; entry && count < room; count++) {
    const struct gc__tie *tie = gc__tie_at(&heap->ties, entry);
    pairs[2 * count] = gc__heap_address(heap, tie->granule);
    pairs[2 * count + 1] = (void *)tie->value;
    entry = tie->link;
  }
  gc_written(pairs, 2 * count * sizeof *pairs);
  end(self);
  return count;
}

static bool has_entry(struct gc__thread *self, struct gc_weak_map *map, const void *key) {
  bool found = find_entry(begin_map(self, map, "gc_weak_map_each"), key) != 0;
  end(self);
  return found;
}

void gc_weak_map_each(struct gc_weak_map *map, bool (*fn)(void *key, void *value, void *data), void *data) {
  struct gc__thread *self = gc__attach();
  if (!self) return;
  size_t room = gc_weak_map_count(map);
  void **pairs = gc_alloc_array(room, 2 * sizeof *pairs);
  if (!pairs) return;
  size_t count = copy_entries(self, map, pairs, room);
  for (size_t i = 0; i < count; i++) {
    if (!has_entry(self, map, pairs[2 * i])) continue;
    if (!fn(pairs[2 * i], gc_weak_map_get(map, pairs[2 * i]), data)) break;
  }
  gc_keep(pairs);
  gc_free(pairs);
}
