/* heap/object.c - see object.h. */
#include "heap/object.h"
#include "base/check.h"
#include "heap/block.h"
#include "heap/large.h"
#include "os/tsan.h"

/* Whether a cell with a set young bit waits in its owner's piece for a later allocation. The owner may be running: what
 * is read of its cursor is old at worst, and an address that the caller got from the owner was allocated before that.
 */
static bool is_pending(const struct gc__heap *heap, const struct gc__place *place) {
  const struct gc__block *facts = &heap->space.blocks[gc__block_of(&heap->space, place->granule)];
  struct gc__local *owner = (struct gc__local *)gc__word_get(&facts->owner);
  if (!owner) return false;
  struct gc__piece piece = gc__cursor_piece(gc__local_cursor(owner, place->kind, gc__byte_peek(&facts->size_class)));
  size_t cell = (size_t)gc__space_address(&heap->space, place->granule);
  return cell >= piece.next && cell < piece.limit;
}

struct gc__place gc__object_find(const struct gc__heap *heap, const void *address) {
  const struct gc__place none = {.granule = SIZE_MAX};
  if (!gc__space_contains(&heap->space, address)) return none;
  struct gc__place place = gc__space_place(&heap->space, gc__space_offset(&heap->space, address));
  if (gc__place_is_none(place) || !gc__heap_is_given(heap, place.granule)) return none;
  return !place.is_large && is_pending(heap, &place) ? none : place;
}

size_t gc__object_start(const struct gc__heap *heap, const void *address) {
  struct gc__place place = gc__object_find(heap, address);
  bool is_start = !gc__place_is_none(place) && gc__heap_address(heap, place.granule) == address;
  return is_start ? place.granule : SIZE_MAX;
}

/* ---- Freeing, where counts are kept ---- */

/* Words of an old object that are looked at to see whether it counts nothing. */
#define LOOK_BYTES 256u

/* Whether an old object can be gone at once: nothing counts it, and it counts nothing. */
static bool is_trivial(const struct gc__heap *heap, const struct gc__place *place, uint8_t byte) {
  if ((byte & GC__COUNT_MASK) != GC__COUNT_ZERO) return false;
  if (place->kind == GC__KIND_LEAF) return true;
  return place->bytes <= LOOK_BYTES && gc__shadow_is_zero(&heap->counts.shadow, place->granule, place->bytes);
}

/* An old object that is counted, or counts others, keeps its cell: words elsewhere still name it, and what it counts is
 * taken back by the next stop only. What the program loaded from it just before may be on a stack and nowhere else, and
 * is pinned by that stop: note_freed, unless it is gone at once. False: it was no object any more. */
static bool free_old(struct gc__heap *heap, const struct gc__place *place, bool *is_gone) {
  uint8_t *live = &heap->space.live[place->granule], byte;
  do {
    byte = gc__byte_peek(live);
    if (!gc__count_is_live(byte)) return false;
    *is_gone = is_trivial(heap, place, byte);
  } while (!gc__byte_swap_if(live, byte, *is_gone ? 0 : (uint8_t)(byte | GC__STATE_FREED)));
  if (*is_gone) gc__word_add(&heap->counts.old_bytes, -place->bytes);
  return true;
}

/* Lock held. */
static void note_freed(struct gc__heap *heap, const struct gc__place *place) {
  gc__page_set_add(&heap->counts.sets[GC__SET_FREED], place->granule);
}

/* ---- Freeing ---- */

/* The lock is held all the time: a sweeper that saw the byte of an object that is gone would release it, too. */
static bool free_large(struct gc__heap *heap, struct gc__local *local, struct gc__place place) {
  uint32_t first = (uint32_t)(place.granule / GC__PAGE_GRANULES);
  bool is_gone = true;
  gc__lock_take(&heap->lock);
  gc__guard_check_freed(heap, first);
  bool is_counted = gc__heap_has_counts(heap) && gc__heap_is_old(heap, place.granule);
  bool is_ours = is_counted ? free_old(heap, &place, &is_gone) : heap->space.runs[first].state == GC__RUN_LARGE;
  if (is_ours) gc__guard_close_freed(heap, first);
  if (is_ours && is_gone) gc__large_release(heap, first);
  if (is_ours && !is_gone) note_freed(heap, &place);
  gc__lock_give(&heap->lock);
  if (is_ours && is_gone) local->unreported_bytes -= place.bytes;
  return is_ours;
}

/* Of several threads that free the same cell at once, exactly one wins the byte or the bit. A cell of a block whose
 * young bits count may be kept by its owner; any other is found by its byte when its block is looked at next. */
static bool free_cell(struct gc__heap *heap, struct gc__local *local, struct gc__place place) {
  gc__tsan_release(&heap->sweep); /* [tsan.edges]: before its byte says that it is free */
  uint32_t block = (uint32_t)gc__block_of(&heap->space, place.granule);
  bool is_stamped = gc__entry_at(&heap->space, block).stamp == heap->stamp;
  uint8_t *live = &heap->space.live[place.granule];
  bool is_gone = true;
  if (gc__heap_has_counts(heap) && gc__heap_is_old(heap, place.granule)) {
    if (!free_old(heap, &place, &is_gone)) return false;
    if (!is_gone) {
      gc__lock_take(&heap->lock);
      note_freed(heap, &place);
      gc__lock_give(&heap->lock);
      return true;
    }
  } else if (gc__byte_peek(live) == heap->epoch && !gc__heap_has_counts(heap)) {
    if (!gc__byte_swap_if(live, heap->epoch, 0)) return false;
  } else if (!is_stamped || !gc__block_clear_young_cell(heap, place.granule)) {
    return false;
  }
  local->unreported_bytes -= place.bytes;
  if (!is_stamped || !gc__local_recycle(heap, local, place)) gc__block_note_freed(heap, block);
  return true;
}

bool gc__object_free(struct gc__heap *heap, struct gc__local *local, const void *address) {
  struct gc__place place = gc__object_find(heap, address);
  if (gc__place_is_none(place) || gc__heap_address(heap, place.granule) != address) return false;
  bool done = place.is_large ? free_large(heap, local, place) : free_cell(heap, local, place);
  if (done) gc__word_poke(&local->freed_bytes, local->freed_bytes + place.bytes);
  return done;
}
