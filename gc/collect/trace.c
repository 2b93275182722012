/* collect/trace.c - see trace.h. The loops in here are where a collection spends its time. */
#include "collect/trace.h"
#include "base/bytes.h"
#include "base/check.h"
#include "heap/block.h"

/* Objects longer than this are scanned in slices, so that other markers can share one. */
#define SLICE_GRANULES ((size_t)256)

#define GRANULE_WORDS (GC__GRANULE_BYTES / sizeof(size_t))
#define SLICE_WORDS   (SLICE_GRANULES * GRANULE_WORDS)

/* A reference to an object, as the queue and the stack hold it: its first granule, above the shape of its block (the
 * granules of a cell, and its kind) or, if it is large, above its kind and 0 granules. On the stack a large object is
 * meant from this granule on. The bits between are 0, so that one shift gives an offset. What is not a cell of which
 * every word is scanned has a bit of its own, the one in which typed kinds differ from the others. */
#define REF_LOG2    17u
#define REF_KIND    ((size_t)3 << GC__SHAPE_KIND_LOG2)
#define REF_LEAF    ((size_t)GC__KIND_LEAF << GC__SHAPE_KIND_LOG2)
#define REF_SPECIAL ((size_t)GC__KIND_TYPED << GC__SHAPE_KIND_LOG2)
#define REF_LENGTH  ((size_t)GC__SHAPE_GRANULES)
_Static_assert(GC__KIND_TYPED == 4 && GC__KIND_COUNT == 5, "one bit says that a kind is typed");

static GC__INLINE size_t make_ref(size_t granule, size_t shape) {
  return (granule << REF_LOG2) + shape;
}
static GC__INLINE size_t large_ref(size_t granule, enum gc__kind kind) {
  return make_ref(granule, (size_t)kind << GC__SHAPE_KIND_LOG2 | REF_SPECIAL);
}
static GC__INLINE size_t ref_granule(size_t ref) {
  return ref >> REF_LOG2;
}
static GC__INLINE size_t ref_offset(size_t ref) {
  return ref >> (REF_LOG2 - GC__GRANULE_LOG2);
}

#if defined(__clang__)
#define SCANS_ANYTHING __attribute__((no_sanitize("address", "thread", "undefined"), disable_sanitizer_instrumentation))
#else
#define SCANS_ANYTHING __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

/* ---- What the loops hold in registers ---- */

/* A marker while it marks. Stores to liveness bytes may alias anything for the compiler, but not a local variable whose
 * address stays in inlined functions: so this one lives in registers. An object of 32 bytes takes 103
 * instructions so, and took 138 with the same fields in memory. Between open_view and close_view the marker's own
 * fields are stale. */
struct view {
  size_t base, span_bytes;
  uint8_t *live;
  const struct gc__block_entry *entries;
  const uint64_t *young;
  size_t *queue, oldest, count; /* of the marker's candidates */
  size_t *items, top, split;    /* of its stack */
  size_t most;                  /* the top up to which the stack needs no attention */
  size_t objects, granules;     /* marked since the view was opened */
  uint16_t stamp;               /* of blocks with young objects */
  uint8_t epoch, epoch_before;
  uint8_t block_log2;
  bool interior_in_heap;
};

/* ---- Words and objects that are left out ---- */

/* A root word points at free memory: what lies there is not handed out in this epoch, or an object born there would be
 * kept by chance. Full traces do so: what every minor one wanted kept free would add up until the next full one. */
static void note_false_root(struct gc__marker *marker, size_t granule) {
  struct gc__trace *trace = marker->trace;
  struct gc__space *space = &trace->heap->space;
  marker->false_words++;
  gc__byte_poke(&space->live[granule], gc__live_black(trace->epoch));
  gc__byte_poke(&space->blocks[gc__block_of(space, granule)].black_epoch, trace->epoch);
  gc__byte_poke(&space->black_pages[granule / GC__PAGE_GRANULES], trace->epoch);
}

/* The object will be found again through its block. What is on the stack is counted when it leaves it: now. */
static void note_overflow(struct gc__marker *marker, size_t ref) {
  struct gc__place place = gc__space_place(&marker->space, ref_offset(ref));
  if (place.granule == ref_granule(ref)) marker->marked_bytes += place.bytes;
  gc__byte_poke(&marker->space.blocks[gc__block_of(&marker->space, place.granule)].must_rescan, 1);
  gc__flag_set(&marker->trace->has_overflowed, 1);
}

/* After pushes without a look at the room: brings the stack back into it, and shares what is too much. */
static GC__NOINLINE void settle_stack(struct gc__marker *marker) {
  struct gc__mark_stack *stack = &marker->stack;
  while (stack->top > stack->room && !gc__mark_stack_grow(stack)) note_overflow(marker, stack->items[--stack->top]);
  if (!marker->trace->is_shared || stack->top - stack->split <= GC__STACK_PRIVATE_MOST) return;
  gc__mark_stack_share(stack);
  marker->trace->wake_helpers(marker->trace->wake_argument);
}

static GC__INLINE void view_stack(struct view *view, const struct gc__marker *marker) {
  const struct gc__mark_stack *stack = &marker->stack;
  view->top = stack->top;
  view->split = stack->split;
  view->most = stack->room;
  if (marker->trace->is_shared && stack->split + GC__STACK_PRIVATE_MOST < stack->room)
    view->most = stack->split + GC__STACK_PRIVATE_MOST;
}

/* block_log2: that of the marker's space, for loops that know it. */
static GC__INLINE struct view open_view_for(struct gc__marker *marker, uint8_t block_log2) {
  struct view view;
  view.base = marker->space.base;
  view.span_bytes = marker->space.span_bytes;
  view.live = marker->space.live;
  view.entries = (const struct gc__block_entry *)(const void *)(size_t)marker->space.entries;
  view.young = marker->space.young;
  view.block_log2 = block_log2;
  view.queue = marker->candidates.entries;
  view.oldest = marker->candidates.oldest;
  view.count = marker->candidates.count;
  view.items = marker->stack.items;
  view.objects = view.granules = 0;
  view.stamp = marker->stamp;
  view.epoch = marker->epoch;
  view.epoch_before = marker->epoch_before;
  view.interior_in_heap = marker->interior_in_heap;
  view_stack(&view, marker);
  return view;
}

static GC__INLINE struct view open_view(struct gc__marker *marker) {
  return open_view_for(marker, marker->space.block_log2);
}

static GC__INLINE void close_view(const struct view *view, struct gc__marker *marker) {
  marker->candidates.oldest = view->oldest;
  marker->candidates.count = view->count;
  marker->stack.top = view->top;
  marker->marked_objects += view->objects;
  marker->marked_bytes += view->granules * GC__GRANULE_BYTES;
}

/* After the words of one object: a slice, or a cell, pushes no more than the stack has slack for. */
static GC__INLINE void settle_view(struct view *view, struct gc__marker *marker) {
  if (GC__LIKELY(view->top <= view->most)) return;
  marker->stack.top = view->top;
  settle_stack(marker);
  view_stack(view, marker);
}
_Static_assert(GC__STACK_SLACK > GC__SMALL_MAX_BYTES / sizeof(size_t) && GC__STACK_SLACK > SLICE_WORDS + 1,
               "an object's or a slice's words, and what follows the slice");

/* ---- Candidates ---- */

static GC__NOINLINE size_t leaf_granules(const struct gc__marker *marker, size_t ref) {
  return gc__space_place(&marker->space, ref_granule(ref) * GC__GRANULE_BYTES).bytes / GC__GRANULE_BYTES;
}

static GC__NOINLINE bool is_young(const struct gc__marker *marker, size_t granule) {
  return gc__heap_is_given(marker->trace->heap, granule);
}

/* In a minor trace, of a candidate: its block has the stamp, so that the young bits count. */
static GC__INLINE bool is_young_ref(const struct gc__marker *marker, const struct view *view, size_t ref) {
  size_t granule = ref_granule(ref);
  if (GC__UNLIKELY(!(ref & REF_LENGTH))) return is_young(marker, granule);
  return view->young[granule / 64] >> granule % 64 & 1;
}

/* Marks what a candidate names, if it is allocated and was not marked, and sees that it is scanned. What was not live
 * before is allocated if it is young: the exception in a full trace, the rule in a minor one. */
static GC__INLINE void visit(struct gc__marker *marker, struct view *view, size_t ref, const bool is_minor) {
  uint8_t *live = &view->live[ref_granule(ref)];
  uint8_t byte = gc__byte_peek(live);
  if (byte == view->epoch) return;
  if (is_minor) {
    if (GC__UNLIKELY(!is_young_ref(marker, view, ref))) return;
  } else if (GC__UNLIKELY(byte != view->epoch_before) && !is_young(marker, ref_granule(ref))) return;
  gc__byte_poke(live, view->epoch);
  view->objects++;
  if (GC__UNLIKELY((ref & REF_KIND) == REF_LEAF))
    view->granules += GC__LIKELY(ref & REF_LENGTH) ? ref & REF_LENGTH : leaf_granules(marker, ref);
  else view->items[view->top++] = ref;
}

static GC__INLINE void visit_oldest(struct gc__marker *marker, struct view *view, const bool is_minor) {
  size_t ref = view->queue[view->oldest];
  view->oldest = (view->oldest + 1) % GC__QUEUE_ROOM;
  view->count--;
  visit(marker, view, ref, is_minor);
}

/* A full queue gives its oldest entry for the new one: the place is the same. */
static GC__INLINE void enqueue(struct gc__marker *marker, struct view *view, size_t ref, const bool is_minor) {
  GC__PREFETCH(&view->live[ref_granule(ref)]);
  GC__PREFETCH((char *)view->base + ref_offset(ref));
  if (GC__UNLIKELY(view->count < GC__QUEUE_ROOM)) {
    view->queue[(view->oldest + view->count++) % GC__QUEUE_ROOM] = ref;
    return;
  }
  size_t oldest = view->queue[view->oldest];
  view->queue[view->oldest] = ref;
  view->oldest = (view->oldest + 1) % GC__QUEUE_ROOM;
  visit(marker, view, oldest, is_minor);
}

/* ---- Words ---- */

static GC__NOINLINE size_t large_ref_at(const struct gc__space *space, size_t offset) {
  struct gc__place place = gc__space_place(space, offset);
  return place.granule == SIZE_MAX ? SIZE_MAX : large_ref(place.granule, place.kind);
}

/* Precondition: the shape is that of a block of cells. What lies behind the last cell gives a granule that is never
 * allocated, and whose liveness byte never says that it is live. The sum is in this order because a list waits for the
 * cell's number: all else is done before it. */
static GC__INLINE size_t cell_ref(size_t reciprocal, size_t shape, size_t offset, unsigned block_log2) {
  size_t in_block = offset >> GC__GRANULE_LOG2 & (((size_t)1 << (block_log2 - GC__GRANULE_LOG2)) - 1);
  size_t first = (in_block * reciprocal >> GC__RECIPROCAL_LOG2) * (shape & GC__SHAPE_GRANULES);
  size_t block = make_ref(offset >> block_log2 << (block_log2 - GC__GRANULE_LOG2), shape);
  return block + (first << REF_LOG2);
}

/* The object that contains an offset, as a reference; SIZE_MAX: nothing does. */
static size_t ref_at(const struct gc__space *space, size_t offset) {
  struct gc__block_entry entry = gc__entry_at(space, gc__block_at(space, offset));
  size_t granules = entry.shape & GC__SHAPE_GRANULES;
  if (!granules) return large_ref_at(space, offset);
  size_t ref = cell_ref(entry.reciprocal, entry.shape, offset, space->block_log2);
  return gc__granule_in_block(space, ref_granule(ref)) + granules > gc__block_granules(space) ? SIZE_MAX : ref;
}

/* [trace.young] */
static GC__INLINE bool may_be_young(const struct view *view, size_t offset) {
  return view->entries[offset >> view->block_log2].stamp == view->stamp;
}

static GC__INLINE void consider_heap_word(struct gc__marker *marker, struct view *view, size_t word,
                                          const bool is_minor) {
  size_t offset = word - view->base;
  if (GC__LIKELY(offset >= view->span_bytes)) return;
  const struct gc__block_entry *entry = &view->entries[offset >> view->block_log2];
  if (is_minor && entry->stamp != view->stamp) return; /* [trace.young] */
  size_t shape = entry->shape, ref;
  if (GC__LIKELY(shape & GC__SHAPE_GRANULES)) ref = cell_ref(entry->reciprocal, shape, offset, view->block_log2);
  else {
    ref = large_ref_at(&marker->space, offset);
    if (ref == SIZE_MAX) return;
  }
  if (GC__UNLIKELY(!view->interior_in_heap) && !gc__space_is_start(&marker->space, ref_granule(ref), offset)) return;
  if (is_minor && gc__byte_peek(&view->live[ref_granule(ref)]) == view->epoch) return;
  enqueue(marker, view, ref, is_minor);
}

/* The first page of a free run names the run like that of a large object does. */
static bool is_free_run(const struct gc__space *space, size_t granule) {
  return (gc__entry_at(space, gc__block_of(space, granule)).shape & GC__SHAPE_PAGES) &&
         space->runs[granule / GC__PAGE_GRANULES].state != GC__RUN_LARGE;
}

/* Looked at without a queue: root words are few, and one does not wait for another. */
static GC__INLINE bool is_allocated(const struct gc__marker *marker, size_t granule) {
  uint8_t byte = gc__byte_peek(&marker->space.live[granule]);
  return byte == marker->epoch || byte == marker->epoch_before || is_young(marker, granule);
}

/* A root word may point one past the end of an object: then the object before the address is meant. */
static GC__INLINE void consider_root_word(struct gc__marker *marker, struct view *view, size_t word,
                                          const bool is_minor) {
  const struct gc__space *space = &marker->space;
  size_t offset = word - space->base;
  size_t ref = SIZE_MAX;
  if (offset > space->span_bytes) return;
  if (offset < space->span_bytes) {
    ref = ref_at(space, offset);
    bool is_nothing = ref == SIZE_MAX || is_free_run(space, ref_granule(ref));
    size_t granule = is_nothing ? offset / GC__GRANULE_BYTES : ref_granule(ref);
    if (!is_minor && (is_nothing || !is_allocated(marker, granule))) note_false_root(marker, granule);
    else if (!is_nothing && (!is_minor || may_be_young(view, offset))) enqueue(marker, view, ref, is_minor);
  }
  if (offset == 0 || offset % GC__GRANULE_BYTES) return;
  size_t before = ref_at(space, offset - 1);
  if (before == SIZE_MAX || before == ref || (is_minor && !may_be_young(view, offset - 1))) return;
  enqueue(marker, view, before, is_minor);
}

SCANS_ANYTHING static void scan_roots(struct gc__marker *marker, struct gc__range piece) {
  struct view view = open_view(marker);
  for (const volatile size_t *word = (const volatile size_t *)piece.start; word < (const volatile size_t *)piece.end;
       word++) {
    size_t value = *word;
    if (GC__LIKELY(value - view.base > view.span_bytes)) continue;
    consider_root_word(marker, &view, value, marker->is_minor);
    settle_view(&view, marker);
  }
  close_view(&view, marker);
}

/* count is even: a granule has two words. */
SCANS_ANYTHING static GC__INLINE void scan_words(struct gc__marker *marker, struct view *view, const size_t *word,
                                                 size_t count, const bool is_minor) {
  for (const size_t *end = word + count; word < end; word += GRANULE_WORDS) {
    consider_heap_word(marker, view, word[0], is_minor);
    consider_heap_word(marker, view, word[1], is_minor);
  }
}

/* ---- Objects ---- */

/* How much of a large object is scanned now, from a granule on. *rest: what follows, for the stack, or 0. */
static GC__NOINLINE size_t slice_granules(struct gc__marker *marker, size_t ref, size_t *rest) {
  struct gc__place place = gc__space_place(&marker->space, ref_offset(ref));
  size_t granule = ref_granule(ref), granules = place.granule + place.bytes / GC__GRANULE_BYTES - granule;
  if (granule == place.granule) marker->marked_bytes += place.bytes;
  *rest = granules > SLICE_GRANULES ? large_ref(granule + SLICE_GRANULES, place.kind) : 0;
  return granules < SLICE_GRANULES ? granules : SLICE_GRANULES;
}

/* ---- Typed objects ---- */

/* The marker that calls a layer's function in this thread. */
static _Thread_local struct gc__marker *calling __attribute__((tls_model("initial-exec")));

void gc__trace_call(struct gc__marker *marker, const struct gc__layout *layout, size_t granule) {
  size_t bytes = gc__space_place(&marker->space, granule * GC__GRANULE_BYTES).bytes;
  calling = marker;
  ((gc__mark_fn *)layout->procedure)(gc__space_address(&marker->space, granule), bytes, layout->data);
  calling = NULL;
}

void gc__trace_keep(size_t word) {
  if (calling) gc__trace_add(calling, word);
}

/* The words of [start, end) in an object, by offsets, that its layout declares. */
SCANS_ANYTHING static void scan_declared(struct gc__marker *marker, size_t granule, size_t start, size_t end) {
  const struct gc__layout *layout = gc__layout_of(marker->trace->heap, granule);
  const char *object = gc__space_address(&marker->space, granule);
  if (layout && layout->procedure) {
    if (start == 0) gc__trace_call(marker, layout, granule);
    return;
  }
  struct view view = open_view(marker);
  if (!layout) {
    for (size_t at = start; at < end; at += sizeof(size_t))
      consider_heap_word(marker, &view, *(const size_t *)(const void *)(object + at), marker->is_minor);
    end = 0;
  }
  for (size_t element = layout ? start - start % layout->step : end; element < end; element += layout->step)
    for (size_t i = 0; i < layout->count; i++) {
      size_t at = element + layout->offsets[i];
      if (at < start) continue;
      if (at >= end) break;
      consider_heap_word(marker, &view, *(const size_t *)(const void *)(object + at), marker->is_minor);
    }
  settle_view(&view, marker);
  close_view(&view, marker);
}

/* What a reference on the stack means, of a typed object. */
static GC__NOINLINE void scan_typed(struct gc__marker *marker, size_t ref) {
  size_t granule = ref_granule(ref), granules = ref & REF_LENGTH, first = granule;
  if (!granules) {
    size_t rest;
    granules = slice_granules(marker, ref, &rest);
    first = gc__space_granule_of(&marker->space, ref_offset(ref));
    if (rest) marker->stack.items[marker->stack.top++] = rest;
  }
  size_t start = (granule - first) * GC__GRANULE_BYTES;
  scan_declared(marker, first, start, start + granules * GC__GRANULE_BYTES);
}

static GC__NOINLINE bool is_typed(const struct gc__marker *marker, size_t ref) {
  return gc__space_place(&marker->space, ref_offset(ref)).kind == GC__KIND_TYPED;
}

/* A cell whose elements have a mask: the usual case, in line. False: it is not one. */
SCANS_ANYTHING static GC__INLINE bool scan_cell_masked(struct gc__marker *marker, struct view *view, size_t ref,
                                                       const bool is_minor) {
  const struct gc__layouts *layouts = &marker->trace->heap->layouts;
  const struct gc__layout *layout =
      gc__layout_numbered(layouts, *gc__layout_cell(layouts, &marker->space, ref_granule(ref)));
  if (GC__UNLIKELY(!layout || !layout->mask)) return false;
  const size_t *element = (const size_t *)(view->base + ref_offset(ref));
  size_t left = (ref & REF_LENGTH) * GC__GRANULE_BYTES;
  for (; left >= layout->bytes; left -= layout->step, element += layout->step / sizeof *element) {
    for (uint64_t mask = layout->mask; mask; mask &= mask - 1)
      consider_heap_word(marker, view, element[gc__lowest_bit(mask)], is_minor);
    if (left <= layout->step) break;
  }
  return true;
}

/* The lower items of a deep stack have left the cache since they were candidates: the line of the one that comes some
 * pops later is asked for again. What follows a slice of a large object is pushed before what the slice holds, so that
 * it can be stolen; there is room, where the slice was. */
static GC__INLINE void scan_top(struct gc__marker *marker, struct view *view, const bool is_minor) {
  const size_t *top = &view->items[--view->top];
  size_t ref = *top, granules = ref & REF_LENGTH;
  GC__PREFETCH((char *)view->base + ref_offset(top[-(ptrdiff_t)GC__STACK_PAD]));
  view->granules += granules;
  if (GC__UNLIKELY(ref & REF_SPECIAL)) {
    size_t rest;
    if (granules && scan_cell_masked(marker, view, ref, is_minor)) return;
    if (granules || is_typed(marker, ref)) {
      close_view(view, marker);
      scan_typed(marker, ref);
      *view = open_view_for(marker, view->block_log2);
      return;
    }
    granules = slice_granules(marker, ref, &rest);
    if (rest) view->items[view->top++] = rest;
  }
  scan_words(marker, view, (const size_t *)(view->base + ref_offset(ref)), granules * GRANULE_WORDS, is_minor);
}

SCANS_ANYTHING static GC__INLINE void drain_as(struct gc__marker *marker, const bool is_minor,
                                               const uint8_t block_log2) {
  struct view view = open_view_for(marker, block_log2);
  for (;;) {
    if (GC__LIKELY(view.top != view.split)) {
      scan_top(marker, &view, is_minor);
      settle_view(&view, marker);
    } else if (GC__LIKELY(view.count)) {
      visit_oldest(marker, &view, is_minor);
    } else {
      marker->stack.top = view.top;
      bool has_more = gc__mark_stack_fetch(&marker->stack);
      view_stack(&view, marker);
      if (!has_more) break;
    }
  }
  close_view(&view, marker);
}

/* Copies of one loop: the size of blocks is a constant to those that matter, as a variable it took a tenth more. */
SCANS_ANYTHING static GC__NOINLINE void drain_any(struct gc__marker *marker) {
  drain_as(marker, marker->is_minor, marker->space.block_log2);
}

SCANS_ANYTHING static void drain(struct gc__marker *marker) {
  if (GC__UNLIKELY(marker->space.block_log2 != GC__BLOCK_LOG2)) drain_any(marker);
  else if (marker->is_minor) drain_as(marker, true, GC__BLOCK_LOG2);
  else drain_as(marker, false, GC__BLOCK_LOG2);
}

/* ---- Old objects that were written ---- */

/* Words are looked at before the object that they lie in: most lead to no block with young objects, and of the others
 * most to an old object there, whose liveness byte is in the cache, which that of the object they lie in is not. */
SCANS_ANYTHING static void scan_written_cells(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  struct view view = open_view(marker);
  for (const size_t *word = (const size_t *)range.start; word < (const size_t *)range.end; word++) {
    size_t offset = *word - view.base;
    if (GC__LIKELY(offset >= view.span_bytes) || view.entries[offset >> view.block_log2].stamp != view.stamp) continue;
    size_t target = gc__space_granule_of(space, offset);
    if (target == SIZE_MAX || gc__byte_peek(&view.live[target]) == view.epoch) continue;
    size_t granule = gc__space_granule_of(space, (uintptr_t)word - view.base);
    if (granule == SIZE_MAX || gc__byte_peek(&view.live[granule]) != view.epoch) continue;
    if (!gc__heap_declares(marker->trace->heap, (uintptr_t)word - view.base)) continue;
    consider_heap_word(marker, &view, *word, true);
    settle_view(&view, marker);
  }
  close_view(&view, marker);
}

SCANS_ANYTHING static void scan_written_runs(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  struct view view = open_view(marker);
  for (uintptr_t at = range.start, end; at < range.end; at = end) {
    size_t offset = at - space->base;
    end = space->base + gc__round_down(offset, GC__PAGE_BYTES) + GC__PAGE_BYTES;
    if (end > range.end) end = range.end;
    size_t granule = gc__space_granule_of(space, offset);
    if (granule == SIZE_MAX || gc__byte_peek(&space->live[granule]) != marker->epoch) continue;
    const struct gc__run *run = &space->runs[granule / GC__PAGE_GRANULES];
    if (run->state != GC__RUN_LARGE || run->kind == GC__KIND_LEAF) continue;
    if (run->kind == GC__KIND_TYPED) {
      size_t start = offset - granule * GC__GRANULE_BYTES;
      close_view(&view, marker);
      scan_declared(marker, granule, start, start + (end - at));
      view = open_view(marker);
      continue;
    }
    scan_words(marker, &view, (const size_t *)at, (end - at) / sizeof(size_t), true);
    settle_view(&view, marker);
  }
  close_view(&view, marker);
}

/* A range may cover blocks of all sorts. */
static void scan_written(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  while (range.start < range.end) {
    size_t block = gc__block_at(space, range.start - space->base);
    struct gc__block_entry entry = gc__entry_at(space, block);
    uintptr_t end = space->base + gc__block_offset(space, block + 1);
    struct gc__range part = {range.start, end < range.end ? end : range.end};
    if (entry.shape & GC__SHAPE_PAGES) scan_written_runs(marker, part);
    else if ((entry.shape & GC__SHAPE_GRANULES) && gc__entry_kind(entry) != GC__KIND_LEAF)
      scan_written_cells(marker, part);
    range.start = part.end;
  }
}

/* How many old cells of an open block are asked for ahead: survivors of several collections lie far apart. */
#define OPEN_AHEAD 16u

/* The old cells of an open block, or of a piece of one: most have none or few. */
SCANS_ANYTHING static void scan_open(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  size_t first = (range.start - space->base) / GC__GRANULE_BYTES, end = (range.end - space->base) / GC__GRANULE_BYTES;
  size_t words = (gc__entry_at(space, gc__block_of(space, first)).shape & GC__SHAPE_GRANULES) * GRANULE_WORDS;
  uint16_t cells[GC__ROOT_PIECE_BYTES / GC__GRANULE_BYTES]; /* small: the program's stack may be */
  size_t count = 0;
  for (size_t at = first; at < end; at += 64)
    for (uint64_t old = gc__bytes_equal(space->live + at, marker->epoch); old; old &= old - 1) {
      cells[count] = (uint16_t)(at - first + gc__lowest_bit(old));
      if (count < OPEN_AHEAD) GC__PREFETCH(gc__space_address(space, first + cells[count]));
      count++;
    }
  if (gc__entry_kind(gc__entry_at(space, gc__block_of(space, first))) == GC__KIND_TYPED) {
    for (size_t i = 0; i < count; i++) {
      const struct gc__layout *layout = gc__layout_of(marker->trace->heap, first + cells[i]);
      if (!layout || !layout->procedure) scan_declared(marker, first + cells[i], 0, words * sizeof(size_t));
    }
    return;
  }
  struct view view = open_view(marker);
  for (size_t i = 0; i < count; i++) {
    if (i + OPEN_AHEAD < count) GC__PREFETCH(gc__space_address(space, first + cells[i + OPEN_AHEAD]));
    scan_words(marker, &view, (const size_t *)(void *)gc__space_address(space, first + cells[i]), words, true);
    settle_view(&view, marker);
  }
  close_view(&view, marker);
}

/* The first page of the range that will be looked at next: 1.06 us a written page without that, 0.67 with it in a
 * prototype. */
static void prefetch_next_root(const struct gc__marker *marker) {
  const struct gc__trace *trace = marker->trace;
  size_t at = gc__word_peek(&trace->root_at);
  if (at >= gc__word_peek(&trace->root_count) || trace->roots[at].source != GC__ROOT_WRITTEN) return;
  const char *page = (const char *)trace->roots[at].range.start;
  for (size_t line = 0; line < GC__PAGE_BYTES; line += GC__LINE_BYTES) GC__PREFETCH(page + line);
}

/* ---- A marker's work ---- */

static void scan_piece(struct gc__marker *marker, const struct gc__root_range *piece) {
  prefetch_next_root(marker);
  if (piece->source == GC__ROOT_WRITTEN) scan_written(marker, piece->range);
  else if (piece->source == GC__ROOT_OPEN) scan_open(marker, piece->range);
  else scan_roots(marker, piece->range);
}

void gc__trace_work(struct gc__marker *marker) {
  struct gc__trace *trace = marker->trace;
  struct gc__root_range piece;
  for (;;) {
    drain(marker);
    if (gc__trace_take_root(trace, &piece)) scan_piece(marker, &piece);
    else if (!trace->is_shared || !gc__trace_steal(marker)) return;
  }
}

/* ---- Objects that are found through their blocks ---- */

/* Looked at as a root word, but for one past the end of an object. */
bool gc__trace_add(struct gc__marker *marker, size_t word) {
  const struct gc__space *space = &marker->space;
  size_t offset = word - space->base, ref = offset < space->span_bytes ? ref_at(space, offset) : SIZE_MAX;
  if (ref == SIZE_MAX || is_free_run(space, ref_granule(ref)) || !is_allocated(marker, ref_granule(ref))) return false;
  struct view view = open_view(marker);
  if (gc__byte_peek(&view.live[ref_granule(ref)]) != view.epoch) enqueue(marker, &view, ref, marker->is_minor);
  settle_view(&view, marker);
  close_view(&view, marker);
  return true;
}

/* Scanning again is harmless: what it finds is marked already, or was lost and is found now. */
SCANS_ANYTHING void gc__trace_rescan(struct gc__marker *marker, size_t granule, size_t bytes) {
  bool is_declared = gc__layout_of(marker->trace->heap, granule) != NULL;
  for (size_t at = 0, end; is_declared && at < bytes; at = end) {
    end = bytes - at < SLICE_WORDS * sizeof(size_t) ? bytes : at + SLICE_WORDS * sizeof(size_t);
    scan_declared(marker, granule, at, end);
    drain(marker);
  }
  if (is_declared) return;
  const size_t *word = (const size_t *)(void *)gc__space_address(&marker->space, granule);
  for (const size_t *end = word + bytes / sizeof *word; word < end;) {
    size_t left = (size_t)(end - word), count = left < SLICE_WORDS ? left : SLICE_WORDS;
    struct view view = open_view(marker);
    scan_words(marker, &view, word, count, marker->is_minor);
    settle_view(&view, marker);
    close_view(&view, marker);
    drain(marker);
    word += count;
  }
}
