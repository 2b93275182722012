/* tests/unit/os/watch.c - written pages, as every source reports them, and what only the kernel's can do. What only
 * page protection does is in watch_protect.c. */
#include <errno.h>

#include "base/atomic.h"
#include "os/segments.h"
#include "watch_field.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const enum gc__watch_kind kinds[] = {GC__WATCH_KERNEL, GC__WATCH_PROTECT};
static const char *const kind_names[] = {"none", "kernel", "protect"};

/* The test once for each source that works here. */
static void with_each_source(const char *test, size_t pages, void (*fn)(struct field *)) {
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    struct field field;
    char reason[200];
    const char *missing = field_open(&field, kinds[i], pages);
    if (!missing) {
      fn(&field);
      field_close(&field);
      continue;
    }
    ck_assert_msg(!strstr(missing, "trial"), "%s is there, and does not work", kind_names[kinds[i]]);
    snprintf(reason, sizeof reason, "%s: %s", kind_names[kinds[i]], missing);
    unit_skip(test, reason);
  }
}

/* ---- Every source ---- */

static void write_some(struct field *field) {
  ck_assert(field_reports_nothing(field));
  volatile char sum = 0;
  for (size_t page = 0; page < field->pages; page++) sum = (char)(sum + field->start[page * field->page_bytes]);
  ck_assert(field_reports_nothing(field));
  field_write(field, 3, 0);
  field_write(field, 4, 4095);
  field_write(field, 5, 77);
  field_write(field, 5, 78);
  field_write(field, 0, 8);
  field_write(field, field->pages - 1, field->page_bytes - 1);
  ck_assert(field_reports(field, {0, 1}, {3, 6}, {field->pages - 1, field->pages}));
  ck_assert(field_reports_nothing(field)); /* they were armed again */
  field_write(field, 4, 0);
  field_write(field, 6, 0);
  ck_assert(field_reports(field, {4, 5}, {6, 7}));
  ck_assert(field_reports_nothing(field));
}

START_TEST(written_pages_are_reported_once_in_order) {
  with_each_source(__func__, 64, write_some);
  with_each_source(__func__, 3000, write_some);
}
END_TEST

static void open_some(struct field *field) {
  gc__watch_open_pages(&field->watch, field_range(field, 5, 9));
  ck_assert(field_reports(field, {5, 9}));
  ck_assert(field_reports_nothing(field));
  gc__watch_open_pages(&field->watch, field_range(field, 0, field->pages));
  gc__watch_open_pages(&field->watch, field_range(field, 0, field->pages));
  field_write(field, 7, 0);
  gc__watch_arm(&field->watch, field_range(field, 0, 20));
  gc__watch_arm(&field->watch, field_range(field, 30, field->pages));
  field_write(field, 17, 0);
  field_write(field, 29, 0);
  field_write(field, 31, 0);
  ck_assert(field_reports(field, {17, 18}, {20, 30}, {31, 32}));
  gc__watch_open_pages(&field->watch, field_range(field, 1, 1)); /* nothing */
  gc__watch_arm(&field->watch, field_range(field, 1, 1));
  ck_assert(field_reports_nothing(field));
}

START_TEST(pages_are_opened_and_armed) {
  with_each_source(__func__, 64, open_some);
}
END_TEST

static void take_parts(struct field *field) {
  for (size_t page = 10; page < 20; page++) field_write(field, page, 0);
  ck_assert(answer_is(field_take(field, 12, 15), (struct run[]){{12, 15}}, 1));
  ck_assert(answer_is(field_take(field, 12, 15), NULL, 0));
  ck_assert(answer_is(field_take(field, 0, 11), (struct run[]){{10, 11}}, 1));
  ck_assert_uint_eq(field_take(field, 14, 14)->count, 0);
  ck_assert(field_reports(field, {11, 12}, {15, 20}));
}

START_TEST(a_take_leaves_what_it_was_not_asked_for) {
  with_each_source(__func__, 64, take_parts);
}
END_TEST

/* The system's answers are put together: runs that are longer than its buffers, and more runs than one answer holds. */
static void write_large(struct field *field) {
  static bool is_written[(size_t)1 << 18];
  uint64_t state = 1;
  size_t count = 0;
  memset(is_written, 0, sizeof is_written);
  for (int i = 0; i < 10000; i++) {
    size_t page = unit_random_below(&state, field->pages);
    count += !is_written[page];
    is_written[page] = true;
    field_write(field, page, unit_random_below(&state, field->page_bytes));
  }
  const struct answer *answer = field_take(field, 0, field->pages);
  ck_assert_uint_eq(answer->pages, count);
  for (size_t i = 0; i < answer->count; i++)
    for (size_t page = answer->runs[i].first; page < answer->runs[i].end; page++) require(is_written[page]);
  ck_assert(field_reports_nothing(field));
  for (size_t page = 100; page < 20000; page++) field_write(field, page, 0);
  ck_assert(field_reports(field, {100, 20000}));
}

START_TEST(a_large_range_with_scattered_writes) {
  with_each_source(__func__, (size_t)1 << 18, write_large);
}
END_TEST

static void write_huge(struct field *field) {
  size_t unit = GC__HUGE_PAGE_BYTES / field->page_bytes;
  gc__watch_open_pages(&field->watch, field_range(field, 0, field->pages));
  ck_assert(gc__os_discard(field->start, field->pages * field->page_bytes));
  gc__os_prefer_huge(field->start, field->pages * field->page_bytes);
  for (size_t page = 0; page < field->pages; page++) field_write(field, page, 0);
  gc__watch_arm(&field->watch, field_range(field, 0, field->pages));
  ck_assert(field_reports_nothing(field));
  field_write(field, unit + 7, 100);
  field_write(field, 5 * unit, 0);
  ck_assert(field_reports(field, {unit + 7, unit + 8}, {5 * unit, 5 * unit + 1}));
  gc__watch_open_pages(&field->watch, field_range(field, 2 * unit, 3 * unit));
  gc__watch_open_pages(&field->watch, field_range(field, 3 * unit, 3 * unit + 3));
  ck_assert(field_reports(field, {2 * unit, 3 * unit + 3}));
  ck_assert(field_reports_nothing(field));
}

START_TEST(huge_pages_are_watched_page_by_page) {
  with_each_source(__func__, 8 * GC__HUGE_PAGE_BYTES / gc__os_page_bytes(), write_huge);
}
END_TEST

/* [watch.open] Writers count in words of their own pages; a reader notes the counts of the pages that a take reports.
 * If a write was lost, a note is out of date at the end. */
#define WRITERS      3
#define WRITER_PAGES 200

struct counting {
  struct field *field;
  volatile unsigned are_finished;
  size_t noted[WRITERS * WRITER_PAGES];
};

struct writer {
  struct counting *counting;
  unsigned number;
};

static volatile size_t *count_of(const struct field *field, size_t page) {
  return (volatile size_t *)(void *)(field->start + page * field->page_bytes + 64);
}

static void *count_up(void *argument) {
  const struct writer *writer = argument;
  uint64_t state = writer->number;
  for (unsigned i = 0; i < unit_repetitions(40000); i++) {
    size_t page = unit_random_below(&state, WRITER_PAGES) * WRITERS + writer->number;
    volatile size_t *word = count_of(writer->counting->field, page);
    gc__word_poke(word, gc__word_peek(word) + 1);
    if (i % 64 == 0) {
      struct field *field = writer->counting->field;
      gc__watch_open_pages(&field->watch, field_range(field, page, page + 1));
    }
  }
  gc__flag_add(&writer->counting->are_finished, 1);
  return NULL;
}

static void note_counts(void *argument, struct gc__range run) {
  struct counting *counting = argument;
  const struct field *field = counting->field;
  for (uintptr_t start = run.start; start < run.end; start += field->page_bytes) {
    size_t page = (start - (uintptr_t)field->start) / field->page_bytes;
    counting->noted[page] = gc__word_peek(count_of(field, page));
  }
}

static void write_in_threads(struct field *field) {
  static struct counting counting;
  struct writer writers[WRITERS];
  pthread_t threads[WRITERS];
  counting = (struct counting){.field = field};
  for (unsigned i = 0; i < WRITERS; i++) {
    writers[i] = (struct writer){&counting, i};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, &writers[i]), 0);
  }
  while (gc__flag_get(&counting.are_finished) < WRITERS) {
    gc__watch_take(&field->watch, field_range(field, 0, field->pages), note_counts, &counting);
    usleep(50);
  }
  for (unsigned i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
  gc__watch_take(&field->watch, field_range(field, 0, field->pages), note_counts, &counting);
  for (size_t page = 0; page < field->pages; page++)
    require(counting.noted[page] == gc__word_peek(count_of(field, page)));
}

START_TEST(no_write_of_a_running_thread_is_lost) {
  with_each_source(__func__, (size_t)WRITERS * WRITER_PAGES, write_in_threads);
}
END_TEST

static void work_as_child(void *argument) {
  struct field *field = argument;
  bool is_kernel = field->watch.kind == GC__WATCH_KERNEL;
  if (!gc__watch_after_fork(&field->watch)) _exit(2);
  if (is_kernel && !field_reports(field, {0, field->pages})) _exit(3);
  if (!is_kernel && !field_reports(field, {9, 10})) _exit(4);
  if (!field_reports_nothing(field)) _exit(5);
  field_write(field, 11, 0);
  field_write(field, 40, 0);
  if (!field_reports(field, {11, 12}, {40, 41})) _exit(6);
  gc__watch_close(&field->watch);
  field_write(field, 12, 0);
}

static void fork_under_watch(struct field *field) {
  char text[4096];
  field_write(field, 9, 0);
  int status = unit_in_child(work_as_child, field, text, sizeof text);
  ck_assert_msg(status == 0, "status %x: %s", (unsigned)status, text);
  ck_assert(field_reports(field, {9, 10}));
  field_write(field, 10, 0);
  ck_assert(field_reports(field, {10, 11}));
}

START_TEST(the_child_of_a_fork_has_a_watch_of_its_own) {
  with_each_source(__func__, 64, fork_under_watch);
}
END_TEST

START_TEST(none_reports_everything) {
  struct field field;
  ck_assert_ptr_null(field_open(&field, GC__WATCH_NONE, 8));
  for (int i = 0; i < 2; i++) ck_assert(field_reports(&field, {0, 8}));
  ck_assert(answer_is(field_take(&field, 2, 5), (struct run[]){{2, 5}}, 1));
  ck_assert_uint_eq(field_take(&field, 2, 2)->count, 0);
  gc__watch_open_pages(&field.watch, field_range(&field, 2, 5));
  ck_assert(gc__watch_add(&field.watch, field_range(&field, 8, 9)));
  gc__watch_remove(&field.watch, field_range(&field, 8, 9));
  ck_assert(gc__watch_after_fork(&field.watch));
  field_close(&field);
  gc__watch_close(&(struct gc__watch){0});
}
END_TEST

/* Every request for memory that an opening makes fails once. */
START_TEST(opening_survives_a_lack_of_memory) {
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    struct gc__budget budget = {.limit_bytes = (size_t)1 << 24};
    struct gc__range heap = {(uintptr_t)1 << 30, (uintptr_t)1 << 31};
    struct gc__watch watch;
    const char *missing;
    int error = ENOMEM;
    size_t k = 1;
    for (; error == ENOMEM && k < 100; k++) {
      gc__os_fail_request(k);
      error = gc__watch_open(&watch, kinds[i], heap, &budget, &missing);
      gc__os_fail_request(0);
      if (error) ck_assert_int_eq((int)watch.kind, (int)GC__WATCH_NONE);
      gc__watch_close(&watch);
      ck_assert_uint_eq(budget.used_bytes, 0);
    }
    ck_assert(error == ENOTSUP || (error == 0 && k > 3));
  }
}
END_TEST

/* ---- The kernel's source ---- */

#define OPEN_KERNEL(field, pages)                                                                                      \
  do {                                                                                                                 \
    const char *missing_ = field_open((field), GC__WATCH_KERNEL, (pages));                                             \
    if (missing_) SKIP_TEST(missing_);                                                                                 \
  } while (0)

START_TEST(system_calls_write_into_armed_pages) {
  struct field field;
  int ends[2];
  OPEN_KERNEL(&field, 16);
  ck_assert_int_eq(pipe(ends), 0);
  ck_assert_int_eq(write(ends[1], "trefoil", 7), 7);
  ck_assert_int_eq(read(ends[0], field.start + 6 * field.page_bytes - 3, 7), 7);
  ck_assert_int_eq(memcmp(field.start + 6 * field.page_bytes - 3, "trefoil", 7), 0);
  ck_assert(field_reports(&field, {5, 7}));
  field_close(&field);
}
END_TEST

static void *read_into_page(void *argument) {
  void *const *data = argument;
  return (void *)(intptr_t)read((int)(intptr_t)data[0], data[1], 1);
}

START_TEST(a_system_call_that_began_before_a_take_is_seen) {
  struct field field;
  pthread_t thread;
  void *result;
  int ends[2];
  OPEN_KERNEL(&field, 16);
  ck_assert_int_eq(pipe(ends), 0);
  void *data[2] = {(void *)(intptr_t)ends[0], field.start + 3 * field.page_bytes};
  ck_assert_int_eq(pthread_create(&thread, NULL, read_into_page, data), 0);
  usleep(20000);
  ck_assert(field_reports_nothing(&field));
  ck_assert_int_eq(write(ends[1], "x", 1), 1);
  pthread_join(thread, &result);
  ck_assert_int_eq((int)(intptr_t)result, 1);
  ck_assert(field_reports(&field, {3, 4}));
  field_close(&field);
}
END_TEST

START_TEST(ranges_that_are_added_one_by_one_are_one_mapping) {
  struct gc__watch watch;
  struct field field = {.page_bytes = gc__os_page_bytes(), .pages = 64, .budget.limit_bytes = (size_t)1 << 24};
  const char *missing;
  field.start = gc__os_reserve(64 * field.page_bytes, field.page_bytes);
  if (gc__watch_open(&watch, GC__WATCH_KERNEL, field_range(&field, 0, 64), &field.budget, &missing)) SKIP_TEST(missing);
  for (size_t page = 0; page < 64; page += 8) {
    ck_assert(gc__os_commit(field.start + page * field.page_bytes, 8 * field.page_bytes));
    ck_assert(gc__watch_add(&watch, field_range(&field, page, page + 8)));
    memset(field.start + page * field.page_bytes, 1, 8 * field.page_bytes); /* before, and they would not merge */
  }
  ck_assert_uint_eq(field_mappings(&field, 0, 64), 1);
  ck_assert_uint_eq(watch.added_count, 1);
  for (size_t page = 0; page < 64; page += 2) gc__watch_arm(&watch, field_range(&field, page, page + 1));
  ck_assert_uint_eq(field_mappings(&field, 0, 64), 1);
  gc__watch_close(&watch);
}
END_TEST

static _Alignas(4096) char data_pages[16 * 4096] = {1, 2, 3};
static _Alignas(4096) char bss_pages[16 * 4096];

/* A take over some static memory, as another field of the same watch. */
static void watch_static(struct field *field, char *start, size_t pages) {
  struct field segment = {.watch = field->watch, .page_bytes = field->page_bytes, .pages = pages, .start = start};
  struct gc__range range = field_range(&segment, 0, pages);
  for (size_t page = 0; page < pages; page++) field_write(&segment, page, 0);
  ck_assert(gc__watch_add(&segment.watch, range));
  ck_assert(field_reports(&segment, {0, pages}));
  ck_assert(field_reports_nothing(&segment));
  field_write(&segment, 2, 5);
  field_write(&segment, 3, 5);
  field_write(&segment, pages - 1, 4);
  ck_assert(field_reports(&segment, {2, 4}, {pages - 1, pages}));
  ck_assert(field_reports_nothing(&segment));
  gc__watch_remove(&segment.watch, range);
  for (int i = 0; i < 2; i++) ck_assert(field_reports(&segment, {0, pages}));
  field_write(&segment, 1, 1);
}

START_TEST(static_segments_and_private_files_are_watched) {
  struct field field;
  OPEN_KERNEL(&field, 16);
  if (field.page_bytes != 4096) SKIP_TEST("pages are larger than the static data of this test");
  watch_static(&field, data_pages, 16);
  watch_static(&field, bss_pages, 16);
  int file = open("/proc/self/exe", O_RDONLY);
  ck_assert_int_ge(file, 0);
  char *mapped = mmap(NULL, 6 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  ck_assert_ptr_ne(mapped, MAP_FAILED);
  watch_static(&field, mapped, 6);
  ck_assert(gc__watch_add(&field.watch, (struct gc__range){(uintptr_t)mapped, (uintptr_t)mapped + 6 * 4096}));
  munmap(mapped, 6 * 4096);
  gc__watch_remove(&field.watch, (struct gc__range){(uintptr_t)mapped, (uintptr_t)mapped + 6 * 4096});
  field_write(&field, 2, 0);
  ck_assert(field_reports(&field, {2, 3}));
  field_close(&field);
}
END_TEST

/* As programs do that close what they do not know, [watch.open]. */
START_TEST(descriptors_that_the_program_closes_lose_no_write) {
  for (int which = 0; which < 2; which++) {
    struct field field;
    OPEN_KERNEL(&field, 16);
    field_write(&field, 3, 0);
    close(which == 0 ? field.watch.faults : field.watch.pagemap);
    for (int i = 0; i < 2; i++) ck_assert(field_reports(&field, {0, 16}));
    gc__watch_arm(&field.watch, field_range(&field, 0, 16));
    ck_assert(field_reports(&field, {0, 16}));
    gc__watch_open_pages(&field.watch, field_range(&field, 0, 16));
    ck_assert(field_reports(&field, {0, 16}));
    field_close(&field);
  }
}
END_TEST

/* Makes a system call fail from now on; where `request` is not 0, only with that as its second argument. */
static bool forbid(unsigned number, unsigned request, unsigned error) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, request ? 0 : 2, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, request, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {COUNT_OF(code), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct forbidden {
  unsigned number, request, error;
  const char *words;
};

/* 2: no filter can be had here. */
static void open_where_forbidden(void *argument) {
  const struct forbidden *forbidden = argument;
  struct gc__budget budget = {.limit_bytes = (size_t)1 << 24};
  struct gc__range heap = {(uintptr_t)1 << 30, (uintptr_t)1 << 31};
  struct gc__watch watch;
  const char *missing;
  if (!forbid(forbidden->number, forbidden->request, forbidden->error)) _exit(2);
  int before = dup(0);
  if (gc__watch_open(&watch, GC__WATCH_KERNEL, heap, &budget, &missing) != ENOTSUP) _exit(3);
  if (watch.kind != GC__WATCH_NONE || !strstr(missing, forbidden->words)) _exit(4);
  if (budget.used_bytes != 0 || dup(0) != before + 1) _exit(5);
}

START_TEST(what_is_missing_is_named) {
  const struct forbidden cases[] = {
      {SYS_userfaultfd, 0, EPERM, "not permitted here"}, {SYS_userfaultfd, 0, ENOSYS, "no userfaultfd"},
      {SYS_userfaultfd, 0, EMFILE, "descriptor"},        {SYS_ioctl, 0xc0606610u, ENOTTY, "no PAGEMAP_SCAN"},
      {SYS_ioctl, 0xc0606610u, EPERM, "not permitted"},  {SYS_ioctl, 0xc018aa3fu, EINVAL, "no UFFD_FEATURE_WP_ASYNC"},
      {SYS_ioctl, 0xc020aa00u, EINVAL, "trial"},
  };
  struct field field;
  char text[4096];
  OPEN_KERNEL(&field, 4);
  field_close(&field);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct forbidden forbidden = cases[i];
    int status = unit_in_child(open_where_forbidden, &forbidden, text, sizeof text);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) SKIP_TEST("seccomp filters are not permitted here");
    ck_assert_msg(status == 0, "case %zu: status %x: %s", i, (unsigned)status, text);
  }
}
END_TEST

/* Without a descriptor of its own the child's watch is NONE, which is right as well. */
static void work_as_child_without_descriptors(void *argument) {
  struct field *field = argument;
  if (!forbid(SYS_userfaultfd, 0, EPERM)) _exit(0);
  if (gc__watch_after_fork(&field->watch) || field->watch.kind != GC__WATCH_NONE) _exit(2);
  field_write(field, 1, 0);
  for (int i = 0; i < 2; i++)
    if (!field_reports(field, {0, field->pages})) _exit(3);
  if (field->budget.used_bytes != 0) _exit(4);
}

START_TEST(a_child_that_may_not_watch_reports_everything) {
  struct field field;
  char text[4096];
  OPEN_KERNEL(&field, 16);
  ck_assert_int_eq(unit_in_child(work_as_child_without_descriptors, &field, text, sizeof text), 0);
  field_close(&field);
}
END_TEST

/* [watch.lent] costs the kernel's record nothing: it neither sees nor changes what pages are protected from. */
START_TEST(protection_does_not_disturb_the_kernels_record) {
  struct field field;
  const char *missing = field_open(&field, GC__WATCH_KERNEL, 64);
  if (missing) SKIP_TEST(missing);
  char *at = field.start;
  size_t bytes = field.page_bytes;
  gc__watch_lend(&field.watch, field_range(&field, 10, 20));
  ck_assert(gc__os_close(at + 10 * bytes, bytes) && gc__os_protect(at + 12 * bytes, 3 * bytes, GC__ACCESS_READ));
  ck_assert(gc__os_protect(at + 16 * bytes, bytes, GC__ACCESS_NONE));
  field_write(&field, 3, 0);
  field_write(&field, 15, 0);
  ck_assert(field_reports(&field, {3, 4}, {15, 16}));
  ck_assert(field_reports_nothing(&field));
  ck_assert(gc__os_reopen(at + 10 * bytes, bytes) && gc__os_protect(at + 12 * bytes, 5 * bytes, GC__ACCESS_WRITE));
  gc__watch_return(&field.watch, field_range(&field, 10, 20));
  ck_assert(field_reports_nothing(&field));
  for (size_t page = 10; page < 17; page += 2) field_write(&field, page, 0);
  ck_assert(field_reports(&field, {10, 11}, {12, 13}, {14, 15}, {16, 17}));
  field_close(&field);
}
END_TEST

UNIT_MAIN("os/watch", written_pages_are_reported_once_in_order, pages_are_opened_and_armed,
          a_take_leaves_what_it_was_not_asked_for, a_large_range_with_scattered_writes,
          huge_pages_are_watched_page_by_page, no_write_of_a_running_thread_is_lost,
          the_child_of_a_fork_has_a_watch_of_its_own, none_reports_everything, opening_survives_a_lack_of_memory,
          system_calls_write_into_armed_pages, a_system_call_that_began_before_a_take_is_seen,
          ranges_that_are_added_one_by_one_are_one_mapping, static_segments_and_private_files_are_watched,
          descriptors_that_the_program_closes_lose_no_write, what_is_missing_is_named,
          protection_does_not_disturb_the_kernels_record, a_child_that_may_not_watch_reports_everything)
