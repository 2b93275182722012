/* collect/epoch.c - the steps of an epoch, with the world stopped: what was written is compared with what was counted,
 * then whatever nothing counts and nothing pins is decided to be dead. Deciding comes last: before the increments of
 * all words are in, a count of 0 means nothing.
 *
 * [epoch.fresh] An object that is promoted in a stop is synced once, from the stack of promoted ones: what was written
 * is looked at in old objects only, not in those that the same stop has just made old. So its shadow is 0 until then
 * ([shadow.zero]), and is written without being read: waiting for that line was half of the time of an epoch in which
 * many objects survive. Where the stack had no room objects are found again by their pages, perhaps twice; from then on
 * shadows are read.
 *
 * [epoch.order] Written pages were read out and armed before anything here reads them (gc__roots_gather_written), and a
 * word is loaded once: what a system call that still runs writes meanwhile is found by the next epoch.
 */
#include "base/check.h"
#include "collect/cascade.h"
#include "collect/weak.h"
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

/* Makes [count.sync] true of a word whose value is not that of its shadow. */
static GC__NOINLINE void sync_changed(struct gc__counting *counting, size_t value, size_t *shadow) {
  size_t counted = gc__shadow_value(&counting->heap->counts.shadow, shadow);
  size_t target = gc__counting_resolve(counting, value);
  size_t offset = (uintptr_t)shadow - (uintptr_t)counting->heap->counts.shadow.start;
  if (!gc__heap_declares(counting->heap, offset)) target = GC__NO_OBJECT;
  if (counted) {
    gc__counting_decrement(counting, counted);
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
    if (is_changed(counting, value, gc__shadow_value(table, shadow))) sync_changed(counting, value, shadow);
  }
}

static void sync_object(struct gc__counting *counting, size_t granule) {
  struct gc__place place = gc__counting_place(counting, granule);
  sync_words(counting, gc__space_address(&counting->heap->space, granule), place.bytes);
}

/* ---- What was written ---- */

/* Words that changed wait until the bytes of what they name and named have come. */
#define CHANGES_MOST 32u

struct changes {
  uintptr_t ahead; /* where the next range begins */
  unsigned count;
  struct {
    size_t *shadow, value;
  } items[CHANGES_MOST];
};

static void sync_changes(struct gc__counting *counting, struct changes *changes) {
  for (unsigned i = 0; i < changes->count; i++) {
    size_t *shadow = changes->items[i].shadow, value = changes->items[i].value;
    if (gc__shadow_value(&counting->heap->counts.shadow, shadow) != value) sync_changed(counting, value, shadow);
  }
  changes->count = 0;
}

static GC__INLINE void prefetch_target(const struct gc__counting *counting, size_t word) {
  size_t granule = gc__counting_cell(counting, word);
  if (granule != GC__NO_OBJECT) GC__PREFETCH(&counting->heap->space.live[granule]);
}

static void add_change(struct gc__counting *counting, struct changes *changes, size_t value, size_t *shadow,
                       size_t counted) {
  prefetch_target(counting, value);
  if (counted) prefetch_target(counting, counted);
  if (changes->count == CHANGES_MOST) sync_changes(counting, changes);
  changes->items[changes->count].shadow = shadow;
  changes->items[changes->count++].value = value;
}

GC__UNINSTRUMENTED static void sync_old_words(struct gc__counting *counting, struct changes *changes, const char *start,
                                              size_t bytes) {
  const struct gc__shadow *table = &counting->heap->counts.shadow;
  for (const volatile size_t *word = (const volatile size_t *)(const void *)start, *end = word + bytes / sizeof *word;
       word < end; word++) {
    size_t value = *word, *shadow = gc__shadow_at(table, (const void *)word), counted = gc__shadow_value(table, shadow);
    if (is_changed(counting, value, counted)) add_change(counting, changes, value, shadow, counted);
  }
}

/* [epoch.fresh] */
static GC__INLINE bool is_old_before(const struct gc__counting *counting, size_t granule) {
  return gc__count_is_live(counting->heap->space.live[granule]) && !gc__heap_is_young(counting->heap, granule);
}

#define CACHE_LINE_BYTES ((size_t)64)

static const size_t no_words[CACHE_LINE_BYTES / sizeof(size_t)];

/* Words are looked at before the object that they lie in, which may begin on the page before. */
static GC__INLINE void sync_line(struct gc__counting *counting, struct changes *changes, const char *line) {
  const struct gc__space *space = &counting->heap->space;
  const struct gc__shadow *table = &counting->heap->counts.shadow;
  size_t *shadow = gc__shadow_at(table, line);
  bool has_shadow = gc__shadow_has(table, ((uintptr_t)line - space->base) / GC__PAGE_BYTES);
  const size_t *counted = has_shadow ? shadow : no_words;
  const volatile size_t *word = (const volatile size_t *)(const void *)line;
  for (unsigned i = 0; i < CACHE_LINE_BYTES / sizeof *word; i++) {
    size_t value = word[i];
    if (GC__LIKELY(!is_changed(counting, value, counted[i]))) continue;
    size_t granule = gc__space_granule_of(space, (uintptr_t)(word + i) - space->base);
    if (granule != GC__NO_OBJECT && is_old_before(counting, granule))
      add_change(counting, changes, value, shadow + i, counted[i]);
  }
}

/* While one page is looked at, the same line of the next one is asked for: pages are scattered. Ranges begin and end at
 * cards. */
GC__UNINSTRUMENTED static void sync_written_cells(struct gc__counting *counting, struct changes *changes,
                                                  struct gc__range range) {
  const struct gc__shadow *table = &counting->heap->counts.shadow;
  for (uintptr_t line = range.start; line < range.end; line += CACHE_LINE_BYTES) {
    uintptr_t next = line + GC__PAGE_BYTES < range.end ? line + GC__PAGE_BYTES : changes->ahead + line % GC__PAGE_BYTES;
    GC__PREFETCH((const char *)next);
    GC__PREFETCH(gc__shadow_at(table, (const void *)next));
    sync_line(counting, changes, (const char *)line);
  }
}
_Static_assert(GC__CARD_BYTES % CACHE_LINE_BYTES == 0, "ranges are whole lines");

static void sync_written_runs(struct gc__counting *counting, struct changes *changes, struct gc__range range) {
  const struct gc__space *space = &counting->heap->space;
  for (uintptr_t at = range.start, end; at < range.end; at = end) {
    size_t offset = at - space->base;
    end = space->base + gc__round_down(offset, GC__PAGE_BYTES) + GC__PAGE_BYTES;
    if (end > range.end) end = range.end;
    size_t granule = gc__space_granule_of(space, offset);
    if (granule == GC__NO_OBJECT || !is_old_before(counting, granule)) continue;
    if (space->runs[granule / GC__PAGE_GRANULES].kind != GC__KIND_LEAF)
      sync_old_words(counting, changes, (const char *)at, end - at);
  }
}

static void sync_written(struct gc__counting *counting, struct changes *changes, struct gc__range range) {
  const struct gc__space *space = &counting->heap->space;
  while (range.start < range.end) {
    size_t block = gc__block_at(space, range.start - space->base);
    struct gc__block_entry entry = gc__entry_at(space, block);
    uintptr_t end = space->base + gc__block_offset(space, block + 1);
    struct gc__range part = {range.start, end < range.end ? end : range.end};
    if (entry.shape & GC__SHAPE_PAGES) sync_written_runs(counting, changes, part);
    else if ((entry.shape & GC__SHAPE_GRANULES) && gc__entry_kind(entry) != GC__KIND_LEAF)
      sync_written_cells(counting, changes, part);
    range.start = part.end;
  }
}

/* The old cells of an open block. */
static void sync_open(struct gc__counting *counting, struct changes *changes, struct gc__range range) {
  const struct gc__space *space = &counting->heap->space;
  size_t first = (range.start - space->base) / GC__GRANULE_BYTES, end = (range.end - space->base) / GC__GRANULE_BYTES;
  struct gc__block_entry entry = gc__entry_at(space, gc__block_of(space, first));
  size_t bytes = (entry.shape & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
  uint64_t is_stamped = entry.stamp == counting->heap->stamp ? ~UINT64_C(0) : 0;
  for (size_t at = first; at < end; at += 64)
    for (uint64_t old = ~gc__bytes_equal(space->live + at, 0) & ~(space->young[at / 64] & is_stamped); old;
         old &= old - 1) {
      size_t granule = at + gc__lowest_bit(old);
      if (gc__count_is_live(space->live[granule]))
        sync_old_words(counting, changes, gc__space_address(space, granule), bytes);
    }
}

static void sync_all_written(struct gc__counting *counting, const struct gc__roots *roots) {
  const struct gc__root_range *list = gc__roots_list(roots);
  struct changes changes = {.count = 0};
  for (size_t i = 0; i < roots->count; i++) {
    changes.ahead = list[i + 1 < roots->count ? i + 1 : i].range.start;
    if (list[i].source == GC__ROOT_WRITTEN) sync_written(counting, &changes, list[i].range);
    if (list[i].source == GC__ROOT_OPEN) sync_open(counting, &changes, list[i].range);
  }
  sync_changes(counting, &changes);
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

/* What the loop below holds in registers, as a marker does (collect/trace.c). Between open_counts_view and
 * close_counts_view the counting's own fields are stale. */
struct counts_view {
  size_t base, span_bytes, shadow_minus_heap;
  uint8_t *live;
  const struct gc__block_entry *entries;
  const uint64_t *young;
  const uint64_t *shadow_pages;
  size_t *items, top, room;
  size_t increments, objects, granules;
  uint16_t stamp;
  uint8_t block_log2;
  bool interior_in_heap;
};

static GC__INLINE struct counts_view open_counts_view(const struct gc__counting *counting) {
  const struct gc__heap *heap = counting->heap;
  struct counts_view view;
  view.base = heap->space.base;
  view.span_bytes = heap->space.span_bytes;
  view.shadow_minus_heap = heap->counts.shadow.minus_heap;
  view.live = heap->space.live;
  view.entries = (const struct gc__block_entry *)(const void *)(size_t)heap->space.entries;
  view.young = heap->space.young;
  view.block_log2 = heap->space.block_log2;
  view.shadow_pages = heap->counts.shadow.pages;
  view.items = counting->promoted.items;
  view.top = counting->promoted.count;
  view.room = counting->promoted.room;
  view.increments = view.objects = view.granules = 0;
  view.stamp = heap->stamp;
  view.interior_in_heap = counting->interior_in_heap;
  return view;
}

static GC__INLINE void close_counts_view(const struct counts_view *view, struct gc__counting *counting) {
  struct gc__counts *counts = &counting->heap->counts;
  size_t bytes = view->granules * GC__GRANULE_BYTES;
  counting->promoted.count = view->top;
  counting->figures.increments += view->increments;
  counting->figures.promoted_objects += view->objects;
  counting->figures.promoted_bytes += bytes;
  gc__word_poke(&counts->old_bytes, counts->old_bytes + bytes);
}

/* Whatever is not worth a place in the loop: large targets, counts that become stuck, a shadow without memory, a full
 * stack. */
static GC__NOINLINE void count_rarely(struct gc__counting *counting, struct counts_view *view, size_t value,
                                      size_t *shadow) {
  close_counts_view(view, counting);
  sync_changed(counting, value, shadow);
  *view = open_counts_view(counting);
}

/* A word that leads into the heap, of an object that was young: its shadow is 0, or, if that is not sure, it was synced
 * in this stop. */
static GC__INLINE void count_word(struct gc__counting *counting, struct counts_view *view, uintptr_t word, size_t value,
                                  bool is_fresh) {
  size_t *shadow = (size_t *)(word + view->shadow_minus_heap), page = (word - view->base) >> GC__PAGE_LOG2;
  bool has_shadow = view->shadow_pages[page / 64] >> page % 64 & 1;
  GC__CHECK(!is_fresh || !has_shadow || !*shadow); /* [epoch.fresh] */
  size_t counted = !is_fresh && GC__LIKELY(has_shadow) ? *shadow : 0;
  if (counted == value) return;
  size_t offset = value - view->base, block = offset >> view->block_log2;
  const struct gc__block_entry *entry = &view->entries[block];
  size_t shape = entry->shape, cell_granules = shape & GC__SHAPE_GRANULES;
  size_t target = offset >> GC__GRANULE_LOG2, start = block << (view->block_log2 - GC__GRANULE_LOG2);
  size_t first = gc__cell_of((unsigned)(target - start), entry->reciprocal) * cell_granules;
  size_t granule = start + first;
  uint8_t byte = view->live[granule], count = byte & GC__COUNT_MASK;
  bool is_rare = !cell_granules || counted || !has_shadow || count == GC__COUNT_STUCK - 1 || view->top == view->room ||
                 !view->interior_in_heap;
  if (GC__UNLIKELY(is_rare)) {
    count_rarely(counting, view, value, shadow);
    return;
  }
  if (byte) {
    if (GC__UNLIKELY(byte & GC__STATE_MASK)) return;
    *shadow = value;
    view->increments++;
    if (GC__LIKELY(count != GC__COUNT_STUCK)) view->live[granule] = (uint8_t)(byte + 1);
    return;
  }
  if (entry->stamp != view->stamp || !(view->young[granule / 64] >> granule % 64 & 1)) return;
  *shadow = value;
  view->live[granule] = GC__COUNT_ZERO + 1;
  view->increments++;
  view->objects++;
  view->granules += cell_granules;
  if (shape >> GC__SHAPE_KIND_LOG2 == GC__KIND_LEAF) return;
  view->items[view->top++] =
      gc__object_ref(granule, shape >> GC__SHAPE_KIND_LOG2 == GC__KIND_TYPED ? 0 : cell_granules);
}

static GC__INLINE void consider_word(struct gc__counting *counting, struct counts_view *view, uintptr_t word,
                                     bool is_fresh) {
  size_t value = *(const volatile size_t *)word;
  if (GC__UNLIKELY(value - view->base < view->span_bytes)) count_word(counting, view, word, value, is_fresh);
}

static GC__INLINE void count_object(struct gc__counting *counting, struct counts_view *view, size_t ref,
                                    bool is_fresh) {
  size_t granule = gc__object_granule(ref), bytes = (ref & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
  if (GC__UNLIKELY(!bytes)) {
    struct gc__place place = gc__counting_place(counting, granule);
    bytes = place.bytes;
    if (place.kind == GC__KIND_TYPED) {
      close_counts_view(view, counting);
      sync_object(counting, granule);
      *view = open_counts_view(counting);
      return;
    }
  }
  uintptr_t word = view->base + granule * GC__GRANULE_BYTES;
  for (uintptr_t end = word + bytes; word < end; word += GC__GRANULE_BYTES) {
    consider_word(counting, view, word, is_fresh);
    consider_word(counting, view, word + sizeof(size_t), is_fresh);
  }
}

/* Objects wait in a queue until the lines of their words and their shadow have come (Cher, Hosking and Vijaykumar,
 * 2004): three quarters of an epoch's time went into waiting for these. A list has one object at a time in the queue,
 * and stores to its shadow waited as before; since what survives was mostly allocated in a row, the shadow on both
 * sides is asked for, too (epochs in which 100,000 nodes of rings survive: 3.7 ms without this and [epoch.fresh], 2.8
 * without this, 1.8 with both). */
#define PROMOTED_QUEUE     32u
#define SHADOW_AHEAD_BYTES 512

static GC__INLINE void ask_for(const struct counts_view *view, uintptr_t object) {
  const char *shadow = (const char *)(object + view->shadow_minus_heap);
  GC__PREFETCH((const char *)object);
  GC__PREFETCH(shadow);
  GC__PREFETCH(shadow + SHADOW_AHEAD_BYTES);
  GC__PREFETCH(shadow - SHADOW_AHEAD_BYTES);
}

static GC__INLINE void drain_stack(struct gc__counting *counting, bool is_fresh) {
  struct counts_view view = open_counts_view(counting);
  size_t queue[PROMOTED_QUEUE], oldest = 0, count = 0;
  for (;;) {
    for (; count < PROMOTED_QUEUE && view.top; count++) {
      size_t ref = view.items[--view.top];
      ask_for(&view, view.base + gc__object_granule(ref) * GC__GRANULE_BYTES);
      queue[(oldest + count) % PROMOTED_QUEUE] = ref;
    }
    if (!count) break;
    size_t ref = queue[oldest];
    oldest = (oldest + 1) % PROMOTED_QUEUE;
    count--;
    count_object(counting, &view, ref, is_fresh);
  }
  close_counts_view(&view, counting);
}

GC__UNINSTRUMENTED static GC__NOINLINE void drain_fresh(struct gc__counting *counting) {
  drain_stack(counting, true);
}
GC__UNINSTRUMENTED static GC__NOINLINE void drain_again(struct gc__counting *counting) {
  drain_stack(counting, false);
}

static void drain_promoted(struct gc__counting *counting) {
  struct gc__page_set *unsynced = &counting->heap->counts.sets[GC__SET_UNSYNCED];
  for (;;) {
    if (counting->has_overflowed) drain_again(counting);
    else drain_fresh(counting);
    if (!unsynced->count) return;
    counting->has_overflowed = true;
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
    if (value) gc__counting_decrement(counting, value);
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
        struct gc__place place = gc__counting_place(counting, granule + bit);
        counting->figures.counted_objects++;
        counting->figures.counted_bytes += place.bytes;
        gc__counting_release(counting, place);
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
      if (gc__ties_has(&heap->ties, granule + bit) && !gc__weak_decide(heap, granule + bit, &counting->decided_count))
        continue; /* counted soon, by the queue of finalizers */
      live[bit] = GC__COUNT_ZERO | GC__STATE_DYING;
      if (gc__cascade_add(counting, granule + bit)) continue;
      live[bit] = GC__COUNT_ZERO;
      stays = true;
    }
  }
  return stays;
}

/* ---- Ties: collect/weak.h ---- */

static bool is_counted_object(void *context, size_t granule) {
  const struct gc__counting *counting = context;
  return gc__count_is_live(counting->heap->space.live[granule]);
}

static bool count_tied_word(void *context, size_t word, bool is_counted) {
  struct gc__counting *counting = context;
  if (is_counted) return true;
  size_t granule = gc__counting_cell(counting, word);
  if (granule == GC__NO_OBJECT || !gc__heap_is_given(counting->heap, granule)) return false;
  gc__counting_increment(counting, granule);
  drain_promoted(counting);
  return true;
}

static void take_back_word(void *context, size_t word) {
  gc__counting_decrement(context, word);
}

static struct gc__reach reach_of_epoch(struct gc__counting *counting) {
  return (struct gc__reach){.heap = counting->heap,
                            .context = counting,
                            .is_count = true,
                            .interior_in_heap = counting->interior_in_heap,
                            .is_reached = is_counted_object,
                            .keep = count_tied_word};
}

void gc__counting_run_epoch(struct gc__counting *counting, const struct gc__roots *roots) {
  struct gc__page_set *sets = counting->heap->counts.sets;
  struct gc__reach reach = reach_of_epoch(counting);
  counting->figures.false_words = 0;
  counting->has_overflowed = false;
  gc__page_set_take(&sets[GC__SET_PINNED], unpin_page, counting);
  gc__counting_each_root(counting, roots, pin_word);
  gc__counting_each_root_object(counting, false, promote_root_object);
  sync_all_written(counting, roots);
  drain_promoted(counting);
  gc__weak_settle(&reach);
  gc__page_set_take(&sets[GC__SET_FREED], settle_freed, counting);
  gc__weak_release_retired(counting->heap, take_back_word, counting);
  counting->decided_count = 0;
  gc__page_set_take(&sets[GC__SET_CANDIDATES], decide_page, counting);
  gc__weak_queue_decided(&reach, counting->decided_count);
  gc__counting_settle(counting);
}
