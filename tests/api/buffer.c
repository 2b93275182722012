/* tests/api/buffer.c - heaps inside memory of the program's: what fits, what a full one does, where the memory may lie,
 * that it is no root, that the system is asked for no memory, and what becomes of it at shutdown.
 */
#include "in_buffer.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <trefoil/pool.h>
#include <trefoil/protect.h>
#include <trefoil/weak.h>

/* Asked of the environment, since asking the library would start it. */
static bool counts(void) {
  const char *mode = getenv("TREFOIL_MODE");
  return mode && strcmp(mode, "refcount") == 0;
}

START_TEST(most_of_a_buffer_is_for_objects) {
  static const struct {
    size_t bytes;
    unsigned percent, percent_counted;
  } cases[] = {{32, 84, 39}, {16, 84, 39}, {480, 79, 37}, {2000, 84, 39}}; /* of 480 bytes 8 fit into 4 KiB */
  size_t bytes = cases[_i].bytes;
  start_in(buffer, BUFFER_BYTES);
  fill_up(bytes);
  uint64_t percent = list_length * gc_size(list) * 100 / BUFFER_BYTES;
  printf("%s: %llu %% of a buffer are objects of %zu bytes\n", gc_mode_name(gc_mode()), (unsigned long long)percent,
         bytes);
  ck_assert_uint_ge(percent, counts() ? cases[_i].percent_counted : cases[_i].percent);
  check_list();
}
END_TEST

START_TEST(a_full_one_goes_on_when_something_is_dropped) {
  start_in(buffer, BUFFER_BYTES);
  fill_up(48);
  for (int round = 0; round < 5; round++) {
    uint64_t full = list_length;
    drop(full / 2);
    stack_clear();
    ck_assert_ptr_nonnull(gc_alloc(48));
    fill_up(round % 2 ? 48 : 200);
    ck_assert_uint_gt(list_length, full / 2 + 50);
    check_list();
  }
  ck_assert_ptr_null(gc_alloc(2 * BUFFER_BYTES));
  list = NULL;
  list_length = 0;
  ck_assert_uint_lt(live_bytes(), BUFFER_BYTES / 20);
  void *part = gc_alloc_leaf(BUFFER_BYTES / 8);
  ck_assert_ptr_nonnull(part);
  gc_free(part);
}
END_TEST

/* ---- Too small ---- */

static size_t needed_bytes(const char *said) {
  const char *at = strstr(said, "too small: ");
  ck_assert_ptr_nonnull(at);
  return strtoul(at + strlen("too small: "), NULL, 10);
}

START_TEST(a_small_one_says_how_much_is_needed) {
  char *memory = buffer + (_i == 0 ? 0 : _i == 1 ? 16 : 4001);
  struct gc_options options = options_with(memory, 5000);
  struct capture capture;
  if (_i == 3) options.tracking = GC_TRACK_BARRIER;
  capture_begin(&capture);
  int error = gc_init(&options);
  capture_end(&capture, text, sizeof text);
  ck_assert_int_eq(error, EINVAL);
  ck_assert_uint_eq(count_lines(text), 1);
  ck_assert_ptr_nonnull(strstr(text, "trefoil: gc_init: a buffer of 5000 bytes is too small: "));
  size_t needed = needed_bytes(text);
  ck_assert_uint_lt(needed, counts() ? 192 << 10 : 128 << 10);

  options.buffer_bytes = needed - 1;
  capture_begin(&capture);
  error = gc_init(&options);
  capture_end(&capture, text, sizeof text);
  ck_assert_int_eq(error, EINVAL);
  ck_assert_uint_eq(needed_bytes(text), needed);

  options.buffer_bytes = needed;
  memory[needed] = 0x5a;
  ck_assert_int_eq(gc_init(&options), 0);
  ck_assert_ptr_nonnull(gc_alloc(100));
  for (int i = 0; i < 1000; i++) ck_assert_ptr_nonnull(gc_alloc(32));
  ck_assert_int_eq(memory[needed], 0x5a);
}
END_TEST

START_TEST(one_of_80_kib_starts) {
  struct gc_options options = options_with(buffer, 80 << 10);
  if (counts()) options.buffer_bytes *= 2;
  ck_assert_int_eq(gc_init(&options), 0);
  for (int i = 0; i < 10000; i++) {
    char *word = gc_strdup("a word");
    ck_assert_ptr_nonnull(word);
    ck_assert_ptr_nonnull(gc_alloc(40));
  }
}
END_TEST

START_TEST(wrong_buffers_are_refused) {
  struct gc_options options = options_with(NULL, 4096);
  ck_assert_int_eq(gc_init(&options), EINVAL);
  options = options_with(buffer, 0);
  ck_assert_int_eq(gc_init(&options), EINVAL);
  options = options_with(buffer, SIZE_MAX - 4096);
  ck_assert_int_eq(gc_init(&options), EINVAL);
}
END_TEST

/* The pages of a buffer are the program's: none is protected, none is moved to a file. */
START_TEST(what_needs_pages_of_its_own_is_refused) {
  struct gc_options options = options_with(buffer, BUFFER_BYTES);
  options.swap_path = ".";
  ck_assert_int_eq(gc_init(&options), ENOTSUP);
  options = options_with(buffer, BUFFER_BYTES);
  options.guard_freed_percent = 10;
  ck_assert_int_eq(gc_init(&options), ENOTSUP);
  setenv("TREFOIL_SWAP", ".", 1); /* wishes give way */
  setenv("TREFOIL_GUARD_FREED", "100", 1);
  start_in(buffer, BUFFER_BYTES);
  errno = 0;
  ck_assert_ptr_null(gc_alloc_guarded(100));
  ck_assert_int_eq(errno, ENOTSUP);
  void *large = gc_alloc(20000), *small = gc_alloc(100);
  ck_assert_int_eq(gc_protect(large, GC_PROTECT_READ), EINVAL);
  ck_assert_int_eq(gc_protect(small, GC_PROTECT_NONE), EINVAL);
  memset(large, 1, 20000);
  gc_free(large);
  ck_assert_uint_eq(gc_swap_out(SIZE_MAX), 0);
  for (size_t at = 0; at < BUFFER_BYTES; at += 4096) ck_assert_int_ge(((volatile unsigned char *)buffer)[at], 0);
}
END_TEST

START_TEST(pages_are_not_watched_there) {
  static const enum gc_tracking asked[] = {GC_TRACK_PAGES, GC_TRACK_PROTECT};
  struct gc_options options = options_with(buffer, BUFFER_BYTES);
  struct capture capture;
  options.tracking = asked[_i];
  unsetenv("TREFOIL_TRACKING"); /* would win */
  options.mode = GC_GENERATIONAL;
  capture_begin(&capture);
  int error = gc_init(&options);
  capture_end(&capture, text, sizeof text);
  ck_assert_int_eq(error, ENOTSUP);
  char line[100];
  snprintf(line, sizeof line, "trefoil: tracking %s cannot be had: the heap is in a buffer\n",
           _i ? "protect" : "pages");
  ck_assert_str_eq(text, line);
  setenv("TREFOIL_TRACKING", _i ? "protect" : "pages", 1); /* a wish gives way */
  options.tracking = GC_TRACK_AUTO;
  ck_assert_int_eq(gc_init(&options), 0);
  ck_assert_int_eq(gc_tracking(), GC_TRACK_NONE);
}
END_TEST

START_TEST(barriers_work_there) {
  struct gc_options options = options_with(buffer, BUFFER_BYTES);
  options.tracking = GC_TRACK_BARRIER;
  unsetenv("TREFOIL_TRACKING");
  ck_assert_int_eq(gc_init(&options), 0);
  ck_assert_int_eq(gc_tracking(), gc_mode() == GC_MARK_SWEEP ? GC_TRACK_NONE : GC_TRACK_BARRIER);
  void ***table = gc_alloc_array(200, sizeof *table);
  for (unsigned round = 0; round < 20; round++) {
    for (unsigned i = 0; i < 200; i++) {
      void **young = gc_alloc(64);
      ck_assert_ptr_nonnull(young);
      gc_write(&table[i], young);
      young[3] = (void *)(uintptr_t)(i << 4 | 1);
    }
    gc_collect(GC_COLLECT_MINOR);
    for (unsigned i = 0; i < 5000; i++) ck_assert_ptr_nonnull(gc_alloc(64));
    for (unsigned i = 0; i < 200; i++) ck_assert_ptr_eq(table[i][3], (void *)(uintptr_t)(i << 4 | 1));
  }
}
END_TEST

/* ---- Where it may lie ---- */

/* Dead objects that name each other: a scan of the buffer would keep them. */
static NOT_INLINED void make_dead_rings(void) {
  STAY_DEEP();
  for (int i = 0; i < 4000; i++) {
    void **first = gc_alloc(32), **second = gc_alloc(32);
    require(first && second);
    gc_write(&first[0], second);
    gc_write(&second[0], first);
  }
}

static void check_is_no_root(void) {
  make_dead_rings();
  ck_assert_uint_lt(live_bytes(), 8000 * 32 / 4);
}

START_TEST(static_data) {
  start_in(buffer, BUFFER_BYTES);
  check_is_no_root();
}
END_TEST

START_TEST(memory_of_malloc) {
  char *memory = malloc(BUFFER_BYTES + 3);
  start_in(memory + 3, BUFFER_BYTES);
  check_is_no_root();
  ck_assert_int_eq(gc_roots_add(memory, BUFFER_BYTES), 0); /* as a part of something larger */
  check_is_no_root();
  ck_assert_int_eq(gc_roots_remove(memory), 0);
  ck_assert_int_eq(gc_shutdown(), 0);
  free(memory);
}
END_TEST

static NOT_INLINED void run_on_the_stack(void) {
  char memory[BUFFER_BYTES];
  void **local[4];
  start_in(memory, sizeof memory);
  for (int i = 0; i < 4; i++) {
    local[i] = gc_alloc(sizeof(void *));
    local[i][0] = (void *)(uintptr_t)(i * 2 + 1);
  }
  check_is_no_root();
  for (int i = 0; i < 4; i++) ck_assert_ptr_eq(local[i][0], (void *)(uintptr_t)(i * 2 + 1)); /* but the rest is */
  ck_assert_int_eq(gc_shutdown(), 0);
}

START_TEST(the_stack_of_a_function_that_shuts_down) {
  run_on_the_stack();
}
END_TEST

START_TEST(ordinary_blocks_in_a_large_one) {
  size_t bytes = 40 << 20;
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  start_in(memory + 16, bytes - 16);
  check_is_no_root();
  uint64_t before = live_bytes();
  for (int i = 0; i < 10000; i++) gc_write((void **)&held[i], gc_alloc(1000));
  ck_assert_uint_ge(live_bytes(), before + 10000 * 1000);
  for (int i = 0; i < 10000; i++) ck_assert_ptr_nonnull(held[i]);
}
END_TEST

/* ---- The system ---- */

static const int memory_calls[] = {SYS_mmap, SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap, SYS_brk};
enum { MEMORY_CALLS = sizeof memory_calls / sizeof memory_calls[0] };

/* From here on a call that asks for memory ends the process. */
static bool forbid_memory_calls(void) {
  struct sock_filter program[MEMORY_CALLS + 3];
  unsigned at = 0;
  program[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < MEMORY_CALLS; i++)
    program[at++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)memory_calls[i], MEMORY_CALLS - i, 0);
  program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  struct sock_fprog filter = {(unsigned short)at, program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static unsigned finalized;
static void count_finalized(void *object, void *data) {
  (void)object, (void)data;
  finalized++;
}

/* Everything that needs tables of its own: weak references, finalizers, layouts, pools, large objects. */
static NOT_INLINED void use_much(void) {
  GC_LAYOUT_DEFINE(layout, struct node, next);
  STAY_DEEP();
  for (int i = 0; i < 300; i++) {
    void **object = gc_alloc(64);
    require(object && gc_weak_new(object));
    require(gc_finalizer_set(object, count_finalized, NULL) == 0);
    require(gc_alloc_typed(&layout, 1 + (size_t)i % 7));
    void *large = gc_alloc_leaf(20000);
    require(large && (large = gc_realloc(large, 30000)));
    if (i % 2) gc_free(large);
  }
  struct gc_pool *pool = gc_pool_new(40, 100, 0);
  require(pool != NULL);
  for (int i = 0; i < 100; i++) require(gc_pool_alloc(pool));
  gc_pool_destroy(pool);
}

static void work_without_the_system(void *can_forbid) {
  unsigned rounds = repetitions(20);
  start_in(buffer, BUFFER_BYTES);
  stack_clear();
  if (!forbid_memory_calls()) _exit(77);
  *(bool *)can_forbid = true;
  for (unsigned round = 0; round < rounds; round++) {
    use_much();
    stack_clear();
    gc_collect(round % 3 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
    gc_finalizers_run();
  }
  if (finalized < 300 * (rounds - 1)) _exit(3);
  fill_up(48);
  if (gc_shutdown() != 0) _exit(4);
  _exit(0);
}

START_TEST(no_system_call_for_memory) {
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool asks for memory itself");
  if (getenv("TREFOIL_CHECK")) SKIP_TEST("the checker asks for memory");
  bool *could_forbid = shared_memory(sizeof *could_forbid);
  int status = run_in_child(work_without_the_system, could_forbid, text, sizeof text);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) SKIP_TEST("no seccomp");
  ck_assert(*could_forbid);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d: %s", status, text);
}
END_TEST

static void ask_for_memory(void *unused) {
  (void)unused;
  if (!forbid_memory_calls()) _exit(77);
  mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

START_TEST(the_filter_works) {
  if (UNDER_ASAN || UNDER_TSAN || under_valgrind()) SKIP_TEST("the tool asks for memory itself");
  int status = run_in_child(ask_for_memory, NULL, text, sizeof text);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) SKIP_TEST("no seccomp");
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

/* ---- The end, and after it ---- */

START_TEST(after_shutdown_the_memory_is_the_programs) {
  static const enum gc_mode modes[] = {GC_MARK_SWEEP, GC_GENERATIONAL, GC_REFCOUNT};
  unsetenv("TREFOIL_MODE");
  for (int i = 0; i < 6; i++) {
    struct gc_options options = options_with(i % 2 ? buffer : NULL, i % 2 ? BUFFER_BYTES : 0);
    options.mode = modes[i % 3];
    ck_assert_int_eq(gc_init(&options), 0);
    if (i % 2 == 0) ck_assert(pattern_matches(buffer, BUFFER_BYTES, 5) || i == 0);
    make_dead_rings();
    ck_assert_ptr_nonnull(gc_weak_new(gc_alloc(10)));
    ck_assert_uint_lt(live_bytes(), 8000 * 32 / 4);
    ck_assert_int_eq(gc_shutdown(), 0);
    pattern_fill(buffer, BUFFER_BYTES, 5);
    sleep_ms(2);
    ck_assert(pattern_matches(buffer, BUFFER_BYTES, 5));
  }
}
END_TEST

/* ---- Other parts of the library ---- */

START_TEST(finalizers_run_where_they_are_asked_for) {
  start_in(buffer, BUFFER_BYTES);
  use_much();
  live_bytes();
  sleep_ms(20);
  ck_assert_uint_eq(finalized, 0);
  ck_assert_uint_ge(gc_finalizers_pending(), 290);
  ck_assert_uint_eq(gc_finalizers_run(), finalized);
  ck_assert_uint_ge(finalized, 290);
}
END_TEST

START_TEST(many_layouts) {
  size_t offsets[40];
  start_in(buffer, BUFFER_BYTES);
  for (size_t i = 0; i < 40; i++) offsets[i] = i * sizeof(void *);
  for (size_t bytes = 1; bytes <= 700; bytes++) { /* more than there is room for: then all words are scanned */
    struct gc_layout layout = {(40 + bytes) * sizeof(void *), 1 + bytes % 40, offsets};
    void **object = gc_alloc_typed(&layout, 1);
    ck_assert_ptr_nonnull(object);
    void *other = gc_alloc(16);
    gc_write(&object[0], other);
    ck_assert_ptr_nonnull(gc_base(other));
  }
}
END_TEST

START_TEST(the_limit_is_a_part_of_the_buffer) {
  struct gc_options options = options_with(buffer, BUFFER_BYTES);
  options.limit_bytes = BUFFER_BYTES / 2;
  memset(buffer, 0xa5, BUFFER_BYTES);
  ck_assert_int_eq(gc_init(&options), 0);
  fill_up(64);
  for (int i = BUFFER_BYTES / 2; i < BUFFER_BYTES; i++) require((unsigned char)buffer[i] == 0xa5);
  struct gc_stats stats;
  gc_stats(&stats);
  ck_assert_uint_le(stats.heap_bytes, BUFFER_BYTES / 2);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("buffer");
  tcase_add_loop_test(tests, most_of_a_buffer_is_for_objects, 0, 4);
  tcase_add_test(tests, a_full_one_goes_on_when_something_is_dropped);
  tcase_add_loop_test(tests, a_small_one_says_how_much_is_needed, 0, 4);
  tcase_add_test(tests, one_of_80_kib_starts);
  tcase_add_test(tests, wrong_buffers_are_refused);
  tcase_add_test(tests, what_needs_pages_of_its_own_is_refused);
  tcase_add_loop_test(tests, pages_are_not_watched_there, 0, 2);
  tcase_add_test(tests, barriers_work_there);
  tcase_add_test(tests, static_data);
  tcase_add_test(tests, memory_of_malloc);
  tcase_add_test(tests, the_stack_of_a_function_that_shuts_down);
  tcase_add_test(tests, ordinary_blocks_in_a_large_one);
  tcase_add_test(tests, no_system_call_for_memory);
  tcase_add_test(tests, the_filter_works);
  tcase_add_test(tests, after_shutdown_the_memory_is_the_programs);
  tcase_add_test(tests, finalizers_run_where_they_are_asked_for);
  tcase_add_test(tests, many_layouts);
  tcase_add_test(tests, the_limit_is_a_part_of_the_buffer);
  return suite_end();
}
