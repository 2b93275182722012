/* tests/unit/heap/pages.c - runs of pages beside a plain array that says of each page whether it is taken and dirty. */
#include "../unit.h"
#include "heap/pages.h"

#define RESERVE_BYTES ((size_t)64 << 20)
#define PAGES_MOST    (RESERVE_BYTES / GC__PAGE_BYTES)
#define PLENTY_BYTES  ((size_t)1 << 30)

static struct gc__budget budget;
static struct gc__space space;
static struct gc__pages pages;
static bool is_taken[PAGES_MOST], is_dirty[PAGES_MOST];

static void open_pages(uint32_t page_count) {
  budget = (struct gc__budget){.limit_bytes = PLENTY_BYTES};
  ck_assert(gc__space_open(&space, &budget, RESERVE_BYTES));
  gc__pages_open(&pages, &space);
  ck_assert(gc__pages_grow(&pages, page_count, 1));
}

static uint32_t page_count(void) {
  return (uint32_t)(space.span_bytes / GC__PAGE_BYTES);
}
static char *page_address(uint32_t page) {
  return (char *)space.base + page * GC__PAGE_BYTES;
}

static size_t table_bytes(void) {
  size_t bytes = 0;
  for (unsigned i = 0; i < COUNT_OF(space.tables); i++) bytes += space.tables[i].committed_bytes;
  return bytes - space.returned_pages * GC__PAGE_BYTES;
}

/* The counts and bits agree with the model's. */
static void check_against_model(void) {
  size_t free_pages = 0, dirty_free = 0, dirty = 0;
  gc__pages_verify(&pages);
  for (uint32_t page = 0; page < page_count(); page++) {
    free_pages += !is_taken[page];
    dirty_free += !is_taken[page] && is_dirty[page];
    dirty += is_dirty[page];
    require(gc__bit_test(space.dirty_pages, page) == is_dirty[page]);
  }
  require(pages.free_pages == free_pages && pages.dirty_free_pages == dirty_free);
  require(budget.used_bytes == table_bytes() + dirty * GC__PAGE_BYTES);
}

static void close_pages(void) {
  check_against_model();
  size_t dirty = 0;
  for (uint32_t page = 0; page < page_count(); page++) dirty += is_dirty[page];
  gc__space_close(&space);
  ck_assert_uint_eq(budget.used_bytes, dirty * GC__PAGE_BYTES);
}

static bool model_fits(uint32_t count, uint32_t alignment) {
  for (uint32_t first = 0; first + count <= page_count(); first += alignment) {
    uint32_t page = first;
    while (page < first + count && !is_taken[page]) page++;
    if (page == first + count) return true;
  }
  return false;
}

/* The free run around a page, as the model sees it. */
static uint32_t model_run_length(uint32_t page) {
  uint32_t first = page, end = page;
  while (first > 0 && !is_taken[first - 1]) first--;
  while (end < page_count() && !is_taken[end]) end++;
  return end - first;
}

/* Pages that were granted: free before, zero where they were clean; they are written from now on. */
static void note_granted(uint32_t first, uint32_t count, size_t dirty_pages) {
  size_t dirty = 0;
  require(first + count <= page_count());
  for (uint32_t page = first; page < first + count; page++) {
    require(!is_taken[page]);
    dirty += is_dirty[page];
    if (!is_dirty[page]) require(unit_all_zero(page_address(page), GC__PAGE_BYTES));
    memset(page_address(page), 0x77, GC__PAGE_BYTES);
    is_taken[page] = is_dirty[page] = true;
  }
  require(dirty == dirty_pages);
}

static uint32_t take(uint32_t count, uint32_t alignment, uint8_t shy_epoch) {
  struct gc__page_grant grant = gc__pages_take(&pages, count, alignment, shy_epoch);
  if (grant.first == GC__NONE) return GC__NONE;
  require(grant.first % alignment == 0 && !grant.is_refused);
  note_granted(grant.first, count, grant.dirty_pages);
  return grant.first;
}

static void give(uint32_t first, uint32_t count) {
  for (uint32_t page = first; page < first + count; page++) {
    require(is_taken[page]);
    is_taken[page] = false;
  }
  gc__pages_give(&pages, first, count);
}

/* What was discarded: the model learns from the bits which pages it was, and checks the rest of the claim. */
static size_t discard(size_t count) {
  size_t done = gc__pages_discard(&pages, count), changed = 0;
  for (uint32_t page = 0; page < page_count(); page++) {
    if (gc__bit_test(space.dirty_pages, page) == is_dirty[page]) continue;
    require(is_dirty[page] && !is_taken[page]);
    require(unit_all_zero(page_address(page), GC__PAGE_BYTES));
    is_dirty[page] = false;
    changed++;
  }
  require(changed == done && done <= count);
  return done;
}

/* ---- Random operations ---- */

struct run {
  uint32_t first, count;
};
static struct run runs[4000];
static size_t run_count;

static void step_take(uint64_t *state) {
  uint32_t alignment = 1u << (unit_random_below(state, 3) ? 0 : unit_random_below(state, 6));
  uint32_t count = 1 + (uint32_t)unit_random_below(state, (size_t)1 << (1 + unit_random_below(state, 9)));
  bool fits = model_fits(count, alignment);
  uint32_t first = take(count, alignment, 0);
  require((first != GC__NONE) == fits);
  if (fits) runs[run_count++] = (struct run){first, count};
}

/* All of a run, or its tail. */
static void step_give(uint64_t *state) {
  size_t i = unit_random_below(state, run_count);
  uint32_t kept = unit_random_below(state, 3) ? 0 : (uint32_t)unit_random_below(state, runs[i].count);
  give(runs[i].first + kept, runs[i].count - kept);
  runs[i].count = kept;
  if (!kept) runs[i] = runs[--run_count];
}

static void step_take_after(uint64_t *state) {
  struct run *run = &runs[unit_random_below(state, run_count)];
  uint32_t more = 1 + (uint32_t)unit_random_below(state, 10), end = run->first + run->count, room = 0;
  size_t dirty_pages = 0;
  while (room < more && end + room < page_count() && !is_taken[end + room]) room++;
  bool done = gc__pages_take_after(&pages, run->first, run->count, more, &dirty_pages);
  require(done == (room == more));
  if (!done) return;
  note_granted(end, more, dirty_pages);
  run->count += more;
}

static void step_discard(uint64_t *state) {
  size_t before = pages.dirty_free_pages, count = unit_random_below(state, 200);
  size_t done = discard(count);
  require(done == (before < count ? before : count));
}

START_TEST(random_operations_agree_with_a_plain_array) {
  uint64_t state = 1;
  open_pages(1000);
  for (int step = 0; step < 6000; step++) {
    size_t choice = unit_random_below(&state, 100);
    size_t wanted = step / 1000 % 2 ? 20 : 60; /* phases of growing and of shrinking */
    if ((choice < wanted || run_count < 3) && run_count < COUNT_OF(runs)) step_take(&state);
    else if (choice < 85) step_give(&state);
    else if (choice < 97) step_take_after(&state);
    else step_discard(&state);
    if (step % 16 == 0) check_against_model();
    if (step % 1500 == 1499) ck_assert(gc__pages_grow(&pages, 300, 1));
  }
  while (run_count) step_give(&state);
  check_against_model();
  ck_assert_uint_eq(model_run_length(0), page_count()); /* all is one run again */
  ck_assert_uint_eq(take(page_count(), 1, 0), 0);
  give(0, page_count());
  discard(PAGES_MOST);
  ck_assert_uint_eq(pages.dirty_free_pages, 0);
  close_pages();
}
END_TEST

/* ---- Single claims ---- */

/* Cuts holes of these lengths, with a taken page between any two. */
static void cut_holes(const uint32_t *lengths, unsigned count) {
  uint32_t firsts[32];
  for (unsigned i = 0; i < count; i++) {
    firsts[i] = take(lengths[i], 1, 0);
    ck_assert_uint_ne(take(1, 1, 0), GC__NONE);
  }
  while (take(1, 1, 0) != GC__NONE) continue;
  for (unsigned i = 0; i < count; i++) give(firsts[i], lengths[i]);
  check_against_model();
}

START_TEST(the_best_fit_is_taken) {
  static const uint32_t lengths[] = {90, 7, 41, 12, 38, 64, 9, 37, 80, 5, 36, 103, 99, 101};
  static const uint32_t wanted[] = {36, 6, 8, 40, 10, 65, 37, 38, 81, 50, 5, 97, 98, 98};
  static const uint32_t expected[] = {36, 7, 9, 41, 12, 80, 37, 38, 90, 64, 5, 99, 101, 103};
  open_pages(1024);
  cut_holes(lengths, COUNT_OF(lengths));
  for (unsigned i = 0; i < COUNT_OF(wanted); i++) {
    struct gc__page_grant grant = gc__pages_take(&pages, wanted[i], 1, 0);
    ck_assert_uint_ne(grant.first, GC__NONE);
    ck_assert_uint_eq(model_run_length(grant.first), expected[i]);
    note_granted(grant.first, wanted[i], grant.dirty_pages);
    for (uint32_t page = grant.first + wanted[i]; !is_taken[page];) { /* what is left over tempts nobody */
      uint32_t end = page;
      while (!is_taken[end]) end++;
      size_t dirty_pages;
      ck_assert(gc__pages_take_after(&pages, grant.first, page - grant.first, end - page, &dirty_pages));
      note_granted(page, end - page, dirty_pages);
    }
  }
  close_pages();
}
END_TEST

START_TEST(neighbours_are_joined_in_any_order) {
  static const uint32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  open_pages(512);
  uint32_t first = take(30, 1, 0);
  ck_assert_uint_ne(take(1, 1, 0), GC__NONE);
  for (unsigned i = 0; i < 6; i++) {
    for (unsigned j = 0; j < 3; j++) {
      give(first + 10 * orders[i][j], 10);
      check_against_model();
    }
    ck_assert_uint_eq(model_run_length(first), 30);
    ck_assert_uint_eq(take(30, 1, 0), first); /* best fit, and in one piece */
  }
  close_pages();
}
END_TEST

START_TEST(growth_ends_in_a_fitting_run) {
  open_pages(1);
  uint64_t state = 5;
  while (take(1, 1, 0) != GC__NONE) continue;
  for (int i = 0; i < 8; i++) {
    uint32_t count = 1 + (uint32_t)unit_random_below(&state, 900), alignment = 1u << unit_random_below(&state, 9);
    ck_assert_uint_eq(take(count, alignment, 0), GC__NONE);
    ck_assert(gc__pages_grow(&pages, count, alignment));
    check_against_model();
    ck_assert_uint_ne(take(count, alignment, 0), GC__NONE);
    while (take(1, 1, 0) != GC__NONE) continue;
  }
  ck_assert(!gc__pages_grow(&pages, PAGES_MOST, 1));
  check_against_model();
  ck_assert(gc__pages_grow(&pages, (uint32_t)(PAGES_MOST - page_count()), 1));
  ck_assert_uint_eq(page_count(), PAGES_MOST);
  ck_assert(!gc__pages_grow(&pages, 1, 1));
  close_pages();
}
END_TEST

/* A span that ends in free pages grows by what is missing only. */
START_TEST(growth_uses_the_free_end) {
  open_pages(512);
  ck_assert_uint_eq(take(100, 1, 0), 0);
  ck_assert(gc__pages_grow(&pages, 900, 1));
  ck_assert_uint_eq(page_count(), 1024);
  ck_assert_uint_eq(take(900, 1, 0), 100);
  close_pages();
}
END_TEST

START_TEST(clean_pages_are_charged_once) {
  open_pages(512);
  size_t tables = table_bytes();
  ck_assert_uint_eq(budget.used_bytes, tables);
  uint32_t first = take(10, 1, 0);
  ck_assert_uint_eq(budget.used_bytes, tables + 10 * GC__PAGE_BYTES);
  give(first, 10);
  ck_assert_uint_eq(budget.used_bytes, tables + 10 * GC__PAGE_BYTES); /* still dirty */
  ck_assert_uint_eq(take(512, 1, 0), 0);
  ck_assert_uint_eq(budget.used_bytes, tables + 512 * GC__PAGE_BYTES);
  give(0, 512);
  ck_assert_uint_eq(discard(12), 12);
  ck_assert_uint_eq(budget.used_bytes, tables + 500 * GC__PAGE_BYTES);
  close_pages();
}
END_TEST

START_TEST(a_short_budget_refuses_clean_pages) {
  open_pages(512);
  budget.limit_bytes = table_bytes() + 20 * GC__PAGE_BYTES;
  uint32_t first = take(20, 1, 0);
  ck_assert_uint_ne(first, GC__NONE);
  struct gc__page_grant grant = gc__pages_take(&pages, 1, 1, 0);
  ck_assert(grant.first == GC__NONE && grant.is_refused);
  grant = gc__pages_take(&pages, 600, 1, 0);
  ck_assert(grant.first == GC__NONE && !grant.is_refused); /* there is no such run, whatever the budget */
  check_against_model();
  size_t dirty_pages;
  ck_assert(!gc__pages_take_after(&pages, first, 20, 1, &dirty_pages));
  check_against_model();
  give(first, 20);
  ck_assert_uint_eq(take(20, 1, 0), first); /* dirty already: costs nothing */
  close_pages();
}
END_TEST

/* Free pages elsewhere lose their memory, so that others can have some. */
START_TEST(a_short_budget_takes_from_free_pages) {
  open_pages(512);
  uint32_t low = take(8, 1, 0), wall = take(1, 1, 0), high = take(8, 1, 0), end = take(1, 1, 0);
  ck_assert(low < wall && wall < high && high < end);
  give(low, 8);
  give(high, 8);
  budget.limit_bytes = budget.used_bytes; /* 18 dirty pages in all */
  struct gc__page_grant grant = gc__pages_take(&pages, 16, 1, 0);
  ck_assert_uint_ne(grant.first, GC__NONE);
  for (uint32_t page = 0; page < page_count(); page++)
    if (!gc__bit_test(space.dirty_pages, page)) is_dirty[page] = false;
  note_granted(grant.first, 16, grant.dirty_pages);
  check_against_model();
  grant = gc__pages_take(&pages, 1, 1, 0);
  ck_assert(grant.first == GC__NONE && grant.is_refused);
  close_pages();
}
END_TEST

START_TEST(the_longest_runs_are_discarded_first) {
  static const uint32_t lengths[] = {5, 100, 20};
  open_pages(512);
  cut_holes(lengths, 3);
  uint32_t first = 0;
  while (model_run_length(first) != 100 || is_taken[first]) first++;
  ck_assert_uint_eq(discard(60), 60);
  ck_assert_uint_eq(discard(40), 40);
  for (uint32_t page = first; page < first + 100; page++) require(!is_dirty[page]);
  ck_assert_uint_eq(discard(20), 20);
  ck_assert_uint_eq(discard(1000), 5);
  ck_assert_uint_eq(discard(1000), 0);
  close_pages();
}
END_TEST

START_TEST(shy_requests_avoid_black_pages) {
  uint64_t state = 9;
  open_pages(1024);
  for (uint32_t page = 0; page < 1024; page++) space.black_pages[page] = unit_random_below(&state, 12) ? 0 : 7;
  unsigned count = 0;
  for (int i = 0; i < 500; i++) {
    uint32_t length = 1 + (uint32_t)unit_random_below(&state, 6), alignment = 1u << unit_random_below(&state, 3);
    uint32_t first = take(length, alignment, 7);
    if (first == GC__NONE) continue;
    for (uint32_t page = first; page < first + length; page++) require(space.black_pages[page] != 7);
    count++;
  }
  check_against_model();
  ck_assert_uint_gt(count, 100);
  for (uint32_t page = 0; page < 1024; page++) /* the rest, page by page: only black ones are left then */
    if (take(1, 1, 7) == GC__NONE) break;
  for (uint32_t page = 0; page < 1024; page++) require(is_taken[page] == (space.black_pages[page] != 7));
  ck_assert_uint_ne(take(1, 1, 0), GC__NONE); /* who is not shy, or asks in another epoch, gets them */
  ck_assert_uint_ne(take(1, 1, 8), GC__NONE);
  close_pages();
}
END_TEST

/* ---- The checker itself ---- */

static void break_whole(void *argument) {
  (void)argument;
  uint32_t first = take(3, 1, 0);
  give(first, 1); /* behind it lies a run that is not told of */
  space.run_heads[first + 1] = first + 2;
  space.runs[first + 1] = (struct gc__run){.page_count = 1, .state = GC__RUN_FREE};
  gc__pages_verify(&pages);
}

static void break_heads(void *argument) {
  (void)argument;
  uint32_t first = take(3, 1, 0);
  ck_assert_uint_ne(take(1, 1, 0), GC__NONE);
  give(first, 3);
  space.run_heads[first + 2] = 0;
  gc__pages_verify(&pages);
}

static void break_counts(void *argument) {
  (void)argument;
  pages.free_pages++;
  gc__pages_verify(&pages);
}

START_TEST(a_broken_invariant_is_named) {
  open_pages(512);
  ck_assert(unit_aborts(break_whole, NULL, "[pages.whole]"));
  ck_assert(unit_aborts(break_heads, NULL, "[pages.heads]"));
  ck_assert(unit_aborts(break_counts, NULL, "[pages.counts]"));
}
END_TEST

UNIT_MAIN("heap/pages", random_operations_agree_with_a_plain_array, the_best_fit_is_taken,
          neighbours_are_joined_in_any_order, growth_ends_in_a_fitting_run, growth_uses_the_free_end,
          clean_pages_are_charged_once, a_short_budget_refuses_clean_pages, a_short_budget_takes_from_free_pages,
          the_longest_runs_are_discarded_first, shy_requests_avoid_black_pages, a_broken_invariant_is_named)
