/* tests/unit/heap/space.c - from any address to the cell or large object that contains it; the span and its tables. */
#include "../unit.h"
#include "heap/space.h"
#include "heap/pages.h"

#define RESERVE_BYTES ((size_t)64 << 20)

static struct gc__budget budget = {.limit_bytes = (size_t)1 << 30};
static struct gc__space space;

static void open_space(size_t span_bytes) {
  ck_assert(gc__space_open(&space, &budget, RESERVE_BYTES));
  ck_assert_uint_eq(space.reserved_bytes, RESERVE_BYTES);
  if (span_bytes) ck_assert(gc__space_extend(&space, span_bytes));
}

static void close_space(void) {
  gc__space_close(&space);
  ck_assert_uint_eq(budget.used_bytes, 0);
}

/* ---- Places ---- */

static void set_cells(size_t block, unsigned size_class, enum gc__kind kind) {
  const struct gc__size_class *class = &gc__size_classes[size_class];
  struct gc__block_entry entry = {
      .reciprocal = class->reciprocal,
      .shape = (uint16_t)(class->cell_granules | (unsigned)kind << GC__SHAPE_KIND_LOG2),
  };
  gc__entry_set(&space, block, entry);
}

START_TEST(each_byte_of_a_cell_leads_to_its_first_granule) {
  open_space(GC__CHUNK_BYTES);
  for (unsigned i = 0; i < GC__CLASS_COUNT; i++) {
    size_t block = i % 32, cell_bytes = gc__size_classes[i].cell_bytes;
    enum gc__kind kind = (enum gc__kind)(i % GC__KIND_COUNT);
    set_cells(block, i, kind);
    for (size_t in_block = 0; in_block < GC__BLOCK_BYTES; in_block += in_block % 64 < 20 ? 1 : 13) {
      size_t offset = block * GC__BLOCK_BYTES + in_block, cell = in_block / cell_bytes;
      struct gc__place place = gc__space_place(&space, offset);
      require(place.granule == gc__space_granule_of(&space, offset));
      if (cell >= gc__size_classes[i].cell_count) { /* what is left at the end is no cell */
        require(place.granule == SIZE_MAX);
        continue;
      }
      require(place.granule * GC__GRANULE_BYTES == block * GC__BLOCK_BYTES + cell * cell_bytes);
      require(place.bytes == cell_bytes && place.kind == kind && !place.is_large);
    }
  }
  close_space();
}
END_TEST

START_TEST(each_page_of_a_run_leads_to_its_first_granule) {
  const uint32_t first = 13, count = 21;
  open_space(GC__CHUNK_BYTES);
  space.runs[first] = (struct gc__run){.page_count = count, .state = GC__RUN_LARGE, .kind = GC__KIND_LEAF};
  for (size_t block = 0; block <= (first + count) / GC__BLOCK_PAGES; block++)
    gc__entry_set(&space, block, (struct gc__block_entry){.shape = GC__SHAPE_PAGES});
  for (uint32_t page = first; page < first + count; page++) space.run_heads[page] = first + 1;
  for (size_t offset = 0; offset < 3 * GC__BLOCK_BYTES; offset += 37) {
    size_t page = offset / GC__PAGE_BYTES;
    struct gc__place place = gc__space_place(&space, offset);
    require(place.granule == gc__space_granule_of(&space, offset));
    if (page < first || page >= first + count) {
      require(place.granule == SIZE_MAX);
      continue;
    }
    require(place.granule == first * GC__PAGE_GRANULES && place.bytes == count * GC__PAGE_BYTES);
    require(place.kind == GC__KIND_LEAF && place.is_large);
  }
  close_space();
}
END_TEST

START_TEST(where_nothing_is_nothing_is_found) {
  open_space(GC__CHUNK_BYTES);
  for (size_t offset = 0; offset < GC__CHUNK_BYTES; offset += 1000) {
    require(gc__space_granule_of(&space, offset) == SIZE_MAX);
    require(gc__space_place(&space, offset).granule == SIZE_MAX);
  }
  close_space();
}
END_TEST

START_TEST(entries_are_kept_whole) {
  open_space(GC__CHUNK_BYTES);
  for (size_t block = 0; block < 32; block++) {
    struct gc__block_entry entry = {.reciprocal = (uint32_t)(block * 0x01010101u),
                                    .shape = (uint16_t)(block | (block % GC__KIND_COUNT) << GC__SHAPE_KIND_LOG2),
                                    .stamp = (uint16_t)(0xff00 + block)};
    gc__entry_set(&space, block, entry);
  }
  for (size_t block = 0; block < 32; block++) {
    struct gc__block_entry entry = gc__entry_at(&space, block);
    require(entry.reciprocal == block * 0x01010101u && entry.stamp == 0xff00 + block);
    require((entry.shape & GC__SHAPE_GRANULES) == block && gc__entry_kind(entry) == block % GC__KIND_COUNT);
  }
  close_space();
}
END_TEST

/* ---- The span ---- */

START_TEST(addresses_of_the_span_are_contained) {
  int local;
  open_space(0);
  ck_assert(!gc__space_contains(&space, (void *)space.base));
  ck_assert(gc__space_extend(&space, 1));
  ck_assert_uint_eq(space.span_bytes, GC__CHUNK_BYTES);
  ck_assert(gc__space_contains(&space, (void *)space.base));
  ck_assert(gc__space_contains(&space, (char *)space.base + GC__CHUNK_BYTES - 1));
  ck_assert(!gc__space_contains(&space, (char *)space.base + GC__CHUNK_BYTES));
  ck_assert(!gc__space_contains(&space, (char *)space.base - 1));
  ck_assert(!gc__space_contains(&space, NULL) && !gc__space_contains(&space, &local));
  ck_assert_uint_eq(gc__space_offset(&space, gc__space_address(&space, 77)), 77 * GC__GRANULE_BYTES);
  close_space();
}
END_TEST

START_TEST(the_span_grows_to_the_end_of_the_reservation) {
  open_space(3 * GC__CHUNK_BYTES);
  size_t base = space.base;
  memset((void *)base, 0x33, 3 * GC__CHUNK_BYTES);
  space.live[5] = 6;
  space.run_heads[7] = 8;
  ck_assert(!gc__space_extend(&space, RESERVE_BYTES));
  ck_assert(!gc__space_extend(&space, SIZE_MAX - 100));
  ck_assert(!gc__space_extend(&space, 0));
  ck_assert_uint_eq(space.span_bytes, 3 * GC__CHUNK_BYTES);
  ck_assert(gc__space_extend(&space, RESERVE_BYTES - 3 * GC__CHUNK_BYTES));
  ck_assert_uint_eq(space.span_bytes, RESERVE_BYTES);
  ck_assert(!gc__space_extend(&space, 1));
  ck_assert(space.base == base && space.live[5] == 6 && space.run_heads[7] == 8);
  ck_assert(unit_all_zero((char *)base + 3 * GC__CHUNK_BYTES, RESERVE_BYTES - 3 * GC__CHUNK_BYTES));
  ck_assert_uint_eq(((unsigned char *)base)[3 * GC__CHUNK_BYTES - 1], 0x33);
  ck_assert_uint_eq(space.live[RESERVE_BYTES / GC__GRANULE_BYTES - 1], 0); /* the tables reach as far */
  ck_assert_uint_eq(space.run_heads[RESERVE_BYTES / GC__PAGE_BYTES - 1], 0);
  ck_assert_uint_eq(gc__entry_at(&space, RESERVE_BYTES / GC__BLOCK_BYTES - 1).shape, 0);
  ck_assert(!gc__bit_test(space.dirty_pages, RESERVE_BYTES / GC__PAGE_BYTES - 1));
  close_space();
}
END_TEST

START_TEST(a_refused_request_can_be_made_again) {
  unsigned failures = 0;
  for (size_t k = 1; k < 30; k++) {
    open_space(GC__CHUNK_BYTES);
    gc__os_fail_request(k);
    bool is_extended = gc__space_extend(&space, 16 * GC__CHUNK_BYTES);
    gc__os_fail_request(0);
    if (!is_extended) {
      failures++;
      ck_assert_uint_eq(space.span_bytes, GC__CHUNK_BYTES);
      ck_assert(gc__space_extend(&space, 16 * GC__CHUNK_BYTES));
    }
    ck_assert_uint_eq(space.span_bytes, 17 * GC__CHUNK_BYTES);
    memset((void *)space.base, 1, space.span_bytes);
    close_space();
  }
  ck_assert_uint_ge(failures, 1);
}
END_TEST

START_TEST(a_budget_that_is_too_small_extends_nothing) {
  struct gc__budget tight = {.limit_bytes = 3 * GC__PAGE_BYTES};
  ck_assert(gc__space_open(&space, &tight, RESERVE_BYTES));
  ck_assert(!gc__space_extend(&space, GC__CHUNK_BYTES));
  ck_assert(space.span_bytes == 0 && tight.used_bytes <= tight.limit_bytes);
  tight.limit_bytes = (size_t)1 << 30;
  ck_assert(gc__space_extend(&space, GC__CHUNK_BYTES));
  gc__space_close(&space);
  ck_assert_uint_eq(tight.used_bytes, 0);
}
END_TEST

/* Reservations fail one after the other: a smaller heap is opened, or none, and nothing is lost. */
START_TEST(opening_takes_what_it_can_get) {
  unsigned smaller = 0;
  for (size_t k = 1; k < 20; k++) {
    gc__os_fail_request(k);
    bool is_open = gc__space_open(&space, &budget, RESERVE_BYTES);
    gc__os_fail_request(0);
    ck_assert(is_open);
    smaller += space.reserved_bytes < RESERVE_BYTES;
    ck_assert_uint_ge(space.reserved_bytes, RESERVE_BYTES / 2);
    ck_assert(gc__space_extend(&space, GC__CHUNK_BYTES));
    close_space();
  }
  ck_assert_uint_ge(smaller, 9); /* the heap's range and its eight tables */
  ck_assert_uint_lt(smaller, 19);
  ck_assert(gc__space_open(&space, &budget, (size_t)1 << 60)); /* more than there are addresses */
  close_space();
}
END_TEST

UNIT_MAIN("heap/space", each_byte_of_a_cell_leads_to_its_first_granule, each_page_of_a_run_leads_to_its_first_granule,
          where_nothing_is_nothing_is_found, entries_are_kept_whole, addresses_of_the_span_are_contained,
          the_span_grows_to_the_end_of_the_reservation, a_refused_request_can_be_made_again,
          a_budget_that_is_too_small_extends_nothing, opening_takes_what_it_can_get)
