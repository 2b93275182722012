/* collect/cascade.c - see cascade.h. */
#include "collect/cascade.h"
#include "base/check.h"

bool gc__cascade_add(struct gc__counting *counting, size_t granule) {
  struct gc__place place = gc__counting_place(counting, granule);
  if (place.kind == GC__KIND_LEAF && !place.is_large) {
    counting->figures.counted_objects++;
    counting->figures.counted_bytes += place.bytes;
    gc__counting_release(counting, place);
    return true;
  }
  if (!gc__objects_push(&counting->dying, gc__object_ref_of(place))) return false;
  gc__word_poke(&counting->has_dying, 1);
  return true;
}

void gc__cascade_drop(struct gc__counting *counting) {
  counting->dying.count = 0;
  counting->current = GC__NO_OBJECT;
  gc__word_poke(&counting->has_dying, 0);
}

/* What a byte becomes when one word less names its object: [count.death]. Root objects stay, and tied ones die in stops
 * only ([ties.lazy]). */
static GC__INLINE uint8_t lowered(uint8_t byte, bool stays) {
  if ((byte & GC__COUNT_MASK) == GC__COUNT_STUCK) return byte;
  GC__CHECK((byte & GC__COUNT_MASK) > GC__COUNT_ZERO);
  byte--;
  bool is_zero = (byte & GC__COUNT_MASK) == GC__COUNT_ZERO;
  bool dies = is_zero && gc__count_is_live(byte) && !(byte & GC__COUNT_PINNED) && !stays;
  return dies ? byte | GC__STATE_DYING : byte;
}

/* A count is 0 from now on. What finds no room among the dying stays live, to be decided on by a stop. */
static void settle_zero(struct gc__counting *counting, struct gc__place place, uint8_t state) {
  struct gc__heap *heap = counting->heap;
  if (state == GC__STATE_KEPT) gc__counting_release(counting, place);
  if (state == GC__STATE_DYING && !gc__cascade_add(counting, place.granule))
    gc__byte_poke(&heap->space.live[place.granule], GC__COUNT_ZERO);
  else if (state != GC__STATE_LIVE) return;
  gc__page_set_add(&heap->counts.sets[GC__SET_CANDIDATES], place.granule);
}

/* In competition with gc_free, for objects that are live. */
static GC__INLINE void lower(struct gc__counting *counting, size_t word) {
  struct gc__heap *heap = counting->heap;
  size_t granule = gc__counting_cell(counting, word);
  GC__CHECK(granule != GC__NO_OBJECT && heap->space.live[granule]); /* [counts.tenant] */
  struct gc__place place = gc__counting_place(counting, granule);
  uint8_t *live = &heap->space.live[granule], before, after;
  bool stays = place.kind == GC__KIND_ROOT || gc__ties_has(&heap->ties, granule);
  counting->figures.decrements++;
  do {
    before = gc__byte_peek(live);
    after = lowered(before, stays);
  } while (before != after && !gc__byte_swap_if(live, before, after));
  if (before != after && (after & GC__COUNT_MASK) == GC__COUNT_ZERO)
    settle_zero(counting, place, after & GC__STATE_MASK);
}

static GC__INLINE void consume_word(struct gc__counting *counting, size_t *word) {
  size_t value = *word;
  if (!value) return;
  *word = 0;
  lower(counting, value);
}

/* The next words to consume; false: there are none. Of a large object a page at a time, which is taken up only when
 * all is gone that died of the one before: so a long array of pointers makes no long list of the dying. */
static bool take_next(struct gc__counting *counting) {
  if (counting->current != GC__NO_OBJECT) return true;
  if (!counting->dying.count) return false;
  size_t ref = counting->dying.items[--counting->dying.count], granule = gc__object_granule(ref);
  size_t bytes = (ref & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
  counting->current = granule;
  counting->current_at = granule * GC__GRANULE_BYTES;
  counting->current_end = counting->current_at + bytes;
  if (GC__LIKELY(bytes)) return true;
  struct gc__place place = gc__space_place(&counting->heap->space, counting->current_at);
  size_t end = place.granule * GC__GRANULE_BYTES + place.bytes, page_end = counting->current_at + GC__PAGE_BYTES;
  bool has_rest = place.kind != GC__KIND_LEAF && page_end < end &&
                  gc__objects_push(&counting->dying, gc__object_ref(granule + GC__PAGE_GRANULES, 0));
  counting->current = place.granule;
  counting->current_end = has_rest ? page_end : end;
  if (place.kind == GC__KIND_LEAF) counting->current_at = end;
  return true;
}

/* All that was to be consumed now is: the end of an object, or of a page of it. */
static void end_current(struct gc__counting *counting) {
  struct gc__place place = gc__counting_place(counting, counting->current);
  bool is_end = counting->current_end == place.granule * GC__GRANULE_BYTES + place.bytes;
  counting->current = GC__NO_OBJECT;
  if (!is_end) return;
  counting->figures.counted_objects++;
  counting->figures.counted_bytes += place.bytes;
  gc__counting_release(counting, place);
}

/* Words of the current object; how many were looked at. A page that was never charged reads as zero: long objects do
 * without such looks. */
static size_t consume_some(struct gc__counting *counting, size_t budget_words) {
  struct gc__shadow *shadow = &counting->heap->counts.shadow;
  size_t at = counting->current_at, end = counting->current_end;
  if (end - at > budget_words * sizeof(size_t)) end = at + budget_words * sizeof(size_t);
  size_t words = (end - at) / sizeof(size_t);
  bool is_empty = at < end && words > 1 && at / GC__PAGE_BYTES == (end - 1) / GC__PAGE_BYTES &&
                  !gc__shadow_has(shadow, at / GC__PAGE_BYTES);
  for (; !is_empty && at < end; at += sizeof(size_t)) consume_word(counting, (size_t *)(void *)(shadow->start + at));
  counting->current_at = end;
  if (end == counting->current_end) end_current(counting);
  return is_empty || !words ? 1 : words;
}

/* ---- Many at once ---- */

/* Short cells are consumed in groups, so that the lines of their shadow come while others are worked on. */
#define GROUP_OBJECTS  16u
#define GROUP_GRANULES 32u /* of a cell, at most */

/* Words that were looked at; 0: there is no group. */
static size_t consume_group(struct gc__counting *counting) {
  struct gc__objects *dying = &counting->dying;
  const struct gc__shadow *shadow = &counting->heap->counts.shadow;
  size_t group[GROUP_OBJECTS], count = 0, words = 0;
  for (; count < GROUP_OBJECTS && dying->count; count++) {
    size_t ref = dying->items[dying->count - 1], granules = ref & GC__SHAPE_GRANULES;
    if (!granules || granules > GROUP_GRANULES) break;
    GC__PREFETCH(shadow->start + gc__object_granule(ref) * GC__GRANULE_BYTES);
    group[count] = ref;
    dying->count--;
  }
  for (size_t i = 0; i < count; i++) {
    size_t granule = gc__object_granule(group[i]), bytes = (group[i] & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
    size_t *word = (size_t *)(void *)(shadow->start + granule * GC__GRANULE_BYTES);
    for (const size_t *end = word + bytes / sizeof *word; word < end; word++) consume_word(counting, word);
    words += bytes / sizeof *word;
    counting->figures.counted_objects++;
    counting->figures.counted_bytes += bytes;
    gc__counting_release_cell(counting, granule, bytes);
  }
  return words;
}

void gc__cascade_hold(struct gc__counting *counting) {
  while (!gc__flag_swap_if(&counting->cascade_lock, 0, 1)) gc__spin_hint();
}

void gc__cascade_let_go(struct gc__counting *counting) {
  gc__flag_set(&counting->cascade_lock, 0);
}

bool gc__cascade_run(struct gc__counting *counting, size_t budget_words) {
  if (!gc__flag_swap_if(&counting->cascade_lock, 0, 1)) return false;
  bool has_more = true;
  while (has_more && budget_words) {
    bool has_room = counting->current == GC__NO_OBJECT && budget_words >= GROUP_OBJECTS * GROUP_GRANULES;
    size_t words = has_room ? consume_group(counting) : 0;
    if (!words && (has_more = take_next(counting))) words = consume_some(counting, budget_words);
    budget_words -= words < budget_words ? words : budget_words;
  }
  gc__word_poke(&counting->has_dying, counting->current != GC__NO_OBJECT || counting->dying.count);
  gc__counting_settle(counting);
  has_more = counting->has_dying != 0;
  gc__cascade_let_go(counting);
  return has_more;
}
