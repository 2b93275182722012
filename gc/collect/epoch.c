/* collect/epoch.c - the steps of an epoch, with the world stopped: what was written is compared with what was counted,
 * then whatever nothing counts and nothing pins is decided to be dead. Deciding comes last: before the increments of
 * all words are in, a count of 0 means nothing.
 *
 * [epoch.order] Written pages were read out and armed before anything here reads them (gc__roots_gather_written), and a
 * word is loaded once: what a system call that still runs writes meanwhile is found by the next epoch.
 */
#include "base/check.h"
#include "collect/cascade.h"
#include "heap/block.h"

/* ---- Pins ---- */

/* Bits of the bytes of one page that, masked, have that value: word i of the result for bytes [64 i, 64 i + 64). */
#define PAGE_BIT_WORDS (GC__PAGE_GRANULES / 64)

static bool unpin_page(void *argument, size_t granule) {
  struct gc__counting *counting = argument;
  uint8_t *live = counting->heap->space.live + granule;
  for (size_t at = 0; at < GC__PAGE_GRANULES; at += 64) {
    uint64_t pinned = gc__bytes_masked_equal(live + at, GC__COUNT_PINNED | GC__COUNT_MARKED, GC__COUNT_PINNED);
    for (; pinned; pinned &= pinned - 1) live[at + gc__lowest_bit(pinned)] &= (uint8_t)~GC__COUNT_PINNED;
  }
  return false;
}

static void pin_object(struct gc__counting *counting, size_t granule) {
  struct gc__counts *counts = &counting->heap->counts;
  uint8_t *live = &counting->heap->space.live[granule];
  if (!*live) {
    gc__counting_promote(counting, granule, GC__COUNT_ZERO);
    gc__page_set_add(&counts->sets[GC__SET_CANDIDATES], granule);
  }
  *live |= GC__COUNT_PINNED;
  gc__page_set_add(&counts->sets[GC__SET_PINNED], granule);
}

/* A root word may point inside an object, whatever words in objects may do, and one past its end. */
static void pin_word(struct gc__counting *counting, size_t word) {
  const struct gc__heap *heap = counting->heap;
  size_t granule = gc__counting_cell(counting, word);
  bool is_given = granule != GC__NO_OBJECT && gc__heap_is_given(heap, granule);
  if (is_given) pin_object(counting, granule);
  else if (granule != GC__NO_OBJECT) counting->figures.false_words++;
  if (word == heap->space.base || word % GC__GRANULE_BYTES) return;
  size_t before = gc__counting_cell(counting, word - 1);
  if (before != GC__NO_OBJECT && before != granule && gc__heap_is_given(heap, before)) pin_object(counting, before);
}

/* Old from their first stop on; they are no candidates. */
static void promote_root_object(struct gc__counting *counting, size_t granule) {
  if (!counting->heap->space.live[granule]) gc__counting_promote(counting, granule, GC__COUNT_ZERO);
}

/* ---- Words ---- */

/* One word less names what this one names. Within a stop nothing dies of it: others may still be counted. */
static void decrement(struct gc__counting *counting, size_t word) {
  struct gc__heap *heap = counting->heap;
  size_t granule = gc__counting_cell(counting, word);
  GC__CHECK(granule != GC__NO_OBJECT);
  uint8_t *live = &heap->space.live[granule], byte = *live;
  counting->figures.decrements++;
  GC__CHECK(byte && !gc__count_is_special(byte)); /* [counts.tenant] */
  if ((byte & GC__COUNT_MASK) == GC__COUNT_STUCK) return;
  GC__CHECK((byte & GC__COUNT_MASK) > GC__COUNT_ZERO); /* [count.exact] */
  *live = --byte;
  if ((byte & GC__COUNT_MASK) != GC__COUNT_ZERO) return;
  if ((byte & GC__STATE_MASK) == GC__STATE_KEPT) gc__counting_release(counting, granule);
  else if ((byte & GC__STATE_MASK) == GC__STATE_LIVE) gc__page_set_add(&heap->counts.sets[GC__SET_CANDIDATES], granule);
}

/* Makes [count.sync] true of a word whose value is not that of its shadow. */
static GC__NOINLINE void sync_changed(struct gc__counting *counting, size_t value, size_t *shadow) {
  size_t counted = *shadow, target = gc__counting_resolve(counting, value);
  if (counted) {
    decrement(counting, counted);
    *shadow = 0;
  }
  if (target != GC__NO_OBJECT) gc__counting_note(counting, shadow, value, target);
}

/* Most words are what they were, or no pointers and never were. */
static GC__INLINE bool is_changed(const struct gc__counting *counting, size_t value, size_t counted) {
  const struct gc__space *space = &counting->heap->space;
  return value != counted && (counted || value - space->base < space->span_bytes);
}

GC__UNINSTRUMENTED static void sync_words(struct gc__counting *counting, const char *start, size_t bytes) {
  const struct gc__shadow *table = &counting->heap->counts.shadow;
  for (const volatile size_t *word = (const volatile size_t *)(const void *)start, *end = word + bytes / sizeof *word;
       word < end; word++) {
    size_t value = *word, *shadow = gc__shadow_at(table, (const void *)word);
    if (is_changed(counting, value, *shadow)) sync_changed(counting, value, shadow);
  }
}

static void sync_object(struct gc__counting *counting, size_t granule) {
  struct gc__place place = gc__counting_place(counting, granule);
  sync_words(counting, gc__space_address(&counting->heap->space, granule), place.bytes);
}

/* ---- What was written ---- */

/* Words are looked at before the object that they lie in, which may begin on the page before. */
GC__UNINSTRUMENTED static void sync_written_cells(struct gc__counting *counting, struct gc__range range) {
  const struct gc__space *space = &counting->heap->space;
  const struct gc__shadow *table = &counting->heap->counts.shadow;
  for (const volatile size_t *word = (const volatile size_t *)range.start; word < (const volatile size_t *)range.end;
       word++) {
    size_t value = *word, *shadow = gc__shadow_at(table, (const void *)word);
    if (GC__LIKELY(!is_changed(counting, value, *shadow))) continue;
    size_t granule = gc__space_granule_of(space, (uintptr_t)word - space->base);
    if (granule != GC__NO_OBJECT && gc__count_is_live(space->live[granule])) sync_changed(counting, value, shadow);
  }
}

static void sync_written_runs(struct gc__counting *counting, struct gc__range range) {
  const struct gc__space *space = &counting->heap->space;
  for (uintptr_t at = range.start, end; at < range.end; at = end) {
    size_t offset = at - space->base;
    end = space->base + gc__round_down(offset, GC__PAGE_BYTES) + GC__PAGE_BYTES;
    if (end > range.end) end = range.end;
    size_t granule = gc__space_granule_of(space, offset);
    if (granule == GC__NO_OBJECT || !gc__count_is_live(space->live[granule])) continue;
    if (space->runs[granule / GC__PAGE_GRANULES].kind != GC__KIND_LEAF)
      sync_words(counting, (const char *)at, end - at);
  }
}

static void sync_written(struct gc__counting *counting, struct gc__range range) {
  const struct gc__space *space = &counting->heap->space;
  while (range.start < range.end) {
    size_t block = (range.start - space->base) >> GC__BLOCK_LOG2;
    struct gc__block_entry entry = gc__entry_at(space, block);
    uintptr_t end = space->base + (block + 1) * GC__BLOCK_BYTES;
    struct gc__range part = {range.start, end < range.end ? end : range.end};
    if (entry.shape & GC__SHAPE_PAGES) sync_written_runs(counting, part);
    else if ((entry.shape & GC__SHAPE_GRANULES) && gc__entry_kind(entry) != GC__KIND_LEAF)
      sync_written_cells(counting, part);
    range.start = part.end;
  }
}

/* The old cells of an open block. */
static void sync_open(struct gc__counting *counting, struct gc__range range) {
  const struct gc__space *space = &counting->heap->space;
  size_t first = (range.start - space->base) / GC__GRANULE_BYTES, end = (range.end - space->base) / GC__GRANULE_BYTES;
  struct gc__block_entry entry = gc__entry_at(space, first / GC__BLOCK_GRANULES);
  size_t bytes = (entry.shape & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
  for (size_t at = first; at < end; at += 64)
    for (uint64_t old = ~gc__bytes_equal(space->live + at, 0); old; old &= old - 1) {
      size_t granule = at + gc__lowest_bit(old);
      if (gc__count_is_live(space->live[granule])) sync_words(counting, gc__space_address(space, granule), bytes);
    }
}

static void sync_all_written(struct gc__counting *counting, const struct gc__roots *roots) {
  const struct gc__root_range *list = gc__roots_list(roots);
  for (size_t i = 0; i < roots->count; i++) {
    if (list[i].source == GC__ROOT_WRITTEN) sync_written(counting, list[i].range);
    if (list[i].source == GC__ROOT_OPEN) sync_open(counting, list[i].range);
  }
}

/* ---- Promoted objects ---- */

/* Objects of a page for which the stack had no room. Syncing others of that page again changes nothing. */
static bool sync_page(void *argument, size_t granule) {
  struct gc__counting *counting = argument;
  const uint8_t *live = counting->heap->space.live + granule;
  for (size_t at = 0; at < GC__PAGE_GRANULES; at += 64)
    for (uint64_t old = ~gc__bytes_equal(live + at, 0); old; old &= old - 1) {
      size_t object = granule + at + gc__lowest_bit(old);
      if (!gc__count_is_live(counting->heap->space.live[object])) continue;
      if (gc__counting_place(counting, object).kind != GC__KIND_LEAF) sync_object(counting, object);
    }
  return false;
}

static void drain_promoted(struct gc__counting *counting) {
  struct gc__page_set *unsynced = &counting->heap->counts.sets[GC__SET_UNSYNCED];
  for (;;) {
    while (counting->promoted.count) sync_object(counting, counting->promoted.items[--counting->promoted.count]);
    if (!unsynced->count) return;
    gc__page_set_take(unsynced, sync_page, counting);
  }
}

/* ---- Deaths ---- */

/* Takes back all that an object counts, at once. */
static void consume_object(struct gc__counting *counting, size_t granule) {
  struct gc__shadow *table = &counting->heap->counts.shadow;
  struct gc__place place = gc__counting_place(counting, granule);
  size_t at = granule * GC__GRANULE_BYTES, end = at + place.bytes;
  if (place.kind == GC__KIND_LEAF) return;
  for (; at < end; at += sizeof(size_t)) {
    if (!gc__shadow_has(table, at / GC__PAGE_BYTES)) {
      at = gc__round_down(at, GC__PAGE_BYTES) + GC__PAGE_BYTES - sizeof(size_t);
      continue;
    }
    size_t *shadow = (size_t *)(void *)(table->start + at), value = *shadow;
    *shadow = 0;
    if (value) decrement(counting, value);
  }
}

/* What was freed by hand: what it counted may have been loaded from it just before, so that this waited for the pins
 * of a stop. While others count it, the cell stays. */
static bool settle_freed(void *argument, size_t granule) {
  struct gc__counting *counting = argument;
  uint8_t *live = counting->heap->space.live + granule;
  for (size_t at = 0; at < GC__PAGE_GRANULES; at += 64) {
    uint64_t freed = gc__bytes_masked_equal(live + at, GC__STATE_MASK | GC__COUNT_MARKED, GC__STATE_FREED);
    for (; freed; freed &= freed - 1) {
      size_t bit = at + gc__lowest_bit(freed);
      consume_object(counting, granule + bit);
      if ((live[bit] & GC__COUNT_MASK) == GC__COUNT_ZERO) {
        counting->figures.counted_objects++;
        counting->figures.counted_bytes += gc__counting_place(counting, granule + bit).bytes;
        gc__counting_release(counting, granule + bit);
      } else {
        live[bit] = (uint8_t)(live[bit] & GC__COUNT_MASK) | GC__STATE_KEPT;
      }
    }
  }
  return false;
}

/* Whether a page still has candidates: pinned ones, and what found no room among the dying. */
static bool decide_page(void *argument, size_t granule) {
  struct gc__counting *counting = argument;
  struct gc__heap *heap = counting->heap;
  uint8_t *live = heap->space.live + granule;
  bool stays = false;
  for (size_t at = 0; at < GC__PAGE_GRANULES; at += 64) {
    stays |= gc__bytes_equal(live + at, GC__COUNT_ZERO | GC__COUNT_PINNED) != 0;
    uint64_t zero = gc__bytes_equal(live + at, GC__COUNT_ZERO);
    for (; zero; zero &= zero - 1) {
      size_t bit = at + gc__lowest_bit(zero);
      if (gc__counting_place(counting, granule + bit).kind == GC__KIND_ROOT) continue;
      live[bit] = GC__COUNT_ZERO | GC__STATE_DYING;
      if (gc__cascade_add(counting, granule + bit)) continue;
      live[bit] = GC__COUNT_ZERO;
      stays = true;
    }
  }
  return stays;
}

void gc__counting_run_epoch(struct gc__counting *counting, const struct gc__roots *roots) {
  struct gc__page_set *sets = counting->heap->counts.sets;
  counting->figures.false_words = 0;
  gc__page_set_take(&sets[GC__SET_PINNED], unpin_page, counting);
  gc__counting_each_root(counting, roots, pin_word);
  gc__counting_each_root_object(counting, false, promote_root_object);
  sync_all_written(counting, roots);
  drain_promoted(counting);
  gc__page_set_take(&sets[GC__SET_FREED], settle_freed, counting);
  gc__page_set_take(&sets[GC__SET_CANDIDATES], decide_page, counting);
}
