/* collect/counting.c - see counting.h. The pieces; the steps of an epoch are in epoch.c. */
#include "collect/counting.h"
#include "base/check.h"
#include "collect/cascade.h"
#include "heap/block.h"
#include "heap/large.h"

#define OBJECTS_MOST  ((size_t)1 << 31)
#define FIRST_OBJECTS 8192u

#define FIXED_ITEM_BYTES 512u

/* ---- Lists of objects ---- */

bool gc__objects_grow(struct gc__objects *objects) {
  size_t room = objects->room ? objects->room * 2 : FIRST_OBJECTS,
         most = objects->memory.reserved_bytes / sizeof(size_t);
  if (room > most) room = most;
  if (room <= objects->room || !gc__region_commit(&objects->memory, room * sizeof(size_t))) return false;
  objects->items = (size_t *)(void *)objects->memory.start;
  objects->room = room;
  return true;
}

/* In a fixed space a list has its whole size at once; what does not fit is found again by its page or by a stop. */
static bool open_objects(struct gc__objects *objects, const struct gc__heap *heap) {
  const struct gc__space *space = &heap->space;
  size_t most = space->is_fixed ? space->span_bytes / FIXED_ITEM_BYTES : OBJECTS_MOST;
  *objects = (struct gc__objects){0};
  return gc__region_open_most(&objects->memory, heap->budget, most * sizeof(size_t)) && gc__objects_grow(objects);
}

static void trim_objects(struct gc__objects *objects) {
  size_t kept = objects->count > FIRST_OBJECTS ? objects->count : FIRST_OBJECTS;
  gc__region_trim(&objects->memory, kept * sizeof(size_t));
  size_t room = objects->memory.committed_bytes / sizeof(size_t);
  if (room < objects->room) objects->room = room;
}

void gc__counting_trim(struct gc__counting *counting) {
  trim_objects(&counting->promoted);
  gc__cascade_hold(counting);
  trim_objects(&counting->dying);
  gc__cascade_let_go(counting);
}

bool gc__counting_open(struct gc__counting *counting, struct gc__heap *heap, bool interior_in_heap) {
  *counting = (struct gc__counting){
      .heap = heap, .interior_in_heap = interior_in_heap, .current = GC__NO_OBJECT, .released_block = GC__NONE};
  if (open_objects(&counting->promoted, heap) && open_objects(&counting->dying, heap)) return true;
  gc__counting_close(counting);
  return false;
}

static void touch_objects(struct gc__objects *objects, size_t count) {
  while (objects->room < count && gc__objects_grow(objects)) continue;
  gc__os_touch(objects->memory.start, objects->memory.committed_bytes);
}

void gc__counting_touch(struct gc__counting *counting, size_t objects) {
  touch_objects(&counting->promoted, objects);
  touch_objects(&counting->dying, objects);
}

void gc__counting_close(struct gc__counting *counting) {
  gc__region_close(&counting->promoted.memory);
  gc__region_close(&counting->dying.memory);
}

/* ---- Objects ---- */

void gc__counting_promote(struct gc__counting *counting, size_t granule, uint8_t byte) {
  struct gc__counts *counts = &counting->heap->counts;
  struct gc__place place = gc__counting_place(counting, granule);
  gc__byte_poke(&counting->heap->space.live[granule], byte);
  counting->figures.promoted_objects++;
  counting->figures.promoted_bytes += place.bytes;
  gc__word_poke(&counts->old_bytes, counts->old_bytes + place.bytes);
  if (place.kind == GC__KIND_LEAF) return;
  if (!gc__objects_push(&counting->promoted, gc__object_ref_promoted(place)))
    gc__page_set_add(&counts->sets[GC__SET_UNSYNCED], granule);
}

static void note_stuck(struct gc__counting *counting, size_t granule) {
  counting->stuck_objects++;
  counting->stuck_bytes += gc__counting_place(counting, granule).bytes;
}

void gc__counting_increment(struct gc__counting *counting, size_t granule) {
  uint8_t *live = &counting->heap->space.live[granule], byte = gc__byte_peek(live);
  counting->figures.increments++;
  if (!byte) {
    gc__counting_promote(counting, granule, GC__COUNT_ZERO + 1);
    return;
  }
  if ((byte & GC__COUNT_MASK) == GC__COUNT_STUCK) return;
  gc__byte_poke(live, ++byte);
  if (GC__UNLIKELY((byte & GC__COUNT_MASK) == GC__COUNT_STUCK)) note_stuck(counting, granule);
}

void gc__counting_decrement(struct gc__counting *counting, size_t word) {
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
  if ((byte & GC__STATE_MASK) == GC__STATE_KEPT) gc__counting_release(counting, gc__counting_place(counting, granule));
  else if ((byte & GC__STATE_MASK) == GC__STATE_LIVE) gc__page_set_add(&heap->counts.sets[GC__SET_CANDIDATES], granule);
}

void gc__counting_stick(struct gc__counting *counting, size_t granule) {
  uint8_t *live = &counting->heap->space.live[granule], byte = gc__byte_peek(live);
  if ((byte & GC__COUNT_MASK) == GC__COUNT_STUCK) return;
  if (byte) gc__byte_poke(live, byte | GC__COUNT_STUCK);
  else gc__counting_promote(counting, granule, GC__COUNT_STUCK);
  note_stuck(counting, granule);
}

void gc__counting_note(struct gc__counting *counting, size_t *shadow, size_t value, size_t target) {
  struct gc__shadow *table = &counting->heap->counts.shadow;
  size_t page = ((uintptr_t)shadow - (uintptr_t)table->start) / GC__PAGE_BYTES;
  if (GC__LIKELY(gc__shadow_take(table, page))) {
    gc__counting_increment(counting, target);
    *shadow = value;
  } else {
    counting->has_uncounted = true;
    gc__counting_stick(counting, target);
  }
}

static void stick_named(struct gc__counting *counting, size_t page) {
  const struct gc__shadow *table = &counting->heap->counts.shadow;
  const size_t *word = (const size_t *)(const void *)(table->start + page * GC__PAGE_BYTES);
  for (const size_t *end = word + GC__PAGE_BYTES / sizeof *word; word < end; word++) {
    if (!*word) continue;
    size_t granule = gc__counting_cell(counting, *word);
    GC__CHECK(granule != GC__NO_OBJECT); /* [counts.tenant] */
    gc__counting_stick(counting, granule);
    counting->has_uncounted = true;
  }
}

size_t gc__counting_drop_shadow(struct gc__counting *counting, size_t first_page, size_t count) {
  struct gc__shadow *table = &counting->heap->counts.shadow;
  size_t before_bytes = gc__word_peek(&table->taken_bytes), stuck_bytes = counting->stuck_bytes;
  for (size_t page = first_page; page < first_page + count; page++)
    if (gc__shadow_has(table, page)) stick_named(counting, page);
  gc__lock_take(&counting->heap->lock);
  gc__shadow_discard(table, first_page, count);
  gc__lock_give(&counting->heap->lock);
  counting->stuck_again_bytes += counting->stuck_bytes - stuck_bytes; /* a trace would do the same */
  return before_bytes - gc__word_peek(&table->taken_bytes);
}

void gc__counting_settle(struct gc__counting *counting) {
  struct gc__heap *heap = counting->heap;
  if (counting->released_block != GC__NONE) gc__block_note_freed(heap, counting->released_block);
  if (counting->released_bytes) gc__word_add(&heap->counts.old_bytes, -counting->released_bytes);
  counting->released_block = GC__NONE;
  counting->released_bytes = 0;
}

void gc__counting_release(struct gc__counting *counting, struct gc__place place) {
  struct gc__heap *heap = counting->heap;
  if (!place.is_large) {
    gc__counting_release_cell(counting, place.granule, place.bytes);
    return;
  }
  counting->released_bytes += place.bytes;
  gc__lock_take(&heap->lock);
  gc__large_release(heap, (uint32_t)(place.granule / GC__PAGE_GRANULES));
  gc__lock_give(&heap->lock);
}

/* ---- Roots ---- */

/* Words between the one that is looked at and the one whose object's byte is asked for, or about there. */
#define ROOTS_AHEAD 16

GC__UNINSTRUMENTED static void each_word(struct gc__counting *counting, struct gc__range range,
                                         void (*fn)(struct gc__counting *, size_t)) {
  const struct gc__space *space = &counting->heap->space;
  size_t base = space->base, span_bytes = space->span_bytes;
  const volatile size_t *word = (const volatile size_t *)range.start, *end = (const volatile size_t *)range.end;
  for (; word < end; word++) {
    size_t value = *word, ahead = end - word > ROOTS_AHEAD ? word[ROOTS_AHEAD] - base : SIZE_MAX;
    if (GC__UNLIKELY(ahead < span_bytes)) GC__PREFETCH(&space->live[ahead / GC__GRANULE_BYTES]);
    if (GC__UNLIKELY(value - base <= span_bytes)) fn(counting, value);
  }
}

void gc__counting_each_root(struct gc__counting *counting, const struct gc__roots *roots,
                            void (*fn)(struct gc__counting *, size_t)) {
  const struct gc__root_range *list = gc__roots_list(roots);
  for (size_t i = 0; i < roots->count; i++)
    if (list[i].source != GC__ROOT_WRITTEN && list[i].source != GC__ROOT_OPEN) each_word(counting, list[i].range, fn);
}

static void each_root_cell(struct gc__counting *counting, uint32_t block, void (*fn)(struct gc__counting *, size_t)) {
  const struct gc__size_class *class = gc__block_class(counting->heap, block);
  size_t granule = gc__block_granule(&counting->heap->space, block);
  unsigned cell_count = gc__block_cells(&counting->heap->space, class);
  for (unsigned cell = 0; cell < cell_count; cell++, granule += class->cell_granules)
    if (gc__heap_is_given(counting->heap, granule)) fn(counting, granule);
}

void gc__counting_each_root_object(struct gc__counting *counting, bool is_all,
                                   void (*fn)(struct gc__counting *, size_t)) {
  const struct gc__heap *heap = counting->heap;
  for (uint32_t block = heap->root_blocks; block != GC__NONE; block = heap->space.blocks[block].root_next)
    if (is_all || gc__entry_at(&heap->space, block).stamp == heap->stamp) each_root_cell(counting, block, fn);
  for (uint32_t first = heap->root_large; first != GC__NONE; first = heap->space.runs[first].next) {
    if (!is_all && heap->space.runs[first].stamp != heap->stamp) break;
    size_t granule = (size_t)first * GC__PAGE_GRANULES;
    if (gc__heap_is_given(heap, granule)) fn(counting, granule);
  }
}

/* ---- Root words that name nothing ---- */

void gc__counting_begin_black(struct gc__counting *counting) {
  struct gc__heap *heap = counting->heap;
  heap->black_epoch = heap->black_epoch == GC__EPOCH_LAST ? GC__EPOCH_FIRST : (uint8_t)(heap->black_epoch + 1);
}

void gc__counting_note_false(struct gc__counting *counting, size_t word, size_t granule) {
  struct gc__heap *heap = counting->heap;
  struct gc__block *facts = &heap->space.blocks[gc__block_at(&heap->space, word - heap->space.base)];
  counting->figures.false_words++;
  if (facts->state == GC__BLOCK_NONE) {
    gc__byte_poke(&heap->space.black_pages[(word - heap->space.base) >> GC__PAGE_LOG2], heap->black_epoch);
  } else if (granule != GC__NO_OBJECT && facts->state != GC__BLOCK_OWNED && !facts->is_pending &&
             !heap->space.live[granule]) {
    heap->space.live[granule] = gc__live_black(heap->black_epoch);
    facts->black_epoch = heap->black_epoch;
  }
}
