/* collect/recount.c - the backup trace: what counting cannot free (cycles, and what hangs on them; stuck counts), and
 * all counts anew.
 *
 * Every count becomes 0; marking from the roots then counts each word of each marked object, exactly once, and what is
 * not marked is freed. Nothing of an epoch's decisions is needed before: what was freed by hand is dropped, and what
 * was dying is unreachable.
 *
 * [recount.once] An object that was marked and found no room on the stack is FREED and marked until it is scanned. So a
 * scan of its page finds exactly those that were not scanned yet, and no word is counted twice.
 */
#include "base/check.h"
#include "collect/cascade.h"
#include "collect/weak.h"
#include "heap/block.h"
#include "heap/large.h"

#include <string.h>

#define WAITING (GC__COUNT_MARKED | GC__STATE_FREED)

/* ---- Forgetting ---- */

static void clear_shadow(struct gc__counting *counting, size_t granule, size_t bytes) {
  struct gc__shadow *table = &counting->heap->counts.shadow;
  for (size_t at = granule * GC__GRANULE_BYTES, end = at + bytes, part; at < end; at = part) {
    part = gc__round_down(at, GC__PAGE_BYTES) + GC__PAGE_BYTES;
    if (part > end) part = end;
    if (gc__shadow_has(table, at / GC__PAGE_BYTES)) memset(table->start + at, 0, part - at);
  }
}

static void drop_object(struct gc__counting *counting, size_t granule) {
  struct gc__place place = gc__counting_place(counting, granule);
  clear_shadow(counting, granule, place.bytes);
  gc__counting_release(counting, place);
}

/* Live ones have count 0 from now on and are not marked; the others, and black cells, are free. */
static void forget_count(struct gc__counting *counting, size_t granule) {
  uint8_t *live = &counting->heap->space.live[granule];
  if (gc__count_is_live(*live)) {
    *live = GC__COUNT_ZERO;
  } else if (gc__count_is_special(*live)) {
    *live = 0;
    gc__block_note_freed(counting->heap, (uint32_t)gc__block_of(&counting->heap->space, granule));
  } else {
    drop_object(counting, granule);
  }
}

/* Calls fn for each object whose byte is not 0. It may free that object. */
static void each_counted(struct gc__counting *counting, void (*fn)(struct gc__counting *, size_t)) {
  struct gc__heap *heap = counting->heap;
  for (uint32_t block = 0; block < gc__block_count(&heap->space); block++) {
    size_t first = gc__block_granule(&heap->space, block), end = first + gc__block_granules(&heap->space);
    if (heap->space.blocks[block].state == GC__BLOCK_NONE) continue;
    for (size_t at = first; at < end; at += 64)
      for (uint64_t bits = ~gc__bytes_equal(heap->space.live + at, 0); bits; bits &= bits - 1)
        fn(counting, at + gc__lowest_bit(bits));
  }
  const uint32_t lists[] = {heap->large, heap->root_large};
  for (unsigned i = 0; i < 2; i++)
    for (uint32_t run = lists[i], next; run != GC__NONE; run = next) {
      size_t granule = (size_t)run * GC__PAGE_GRANULES;
      next = heap->space.runs[run].next;
      if (heap->space.live[granule]) fn(counting, granule);
    }
}

static void forget_all(struct gc__counting *counting) {
  struct gc__page_set *sets = counting->heap->counts.sets;
  gc__cascade_drop(counting);
  gc__page_set_clear(&sets[GC__SET_FREED]);
  gc__page_set_clear(&sets[GC__SET_CANDIDATES]);
  gc__page_set_clear(&sets[GC__SET_PINNED]);
  each_counted(counting, forget_count);
  gc__weak_forget_counts(counting->heap);
  counting->stuck_objects = counting->stuck_bytes = 0;
}

/* ---- Marking ---- */

/* During a trace FREED says [recount.once]. */
static bool is_given(const struct gc__counting *counting, size_t granule) {
  uint8_t byte = counting->heap->space.live[granule];
  if (byte) return !(byte & GC__STATE_KEPT);
  return gc__heap_is_young(counting->heap, granule);
}

/* The mark of an object that is old by now. */
static void mark(struct gc__counting *counting, size_t granule) {
  uint8_t *live = &counting->heap->space.live[granule];
  if (*live & GC__COUNT_MARKED) return;
  *live |= GC__COUNT_MARKED;
  struct gc__place place = gc__counting_place(counting, granule);
  if (place.kind == GC__KIND_LEAF) return;
  if (gc__objects_push(&counting->promoted, gc__object_ref_of(place))) return;
  *live |= WAITING;
  gc__page_set_add(&counting->heap->counts.sets[GC__SET_UNSYNCED], granule);
}

/* Young objects are pushed by being promoted; only leaves and what found no room are marked no further. */
static void promote_marked(struct gc__counting *counting, size_t granule) {
  struct gc__counts *counts = &counting->heap->counts;
  struct gc__place place = gc__counting_place(counting, granule);
  counting->heap->space.live[granule] = GC__COUNT_ZERO;
  counting->figures.promoted_objects++;
  counting->figures.promoted_bytes += place.bytes;
  gc__word_poke(&counts->old_bytes, counts->old_bytes + place.bytes);
}

static void reach(struct gc__counting *counting, size_t granule) {
  uint8_t byte = counting->heap->space.live[granule];
  if (!byte) promote_marked(counting, granule);
  else if (!(byte & GC__COUNT_MARKED)) counting->figures.marked_objects++;
  mark(counting, granule);
}

/* Words that lead into the heap wait until what they name has come into the cache, as a marker's candidates do
 * (collect/trace.h). */
#define WORDS_MOST 64u

struct words {
  struct gc__counting *counting;
  unsigned oldest, count;
  struct {
    size_t *shadow, value, target;
  } items[WORDS_MOST];
};

static void recount_word(struct gc__counting *counting, size_t *shadow, size_t value, size_t target) {
  const struct gc__space *space = &counting->heap->space;
  size_t offset = (uintptr_t)shadow - (uintptr_t)counting->heap->counts.shadow.start;
  if (gc__shadow_value(&counting->heap->counts.shadow, shadow)) *shadow = 0;
  if (!gc__heap_declares(counting->heap, offset)) return;
  if (!is_given(counting, target) ||
      (!counting->interior_in_heap && !gc__space_is_start(space, target, value - space->base)))
    return;
  reach(counting, target);
  gc__counting_note(counting, shadow, value, target);
}

static void recount_oldest(struct words *words) {
  unsigned at = words->oldest;
  words->oldest = (at + 1) % WORDS_MOST;
  words->count--;
  recount_word(words->counting, words->items[at].shadow, words->items[at].value, words->items[at].target);
}

static GC__INLINE void add_word(struct words *words, size_t *shadow, size_t value, size_t target) {
  const struct gc__heap *heap = words->counting->heap;
  const char *object = gc__space_address(&heap->space, target);
  GC__PREFETCH(&heap->space.live[target]);
  GC__PREFETCH(object);
  GC__PREFETCH(gc__shadow_at(&heap->counts.shadow, object));
  if (words->count == WORDS_MOST) recount_oldest(words);
  unsigned at = (words->oldest + words->count++) % WORDS_MOST;
  words->items[at].shadow = shadow;
  words->items[at].value = value;
  words->items[at].target = target;
}

GC__UNINSTRUMENTED static void recount_words(struct words *words, size_t granule) {
  struct gc__counting *counting = words->counting;
  const struct gc__space *space = &counting->heap->space;
  struct gc__place place = gc__counting_place(counting, granule);
  const volatile size_t *word = (const volatile size_t *)(const void *)gc__space_address(space, granule);
  for (const volatile size_t *end = word + place.bytes / sizeof *word; word < end; word++) {
    size_t value = *word, *shadow = gc__shadow_at(&counting->heap->counts.shadow, (const void *)word);
    size_t target = gc__counting_cell(counting, value);
    if (GC__UNLIKELY(target != GC__NO_OBJECT)) add_word(words, shadow, value, target);
    else if (gc__shadow_value(&counting->heap->counts.shadow, shadow)) *shadow = 0;
  }
}

static bool count_waiting(void *argument, size_t granule) {
  struct words *words = argument;
  struct gc__counting *counting = words->counting;
  uint8_t *live = counting->heap->space.live + granule;
  for (size_t at = 0; at < GC__PAGE_GRANULES; at += 64) {
    uint64_t waiting = gc__bytes_masked_equal(live + at, GC__COUNT_MARKED | GC__STATE_MASK, WAITING);
    for (; waiting; waiting &= waiting - 1) {
      size_t bit = at + gc__lowest_bit(waiting);
      live[bit] &= (uint8_t)~GC__STATE_MASK;
      recount_words(words, granule + bit);
    }
  }
  return false;
}

static void drain_marked(struct gc__counting *counting) {
  struct gc__page_set *unsynced = &counting->heap->counts.sets[GC__SET_UNSYNCED];
  struct gc__objects *marked = &counting->promoted;
  struct words words = {.counting = counting};
  while (marked->count || words.count || unsynced->count) {
    if (marked->count) recount_words(&words, gc__object_granule(marked->items[--marked->count]));
    else if (words.count) recount_oldest(&words);
    else gc__page_set_take(unsynced, count_waiting, &words);
  }
}

/* ---- Roots ---- */

static void pin_reached(struct gc__counting *counting, size_t granule) {
  struct gc__heap *heap = counting->heap;
  reach(counting, granule);
  heap->space.live[granule] |= GC__COUNT_PINNED;
  gc__page_set_add(&heap->counts.sets[GC__SET_PINNED], granule);
}

static void reach_root_word(struct gc__counting *counting, size_t word) {
  const struct gc__space *space = &counting->heap->space;
  size_t granule = gc__counting_cell(counting, word);
  if (granule != GC__NO_OBJECT && is_given(counting, granule)) pin_reached(counting, granule);
  else if (word - space->base < space->span_bytes) gc__counting_note_false(counting, word, granule);
  if (word == space->base || word % GC__GRANULE_BYTES) return;
  size_t before = gc__counting_cell(counting, word - 1);
  if (before != GC__NO_OBJECT && before != granule && is_given(counting, before)) pin_reached(counting, before);
}

/* ---- Ending ---- */

static void settle_traced(struct gc__counting *counting, size_t granule) {
  uint8_t *live = &counting->heap->space.live[granule];
  if (gc__count_is_special(*live)) return;
  if (!(*live & GC__COUNT_MARKED)) {
    counting->figures.traced_objects++;
    counting->figures.traced_bytes += gc__counting_place(counting, granule).bytes;
    drop_object(counting, granule);
    return;
  }
  *live &= (uint8_t)~GC__COUNT_MARKED;
  if ((*live & GC__COUNT_MASK) == GC__COUNT_ZERO)
    gc__page_set_add(&counting->heap->counts.sets[GC__SET_CANDIDATES], granule);
}

/* ---- Ties: collect/weak.h ---- */

static bool is_reached_object(void *context, size_t granule) {
  const struct gc__counting *counting = context;
  return (counting->heap->space.live[granule] & GC__COUNT_MARKED) != 0;
}

static uint64_t reached_bits(void *context, size_t granule) {
  const struct gc__counting *counting = context;
  return gc__bytes_masked_equal(counting->heap->space.live + granule, GC__COUNT_MARKED, GC__COUNT_MARKED);
}

static bool reach_tied_word(void *context, size_t word, bool is_counted) {
  struct gc__counting *counting = context;
  size_t granule = gc__counting_cell(counting, word);
  if (granule == GC__NO_OBJECT || !is_given(counting, granule)) return false;
  reach(counting, granule);
  if (!is_counted) gc__counting_increment(counting, granule);
  drain_marked(counting);
  return true;
}

static void settle_ties_of_trace(struct gc__counting *counting) {
  struct gc__reach reach = {.heap = counting->heap,
                            .context = counting,
                            .is_all = true,
                            .is_count = true,
                            .interior_in_heap = counting->interior_in_heap,
                            .is_reached = is_reached_object,
                            .reached_bits = reached_bits,
                            .keep = reach_tied_word};
  gc__weak_settle(&reach);
}

void gc__counting_recount(struct gc__counting *counting, const struct gc__roots *roots) {
  counting->figures.false_words = 0;
  counting->has_uncounted = false;
  gc__counting_begin_black(counting);
  forget_all(counting);
  gc__counting_each_root(counting, roots, reach_root_word);
  gc__counting_each_root_object(counting, true, reach);
  drain_marked(counting);
  settle_ties_of_trace(counting);
  each_counted(counting, settle_traced);
  gc__counting_settle(counting);
  counting->stuck_again_bytes = counting->stuck_bytes;
}
