/* store.c - stores that the collector is told of: what gc_write does inline (trefoil/gc.h), for whole ranges.
 *
 * [store.order] gc_write stores first and sets the card second, and holds the new value in a register or in its frame
 * until the card is set. A stop can fall between any two instructions of it:
 * - before the store: nothing has happened.
 * - between store and card: the stop does not know of the store, but the value is a root at that stop. Its object is
 *   marked, and old from then on if it was young. The card that is set after the restart is looked at once more than it
 *   need be.
 * - after the card: the stop looks at the slot.
 * A card set before the store would be cleaned by a stop between the two, and the store never seen. The byte of the
 * block is set after the card: a stop between these two leaves the card for the next one, as in the second case.
 */
#include "runtime.h"

#include <string.h>

struct gc_barrier gc_barrier;

/* Between two pieces of a move a stop may come, inside a piece it waits: within an overlapping move a pointer may for a
 * moment be nowhere but in a register or, when memmove keeps it there, where nobody looks. */
#define PIECE_BYTES ((size_t)4096)

static void mark_cards(const void *start, size_t bytes) {
  uintptr_t first = (uintptr_t)start, end = first + bytes;
  for (uintptr_t at = gc__round_down(first, GC__CARD_BYTES); at < end; at += GC__CARD_BYTES)
    gc_mark_card_((const void *)(at < first ? first : at));
}

static void move_piece(struct gc__thread *self, char *to, const char *from, size_t bytes) {
  gc__world_enter(self);
  memmove(to, from, bytes);
  mark_cards(to, bytes);
  gc__world_leave(self);
}

void gc_write_range(void *to, const void *from, size_t bytes) {
  struct gc__thread *self = gc_barrier.bytes ? gc__attach() : NULL;
  size_t done = 0;
  if (!self) {
    memmove(to, from, bytes);
    return;
  }
  while (done < bytes) {
    size_t piece = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
    size_t at = (uintptr_t)to <= (uintptr_t)from ? done : bytes - done - piece;
    move_piece(self, (char *)to + at, (const char *)from + at, piece);
    done += piece;
  }
}

void gc_written(const void *start, size_t bytes) {
  if (gc_barrier.bytes) mark_cards(start, bytes);
}

void gc_will_write(void *start, size_t bytes) {
  if (gc_tracking() != GC_TRACK_PROTECT || !bytes) return;
  struct gc__thread *self = gc__self;
  gc__world_enter(self);
  gc__log_expect(&gc__runtime.collector.heap, (struct gc__range){(uintptr_t)start, (uintptr_t)start + bytes});
  gc__world_leave(self);
}
