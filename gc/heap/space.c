/* heap/space.c - see space.h. */
#include "heap/space.h"
#include "heap/counts.h"
#include "heap/swap.h"

#include <string.h>

/* Below this the heap keeps to normal pages, so that a small program stays small; above it, marking a random heap is
 * 19 % faster on huge pages, for 1 to 9 % more memory. What they take beyond what is charged counts where memory is
 * short: under a small limit they come later; and where it is saved, since each kind and class has a block, of which a
 * few pages were ever touched (ECL at its prompt: 115 blocks for 2.9 MiB of objects). */
#define HUGE_FROM_BYTES       ((size_t)4 << 20)
#define SHORT_HUGE_FROM_BYTES ((size_t)32 << 20)
#define SHORT_LIMIT_BYTES     ((size_t)1 << 30)

#define LEAST_RESERVE_BYTES ((size_t)16 << 20)

/* The longest cell in a block of 4 KiB: of longer ones there would be one, and a page takes no more. */
#define SMALL_MOST_OF_LEAST 2048u

enum table {
  LIVE,
  ENTRIES,
  BLOCKS,
  YOUNG,
  RUN_HEADS,
  RUNS,
  BLACK_PAGES,
  DIRTY_PAGES,
  TRACKED,
  ARMED,
  OPEN_BLOCKS,
  CARDS,
  CARD_BLOCKS,
  TABLE_COUNT
};

/* How long a table is: so many bytes for each 2^log2 bytes of the space, or for each 2^log2 blocks. Tables end with
 * whole words. */
static const struct {
  uint8_t log2;
  bool is_by_block;
  uint16_t bytes;
} table_steps[TABLE_COUNT] = {
    [LIVE] = {GC__GRANULE_LOG2, false, 1},
    [ENTRIES] = {0, true, sizeof(struct gc__block_entry)},
    [BLOCKS] = {0, true, sizeof(struct gc__block)},
    [YOUNG] = {GC__GRANULE_LOG2 + 6, false, sizeof(uint64_t)},
    [RUN_HEADS] = {GC__PAGE_LOG2, false, sizeof(uint32_t)},
    [RUNS] = {GC__PAGE_LOG2, false, sizeof(struct gc__run)},
    [BLACK_PAGES] = {GC__PAGE_LOG2, false, 1},
    [DIRTY_PAGES] = {GC__PAGE_LOG2 + 6, false, sizeof(uint64_t)},
    [TRACKED] = {5, true, sizeof(uint32_t)},
    [ARMED] = {5, true, sizeof(uint32_t)},
    [OPEN_BLOCKS] = {0, true, sizeof(uint32_t)},
    [CARDS] = {GC__CARD_LOG2, false, 1},
    [CARD_BLOCKS] = {GC__BLOCK_LOG2, false, 1},
};
_Static_assert(GC__CHUNK_BLOCKS == 32, "a word of bits for 2^5 blocks");

static size_t table_bytes(unsigned table, size_t bytes, unsigned block_log2) {
  unsigned log2 = table_steps[table].log2 + (table_steps[table].is_by_block ? block_log2 : 0);
  size_t steps = (bytes + ((size_t)1 << log2) - 1) >> log2;
  return gc__round_up(steps * table_steps[table].bytes, sizeof(uint64_t));
}

static bool is_wanted(unsigned table, bool has_cards) {
  return has_cards || (table != CARDS && table != CARD_BLOCKS);
}

_Static_assert(sizeof((struct gc__space){0}.tables) / sizeof(struct gc__region) == TABLE_COUNT, "a region each");

static void name_tables(struct gc__space *space) {
  space->live = (uint8_t *)space->tables[LIVE].start;
  space->entries = (void *)space->tables[ENTRIES].start;
  space->blocks = (void *)space->tables[BLOCKS].start;
  space->young = (void *)space->tables[YOUNG].start;
  space->run_heads = (void *)space->tables[RUN_HEADS].start;
  space->runs = (void *)space->tables[RUNS].start;
  space->black_pages = (uint8_t *)space->tables[BLACK_PAGES].start;
  space->dirty_pages = (void *)space->tables[DIRTY_PAGES].start;
  space->tracked = (void *)space->tables[TRACKED].start;
  space->armed = (void *)space->tables[ARMED].start;
  space->open_blocks = (void *)space->tables[OPEN_BLOCKS].start;
  space->cards = (uint8_t *)space->tables[CARDS].start;
  space->card_blocks = (uint8_t *)space->tables[CARD_BLOCKS].start;
}

static bool reserve_tables(struct gc__space *space, size_t reserve_bytes) {
  for (unsigned i = 0; i < TABLE_COUNT; i++)
    if (!gc__region_open(&space->tables[i], space->budget, table_bytes(i, reserve_bytes, space->block_log2)))
      return false;
  name_tables(space);
  return true;
}

static bool open_with(struct gc__space *space, struct gc__budget *budget, size_t reserve_bytes) {
  *space = (struct gc__space){.budget = budget,
                              .reserved_bytes = reserve_bytes,
                              .block_log2 = GC__BLOCK_LOG2,
                              .small_most_bytes = GC__SMALL_MAX_BYTES,
                              .displacements = 1};
  void *base = gc__os_reserve(reserve_bytes, GC__HUGE_PAGE_BYTES);
  if (!base) return false;
  space->base = (uintptr_t)base;
  if (reserve_tables(space, reserve_bytes)) return true;
  gc__space_close(space);
  return false;
}

bool gc__space_open(struct gc__space *space, struct gc__budget *budget, size_t reserve_bytes) {
  reserve_bytes = gc__round_up(reserve_bytes, GC__CHUNK_BYTES);
  for (; reserve_bytes >= LEAST_RESERVE_BYTES; reserve_bytes = gc__round_down(reserve_bytes / 2, GC__CHUNK_BYTES))
    if (open_with(space, budget, reserve_bytes)) return true;
  return false;
}

/* ---- In memory of the caller's ---- */

/* Where things begin that lie behind each other. */
struct layout {
  uintptr_t tables[TABLE_COUNT], tables_end, shadow, base, end;
};

static struct layout lay_out(uintptr_t start, size_t bytes, const struct gc__space *space, bool has_shadow) {
  struct layout layout;
  uintptr_t at = gc__round_up(start, GC__LINE_BYTES);
  for (unsigned i = 0; i < TABLE_COUNT; i++) {
    layout.tables[i] = at;
    if (is_wanted(i, space->has_cards)) at += table_bytes(i, bytes, space->block_log2);
    at = gc__round_up(at, GC__LINE_BYTES);
  }
  layout.shadow = at;
  layout.tables_end = has_shadow ? at + bytes : at;
  layout.base = gc__round_up(layout.tables_end, gc__block_bytes(space));
  layout.end = layout.base + bytes;
  return layout;
}

/* The most blocks that fit with their tables; 0: none does. */
static size_t most_blocks(const struct gc__space *space, uintptr_t start, size_t bytes, bool has_shadow) {
  size_t low = 0, high = bytes >> space->block_log2;
  while (low < high) {
    size_t middle = high - (high - low) / 2;
    uintptr_t end = lay_out(start, gc__block_offset(space, middle), space, has_shadow).end;
    if (end >= start && end <= start + bytes) low = middle;
    else high = middle - 1;
  }
  return low;
}

char *gc__space_lay_out(struct gc__space *space, uintptr_t start, size_t bytes, unsigned block_log2, bool has_cards,
                        bool has_shadow) {
  *space = (struct gc__space){
      .block_log2 = (uint8_t)block_log2, .is_fixed = true, .has_cards = has_cards, .displacements = 1};
  space->small_most_bytes = block_log2 < GC__BLOCK_LOG2 ? SMALL_MOST_OF_LEAST : GC__SMALL_MAX_BYTES;
  size_t span_bytes = gc__block_offset(space, most_blocks(space, start, bytes, has_shadow));
  if (!span_bytes || span_bytes / GC__PAGE_BYTES > GC__NONE / 2) return NULL;
  struct layout layout = lay_out(start, span_bytes, space, has_shadow);
  for (unsigned i = 0; i < TABLE_COUNT; i++) {
    size_t length = is_wanted(i, has_cards) ? table_bytes(i, span_bytes, block_log2) : 0;
    space->tables[i] =
        (struct gc__region){.start = (char *)layout.tables[i], .reserved_bytes = length, .committed_bytes = length};
  }
  memset((void *)start, 0, layout.tables_end - start);
  name_tables(space);
  space->shadow = has_shadow ? (char *)layout.shadow : NULL;
  space->base = layout.base;
  space->reserved_bytes = span_bytes;
  gc__word_set(&space->span_bytes, span_bytes);
  return (char *)layout.tables_end;
}

void gc__space_close(struct gc__space *space) {
  if (space->is_fixed) {
    *space = (struct gc__space){0};
    return;
  }
  if (space->returned_pages) gc__budget_charge(space->budget, space->returned_pages * GC__PAGE_BYTES);
  for (unsigned i = 0; i < TABLE_COUNT; i++) gc__region_close(&space->tables[i]);
  if (space->base) gc__os_release((void *)space->base, space->reserved_bytes);
  *space = (struct gc__space){0};
}

static bool commit_tables(struct gc__space *space, size_t bytes) {
  for (unsigned i = 0; i < TABLE_COUNT; i++)
    if (is_wanted(i, space->has_cards) &&
        !gc__region_commit(&space->tables[i], table_bytes(i, bytes, space->block_log2)))
      return false;
  return true;
}

bool gc__space_keep_cards(struct gc__space *space) {
  if (space->is_fixed) return space->has_cards;
  space->has_cards = true;
  return commit_tables(space, space->span_bytes);
}

static bool wants_huge_pages(const struct gc__space *space, size_t span_bytes) {
  bool is_short = space->saves || gc__word_peek(&space->budget->limit_bytes) < SHORT_LIMIT_BYTES;
  return span_bytes > (is_short ? SHORT_HUGE_FROM_BYTES : HUGE_FROM_BYTES);
}

bool gc__space_extend(struct gc__space *space, size_t bytes) {
  bytes = gc__round_up(bytes, GC__CHUNK_BYTES);
  if (!bytes || bytes > space->reserved_bytes - space->span_bytes) return false;
  if (!commit_tables(space, space->span_bytes + bytes)) return false;
  char *start = (char *)space->base + space->span_bytes;
  if (space->counts && !gc__counts_extend(space->counts, space, space->span_bytes + bytes)) return false;
  if (space->swap && !gc__swap_extend(space->swap, space->span_bytes + bytes)) return false;
  if (!gc__os_commit(start, bytes)) return false;
  if (wants_huge_pages(space, space->span_bytes + bytes)) {
    gc__os_prefer_huge(start, bytes);
    size_t live_start = gc__round_up(space->span_bytes / GC__GRANULE_BYTES, GC__PAGE_BYTES);
    gc__os_prefer_huge(space->live + live_start, bytes / GC__GRANULE_BYTES);
  }
  gc__word_set(&space->span_bytes, space->span_bytes + bytes); /* after the tables: readers take no lock */
  return true;
}

size_t gc__space_table_bytes(const struct gc__space *space) {
  size_t bytes = space->counts ? gc__counts_table_bytes(space->counts) : 0;
  for (unsigned i = 0; i < TABLE_COUNT; i++) bytes += gc__word_peek(&space->tables[i].committed_bytes);
  return bytes - gc__word_peek(&space->returned_pages) * GC__PAGE_BYTES;
}

struct gc__place gc__space_place(const struct gc__space *space, size_t offset) {
  struct gc__place place = {.granule = gc__space_granule_of(space, offset)};
  if (place.granule == SIZE_MAX) return place;
  struct gc__block_entry entry = gc__entry_at(space, gc__block_at(space, offset));
  if (entry.shape & GC__SHAPE_PAGES) {
    const struct gc__run *run = &space->runs[place.granule / GC__PAGE_GRANULES];
    place.bytes = (size_t)run->page_count * GC__PAGE_BYTES;
    place.kind = (enum gc__kind)run->kind;
    place.is_large = true;
  } else {
    place.bytes = (size_t)(entry.shape & GC__SHAPE_GRANULES) * GC__GRANULE_BYTES;
    place.kind = gc__entry_kind(entry);
  }
  return place;
}
