/* tests/unit/os/memory.c - budgets, reservations, regions, and requests that are made to fail. */
#include "../unit.h"
#include "base/atomic.h"
#include "os/memory.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY ((size_t)1 << 30)

/* ---- Pressure ---- */

START_TEST(pressure_is_what_rises) {
  const uint64_t second_ns = 1000000000;
  struct gc__pressure before = {0};
  ck_assert(!gc__pressure_rises(&before, &(struct gc__pressure){second_ns, 7, 90000000})); /* history */
  ck_assert(!gc__pressure_rises(&before, &(struct gc__pressure){2 * second_ns, 7, 90000000}));
  ck_assert(gc__pressure_rises(&before, &(struct gc__pressure){3 * second_ns, 8, 90000000}));
  ck_assert(!gc__pressure_rises(&before, &(struct gc__pressure){4 * second_ns, 8, 90099999}));
  ck_assert(gc__pressure_rises(&before, &(struct gc__pressure){5 * second_ns, 8, 90199999})); /* a tenth */
  ck_assert(!gc__pressure_rises(&before, &(struct gc__pressure){6 * second_ns, 0, 0}));       /* another group */
  ck_assert(!gc__pressure_rises(&before, &(struct gc__pressure){6 * second_ns, 0, 0}));
}
END_TEST

START_TEST(pressure_can_be_asked_for) {
  struct gc__pressure pressure = {0};
  ck_assert(!gc__os_memory_pressure(&pressure, 1000));
  ck_assert_uint_eq(pressure.asked_ns, 1000);
  gc__os_memory_pressure(&pressure, 2000);
  ck_assert_uint_eq(pressure.asked_ns, 2000);
}
END_TEST

/* ---- Budgets ---- */

START_TEST(a_budget_ends_at_its_limit) {
  struct gc__budget budget = {.limit_bytes = 1000};
  ck_assert(gc__budget_take(&budget, 600));
  ck_assert(!gc__budget_take(&budget, 401));
  ck_assert_uint_eq(budget.used_bytes, 600);
  ck_assert(gc__budget_take(&budget, 400));
  ck_assert(!gc__budget_take(&budget, 1));
  ck_assert(gc__budget_take(&budget, 0));
  ck_assert(!gc__budget_take(&budget, SIZE_MAX));
  gc__budget_give(&budget, 1);
  ck_assert(gc__budget_take(&budget, 1));
  ck_assert_uint_eq(budget.used_bytes, 1000);
  budget.limit_bytes = 500; /* a limit that falls below what is used refuses everything, and wraps nothing */
  ck_assert(!gc__budget_take(&budget, 0) && !gc__budget_take(&budget, 100));
  gc__budget_give(&budget, 1000);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

static struct gc__budget contended = {.limit_bytes = 3};

static void *take_and_give(void *argument) {
  size_t *refused = argument;
  for (int i = 0; i < 50000; i++) {
    if (!gc__budget_take(&contended, 1)) {
      ++*refused;
      continue;
    }
    require(gc__word_peek(&contended.used_bytes) <= 3);
    gc__budget_give(&contended, 1);
  }
  return NULL;
}

START_TEST(threads_share_a_budget) {
  pthread_t threads[4];
  size_t refused[4] = {0};
  for (unsigned i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_give, &refused[i]), 0);
  for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(contended.used_bytes, 0);
  for (unsigned i = 0; i < 4; i++) ck_assert_uint_lt(refused[i], 50000);
}
END_TEST

/* ---- Pages ---- */

static void touch(void *address) {
  *(volatile char *)address = 1;
}

START_TEST(reserved_addresses_are_aligned_and_closed) {
  size_t page_bytes = gc__os_page_bytes();
  char text[4096];
  ck_assert_uint_eq(page_bytes, (size_t)sysconf(_SC_PAGESIZE));
  for (size_t alignment = page_bytes; alignment <= (size_t)64 << 20; alignment *= 4) {
    char *start = gc__os_reserve(3 * page_bytes, alignment);
    ck_assert_ptr_nonnull(start);
    ck_assert_uint_eq((uintptr_t)start % alignment, 0);
    ck_assert_int_ne(unit_in_child(touch, start, text, sizeof text), 0);
    gc__os_release(start, 3 * page_bytes);
  }
  ck_assert_ptr_null(gc__os_reserve(SIZE_MAX - page_bytes + 1, GC__HUGE_PAGE_BYTES));
}
END_TEST

START_TEST(committed_pages_start_zeroed_and_are_zero_when_discarded) {
  size_t page_bytes = gc__os_page_bytes(), bytes = 16 * page_bytes;
  char *start = gc__os_reserve(2 * bytes, page_bytes), text[4096];
  ck_assert_ptr_nonnull(start);
  ck_assert(gc__os_commit(start, bytes));
  ck_assert(unit_all_zero(start, bytes));
  ck_assert_int_ne(unit_in_child(touch, start + bytes, text, sizeof text), 0);
  memset(start, 0x5a, bytes);
  ck_assert(gc__os_commit(start, 2 * bytes)); /* a second time: the contents stay */
  ck_assert(start[0] == 0x5a && start[bytes - 1] == 0x5a && unit_all_zero(start + bytes, bytes));
  ck_assert(gc__os_discard(start + page_bytes, 2 * page_bytes));
  ck_assert(unit_all_zero(start + page_bytes, 2 * page_bytes));
  ck_assert(start[page_bytes - 1] == 0x5a && start[3 * page_bytes] == 0x5a);
  touch(start + page_bytes);
  gc__os_release(start, 2 * bytes);
}
END_TEST

START_TEST(a_wish_for_huge_pages_changes_no_contents) {
  char *start = gc__os_reserve(2 * GC__HUGE_PAGE_BYTES, GC__HUGE_PAGE_BYTES);
  ck_assert_ptr_nonnull(start);
  ck_assert(gc__os_commit(start, 2 * GC__HUGE_PAGE_BYTES));
  start[12345] = 42;
  gc__os_prefer_huge(start, 2 * GC__HUGE_PAGE_BYTES);
  start[GC__HUGE_PAGE_BYTES] = 43;
  ck_assert(start[12345] == 42 && start[GC__HUGE_PAGE_BYTES] == 43 && start[0] == 0);
  ck_assert(gc__os_discard(start, 2 * GC__HUGE_PAGE_BYTES));
  ck_assert(unit_all_zero(start, 2 * GC__HUGE_PAGE_BYTES));
  gc__os_release(start, 2 * GC__HUGE_PAGE_BYTES);
}
END_TEST

/* ---- Requests that fail ---- */

START_TEST(only_the_kth_request_fails) {
  size_t page_bytes = gc__os_page_bytes();
  gc__os_fail_request(1);
  ck_assert_ptr_null(gc__os_reserve(page_bytes, page_bytes));
  gc__os_fail_request(3);
  char *start = gc__os_reserve(2 * page_bytes, page_bytes);
  ck_assert_ptr_nonnull(start);
  ck_assert(gc__os_commit(start, page_bytes));
  start[0] = 7;
  ck_assert(!gc__os_commit(start, 2 * page_bytes));
  ck_assert_int_eq(start[0], 7);
  for (int i = 0; i < 5; i++) ck_assert(gc__os_commit(start, 2 * page_bytes));
  gc__os_fail_request(1);
  gc__os_fail_request(0);
  ck_assert(gc__os_commit(start, 2 * page_bytes));
  gc__os_release(start, 2 * page_bytes);
}
END_TEST

/* ---- Regions ---- */

START_TEST(regions_grow_and_keep_their_contents) {
  struct gc__budget budget = {.limit_bytes = MANY};
  struct gc__region region = {0};
  ck_assert(gc__region_open(&region, &budget, (size_t)8 << 20));
  ck_assert_uint_eq(budget.used_bytes, 0);
  size_t *words = (size_t *)(void *)region.start, known = 0;
  for (size_t bytes = 1; bytes <= region.reserved_bytes; bytes += bytes / 3 + 1000) {
    ck_assert(gc__region_commit(&region, bytes));
    require(region.committed_bytes >= bytes && region.committed_bytes <= region.reserved_bytes);
    require(budget.used_bytes == region.committed_bytes);
    for (size_t i = 0; i < known; i++) require(words[i] == i * 7);
    for (; known < region.committed_bytes / sizeof *words; known++) {
      require(words[known] == 0);
      words[known] = known * 7;
    }
  }
  char *start = region.start;
  ck_assert(gc__region_commit(&region, region.reserved_bytes));
  ck_assert(!gc__region_commit(&region, region.reserved_bytes + 1));
  ck_assert_ptr_eq(region.start, start);
  ck_assert_uint_eq(budget.used_bytes, region.reserved_bytes);
  gc__region_close(&region);
  ck_assert_uint_eq(budget.used_bytes, 0);
  gc__region_close(&region); /* all zero: is fine */
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(a_region_that_may_not_grow_stays_as_it_was) {
  size_t page_bytes = gc__os_page_bytes();
  struct gc__budget budget = {.limit_bytes = 20 * page_bytes};
  struct gc__region region = {0};
  ck_assert(gc__region_open(&region, &budget, MANY));
  ck_assert(gc__region_commit(&region, 16 * page_bytes));
  region.start[0] = 9;
  ck_assert(!gc__region_commit(&region, 21 * page_bytes));
  ck_assert_uint_eq(budget.used_bytes, region.committed_bytes);
  ck_assert_uint_eq(region.committed_bytes, 16 * page_bytes);
  ck_assert(gc__region_commit(&region, 20 * page_bytes)); /* the budget has room for this, but not for a roomy step */
  ck_assert_uint_eq(budget.used_bytes, 20 * page_bytes);
  ck_assert_int_eq(region.start[0], 9);
  gc__region_close(&region);
}
END_TEST

START_TEST(what_is_needed_passes_the_limit) {
  size_t page_bytes = gc__os_page_bytes();
  struct gc__budget budget = {.limit_bytes = 4 * page_bytes};
  struct gc__region region = {0};
  ck_assert(gc__region_open(&region, &budget, MANY));
  ck_assert(gc__region_commit_needed(&region, 3 * page_bytes)); /* as any other, while there is room */
  ck_assert_uint_eq(gc__budget_over_bytes(&budget), 0);
  region.start[0] = 9;
  ck_assert(gc__region_commit_needed(&region, 9 * page_bytes + 1));
  ck_assert_uint_eq(region.committed_bytes, 10 * page_bytes);
  ck_assert_uint_eq(budget.used_bytes, 10 * page_bytes);
  ck_assert_uint_eq(gc__budget_over_bytes(&budget), 6 * page_bytes);
  region.start[10 * page_bytes - 1] = 9;
  ck_assert_int_eq(region.start[0], 9);
  ck_assert(!gc__region_commit(&region, 11 * page_bytes));
  ck_assert(!gc__region_commit_needed(&region, region.reserved_bytes + 1));
  gc__os_fail_request(1);
  ck_assert(!gc__region_commit_needed(&region, 11 * page_bytes)); /* the system's limit is one */
  ck_assert_uint_eq(budget.used_bytes, region.committed_bytes);
  gc__region_close(&region);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(a_refused_commit_costs_no_budget) {
  struct gc__budget budget = {.limit_bytes = MANY};
  struct gc__region region = {0};
  gc__os_fail_request(1);
  ck_assert(!gc__region_open(&region, &budget, MANY));
  ck_assert(gc__region_open(&region, &budget, MANY));
  gc__os_fail_request(1);
  ck_assert(!gc__region_commit(&region, 1));
  ck_assert(budget.used_bytes == 0 && region.committed_bytes == 0);
  ck_assert(gc__region_commit(&region, 100000));
  size_t committed = region.committed_bytes;
  region.start[0] = 9;
  gc__os_fail_request(1); /* the roomy step fails, the small one does not */
  ck_assert(gc__region_commit(&region, committed + 1));
  ck_assert(region.committed_bytes > committed && budget.used_bytes == region.committed_bytes);
  ck_assert_int_eq(region.start[0], 9);
  gc__region_close(&region);
}
END_TEST

START_TEST(trimming_keeps_the_front) {
  size_t page_bytes = gc__os_page_bytes();
  struct gc__budget budget = {.limit_bytes = MANY};
  struct gc__region region = {0};
  ck_assert(gc__region_open(&region, &budget, (size_t)1 << 20));
  ck_assert(gc__region_commit(&region, 100 * page_bytes));
  memset(region.start, 0x11, 100 * page_bytes);
  gc__region_trim(&region, 9 * page_bytes + 1);
  ck_assert_uint_eq(region.committed_bytes, 10 * page_bytes);
  ck_assert_uint_eq(budget.used_bytes, 10 * page_bytes);
  for (size_t i = 0; i < 10 * page_bytes; i++) require(region.start[i] == 0x11);
  gc__region_trim(&region, 50 * page_bytes); /* more than there is */
  ck_assert_uint_eq(region.committed_bytes, 10 * page_bytes);
  ck_assert(gc__region_commit(&region, 100 * page_bytes));
  ck_assert(unit_all_zero(region.start + 10 * page_bytes, 90 * page_bytes));
  memset(region.start + 10 * page_bytes, 0x22, 90 * page_bytes);
  ck_assert(budget.used_bytes == region.committed_bytes && region.start[10 * page_bytes - 1] == 0x11);
  gc__region_close(&region);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

/* The size of the process, for a limit above it. */
static size_t read_process_bytes(void) {
  size_t pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file && fscanf(file, "%zu", &pages) != 1) pages = 0;
  if (file) fclose(file);
  return pages * gc__os_page_bytes();
}

START_TEST(limited_address_space_makes_reservations_smaller) {
  size_t process_bytes = read_process_bytes();
  struct gc__budget budget = {.limit_bytes = MANY};
  struct gc__region region = {0};
  ck_assert(gc__region_open_most(&region, &budget, (size_t)1 << 36));
  ck_assert_uint_eq(region.reserved_bytes, (size_t)1 << 36);
  gc__region_close(&region);
  if (!process_bytes) SKIP_TEST("the size of the process is not known");
  struct rlimit limit = {process_bytes + ((size_t)1 << 36), RLIM_INFINITY};
  struct rlimit before;
  ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
  limit.rlim_max = before.rlim_max;
  if (limit.rlim_cur > before.rlim_cur) SKIP_TEST("address space is limited already");
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
  ck_assert_uint_eq(gc__os_address_limit_bytes(), limit.rlim_cur);
  ck_assert(gc__region_open_most(&region, &budget, (size_t)1 << 45));
  ck_assert_uint_le(region.reserved_bytes, limit.rlim_cur / 16);
  ck_assert(gc__region_commit(&region, 100000));
  gc__region_close(&region);
  limit.rlim_cur = process_bytes;
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
  ck_assert(!gc__region_open_most(&region, &budget, (size_t)1 << 30));
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
}
END_TEST

UNIT_MAIN("os/memory", pressure_is_what_rises, pressure_can_be_asked_for, a_budget_ends_at_its_limit,
          threads_share_a_budget, reserved_addresses_are_aligned_and_closed,
          committed_pages_start_zeroed_and_are_zero_when_discarded, a_wish_for_huge_pages_changes_no_contents,
          only_the_kth_request_fails, regions_grow_and_keep_their_contents, a_region_that_may_not_grow_stays_as_it_was,
          what_is_needed_passes_the_limit, a_refused_commit_costs_no_budget, trimming_keeps_the_front,
          limited_address_space_makes_reservations_smaller)
