/* heap/large.c - see large.h. */
#include "heap/large.h"
#include "base/check.h"
#include "heap/sweep.h"
#include "os/tsan.h"

#include <string.h>

static uint32_t *list_of(struct gc__heap *heap, enum gc__kind kind) {
  return kind == GC__KIND_ROOT ? &heap->root_large : &heap->large;
}

static void link_large(struct gc__heap *heap, uint32_t first) {
  struct gc__run *runs = heap->space.runs;
  uint32_t *list = list_of(heap, (enum gc__kind)runs[first].kind);
  runs[first].next = *list;
  runs[first].before = GC__NONE;
  if (*list != GC__NONE) runs[*list].before = first;
  *list = first;
}

static void unlink_large(struct gc__heap *heap, uint32_t first) {
  struct gc__run *runs = heap->space.runs, *run = &runs[first];
  if (run->next != GC__NONE) runs[run->next].before = run->before;
  if (run->before != GC__NONE) runs[run->before].next = run->next;
  else *list_of(heap, (enum gc__kind)run->kind) = run->next;
}

/* Names the run in the table of each of its pages, and makes words into its blocks look there. The stamp tells a minor
 * collection that there may be a young object. */
static void claim_pages(struct gc__heap *heap, uint32_t first, uint32_t page, uint32_t count) {
  struct gc__space *space = &heap->space;
  for (uint32_t i = page; i < page + count; i++) space->run_heads[i] = first + 1;
  size_t last_block = gc__block_of_page(space, page + count - 1);
  for (size_t block = gc__block_of_page(space, page); block <= last_block; block++)
    gc__entry_set(space, block, (struct gc__block_entry){.shape = GC__SHAPE_PAGES, .stamp = heap->stamp});
}

static void disclaim_pages(struct gc__heap *heap, uint32_t page, uint32_t count) {
  memset(&heap->space.run_heads[page], 0, count * sizeof heap->space.run_heads[0]);
}

/* Clean of false root words if that can be had without waste, then by growth, then by sweeping, then any. */
static struct gc__page_grant find_pages(struct gc__heap *heap, uint32_t count, uint32_t alignment_pages) {
  struct gc__page_grant grant = gc__pages_take(&heap->pages, count, alignment_pages, heap->black_epoch);
  while (grant.first == GC__NONE && gc__sweep_some(heap))
    grant = gc__pages_take(&heap->pages, count, alignment_pages, heap->black_epoch);
  size_t span_bytes = heap->space.span_bytes; /* as long, while all that came of it is that kept pages were let go */
  while (grant.first == GC__NONE && !grant.is_refused && heap->space.span_bytes == span_bytes &&
         gc__heap_grow(heap, count, alignment_pages))
    grant = gc__pages_take(&heap->pages, count, alignment_pages, heap->black_epoch);
  if (grant.first == GC__NONE) grant = gc__pages_take(&heap->pages, count, alignment_pages, 0);
  return grant;
}

struct gc__page_grant gc__large_find_pages(struct gc__heap *heap, uint32_t count, uint32_t alignment_pages) {
  struct gc__page_grant grant;
  do grant = find_pages(heap, count, alignment_pages);
  while (grant.first == GC__NONE && gc__sweep_await(heap));
  return grant;
}

void gc__large_adopt(struct gc__heap *heap, uint32_t first, struct gc__run run) {
  run.stamp = heap->stamp;
  run.state = GC__RUN_LARGE;
  heap->space.runs[first] = run;
  heap->space.live[(size_t)first * GC__PAGE_GRANULES] = 0;
  claim_pages(heap, first, first, run.page_count);
  link_large(heap, first);
}

char *gc__large_take(struct gc__heap *heap, size_t bytes, size_t alignment, enum gc__kind kind, unsigned layout,
                     bool *is_clean) {
  size_t alignment_pages = alignment > GC__PAGE_BYTES ? alignment / GC__PAGE_BYTES : 1;
  size_t most = heap->space.reserved_bytes / GC__PAGE_BYTES;
  if (bytes > heap->space.reserved_bytes || alignment_pages > most) return NULL;
  uint32_t count = (uint32_t)(gc__large_bytes(bytes) / GC__PAGE_BYTES);
  gc__lock_take(&heap->lock);
  struct gc__page_grant grant = gc__large_find_pages(heap, count, (uint32_t)alignment_pages);
  struct gc__range unopened = {0, 0};
  if (grant.first != GC__NONE) {
    unopened = gc__log_welcome(heap, grant.first, count);
    gc__large_adopt(heap, grant.first,
                    (struct gc__run){.page_count = count,
                                     .kind = (uint8_t)kind,
                                     .alignment_log2 = (uint8_t)gc__highest_bit(alignment),
                                     .layout = (uint16_t)layout});
  }
  gc__lock_give(&heap->lock);
  if (grant.first == GC__NONE) return NULL;
  gc__log_open_pages(heap, unopened);
  gc__tsan_acquire(&heap->sweep); /* [tsan.edges] */
  gc__word_add(&heap->handed_since_bytes, count * GC__PAGE_BYTES);
  gc__word_add(&heap->large_bytes, count * GC__PAGE_BYTES);
  gc__word_add(&heap->large_objects, 1);
  *is_clean = grant.dirty_pages == 0;
  return (char *)heap->space.base + (size_t)grant.first * GC__PAGE_BYTES;
}

/* Where counts are kept, the last pages of an old object cannot leave it while words that were counted may point there,
 * or while words in there were counted: [counts.tenant], [shadow.words]. */
static bool may_shorten(const struct gc__heap *heap, uint32_t first, size_t pages) {
  size_t granule = (size_t)first * GC__PAGE_GRANULES, tail = pages * GC__PAGE_BYTES;
  if (!gc__heap_has_counts(heap) || !gc__heap_is_old(heap, granule)) return true;
  size_t tail_bytes = (heap->space.runs[first].page_count - pages) * GC__PAGE_BYTES;
  return (gc__byte_peek(&heap->space.live[granule]) & GC__COUNT_MASK) == GC__COUNT_ZERO &&
         gc__shadow_is_zero(&heap->counts.shadow, granule + tail / GC__GRANULE_BYTES, tail_bytes);
}

bool gc__large_resize(struct gc__heap *heap, uint32_t first, size_t bytes) {
  size_t pages = gc__round_up(bytes, GC__PAGE_BYTES) / GC__PAGE_BYTES, dirty = 0;
  if (bytes <= heap->space.small_most_bytes || bytes > heap->space.reserved_bytes) return false;
  struct gc__run *run = &heap->space.runs[first];
  struct gc__range unopened = {0, 0};
  bool done = true;
  gc__lock_take(&heap->lock);
  uint32_t before = run->page_count, count = (uint32_t)pages;
  if (count < before) done = may_shorten(heap, first, pages);
  if (done && count < before) {
    disclaim_pages(heap, first + count, before - count);
    gc__pages_give(&heap->pages, first + count, before - count);
  } else if (count > before) {
    done = gc__pages_take_after(&heap->pages, first, before, count - before, &dirty);
    if (done) claim_pages(heap, first, first + before, count - before);
    if (done) unopened = gc__log_welcome(heap, first + before, count - before);
    if (done && run->kind != GC__KIND_LEAF && gc__heap_is_old(heap, (size_t)first * GC__PAGE_GRANULES))
      gc__log_cover(heap, first + before, count - before);
  }
  if (done && gc__heap_has_counts(heap) && gc__heap_is_old(heap, (size_t)first * GC__PAGE_GRANULES))
    gc__word_add(&heap->counts.old_bytes, ((size_t)count - before) * GC__PAGE_BYTES);
  if (done) run->page_count = count;
  gc__lock_give(&heap->lock);
  if (done && count > before) {
    gc__log_open_pages(heap, unopened);
    gc__tsan_acquire(&heap->sweep); /* [tsan.edges] */
    char *start = (char *)heap->space.base + ((size_t)first + before) * GC__PAGE_BYTES;
    if (dirty) memset(start, 0, (count - before) * GC__PAGE_BYTES);
    gc__word_add(&heap->handed_since_bytes, (count - before) * GC__PAGE_BYTES);
  }
  return done;
}

void gc__large_release(struct gc__heap *heap, uint32_t first) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  struct gc__run *run = &heap->space.runs[first];
  uint32_t count = run->page_count;
  GC__CHECK(run->state == GC__RUN_LARGE);
  unlink_large(heap, first);
  run->state = GC__RUN_NONE;
  heap->space.live[(size_t)first * GC__PAGE_GRANULES] = 0; /* [space.live]: the page may be inside a cell next */
  disclaim_pages(heap, first, count);
  gc__log_forget(heap, first, count);
  if (run->is_guarded || run->is_closed) gc__guard_end(heap, first);
  else gc__pages_give(&heap->pages, first, count);
}
