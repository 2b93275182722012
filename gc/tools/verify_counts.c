/* tools/verify_counts.c - see verify_counts.h. The invariants are stated in heap/counts.h, heap/shadow.h and
 * collect/counting.h. */
#include "tools/verify_counts.h"
#include "heap/block.h"
#include "os/report.h"
#include "tools/stale.h"

struct counts_check {
  const struct gc__collector *collector;
  const struct gc__counting *counting;
  uint32_t *seen; /* a granule: shadow words that name the object there */
  size_t old_bytes;
};

static uint8_t byte_at(const struct counts_check *check, size_t granule) {
  return check->counting->heap->space.live[granule];
}

/* A thread may have been stopped between a store and its mark: [store.order] in gc/store.c. */
static bool has_cards(const struct counts_check *check) {
  return check->counting->heap->log.has_cards;
}

/* ---- Every cell and run ---- */

static void each_place(struct counts_check *check, void (*fn)(struct counts_check *, size_t, struct gc__place)) {
  const struct gc__heap *heap = check->counting->heap;
  for (uint32_t block = 0; block < gc__block_count(&heap->space); block++) {
    if (heap->space.blocks[block].state == GC__BLOCK_NONE) continue;
    const struct gc__size_class *class = gc__block_class(heap, block);
    size_t granule = gc__block_granule(&heap->space, block);
    unsigned cell_count = gc__block_cells(&heap->space, class);
    for (unsigned cell = 0; cell < cell_count; cell++, granule += class->cell_granules)
      fn(check, granule, gc__counting_place(check->counting, granule));
  }
  const uint32_t lists[] = {heap->large, heap->root_large};
  for (unsigned i = 0; i < 2; i++)
    for (uint32_t first = lists[i]; first != GC__NONE; first = heap->space.runs[first].next) {
      size_t granule = (size_t)first * GC__PAGE_GRANULES;
      fn(check, granule, gc__counting_place(check->counting, granule));
    }
}

/* ---- Words ---- */

/* Whether an object may have words in the shadow: [shadow.zero]. */
static bool may_count(uint8_t byte, enum gc__kind kind) {
  if (kind == GC__KIND_LEAF || !byte || gc__count_is_special(byte)) return false;
  return (byte & GC__STATE_MASK) != GC__STATE_KEPT;
}

static void see_word(struct counts_check *check, size_t value, bool is_live, size_t memory, bool is_declared) {
  const struct gc__counting *counting = check->counting;
  if (value) {
    size_t target = gc__counting_cell(counting, value);
    gc__verify(is_declared, "layout.words");
    gc__verify(target != GC__NO_OBJECT, "counts.tenant");
    gc__verify(byte_at(check, target) && !gc__count_is_special(byte_at(check, target)), "counts.tenant");
    check->seen[target]++;
    gc__verify(!is_live || value == memory || has_cards(check), "count.sync");
  } else if (is_live && !has_cards(check)) {
    size_t target = gc__counting_cell(counting, memory);
    if (target == GC__NO_OBJECT || !gc__count_is_live(byte_at(check, target))) return;
    bool is_start = gc__space_is_start(&counting->heap->space, target, memory - counting->heap->space.base);
    bool is_stuck = (byte_at(check, target) & GC__COUNT_MASK) == GC__COUNT_STUCK; /* the shadow had no memory */
    if (is_stuck || !is_declared || (!counting->interior_in_heap && !is_start)) return;
    gc__verify(gc__stale_has(check->collector, memory), "count.sync");
  }
}

GC__UNINSTRUMENTED static void see_words(struct counts_check *check, size_t granule, struct gc__place place) {
  const struct gc__heap *heap = check->counting->heap;
  uint8_t byte = byte_at(check, granule);
  if (byte && !gc__count_is_special(byte)) check->old_bytes += place.bytes;
  if (!may_count(byte, place.kind)) {
    gc__verify(gc__shadow_is_zero(&heap->counts.shadow, granule, place.bytes), "shadow.zero");
    return;
  }
  bool is_live = gc__count_is_live(byte);
  const volatile size_t *word = (const volatile size_t *)(const void *)gc__space_address(&heap->space, granule);
  for (const volatile size_t *end = word + place.bytes / sizeof *word; word < end; word++) {
    bool has_shadow = gc__shadow_has(&heap->counts.shadow, ((uintptr_t)word - heap->space.base) / GC__PAGE_BYTES);
    see_word(check, has_shadow ? *gc__shadow_at(&heap->counts.shadow, (const void *)word) : 0, is_live,
             is_live ? *word : 0, gc__heap_declares(heap, (uintptr_t)word - heap->space.base));
  }
}

/* ---- Counts ---- */

static void compare_count(struct counts_check *check, size_t granule, struct gc__place place) {
  const struct gc__counts *counts = &check->counting->heap->counts;
  uint8_t byte = byte_at(check, granule);
  if (gc__count_is_special(byte)) return;
  unsigned count = byte & GC__COUNT_MASK;
  if (!byte) {
    gc__verify(!check->seen[granule], "counts.tenant");
    return;
  }
  gc__verify(count != 0 && !(byte & GC__COUNT_MARKED), "counts.byte");
  gc__verify(count == GC__COUNT_STUCK || count - GC__COUNT_ZERO == check->seen[granule], "count.exact");
  gc__verify((byte & GC__STATE_MASK) != GC__STATE_FREED, "counts.byte"); /* the stop settled it */
  gc__verify((byte & GC__STATE_MASK) != GC__STATE_DYING || count == GC__COUNT_ZERO, "count.death");
  if (byte & GC__COUNT_PINNED) gc__verify(gc__page_set_has(&counts->sets[GC__SET_PINNED], granule), "count.pins");
  if (!gc__count_is_live(byte) || count != GC__COUNT_ZERO || place.kind == GC__KIND_ROOT) return;
  gc__verify(gc__page_set_has(&counts->sets[GC__SET_CANDIDATES], granule), "count.zero");
}

static void verify_sets(const struct gc__counts *counts) {
  gc__verify(!counts->sets[GC__SET_FREED].count && !counts->sets[GC__SET_UNSYNCED].count, "pageset.room");
  for (unsigned i = 0; i < GC__SET_COUNT; i++)
    for (uint32_t at = 0; at < counts->sets[i].count; at++)
      gc__verify(counts->sets[i].masks[counts->sets[i].blocks[at]] != 0, "pageset.room");
}

/* [ties.counted] */
static void see_ties(struct counts_check *check) {
  const struct gc__ties *ties = &check->counting->heap->ties;
  for (uint32_t number = 1; number < ties->count; number++) {
    const struct gc__tie *tie = gc__tie_at(ties, number);
    if (tie->is_counted) check->seen[gc__counting_cell(check->counting, tie->value)]++;
    if (tie->counts_object) check->seen[tie->granule]++;
  }
}

void gc__verify_counts(struct gc__collector *collector) {
  const struct gc__heap *heap = &collector->heap;
  struct counts_check check = {.collector = collector, .counting = &collector->counting};
  size_t bytes = gc__round_up(heap->space.span_bytes / GC__GRANULE_BYTES * sizeof(uint32_t), GC__HUGE_PAGE_BYTES);
  if (!bytes) return;
  verify_sets(&heap->counts);
  check.seen = gc__os_reserve(bytes, GC__HUGE_PAGE_BYTES);
  if (!check.seen) return;
  if (gc__os_commit(check.seen, bytes)) {
    each_place(&check, see_words);
    see_ties(&check);
    each_place(&check, compare_count);
    gc__verify(check.old_bytes == gc__word_peek(&heap->counts.old_bytes), "counts.old_bytes");
  }
  gc__os_release(check.seen, bytes);
}
