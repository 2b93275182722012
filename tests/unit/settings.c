/* tests/unit/settings.c - the program's options and the environment: what is taken, what is refused, and with which
 * words. */
#include "unit.h"
#include "settings.h"

#include <errno.h>
#include <signal.h>

#define KIB ((size_t)1 << 10)

static struct gc__settings settings;
static char text[4096]; /* what the last read wrote to standard error */

static const char *const names[] = {
    "TREFOIL_MODE",   "TREFOIL_TRACKING",    "TREFOIL_LIMIT",       "TREFOIL_INITIAL", "TREFOIL_NURSERY",
    "TREFOIL_GROWTH", "TREFOIL_MARKERS",     "TREFOIL_LOG",         "TREFOIL_STATS",   "TREFOIL_STRESS",
    "TREFOIL_CHECK",  "TREFOIL_FAIL_COMMIT", "TREFOIL_GUARD_FREED", "TREFOIL_SWAP",    "TREFOIL_SWAP_BYTES"};

static void forget_environment(void) {
  for (unsigned i = 0; i < COUNT_OF(names); i++) unsetenv(names[i]);
}

static int read_settings(const struct gc_options *options) {
  memset(&settings, 0xa5, sizeof settings);
  unit_capture_begin();
  int error = gc__settings_read(&settings, options);
  unit_capture_end(text, sizeof text);
  return error;
}

/* With one variable set. Requires that nothing is said about it. */
static void read_with(const char *name, const char *value, const struct gc_options *options) {
  forget_environment();
  ck_assert_int_eq(setenv(name, value, 1), 0);
  ck_assert_int_eq(read_settings(options), 0);
  ck_assert_str_eq(text, "");
}

/* With one variable set to what cannot be taken: one line names it, its value and what is accepted; nothing changes. */
static void check_rejected(const char *name, const char *value, const char *accepted,
                           const struct gc_options *options) {
  char expected[256];
  struct gc__settings without;
  forget_environment();
  ck_assert_int_eq(read_settings(options), 0);
  ck_assert_str_eq(text, "");
  without = settings;
  ck_assert_int_eq(setenv(name, value, 1), 0);
  ck_assert_int_eq(read_settings(options), 0);
  snprintf(expected, sizeof expected, "trefoil: %s=%s: not taken; accepted: ", name, value);
  if (strncmp(text, expected, strlen(expected)) != 0) ck_abort_msg("%s=%s: said '%s'", name, value, text);
  ck_assert_ptr_nonnull(strstr(text, accepted));
  ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
  ck_assert_int_eq(memcmp(&settings.options, &without.options, sizeof without.options), 0);
  ck_assert(settings.log_collections == without.log_collections && settings.check_heap == without.check_heap);
  ck_assert(settings.stress_allocation == without.stress_allocation && settings.fail_request == without.fail_request);
}

/* ---- The program's options ---- */

START_TEST(defaults_are_those_of_the_header) {
  struct gc_options defaults = GC_OPTIONS_INIT;
  forget_environment();
  for (int is_given = 0; is_given < 2; is_given++) {
    ck_assert_int_eq(read_settings(is_given ? &defaults : NULL), 0);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(settings.options.mode, GC_GENERATIONAL);
    ck_assert_int_eq(settings.options.tracking, GC_TRACK_AUTO);
    ck_assert(settings.options.limit_bytes == 0 && settings.options.initial_bytes == 0);
    ck_assert(settings.options.growth_percent == 0 && settings.options.markers == 0);
    ck_assert(settings.options.interior_in_heap && settings.options.stop_signal == 0);
    ck_assert(!settings.log_collections && !settings.stress_allocation && !settings.check_heap);
    ck_assert(!settings.statistics_path && !settings.fail_request);
  }
}
END_TEST

START_TEST(values_of_the_program_are_taken) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.mode = GC_MARK_SWEEP;
  options.tracking = GC_TRACK_BARRIER;
  options.limit_bytes = 100 * KIB * KIB;
  options.initial_bytes = options.limit_bytes;
  options.nursery_bytes = 5;
  options.growth_percent = 70;
  options.markers = 128;
  options.finalize = GC_FINALIZE_MANUAL;
  options.interior_in_heap = false;
  options.stop_signal = SIGUSR1;
  forget_environment();
  ck_assert_int_eq(read_settings(&options), 0);
  ck_assert_str_eq(text, "");
  ck_assert_int_eq(memcmp(&settings.options, &options, sizeof options), 0);
}
END_TEST

START_TEST(a_struct_of_another_size_is_refused) {
  struct gc_options options = GC_OPTIONS_INIT;
  static const size_t sizes[] = {
      0, 1, sizeof options - 8, sizeof options - 1, sizeof options + 1, sizeof options + 8, SIZE_MAX};
  forget_environment();
  for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
    options.struct_bytes = sizes[i];
    ck_assert_int_eq(read_settings(&options), EINVAL);
  }
}
END_TEST

/* A change to one option, and what gc_init must say to it. */
struct refusal {
  size_t offset, bytes;
  uint64_t value;
  int error;
};

#define REFUSAL(field, value, error)                                                                                   \
  { offsetof(struct gc_options, field), sizeof((struct gc_options){0}.field), (uint64_t)(value), error }

START_TEST(values_out_of_range_are_refused) {
  static const struct refusal refusals[] = {
      REFUSAL(mode, GC_REFCOUNT + 1, EINVAL),
      REFUSAL(mode, -1, EINVAL),
      REFUSAL(tracking, GC_TRACK_NONE + 1, EINVAL),
      REFUSAL(tracking, -1, EINVAL),
      REFUSAL(finalize, GC_FINALIZE_MANUAL + 1, EINVAL),
      REFUSAL(markers, 129, EINVAL),
      REFUSAL(guard_freed_percent, 101, EINVAL),
      REFUSAL(stop_signal, -1, EINVAL),
      REFUSAL(stop_signal, SIGKILL, EINVAL),
      REFUSAL(stop_signal, SIGSTOP, EINVAL),
      REFUSAL(stop_signal, 1000, EINVAL),
      REFUSAL(buffer, (uintptr_t)text, EINVAL), /* one needs the other */
      REFUSAL(buffer_bytes, 65536, EINVAL),
      REFUSAL(swap_path, (uintptr_t) "", EINVAL),
  };
  struct gc_options options;
  static const struct gc_options defaults = GC_OPTIONS_INIT;
  forget_environment();
  for (unsigned i = 0; i < COUNT_OF(refusals); i++) {
    options = defaults;
    memcpy((char *)&options + refusals[i].offset, &refusals[i].value, refusals[i].bytes);
    int error = read_settings(&options);
    if (error != refusals[i].error) ck_abort_msg("refusal %u: %d", i, error);
    ck_assert_str_eq(text, ""); /* the result says it */
  }
  options = defaults;
  options.limit_bytes = 1000;
  options.initial_bytes = 1001;
  ck_assert_int_eq(read_settings(&options), EINVAL);
}
END_TEST

/* ---- The environment ---- */

START_TEST(sizes_are_read) {
  static const struct {
    const char *text;
    size_t bytes;
  } good[] = {{"1", 1},
              {"4096", 4096},
              {"64K", 64 * KIB},
              {"64k", 64 * KIB},
              {"3M", 3 * KIB * KIB},
              {"3m", 3 * KIB * KIB},
              {"2G", 2 * KIB * KIB * KIB},
              {"2g", 2 * KIB * KIB * KIB},
              {"007", 7},
              {"18446744073709551615", SIZE_MAX}};
  for (unsigned i = 0; i < COUNT_OF(good); i++) {
    read_with("TREFOIL_LIMIT", good[i].text, NULL);
    ck_assert_uint_eq(settings.options.limit_bytes, good[i].bytes);
    read_with("TREFOIL_INITIAL", good[i].text, NULL);
    ck_assert_uint_eq(settings.options.initial_bytes, good[i].bytes);
    read_with("TREFOIL_NURSERY", good[i].text, NULL);
    ck_assert_uint_eq(settings.options.nursery_bytes, good[i].bytes);
  }
}
END_TEST

START_TEST(what_is_no_size_is_named) {
  static const char *const bad[] = {"abc",
                                    "-1",
                                    "+5",
                                    " 5",
                                    "5 ",
                                    "12X",
                                    "12KB",
                                    "1.5G",
                                    "0x10",
                                    "K",
                                    "5KK",
                                    "1e6",
                                    "18446744073709551616",
                                    "20000000000G",
                                    "17179869184G"};
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = 50 * KIB * KIB;
  for (unsigned i = 0; i < COUNT_OF(bad); i++) {
    check_rejected("TREFOIL_LIMIT", bad[i], "K, M or G", &options);
    check_rejected("TREFOIL_INITIAL", bad[i], "K, M or G", &options);
    check_rejected("TREFOIL_NURSERY", bad[i], "K, M or G", &options);
    check_rejected("TREFOIL_GROWTH", bad[i], "100000", &options);
    check_rejected("TREFOIL_MARKERS", bad[i], "128", &options);
  }
}
END_TEST

START_TEST(counts_have_bounds) {
  read_with("TREFOIL_GROWTH", "100000", NULL);
  ck_assert_uint_eq(settings.options.growth_percent, 100000);
  read_with("TREFOIL_MARKERS", "128", NULL);
  ck_assert_uint_eq(settings.options.markers, 128);
  struct gc_options options = GC_OPTIONS_INIT;
  options.markers = 3;
  options.growth_percent = 40;
  read_with("TREFOIL_MARKERS", "0", &options);
  ck_assert_uint_eq(settings.options.markers, 0);
  ck_assert_uint_eq(settings.options.growth_percent, 40);
  check_rejected("TREFOIL_GROWTH", "100001", "up to 100000", &options);
  read_with("TREFOIL_GUARD_FREED", "30", &options);
  ck_assert_uint_eq(settings.options.guard_freed_percent, 30);
  check_rejected("TREFOIL_GUARD_FREED", "101", "a number of percent up to 100", &options);
  check_rejected("TREFOIL_MARKERS", "129", "a number of threads up to 128", &options);
  check_rejected("TREFOIL_MARKERS", "4294967297", "a number of threads up to 128", &options); /* wraps nothing */
}
END_TEST

START_TEST(the_environment_wins) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = 50 * KIB * KIB;
  options.markers = 7;
  read_with("TREFOIL_LIMIT", "60M", &options);
  ck_assert_uint_eq(settings.options.limit_bytes, 60 * KIB * KIB);
  ck_assert_uint_eq(settings.options.markers, 7);
  ck_assert_uint_eq(options.limit_bytes, 50 * KIB * KIB); /* the program's own is left alone */
  options.mode = GC_REFCOUNT;
  read_with("TREFOIL_MODE", "mark-sweep", &options);
  ck_assert_int_eq(settings.options.mode, GC_MARK_SWEEP);
}
END_TEST

START_TEST(an_empty_value_is_none) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.markers = 7;
  for (unsigned i = 0; i < COUNT_OF(names); i++) {
    read_with(names[i], "", &options);
    ck_assert_uint_eq(settings.options.markers, 7);
    ck_assert_int_eq(settings.options.mode, GC_GENERATIONAL);
    ck_assert(!settings.log_collections && !settings.check_heap && !settings.stress_allocation);
    ck_assert_ptr_null(settings.statistics_path);
  }
}
END_TEST

START_TEST(modes_are_read) {
  read_with("TREFOIL_MODE", "mark-sweep", NULL);
  ck_assert_int_eq(settings.options.mode, GC_MARK_SWEEP);
  read_with("TREFOIL_MODE", "refcount", NULL);
  ck_assert_int_eq(settings.options.mode, GC_REFCOUNT);
  static const char *const bad[] = {"rc", "Generational", "Mark-Sweep", "default", "x", "mark-sweep "};
  for (unsigned i = 0; i < COUNT_OF(bad); i++) check_rejected("TREFOIL_MODE", bad[i], "mark-sweep", NULL);
}
END_TEST

START_TEST(trackings_are_read) {
  static const char *const trackings[] = {"auto", "pages", "protect", "barrier", "none"};
  struct gc_options promised = GC_OPTIONS_INIT;
  promised.tracking = GC_TRACK_BARRIER;
  for (unsigned i = 0; i < COUNT_OF(trackings); i++) {
    read_with("TREFOIL_TRACKING", trackings[i], &promised);
    ck_assert_int_eq(settings.options.tracking, i);
    if (i == GC_TRACK_BARRIER) continue;
    read_with("TREFOIL_TRACKING", trackings[i], NULL);
    ck_assert_int_eq(settings.options.tracking, i);
  }
  check_rejected("TREFOIL_TRACKING", "barrier", "barrier is for programs that ask for it", NULL);
  check_rejected("TREFOIL_TRACKING", "page", "auto, pages, protect, none", NULL);
  check_rejected("TREFOIL_TRACKING", "page", "auto, pages, protect, barrier, none", &promised);
}
END_TEST

START_TEST(switches_have_one_word) {
  read_with("TREFOIL_LOG", "gc", NULL);
  ck_assert(settings.log_collections && !settings.check_heap && !settings.stress_allocation);
  read_with("TREFOIL_CHECK", "heap", NULL);
  ck_assert(!settings.log_collections && settings.check_heap && !settings.stress_allocation);
  ck_assert(!settings.check_barriers);
  read_with("TREFOIL_CHECK", "barriers", NULL);
  ck_assert(!settings.check_heap && settings.check_barriers);
  read_with("TREFOIL_CHECK", "barriers,heap", NULL);
  ck_assert(settings.check_heap && settings.check_barriers);
  read_with("TREFOIL_STRESS", "alloc", NULL);
  ck_assert(!settings.log_collections && !settings.check_heap && settings.stress_allocation);
  read_with("TREFOIL_STRESS", "swap,alloc", NULL);
  ck_assert(settings.stress_allocation && settings.stress_swap);
  read_with("TREFOIL_SWAP", "/some/path", NULL);
  ck_assert_str_eq(settings.options.swap_path, "/some/path");
  ck_assert(settings.swap_is_wish);
  read_with("TREFOIL_SWAP_BYTES", "3M", NULL);
  ck_assert(!settings.options.swap_path && !settings.swap_is_wish);
  ck_assert_uint_eq(settings.options.swap_bytes, 3 << 20);
  read_with("TREFOIL_STATS", "/some/file name", NULL);
  ck_assert_str_eq(settings.statistics_path, "/some/file name");
  check_rejected("TREFOIL_LOG", "1", "gc", NULL);
  check_rejected("TREFOIL_CHECK", "barrier", "barriers", NULL);
  check_rejected("TREFOIL_CHECK", "heap,everything", "barriers", NULL);
  check_rejected("TREFOIL_CHECK", ",", "barriers", NULL);
  check_rejected("TREFOIL_STRESS", "allocation", "alloc", NULL);
}
END_TEST

START_TEST(each_wrong_value_has_its_line) {
  unsigned lines = 0;
  forget_environment();
  setenv("TREFOIL_MODE", "fast", 1);
  setenv("TREFOIL_LIMIT", "much", 1);
  setenv("TREFOIL_MARKERS", "2", 1);
  setenv("TREFOIL_LOG", "all", 1);
  ck_assert_int_eq(read_settings(NULL), 0);
  for (const char *at = text; (at = strchr(at, '\n')); at++) lines++;
  ck_assert_uint_eq(lines, 3);
  ck_assert_uint_eq(settings.options.markers, 2);
}
END_TEST

START_TEST(initial_memory_above_the_limit_is_not_taken) {
  forget_environment();
  setenv("TREFOIL_LIMIT", "10M", 1);
  setenv("TREFOIL_INITIAL", "10M", 1);
  ck_assert_int_eq(read_settings(NULL), 0);
  ck_assert_str_eq(text, "");
  ck_assert_uint_eq(settings.options.initial_bytes, 10 * KIB * KIB);
  setenv("TREFOIL_INITIAL", "11M", 1);
  ck_assert_int_eq(read_settings(NULL), 0);
  ck_assert_str_eq(text, "trefoil: TREFOIL_INITIAL is above the limit: not taken\n");
  ck_assert(settings.options.initial_bytes == 0 && settings.options.limit_bytes == 10 * KIB * KIB);
}
END_TEST

START_TEST(requests_are_made_to_fail_in_builds_with_checks_only) {
#if TREFOIL_CHECKS
  read_with("TREFOIL_FAIL_COMMIT", "17", NULL);
  ck_assert_uint_eq(settings.fail_request, 17);
  check_rejected("TREFOIL_FAIL_COMMIT", "first", "a number of requests", NULL);
#else
  read_with("TREFOIL_FAIL_COMMIT", "17", NULL);
  ck_assert_uint_eq(settings.fail_request, 0);
#endif
}
END_TEST

UNIT_MAIN("settings", defaults_are_those_of_the_header, values_of_the_program_are_taken,
          a_struct_of_another_size_is_refused, values_out_of_range_are_refused, sizes_are_read,
          what_is_no_size_is_named, counts_have_bounds, the_environment_wins, an_empty_value_is_none, modes_are_read,
          trackings_are_read, switches_have_one_word, each_wrong_value_has_its_line,
          initial_memory_above_the_limit_is_not_taken, requests_are_made_to_fail_in_builds_with_checks_only)
