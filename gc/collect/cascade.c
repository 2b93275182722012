/* collect/cascade.c - see cascade.h. */
#include "collect/cascade.h"
#include "base/check.h"

static bool is_root_object(const struct gc__counting *counting, size_t granule) {
  return gc__counting_place(counting, granule).kind == GC__KIND_ROOT;
}

bool gc__cascade_add(struct gc__counting *counting, size_t granule) {
  struct gc__place place = gc__counting_place(counting, granule);
  if (place.kind == GC__KIND_LEAF && !place.is_large) {
    counting->figures.counted_objects++;
    counting->figures.counted_bytes += place.bytes;
    gc__counting_release(counting, granule);
    return true;
  }
  if (!gc__objects_push(&counting->dying, granule)) return false;
  gc__word_poke(&counting->has_dying, 1);
  return true;
}

void gc__cascade_drop(struct gc__counting *counting) {
  counting->dying.count = 0;
  counting->current = GC__NO_OBJECT;
  gc__word_poke(&counting->has_dying, 0);
}

/* What a byte becomes when one word less names its object: [count.death]. */
static uint8_t lowered(const struct gc__counting *counting, size_t granule, uint8_t byte) {
  if ((byte & GC__COUNT_MASK) == GC__COUNT_STUCK) return byte;
  GC__CHECK((byte & GC__COUNT_MASK) > GC__COUNT_ZERO);
  byte--;
  bool is_zero = (byte & GC__COUNT_MASK) == GC__COUNT_ZERO;
  bool dies = is_zero && gc__count_is_live(byte) && !(byte & GC__COUNT_PINNED) && !is_root_object(counting, granule);
  return dies ? byte | GC__STATE_DYING : byte;
}

/* In competition with gc_free, for objects that are live. What finds no room stays live, to be decided on by a stop. */
static void lower(struct gc__counting *counting, size_t word) {
  struct gc__heap *heap = counting->heap;
  size_t granule = gc__counting_cell(counting, word);
  GC__CHECK(granule != GC__NO_OBJECT && heap->space.live[granule]); /* [counts.tenant] */
  uint8_t *live = &heap->space.live[granule], before, after;
  counting->figures.decrements++;
  do {
    before = gc__byte_peek(live);
    after = lowered(counting, granule, before);
  } while (before != after && !gc__byte_swap_if(live, before, after));
  if (before == after || (after & GC__COUNT_MASK) != GC__COUNT_ZERO) return;
  uint8_t state = after & GC__STATE_MASK;
  if (state == GC__STATE_KEPT) gc__counting_release(counting, granule);
  if (state == GC__STATE_DYING && !gc__cascade_add(counting, granule)) gc__byte_poke(live, GC__COUNT_ZERO);
  else if (state != GC__STATE_LIVE) return;
  gc__page_set_add(&heap->counts.sets[GC__SET_CANDIDATES], granule);
}

/* The next object to consume; false: there is none. */
static bool take_next(struct gc__counting *counting) {
  if (counting->current != GC__NO_OBJECT) return true;
  if (!counting->dying.count) return false;
  counting->current = counting->dying.items[--counting->dying.count];
  counting->current_at = counting->current * GC__GRANULE_BYTES;
  return true;
}

/* Consumes words of the current object up to an offset, all of which lie in one page; how many were looked at. */
static size_t consume_part(struct gc__counting *counting, size_t end) {
  struct gc__shadow *shadow = &counting->heap->counts.shadow;
  size_t words = 0;
  if (!gc__shadow_has(shadow, counting->current_at / GC__PAGE_BYTES)) {
    counting->current_at = end;
    return 1;
  }
  for (; counting->current_at < end; counting->current_at += sizeof(size_t), words++) {
    size_t *word = (size_t *)(void *)(shadow->start + counting->current_at), value = *word;
    if (!value) continue;
    *word = 0;
    lower(counting, value);
  }
  return words;
}

static size_t consume_some(struct gc__counting *counting, size_t budget_words) {
  struct gc__place place = gc__counting_place(counting, counting->current);
  size_t at = counting->current_at, end = place.granule * GC__GRANULE_BYTES + place.bytes;
  size_t part = gc__round_down(at, GC__PAGE_BYTES) + GC__PAGE_BYTES;
  if (part > at + budget_words * sizeof(size_t)) part = at + budget_words * sizeof(size_t);
  if (part > end || place.kind == GC__KIND_LEAF) part = end;
  size_t words = place.kind == GC__KIND_LEAF ? 1 : consume_part(counting, part);
  if (part < end) return words;
  counting->figures.counted_objects++;
  counting->figures.counted_bytes += place.bytes;
  gc__counting_release(counting, counting->current);
  counting->current = GC__NO_OBJECT;
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
  bool has_more;
  while ((has_more = take_next(counting)) && budget_words) {
    size_t words = consume_some(counting, budget_words);
    budget_words -= words < budget_words ? words : budget_words;
  }
  gc__word_poke(&counting->has_dying, has_more);
  gc__cascade_let_go(counting);
  return has_more;
}
