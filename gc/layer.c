/* layer.c - what another interface on top of this library needs of it: roots and pointers of its own making, kinds of
 * objects that it marks itself, links, and a lock that a collection waits for.
 */
#include "runtime.h"
#include "heap/object.h"
#include "os/report.h"

#include <errno.h>

static int result_of(int error) {
  if (error) errno = error;
  return error;
}

int gc_displacement_add(size_t bytes) {
  if (!gc__attach()) return ENOMEM;
  if (bytes >= GC__DISPLACEMENTS) return result_of(EINVAL);
  volatile size_t *displacements = &gc__runtime.collector.heap.space.displacements;
  size_t before;
  do before = gc__word_get(displacements);
  while (!gc__word_swap_if(displacements, before, before | (size_t)1 << bytes));
  return 0;
}

/* ---- Roots ---- */

static struct gc__roots *roots_of(struct gc_root_sink *sink) {
  return (struct gc__roots *)(void *)sink;
}

static void call_layer(struct gc__roots *roots, void *argument) {
  const struct gc__runtime *runtime = argument;
  runtime->roots_layer((struct gc_root_sink *)(void *)roots, runtime->roots_data);
}

/* In a section: a stop finds both or neither. */
int gc_roots_layer(gc_roots_fn *fn, void *data) {
  struct gc__thread *self = gc__attach();
  struct gc__runtime *runtime = &gc__runtime;
  if (!self) return ENOMEM;
  gc__world_enter(self);
  gc__lock_take(&runtime->layer_lock);
  runtime->roots_layer = fn;
  runtime->roots_data = data;
  runtime->collector.roots.layer = fn ? call_layer : NULL;
  runtime->collector.roots.layer_argument = runtime;
  gc__lock_give(&runtime->layer_lock);
  gc__world_leave(self);
  return 0;
}

void gc_root_push(struct gc_root_sink *sink, const void *start, const void *end) {
  if (start < end) gc__roots_push(roots_of(sink), (struct gc__range){(uintptr_t)start, (uintptr_t)end});
}

void gc_root_skip_static(struct gc_root_sink *sink) {
  roots_of(sink)->skips_static = true;
}

void gc_root_main_stack(struct gc_root_sink *sink, const void *end) {
  roots_of(sink)->main_stack_end = (uintptr_t)end;
}

void gc_root_refuse(struct gc_root_sink *sink) {
  roots_of(sink)->is_refused = true;
}

/* ---- Kinds ---- */

unsigned gc_kind_new(gc_mark_fn *fn, void *data) {
  struct gc__thread *self = gc__attach();
  struct gc__heap *heap = &gc__runtime.collector.heap;
  if (!self || gc__heap_has_counts(heap)) {
    errno = self ? ENOTSUP : ENOMEM;
    return 0;
  }
  gc__world_enter(self);
  gc__lock_take(&heap->lock);
  size_t number = gc__layouts_add_procedure(heap, fn, data);
  gc__lock_give(&heap->lock);
  gc__world_leave(self);
  if (number != SIZE_MAX) return (unsigned)number;
  errno = ENOMEM;
  return 0;
}

/* A stop before this is noted finds a young object, which is no old one yet that nobody would call the function of. */
void gc__note_procedure(struct gc__thread *self, const void *object) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  const struct gc__layout *layout = gc__layout_of(heap, gc__space_offset(&heap->space, object) / GC__GRANULE_BYTES);
  if (!layout || !layout->procedure) return;
  uint32_t block = (uint32_t)gc__block_at(&heap->space, gc__space_offset(&heap->space, object));
  bool is_large = gc__entry_at(&heap->space, block).shape & GC__SHAPE_PAGES;
  if (is_large ? heap->has_large_procedures : heap->space.blocks[block].has_procedures) return;
  gc__world_enter(self);
  gc__lock_take(&heap->lock);
  if (is_large) heap->has_large_procedures = true;
  else gc__block_note_procedures(heap, block);
  gc__lock_give(&heap->lock);
  gc__world_leave(self);
}

void *gc_alloc_kind(unsigned kind, size_t bytes) {
  struct gc__thread *self = gc__attach();
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  bool is_kind = self && kind && kind <= gc__flag_get(&heap->layouts.count) &&
                 gc__layout_numbered(&heap->layouts, kind)->procedure;
  if (!is_kind) {
    errno = self ? EINVAL : ENOMEM;
    return NULL;
  }
  void *object = gc__allocate_typed(bytes, kind);
  if (object) gc__note_procedure(self, object);
  return object;
}

void gc_mark(const void *pointer) {
  gc__trace_keep((size_t)pointer);
}

/* ---- Links ---- */

static struct gc__ties *begin_links(struct gc__thread *self) {
  struct gc__ties *ties = &gc__runtime.collector.heap.ties;
  gc__world_enter(self);
  gc__lock_take(&ties->lock);
  return ties;
}

static int end_links(struct gc__thread *self, int error) {
  gc__lock_give(&gc__runtime.collector.heap.ties.lock);
  gc__world_leave(self);
  return result_of(error);
}

static size_t holder_of(void **slot) {
  return gc__object_find(&gc__runtime.collector.heap, slot).granule;
}

int gc_link_add(void **slot, void *object, enum gc_link_life life) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  struct gc__thread *self = gc__attach();
  int error = 0;
  if (!self) return ENOMEM;
  struct gc__ties *ties = begin_links(self);
  size_t granule = gc__object_start(heap, object);
  if ((uintptr_t)slot % sizeof *slot || granule == SIZE_MAX) error = EINVAL;
  else if (gc__links_find(ties, (size_t)slot)) error = EEXIST;
  else if (!gc__links_reserve(heap)) error = ENOMEM;
  else gc__links_add(ties, (size_t)slot, granule, holder_of(slot), life == GC_LINK_LONG);
  error = end_links(self, error);
  gc_keep(object);
  return error;
}

int gc_link_remove(void **slot) {
  struct gc__thread *self = gc__attach();
  if (!self) return ENOMEM;
  struct gc__ties *ties = begin_links(self);
  uint32_t number = gc__links_find(ties, (size_t)slot);
  if (number) gc__links_drop(ties, number);
  return end_links(self, number ? 0 : ENOENT);
}

int gc_link_move(void **slot, void **to) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  struct gc__thread *self = gc__attach();
  if (!self) return ENOMEM;
  struct gc__ties *ties = begin_links(self);
  uint32_t number = gc__links_find(ties, (size_t)slot);
  int error = 0;
  if (!number) error = ENOENT;
  else if ((uintptr_t)to % sizeof *to) error = EINVAL;
  else if (gc__links_find(ties, (size_t)to)) error = EEXIST;
  else if (!gc__links_reserve(heap)) error = ENOMEM;
  else {
    size_t granule = gc__tie_at(ties, number)->granule;
    bool is_long = gc__link_is_long(gc__tie_at(ties, number));
    gc__links_drop(ties, number);
    gc__links_add(ties, (size_t)to, granule, holder_of(to), is_long);
  }
  return end_links(self, error);
}

bool gc_link_is(void **slot, enum gc_link_life life) {
  struct gc__thread *self = gc__attach();
  if (!self) return false;
  struct gc__ties *ties = begin_links(self);
  uint32_t number = gc__links_find(ties, (size_t)slot);
  bool is_there = number && gc__link_is_long(gc__tie_at(ties, number)) == (life == GC_LINK_LONG);
  end_links(self, 0);
  return is_there;
}

/* ---- Settings ---- */

void gc_mode_exclude(enum gc_mode mode, const char *reason, enum gc_mode instead) {
  gc__settings_exclude(mode, reason, instead);
}

void gc_limit(size_t bytes) {
  if (gc__attach()) gc__word_set(&gc__runtime.collector.wanted_limit_bytes, bytes);
}

void gc_expect(size_t bytes) {
  struct gc__thread *self = gc__attach();
  if (self) gc__collector_expect(&gc__runtime.collector, bytes);
}

void gc_thrift(unsigned percent) {
  if (gc__attach()) gc__collector_save(&gc__runtime.collector, percent);
}

/* ---- Collections ---- */

/* A stop waits for the section to end, so that none begins while fn runs; the lock is for other threads. */
void *gc_locked(void *(*fn)(void *), void *argument) {
  struct gc__thread *self = gc__attach();
  if (!self) return fn(argument);
  gc__world_enter(self);
  gc__lock_take(&gc__runtime.layer_lock);
  void *volatile value = fn(argument);
  gc__lock_give(&gc__runtime.layer_lock);
  gc__world_leave(self);
  return value;
}

void gc_before_collection(void (*fn)(void)) {
  if (gc__attach()) gc__word_set(&gc__runtime.before_collection, (size_t)fn);
}
