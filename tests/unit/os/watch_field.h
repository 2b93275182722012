/* tests/unit/os/watch_field.h - memory under a watch, for the tests of os/watch.h. */
#ifndef TREFOIL_TESTS_UNIT_WATCH_FIELD_H
#define TREFOIL_TESTS_UNIT_WATCH_FIELD_H

#include "../unit.h"
#include "os/watch.h"

#include <errno.h>

#define RUNS_MOST 70000

/* Touched pages, all of them added and armed. */
struct field {
  struct gc__watch watch;
  struct gc__budget budget;
  char *start;
  size_t page_bytes, pages;
};

/* Numbers of pages. */
struct run {
  size_t first, end;
};

struct answer {
  const struct field *field;
  size_t count, pages; /* runs, and pages in them */
  struct run runs[RUNS_MOST];
};

static inline struct gc__range field_range(const struct field *field, size_t first, size_t end) {
  uintptr_t start = (uintptr_t)field->start;
  return (struct gc__range){start + first * field->page_bytes, start + end * field->page_bytes};
}

static inline void field_write(const struct field *field, size_t page, size_t offset) {
  volatile char *byte = field->start + page * field->page_bytes + offset;
  *byte = (char)(*byte + 1);
}

/* NULL, or why this source cannot be used here. */
static inline const char *field_open(struct field *field, enum gc__watch_kind kind, size_t pages) {
  const char *missing = "";
  *field = (struct field){.page_bytes = gc__os_page_bytes(), .pages = pages};
  field->budget.limit_bytes = (size_t)1 << 30;
  size_t bytes = pages * field->page_bytes;
  field->start = gc__os_reserve(bytes, GC__HUGE_PAGE_BYTES);
  ck_assert_ptr_nonnull(field->start);
  int error = gc__watch_open(&field->watch, kind, field_range(field, 0, pages), &field->budget, &missing);
  ck_assert_int_eq((int)field->watch.kind, error ? (int)GC__WATCH_NONE : (int)kind);
  if (error) {
    ck_assert_int_eq(error, ENOTSUP);
    ck_assert_ptr_nonnull(missing);
    gc__watch_close(&field->watch);
    gc__os_release(field->start, bytes);
    return missing;
  }
  ck_assert_ptr_null(missing);
  ck_assert(gc__os_commit(field->start, bytes));
  for (size_t page = 0; page < pages; page++) field_write(field, page, 0);
  ck_assert(gc__watch_add(&field->watch, field_range(field, 0, pages)));
  gc__watch_arm(&field->watch, field_range(field, 0, pages));
  return NULL;
}

static inline void field_close(struct field *field) {
  gc__watch_close(&field->watch);
  for (size_t page = 0; page < field->pages; page++) field_write(field, page, 0);
  ck_assert_uint_eq(field->budget.used_bytes, 0);
  gc__os_release(field->start, field->pages * field->page_bytes);
}

/* In order, in whole pages, and none could be longer. */
static inline void note_answer(void *argument, struct gc__range range) {
  struct answer *answer = argument;
  const struct field *field = answer->field;
  uintptr_t start = (uintptr_t)field->start;
  struct run run = {(range.start - start) / field->page_bytes, (range.end - start) / field->page_bytes};
  require(range.start % field->page_bytes == 0 && range.end % field->page_bytes == 0 && run.first < run.end);
  require(answer->count == 0 || answer->runs[answer->count - 1].end < run.first);
  require(answer->count < RUNS_MOST);
  answer->runs[answer->count++] = run;
  answer->pages += run.end - run.first;
}

/* What a take of the pages [first, end) reports; overwritten by the next one. */
static inline const struct answer *field_take(struct field *field, size_t first, size_t end) {
  static struct answer answer;
  answer.field = field;
  answer.count = answer.pages = 0;
  gc__watch_take(&field->watch, field_range(field, first, end), note_answer, &answer);
  if (answer.count > 0) require(answer.runs[0].first >= first && answer.runs[answer.count - 1].end <= end);
  return &answer;
}

static inline bool answer_is(const struct answer *answer, const struct run *runs, size_t count) {
  if (answer->count != count) return false;
  return count == 0 || memcmp(answer->runs, runs, count * sizeof *runs) == 0;
}

/* The runs {first, end}, ... that a take of all pages must report, and no others. */
#define field_reports(field, ...)                                                                                      \
  answer_is(field_take((field), 0, (field)->pages), (const struct run[]){__VA_ARGS__},                                 \
            sizeof((const struct run[]){__VA_ARGS__}) / sizeof(struct run))
#define field_reports_nothing(field) answer_is(field_take((field), 0, (field)->pages), NULL, 0)

/* Lines of /proc/self/maps that overlap the pages [first, end). */
static inline size_t field_mappings(const struct field *field, size_t first, size_t end) {
  struct gc__range range = field_range(field, first, end);
  FILE *file = fopen("/proc/self/maps", "r");
  char line[512];
  size_t count = 0, low, high;
  ck_assert_ptr_nonnull(file);
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%zx-%zx", &low, &high) == 2 && low < range.end && high > range.start) count++;
  fclose(file);
  return count;
}

#endif
