/* heap/shadow.c - see shadow.h. */
#include "heap/shadow.h"
#include "heap/swap.h"

/* [space.fixed] All of it is there, zeroed, and charged with the buffer. */
static void take_fixed(struct gc__shadow *shadow, const struct gc__space *space) {
  shadow->is_fixed = true;
  shadow->start = space->shadow;
  shadow->span_bytes = shadow->taken_bytes = space->span_bytes;
  for (size_t page = 0; page < space->span_bytes / GC__PAGE_BYTES; page++) gc__bit_set(shadow->pages, page);
}

bool gc__shadow_open(struct gc__shadow *shadow, struct gc__budget *budget, const struct gc__space *space) {
  *shadow = (struct gc__shadow){.budget = budget, .space = space};
  size_t page_count = space->reserved_bytes / GC__PAGE_BYTES;
  if (!gc__region_open(&shadow->page_memory, budget, gc__round_up(page_count, 64) / 8)) return false;
  shadow->pages = (void *)shadow->page_memory.start;
  if (space->is_fixed) take_fixed(shadow, space);
  else shadow->start = gc__os_reserve(space->reserved_bytes, GC__HUGE_PAGE_BYTES);
  if (!shadow->start) return false;
  shadow->reserved_bytes = space->reserved_bytes;
  shadow->minus_heap = (uintptr_t)shadow->start - space->base;
  return true;
}

void gc__shadow_close(struct gc__shadow *shadow) {
  if (shadow->start && !shadow->is_fixed) gc__os_release(shadow->start, shadow->reserved_bytes);
  gc__region_close(&shadow->page_memory);
  if (shadow->budget && !shadow->is_fixed) gc__budget_give(shadow->budget, shadow->taken_bytes);
  *shadow = (struct gc__shadow){0};
}

bool gc__shadow_extend(struct gc__shadow *shadow, size_t span_bytes) {
  if (span_bytes <= shadow->span_bytes) return true;
  if (!gc__region_commit(&shadow->page_memory, span_bytes / GC__PAGE_BYTES / 8)) return false;
  if (!gc__os_commit(shadow->start + shadow->span_bytes, span_bytes - shadow->span_bytes)) return false;
  shadow->span_bytes = span_bytes;
  return true;
}

bool gc__shadow_take_slow(struct gc__shadow *shadow, size_t page) {
  if (gc__swap_is_away(shadow->space->swap, page)) return false; /* [swap.uncounted] */
  if (!gc__budget_take(shadow->budget, GC__PAGE_BYTES)) return false;
  gc__bit_set(shadow->pages, page);
  gc__word_poke(&shadow->taken_bytes, shadow->taken_bytes + GC__PAGE_BYTES);
  return true;
}

static void discard_taken(struct gc__shadow *shadow, size_t page, size_t end) {
  size_t bytes = (end - page) * GC__PAGE_BYTES;
  if (!gc__os_discard(shadow->start + page * GC__PAGE_BYTES, bytes)) return;
  for (size_t word = page / GC__WORD_BITS; word <= (end - 1) / GC__WORD_BITS; word++)
    gc__word_poke(&shadow->pages[word], shadow->pages[word] & ~gc__bits_of_range(word, page, end));
  gc__word_poke(&shadow->taken_bytes, shadow->taken_bytes - bytes);
  gc__budget_give(shadow->budget, bytes);
}

void gc__shadow_discard(struct gc__shadow *shadow, size_t first_page, size_t count) {
  size_t end = first_page + count;
  for (size_t page = first_page; (page = gc__bit_next(shadow->pages, page, end)) < end;) {
    size_t stop = page;
    while (stop < end && gc__shadow_has(shadow, stop)) stop++;
    discard_taken(shadow, page, stop);
    page = stop;
  }
}

bool gc__shadow_is_zero(const struct gc__shadow *shadow, size_t granule, size_t bytes) {
  size_t at = granule * GC__GRANULE_BYTES, end = at + bytes;
  while (at < end) {
    size_t part = gc__round_down(at, GC__PAGE_BYTES) + GC__PAGE_BYTES;
    if (part > end) part = end;
    const size_t *word = (const size_t *)(void *)(shadow->start + at);
    const size_t *stop = (const size_t *)(void *)(shadow->start + part);
    if (gc__shadow_has(shadow, at / GC__PAGE_BYTES))
      for (; word < stop; word++)
        if (*word) return false;
    at = part;
  }
  return true;
}
