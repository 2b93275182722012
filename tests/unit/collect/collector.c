/* tests/unit/collect/collector.c - opening and closing under failures, sharing a collection, limits and records. */
#include "../unit.h"
#include "collect/collector.h"
#include "mode/generational.h"
#include "mode/mark_sweep.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static struct gc__budget budget;
static struct gc__collector collector;
static unsigned inspections;

static void inspect(struct gc__collector *inspected) {
  ck_assert_ptr_eq(inspected, &collector);
  inspections++;
}

static struct gc__collector_settings default_settings(void) {
  return (struct gc__collector_settings){.mode = &gc__mode_mark_sweep,
                                         .reserve_bytes = (size_t)64 << 20,
                                         .limit_bytes = (size_t)512 << 20,
                                         .markers = 2,
                                         .interior_in_heap = true,
                                         .keeps_records = true};
}

static void open_collector(struct gc__collector_settings settings) {
  budget = (struct gc__budget){0};
  ck_assert_int_eq(gc__collector_open(&collector, &budget, &settings), 0);
  collector.inspect_stopped = inspect;
  ck_assert_int_eq(gc__world_attach(&collector.world), 0);
}

static void close_collector(void) {
  gc__world_detach(&collector.world);
  gc__collector_close(&collector);
  ck_assert_uint_eq(budget.used_bytes, 0);
}

START_TEST(a_collector_that_cannot_be_opened_leaves_nothing) {
  struct gc__collector_settings settings = default_settings();
  unsigned refusals = 0;
  settings.initial_bytes = (size_t)3 << 20;
  for (size_t k = 1; k < 60; k++) {
    budget = (struct gc__budget){0};
    gc__os_fail_request(k);
    int error = gc__collector_open(&collector, &budget, &settings);
    gc__os_fail_request(0);
    if (error) ck_assert_int_eq(error, ENOMEM);
    else gc__collector_close(&collector);
    refusals += error != 0;
    ck_assert_uint_eq(budget.used_bytes, 0);
  }
  ck_assert_uint_ge(refusals, 1);
  settings.stop_signal = SIGKILL;
  ck_assert_int_eq(gc__collector_open(&collector, &budget, &settings), EINVAL);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

static bool run_one(size_t number) {
  struct gc__collection made;
  return gc__collector_run(&collector, GC__FULL, number, &made);
}

START_TEST(collections_are_counted_and_recorded) {
  open_collector(default_settings());
  for (size_t i = 0; i < 10; i++) {
    ck_assert_uint_eq(collector.number, i);
    ck_assert(run_one(i));
  }
  ck_assert(collector.number == 10 && collector.count_full == 10 && collector.pauses_full.count == 10);
  ck_assert_uint_eq(inspections, 10);
  ck_assert_uint_eq(collector.record_count, 10);
  const struct gc__pause_record *records = (const void *)collector.records.start;
  uint64_t total_ns = 0;
  for (unsigned i = 0; i < 10; i++) {
    ck_assert(records[i].is_full && records[i].length_ns > 0);
    if (i) ck_assert_uint_ge(records[i].start_ns, records[i - 1].start_ns + records[i - 1].length_ns);
    total_ns += records[i].length_ns;
  }
  ck_assert_uint_eq(collector.pauses_full.total_ns, total_ns);
  gc__collector_reset_counts(&collector);
  ck_assert(collector.count_full == 0 && collector.pauses_full.count == 0 && collector.objects_marked == 0);
  ck_assert_uint_eq(collector.number, 10); /* tells collections apart, and never starts over */
  close_collector();
}
END_TEST

START_TEST(a_collection_that_another_finished_is_shared) {
  open_collector(default_settings());
  ck_assert(run_one(0));
  ck_assert(run_one(0)); /* the number was read before that one ended */
  ck_assert_uint_eq(collector.number, 1);
  ck_assert(run_one(1));
  ck_assert_uint_eq(collector.number, 2);
  close_collector();
}
END_TEST

START_TEST(without_memory_nothing_is_begun) {
  struct gc__collector_settings settings = default_settings();
  settings.markers = 1; /* no helper asks for memory first */
  open_collector(settings);
  collector.wanted_limit_bytes = 1; /* as it is read at the next collection */
  budget.limit_bytes = 1;
  gc__os_fail_request(1);
  ck_assert(!run_one(0));
  ck_assert(collector.number == 0 && inspections == 0 && collector.count_full == 0);
  ck_assert(run_one(0)); /* past the limit that is */
  ck_assert_uint_eq(collector.number, 1);
  collector.wanted_limit_bytes = settings.limit_bytes;
  budget.limit_bytes = settings.limit_bytes;
  ck_assert(run_one(1));
  ck_assert_uint_eq(collector.number, 2);
  close_collector();
}
END_TEST

START_TEST(the_limit_is_the_chosen_one_or_the_systems) {
  struct gc__collector_settings settings = default_settings();
  open_collector(settings);
  ck_assert_uint_eq(budget.limit_bytes, settings.limit_bytes);
  ck_assert(run_one(0));
  ck_assert_uint_eq(budget.limit_bytes, settings.limit_bytes);
  ck_assert_uint_le(collector.heap.allowance_bytes, settings.limit_bytes);
  close_collector();
  settings.limit_bytes = 0;
  open_collector(settings);
  size_t system_bytes = gc__os_memory_limit_bytes();
  ck_assert_uint_le(budget.limit_bytes, system_bytes / 20 * 19 + 20);
  ck_assert_uint_ge(budget.limit_bytes, system_bytes / 2);
  close_collector();
}
END_TEST

/* Makes free pages that have memory. */
static void free_pages(uint32_t count) {
  struct gc__heap *heap = &collector.heap;
  gc__lock_take(&heap->lock);
  ck_assert(gc__heap_grow(heap, count, 1));
  struct gc__page_grant grant = gc__pages_take(&heap->pages, count, 1, 0);
  ck_assert_uint_ne(grant.first, GC__NONE);
  gc__pages_give(&heap->pages, grant.first, count);
  gc__lock_give(&heap->lock);
}

/* What the system says of memory outside: a full collection, and nothing stays free, but for what was taken at first.
 */
START_TEST(pressure_collects_and_returns) {
  struct gc__collector_settings settings = default_settings();
  struct gc__collection made;
  settings.mode = &gc__mode_generational;
  settings.wants_log = true;
  settings.initial_bytes = (size_t)2 << 20;
  open_collector(settings);
  free_pages(2000);
  collector.last.live_bytes = 1000;
  collector.heap.handed_since_bytes = 100; /* so little that a full one would gain nothing */
  collector.is_pressed = true;
  ck_assert(gc__collector_run(&collector, GC__MINOR, 0, &made));
  ck_assert(!made.is_full && !collector.is_pressed);
  ck_assert_uint_eq(collector.heap.pages.dirty_free_pages * GC__PAGE_BYTES, settings.initial_bytes);
  free_pages(2000);
  ck_assert(gc__collector_run(&collector, GC__MINOR, 1, &made));
  ck_assert(!made.is_full);
  ck_assert_uint_ge(collector.heap.pages.dirty_free_pages, 2000);
  collector.last.live_bytes = 1000;
  collector.heap.handed_since_bytes = 200;
  collector.is_pressed = true;
  ck_assert(gc__collector_run(&collector, GC__MINOR, 2, &made));
  ck_assert(made.is_full && !collector.is_pressed);
  ck_assert_uint_eq(collector.heap.pages.dirty_free_pages * GC__PAGE_BYTES, settings.initial_bytes);
  ck_assert_uint_ge(collector.heap.returned_bytes, 2900 * GC__PAGE_BYTES);
  close_collector();
}
END_TEST

static void dawdle(struct gc__collector *inspected) {
  (void)inspected;
  usleep(200000);
}

/* [nursery.work] Stands for threads that take long to stop, and for a busy machine. */
START_TEST(waiting_is_part_of_a_pause_and_no_work) {
  open_collector(default_settings());
  collector.inspect_stopped = dawdle;
  ck_assert(run_one(0));
  ck_assert_uint_ge(collector.last.pause_ns, 200000000);
  ck_assert_uint_gt(collector.last.work_ns, 0);
  ck_assert_uint_lt(collector.last.work_ns, collector.last.pause_ns / 2);
  close_collector();
}
END_TEST

UNIT_MAIN("collect/collector", a_collector_that_cannot_be_opened_leaves_nothing, collections_are_counted_and_recorded,
          a_collection_that_another_finished_is_shared, without_memory_nothing_is_begun,
          the_limit_is_the_chosen_one_or_the_systems, pressure_collects_and_returns,
          waiting_is_part_of_a_pause_and_no_work)
