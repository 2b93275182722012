/* tools/barriers.c - see barriers.h. */
#include "tools/barriers.h"
#include "os/report.h"
#include "tools/walk.h"

#include <string.h>

#define SUSPECTS_MOST ((size_t)1 << 20)

struct suspect {
  size_t object, offset; /* in the heap */
  size_t before, now;    /* what the word was, and is */
  size_t stops;          /* since then */
};

/* A thread that was stopped in the middle of gc_write may be stopped again before it ran on, and again, where others
 * collect all the time. */
#define FLIGHT_STOPS 32

static struct gc__barriers *barriers_of(const struct gc__collector *collector) {
  return collector->inspected;
}

static size_t *copy_of(const struct gc__barriers *barriers, size_t offset) {
  return (size_t *)(void *)(barriers->copy.start + offset);
}

/* ---- The beginning of a stop ---- */

static void name_word(const struct gc__space *space, const struct suspect *word) {
  gc__report("barrier missing: object 0x%zx + %zu: was 0x%zx, is 0x%zx, not announced by gc_write",
             space->base + word->object, word->offset - word->object, word->before, word->now);
}

static bool has_card(const struct gc__space *space, size_t offset) {
  return space->cards[offset / GC__CARD_BYTES] != 0;
}

/* [barriers.flight] */
static void settle_suspects(struct gc__collector *collector) {
  struct gc__barriers *barriers = barriers_of(collector);
  struct suspect *suspects = (void *)barriers->suspects.start;
  size_t kept = 0;
  for (size_t i = 0; i < barriers->suspect_count; i++) {
    struct suspect word = suspects[i];
    if (has_card(&collector->heap.space, word.offset)) continue;
    if (++word.stops == FLIGHT_STOPS || collector->world.thread_count == 1) name_word(&collector->heap.space, &word);
    else suspects[kept++] = word;
  }
  barriers->suspect_count = kept;
}

static void suspect_word(struct gc__collector *collector, const struct suspect *word) {
  struct gc__barriers *barriers = barriers_of(collector);
  size_t count = barriers->suspect_count;
  if (collector->world.thread_count > 1 && gc__region_commit(&barriers->suspects, (count + 1) * sizeof *word)) {
    ((struct suspect *)(void *)barriers->suspects.start)[count] = *word;
    barriers->suspect_count++;
  } else {
    name_word(&collector->heap.space, word);
  }
}

/* The first granule of the object that a word leads to; SIZE_MAX: to none. */
static size_t target_of(const struct gc__collector *collector, size_t word) {
  const struct gc__space *space = &collector->heap.space;
  size_t offset = word - space->base;
  if (offset >= space->span_bytes) return SIZE_MAX;
  size_t granule = gc__space_granule_of(space, offset);
  if (granule == SIZE_MAX || !gc__heap_is_given(&collector->heap, granule)) return SIZE_MAX;
  bool is_inside = !gc__space_is_start(space, granule, offset);
  return is_inside && !collector->crew.trace.interior_in_heap ? SIZE_MAX : granule;
}

GC__READS_ANYTHING static void compare_object(struct gc__collector *collector, struct gc__old_object object) {
  const struct gc__barriers *barriers = barriers_of(collector);
  const struct gc__space *space = &collector->heap.space;
  size_t start = object.granule * GC__GRANULE_BYTES;
  if (object.is_guarded) return; /* [guard.written] */
  for (size_t offset = start; offset < start + object.bytes; offset += sizeof(size_t)) {
    size_t now = *(const size_t *)(space->base + offset), before;
    if (object.is_large && !barriers->pages.start[offset / GC__PAGE_BYTES]) continue;
    if (now == (before = *copy_of(barriers, offset)) || has_card(space, offset)) continue;
    size_t target = target_of(collector, now);
    if (target == SIZE_MAX || target == target_of(collector, before)) continue;
    if (!gc__heap_declares(&collector->heap, offset)) continue;
    suspect_word(collector, &(struct suspect){start, offset, before, now, 0});
  }
}

static void compare_all(struct gc__collector *collector) {
  if (barriers_of(collector)->is_over || !barriers_of(collector)->copy.committed_bytes) return;
  settle_suspects(collector);
  gc__each_old_object(collector, compare_object);
}

/* ---- The end of a stop ---- */

GC__READS_ANYTHING static void copy_object(struct gc__collector *collector, struct gc__old_object object) {
  struct gc__barriers *barriers = barriers_of(collector);
  size_t start = object.granule * GC__GRANULE_BYTES;
  if (object.is_guarded) return;
  const size_t *from = (const size_t *)(collector->heap.space.base + start);
  for (size_t i = 0; i < object.bytes / sizeof *from; i++) copy_of(barriers, start)[i] = from[i];
  if (object.is_large) memset(barriers->pages.start + start / GC__PAGE_BYTES, 1, object.bytes / GC__PAGE_BYTES);
}

static void copy_all(struct gc__collector *collector) {
  struct gc__barriers *barriers = barriers_of(collector);
  size_t span_bytes = collector->heap.space.span_bytes;
  if (barriers->is_over) return;
  if (!gc__region_commit(&barriers->copy, span_bytes) ||
      !gc__region_commit(&barriers->pages, span_bytes / GC__PAGE_BYTES)) {
    gc__report("TREFOIL_CHECK=barriers: no memory for a copy of the heap; it is checked no more");
    barriers->is_over = true;
    return;
  }
  memset(barriers->pages.start, 0, span_bytes / GC__PAGE_BYTES);
  gc__each_old_object(collector, copy_object);
}

/* ---- Life ---- */

void gc__barriers_open(struct gc__barriers *barriers, struct gc__collector *collector) {
  size_t bytes = collector->heap.space.reserved_bytes;
  *barriers = (struct gc__barriers){0};
  collector->inspected = barriers;
  collector->inspect_begun = compare_all;
  collector->inspect_ended = copy_all;
  barriers->is_over =
      !gc__region_open_most(&barriers->copy, collector->budget, bytes) ||
      !gc__region_open_most(&barriers->pages, collector->budget, bytes / GC__PAGE_BYTES) ||
      !gc__region_open_most(&barriers->suspects, collector->budget, SUSPECTS_MOST * sizeof(struct suspect));
  if (barriers->is_over) gc__report("TREFOIL_CHECK=barriers: no addresses for a copy of the heap; nothing is checked");
}

void gc__barriers_close(struct gc__barriers *barriers) {
  gc__region_close(&barriers->copy);
  gc__region_close(&barriers->pages);
  gc__region_close(&barriers->suspects);
}
