/* os/memory.c - the portable part of memory.h: budgets and regions. */
#include "os/memory.h"
#include "base/atomic.h"
#include "base/bits.h"

#include <string.h>

/* Regions grow in steps: small ones a little at a time, large ones by an eighth, to keep system calls rare. */
#define REGION_STEP_BYTES ((size_t)64 << 10)

bool gc__budget_take(struct gc__budget *budget, size_t bytes) {
  size_t used;
  do {
    used = gc__word_peek(&budget->used_bytes);
    size_t limit = gc__word_peek(&budget->limit_bytes);
    if (used > limit || bytes > limit - used) return false;
  } while (!gc__word_swap_if(&budget->used_bytes, used, used + bytes));
  return true;
}

void gc__budget_give(struct gc__budget *budget, size_t bytes) {
  gc__word_add(&budget->used_bytes, -bytes);
}

void gc__budget_charge(struct gc__budget *budget, size_t bytes) {
  gc__word_add(&budget->used_bytes, bytes);
}

size_t gc__budget_over_bytes(const struct gc__budget *budget) {
  size_t used = gc__word_peek(&budget->used_bytes), limit = gc__word_peek(&budget->limit_bytes);
  return used > limit ? used - limit : 0;
}

/* Of the time. */
#define STALLED_SHARE 10

bool gc__pressure_rises(struct gc__pressure *before, const struct gc__pressure *now) {
  uint64_t elapsed_us = (now->asked_ns - before->asked_ns) / 1000;
  uint64_t stalled_us = now->stalled_us > before->stalled_us ? now->stalled_us - before->stalled_us : 0;
  bool is_known = before->asked_ns != 0, is_throttled = now->throttled > before->throttled;
  *before = *now;
  return is_known && (is_throttled || (elapsed_us && stalled_us >= elapsed_us / STALLED_SHARE && stalled_us > 0));
}

/* ---- From a supply ---- */

static bool take_zeroed(const struct gc__supply *supply, size_t *bytes, void **start) {
  *start = gc__os_shall_fail() ? NULL : supply->take(supply->owner, bytes);
  if (*start) memset(*start, 0, *bytes);
  return *start != NULL;
}

void *gc__supply_take(const struct gc__supply *supply, size_t bytes) {
  void *start;
  return take_zeroed(supply, &bytes, &start) ? start : NULL;
}

static bool open_supplied(struct gc__region *region, struct gc__budget *budget, size_t bytes) {
  void *start;
  if (!take_zeroed(budget->supply, &bytes, &start)) return false;
  *region = (struct gc__region){.start = start, .reserved_bytes = bytes, .committed_bytes = bytes, .budget = budget};
  return true;
}

static void close_supplied(struct gc__region *region) {
  const struct gc__supply *supply = region->budget->supply;
  if (region->start) supply->give(supply->owner, region->start, region->committed_bytes);
  region->start = NULL;
  gc__word_poke(&region->committed_bytes, 0);
}

static bool move_supplied(struct gc__region *region, size_t bytes) {
  struct gc__region before = *region;
  void *start;
  if (!take_zeroed(region->budget->supply, &bytes, &start)) return false;
  if (before.start) memcpy(start, before.start, before.committed_bytes);
  close_supplied(&before);
  region->start = start;
  gc__word_poke(&region->committed_bytes, bytes);
  return true;
}

/* ---- Regions ---- */

bool gc__region_open(struct gc__region *region, struct gc__budget *budget, size_t reserved_bytes) {
  if (budget->supply) return open_supplied(region, budget, reserved_bytes);
  reserved_bytes = gc__round_up(reserved_bytes, REGION_STEP_BYTES);
  char *start = gc__os_reserve(reserved_bytes, REGION_STEP_BYTES);
  if (!start) return false;
  *region = (struct gc__region){.start = start, .reserved_bytes = reserved_bytes, .budget = budget};
  return true;
}

/* The part of a limited address space that one such region may take. */
#define REGION_ADDRESS_SHARE 64

bool gc__region_open_most(struct gc__region *region, struct gc__budget *budget, size_t reserved_bytes) {
  if (budget->supply) {
    *region = (struct gc__region){.reserved_bytes = reserved_bytes, .budget = budget};
    return true;
  }
  size_t share = gc__os_address_limit_bytes() / REGION_ADDRESS_SHARE;
  if (reserved_bytes > share) reserved_bytes = share > REGION_STEP_BYTES ? share : REGION_STEP_BYTES;
  for (; reserved_bytes >= REGION_STEP_BYTES; reserved_bytes /= 2)
    if (gc__region_open(region, budget, reserved_bytes)) return true;
  return false;
}

void gc__region_close(struct gc__region *region) {
  if (!region->start) return;
  if (region->budget->supply) {
    close_supplied(region);
  } else {
    gc__os_release(region->start, region->reserved_bytes);
    gc__budget_give(region->budget, region->committed_bytes);
  }
  *region = (struct gc__region){0};
}

/* The pages stay accessible; they only lose their memory, and are counted again when the region grows again. */
void gc__region_trim(struct gc__region *region, size_t keep_bytes) {
  if (!region->start) return;
  if (region->budget->supply) {
    if (!keep_bytes) close_supplied(region);
    return;
  }
  keep_bytes = gc__round_up(keep_bytes, gc__os_page_bytes());
  if (keep_bytes >= region->committed_bytes) return;
  size_t bytes = region->committed_bytes - keep_bytes;
  if (!gc__os_discard(region->start + keep_bytes, bytes)) return;
  gc__word_poke(&region->committed_bytes, keep_bytes);
  gc__budget_give(region->budget, bytes);
}

static bool extend_region(struct gc__region *region, size_t bytes) {
  size_t more = bytes - region->committed_bytes;
  if (!gc__budget_take(region->budget, more)) return false;
  if (!gc__os_commit(region->start + region->committed_bytes, more)) {
    gc__budget_give(region->budget, more);
    return false;
  }
  gc__word_poke(&region->committed_bytes, bytes);
  return true;
}

bool gc__region_commit_slow(struct gc__region *region, size_t bytes) {
  size_t page_bytes = gc__os_page_bytes();
  if (bytes > region->reserved_bytes) return false;
  if (region->budget->supply)
    return move_supplied(region, bytes + region->committed_bytes / 2) || move_supplied(region, bytes);
  size_t least = gc__round_up(bytes, page_bytes);
  size_t roomy = gc__round_up(bytes + region->committed_bytes / 8, page_bytes);
  if (roomy < region->committed_bytes + page_bytes) roomy = region->committed_bytes + page_bytes;
  if (roomy > region->reserved_bytes) roomy = region->reserved_bytes;
  return extend_region(region, roomy) || (least < roomy && extend_region(region, least));
}

bool gc__region_commit_needed(struct gc__region *region, size_t bytes) {
  if (gc__region_commit(region, bytes)) return true;
  if (region->budget->supply || bytes > region->reserved_bytes) return false;
  size_t more = gc__round_up(bytes, gc__os_page_bytes()) - region->committed_bytes;
  if (!gc__os_commit(region->start + region->committed_bytes, more)) return false;
  gc__budget_charge(region->budget, more);
  gc__word_poke(&region->committed_bytes, region->committed_bytes + more);
  return true;
}
