/* heap/space.c - see space.h. */
#include "heap/space.h"
#include "heap/counts.h"
#include "heap/swap.h"

/* Below this the heap keeps to normal pages, so that a small program stays small; above it, marking a random heap is
 * 19 % faster on huge pages, for 1 to 9 % more memory. What they take beyond what is charged counts where memory is
 * short: under a small limit they come later. */
#define HUGE_FROM_BYTES       ((size_t)4 << 20)
#define SHORT_HUGE_FROM_BYTES ((size_t)32 << 20)
#define SHORT_LIMIT_BYTES     ((size_t)1 << 30)

#define LEAST_RESERVE_BYTES ((size_t)16 << 20)

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

/* How much of each table belongs to a chunk. */
static const size_t chunk_table_bytes[TABLE_COUNT] = {
    [LIVE] = GC__CHUNK_BYTES / GC__GRANULE_BYTES,
    [ENTRIES] = GC__CHUNK_BYTES / GC__BLOCK_BYTES * sizeof(struct gc__block_entry),
    [BLOCKS] = GC__CHUNK_BYTES / GC__BLOCK_BYTES * sizeof(struct gc__block),
    [YOUNG] = GC__CHUNK_BYTES / GC__BLOCK_BYTES * GC__BLOCK_WORDS * sizeof(uint64_t),
    [RUN_HEADS] = GC__CHUNK_BYTES / GC__PAGE_BYTES * sizeof(uint32_t),
    [RUNS] = GC__CHUNK_BYTES / GC__PAGE_BYTES * sizeof(struct gc__run),
    [BLACK_PAGES] = GC__CHUNK_BYTES / GC__PAGE_BYTES,
    [DIRTY_PAGES] = GC__CHUNK_BYTES / GC__PAGE_BYTES / 8,
    [TRACKED] = GC__CHUNK_BLOCKS / 8,
    [ARMED] = GC__CHUNK_BLOCKS / 8,
    [OPEN_BLOCKS] = GC__CHUNK_BLOCKS * sizeof(uint32_t),
    [CARDS] = GC__CHUNK_BYTES / GC__CARD_BYTES,
    [CARD_BLOCKS] = GC__CHUNK_BLOCKS,
};
_Static_assert(GC__CHUNK_BLOCKS == 32, "a word of bits a chunk");
_Static_assert(sizeof((struct gc__space){0}.tables) / sizeof(struct gc__region) == TABLE_COUNT, "a region each");

static bool reserve_tables(struct gc__space *space, size_t reserve_bytes) {
  size_t chunks = reserve_bytes / GC__CHUNK_BYTES;
  for (unsigned i = 0; i < TABLE_COUNT; i++)
    if (!gc__region_open(&space->tables[i], space->budget, chunks * chunk_table_bytes[i])) return false;
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
  return true;
}

static bool open_with(struct gc__space *space, struct gc__budget *budget, size_t reserve_bytes) {
  *space = (struct gc__space){.budget = budget, .reserved_bytes = reserve_bytes, .displacements = 1};
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

void gc__space_close(struct gc__space *space) {
  if (space->returned_pages) gc__budget_charge(space->budget, space->returned_pages * GC__PAGE_BYTES);
  for (unsigned i = 0; i < TABLE_COUNT; i++) gc__region_close(&space->tables[i]);
  if (space->base) gc__os_release((void *)space->base, space->reserved_bytes);
  *space = (struct gc__space){0};
}

static bool commit_tables(struct gc__space *space, size_t chunks) {
  for (unsigned i = 0; i < TABLE_COUNT; i++) {
    bool is_wanted = space->has_cards || (i != CARDS && i != CARD_BLOCKS);
    if (is_wanted && !gc__region_commit(&space->tables[i], chunks * chunk_table_bytes[i])) return false;
  }
  return true;
}

bool gc__space_keep_cards(struct gc__space *space) {
  space->has_cards = true;
  return commit_tables(space, space->span_bytes / GC__CHUNK_BYTES);
}

static bool wants_huge_pages(const struct gc__space *space, size_t span_bytes) {
  bool is_short = gc__word_peek(&space->budget->limit_bytes) < SHORT_LIMIT_BYTES;
  return span_bytes > (is_short ? SHORT_HUGE_FROM_BYTES : HUGE_FROM_BYTES);
}

bool gc__space_extend(struct gc__space *space, size_t bytes) {
  bytes = gc__round_up(bytes, GC__CHUNK_BYTES);
  if (!bytes || bytes > space->reserved_bytes - space->span_bytes) return false;
  if (!commit_tables(space, (space->span_bytes + bytes) / GC__CHUNK_BYTES)) return false;
  char *start = (char *)space->base + space->span_bytes;
  if (space->counts && !gc__counts_extend(space->counts, space->span_bytes + bytes)) return false;
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
  struct gc__block_entry entry = gc__entry_at(space, offset >> GC__BLOCK_LOG2);
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
