/* tests/api/returning.c - memory that is not needed any more goes back to the system.
 */
#include "support.h"

enum { PEAK_BYTES = 96 << 20, COLLECTIONS = 5, FIXED_BYTES = 2 << 20 };

struct node {
  struct node *next;
  uint64_t number;
  void *text;
};

static struct node *list;

static struct gc_stats statistics(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats;
}

static NOT_INLINED size_t build(size_t bytes) {
  STAY_DEEP();
  size_t count = PEAK_BYTES / bytes;
  for (size_t i = 0; i < count; i++) {
    struct node *node = gc_new(struct node);
    require(node != NULL);
    *node = (struct node){list, i, bytes > 16 ? gc_alloc_leaf(bytes) : NULL};
    list = node;
  }
  return count;
}

/* Keeps those of a tenth: the oldest, or every tenth stretch of a megabyte. */
static NOT_INLINED void keep_a_tenth(size_t count, size_t bytes, bool is_mixed) {
  STAY_DEEP();
  struct node *kept = NULL, *next;
  size_t stretch = 1 + (1 << 20) / bytes;
  for (struct node *node = list; node; node = next) {
    next = node->next;
    bool is_kept = is_mixed ? node->number / stretch % 10 == 0 : node->number < count / 10;
    node->next = is_kept ? kept : NULL;
    if (is_kept) kept = node;
  }
  list = kept;
}

static const size_t sizes[] = {16, 200, 5000, 100000};

static atomic_size_t returned_bytes;
static void note_returned(const struct gc_event *event, void *data) {
  (void)data;
  if (event->kind == GC_EVENT_RETURNED) atomic_fetch_add(&returned_bytes, event->bytes);
}

/* Within 1.5 times what lives, beside the shadow of the mode that counts and what a small heap has, too. */
START_TEST(after_a_peak) {
  size_t bytes = sizes[_i % 4];
  ck_assert_int_eq(gc_on_event(note_returned, NULL), 0);
  size_t count = build(bytes);
  struct gc_stats peak = statistics();
  uint64_t peak_bytes = peak.heap_bytes - peak.shadow_bytes;
  keep_a_tenth(count, bytes, _i >= 4);
  for (int i = 0; i < COLLECTIONS; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_FULL);
  }
  struct gc_stats stats = statistics();
  ck_assert_uint_le(stats.live_bytes, peak_bytes / 5);
  uint64_t left_bytes = stats.heap_bytes - stats.shadow_bytes, returned = atomic_load(&returned_bytes);
  uint64_t fixed_bytes = gc_mode() == GC_REFCOUNT ? 3 * FIXED_BYTES : FIXED_BYTES; /* its tables are larger */
  ck_assert_uint_le(left_bytes, stats.live_bytes * 3 / 2 + fixed_bytes);
  ck_assert_uint_ge(returned, (peak_bytes - left_bytes) / 5 * 3);
  size_t length = 0;
  for (struct node *node = list; node; node = node->next) length++;
  ck_assert_uint_ge(length, count / 12);
  build(bytes); /* and can be had again */
  ck_assert_uint_ge(statistics().heap_bytes, PEAK_BYTES);
}
END_TEST

/* A program that goes on as before keeps what it uses: nothing goes back and forth. */
START_TEST(a_steady_program_keeps_its_memory) {
  if (getenv("TREFOIL_STRESS")) SKIP_TEST("collections come all the time");
  build(200);
  for (int i = 0; i < 3; i++) gc_collect(GC_COLLECT_FULL);
  for (unsigned i = 0; i < repetitions(2000000); i++) gc_keep(gc_alloc(64));
  ck_assert_int_eq(gc_on_event(note_returned, NULL), 0);
  uint64_t before = statistics().collections_full + statistics().collections_minor;
  unsigned least = 2 * PEAK_BYTES / 64, count = repetitions(6000000);
  for (unsigned i = 0; i < (count > least ? count : least); i++) gc_keep(gc_alloc(64));
  ck_assert_uint_gt(statistics().collections_full + statistics().collections_minor, before);
  ck_assert_uint_le(atomic_load(&returned_bytes), PEAK_BYTES / 8);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("returning");
  tcase_add_loop_test(tests, after_a_peak, 0, 8);
  tcase_add_test(tests, a_steady_program_keeps_its_memory);
  return suite_end();
}
