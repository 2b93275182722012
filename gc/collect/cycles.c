/* collect/cycles.c - the backup trace: what counting cannot free, cycles and what hangs on them.
 *
 * It comes after an epoch of the same stop, when all that this found dead is freed. So the shadow of live objects is
 * what they name, and counts are exact ([count.exact]): nothing has to be counted anew, and the objects themselves are
 * not read. Marking starts at what is pinned, at root objects and at what ties hold, and follows the shadow; what is
 * not marked then is freed, and what it named and lives is counted once less. Beside counting all words anew
 * (collect/recount.c), which it took before, an object takes a quarter of the time.
 *
 * [cycles.closed] Marking ends when each word in the shadow of a marked object names a marked object, or a KEPT cell.
 * So no word that stays counted names what is freed then: [counts.tenant] holds. It rests on a shadow that has all
 * words: where there was no memory for it (counting->has_uncounted), only a recount will do.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "collect/cascade.h"
#include "collect/weak.h"
#include "heap/block.h"

#include <string.h>

/* ---- Marking ---- */

/* Candidates wait until their bytes and their shadow have come, as in collect/trace.h. */
#define CANDIDATES_MOST 32u

struct candidates {
  struct gc__counting *counting;
  unsigned oldest, count;
  size_t granules[CANDIDATES_MOST];
};

/* What finds no room on the stack is marked, and found again through its page. */
static void mark_counted(struct gc__counting *counting, size_t granule) {
  struct gc__heap *heap = counting->heap;
  uint8_t *live = &heap->space.live[granule];
  if (!gc__count_is_live(*live) || *live & GC__COUNT_MARKED) return;
  *live |= GC__COUNT_MARKED;
  counting->figures.marked_objects++;
  struct gc__place place = gc__counting_place(counting, granule);
  if (place.kind == GC__KIND_LEAF || gc__objects_push(&counting->promoted, gc__object_ref_of(place))) return;
  gc__page_set_add(&heap->counts.sets[GC__SET_UNSYNCED], granule);
}

static GC__INLINE void mark_candidate(struct candidates *candidates) {
  size_t granule = candidates->granules[candidates->oldest];
  candidates->oldest = (candidates->oldest + 1) % CANDIDATES_MOST;
  candidates->count--;
  mark_counted(candidates->counting, granule);
}

/* Words of the shadow lead into the heap: [counts.tenant]. */
static GC__INLINE void add_counted_word(struct candidates *candidates, size_t word) {
  const struct gc__space *space = &candidates->counting->heap->space;
  size_t granule = gc__space_granule_of(space, word - space->base);
  GC__PREFETCH(&space->live[granule]);
  GC__PREFETCH(gc__shadow_at(&candidates->counting->heap->counts.shadow, gc__space_address(space, granule)));
  if (candidates->count == CANDIDATES_MOST) mark_candidate(candidates);
  candidates->granules[(candidates->oldest + candidates->count++) % CANDIDATES_MOST] = granule;
}

static void follow_words(struct candidates *candidates, size_t at, size_t end) {
  const struct gc__shadow *shadow = &candidates->counting->heap->counts.shadow;
  const size_t *word = (const size_t *)(const void *)(shadow->start + at);
  for (const size_t *stop = word + (end - at) / sizeof *word; word < stop; word++)
    if (*word) add_counted_word(candidates, *word);
}

/* Calls fn for what of [at, end) has a shadow. */
static GC__INLINE void each_shadowed(struct candidates *candidates, size_t at, size_t end,
                                     void (*fn)(struct candidates *, size_t, size_t)) {
  const struct gc__shadow *shadow = &candidates->counting->heap->counts.shadow;
  for (size_t part; at < end; at = part) {
    part = gc__round_down(at, GC__PAGE_BYTES) + GC__PAGE_BYTES;
    if (part > end) part = end;
    if (gc__shadow_has(shadow, at / GC__PAGE_BYTES)) fn(candidates, at, part);
  }
}

static void follow_object(struct candidates *candidates, size_t granule) {
  struct gc__place place = gc__counting_place(candidates->counting, granule);
  size_t at = granule * GC__GRANULE_BYTES;
  if (place.kind != GC__KIND_LEAF) each_shadowed(candidates, at, at + place.bytes, follow_words);
}

/* Other marked objects of the page are followed once more, which finds nothing new. */
static bool follow_page(void *argument, size_t granule) {
  struct candidates *candidates = argument;
  const uint8_t *live = candidates->counting->heap->space.live + granule;
  for (size_t at = 0; at < GC__PAGE_GRANULES; at += 64) {
    uint64_t marked = gc__bytes_masked_equal(live + at, GC__COUNT_MARKED | GC__STATE_MASK, GC__COUNT_MARKED);
    for (; marked; marked &= marked - 1) follow_object(candidates, granule + at + gc__lowest_bit(marked));
  }
  return false;
}

static void mark_all(struct gc__counting *counting) {
  struct gc__page_set *unsynced = &counting->heap->counts.sets[GC__SET_UNSYNCED];
  struct gc__objects *marked = &counting->promoted;
  struct candidates candidates = {.counting = counting};
  while (marked->count || candidates.count || unsynced->count) {
    if (marked->count) follow_object(&candidates, gc__object_granule(marked->items[--marked->count]));
    else if (candidates.count) mark_candidate(&candidates);
    else gc__page_set_take(unsynced, follow_page, &candidates);
  }
}

static bool mark_pinned(void *argument, size_t granule) {
  struct gc__counting *counting = argument;
  const uint8_t *live = counting->heap->space.live + granule;
  for (size_t at = 0; at < GC__PAGE_GRANULES; at += 64) {
    uint64_t pinned = gc__bytes_masked_equal(live + at, GC__COUNT_PINNED | GC__STATE_MASK, GC__COUNT_PINNED);
    for (; pinned; pinned &= pinned - 1) mark_counted(counting, granule + at + gc__lowest_bit(pinned));
  }
  return true;
}

/* ---- Ties: collect/weak.h ---- */

static bool is_marked_object(void *context, size_t granule) {
  const struct gc__counting *counting = context;
  return (counting->heap->space.live[granule] & GC__COUNT_MARKED) != 0;
}

static uint64_t counted_mark_bits(void *context, size_t granule) {
  const struct gc__counting *counting = context;
  return gc__bytes_masked_equal(counting->heap->space.live + granule, GC__COUNT_MARKED, GC__COUNT_MARKED);
}

static bool mark_tied_word(void *context, size_t word, bool is_counted) {
  struct gc__counting *counting = context;
  size_t granule = gc__counting_cell(counting, word);
  if (granule == GC__NO_OBJECT || !gc__count_is_live(counting->heap->space.live[granule])) return is_counted;
  mark_counted(counting, granule);
  if (!is_counted) gc__counting_increment(counting, granule);
  mark_all(counting);
  return true;
}

static void take_back_tied(void *context, size_t word) {
  gc__counting_decrement(context, word);
}

static void settle_ties_of_cycles(struct gc__counting *counting) {
  struct gc__reach reach = {.heap = counting->heap,
                            .context = counting,
                            .is_all = true,
                            .is_count = true,
                            .interior_in_heap = counting->interior_in_heap,
                            .is_reached = is_marked_object,
                            .reached_bits = counted_mark_bits,
                            .keep = mark_tied_word};
  gc__weak_settle(&reach);
  gc__weak_release_retired(counting->heap, take_back_tied, counting);
}

/* ---- Freeing ---- */

/* Whether a word that is taken back counts for a cell that stays: what is freed in the same trace needs no count. */
static bool outlives_cycles(uint8_t byte) {
  if (gc__count_is_special(byte)) return false;
  return byte & GC__COUNT_MARKED || (byte & GC__STATE_MASK) == GC__STATE_KEPT;
}

static GC__INLINE void take_back_words(struct gc__counting *counting, size_t at, size_t end) {
  const struct gc__space *space = &counting->heap->space;
  size_t *word = (size_t *)(void *)(counting->heap->counts.shadow.start + at);
  for (const size_t *stop = word + (end - at) / sizeof *word; word < stop; word++) {
    size_t value = *word;
    if (!value) continue;
    *word = 0;
    size_t target = gc__space_granule_of(space, value - space->base); /* GC__NO_OBJECT: a large one that is gone */
    if (GC__UNLIKELY(target != GC__NO_OBJECT && outlives_cycles(space->live[target])))
      gc__counting_decrement(counting, value);
  }
}

static void take_back_part(struct candidates *candidates, size_t at, size_t end) {
  take_back_words(candidates->counting, at, end);
}

static void free_unmarked(struct gc__counting *counting, size_t granule) {
  struct candidates candidates = {.counting = counting};
  struct gc__place place = gc__counting_place(counting, granule);
  size_t at = granule * GC__GRANULE_BYTES;
  if (place.kind != GC__KIND_LEAF) each_shadowed(&candidates, at, at + place.bytes, take_back_part);
  counting->figures.traced_objects++;
  counting->figures.traced_bytes += place.bytes;
  gc__counting_release(counting, place);
}

/* Bits of the objects that begin in 64 granules, live and not marked. */
static uint64_t uncounted_mark_bits(const uint8_t *live) {
  return gc__bytes_masked_equal(live, GC__COUNT_MARKED | GC__STATE_MASK, 0) & ~gc__bytes_equal(live, 0);
}

static bool is_shadowed(const struct gc__counting *counting, uint32_t block) {
  const struct gc__space *space = &counting->heap->space;
  size_t page = gc__block_page(space, block), end = page + gc__block_pages(space);
  while (page < end && gc__shadow_has(&counting->heap->counts.shadow, page)) page++;
  return page == end;
}

/* In the usual case, that the whole block has a shadow, its cells are not looked up one by one: a trace that frees
 * 900,000 nodes of rings takes 17 ms so, and took 26. */
static void free_unmarked_in_block(struct gc__counting *counting, uint32_t block) {
  const struct gc__space *space = &counting->heap->space;
  struct gc__block_entry entry = gc__entry_at(space, block);
  size_t first = gc__block_granule(space, block), end = first + gc__block_granules(space);
  size_t bytes = (entry.shape & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
  bool is_usual = gc__entry_kind(entry) != GC__KIND_LEAF && is_shadowed(counting, block);
  for (size_t at = first; at < end; at += 64)
    for (uint64_t dead = uncounted_mark_bits(space->live + at); dead; dead &= dead - 1) {
      size_t granule = at + gc__lowest_bit(dead);
      if (!is_usual) {
        free_unmarked(counting, granule);
        continue;
      }
      take_back_words(counting, granule * GC__GRANULE_BYTES, granule * GC__GRANULE_BYTES + bytes);
      counting->figures.traced_objects++;
      counting->figures.traced_bytes += bytes;
      gc__counting_release_cell(counting, granule, bytes);
    }
}

/* What stays has its mark taken off; black cells, which are free, lose what a trace before noted of them. */
static uint8_t settled_byte(uint8_t byte) {
  if (gc__count_is_special(byte)) return 0;
  return byte & (uint8_t)~GC__COUNT_MARKED;
}

/* The same for eight of them. The special ones are those in which the bits of GC__STATE_DYING, moved to the place of
 * the mark, are set as well. */
static uint64_t settled_bytes(uint64_t bytes) {
  uint64_t marked = bytes & UINT64_C(0x0101010101010101) * GC__COUNT_MARKED;
  uint64_t special = marked & bytes << 2 & bytes << 3;
  return bytes & ~marked & ~((special >> 7) * UINT64_C(0xff));
}
_Static_assert(GC__COUNT_MARKED == 0x80u && GC__STATE_DYING == 0x30u, "settled_bytes moves these bits");

static void settle_block(struct gc__counting *counting, uint32_t block) {
  struct gc__space *space = &counting->heap->space;
  uint8_t *live = space->live + gc__block_granule(space, block);
  for (size_t at = 0; at < gc__block_granules(space); at += sizeof(uint64_t)) {
    uint64_t bytes;
    memcpy(&bytes, live + at, sizeof bytes);
    bytes = settled_bytes(bytes);
    memcpy(live + at, &bytes, sizeof bytes);
  }
  if (!space->blocks[block].black_epoch) return;
  space->blocks[block].black_epoch = 0;
  gc__block_note_freed(counting->heap, block);
}

static void each_counted_large(struct gc__counting *counting, void (*fn)(struct gc__counting *, size_t)) {
  const struct gc__heap *heap = counting->heap;
  const uint32_t lists[] = {heap->large, heap->root_large};
  for (unsigned i = 0; i < 2; i++)
    for (uint32_t run = lists[i], next; run != GC__NONE; run = next) {
      next = heap->space.runs[run].next;
      fn(counting, (size_t)run * GC__PAGE_GRANULES);
    }
}

static void free_unmarked_large(struct gc__counting *counting, size_t granule) {
  uint8_t byte = counting->heap->space.live[granule];
  if (gc__count_is_live(byte) && !(byte & GC__COUNT_MARKED)) free_unmarked(counting, granule);
}

static void settle_large(struct gc__counting *counting, size_t granule) {
  uint8_t *live = &counting->heap->space.live[granule];
  *live = settled_byte(*live);
}

/* Marks are looked at until the last of the dead is gone. */
static void free_all_unmarked(struct gc__counting *counting) {
  const struct gc__space *space = &counting->heap->space;
  uint32_t blocks = (uint32_t)gc__block_count(space);
  for (uint32_t block = 0; block < blocks; block++)
    if (space->blocks[block].state != GC__BLOCK_NONE) free_unmarked_in_block(counting, block);
  each_counted_large(counting, free_unmarked_large);
  for (uint32_t block = 0; block < blocks; block++)
    if (space->blocks[block].state != GC__BLOCK_NONE) settle_block(counting, block);
  each_counted_large(counting, settle_large);
}

/* What roots name and lives is pinned; it may be one past the end of that, too. */
static void note_false_root_word(struct gc__counting *counting, size_t word) {
  const struct gc__space *space = &counting->heap->space;
  if (word - space->base >= space->span_bytes) return;
  size_t granule = gc__counting_cell(counting, word);
  if (granule == GC__NO_OBJECT || !gc__count_is_live(space->live[granule]))
    gc__counting_note_false(counting, word, granule);
}

void gc__counting_trace_cycles(struct gc__counting *counting, const struct gc__roots *roots) {
  struct gc__heap *heap = counting->heap;
  gc__page_set_take(&heap->counts.sets[GC__SET_PINNED], mark_pinned, counting);
  gc__counting_each_root_object(counting, true, mark_counted);
  mark_all(counting);
  settle_ties_of_cycles(counting);
  free_all_unmarked(counting);
  gc__counting_settle(counting);
  counting->figures.false_words = 0;
  gc__counting_begin_black(counting);
  gc__counting_each_root(counting, roots, note_false_root_word);
}
