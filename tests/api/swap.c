/* tests/api/swap.c - cold parts of the heap in a file: nothing is lost, the limit holds for what is in memory, and what
 * goes wrong with the disk is ENOMEM or a code.
 */
#include "support.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <trefoil/protect.h>

enum { MIB = 1 << 20, LIMIT_BYTES = 64 * MIB };

static void start(const char *path, size_t limit_bytes, size_t swap_bytes) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = limit_bytes;
  options.swap_path = path;
  options.swap_bytes = swap_bytes;
  ck_assert_int_eq(gc_init(&options), 0);
}

static struct gc_stats statistics(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats;
}

/* ---- A table of objects with contents that are known ---- */

/* The table itself is what a full collection reads first. */
struct entry {
  struct entry *before;
  uint64_t seed;
  size_t bytes;
  unsigned char *text; /* leaf, or NULL: the contents follow */
};

static struct entry *newest;
static uint64_t made;

static unsigned char *contents(struct entry *entry) {
  return entry->text ? entry->text : (unsigned char *)(entry + 1);
}

static bool add(size_t bytes, bool is_leaf) {
  struct entry *entry = gc_alloc(sizeof *entry + (is_leaf ? 0 : bytes));
  unsigned char *text = entry && is_leaf ? gc_alloc_leaf(bytes) : NULL;
  if (!entry || (is_leaf && !text)) return false;
  require(all_zero(entry, sizeof *entry + (is_leaf ? 0 : bytes)) && (!text || all_zero(text, bytes)));
  *entry = (struct entry){newest, ++made, bytes, text};
  pattern_fill(contents(entry), bytes, entry->seed);
  newest = entry;
  return true;
}

static void check_all(void) {
  uint64_t seed = made;
  for (struct entry *entry = newest; entry; entry = entry->before) {
    require(entry->seed == seed--);
    require(pattern_matches(contents(entry), entry->bytes, entry->seed));
  }
  require(seed == 0);
}

static void fill(size_t total_bytes, size_t bytes, bool is_leaf) {
  for (size_t done = 0; done < total_bytes; done += bytes) require(add(bytes, is_leaf));
}

static size_t large_of(int i) {
  static const size_t sizes[] = {200, 2000, 8000, 60000, 3 * MIB};
  return sizes[i];
}

START_TEST(heap_of_twice_its_limit) {
  bool is_leaf = _i >= 5;
  start(".", LIMIT_BYTES, 0);
  size_t total = 2 * LIMIT_BYTES;
  fill(total, large_of(_i % 5), is_leaf);
  check_all();
  gc_collect(GC_COLLECT_FULL);
  struct gc_stats stats = statistics();
  ck_assert_uint_ge(stats.live_bytes, total);
  ck_assert_uint_le(stats.heap_bytes, LIMIT_BYTES);
  ck_assert_uint_ge(stats.swapped_bytes, total - LIMIT_BYTES);
  check_all();
}
END_TEST

START_TEST(without_a_file_it_is_refused) {
  start(NULL, LIMIT_BYTES, 0);
  uint64_t start_ns = now_ns();
  while (add(2000, true)) continue;
  ck_assert_int_eq(errno, ENOMEM);
  ck_assert_uint_lt(now_ns() - start_ns, UINT64_C(60000000000));
  ck_assert_uint_eq(gc_swap_out(MIB), 0);
  check_all();
}
END_TEST

/* ---- On request ---- */

static void age(void) {
  for (int i = 0; i < 3; i++) gc_collect(GC_COLLECT_MINOR);
  gc_collect(GC_COLLECT_FULL);
}

START_TEST(cold_memory_goes_on_request) {
  start(".", 0, 0);
  fill(32 * MIB, 2000, true);
  ck_assert_uint_eq(statistics().swapped_bytes, 0);
  age();
  struct gc_stats before = statistics();
  size_t moved = gc_swap_out(16 * MIB);
  struct gc_stats after = statistics();
  ck_assert_uint_ge(moved, 16 * MIB);
  ck_assert_uint_lt(moved, 24 * MIB + MIB);
  ck_assert_uint_le(after.heap_bytes, before.heap_bytes - 16 * MIB + MIB);
  ck_assert_uint_ge(after.swapped_bytes, 15 * MIB);
  ck_assert_uint_ge(after.swap_stops, 2);
  check_all();
  ck_assert_uint_ge(gc_swap_out(SIZE_MAX), 4 * MIB); /* the rest */
  ck_assert_uint_eq(gc_swap_out(0), 0);
  check_all();
  gc_collect(GC_COLLECT_FULL); /* reading is no reason to come back */
  ck_assert_uint_ge(statistics().swapped_bytes, 24 * MIB);
}
END_TEST

START_TEST(what_is_written_comes_back) {
  start(".", 0, 0);
  fill(32 * MIB, 100000, true);
  age();
  gc_swap_out(SIZE_MAX);
  struct gc_stats away = statistics();
  ck_assert_uint_ge(away.swapped_bytes, 24 * MIB);
  for (struct entry *entry = newest; entry; entry = entry->before)
    pattern_fill(entry->text, entry->bytes, entry->seed);
  gc_collect(GC_COLLECT_FULL);
  struct gc_stats back = statistics();
  ck_assert_uint_le(back.swapped_bytes, 2 * MIB);
  ck_assert_uint_ge(back.heap_bytes, away.heap_bytes + 22 * MIB);
  check_all();
  for (int i = 0; i < 12; i++) gc_collect(GC_COLLECT_FULL); /* and goes again */
  ck_assert_uint_ge(gc_swap_out(SIZE_MAX), 16 * MIB);
  check_all();
}
END_TEST

/* Pointers to young objects from what is away are found by a minor collection. */
START_TEST(stores_into_what_is_away_are_seen) {
  start(".", 0, 0);
  fill(16 * MIB, 5000, false);
  age();
  gc_swap_out(SIZE_MAX);
  for (unsigned round = 0; round < 3; round++) {
    unsigned number = 0;
    for (struct entry *entry = newest; entry; entry = entry->before)
      if (number++ % 7 == round) *(void **)contents(entry) = gc_strdup("a young text");
    for (int i = 0; i < 3; i++) gc_collect(GC_COLLECT_MINOR);
    for (unsigned i = 0; i < 200000; i++) gc_keep(gc_alloc_leaf(16)); /* would be where a lost one was */
    number = 0;
    for (struct entry *entry = newest; entry; entry = entry->before)
      if (number++ % 7 == round) require(strcmp(*(char **)contents(entry), "a young text") == 0);
    gc_swap_out(SIZE_MAX);
  }
}
END_TEST

/* Every second object goes; the memory serves new ones, which are zero. */
START_TEST(garbage_in_the_file_is_free) {
  size_t bytes = large_of(_i);
  start(".", 0, 0);
  fill(32 * MIB, bytes, true);
  age();
  gc_swap_out(SIZE_MAX);
  for (int round = 0; round < 4; round++) {
    uint64_t seed = 0;
    struct entry *kept = NULL, *next;
    for (struct entry *entry = newest; entry; entry = next) {
      next = entry->before;
      if (entry->seed % 2) continue;
      entry->before = kept;
      kept = entry;
    }
    for (newest = NULL; kept; kept = next) { /* in order again */
      next = kept->before;
      pattern_fill(contents(kept), kept->bytes, ++seed);
      kept->seed = seed;
      kept->before = newest;
      newest = kept;
    }
    made = seed;
    if (round == 2) gc_collect(GC_COLLECT_FULL);
    fill(16 * MIB, bytes, true);
    age();
    check_all();
    gc_swap_out(SIZE_MAX);
  }
  newest = NULL;
  made = 0;
  collect();
  collect();
  struct gc_stats stats = statistics();
  ck_assert_uint_le(stats.swapped_bytes, 8 * MIB); /* units that something else lives in */
  fill(32 * MIB, bytes, false);
  check_all();
}
END_TEST

/* ---- Threads and processes ---- */

static atomic_bool is_done;

static void *write_all_the_time(void *argument) {
  uint64_t **slots = argument;
  for (uint64_t turn = 1; !atomic_load(&is_done); turn++)
    for (int i = 0; i < 64; i++) {
      require(*slots[i] == turn - 1);
      *slots[i] = turn;
    }
  return NULL;
}

/* What changes between the save and the stop stays, and no write is lost. */
START_TEST(others_write_meanwhile) {
  start(".", 0, 0);
  static uint64_t *slots[64];
  pthread_t writer;
  for (int i = 0; i < 64; i++) {
    slots[i] = gc_alloc_leaf(300000);
    *slots[i] = 0;
  }
  fill(16 * MIB, 2000, true);
  age();
  ck_assert_int_eq(gc_thread_create(&writer, NULL, write_all_the_time, slots), 0);
  for (unsigned round = 0; round < repetitions(60); round++) {
    gc_swap_out(SIZE_MAX);
    for (int i = 0; i < 10; i++) gc_collect(round % 4 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
  }
  atomic_store(&is_done, true);
  pthread_join(writer, NULL);
  check_all();
}
END_TEST

static int reply_of(pid_t child) {
  int status;
  require(waitpid(child, &status, 0) == child);
  return status;
}

/* [swap.private] Each sees its own contents, whoever writes and moves what. */
START_TEST(a_fork_shares_nothing) {
  int to_child[2], to_parent[2];
  char byte = 0;
  start(".", 0, 0);
  fill(16 * MIB, 2000, true);
  fill(8 * MIB, 3000, false);
  age();
  ck_assert_uint_gt(gc_swap_out(SIZE_MAX), 0);
  ck_assert_int_eq(pipe(to_child) | pipe(to_parent), 0);
  pid_t child = fork();
  if (child == 0) {
    if (read(to_child[0], &byte, 1) != 1) _exit(1); /* untouched until the parent has moved its new contents */
    check_all();
    for (struct entry *entry = newest; entry; entry = entry->before) {
      entry->bytes = 500;
      pattern_fill(contents(entry), entry->bytes, entry->seed);
    }
    for (int i = 0; i < 12; i++) gc_collect(GC_COLLECT_FULL);
    if (!gc_swap_out(SIZE_MAX)) _exit(2);
    check_all();
    if (write(to_parent[1], &byte, 1) != 1) _exit(3);
    fill(8 * MIB, 2000, true);
    check_all();
    _exit(0);
  }
  for (struct entry *entry = newest; entry; entry = entry->before) {
    entry->bytes = 1000;
    pattern_fill(contents(entry), entry->bytes, entry->seed);
  }
  for (int i = 0; i < 12; i++) gc_collect(GC_COLLECT_FULL);
  ck_assert_uint_gt(gc_swap_out(SIZE_MAX), 8 * MIB);
  check_all();
  ck_assert_int_eq((int)write(to_child[1], &byte, 1), 1);
  ck_assert_int_eq((int)read(to_parent[0], &byte, 1), 1);
  check_all();
  ck_assert_int_eq(reply_of(child), 0);
  check_all();
}
END_TEST

START_TEST(closed_descriptors_harm_nothing) {
  start(".", 0, 0);
  fill(16 * MIB, 2000, true);
  age();
  ck_assert_uint_gt(gc_swap_out(4 * MIB), 0);
  for (int file = 3; file < 100; file++) {
    struct stat is;
    if (fstat(file, &is) == 0 && S_ISREG(is.st_mode) && is.st_nlink == 0 && is.st_size >= 2 * MIB) close(file);
  }
  int mine = open("/dev/null", O_WRONLY); /* has its number now */
  ck_assert_uint_gt(gc_swap_out(4 * MIB), 0);
  check_all();
  close(mine);
}
END_TEST

/* ---- What can go wrong ---- */

static int try_path(const char *path, char *text, size_t room) {
  struct capture capture;
  struct gc_options options = GC_OPTIONS_INIT;
  options.swap_path = path;
  capture_begin(&capture);
  int error = gc_init(&options);
  capture_end(&capture, text, room);
  return error;
}

START_TEST(a_file_that_cannot_be_made) {
  static const struct {
    const char *path;
    int error;
  } cases[] = {{"/nowhere/at/all/swap", ENOENT}, {"/dev/null", EEXIST},     {"/dev/full", EEXIST},
               {"/dev/null/swap", ENOTDIR},      {"/proc/swap", ENOENT}};
  char text[1000];
  for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int error = try_path(cases[i].path, text, sizeof text);
    if (i < 4) ck_assert_int_eq(error, cases[i].error);
    ck_assert_int_ne(error, 0);
    ck_assert_int_eq(errno, error);
    ck_assert_uint_eq(count_lines(text), 1);
    ck_assert_ptr_nonnull(strstr(text, "no swap file can be made at "));
    ck_assert_ptr_nonnull(strstr(text, cases[i].path));
  }
  ck_assert_int_eq(try_path("", text, sizeof text), EINVAL);
  static char endless[10000];
  memset(endless, 'x', sizeof endless - 1);
  ck_assert_int_eq(try_path(endless, text, sizeof text), ENAMETOOLONG);
  ck_assert_int_eq(try_path("a-name-that-nothing-has", text, sizeof text), 0);
  ck_assert_uint_eq(count_lines(text), 0);
  ck_assert_int_ne(access("a-name-that-nothing-has", F_OK), 0);
}
END_TEST

START_TEST(environment_is_a_wish) {
  char text[1000];
  struct capture capture;
  setenv("TREFOIL_SWAP", "/nowhere/at/all/swap", 1);
  capture_begin(&capture);
  int error = gc_init(NULL);
  capture_end(&capture, text, sizeof text);
  ck_assert_int_eq(error, 0);
  ck_assert_uint_eq(count_lines(text), 1);
  ck_assert_uint_eq(gc_swap_out(MIB), 0);
  ck_assert_int_eq(gc_shutdown(), 0);
  setenv("TREFOIL_SWAP", ".", 1);
  setenv("TREFOIL_SWAP_BYTES", "4M", 1);
  ck_assert_int_eq(gc_init(NULL), 0);
  fill(16 * MIB, 2000, true);
  age();
  size_t moved = gc_swap_out(SIZE_MAX);
  ck_assert_uint_gt(moved, MIB);
  ck_assert_uint_le(moved, 4 * MIB);
  check_all();
}
END_TEST

/* Until there is no room for anything, in memory or in the file; then half of it goes, and the program goes on. */
static void run_until_full(size_t most_bytes) {
  uint64_t start_ns = now_ns();
  size_t filled = 0;
  for (; add(2000, true); filled += 2000) require(filled < most_bytes);
  ck_assert_int_eq(errno, ENOMEM);
  ck_assert_uint_lt(now_ns() - start_ns, UINT64_C(100000000000));
  check_all();
  for (uint64_t i = made / 2; i; i--) newest = newest->before;
  made -= made / 2;
  collect();
  check_all();
  fill(filled / 8, 2000, true);
  check_all();
}

START_TEST(a_file_with_a_bound) {
  start(".", LIMIT_BYTES, 16 * MIB);
  run_until_full(LIMIT_BYTES + 17 * MIB);
  ck_assert_uint_gt(statistics().swapped_out_bytes, 8 * MIB);
}
END_TEST

START_TEST(files_may_not_grow) {
  struct rlimit limit = {10 * MIB, 10 * MIB};
  start(".", LIMIT_BYTES, 0);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0); /* would send SIGXFSZ */
  run_until_full(LIMIT_BYTES + 11 * MIB);
}
END_TEST

START_TEST(a_full_disk) {
  char directory[] = "swap-disk-XXXXXX";
  ck_assert_ptr_nonnull(mkdtemp(directory));
  if (mount("trefoil", directory, "tmpfs", 0, "size=10M") != 0) {
    rmdir(directory);
    SKIP_TEST("no file system can be mounted");
  }
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = LIMIT_BYTES;
  options.swap_path = directory;
  int error = gc_init(&options);
  umount2(directory, MNT_DETACH); /* the file stays until it is closed */
  rmdir(directory);
  ck_assert_int_eq(error, 0);
  run_until_full(LIMIT_BYTES + 11 * MIB);
}
END_TEST

/* ---- A control group with a limit ---- */

static char group[2000];

static bool write_file(const char *name, const char *text) {
  char path[2100];
  snprintf(path, sizeof path, "%s/%s", group, name);
  int file = open(path, O_WRONLY);
  bool done = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
  if (file >= 0) close(file);
  return done;
}

/* A group inside the one that this process is in, v2 or v1, with a limit of LIMIT_BYTES. */
static bool make_group(void) {
  char line[1000], limit[40];
  FILE *file = fopen("/proc/self/cgroup", "r");
  bool is_made = false;
  snprintf(limit, sizeof limit, "%d", LIMIT_BYTES);
  while (file && !is_made && fgets(line, sizeof line, file)) {
    char *path = strchr(line, ':') ? strchr(strchr(line, ':') + 1, ':') : NULL;
    if (!path) continue;
    path[strcspn(path, "\n")] = 0;
    bool is_v2 = strncmp(line, "0::", 3) == 0;
    if (!is_v2 && !strstr(line, ":memory:")) continue;
    const char *mount = is_v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    snprintf(group, sizeof group, "%s%s/trefoil-test-%d", mount, strcmp(path + 1, "/") ? path + 1 : "", (int)getpid());
    if (mkdir(group, 0755) != 0) continue;
    is_made = write_file(is_v2 ? "memory.max" : "memory.limit_in_bytes", limit);
    if (!is_made) rmdir(group);
  }
  if (file) fclose(file);
  return is_made;
}

/* The limit is found, not told; and the kernel would end the process where it is not kept. */
static void live_in_group(void *has_swap) {
  if (!write_file("cgroup.procs", "0")) _exit(2);
  struct gc_options options = GC_OPTIONS_INIT;
  options.swap_path = has_swap ? "." : NULL;
  ck_assert_int_eq(gc_init(&options), 0);
  if (has_swap) {
    fill(2 * LIMIT_BYTES, 3000, true);
    fill(LIMIT_BYTES / 4, 300, false);
    check_all();
    ck_assert_uint_ge(statistics().swapped_bytes, LIMIT_BYTES);
  } else {
    while (add(3000, true)) require(made < (uint64_t)2 * LIMIT_BYTES / 3000);
    ck_assert_int_eq(errno, ENOMEM);
  }
  ck_assert_uint_lt(statistics().limit_bytes, LIMIT_BYTES);
  check_all();
  _exit(0);
}

START_TEST(container_of_half_the_size) {
  static char text[4000];
  if (UNDER_ASAN || UNDER_TSAN) SKIP_TEST("the tool itself needs more memory than that");
  if (getenv("TREFOIL_CHECK")) SKIP_TEST("what the check takes for itself is in no limit of the library's");
  if (!make_group()) SKIP_TEST("no control group can be made");
  int status = run_in_child(live_in_group, _i ? group : NULL, text, sizeof text);
  for (int i = 0; i < 100 && rmdir(group) != 0; i++) sleep_ms(20);
  ck_assert_msg(status == 0, "wait status %#x: %s", (unsigned)status, text);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("swap");
  tcase_set_timeout(tests, 4 * TEST_SECONDS); /* disks are slow at times */
  tcase_add_loop_test(tests, heap_of_twice_its_limit, 0, 10);
  tcase_add_test(tests, without_a_file_it_is_refused);
  tcase_add_test(tests, cold_memory_goes_on_request);
  tcase_add_test(tests, what_is_written_comes_back);
  tcase_add_test(tests, stores_into_what_is_away_are_seen);
  tcase_add_loop_test(tests, garbage_in_the_file_is_free, 0, 5);
  tcase_add_test(tests, others_write_meanwhile);
  tcase_add_test(tests, a_fork_shares_nothing);
  tcase_add_test(tests, closed_descriptors_harm_nothing);
  tcase_add_test(tests, a_file_that_cannot_be_made);
  tcase_add_test(tests, environment_is_a_wish);
  tcase_add_test(tests, a_file_with_a_bound);
  tcase_add_test(tests, files_may_not_grow);
  tcase_add_test(tests, a_full_disk);
  tcase_add_loop_test(tests, container_of_half_the_size, 0, 2);
  return suite_end();
}
