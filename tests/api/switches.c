/* tests/api/switches.c - TREFOIL_LOG, TREFOIL_STATS, TREFOIL_STRESS and TREFOIL_CHECK, each in a process of its own. */
#include "support.h"
#include <sys/wait.h>

static char text[200000];

struct program {
  const char *name, *value;
  void (*run)(void);
};

static void run_program(void *argument) {
  const struct program *program = argument;
  forget_environment();
  setenv(program->name, program->value, 1);
  program->run();
}

/* Runs it to a normal end; what it wrote to standard error is in text then. */
static void run_with(const char *name, const char *value, void run(void)) {
  struct program program = {name, value, run};
  int status = run_in_child(run_program, &program, text, sizeof text);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s=%s: status %#x: %s", name, value, (unsigned)status,
                text);
}

static void collect_seven_times(void) {
  for (int i = 0; i < 7; i++) {
    gc_keep(gc_alloc(1000));
    gc_collect(GC_COLLECT_FULL);
  }
}

START_TEST(log_writes_a_line_for_each_collection) {
  run_with("TREFOIL_LOG", "gc", collect_seven_times);
  ck_assert_msg(count_lines(text) == 7, "%s", text);
  for (const char *line = text; *line; line = strchr(line, '\n') + 1)
    ck_assert_msg(strncmp(line, "trefoil: ", 9) == 0, "%s", text);
}
END_TEST

static int run_shell(const char *format, const char *path) {
  char command[2000];
  snprintf(command, sizeof command, format, path);
  return system(command);
}

START_TEST(stats_writes_json_at_exit) {
  char path[] = "/tmp/trefoil-stats-XXXXXX";
  close(mkstemp(path));
  if (run_shell("python3 -c 1 2>%s", path) != 0) SKIP_TEST("python3 is not installed");
  run_with("TREFOIL_STATS", path, collect_seven_times);
  ck_assert_str_eq(text, "");
  ck_assert_int_eq(run_shell("python3 -m json.tool %s >/dev/null", path), 0);
  /* one object with all statistics, and somewhere a list with start and length of each pause */
  int status = run_shell("python3 - %s <<'END'\n"
                         "import json, sys\n"
                         "stats = json.load(open(sys.argv[1]))\n"
                         "assert stats['collections_full'] == 7, stats\n"
                         "assert stats['mode'] in ('mark-sweep', 'generational', 'refcount'), stats\n"
                         "for name in 'tracking heap_bytes live_bytes limit_bytes allocated_bytes allocated_objects mark_ns "
                         "sweep_ns threads fragmentation_percent pauses pauses_full pauses_minor'.split():\n"
                         "  assert name in stats, name\n"
                         "for name in 'count total_ns max_ns p50_ns p99_ns p999_ns'.split():\n"
                         "  assert name in stats['pauses'], name\n"
                         "lists = [value for value in stats.values() if isinstance(value, list)]\n"
                         "assert any(len(value) == 7 for value in lists), lists\n"
                         "END\n",
                         path);
  ck_assert_int_eq(status, 0);
  unlink(path);
}
END_TEST

START_TEST(stats_path_that_cannot_be_written) {
  run_with("TREFOIL_STATS", "/nonexistent/directory/file", collect_seven_times);
  ck_assert_msg(count_lines(text) == 1 && strncmp(text, "trefoil: ", 9) == 0, "%s", text);
  ck_assert_msg(strstr(text, "/nonexistent/directory/file") != NULL, "%s", text);
}
END_TEST

static void collect_and_shut_down(void) {
  collect_seven_times();
  if (gc_shutdown() != 0) _exit(9);
}

START_TEST(stats_survive_an_early_shutdown) {
  char path[] = "/tmp/trefoil-stats-XXXXXX";
  close(mkstemp(path));
  run_with("TREFOIL_STATS", path, collect_and_shut_down);
  ck_assert_int_eq(run_shell("grep -q collections_full %s", path), 0);
  unlink(path);
}
END_TEST

static void allocate_hundred(void) {
  struct gc_stats before, after;
  gc_keep(gc_alloc(16));
  gc_stats(&before);
  void *list[100];
  for (int i = 0; i < 100; i++) {
    list[i] = i % 2 ? gc_alloc(48) : gc_alloc_leaf(20000);
    pattern_fill(list[i], 48, (uint64_t)i);
  }
  gc_stats(&after);
  for (int i = 0; i < 100; i++)
    if (!pattern_matches(list[i], 48, (uint64_t)i)) _exit(1);
  uint64_t full = after.collections_full - before.collections_full;
  uint64_t minor = after.collections_minor - before.collections_minor;
  if (full + minor != 100) _exit(2);
  if (full < 100 / 16) _exit(3);
}

START_TEST(stress_collects_at_each_allocation) {
  run_with("TREFOIL_STRESS", "alloc", allocate_hundred);
  ck_assert_str_eq(text, "");
}
END_TEST

static void use_everything(void) {
  static void **list;
  for (int i = 0; i < 20000; i++) {
    void **object = gc_alloc((size_t)(i * 7 % 3000));
    if (i % 10 == 0) {
      *object = list;
      list = object;
    }
    if (i % 7 == 0) gc_free(gc_alloc_leaf((size_t)(i * 11 % 50000)));
    if (i % 1000 == 0) gc_collect(i % 2000 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
  }
}

START_TEST(check_finds_nothing_wrong) {
  run_with("TREFOIL_CHECK", "heap", use_everything);
  ck_assert_str_eq(text, "");
}
END_TEST

enum { STALE_CELLS = 20000, STALE_BYTES = 48 };
static enum gc_mode wanted_mode;

static size_t **allocate_cells(void) {
  size_t **cells = gc_alloc(STALE_CELLS * sizeof *cells);
  for (int i = 0; i < STALE_CELLS; i++) {
    cells[i] = gc_alloc(STALE_BYTES);
    gc_written(cells, STALE_CELLS * sizeof *cells);
  }
  return cells;
}

/* Makes many objects, where free memory is, too, and keeps them. */
static void allocate_again(void) {
  static void **list;
  for (int i = 0; i < STALE_CELLS; i++) {
    void **object = gc_alloc(STALE_BYTES);
    gc_write(object, list);
    list = object;
    if (i % (STALE_CELLS / 16) == 0) gc_collect(GC_COLLECT_MINOR);
  }
  for (int i = 0; i < 3; i++) gc_collect(i == 1 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
}

static void start_in_wanted_mode(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.mode = wanted_mode;
  if (gc_init(&options)) _exit(1);
}

/* Old objects keep pointers to others that were freed by hand. */
static void dangle(void) {
  start_in_wanted_mode();
  size_t **cells = allocate_cells();
  for (int i = 1; i < STALE_CELLS; i++) gc_write(cells[i], (size_t)cells[i - 1]);
  for (int i = 0; i < 2; i++) gc_collect(GC_COLLECT_FULL);
  for (int i = 0; i < STALE_CELLS; i += 2) gc_free(cells[i]);
  allocate_again();
  gc_keep(cells);
}

/* Old objects hold numbers that are addresses of free memory. */
static void hold_numbers(void) {
  start_in_wanted_mode();
  size_t **cells = allocate_cells();
  gc_collect(GC_COLLECT_FULL);
  for (int i = 0; i < STALE_CELLS; i++) cells[i][1] = ~(size_t)gc_alloc(STALE_BYTES);
  for (int i = 0; i < 3; i++) gc_collect(GC_COLLECT_FULL);
  for (int i = 0; i < STALE_CELLS; i++) {
    cells[i][1] = ~cells[i][1];
    gc_written(cells[i], STALE_BYTES);
  }
  for (int i = 0; i < 3; i++) gc_collect(GC_COLLECT_MINOR);
  allocate_again();
  gc_keep(cells);
}

START_TEST(check_finds_nothing_wrong_with_stale_words) {
  static void (*const programs[])(void) = {dangle, hold_numbers};
  for (wanted_mode = GC_MARK_SWEEP; wanted_mode <= GC_REFCOUNT; wanted_mode++)
    for (unsigned i = 0; i < 2; i++) {
      run_with("TREFOIL_CHECK", "heap", programs[i]);
      ck_assert_str_eq(text, "");
    }
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("switches");
  tcase_add_test(tests, log_writes_a_line_for_each_collection);
  tcase_add_test(tests, stats_writes_json_at_exit);
  tcase_add_test(tests, stats_path_that_cannot_be_written);
  tcase_add_test(tests, stats_survive_an_early_shutdown);
  tcase_add_test(tests, stress_collects_at_each_allocation);
  tcase_add_test(tests, check_finds_nothing_wrong);
  tcase_add_test(tests, check_finds_nothing_wrong_with_stale_words);
  return suite_end();
}
