/* allocate.c - the allocation functions, and the driver behind their fast path: refill, else collect, else grow, else
 * fail. */
#include "runtime.h"
#include "heap/large.h"

#include <errno.h>
#include <string.h>

/* Every how many allocations stress mode makes its collection a full one. */
#define STRESS_FULL_EVERY 16

/* A full collection that was begun for want of memory, and that left less than this share of the limit to allocate, is
 * not repeated at once: the program gets its NULL in good time. */
#define LIMIT_SHARE 64

struct request {
  size_t bytes, alignment;
  enum gc__kind kind;
  unsigned layout; /* of a typed object */
  bool is_guarded;
};

/* ---- One attempt ---- */

/* The least class whose cells all lie at multiples of the alignment; GC__CLASS_COUNT: none. Cells start at multiples of
 * their size in a block that is aligned itself. */
static unsigned find_class(const struct request *request) {
  size_t most = gc__runtime.collector.heap.space.small_most_bytes;
  if (request->bytes > most) return GC__CLASS_COUNT;
  unsigned class = gc__class_of(request->bytes);
  while (class < GC__CLASS_COUNT && gc__size_classes[class].cell_bytes % request->alignment) class ++;
  return class < GC__CLASS_COUNT && gc__size_classes[class].cell_bytes > most ? GC__CLASS_COUNT : class;
}

static void note_layout(const void *cell, unsigned layout) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  gc__layouts_note(heap, gc__space_offset(&heap->space, cell) / GC__GRANULE_BYTES, layout);
}

static void *try_small(struct gc__thread *self, unsigned size_class, const struct request *request) {
  struct gc__cursor *cursor = gc__local_cursor(&self->local, request->kind, size_class);
  void *cell;
  gc__world_enter(self);
  while (!(cell = gc__cursor_bump(cursor)))
    if (!gc__local_refill(&gc__runtime.collector.heap, &self->local, request->kind, size_class)) break;
  if (cell && request->kind == GC__KIND_TYPED) note_layout(cell, request->layout);
  gc__world_leave(self);
  return cell;
}

/* Pages of its own: the kind and the alignment say nothing. */
static void *try_guarded(struct gc__thread *self, const struct request *request) {
  bool is_clean = true;
  gc__world_enter(self);
  char *object = gc__guard_take(&gc__runtime.collector.heap, request->bytes, &is_clean);
  gc__world_leave(self);
  if (object && !is_clean) memset(object, 0, request->bytes);
  return object;
}

/* Zeroing a large object is not done inside the section: a stop would wait for it. */
static void *try_large(struct gc__thread *self, const struct request *request) {
  bool is_clean = true;
  gc__world_enter(self);
  char *object = gc__large_take(&gc__runtime.collector.heap, request->bytes, request->alignment, request->kind,
                                request->layout, &is_clean);
  gc__world_leave(self);
  if (object && !is_clean) memset(object, 0, gc__large_bytes(request->bytes));
  return object;
}

static void *try_once(struct gc__thread *self, const struct request *request) {
  if (GC__UNLIKELY(request->is_guarded)) return try_guarded(self, request);
  unsigned size_class = find_class(request);
  return size_class < GC__CLASS_COUNT ? try_small(self, size_class, request) : try_large(self, request);
}

/* ---- The driver ---- */

static bool is_disabled(void) {
  return gc__flag_get(&gc__runtime.disable_depth) != 0;
}

static bool is_collection_due(const struct request *request) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  size_t handed = gc__word_peek(&heap->handed_since_bytes), allowed = gc__word_peek(&heap->allowance_bytes);
  size_t coming = request->bytes > heap->space.small_most_bytes ? request->bytes : 0;
  return handed + coming >= allowed && handed > 0 && !is_disabled();
}

static void collect_for_stress(void) {
  static volatile size_t turns;
  bool is_full = gc__word_add(&turns, 1) % STRESS_FULL_EVERY == 0;
  if (!is_disabled()) gc__collect_now(is_full ? GC__FULL : GC__MINOR);
}

static bool is_much(size_t bytes) {
  return bytes >= gc__word_peek(&gc__runtime.budget.limit_bytes) / LIMIT_SHARE;
}

static bool has_handed_much(void) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  return is_much(gc__word_peek(&heap->handed_since_bytes) + gc__word_peek(&heap->handed_before_bytes));
}

/* Whether a collection may help a request that found no memory. After a NULL the program may have dropped something, so
 * that the next failure is always worth one; so is that of a guarded object, which may be for want of mappings; so is
 * that of who has not seen yet what other threads have in blocks, which they take again at once. */
static bool is_worth_collecting(const struct request *request) {
  return request->is_guarded || has_handed_much() || is_much(gc__word_peek(&gc__runtime.collector.heap.taken_bytes)) ||
         gc__flag_get(&gc__runtime.has_reported_oom);
}

/* What this thread's cursors own may be free, too: a block for each class that it ever used. */
static void give_up_blocks(struct gc__thread *self) {
  gc__world_enter(self);
  gc__local_close(&gc__runtime.collector.heap, &self->local);
  gc__world_leave(self);
}

/* The program's handler may leave by longjmp or throw: nothing is held here. */
static void *fail(const struct request *request) {
  gc_oom_fn *handler = (gc_oom_fn *)gc__word_get(&gc__runtime.oom_handler);
  void *result = handler ? handler(request->bytes) : NULL;
  if (result) return result;
  gc__flag_set(&gc__runtime.has_reported_oom, 1);
  errno = ENOMEM;
  return NULL;
}

/* What is dying is freed by who allocates: for each piece of cells that is handed out, or large object, about four
 * times its bytes, so that the dead never get ahead of the new. */
#define ASSIST_SHARE 4u
#define ASSIST_WORDS 2048u

static void assist(struct gc__thread *self, size_t bytes) {
  bool has_more = true;
  for (size_t pieces = 1 + bytes / sizeof(size_t) * ASSIST_SHARE / ASSIST_WORDS; has_more && pieces; pieces--) {
    gc__world_enter(self);
    has_more = gc__cascade_run(&gc__runtime.collector.counting, ASSIST_WORDS);
    gc__world_leave(self);
  }
}

/* Of the limit, how much has to be allocated since the last full collection for another one to come before cold parts
 * of the heap go to the swap file. */
#define SWAP_SHARE 8

/* What goes to the swap file at a time, so that requests do not wait for it one by one. */
#define SWAP_STEP_BYTES ((size_t)8 << 20)

/* Whether the disk is a better place to look for room than a collection is. */
static bool prefers_swap(void) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  size_t handed = gc__word_peek(&heap->handed_since_bytes) + gc__word_peek(&heap->handed_before_bytes);
  return heap->swap.is_on && handed < gc__word_peek(&gc__runtime.budget.limit_bytes) / SWAP_SHARE;
}

/* Moves cold memory out until there is room for the request, or nothing goes any more. */
static void *swap_and_try(struct gc__thread *self, const struct request *request) {
  void *object = NULL;
  size_t bytes = request->bytes > SWAP_STEP_BYTES ? request->bytes : SWAP_STEP_BYTES;
  while (!object && gc__collector_swap_out(&gc__runtime.collector, bytes, true)) object = try_once(self, request);
  return object;
}

/* Other threads may use up what a collection gave before this one runs again, and may have collected just before it
 * looked: so often it tries. With 8 tries, one of 160,000 requests of eight threads under a limit of 4 MiB was answered
 * with NULL in one run of five, though all was garbage. */
#define RESCUES_MOST 100u

/* Other threads make room, too, between a try and the look for what could be done, and one that collects may have let
 * the world go, but not have freed yet what it found. NULL: there was no room when no collection was under way and
 * nothing was dying, and nobody has collected since. */
static void *try_settled(struct gc__thread *self, const struct request *request) {
  struct gc__collector *collector = &gc__runtime.collector;
  void *object = NULL;
  size_t seen, tries = 0;
  do {
    seen = gc__collector_number(collector, GC__MINOR);
    gc__collector_await(collector);
    gc__cascade_finish(self);
    object = try_once(self, request);
  } while (!object && seen != gc__collector_number(collector, GC__MINOR) && ++tries < RESCUES_MOST);
  return object;
}

/* Full collections that take blocks back from threads, until there is room for the request, or one more is not worth
 * it. seen: the number of them when the request was tried last. */
static void *collect_and_try(struct gc__thread *self, const struct request *request, size_t seen) {
  const struct gc__collector *collector = &gc__runtime.collector;
  void *object = NULL;
  for (unsigned tries = 0; !object && tries < RESCUES_MOST; tries++) {
    bool is_worth = tries ? has_handed_much() : is_worth_collecting(request);
    bool was_made = seen != gc__collector_number(collector, GC__STRIPPING); /* by another thread */
    if (!was_made && !(is_worth && gc__collect_now(GC__STRIPPING))) break;
    seen = gc__collector_number(collector, GC__STRIPPING);
    object = try_settled(self, request);
    if (!object) object = swap_and_try(self, request);
  }
  return object;
}

static void *rescue(struct gc__thread *self, const struct request *request) {
  bool is_absurd = request->bytes > gc__runtime.collector.heap.space.reserved_bytes;
  give_up_blocks(self);
  size_t seen = gc__collector_number(&gc__runtime.collector, GC__STRIPPING);
  void *object = is_absurd ? NULL : try_settled(self, request);
  if (!object && !is_absurd && prefers_swap()) object = swap_and_try(self, request);
  if (!object && !is_absurd && !is_disabled()) object = collect_and_try(self, request, seen);
  if (object) gc__flag_set(&gc__runtime.has_reported_oom, 0);
  return object ? object : fail(request);
}

static void *serve(const struct request *request) {
  struct gc__thread *self = gc__attach();
  size_t bytes = request->bytes;
  if (!self) {
    errno = ENOMEM;
    return NULL;
  }
  if (GC__UNLIKELY(gc__runtime.settings.stress_allocation)) collect_for_stress();
  else if (is_collection_due(request)) gc__collect_now(GC__MINOR);
  if (GC__UNLIKELY(gc__cascade_is_due(&gc__runtime.collector.counting)))
    assist(self, bytes > GC__SMALL_MAX_BYTES ? bytes : 0);
  void *object = try_once(self, request);
  if (GC__UNLIKELY(!object)) object = rescue(self, request);
  gc__events_deliver();
  return object;
}

GC__NOINLINE void *gc__allocate(size_t bytes, size_t alignment, enum gc__kind kind, unsigned layout) {
  return serve(&(struct request){bytes, alignment, kind, layout, false});
}

void *gc__allocate_guarded(size_t bytes) {
  return serve(&(struct request){bytes ? bytes : GC__GRANULE_BYTES, GC__GRANULE_BYTES, GC__KIND_SCANNED, 0, true});
}

/* ---- The functions ---- */

/* The same in line, in programs: trefoil/inline.h. */
_Static_assert(sizeof(struct gc_piece_1) == sizeof(struct gc__cursor) &&
                   offsetof(struct gc_piece_1, next) == offsetof(struct gc__cursor, next) &&
                   offsetof(struct gc_piece_1, limit) == offsetof(struct gc__cursor, limit),
               "a piece is the beginning of a cursor");
_Static_assert(offsetof(struct gc_pieces_1, scanned) ==
                       GC__KIND_SCANNED * GC__CLASS_COUNT * sizeof(struct gc__cursor) &&
                   offsetof(struct gc_pieces_1, leaf) == GC__KIND_LEAF * GC__CLASS_COUNT * sizeof(struct gc__cursor) &&
                   offsetof(struct gc__thread, local) + offsetof(struct gc__local, cursors) == 0,
               "a thread begins with its cursors");

static GC__INLINE void *allocate_fast(size_t bytes, enum gc__kind kind) {
  if (GC__LIKELY(bytes <= GC__SMALL_MAX_BYTES)) {
    void *cell;
    if (gc__cursor_take(gc__local_cursor(&gc__self->local, kind, gc__class_of(bytes)), &cell)) return cell;
  }
  return gc__allocate(bytes, GC__GRANULE_BYTES, kind, 0);
}

void *gc_alloc(size_t bytes) {
  return allocate_fast(bytes, GC__KIND_SCANNED);
}
void *gc_alloc_leaf(size_t bytes) {
  return allocate_fast(bytes, GC__KIND_LEAF);
}
void *gc_alloc_root(size_t bytes) {
  return allocate_fast(bytes, GC__KIND_ROOT);
}

static void *refuse(int error) {
  errno = error;
  return NULL;
}

void *gc_alloc_array(size_t count, size_t bytes) {
  size_t total;
  return __builtin_mul_overflow(count, bytes, &total) ? refuse(ENOMEM) : gc_alloc(total);
}

void *gc_alloc_leaf_array(size_t count, size_t bytes) {
  size_t total;
  return __builtin_mul_overflow(count, bytes, &total) ? refuse(ENOMEM) : gc_alloc_leaf(total);
}

void *gc_alloc_aligned(size_t alignment, size_t bytes) {
  if (!gc__is_power_of_two(alignment)) return refuse(EINVAL);
  if (alignment <= GC__GRANULE_BYTES) return gc_alloc(bytes);
  return gc__allocate(bytes, alignment, GC__KIND_ALIGNED, 0);
}

/* ---- Typed objects ---- */

static bool is_layout(const struct gc_layout *layout, size_t count) {
  if (!layout || !layout->bytes || (layout->pointer_count && !layout->pointer_offsets)) return false;
  if (count > 1 && layout->bytes % sizeof(void *)) return false;
  for (size_t i = 0; i < layout->pointer_count; i++) {
    size_t offset = layout->pointer_offsets[i];
    if (offset % sizeof(void *) || layout->bytes < sizeof(void *) || offset > layout->bytes - sizeof(void *))
      return false;
  }
  return true;
}

size_t gc__intern(struct gc__thread *self, const struct gc_layout *layout) {
  struct gc__heap *heap = &gc__runtime.collector.heap;
  size_t number = gc__layouts_find(&heap->layouts, layout->bytes, layout->pointer_count, layout->pointer_offsets);
  if (GC__LIKELY(number)) return number;
  gc__world_enter(self);
  gc__lock_take(&heap->lock);
  number = gc__layouts_add(heap, layout->bytes, layout->pointer_count, layout->pointer_offsets);
  gc__lock_give(&heap->lock);
  gc__world_leave(self);
  return number;
}

/* A stop between the bump and the note finds a cell of zeros: [layout.words]. */
void *gc__allocate_typed(size_t bytes, unsigned layout) {
  if (GC__LIKELY(bytes <= GC__SMALL_MAX_BYTES)) {
    void *cell = gc__cursor_bump(gc__local_cursor(&gc__self->local, GC__KIND_TYPED, gc__class_of(bytes)));
    if (GC__LIKELY(cell != NULL)) {
      note_layout(cell, layout);
      return cell;
    }
  }
  return gc__allocate(bytes, GC__GRANULE_BYTES, GC__KIND_TYPED, layout);
}

void *gc_alloc_typed(const struct gc_layout *layout, size_t count) {
  size_t bytes;
  if (!is_layout(layout, count)) return refuse(EINVAL);
  if (__builtin_mul_overflow(count, layout->bytes, &bytes)) return refuse(ENOMEM);
  if (!layout->pointer_count) return gc_alloc_leaf(bytes);
  struct gc__thread *self = gc__attach();
  size_t number = self ? gc__intern(self, layout) : SIZE_MAX;
  if (number == SIZE_MAX) return refuse(ENOMEM);
  return number ? gc__allocate_typed(bytes, (unsigned)number) : gc_alloc(bytes);
}

gc_oom_fn *gc_set_oom_handler(gc_oom_fn *handler) {
  size_t before;
  if (!gc__attach()) return NULL;
  do before = gc__word_get(&gc__runtime.oom_handler);
  while (!gc__word_swap_if(&gc__runtime.oom_handler, before, (size_t)handler));
  return (gc_oom_fn *)before;
}
