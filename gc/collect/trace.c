/* collect/trace.c - see trace.h. The loops in here are where a collection spends its time. */
#include "collect/trace.h"
#include "base/check.h"
#include "heap/block.h"

/* Words of stacks and static data that a marker takes at a time. */
#define ROOT_PIECE_BYTES ((size_t)32 << 10)

/* Objects longer than this are scanned in slices, so that other markers can share one. */
#define SLICE_BYTES ((size_t)4 << 10)

/* How far ahead memory is asked for. One queue for both, with the line of every candidate prefetched, took 183, 24, 16,
 * 11.3 and 11.1 ns an object at depth 1, 4, 8, 32 and 64 on randomly linked objects in a prototype. */
#define CANDIDATES_DEPTH 32u
#define SCANS_DEPTH      16u

/* With so few candidates on the way latency counts, as in a single list: the object's line is asked for as well. */
#define CANDIDATES_FEW 4u

/* An item of the mark stack: the address of an object, or of the rest of a large one. */
#define ITEM_IS_SLICE ((size_t)1)

#if defined(__clang__)
#define SCANS_ANYTHING __attribute__((no_sanitize("address", "thread", "undefined"), disable_sanitizer_instrumentation))
#else
#define SCANS_ANYTHING __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

/* ---- Candidates ---- */

/* A root word points at free memory: what lies there is not handed out in this epoch, or an object born there would be
 * kept by chance. */
static void note_false_root(struct gc__marker *marker, size_t granule) {
  struct gc__trace *trace = marker->trace;
  struct gc__space *space = &trace->heap->space;
  marker->false_words++;
  gc__byte_poke(&space->live[granule], gc__live_black(trace->epoch));
  gc__byte_poke(&space->blocks[granule / GC__BLOCK_GRANULES].black_epoch, trace->epoch);
  gc__byte_poke(&space->black_pages[granule / GC__PAGE_GRANULES], trace->epoch);
}

static GC__NOINLINE void note_overflow(struct gc__trace *trace, size_t granule) {
  gc__byte_poke(&trace->heap->space.blocks[granule / GC__BLOCK_GRANULES].must_rescan, 1);
  gc__flag_set(&trace->has_overflowed, 1);
}

static GC__NOINLINE void share_work(struct gc__marker *marker) {
  gc__mark_stack_share(&marker->stack);
  marker->trace->wake_helpers(marker->trace->wake_argument);
}

static GC__INLINE unsigned queue_length(const struct gc__queue *queue) { return queue->end - queue->first; }
static GC__INLINE void queue_put(struct gc__queue *queue, size_t entry) {
  queue->entries[queue->end++ % GC__QUEUE_ROOM] = entry;
}
static GC__INLINE size_t queue_take(struct gc__queue *queue) {
  return queue->entries[queue->first++ % GC__QUEUE_ROOM];
}

static GC__INLINE void put_scan(struct gc__marker *marker, size_t item) {
  GC__PREFETCH((const void *)(item & ~ITEM_IS_SLICE));
  queue_put(&marker->scans, item);
}

static GC__INLINE void push_object(struct gc__marker *marker, size_t granule) {
  struct gc__trace *trace = marker->trace;
  struct gc__mark_stack *stack = &marker->stack;
  if (queue_length(&marker->scans) < SCANS_DEPTH) {
    put_scan(marker, trace->heap->space.base + granule * GC__GRANULE_BYTES);
    return;
  }
  if (GC__UNLIKELY(!gc__mark_stack_push(stack, trace->heap->space.base + granule * GC__GRANULE_BYTES)))
    note_overflow(trace, granule);
  else if (GC__UNLIKELY(stack->top - stack->split > GC__STACK_PRIVATE_MOST) && trace->is_shared)
    share_work(marker);
}

/* Marks what a candidate names, if it is allocated and was not marked, and pushes it if it is to be scanned. */
static GC__INLINE void visit(struct gc__marker *marker, size_t candidate) {
  struct gc__trace *trace = marker->trace;
  const struct gc__heap *heap = trace->heap;
  size_t granule = candidate >> 1;
  uint8_t *live = &heap->space.live[granule];
  uint8_t byte = gc__byte_peek(live);
  if (byte == trace->epoch) return;
  if (GC__UNLIKELY(byte != heap->epoch) && !gc__heap_is_given(heap, granule)) {
    if (candidate & 1) note_false_root(marker, granule);
    return;
  }
  gc__byte_poke(live, trace->epoch);
  struct gc__block_entry entry = gc__entry_at(&heap->space, granule / GC__BLOCK_GRANULES);
  size_t bytes = (size_t)(entry.shape & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
  enum gc__kind kind = gc__entry_kind(entry);
  if (GC__UNLIKELY(!bytes)) {
    const struct gc__run *run = &heap->space.runs[granule / GC__PAGE_GRANULES];
    bytes = (size_t)run->page_count * GC__PAGE_BYTES;
    kind = (enum gc__kind)run->kind;
  }
  marker->marked_objects++;
  marker->marked_bytes += bytes;
  if (kind != GC__KIND_LEAF) push_object(marker, granule);
}

static GC__INLINE void visit_oldest(struct gc__marker *marker) { visit(marker, queue_take(&marker->candidates)); }

static GC__INLINE void enqueue(struct gc__marker *marker, size_t granule, size_t is_root) {
  const struct gc__space *space = &marker->trace->heap->space;
  unsigned length = queue_length(&marker->candidates);
  GC__PREFETCH(&space->live[granule]);
  if (length < CANDIDATES_FEW) GC__PREFETCH(gc__space_address(space, granule));
  if (length == CANDIDATES_DEPTH) visit_oldest(marker);
  queue_put(&marker->candidates, granule << 1 | is_root);
}

/* ---- Words ---- */

static GC__INLINE void consider_heap_word(struct gc__marker *marker, size_t word) {
  const struct gc__trace *trace = marker->trace;
  const struct gc__space *space = &trace->heap->space;
  size_t offset = word - space->base;
  if (GC__LIKELY(offset >= space->span_bytes)) return;
  size_t granule = gc__space_granule_of(space, offset);
  if (GC__UNLIKELY(granule == SIZE_MAX)) return;
  if (GC__UNLIKELY(!trace->interior_in_heap) && offset != granule * GC__GRANULE_BYTES) return;
  enqueue(marker, granule, 0);
}

/* The first page of a free run names the run like that of a large object does. */
static bool is_free_run(const struct gc__space *space, size_t granule) {
  return (gc__entry_at(space, granule / GC__BLOCK_GRANULES).shape & GC__SHAPE_PAGES) &&
         space->runs[granule / GC__PAGE_GRANULES].state != GC__RUN_LARGE;
}

/* A root word may point one past the end of an object: then the object before the address is meant. */
static void consider_root_word(struct gc__marker *marker, size_t word) {
  const struct gc__space *space = &marker->trace->heap->space;
  size_t offset = word - space->base;
  size_t granule = SIZE_MAX;
  if (offset > space->span_bytes) return;
  if (offset < space->span_bytes) {
    granule = gc__space_granule_of(space, offset);
    if (granule == SIZE_MAX || is_free_run(space, granule)) note_false_root(marker, offset / GC__GRANULE_BYTES);
    else enqueue(marker, granule, 1);
  }
  if (offset == 0 || offset % GC__GRANULE_BYTES) return;
  size_t before = gc__space_granule_of(space, offset - 1);
  if (before != SIZE_MAX && before != granule) enqueue(marker, before, 0);
}

SCANS_ANYTHING static void scan_roots(struct gc__marker *marker, struct gc__range piece) {
  size_t base = marker->trace->heap->space.base, span_bytes = marker->trace->heap->space.span_bytes;
  for (const volatile size_t *word = (const volatile size_t *)piece.start; word < (const volatile size_t *)piece.end;
       word++) {
    size_t value = *word;
    if (GC__UNLIKELY(value - base <= span_bytes)) consider_root_word(marker, value);
  }
}

SCANS_ANYTHING static GC__INLINE void scan_words(struct gc__marker *marker, const size_t *word, const size_t *end) {
  for (; word < end; word++) consider_heap_word(marker, *word);
}

/* ---- Objects ---- */

/* The rest of a large object: pushes what follows the slice first, so that it can be stolen. */
static GC__NOINLINE void scan_slice(struct gc__marker *marker, size_t start) {
  const struct gc__space *space = &marker->trace->heap->space;
  struct gc__place place = gc__space_place(space, start - space->base);
  size_t end = (size_t)gc__space_address(space, place.granule) + place.bytes;
  if (end - start > SLICE_BYTES) {
    end = start + SLICE_BYTES;
    if (!gc__mark_stack_push(&marker->stack, end | ITEM_IS_SLICE)) note_overflow(marker->trace, place.granule);
  }
  scan_words(marker, (const size_t *)start, (const size_t *)end);
}

static GC__INLINE void scan_item(struct gc__marker *marker, size_t item) {
  const struct gc__space *space = &marker->trace->heap->space;
  struct gc__block_entry entry = gc__entry_at(space, (item - space->base) >> GC__BLOCK_LOG2);
  size_t bytes = (size_t)(entry.shape & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
  if (GC__UNLIKELY(!bytes)) scan_slice(marker, item & ~ITEM_IS_SLICE);
  else scan_words(marker, (const size_t *)item, (const size_t *)(item + bytes));
}

/* Keeps both queues filled as far as there is work, so that memory is always being waited for in parallel. */
static void drain(struct gc__marker *marker) {
  struct gc__mark_stack *stack = &marker->stack;
  struct gc__queue *scans = &marker->scans, *candidates = &marker->candidates;
  for (;;) {
    while (queue_length(scans) < SCANS_DEPTH && stack->top > stack->split) put_scan(marker, stack->items[--stack->top]);
    if (queue_length(scans) < SCANS_DEPTH && queue_length(candidates) >= CANDIDATES_DEPTH / 2) visit_oldest(marker);
    else if (queue_length(scans)) scan_item(marker, queue_take(scans));
    else if (queue_length(candidates)) visit_oldest(marker);
    else if (!gc__mark_stack_fetch(stack)) return;
  }
}

/* ---- A marker's work ---- */

static bool take_root_piece(struct gc__trace *trace, struct gc__range *piece) {
  bool found = false;
  while (!gc__flag_swap_if(&trace->root_lock, 0, 1)) gc__spin_hint();
  while (trace->root_at < trace->root_count && !found) {
    struct gc__range range = trace->roots[trace->root_at].range;
    uintptr_t start = trace->root_from ? trace->root_from : range.start;
    *piece = (struct gc__range){start, range.end};
    found = start < range.end;
    if (found && range.end - start > ROOT_PIECE_BYTES) piece->end = start + ROOT_PIECE_BYTES;
    trace->root_from = piece->end;
    if (piece->end == range.end) trace->root_at++, trace->root_from = 0;
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

void gc__trace_work(struct gc__marker *marker) {
  struct gc__trace *trace = marker->trace;
  struct gc__range piece;
  for (;;) {
    drain(marker);
    if (take_root_piece(trace, &piece)) scan_roots(marker, piece);
    else if (!trace->is_shared || !steal_some(marker)) return;
  }
}

bool gc__trace_has_work(const struct gc__trace *trace) {
  for (unsigned i = 0; i < trace->marker_count; i++)
    if (gc__word_peek(&trace->markers[i]->stack.shared)) return true;
  return *(const volatile size_t *)&trace->root_at < trace->root_count;
}

void gc__trace_begin(struct gc__trace *trace, const struct gc__roots *roots, uint8_t epoch) {
  trace->epoch = epoch;
  trace->roots = gc__roots_list(roots);
  trace->root_count = roots->count;
  trace->root_at = 0;
  trace->root_from = 0;
  trace->has_overflowed = 0;
  for (unsigned i = 0; i < trace->marker_count; i++) {
    struct gc__marker *marker = trace->markers[i];
    marker->trace = trace;
    marker->candidates.first = marker->candidates.end = marker->scans.first = marker->scans.end = 0;
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
  if (gc__heap_is_given(marker->trace->heap, granule)) enqueue(marker, granule, 0);
}

void gc__trace_root_objects(struct gc__marker *marker) {
  struct gc__heap *heap = marker->trace->heap;
  for (uint32_t block = heap->root_blocks; block != GC__NONE; block = heap->space.blocks[block].root_next)
    each_cell(marker, block, mark_root_cell);
  for (uint32_t first = heap->root_large; first != GC__NONE; first = heap->space.runs[first].next)
    enqueue(marker, (size_t)first * GC__PAGE_GRANULES, 0);
}

/* Scanning again is harmless: what it finds is marked already, or was lost and is found now. */
static void rescan_cell(struct gc__marker *marker, size_t granule) {
  const struct gc__space *space = &marker->trace->heap->space;
  if (space->live[granule] != marker->trace->epoch) return;
  scan_item(marker, (size_t)gc__space_address(space, granule));
  drain(marker);
}

static void rescan_large(struct gc__marker *marker, size_t granule) {
  const struct gc__space *space = &marker->trace->heap->space;
  struct gc__place place = gc__space_place(space, granule * GC__GRANULE_BYTES);
  if (space->live[granule] != marker->trace->epoch || place.kind == GC__KIND_LEAF) return;
  const size_t *word = (const size_t *)(void *)gc__space_address(space, granule);
  for (const size_t *end = word + place.bytes / sizeof *word; word < end; word++) {
    consider_heap_word(marker, *word);
    if (marker->stack.top) drain(marker);
  }
  drain(marker);
}

static void rescan_block(struct gc__marker *marker, uint32_t block) {
  const struct gc__space *space = &marker->trace->heap->space;
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
