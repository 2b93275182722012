/* collect/trace.c - see trace.h. The loops in here are where a collection spends its time. */
#include "collect/trace.h"
#include "base/bytes.h"
#include "base/check.h"
#include "heap/block.h"

/* Words of stacks and static data that a marker takes at a time. */
#define ROOT_PIECE_BYTES ((size_t)32 << 10)

/* Objects longer than this are scanned in slices, so that other markers can share one. */
#define SLICE_GRANULES ((size_t)256)

#define GRANULE_WORDS (GC__GRANULE_BYTES / sizeof(size_t))

/* How many candidates wait for their bytes, and how many items below the top of the stack an object's line is asked
 * for. A queue of 1, 4, 8, 32 and 64 took 183, 24, 16, 11.3 and 11.1 ns an object on randomly linked objects in a
 * prototype. What was tried here and lost on trees in the order of allocation: taking items from below the top (+60 %),
 * and a second queue of marked objects instead of asking for each candidate's line (+20 %; -10 % on random graphs). */
#define CANDIDATES_DEPTH 32u

/* A reference to an object, as the queue and the stack hold it: its first granule, whether a root word names it, and
 * the granules to be scanned if it is a cell that is scanned at all. Large objects and leaves have 0 of these; on the
 * stack that means a large object, from this granule on. */
#define REF_LOG2    16u
#define REF_IS_ROOT ((size_t)1 << 15)
#define REF_LENGTH  ((size_t)GC__SHAPE_GRANULES)

static GC__INLINE size_t make_ref(size_t granule, size_t length) {
  return granule << REF_LOG2 | length;
}
static GC__INLINE size_t ref_granule(size_t ref) {
  return ref >> REF_LOG2;
}

#if defined(__clang__)
#define SCANS_ANYTHING __attribute__((no_sanitize("address", "thread", "undefined"), disable_sanitizer_instrumentation))
#else
#define SCANS_ANYTHING __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

/* ---- Candidates ---- */

/* A root word points at free memory: what lies there is not handed out in this epoch, or an object born there would be
 * kept by chance. Full traces do so: what every minor one wanted kept free would add up until the next full one. */
static void note_false_root(struct gc__marker *marker, size_t granule) {
  struct gc__trace *trace = marker->trace;
  struct gc__space *space = &trace->heap->space;
  marker->false_words++;
  gc__byte_poke(&space->live[granule], gc__live_black(trace->epoch));
  gc__byte_poke(&space->blocks[granule / GC__BLOCK_GRANULES].black_epoch, trace->epoch);
  gc__byte_poke(&space->black_pages[granule / GC__PAGE_GRANULES], trace->epoch);
}

/* The object will be found again through its block. A cell is counted as marked now; a large object was already. */
static GC__NOINLINE void note_overflow(struct gc__marker *marker, size_t granule) {
  struct gc__place place = gc__space_place(&marker->space, granule * GC__GRANULE_BYTES);
  if (!place.is_large) marker->marked_bytes += place.bytes;
  gc__byte_poke(&marker->space.blocks[granule / GC__BLOCK_GRANULES].must_rescan, 1);
  gc__flag_set(&marker->trace->has_overflowed, 1);
}

static GC__NOINLINE void share_work(struct gc__marker *marker) {
  gc__mark_stack_share(&marker->stack);
  marker->trace->wake_helpers(marker->trace->wake_argument);
}

static GC__INLINE void push_ref(struct gc__marker *marker, size_t ref) {
  struct gc__mark_stack *stack = &marker->stack;
  if (GC__UNLIKELY(!gc__mark_stack_push(stack, ref))) note_overflow(marker, ref_granule(ref));
  else if (GC__UNLIKELY(stack->top - stack->split > GC__STACK_PRIVATE_MOST) && marker->trace->is_shared)
    share_work(marker);
}

/* What is marked and not scanned as cells are: leaves and large objects. */
static GC__NOINLINE void visit_special(struct gc__marker *marker, size_t granule) {
  struct gc__place place = gc__space_place(&marker->space, granule * GC__GRANULE_BYTES);
  marker->marked_bytes += place.bytes;
  if (place.kind != GC__KIND_LEAF) push_ref(marker, make_ref(granule, 0));
}

/* Marks what a candidate names, if it is allocated and was not marked, and sees that it is scanned. */
static GC__INLINE void visit(struct gc__marker *marker, size_t ref) {
  uint8_t *live = &marker->space.live[ref_granule(ref)];
  uint8_t byte = gc__byte_peek(live);
  if (byte == marker->epoch) return;
  if (GC__UNLIKELY(byte != marker->epoch_before) && !gc__heap_is_given(marker->trace->heap, ref_granule(ref))) {
    if ((ref & REF_IS_ROOT) && !marker->is_minor) note_false_root(marker, ref_granule(ref));
    return;
  }
  gc__byte_poke(live, marker->epoch);
  marker->marked_objects++;
  if (GC__LIKELY(ref & REF_LENGTH)) push_ref(marker, ref);
  else visit_special(marker, ref_granule(ref));
}

static GC__INLINE void visit_oldest(struct gc__marker *marker) {
  struct gc__queue *queue = &marker->candidates;
  visit(marker, queue->entries[queue->first++ % GC__QUEUE_ROOM]);
}

static GC__INLINE void enqueue(struct gc__marker *marker, size_t ref) {
  struct gc__queue *queue = &marker->candidates;
  GC__PREFETCH(&marker->space.live[ref_granule(ref)]);
  GC__PREFETCH(gc__space_address(&marker->space, ref_granule(ref)));
  if (queue->end - queue->first == CANDIDATES_DEPTH) visit_oldest(marker);
  queue->entries[queue->end++ % GC__QUEUE_ROOM] = ref;
}

/* ---- Words ---- */

/* The object that contains an offset, as a reference; SIZE_MAX: nothing does. */
static GC__INLINE size_t ref_at(const struct gc__space *space, size_t offset) {
  size_t block = offset >> GC__BLOCK_LOG2;
  struct gc__block_entry entry = gc__entry_at(space, block);
  size_t granules = entry.shape & GC__SHAPE_GRANULES;
  if (GC__UNLIKELY(!granules)) {
    size_t granule = gc__space_granule_of(space, offset);
    return granule == SIZE_MAX ? SIZE_MAX : make_ref(granule, 0);
  }
  size_t in_block = offset >> GC__GRANULE_LOG2 & (GC__BLOCK_GRANULES - 1);
  size_t first = (in_block * entry.reciprocal >> GC__RECIPROCAL_LOG2) * granules;
  if (GC__UNLIKELY(first + granules > GC__BLOCK_GRANULES)) return SIZE_MAX;
  return make_ref(block * GC__BLOCK_GRANULES + first, gc__entry_kind(entry) == GC__KIND_LEAF ? 0 : granules);
}

/* [trace.young] */
static GC__INLINE bool may_be_young(const struct gc__marker *marker, size_t offset) {
  return gc__entry_at(&marker->space, offset >> GC__BLOCK_LOG2).stamp == marker->stamp;
}

static GC__INLINE void consider_heap_word(struct gc__marker *marker, size_t word, const bool is_minor) {
  size_t offset = word - marker->space.base;
  if (GC__LIKELY(offset >= marker->space.span_bytes)) return;
  if (is_minor && !may_be_young(marker, offset)) return;
  size_t ref = ref_at(&marker->space, offset);
  if (GC__UNLIKELY(ref == SIZE_MAX)) return;
  if (GC__UNLIKELY(!marker->interior_in_heap) && offset != ref_granule(ref) * GC__GRANULE_BYTES) return;
  if (is_minor && gc__byte_peek(&marker->space.live[ref_granule(ref)]) == marker->epoch) return;
  enqueue(marker, ref);
}

/* The first page of a free run names the run like that of a large object does. */
static bool is_free_run(const struct gc__space *space, size_t granule) {
  return (gc__entry_at(space, granule / GC__BLOCK_GRANULES).shape & GC__SHAPE_PAGES) &&
         space->runs[granule / GC__PAGE_GRANULES].state != GC__RUN_LARGE;
}

/* A root word may point one past the end of an object: then the object before the address is meant. */
static void consider_root_word(struct gc__marker *marker, size_t word) {
  const struct gc__space *space = &marker->space;
  size_t offset = word - space->base;
  size_t ref = SIZE_MAX;
  if (offset > space->span_bytes) return;
  if (offset < space->span_bytes) {
    ref = ref_at(space, offset);
    bool is_nothing = ref == SIZE_MAX || is_free_run(space, ref_granule(ref));
    if (!is_nothing) enqueue(marker, ref | REF_IS_ROOT);
    else if (!marker->is_minor) note_false_root(marker, offset / GC__GRANULE_BYTES);
  }
  if (offset == 0 || offset % GC__GRANULE_BYTES) return;
  size_t before = ref_at(space, offset - 1);
  if (before != SIZE_MAX && before != ref) enqueue(marker, before);
}

SCANS_ANYTHING static void scan_roots(struct gc__marker *marker, struct gc__range piece) {
  size_t base = marker->space.base, span_bytes = marker->space.span_bytes;
  for (const volatile size_t *word = (const volatile size_t *)piece.start; word < (const volatile size_t *)piece.end;
       word++) {
    size_t value = *word;
    if (GC__UNLIKELY(value - base <= span_bytes)) consider_root_word(marker, value);
  }
}

/* count is even: a granule has two words. */
SCANS_ANYTHING static GC__INLINE void scan_words(struct gc__marker *marker, const size_t *word, size_t count,
                                                 const bool is_minor) {
  for (const size_t *end = word + count; word < end; word += GRANULE_WORDS) {
    consider_heap_word(marker, word[0], is_minor);
    consider_heap_word(marker, word[1], is_minor);
  }
}

/* ---- Objects ---- */

/* A large object from a granule on: pushes what follows the slice first, so that it can be stolen. */
static GC__NOINLINE void scan_slice(struct gc__marker *marker, size_t granule, const bool is_minor) {
  const struct gc__space *space = &marker->space;
  struct gc__place place = gc__space_place(space, granule * GC__GRANULE_BYTES);
  size_t end = place.granule + place.bytes / GC__GRANULE_BYTES;
  if (end - granule > SLICE_GRANULES) {
    end = granule + SLICE_GRANULES;
    if (!gc__mark_stack_push(&marker->stack, make_ref(end, 0))) note_overflow(marker, place.granule);
  }
  scan_words(marker, (const size_t *)(void *)gc__space_address(space, granule), (end - granule) * GRANULE_WORDS,
             is_minor);
}

static GC__INLINE void scan_ref(struct gc__marker *marker, size_t ref, const bool is_minor) {
  size_t granules = ref & REF_LENGTH;
  if (GC__UNLIKELY(!granules)) {
    scan_slice(marker, ref_granule(ref), is_minor);
    return;
  }
  marker->marked_bytes += granules * GC__GRANULE_BYTES;
  scan_words(marker, (const size_t *)(void *)gc__space_address(&marker->space, ref_granule(ref)),
             granules * GRANULE_WORDS, is_minor);
}

/* The lower items of a deep stack have left the cache since they were candidates: the line of the one that comes some
 * pops later is asked for again. */
static GC__INLINE size_t pop_ref(struct gc__marker *marker) {
  struct gc__mark_stack *stack = &marker->stack;
  const size_t *top = &stack->items[--stack->top];
  GC__PREFETCH(gc__space_address(&marker->space, ref_granule(top[-(ptrdiff_t)GC__STACK_PAD])));
  return *top;
}

static GC__INLINE void drain_as(struct gc__marker *marker, const bool is_minor) {
  struct gc__mark_stack *stack = &marker->stack;
  struct gc__queue *queue = &marker->candidates;
  for (;;) {
    if (GC__LIKELY(stack->top > stack->split)) scan_ref(marker, pop_ref(marker), is_minor);
    else if (GC__LIKELY(queue->first != queue->end)) visit_oldest(marker);
    else if (!gc__mark_stack_fetch(stack)) return;
  }
}

/* Two copies of one loop. */
static void drain(struct gc__marker *marker) {
  if (marker->is_minor) drain_as(marker, true);
  else drain_as(marker, false);
}

/* ---- Old objects that were written ---- */

/* Words are looked at before the object that they lie in: most lead to no block with young objects. */
SCANS_ANYTHING static void scan_written_cells(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  for (const size_t *word = (const size_t *)range.start; word < (const size_t *)range.end; word++) {
    size_t offset = *word - space->base;
    if (GC__LIKELY(offset >= space->span_bytes) || !may_be_young(marker, offset)) continue;
    size_t granule = gc__space_granule_of(space, (uintptr_t)word - space->base);
    if (granule != SIZE_MAX && gc__byte_peek(&space->live[granule]) == marker->epoch)
      consider_heap_word(marker, *word, true);
  }
}

static void scan_written_runs(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  for (uintptr_t at = range.start, end; at < range.end; at = end) {
    size_t offset = at - space->base;
    end = space->base + gc__round_down(offset, GC__PAGE_BYTES) + GC__PAGE_BYTES;
    if (end > range.end) end = range.end;
    size_t granule = gc__space_granule_of(space, offset);
    if (granule == SIZE_MAX || gc__byte_peek(&space->live[granule]) != marker->epoch) continue;
    const struct gc__run *run = &space->runs[granule / GC__PAGE_GRANULES];
    if (run->state == GC__RUN_LARGE && run->kind != GC__KIND_LEAF)
      scan_words(marker, (const size_t *)at, (end - at) / sizeof(size_t), true);
  }
}

/* A range may cover blocks of all sorts. */
static void scan_written(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  while (range.start < range.end) {
    size_t block = (range.start - space->base) >> GC__BLOCK_LOG2;
    struct gc__block_entry entry = gc__entry_at(space, block);
    uintptr_t end = space->base + (block + 1) * GC__BLOCK_BYTES;
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
static void scan_open(struct gc__marker *marker, struct gc__range range) {
  const struct gc__space *space = &marker->space;
  size_t first = (range.start - space->base) / GC__GRANULE_BYTES, end = (range.end - space->base) / GC__GRANULE_BYTES;
  size_t words = (gc__entry_at(space, first / GC__BLOCK_GRANULES).shape & GC__SHAPE_GRANULES) * GRANULE_WORDS;
  uint16_t cells[ROOT_PIECE_BYTES / GC__GRANULE_BYTES]; /* small: the program's stack may be */
  size_t count = 0;
  for (size_t at = first; at < end; at += 64)
    for (uint64_t old = gc__bytes_equal(space->live + at, marker->epoch); old; old &= old - 1) {
      cells[count] = (uint16_t)(at - first + gc__lowest_bit(old));
      if (count < OPEN_AHEAD) GC__PREFETCH(gc__space_address(space, first + cells[count]));
      count++;
    }
  for (size_t i = 0; i < count; i++) {
    if (i + OPEN_AHEAD < count) GC__PREFETCH(gc__space_address(space, first + cells[i + OPEN_AHEAD]));
    scan_words(marker, (const size_t *)(void *)gc__space_address(space, first + cells[i]), words, true);
  }
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

static bool take_root_piece(struct gc__trace *trace, struct gc__root_range *piece) {
  bool found = false;
  while (!gc__flag_swap_if(&trace->root_lock, 0, 1)) gc__spin_hint();
  while (gc__word_peek(&trace->root_at) < gc__word_peek(&trace->root_count) && !found) {
    struct gc__range range = trace->roots[trace->root_at].range;
    uintptr_t start = trace->root_from ? trace->root_from : range.start;
    *piece = (struct gc__root_range){{start, range.end}, trace->roots[trace->root_at].source};
    found = start < range.end;
    if (found && range.end - start > ROOT_PIECE_BYTES) piece->range.end = start + ROOT_PIECE_BYTES;
    trace->root_from = piece->range.end;
    if (piece->range.end != range.end) continue;
    gc__word_poke(&trace->root_at, trace->root_at + 1);
    trace->root_from = 0;
  }
  gc__flag_set(&trace->root_lock, 0);
  return found;
}

static bool steal_some(struct gc__marker *marker) {
  struct gc__trace *trace = marker->trace;
  for (unsigned i = 0; i < trace->marker_count; i++)
    if (trace->markers[i] != marker && gc__mark_stack_steal(&marker->stack, &trace->markers[i]->stack)) return true;
  return false;
}

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
    if (take_root_piece(trace, &piece)) scan_piece(marker, &piece);
    else if (!trace->is_shared || !steal_some(marker)) return;
  }
}

bool gc__trace_has_work(const struct gc__trace *trace) {
  for (unsigned i = 0; i < trace->marker_count; i++)
    if (gc__word_peek(&trace->markers[i]->stack.shared)) return true;
  return gc__word_peek(&trace->root_at) < gc__word_peek(&trace->root_count);
}

void gc__trace_begin(struct gc__trace *trace, const struct gc__roots *roots, uint8_t epoch, bool is_minor) {
  trace->epoch = epoch;
  trace->is_minor = is_minor;
  trace->roots = gc__roots_list(roots);
  gc__word_poke(&trace->root_count, roots->count);
  gc__word_poke(&trace->root_at, 0);
  trace->root_from = 0;
  trace->has_overflowed = 0;
  for (unsigned i = 0; i < trace->marker_count; i++) {
    struct gc__marker *marker = trace->markers[i];
    marker->trace = trace;
    marker->space = trace->heap->space;
    marker->epoch = epoch;
    marker->epoch_before = trace->heap->epoch;
    marker->stamp = trace->heap->stamp;
    marker->is_minor = is_minor;
    marker->interior_in_heap = trace->interior_in_heap;
    marker->candidates.first = marker->candidates.end = 0;
    marker->marked_objects = marker->marked_bytes = marker->false_words = 0;
  }
}

/* ---- Objects that are found through their blocks ---- */

/* Calls fn for each allocated cell of a block. */
static void each_cell(struct gc__marker *marker, uint32_t block, void (*fn)(struct gc__marker *, size_t)) {
  const struct gc__heap *heap = marker->trace->heap;
  const struct gc__size_class *class = gc__block_class(heap, block);
  size_t granule = (size_t)block * GC__BLOCK_GRANULES;
  for (unsigned cell = 0; cell < class->cell_count; cell++, granule += class->cell_granules) fn(marker, granule);
}

static void mark_root_cell(struct gc__marker *marker, size_t granule) {
  if (gc__heap_is_given(marker->trace->heap, granule))
    enqueue(marker, ref_at(&marker->space, granule * GC__GRANULE_BYTES));
}

/* Young ones are in blocks of the coming stop's stamp, and first in the list of large ones. */
void gc__trace_root_objects(struct gc__marker *marker) {
  struct gc__heap *heap = marker->trace->heap;
  for (uint32_t block = heap->root_blocks; block != GC__NONE; block = heap->space.blocks[block].root_next)
    if (!marker->is_minor || gc__entry_at(&heap->space, block).stamp == heap->stamp)
      each_cell(marker, block, mark_root_cell);
  for (uint32_t first = heap->root_large; first != GC__NONE; first = heap->space.runs[first].next) {
    if (marker->is_minor && heap->space.runs[first].stamp != heap->stamp) break;
    enqueue(marker, make_ref((size_t)first * GC__PAGE_GRANULES, 0));
  }
}

/* Scanning again is harmless: what it finds is marked already, or was lost and is found now. */
static void rescan_cell(struct gc__marker *marker, size_t granule) {
  const struct gc__space *space = &marker->space;
  if (space->live[granule] != marker->epoch) return;
  size_t ref = ref_at(space, granule * GC__GRANULE_BYTES);
  scan_ref(marker, ref, marker->is_minor);
  marker->marked_bytes -= (ref & REF_LENGTH) * GC__GRANULE_BYTES; /* it was counted when it was marked */
  drain(marker);
}

static void rescan_large(struct gc__marker *marker, size_t granule) {
  const struct gc__space *space = &marker->space;
  struct gc__place place = gc__space_place(space, granule * GC__GRANULE_BYTES);
  if (space->live[granule] != marker->trace->epoch || place.kind == GC__KIND_LEAF) return;
  const size_t *word = (const size_t *)(void *)gc__space_address(space, granule);
  for (const size_t *end = word + place.bytes / sizeof *word; word < end; word++) {
    consider_heap_word(marker, *word, marker->is_minor);
    if (marker->stack.top) drain(marker);
  }
  drain(marker);
}

static void rescan_block(struct gc__marker *marker, uint32_t block) {
  const struct gc__space *space = &marker->space;
  struct gc__block_entry entry = gc__entry_at(space, block);
  if (!(entry.shape & GC__SHAPE_PAGES)) {
    if (gc__entry_kind(entry) != GC__KIND_LEAF) each_cell(marker, block, rescan_cell);
    return;
  }
  for (size_t page = block * GC__BLOCK_PAGES; page < (block + 1) * GC__BLOCK_PAGES; page++)
    if (space->run_heads[page] == page + 1 && space->runs[page].state == GC__RUN_LARGE)
      rescan_large(marker, page * GC__PAGE_GRANULES);
}

bool gc__trace_recover(struct gc__marker *marker) {
  struct gc__trace *trace = marker->trace;
  if (!trace->has_overflowed) return false;
  trace->has_overflowed = 0;
  for (uint32_t block = 0; block < trace->heap->space.span_bytes / GC__BLOCK_BYTES; block++) {
    if (!trace->heap->space.blocks[block].must_rescan) continue;
    trace->heap->space.blocks[block].must_rescan = 0;
    rescan_block(marker, block);
  }
  return true;
}
