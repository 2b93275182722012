/* tools/verify.c - see verify.h. Each invariant is stated where its structure is defined, under the name used here. */
#include "tools/verify.h"
#include "heap/block.h"
#include "os/report.h"
#include "tools/stale.h"
#include "tools/verify_counts.h"
#include "tools/verify_ties.h"
#include "tools/walk.h"

static void verify_entry(const struct gc__heap *heap, uint32_t block) {
  const struct gc__block *facts = &heap->space.blocks[block];
  struct gc__block_entry entry = gc__entry_at(&heap->space, block);
  unsigned granules = entry.shape & GC__SHAPE_GRANULES;
  if (facts->state == GC__BLOCK_NONE) {
    gc__verify(granules == 0, "space.entry");
    return;
  }
  const struct gc__size_class *class = gc__block_class(heap, block);
  gc__verify(granules == class->cell_granules && entry.reciprocal == class->reciprocal, "space.entry");
  gc__verify(gc__entry_kind(entry) == facts->kind && facts->kind < GC__KIND_COUNT, "space.entry");
  gc__verify((facts->owner != 0) == (facts->state == GC__BLOCK_OWNED), "block.owner");
}

/* No byte but that of a cell's first granule is live. */
static void verify_live_bytes(const struct gc__heap *heap, uint32_t block) {
  unsigned granules = gc__entry_at(&heap->space, block).shape & GC__SHAPE_GRANULES;
  size_t first = gc__block_granule(&heap->space, block), count = gc__block_granules(&heap->space);
  if (!granules) return;
  for (size_t i = 0; i < count; i++) {
    bool is_first = i % granules == 0 && i + granules <= count;
    gc__verify(is_first || !gc__heap_is_old(heap, first + i), "space.live");
  }
}

static void verify_list(const struct gc__heap *heap, const uint32_t (*lists)[GC__CLASS_COUNT], unsigned kind,
                        unsigned size_class) {
  for (uint32_t block = lists[kind][size_class]; block != GC__NONE; block = heap->space.blocks[block].next) {
    const struct gc__block *facts = &heap->space.blocks[block];
    gc__verify(facts->state == GC__BLOCK_LISTED && facts->kind == kind && facts->size_class == size_class,
               "block.listed");
  }
}

static void verify_lists(const struct gc__heap *heap) {
  for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++)
    for (unsigned class = 0; class < GC__CLASS_COUNT; class ++) {
      for (unsigned tier = 0; tier < GC__TIER_COUNT; tier++) verify_list(heap, heap->available[tier], kind, class);
    }
}

static void verify_large(const struct gc__heap *heap, uint32_t list) {
  for (uint32_t first = list, before = GC__NONE; first != GC__NONE;
       before = first, first = heap->space.runs[first].next) {
    const struct gc__run *run = &heap->space.runs[first];
    gc__verify(run->state == GC__RUN_LARGE && run->before == before, "pages.heads");
    for (uint32_t page = first; page < first + run->page_count; page++)
      gc__verify(heap->space.run_heads[page] == first + 1 &&
                     gc__entry_at(&heap->space, gc__block_of_page(&heap->space, page)).shape == GC__SHAPE_PAGES,
                 "pages.heads");
  }
}

/* [log.covered]; a block without a live byte may be anything. */
static void verify_covered(const struct gc__heap *heap, uint32_t block) {
  const struct gc__block *facts = &heap->space.blocks[block];
  if (facts->state == GC__BLOCK_NONE || facts->kind == GC__KIND_LEAF || !gc__block_count_live(heap, block)) return;
  gc__verify(facts->is_open || gc__log_is_tracked(&heap->space, block), "log.covered");
}

static void verify_large_covered(const struct gc__heap *heap, uint32_t list) {
  for (uint32_t first = list; first != GC__NONE; first = heap->space.runs[first].next) {
    const struct gc__run *run = &heap->space.runs[first];
    if (run->kind == GC__KIND_LEAF || !gc__heap_is_old(heap, (size_t)first * GC__PAGE_GRANULES)) continue;
    if (run->is_guarded) continue; /* [guard.written] */
    for (uint32_t page = first; page < first + run->page_count; page++)
      gc__verify(gc__log_is_tracked(&heap->space, gc__block_of_page(&heap->space, page)), "log.covered");
  }
}

/* What a thread holds for its next allocations is young, zero and not live. */
static void verify_cursor(const struct gc__heap *heap, const struct gc__cursor *cursor) {
  for (size_t cell = cursor->next; cell != cursor->limit; cell += cursor->cell_bytes) {
    size_t granule = (cell - heap->space.base) / GC__GRANULE_BYTES;
    gc__verify(!gc__heap_is_old(heap, granule), "local.pending");
    gc__verify(gc__heap_is_given(heap, granule), "local.pending");
    for (size_t at = cell; at < cell + cursor->cell_bytes; at += sizeof(size_t))
      gc__verify(*(const size_t *)at == 0, "local.pending");
  }
  if (cursor->block == GC__NONE) return;
  gc__verify(heap->space.blocks[cursor->block].state == GC__BLOCK_OWNED, "block.owner");
}

void gc__verify_heap(struct gc__collector *collector) {
  const struct gc__heap *heap = &collector->heap;
  for (uint32_t block = 0; block < gc__block_count(&heap->space); block++) {
    verify_entry(heap, block);
    verify_live_bytes(heap, block);
  }
  verify_lists(heap);
  verify_large(heap, heap->large);
  verify_large(heap, heap->root_large);
  gc__pages_verify(&heap->pages);
  gc__guards_verify(&collector->heap);
  if (heap->swap.is_on) gc__swap_verify(heap);
  if (heap->log.is_on) {
    for (uint32_t block = 0; block < gc__block_count(&heap->space); block++) verify_covered(heap, block);
    verify_large_covered(heap, heap->large);
    verify_large_covered(heap, heap->root_large);
  }
  for (const struct gc__thread *thread = collector->world.first; thread; thread = thread->next)
    for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) verify_cursor(heap, &thread->local.cursors[i]);
  if (!heap->ties.young_count) gc__verify_ties(collector);
  if (gc__heap_has_counts(heap)) gc__verify_counts(collector);
}

/* ---- After a minor trace ---- */

GC__READS_ANYTHING static void verify_words(struct gc__collector *collector, struct gc__old_object object) {
  const struct gc__heap *heap = &collector->heap;
  const struct gc__space *space = &heap->space;
  const size_t *word = (const size_t *)(void *)gc__space_address(space, object.granule);
  for (const size_t *end = word + object.bytes / sizeof *word; word < end; word++) {
    size_t offset = *word - space->base;
    if (offset >= space->span_bytes || !gc__heap_declares(heap, (uintptr_t)word - space->base)) continue;
    size_t target = gc__space_granule_of(space, offset);
    if (target == SIZE_MAX || space->live[target] == heap->epoch || !gc__heap_is_given(heap, target)) continue;
    if (!collector->crew.trace.interior_in_heap && !gc__space_is_start(space, target, offset)) continue;
    gc__verify(gc__stale_has(collector, *word), "gen.closed");
  }
}

void gc__verify_trace(struct gc__collector *collector) {
  if (!collector->last.is_full) gc__each_old_object(collector, verify_words);
}

/* ---- Life ---- */

static void verify_stopped(struct gc__collector *collector) {
  gc__verify_heap(collector);
  gc__stale_fill(collector);
}

void gc__verify_open(struct gc__stale *stale, struct gc__collector *collector) {
  collector->inspect_traced = gc__verify_trace;
  collector->inspect_stopped = verify_stopped;
  if (!collector->heap.log.is_on) return;
  gc__stale_open(stale, collector);
  collector->verified = stale;
}
