/* heap/write_log.c - see write_log.h. */
#include "heap/write_log.h"
#include "base/bytes.h"
#include "base/check.h"
#include "heap/heap.h"

#include <errno.h>
#include <string.h>

int gc__log_open(struct gc__heap *heap, bool has_cards, enum gc__watch_kind kind, const char **missing) {
  const struct gc__space *space = &heap->space;
  struct gc__range reserved = {space->base, space->base + space->reserved_bytes};
  heap->log = (struct gc__log){.has_cards = has_cards};
  if (has_cards && !gc__space_keep_cards(&heap->space)) return ENOMEM;
  int error = gc__watch_open(&heap->log.watch, kind, reserved, heap->budget, missing);
  if (error) return error;
  heap->log.is_on = true;
  gc__log_extend(heap);
  return 0;
}

void gc__log_close(struct gc__heap *heap) {
  if (heap->log.is_on) gc__watch_close(&heap->log.watch);
  heap->log.is_on = false;
}

/* Once the watch has refused memory it is offered no more: what it watches stays one piece. */
void gc__log_extend(struct gc__heap *heap) {
  const struct gc__space *space = &heap->space;
  struct gc__log *log = &heap->log;
  struct gc__range fresh = {space->base + log->watched_bytes, space->base + space->span_bytes};
  if (!log->is_on || log->has_refused || fresh.start == fresh.end) return;
  log->has_refused = !gc__watch_add(&log->watch, fresh);
  if (!log->has_refused) gc__word_set(&log->watched_bytes, space->span_bytes);
}

/* The part of some pages that is watched. */
static struct gc__range watched_range(const struct gc__heap *heap, size_t first_page, size_t page_count) {
  uintptr_t start = heap->space.base + first_page * GC__PAGE_BYTES, end = start + page_count * GC__PAGE_BYTES;
  uintptr_t watched_end = heap->space.base + heap->log.watched_bytes;
  if (end > watched_end) end = watched_end;
  return (struct gc__range){start < end ? start : end, end};
}

/* ---- Open and tracked ---- */

struct gc__range gc__log_open_block(struct gc__heap *heap, uint32_t block) {
  struct gc__space *space = &heap->space;
  const struct gc__range nothing = {0, 0};
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (!heap->log.is_on) return nothing;
  if (!space->blocks[block].is_open) {
    space->blocks[block].is_open = true;
    space->open_blocks[heap->log.open_count] = block;
    gc__flag_set(&heap->log.open_count, heap->log.open_count + 1);
  }
  if (!gc__log_is_tracked(space, block)) return nothing;
  uint32_t bit = UINT32_C(1) << block % GC__CHUNK_BLOCKS;
  space->tracked[block / GC__CHUNK_BLOCKS] &= ~bit;
  if (!(space->armed[block / GC__CHUNK_BLOCKS] & bit)) return nothing;
  space->armed[block / GC__CHUNK_BLOCKS] &= ~bit;
  struct gc__range range = watched_range(heap, gc__block_page(space, block), gc__block_pages(space));
  if (heap->log.watch.kind == GC__WATCH_KERNEL) return range;
  gc__watch_open_pages(&heap->log.watch, range);
  return nothing;
}

void gc__log_open_pages(struct gc__heap *heap, struct gc__range range) {
  gc__watch_open_pages(&heap->log.watch, range);
}

struct block_range {
  size_t first, end;
};

/* The bits of blocks [block, end) that lie in the word of the first one; *next: the first block of the next word. */
static uint32_t block_bits(size_t block, size_t end, size_t *next) {
  *next = gc__round_down(block, GC__CHUNK_BLOCKS) + GC__CHUNK_BLOCKS;
  uint32_t bits = UINT32_MAX << block % GC__CHUNK_BLOCKS;
  return *next > end ? bits & UINT32_MAX >> (*next - end) : bits;
}

static void set_blocks(uint32_t *chunks, size_t block, size_t end) {
  for (size_t next; block < end; block = next) {
    uint32_t bits = block_bits(block, end, &next);
    chunks[block / GC__CHUNK_BLOCKS] |= bits;
  }
}

static void clear_blocks(uint32_t *chunks, size_t block, size_t end) {
  for (size_t next; block < end; block = next) {
    uint32_t bits = block_bits(block, end, &next);
    chunks[block / GC__CHUNK_BLOCKS] &= ~bits;
  }
}

static bool has_blocks(const uint32_t *chunks, size_t block, size_t end) {
  for (size_t next; block < end; block = next) {
    uint32_t bits = block_bits(block, end, &next);
    if (chunks[block / GC__CHUNK_BLOCKS] & bits) return true;
  }
  return false;
}

void gc__log_cover(struct gc__heap *heap, uint32_t first_page, uint32_t page_count) {
  const struct gc__space *space = &heap->space;
  size_t end = gc__block_of_page(space, first_page + page_count - 1) + 1;
  if (heap->log.is_on) set_blocks(space->tracked, gc__block_of_page(space, first_page), end);
}

void gc__log_track(struct gc__heap *heap, uint32_t first_page, uint32_t page_count) {
  struct gc__log *log = &heap->log;
  if (!log->is_on) return;
  gc__log_cover(heap, first_page, page_count);
  if (log->is_resting) return;
  const struct gc__space *space = &heap->space;
  set_blocks(space->armed, gc__block_of_page(space, first_page),
             gc__block_of_page(space, first_page + page_count - 1) + 1);
  struct gc__range range = watched_range(heap, first_page, page_count);
  if (range.start != log->arming.end) {
    gc__log_arm(heap);
    log->arming = range;
  }
  log->arming.end = range.end;
}

void gc__log_arm(struct gc__heap *heap) {
  struct gc__range *arming = &heap->log.arming;
  if (arming->start != arming->end && !heap->log.has_cards) gc__watch_arm(&heap->log.watch, *arming);
  *arming = (struct gc__range){0, 0};
}

/* The blocks that lie in these pages as a whole. */
static struct block_range whole_blocks(const struct gc__space *space, uint32_t first_page, uint32_t page_count) {
  uint32_t block_pages = gc__block_pages(space);
  size_t first = gc__block_of_page(space, (size_t)first_page + block_pages - 1);
  size_t end = gc__block_of_page(space, (size_t)first_page + page_count);
  return (struct block_range){first, first < end ? end : first};
}

void gc__log_forget(struct gc__heap *heap, uint32_t first_page, uint32_t page_count) {
  struct block_range whole = whole_blocks(&heap->space, first_page, page_count);
  clear_blocks(heap->space.tracked, whole.first, whole.end);
}

struct gc__range gc__log_welcome(struct gc__heap *heap, uint32_t first_page, uint32_t page_count) {
  struct gc__space *space = &heap->space;
  struct gc__watch *watch = &heap->log.watch;
  const struct gc__range nothing = {0, 0};
  if (!heap->log.is_on) return nothing;
  gc__log_forget(heap, first_page, page_count);
  struct gc__range range = watched_range(heap, first_page, page_count);
  if (watch->kind == GC__WATCH_PROTECT) gc__watch_open_pages(watch, range);
  if (watch->kind != GC__WATCH_KERNEL || heap->log.has_cards) return nothing;
  size_t first = gc__block_of_page(space, first_page);
  size_t end = gc__block_of_page(space, first_page + page_count - 1) + 1;
  if (!has_blocks(space->armed, first, end)) return nothing;
  struct block_range whole = whole_blocks(space, first_page, page_count);
  clear_blocks(space->armed, whole.first, whole.end);
  return range;
}

static struct gc__range chunk_range(const struct gc__heap *heap, uint32_t chunk) {
  return watched_range(heap, chunk * (GC__CHUNK_BYTES / GC__PAGE_BYTES), GC__CHUNK_BYTES / GC__PAGE_BYTES);
}

void gc__log_begin_remap(struct gc__heap *heap, uint32_t chunk) {
  struct gc__range range = chunk_range(heap, chunk);
  if (!heap->log.is_on) return;
  heap->space.armed[chunk] = 0;
  if (range.start < range.end) gc__watch_open_pages(&heap->log.watch, range);
}

void gc__log_end_remap(struct gc__heap *heap, uint32_t chunk) {
  if (heap->log.is_on) gc__watch_renew(&heap->log.watch, chunk_range(heap, chunk));
}

/* ---- What was written ---- */

/* The next run of tracked blocks from this one on, below end: its first block; *after: the block behind it. */
static size_t next_tracked(const struct gc__space *space, size_t block, size_t end, size_t *after) {
  while (block < end && !gc__log_is_tracked(space, block)) {
    uint32_t rest = space->tracked[block / GC__CHUNK_BLOCKS] >> block % GC__CHUNK_BLOCKS;
    block = rest ? block + gc__lowest_bit(rest) : gc__round_up(block + 1, GC__CHUNK_BLOCKS);
  }
  if (block >= end) return end;
  size_t at = block;
  while (at < end && gc__log_is_tracked(space, at)) {
    uint32_t gaps = ~space->tracked[at / GC__CHUNK_BLOCKS] >> at % GC__CHUNK_BLOCKS;
    at = gaps ? at + gc__lowest_bit(gaps) : gc__round_up(at + 1, GC__CHUNK_BLOCKS);
  }
  *after = at < end ? at : end;
  return block;
}

struct taking {
  struct gc__heap *heap;
  void (*fn)(void *, struct gc__range);
  void *argument;
};

static void tell_pages(void *argument, struct gc__range range) {
  const struct taking *taking = argument;
  taking->heap->log.written_pages += (range.end - range.start) / GC__PAGE_BYTES;
  gc__swap_note_written(taking->heap, range.start, range.end);
  taking->fn(taking->argument, range);
}

/* Whether a page may belong to an old object with pointers. Those of leaves stay open: a take would arm them; so would
 * it those that are lent. */
static bool is_page_scanned(const struct gc__space *space, size_t page) {
  if (!(gc__entry_at(space, gc__block_of_page(space, page)).shape & GC__SHAPE_PAGES)) return true;
  uint32_t head = space->run_heads[page];
  const struct gc__run *run = &space->runs[head ? head - 1 : page];
  return head && run->state == GC__RUN_LARGE && run->kind != GC__KIND_LEAF && !run->is_guarded && !run->is_closed;
}

/* The kernel is asked about a range in one call, and arms what it likes; protection is for pages that need it. */
static void take_watched(struct gc__heap *heap, struct gc__range range, struct taking *taking) {
  const struct gc__space *space = &heap->space;
  struct gc__watch *watch = &heap->log.watch;
  if (watch->kind != GC__WATCH_PROTECT) {
    gc__watch_take(watch, range, tell_pages, taking);
    return;
  }
  size_t page = (range.start - space->base) / GC__PAGE_BYTES, end = (range.end - space->base) / GC__PAGE_BYTES;
  for (size_t first; page < end; page++) {
    for (first = page; page < end && is_page_scanned(space, page);) page++;
    struct gc__range scanned = {space->base + first * GC__PAGE_BYTES, space->base + page * GC__PAGE_BYTES};
    if (first < page) gc__watch_take(watch, scanned, tell_pages, taking);
  }
}

static void take_pages(struct gc__heap *heap, struct taking *taking) {
  const struct gc__space *space = &heap->space;
  size_t end = gc__block_count(space), after = 0;
  for (size_t block = 0; (block = next_tracked(space, block, end, &after)) < end; block = after) {
    struct gc__range range = watched_range(heap, gc__block_page(space, block), gc__block_page(space, after - block));
    uintptr_t start = space->base + gc__block_offset(space, block); /* may lie behind all that is watched */
    struct gc__range rest = {start < range.end ? range.end : start, space->base + gc__block_offset(space, after)};
    set_blocks(space->armed, block, after);
    if (range.start < range.end) take_watched(heap, range, taking);
    if (rest.start < rest.end) tell_pages(taking, rest);
  }
}

/* The cards of one block, which are clean afterwards. Those of an open one tell nothing: it counts as written, and most
 * of its stores went to young objects. */
static void take_block_cards(struct gc__heap *heap, size_t block, const struct taking *taking) {
  struct gc__space *space = &heap->space;
  size_t block_cards = gc__block_bytes(space) / GC__CARD_BYTES;
  uint8_t *cards = space->cards + block * block_cards;
  uintptr_t start = space->base + gc__block_offset(space, block);
  bool is_tracked = gc__log_is_tracked(space, block);
  for (size_t first = 0, end; is_tracked && first < block_cards; first = end) {
    end = first + 1;
    if (!cards[first]) continue;
    while (end < block_cards && cards[end]) end++;
    heap->log.written_pages += gc__round_up((end - first) * GC__CARD_BYTES, GC__PAGE_BYTES) / GC__PAGE_BYTES;
    struct gc__range range = {start + first * GC__CARD_BYTES, start + end * GC__CARD_BYTES};
    gc__swap_note_written(heap, range.start, range.end);
    taking->fn(taking->argument, range);
  }
  memset(cards, 0, block_cards);
}

/* Of the 64 KiB for which gc_write has a byte: as long as an ordinary block. */
static void take_group_cards(struct gc__heap *heap, size_t group, const struct taking *taking) {
  struct gc__space *space = &heap->space;
  size_t block = gc__block_at(space, group * GC__BLOCK_BYTES), end = gc__block_at(space, (group + 1) * GC__BLOCK_BYTES);
  if (end > gc__block_count(space)) end = gc__block_count(space);
  space->card_blocks[group] = 0;
  for (; block < end; block++) take_block_cards(heap, block, taking);
}

/* A byte for 64 KiB says whether there are any: 16 KiB a GiB. The program's stores set the card first, and the world is
 * stopped: a thread between the two stores holds the new value in a register, and its block's byte comes later. */
static void take_cards(struct gc__heap *heap, const struct taking *taking) {
  const struct gc__space *space = &heap->space;
  size_t group_bytes = GC__BLOCK_BYTES * sizeof(uint64_t); /* the table has whole words */
  size_t words = (space->span_bytes + group_bytes - 1) / group_bytes;
  for (size_t word = 0; word < words; word++) {
    uint64_t bytes;
    memcpy(&bytes, space->card_blocks + word * sizeof bytes, sizeof bytes);
    for (size_t i = 0; bytes && i < sizeof bytes; i++)
      if (space->card_blocks[word * sizeof bytes + i]) take_group_cards(heap, word * sizeof bytes + i, taking);
  }
}

void gc__log_take(struct gc__heap *heap, void (*fn)(void *, struct gc__range), void *argument) {
  struct taking taking = {heap, fn, argument};
  if (heap->log.has_cards) take_cards(heap, &taking);
  else take_pages(heap, &taking);
}

/* ---- The program's side ---- */

void gc__log_expect(struct gc__heap *heap, struct gc__range range) {
  const struct gc__space *space = &heap->space;
  uintptr_t end = space->base + gc__word_get(&heap->log.watched_bytes);
  range.start = gc__round_down(range.start < space->base ? space->base : range.start, GC__PAGE_BYTES);
  range.end = gc__round_up(range.end > end ? end : range.end, GC__PAGE_BYTES);
  if (heap->log.is_on && range.start < range.end) gc__watch_open_pages(&heap->log.watch, range);
}

void gc__log_after_fork(struct gc__heap *heap) {
  if (heap->log.is_on) (void)gc__watch_after_fork(&heap->log.watch);
}
