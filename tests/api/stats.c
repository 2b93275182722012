/* tests/api/stats.c - counts and sizes that must agree with what the program did, percentiles in their order, events,
 * gc_dump, and no collection while collection is disabled.
 */
#include "support.h"

static struct gc_stats statistics(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats;
}

static NOT_INLINED void churn(unsigned megabytes) {
  for (unsigned i = 0; i < megabytes * 16; i++) {
    char *object = gc_alloc_leaf(65536);
    require(object != NULL);
    object[0] = 1;
  }
}

/* ---- Counts ---- */

START_TEST(allocations_are_counted) {
  gc_collect(GC_COLLECT_FULL);
  struct gc_stats before = statistics();
  for (int i = 0; i < 10000; i++) gc_keep(gc_alloc(48));
  for (int i = 0; i < 10; i++) gc_keep(gc_alloc_leaf(100000));
  struct gc_stats after = statistics();
  ck_assert_uint_eq(after.allocated_objects - before.allocated_objects, 10010);
  uint64_t bytes = after.allocated_bytes - before.allocated_bytes;
  ck_assert_uint_ge(bytes, 10000 * 48 + 10 * 100000);
  ck_assert_uint_le(bytes, 10000 * 48 + 10 * (100000 + 4096));
  ck_assert_uint_eq(after.freed_bytes, before.freed_bytes);
  void *object = gc_alloc(1000);
  uint64_t size = gc_size(object);
  gc_free(object);
  ck_assert_uint_eq(statistics().freed_bytes - before.freed_bytes, size);
}
END_TEST

static void *allocate_some(void *unused) {
  for (int i = 0; i < 10000; i++) gc_keep(gc_alloc(64));
  return unused;
}

START_TEST(allocations_of_ended_threads_stay_counted) {
  gc_collect(GC_COLLECT_FULL);
  uint64_t before = statistics().allocated_objects;
  for (int i = 0; i < 5; i++) {
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, allocate_some, NULL), 0);
    pthread_join(thread, NULL);
  }
  ck_assert_uint_eq(statistics().allocated_objects - before, 50000);
}
END_TEST

static void check_pauses(const struct gc_pauses *pauses) {
  ck_assert_uint_le(pauses->p50_ns, pauses->p99_ns);
  ck_assert_uint_le(pauses->p99_ns, pauses->p999_ns);
  ck_assert_uint_le(pauses->p999_ns, pauses->max_ns + pauses->max_ns / 20);
  ck_assert_uint_le(pauses->max_ns, pauses->total_ns);
  ck_assert_uint_le(pauses->total_ns, pauses->count * pauses->max_ns);
  if (pauses->count > 0) ck_assert_uint_gt(pauses->p50_ns, 0);
}

START_TEST(collections_and_pauses_are_counted) {
  gc_stats_reset();
  uint64_t start_ns = now_ns();
  for (int i = 0; i < 50; i++) gc_collect(GC_COLLECT_FULL);
  uint64_t passed_ns = now_ns() - start_ns;
  struct gc_stats stats = statistics();
  ck_assert_uint_ge(stats.collections_full, 50);
  ck_assert_uint_eq(stats.pauses_full.count, stats.collections_full);
  ck_assert_uint_eq(stats.pauses_minor.count, stats.collections_minor);
  ck_assert_uint_eq(stats.pauses.count, stats.collections_full + stats.collections_minor);
  ck_assert_uint_le(stats.pauses.total_ns, passed_ns);
  check_pauses(&stats.pauses);
  check_pauses(&stats.pauses_full);
  check_pauses(&stats.pauses_minor);
}
END_TEST

START_TEST(sizes_agree_with_each_other) {
  for (int i = 0; i < 100; i++) held[i] = gc_alloc(100000);
  churn(64);
  gc_collect(GC_COLLECT_FULL);
  struct gc_stats stats = statistics();
  ck_assert_int_eq(stats.mode, gc_mode());
  ck_assert_int_eq(stats.tracking, gc_tracking());
  ck_assert_uint_ge(stats.live_bytes, 100 * 100000);
  ck_assert_uint_le(stats.live_bytes, 100 * 110000 + (1 << 20));
  ck_assert_uint_le(stats.live_bytes, stats.heap_bytes);
  ck_assert_uint_le(stats.heap_bytes, stats.limit_bytes);
  ck_assert_uint_le(stats.free_bytes, stats.heap_bytes);
  ck_assert_uint_le(stats.fragmentation_percent, 100);
  ck_assert_uint_eq(stats.threads, 1);
  ck_assert_uint_ge(stats.markers, 1);
  ck_assert_uint_gt(stats.mark_ns, 0);
  ck_assert_uint_gt(stats.objects_marked, 99);
  ck_assert_uint_eq(stats.shadow_bytes, 0);
  ck_assert_uint_eq(stats.cycles_reclaimed_bytes, 0);
}
END_TEST

/* Old ones, too, in a mode that counts: what they cost is what a collection is judged by. */
START_TEST(each_full_collection_marks_what_lives) {
  for (int i = 0; i < 100; i++) held[i] = gc_alloc(1000);
  gc_collect(GC_COLLECT_FULL);
  for (int i = 0; i < 3; i++) {
    uint64_t before = statistics().objects_marked;
    gc_collect(GC_COLLECT_FULL);
    uint64_t marked = statistics().objects_marked - before;
    ck_assert_uint_ge(marked, 100);
    ck_assert_uint_lt(marked, 200);
  }
}
END_TEST

START_TEST(reset_starts_counts_anew_and_keeps_sizes) {
  held[0] = gc_alloc(1000000);
  churn(32);
  gc_collect(GC_COLLECT_FULL);
  struct gc_stats before = statistics();
  gc_stats_reset();
  struct gc_stats after = statistics();
  ck_assert_uint_eq(after.collections_full, 0);
  ck_assert_uint_eq(after.allocated_objects, 0);
  ck_assert_uint_eq(after.allocated_bytes, 0);
  ck_assert_uint_eq(after.pauses.count, 0);
  ck_assert_uint_eq(after.pauses.max_ns, 0);
  ck_assert_uint_eq(after.pauses.p99_ns, 0);
  ck_assert_uint_eq(after.mark_ns, 0);
  ck_assert_uint_eq(after.live_bytes, before.live_bytes);
  ck_assert_uint_eq(after.heap_bytes, before.heap_bytes);
  ck_assert_uint_eq(after.limit_bytes, before.limit_bytes);
  ck_assert_uint_eq(after.threads, 1);
  gc_keep(gc_alloc(16));
  ck_assert_uint_eq(statistics().allocated_objects, 1);
}
END_TEST

START_TEST(fragmentation_is_seen) {
  for (int i = 0; i < 40000; i++) held[i] = gc_alloc(64);
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_le(statistics().fragmentation_percent, 20);
  for (int i = 0; i < 40000; i++)
    if (i % 8) held[i] = NULL;
  for (int i = 0; i < 3; i++) {
    collect();
    for (int k = 0; k < 100000; k++) gc_keep(gc_alloc(64)); /* sweeps the blocks */
    if (statistics().fragmentation_percent > 20) return;
  }
  ck_abort_msg("one of eight objects is held, but fragmentation is %u %%", statistics().fragmentation_percent);
}
END_TEST

/* ---- Disabling ---- */

START_TEST(disabled_means_no_collection_but_by_call) {
  gc_collect(GC_COLLECT_FULL);
  gc_disable();
  gc_disable();
  struct gc_stats before = statistics();
  churn(128);
  ck_assert_uint_eq(statistics().pauses.count, before.pauses.count);
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_eq(statistics().collections_full, before.collections_full + 1);
  gc_enable();
  churn(128);
  ck_assert_uint_eq(statistics().collections_full, before.collections_full + 1);
  gc_enable();
  churn(256);
  ck_assert_uint_gt(statistics().pauses.count, before.pauses.count + 1);
}
END_TEST

static void *disable_and_end(void *unused) {
  gc_disable();
  return unused;
}

START_TEST(disabling_is_for_the_process) {
  pthread_t thread;
  gc_collect(GC_COLLECT_FULL);
  ck_assert_int_eq(pthread_create(&thread, NULL, disable_and_end, NULL), 0);
  pthread_join(thread, NULL);
  uint64_t before = statistics().pauses.count;
  churn(128);
  ck_assert_uint_eq(statistics().pauses.count, before);
  gc_enable();
}
END_TEST

/* ---- Events ---- */

struct seen {
  unsigned counts[8];
  uint64_t last_ns, bytes_at_end, pause_ns;
  unsigned is_open;
  bool is_out_of_order;
};

static void see(const struct gc_event *event, void *data) {
  struct seen *seen = data;
  if (event->kind < 8) seen->counts[event->kind]++;
  if (event->time_ns < seen->last_ns) seen->is_out_of_order = true;
  seen->last_ns = event->time_ns;
  if (event->kind == GC_EVENT_COLLECTION_START && seen->is_open++) seen->is_out_of_order = true;
  if (event->kind == GC_EVENT_COLLECTION_END) {
    if (!seen->is_open) seen->is_out_of_order = true;
    seen->is_open = 0;
    seen->bytes_at_end = event->bytes;
    seen->pause_ns = event->pause_ns;
  }
  gc_keep(gc_alloc(100)); /* is allowed */
}

START_TEST(events_are_delivered) {
  struct seen *seen = gc_new(struct seen);
  uint64_t start_ns = now_ns();
  ck_assert_int_eq(gc_on_event(see, seen), 0);
  gc_stats_reset();
  for (int i = 0; i < 64; i++) held[i] = gc_alloc(1 << 20);
  for (int i = 0; i < 10; i++) gc_collect(GC_COLLECT_FULL);
  struct gc_stats stats = statistics();
  ck_assert_uint_eq(seen->counts[GC_EVENT_COLLECTION_END], stats.collections_full + stats.collections_minor);
  ck_assert_uint_eq(seen->counts[GC_EVENT_COLLECTION_START], seen->counts[GC_EVENT_COLLECTION_END]);
  ck_assert_uint_ge(seen->counts[GC_EVENT_GROWN], 1);
  ck_assert_uint_eq(seen->counts[GC_EVENT_LIMIT_NEAR], 0);
  ck_assert(!seen->is_out_of_order);
  ck_assert_uint_ge(seen->last_ns, start_ns);
  ck_assert_uint_le(seen->last_ns, now_ns());
  ck_assert_uint_eq(seen->bytes_at_end, stats.live_bytes);
  ck_assert_uint_gt(seen->pause_ns, 0);
  ck_assert_uint_le(seen->pause_ns, stats.pauses.max_ns);
  memset(held, 0, 64 * sizeof held[0]);
  for (int i = 0; i < 40 && seen->counts[GC_EVENT_RETURNED] == 0; i++) {
    collect();
    sleep_ms(50);
  }
  ck_assert_uint_ge(seen->counts[GC_EVENT_RETURNED], 1);
}
END_TEST

START_TEST(limit_near_is_told) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = 64 << 20;
  ck_assert_int_eq(gc_init(&options), 0);
  struct seen *seen = gc_new(struct seen);
  ck_assert_int_eq(gc_on_event(see, seen), 0);
  for (int i = 0; i < 30; i++) held[i] = gc_alloc(1 << 20);
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_eq(seen->counts[GC_EVENT_LIMIT_NEAR], 0);
  for (int i = 30; i < 58; i++) ck_assert_ptr_nonnull((held[i] = gc_alloc(1 << 20)));
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_ge(seen->counts[GC_EVENT_LIMIT_NEAR], 1);
}
END_TEST

static unsigned order[16], order_count;

static void note_order(const struct gc_event *event, void *data) {
  if (event->kind == GC_EVENT_COLLECTION_END && order_count < 16) order[order_count++] = *(unsigned *)data;
}

static NOT_INLINED unsigned *number(unsigned value) {
  unsigned *object = gc_alloc_leaf(sizeof *object);
  *object = value;
  return object;
}

START_TEST(handlers_come_in_order_and_up_to_eight) {
  ck_assert_int_eq(gc_on_event(NULL, NULL), EINVAL);
  ck_assert_int_eq(errno, EINVAL);
  for (unsigned i = 0; i < 8; i++) ck_assert_int_eq(gc_on_event(note_order, number(i)), 0); /* held there alone */
  ck_assert_int_eq(gc_on_event(note_order, number(8)), ENOSPC);
  collect();
  churn(8);
  order_count = 0;
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_eq(order_count, 8);
  for (unsigned i = 0; i < 8; i++) ck_assert_uint_eq(order[i], i);
  ck_assert_int_eq(gc_shutdown(), 0); /* forgets them */
  ck_assert_int_eq(gc_init(NULL), 0);
  order_count = 0;
  gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_eq(order_count, 0);
  ck_assert_int_eq(gc_on_event(note_order, number(0)), 0);
}
END_TEST

/* ---- The page for people ---- */

START_TEST(dump_prints_a_page) {
  static char text[100000];
  gc_keep(gc_alloc(48));
  gc_keep(gc_alloc(1000000));
  gc_collect(GC_COLLECT_FULL);
  FILE *out = fmemopen(text, sizeof text, "w");
  gc_dump(out);
  fclose(out);
  ck_assert_msg(count_lines(text) >= 5, "%s", text);
  ck_assert_msg(strstr(text, "pauses") && strstr(text, "in use") && strstr(text, "sum"), "%s", text);
  ck_assert_msg(strstr(text, "mark-sweep") || strstr(text, gc_mode_name(gc_mode())), "%s", text);
  struct capture capture;
  capture_begin(&capture);
  gc_dump(NULL);
  capture_end(&capture, text, sizeof text);
  ck_assert_uint_ge(count_lines(text), 5);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("stats");
  tcase_add_test(tests, allocations_are_counted);
  tcase_add_test(tests, allocations_of_ended_threads_stay_counted);
  tcase_add_test(tests, collections_and_pauses_are_counted);
  tcase_add_test(tests, sizes_agree_with_each_other);
  tcase_add_test(tests, each_full_collection_marks_what_lives);
  tcase_add_test(tests, reset_starts_counts_anew_and_keeps_sizes);
  tcase_add_test(tests, fragmentation_is_seen);
  tcase_add_test(tests, disabled_means_no_collection_but_by_call);
  tcase_add_test(tests, disabling_is_for_the_process);
  tcase_add_test(tests, events_are_delivered);
  tcase_add_test(tests, limit_near_is_told);
  tcase_add_test(tests, handlers_come_in_order_and_up_to_eight);
  tcase_add_test(tests, dump_prints_a_page);
  return suite_end();
}
