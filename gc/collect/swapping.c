/* collect/swapping.c - see swapping.h. */
#include "collect/swapping.h"
#include "collect/collector.h"
#include "os/clock.h"

/* After a failure nothing is moved unasked for so long: a full disk may have got room again. */
#define RETRY_NS UINT64_C(1000000000)

/* Of the limit, what may be allocated between two full collections where the live heap leaves less. */
#define ROOM_SHARE 4

/* Of what is in use, what goes at a time when the system says that memory is short. */
#define RELIEF_SHARE 16

struct move_stop {
  struct gc__collector *collector;
  const struct gc__swap_move *moves;
  unsigned count;
  size_t moved_bytes, dropped_bytes; /* to the file; of the shadow with that */
  bool is_checked;                   /* TREFOIL_CHECK=heap */
};

static void finish_move(struct move_stop *stop, const struct gc__swap_move *move) {
  struct gc__collector *collector = stop->collector;
  size_t moved = gc__swap_finish(&collector->heap, move), first_page = move->unit * GC__CHUNK_PAGES;
  stop->moved_bytes += moved;
  if (moved && gc__heap_has_counts(&collector->heap))
    stop->dropped_bytes += gc__counting_drop_shadow(&collector->counting, first_page, GC__CHUNK_PAGES);
}

static void finish_stopped(void *argument) {
  struct move_stop *stop = argument;
  for (unsigned i = 0; i < stop->count; i++) finish_move(stop, &stop->moves[i]);
  if (stop->is_checked) gc__swap_verify(&stop->collector->heap);
}

/* How many bytes of memory that gave back. Collector lock held, in a section. */
static size_t finish_moves(struct gc__collector *collector, const struct gc__swap_move *moves, unsigned count) {
  struct gc__swapping *swapping = &collector->swapping;
  struct move_stop stop = {collector, moves, count, 0, 0, collector->inspect_stopped != NULL};
  gc__lock_take(&collector->world.lock);
  uint64_t start_ns = gc__clock_ns();
  gc__world_stop(&collector->world, finish_stopped, &stop);
  uint64_t length_ns = gc__clock_ns() - start_ns;
  gc__lock_give(&collector->world.lock);
  swapping->stops++;
  swapping->stop_total_ns += length_ns;
  if (length_ns > swapping->stop_most_ns) swapping->stop_most_ns = length_ns;
  swapping->moved_bytes += stop.moved_bytes;
  return stop.moved_bytes + stop.dropped_bytes;
}

/* Up to a stop's worth of units from a list; *taken: how many entries it used up. */
static size_t move_some(struct gc__collector *collector, const uint32_t *units, uint32_t count, uint32_t *taken) {
  struct gc__swap_move moves[GC__SWAP_STOP_UNITS];
  unsigned saved = 0;
  for (*taken = 0; *taken < count && saved < GC__SWAP_STOP_UNITS && !collector->heap.swap.error; ++*taken)
    if (gc__swap_save(&collector->heap, units[*taken], &moves[saved]) == 0) saved++;
  return saved ? finish_moves(collector, moves, saved) : 0;
}

static size_t move_cold(struct gc__collector *collector, size_t bytes, bool is_urgent) {
  uint32_t units[GC__SWAP_CHOICES_MOST], taken;
  size_t moved = 0;
  collector->heap.swap.error = 0;
  for (bool goes_on = true; goes_on && moved < bytes;) {
    size_t before = moved;
    uint32_t count = gc__swap_choose(&collector->heap, is_urgent, units, GC__SWAP_CHOICES_MOST);
    for (uint32_t at = 0; at < count && moved < bytes && !collector->heap.swap.error; at += taken)
      moved += move_some(collector, units + at, count - at, &taken);
    goes_on = moved > before && !collector->heap.swap.error;
  }
  collector->swapping.failed_ns = moved ? 0 : gc__clock_ns();
  return moved;
}

size_t gc__collector_swap_out(struct gc__collector *collector, size_t bytes, bool is_urgent) {
  size_t moved = 0;
  if (!collector->heap.swap.is_on || !bytes) return 0;
  gc__lock_take(&collector->lock);
  gc__world_enter(gc__self);
  gc__swap_take_back(&collector->heap, false);
  moved = move_cold(collector, bytes, is_urgent);
  gc__world_leave(gc__self);
  gc__lock_give(&collector->lock);
  return moved;
}

static bool may_retry(const struct gc__swapping *swapping) {
  return !swapping->failed_ns || gc__clock_ns() - swapping->failed_ns > RETRY_NS;
}

size_t gc__swapping_room_bytes(const struct gc__collector *collector) {
  size_t limit = gc__word_peek(&collector->budget->limit_bytes);
  if (!collector->heap.swap.is_on || !may_retry(&collector->swapping)) return 0;
  uint64_t room = gc__swap_room_bytes(&collector->heap.swap);
  return room < limit / ROOM_SHARE ? room : limit / ROOM_SHARE;
}

void gc__swapping_settle(struct gc__collector *collector) {
  if (!collector->heap.swap.is_on) return;
  gc__swap_take_back(&collector->heap, collector->last.is_full);
  size_t used = gc__word_peek(&collector->budget->used_bytes), limit = gc__word_peek(&collector->budget->limit_bytes);
  if (used > limit && may_retry(&collector->swapping)) (void)move_cold(collector, used - limit, true);
}

void gc__swapping_relieve(struct gc__collector *collector) {
  size_t used = gc__word_peek(&collector->budget->used_bytes);
  if (collector->heap.swap.is_on && may_retry(&collector->swapping))
    (void)move_cold(collector, used / RELIEF_SHARE, false);
}
