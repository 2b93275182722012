/* tests/unit/heap/block.c - blocks and their lists, young bits, and which cells of a block are occupied. */
#include "../heap_fixture.h"
#include "base/check.h"

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;

static uint32_t make_block(enum gc__kind kind, unsigned size_class) {
  gc__lock_take(&heap->lock);
  struct gc__page_grant grant = gc__block_make(heap, kind, size_class);
  if (grant.first == GC__NONE && gc__heap_grow(heap, GC__BLOCK_PAGES, GC__BLOCK_PAGES))
    grant = gc__block_make(heap, kind, size_class);
  gc__lock_give(&heap->lock);
  ck_assert_uint_ne(grant.first, GC__NONE);
  return grant.first / GC__BLOCK_PAGES;
}

static void release_block(uint32_t block) {
  gc__lock_take(&heap->lock);
  gc__block_release(heap, block);
  gc__lock_give(&heap->lock);
}

static void list_block(uint32_t block) {
  gc__lock_take(&heap->lock);
  gc__block_list(heap, block);
  gc__lock_give(&heap->lock);
}

static uint32_t unlist_block(enum gc__kind kind, unsigned size_class) {
  gc__lock_take(&heap->lock);
  uint32_t block = gc__block_unlist(heap, kind, size_class, GC__TIER_SPARSE);
  gc__lock_give(&heap->lock);
  return block;
}

/* ---- Life and lists ---- */

START_TEST(a_block_is_made_and_released) {
  heap_fixture_open(&fixture, 0);
  for (unsigned i = 0; i < GC__CLASS_COUNT; i++) {
    enum gc__kind kind = (enum gc__kind)(i % GC__KIND_COUNT);
    size_t free_pages = heap->pages.free_pages;
    uint32_t block = make_block(kind, i);
    struct gc__block_entry entry = gc__entry_at(&heap->space, block);
    if (free_pages) ck_assert_uint_eq(heap->pages.free_pages, free_pages - GC__BLOCK_PAGES);
    ck_assert_uint_eq(heap->space.blocks[block].state, GC__BLOCK_OWNED);
    ck_assert_uint_eq(entry.shape & GC__SHAPE_GRANULES, gc__size_classes[i].cell_granules);
    ck_assert(gc__entry_kind(entry) == kind && entry.reciprocal == gc__size_classes[i].reciprocal);
    ck_assert_ptr_eq(gc__block_class(heap, block), &gc__size_classes[i]);
    ck_assert_uint_eq(gc__block_count_live(heap, block), 0);
    if (i % 2) release_block(block);
    if (i % 2) ck_assert_uint_eq(gc__entry_at(&heap->space, block).shape, 0);
  }
  for (uint32_t block = 0; block < heap->space.span_bytes / GC__BLOCK_BYTES; block++)
    if (heap->space.blocks[block].state != GC__BLOCK_NONE) release_block(block);
  ck_assert_uint_eq(heap->pages.free_pages * GC__PAGE_BYTES, heap->space.span_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(lists_are_by_kind_and_class) {
  uint32_t blocks[3][4];
  static const struct {
    enum gc__kind kind;
    unsigned size_class;
  } lists[3] = {{GC__KIND_SCANNED, 4}, {GC__KIND_LEAF, 4}, {GC__KIND_SCANNED, 5}};
  heap_fixture_open(&fixture, 0);
  for (unsigned i = 0; i < 12; i++) {
    blocks[i % 3][i / 3] = make_block(lists[i % 3].kind, lists[i % 3].size_class);
    list_block(blocks[i % 3][i / 3]);
    ck_assert_uint_eq(heap->space.blocks[blocks[i % 3][i / 3]].state, GC__BLOCK_LISTED);
  }
  for (unsigned list = 0; list < 3; list++) {
    unsigned seen = 0;
    for (unsigned i = 0; i < 4; i++) {
      uint32_t block = unlist_block(lists[list].kind, lists[list].size_class);
      for (unsigned j = 0; j < 4; j++) seen |= (unsigned)(blocks[list][j] == block) << j;
      ck_assert_uint_eq(heap->space.blocks[block].state, GC__BLOCK_OWNED);
      release_block(block);
    }
    ck_assert_uint_eq(seen, 15);
    ck_assert_uint_eq(unlist_block(lists[list].kind, lists[list].size_class), GC__NONE);
  }
  ck_assert_uint_eq(unlist_block(GC__KIND_ROOT, 0), GC__NONE);
  heap_fixture_close(&fixture);
}
END_TEST

static unsigned count_root_blocks(void) {
  unsigned count = 0;
  uint32_t before = GC__NONE;
  for (uint32_t block = heap->root_blocks; block != GC__NONE; block = heap->space.blocks[block].root_next) {
    require(heap->space.blocks[block].kind == GC__KIND_ROOT && heap->space.blocks[block].root_before == before);
    before = block;
    count++;
  }
  return count;
}

START_TEST(root_blocks_are_all_known) {
  uint32_t blocks[20];
  uint64_t state = 1;
  heap_fixture_open(&fixture, 0);
  for (unsigned i = 0; i < 20; i++) {
    blocks[i] = make_block(GC__KIND_ROOT, i);
    make_block(GC__KIND_SCANNED, i);
    ck_assert_uint_eq(count_root_blocks(), i + 1);
  }
  for (unsigned left = 20; left > 0; left--) {
    size_t i = unit_random_below(&state, left);
    release_block(blocks[i]);
    blocks[i] = blocks[left - 1];
    ck_assert_uint_eq(count_root_blocks(), left - 1);
  }
  ck_assert_uint_eq(heap->root_blocks, GC__NONE);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Young bits ---- */

static bool is_young(uint32_t block, size_t granule) {
  return gc__bit_test(gc__block_young(&heap->space, block), granule);
}

START_TEST(young_bits_are_set_for_whole_ranges) {
  uint64_t state = 2;
  bool model[GC__BLOCK_GRANULES] = {false};
  heap_fixture_open(&fixture, 0);
  uint32_t block = make_block(GC__KIND_SCANNED, 0), other = make_block(GC__KIND_SCANNED, 0);
  gc__block_stamp(heap, block);
  gc__block_stamp(heap, other);
  size_t base = heap->space.base + block * GC__BLOCK_BYTES;
  for (int i = 0; i < 300; i++) {
    size_t first = unit_random_below(&state, GC__BLOCK_GRANULES);
    size_t end = first + 1 + unit_random_below(&state, GC__BLOCK_GRANULES - first);
    bool is_set = unit_random(&state) & 1;
    if (is_set) gc__block_set_young(heap, base + first * GC__GRANULE_BYTES, base + end * GC__GRANULE_BYTES);
    else gc__block_clear_young(heap, base + first * GC__GRANULE_BYTES, base + end * GC__GRANULE_BYTES);
    for (size_t granule = first; granule < end; granule++) model[granule] = is_set;
    size_t one = unit_random_below(&state, GC__BLOCK_GRANULES);
    require(gc__block_clear_young_cell(heap, block * GC__BLOCK_GRANULES + one) == model[one]);
    model[one] = false;
    for (size_t granule = 0; granule < GC__BLOCK_GRANULES; granule++) {
      require(is_young(block, granule) == model[granule]);
      require(!is_young(other, granule));
    }
  }
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(a_new_stamp_makes_all_bits_stale) {
  heap_fixture_open(&fixture, 0);
  uint32_t block = make_block(GC__KIND_SCANNED, 3);
  size_t base = heap->space.base + block * GC__BLOCK_BYTES, granule = block * GC__BLOCK_GRANULES;
  gc__block_stamp(heap, block);
  gc__block_set_young(heap, base, base + 1024);
  ck_assert(gc__heap_is_given(heap, granule));
  gc__block_stamp(heap, block); /* bears it already: the bits stay */
  ck_assert(gc__heap_is_given(heap, granule) && is_young(block, 63) && !is_young(block, 64));
  heap->stamp++;
  ck_assert(!gc__heap_is_given(heap, granule));
  gc__block_stamp(heap, block);
  ck_assert(!gc__heap_is_given(heap, granule) && !is_young(block, 0));
  struct gc__block_entry entry = gc__entry_at(&heap->space, block);
  ck_assert(entry.stamp == heap->stamp && entry.shape == gc__size_classes[3].cell_granules);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Occupied cells ---- */

struct block_facts {
  bool is_stamped, has_black;
};

/* Fills the tables of a block with all values that they can hold, and tells which cells are occupied by that. */
static void fill_tables(uint32_t block, struct block_facts facts, uint64_t *state, bool *expected) {
  const struct gc__size_class *class = gc__block_class(heap, block);
  uint8_t *live = &heap->space.live[block * GC__BLOCK_GRANULES];
  const uint8_t black = gc__live_black(heap->epoch), stale_black = gc__live_black((uint8_t)(heap->epoch - 1));
  memset(live, 0, GC__BLOCK_GRANULES);
  memset(gc__block_young(&heap->space, block), 0, GC__BLOCK_WORDS * sizeof(uint64_t));
  struct gc__block_entry entry = gc__entry_at(&heap->space, block);
  entry.stamp = (uint16_t)(facts.is_stamped ? heap->stamp : heap->stamp - 1);
  gc__entry_set(&heap->space, block, entry);
  heap->space.blocks[block].black_epoch = (uint8_t)(facts.has_black ? heap->epoch : heap->epoch - 1);
  for (unsigned cell = 0; cell < class->cell_count; cell++) {
    unsigned first = cell * class->cell_granules, inside = (unsigned)unit_random_below(state, class->cell_granules);
    size_t choice = unit_random_below(state, 8);
    if (choice == 0) live[first] = heap->epoch;
    if (choice == 1) live[first] = (uint8_t)(heap->epoch - 1); /* died in an earlier trace */
    if (choice == 2) live[first] = GC__LIVE_RECYCLED;
    if (choice == 3)
      for (unsigned i = 0; i < class->cell_granules; i++) gc__bit_set(gc__block_young(&heap->space, block), first + i);
    if (choice == 4) live[first + inside] = black;
    if (choice == 5) live[first + inside] = stale_black;
    expected[cell] =
        choice == 0 || (facts.is_stamped && (choice == 2 || choice == 3)) || (facts.has_black && choice == 4);
  }
  for (unsigned i = class->cell_count * class->cell_granules; i < GC__BLOCK_GRANULES; i++) live[i] = black;
}

START_TEST(occupied_cells_are_those_that_cannot_be_handed_out) {
  uint64_t state = 3, occupied[GC__BLOCK_WORDS];
  bool expected[GC__BLOCK_GRANULES];
  heap_fixture_open(&fixture, 0);
  heap->epoch = heap->black_epoch = 40;
  heap->stamp = 100;
  for (unsigned i = 0; i < 4 * GC__CLASS_COUNT; i++) {
    uint32_t block = make_block(GC__KIND_SCANNED, i % GC__CLASS_COUNT);
    const struct gc__size_class *class = gc__block_class(heap, block);
    fill_tables(block, (struct block_facts){i / GC__CLASS_COUNT & 1, i / GC__CLASS_COUNT & 2}, &state, expected);
    gc__block_read_occupied(heap, block, occupied);
    unsigned live = 0;
    for (unsigned granule = 0; granule < GC__BLOCK_GRANULES; granule++) {
      unsigned cell = granule / class->cell_granules;
      bool is_first = granule % class->cell_granules == 0 && cell < class->cell_count;
      live += heap->space.live[block * GC__BLOCK_GRANULES + granule] == heap->epoch;
      require(gc__bit_test(occupied, granule) == (is_first && expected[cell]));
    }
    require(gc__block_count_live(heap, block) == live);
  }
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Cells freed by hand ---- */

START_TEST(a_block_is_listed_again_once_enough_came_free) {
  heap_fixture_open(&fixture, 0);
  for (unsigned i = 0; i < GC__CLASS_COUNT; i += 5) {
    uint32_t block = make_block(GC__KIND_LEAF, i);
    unsigned frees = 0;
    gc__block_stamp(heap, block);
    heap->space.live[(size_t)block * GC__BLOCK_GRANULES] = heap->epoch; /* one of its cells stays */
    heap->space.blocks[block].state = GC__BLOCK_IDLE;
    while (heap->space.blocks[block].state == GC__BLOCK_IDLE && frees <= gc__size_classes[i].cell_count) {
      gc__block_note_freed(heap, block);
      frees++;
    }
    ck_assert_uint_eq(heap->space.blocks[block].state, GC__BLOCK_LISTED);
    ck_assert_uint_eq(frees, 1 + gc__size_classes[i].cell_count / 8);
    gc__block_note_freed(heap, block); /* is in the list already */
    ck_assert_uint_eq(unlist_block(GC__KIND_LEAF, i), block);
    ck_assert_uint_eq(unlist_block(GC__KIND_LEAF, i), GC__NONE);
    for (unsigned j = 0; j <= frees; j++) gc__block_note_freed(heap, block); /* [block.owner]: in no list */
    ck_assert_uint_eq(unlist_block(GC__KIND_LEAF, i), GC__NONE);
  }
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(an_empty_block_goes_back_once_enough_came_free) {
  heap_fixture_open(&fixture, 0);
  for (unsigned i = 0; i < GC__CLASS_COUNT; i += 5) {
    uint32_t block = make_block(GC__KIND_SCANNED, i);
    size_t free_pages = heap->pages.free_pages;
    gc__block_stamp(heap, block);
    heap->space.blocks[block].state = GC__BLOCK_IDLE;
    for (unsigned frees = 0; frees < 1u + gc__size_classes[i].cell_count / 8; frees++) {
      ck_assert_uint_eq(heap->space.blocks[block].state, GC__BLOCK_IDLE);
      gc__block_note_freed(heap, block);
    }
    ck_assert_uint_eq(heap->space.blocks[block].state, GC__BLOCK_NONE);
    ck_assert_uint_eq(heap->pages.free_pages, free_pages + GC__BLOCK_PAGES);
  }
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(an_unswept_block_is_left_to_the_sweeper) {
  heap_fixture_open(&fixture, 0);
  uint32_t block = make_block(GC__KIND_LEAF, 50);
  heap->space.blocks[block].state = GC__BLOCK_IDLE;
  heap->space.blocks[block].swept_epoch = (uint8_t)(heap->epoch - 1);
  for (unsigned i = 0; i < gc__size_classes[50].cell_count; i++) gc__block_note_freed(heap, block);
  ck_assert_uint_eq(heap->space.blocks[block].state, GC__BLOCK_IDLE);
  heap_fixture_close(&fixture);
}
END_TEST

#if TREFOIL_CHECKS

static void list_without_lock(void *argument) {
  gc__block_list(heap, *(uint32_t *)argument);
}
static void list_twice(void *argument) {
  list_block(*(uint32_t *)argument);
  list_block(*(uint32_t *)argument);
}

START_TEST(misuse_within_the_library_is_caught) {
  heap_fixture_open(&fixture, 0);
  uint32_t block = make_block(GC__KIND_LEAF, 5);
  ck_assert(unit_aborts(list_without_lock, &block, "internal check failed"));
  ck_assert(unit_aborts(list_twice, &block, "internal check failed"));
  heap_fixture_close(&fixture);
}
END_TEST

#else

START_TEST(misuse_within_the_library_is_caught) {
  SKIP_TEST("checked in builds with -Dchecks=true");
}
END_TEST

#endif

UNIT_MAIN("heap/block", a_block_is_made_and_released, lists_are_by_kind_and_class, root_blocks_are_all_known,
          young_bits_are_set_for_whole_ranges, a_new_stamp_makes_all_bits_stale,
          occupied_cells_are_those_that_cannot_be_handed_out, a_block_is_listed_again_once_enough_came_free,
          an_empty_block_goes_back_once_enough_came_free, an_unswept_block_is_left_to_the_sweeper,
          misuse_within_the_library_is_caught)
