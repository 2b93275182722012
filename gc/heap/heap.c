/* heap/heap.c - see heap.h. */
#include "heap/heap.h"
#include "base/check.h"
#include "heap/sweep.h"

/* Steps in which cells are zeroed and handed out; 256 B to 64 KiB measured within 5 %. */
#define HAND_OUT_BYTES 4096

/* Less than a megabyte, or a sixteenth of what is committed, is not worth returning. */
#define TRIM_LEAST_BYTES ((size_t)1 << 20)
#define TRIM_LEAST_PART  16

/* Of what is in use, how much is kept free although nobody needed it for a whole cycle. */
#define KEPT_PART 16

/* Whole chunks, so that no page of the span is left out. Touched they are when all tables are there. */
static bool take_initial(struct gc__heap *heap, size_t initial_bytes) {
  if (initial_bytes > SIZE_MAX - GC__CHUNK_BYTES) return false;
  heap->initial_bytes = gc__round_up(initial_bytes, GC__CHUNK_BYTES);
  uint32_t count = (uint32_t)(heap->initial_bytes / GC__PAGE_BYTES);
  if (!count) return true;
  gc__lock_take(&heap->lock);
  struct gc__page_grant grant = {.first = GC__NONE};
  if (gc__heap_grow(heap, count, 1)) grant = gc__pages_take(&heap->pages, count, 1, 0);
  if (grant.first != GC__NONE) gc__pages_give(&heap->pages, grant.first, count);
  gc__lock_give(&heap->lock);
  return grant.first != GC__NONE;
}

void gc__heap_empty_lists(struct gc__heap *heap) {
  for (unsigned tier = 0; tier < GC__TIER_COUNT; tier++)
    for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++)
      for (unsigned class = 0; class < GC__CLASS_COUNT; class ++) heap->available[tier][kind][class] = GC__NONE;
}

static void begin_heap(struct gc__heap *heap, struct gc__budget *budget) {
  *heap = (struct gc__heap){.budget = budget,
                            .epoch = GC__EPOCH_FIRST,
                            .black_epoch = GC__EPOCH_FIRST,
                            .stamp = 1,
                            .hand_out_bytes = HAND_OUT_BYTES,
                            .root_blocks = GC__NONE,
                            .procedure_blocks = GC__NONE,
                            .large = GC__NONE,
                            .tier_bytes = {SIZE_MAX, SIZE_MAX, SIZE_MAX},
                            .root_large = GC__NONE};
  gc__heap_empty_lists(heap);
  gc__lock_open(&heap->lock, GC__RANK_HEAP);
  gc__ties_open(&heap->ties);
  gc__guards_open(&heap->guards);
}

bool gc__heap_open(struct gc__heap *heap, struct gc__budget *budget, size_t reserve_bytes, size_t initial_bytes) {
  begin_heap(heap, budget);
  if (gc__space_open(&heap->space, budget, reserve_bytes)) {
    gc__pages_open(&heap->pages, &heap->space);
    if (take_initial(heap, initial_bytes)) return true;
  }
  gc__heap_close(heap);
  return false;
}

bool gc__heap_open_in(struct gc__heap *heap, struct gc__budget *budget, struct gc__range memory, bool has_cards,
                      bool has_counts) {
  begin_heap(heap, budget);
  if (gc__buffer_open(heap, memory, has_cards, has_counts)) return true;
  gc__heap_close(heap);
  return false;
}

static void touch_region(const struct gc__region *region) {
  if (region->start) gc__os_touch(region->start, region->committed_bytes);
}

static bool touch_counts(struct gc__heap *heap, size_t bytes) {
  struct gc__counts *counts = &heap->counts;
  gc__counts_touch(counts);
  for (size_t page = 0; page < bytes / GC__PAGE_BYTES; page++)
    if (!gc__shadow_take(&counts->shadow, page)) return false;
  gc__os_touch(counts->shadow.start, bytes);
  return true;
}

/* In a fixed space what the library has taken so far lies in front. */
bool gc__heap_touch(struct gc__heap *heap, size_t bytes) {
  struct gc__space *space = &heap->space;
  if (space->is_fixed) bytes += space->span_bytes - heap->pages.free_pages * GC__PAGE_BYTES;
  else bytes = gc__round_up(bytes, GC__CHUNK_BYTES);
  if (bytes > space->span_bytes) bytes = space->span_bytes;
  gc__os_touch((void *)space->base, bytes);
  for (unsigned i = 0; i < sizeof space->tables / sizeof space->tables[0]; i++) touch_region(&space->tables[i]);
  return !gc__heap_has_counts(heap) || touch_counts(heap, gc__round_down(bytes, GC__PAGE_BYTES));
}

bool gc__heap_keep_counts(struct gc__heap *heap) {
  if (!gc__counts_open(&heap->counts, heap->budget, &heap->space)) return false;
  heap->space.counts = &heap->counts;
  return true;
}

void gc__heap_close(struct gc__heap *heap) {
  size_t heap_pages = 0;
  for (size_t word = 0; !heap->space.is_fixed && word < heap->space.span_bytes / GC__PAGE_BYTES / 64; word++)
    heap_pages += gc__bit_count(gc__swap_charged_word(&heap->space, word));
  gc__budget_give(heap->budget, heap_pages * GC__PAGE_BYTES);
  gc__guards_close(heap);
  gc__swap_close(heap);
  gc__log_close(heap);
  gc__ties_close(&heap->ties);
  gc__lock_take(&heap->lock); /* what it has may be given back to the heap's pages */
  gc__layouts_close(&heap->layouts);
  gc__lock_give(&heap->lock);
  gc__counts_close(&heap->counts);
  gc__space_close(&heap->space);
  gc__lock_close(&heap->lock);
  heap->budget->supply = NULL;
}

/* The numbers ran out: what is live gets the first one, everything else 0. */
static void renumber(struct gc__heap *heap) {
  size_t granules = heap->space.span_bytes / GC__GRANULE_BYTES;
  uint8_t *live = heap->space.live;
  for (size_t i = 0; i < granules; i++)
    if (live[i]) live[i] = live[i] == heap->epoch ? GC__EPOCH_FIRST : 0; /* [pages.bytes]: what is 0 is not written */
  heap->epoch = heap->black_epoch = GC__EPOCH_FIRST;
}

uint8_t gc__heap_next_epoch(struct gc__heap *heap) {
  if (heap->epoch == GC__EPOCH_LAST) renumber(heap);
  return (uint8_t)(heap->epoch + 1);
}

/* Stamps of old stops must not be taken for the new one's when their numbers start over. */
static void next_stamp(struct gc__heap *heap) {
  heap->ended_stamp = heap->stamp;
  if (heap->stamp++ != UINT16_MAX) return;
  for (size_t block = 0; block < gc__block_count(&heap->space); block++) {
    struct gc__block_entry entry = gc__entry_at(&heap->space, block);
    entry.stamp = 0;
    gc__entry_set(&heap->space, block, entry);
  }
  heap->stamp = 1;
}

/* What is new among the large objects and was marked is old from now on. New ones stand at the heads of their lists. */
static void track_large(struct gc__heap *heap, uint32_t first) {
  const struct gc__run *runs = heap->space.runs;
  for (; first != GC__NONE && runs[first].stamp == heap->stamp; first = runs[first].next)
    if (gc__heap_is_old(heap, (size_t)first * GC__PAGE_GRANULES) && runs[first].kind != GC__KIND_LEAF &&
        !runs[first].is_guarded) /* [guard.written] */
      gc__log_track(heap, first, runs[first].page_count);
}

static void end_stop(struct gc__heap *heap, bool is_full) {
  if (heap->log.is_on) {
    track_large(heap, heap->large);
    track_large(heap, heap->root_large);
    gc__sweep_open_blocks(heap, is_full);
    gc__log_arm(heap);
  }
  next_stamp(heap);
  heap->swap.turn++;
  size_t since = gc__word_peek(&heap->handed_since_bytes);
  gc__sweep_note_handed(heap, since);
  gc__word_poke(&heap->untrimmed_bytes, gc__word_peek(&heap->untrimmed_bytes) + since);
  gc__word_poke(&heap->handed_before_bytes, is_full ? 0 : gc__word_peek(&heap->handed_before_bytes) + since);
  gc__word_poke(&heap->handed_since_bytes, 0);
}

void gc__heap_end_trace(struct gc__heap *heap, uint8_t epoch) {
  heap->epoch = heap->black_epoch = epoch;
  gc__sweep_begin(heap);
  end_stop(heap, true);
}

void gc__heap_end_minor(struct gc__heap *heap) {
  end_stop(heap, false);
}

void gc__heap_end_count(struct gc__heap *heap, bool is_full) {
  end_stop(heap, false);
  if (!is_full) return;
  gc__word_poke(&heap->handed_before_bytes, 0);
  gc__heap_want_trim(heap);
}

bool gc__heap_grow(struct gc__heap *heap, uint32_t page_count, uint32_t alignment_pages) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  size_t before = heap->space.span_bytes;
  if (!gc__pages_grow(&heap->pages, page_count, alignment_pages) && !gc__guards_release_kept(heap)) return false;
  gc__log_extend(heap);
  gc__word_add(&heap->grown_bytes, heap->space.span_bytes - before);
  return true;
}

bool gc__heap_is_trim_due(const struct gc__heap *heap) {
  size_t used_bytes = gc__word_peek(&heap->budget->used_bytes);
  bool is_mostly_idle = !gc__heap_has_counts(heap) && heap->pages.idle_pages * GC__PAGE_BYTES >= used_bytes / 2;
  return is_mostly_idle || gc__word_peek(&heap->untrimmed_bytes) >= used_bytes;
}

void gc__heap_want_trim(struct gc__heap *heap) {
  gc__word_poke(&heap->untrimmed_bytes, SIZE_MAX / 2);
}

void gc__heap_trim(struct gc__heap *heap) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  gc__word_poke(&heap->untrimmed_bytes, 0);
  if (heap->space.is_fixed) return;
  size_t handed = gc__word_peek(&heap->handed_since_bytes);
  size_t allowed = gc__word_peek(&heap->allowance_bytes);
  size_t free_bytes = heap->pages.dirty_free_pages * GC__PAGE_BYTES;
  size_t used_bytes = gc__word_peek(&heap->budget->used_bytes);
  size_t busy_bytes = used_bytes > free_bytes ? used_bytes - free_bytes : 0;
  size_t wanted = allowed > handed ? allowed - handed : 0;
  if (wanted > busy_bytes / KEPT_PART) wanted = busy_bytes / KEPT_PART;
  if (wanted < heap->initial_bytes) wanted = heap->initial_bytes;
  size_t least = used_bytes / TRIM_LEAST_PART;
  if (least < TRIM_LEAST_BYTES) least = TRIM_LEAST_BYTES;
  if (free_bytes < wanted + least || heap->pages.idle_pages * GC__PAGE_BYTES < least) wanted = free_bytes;
  size_t pages = gc__pages_discard_idle(&heap->pages, wanted / GC__PAGE_BYTES);
  gc__word_add(&heap->returned_bytes, pages * GC__PAGE_BYTES);
}
