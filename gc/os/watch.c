/* os/watch.c - the portable part of watch.h: the source that reports everything, and the trial of the others. */
#include "os/watch.h"
#include "os/watch_source.h"

#include <errno.h>
#include <sys/utsname.h>

static const struct gc__watch_source *source_of(enum gc__watch_kind kind) {
  switch (kind) {
  case GC__WATCH_KERNEL:
    return &gc__watch_kernel;
  case GC__WATCH_PROTECT:
    return &gc__watch_protect;
  case GC__WATCH_NONE:
    break;
  }
  return NULL;
}

static int open_source(struct gc__watch *watch, enum gc__watch_kind kind, struct gc__range heap,
                       struct gc__budget *budget, const char **missing) {
  *watch = (struct gc__watch){.kind = kind, .source = source_of(kind), .heap = heap};
  int error = watch->source->open(watch, budget, missing);
  if (error) *watch = (struct gc__watch){.kind = GC__WATCH_NONE, .heap = heap};
  return error;
}

/* ---- The trial: a source is believed when it has noticed writes to a few pages of its own ---- */

#define TRIAL_PAGES 4

struct trial {
  struct gc__watch watch;
  struct gc__range pages;
  unsigned reported; /* a bit a page */
};

static void note_trial(void *argument, struct gc__range run) {
  struct trial *trial = argument;
  size_t page_bytes = gc__os_page_bytes();
  for (uintptr_t page = run.start; page < run.end; page += page_bytes)
    trial->reported |= 1u << (page - trial->pages.start) / page_bytes;
}

static bool reports_just(struct trial *trial, unsigned pages) {
  trial->reported = 0;
  gc__watch_take(&trial->watch, trial->pages, note_trial, trial);
  return trial->reported == pages;
}

static bool notices_writes(struct trial *trial) {
  size_t page_bytes = gc__os_page_bytes();
  volatile char *start = (volatile char *)trial->pages.start;
  for (unsigned i = 0; i < TRIAL_PAGES; i++) start[i * page_bytes] = 1;
  if (!gc__watch_add(&trial->watch, trial->pages)) return false;
  if (!reports_just(trial, (1u << TRIAL_PAGES) - 1) || !reports_just(trial, 0)) return false;
  start[2 * page_bytes + 9] = 2;
  if (!reports_just(trial, 1u << 2) || !reports_just(trial, 0)) return false;
  if (!trial->watch.source->takes_system_calls) return true;
  return uname((struct utsname *)(trial->pages.start + page_bytes)) == 0 && reports_just(trial, 1u << 1);
}

static int try_source(enum gc__watch_kind kind, struct gc__budget *budget, const char **missing) {
  size_t bytes = TRIAL_PAGES * gc__os_page_bytes();
  void *memory = gc__os_reserve(bytes, gc__os_page_bytes());
  if (!memory) return ENOMEM;
  struct trial trial = {.pages = {(uintptr_t)memory, (uintptr_t)memory + bytes}};
  int error = gc__os_commit(memory, bytes) ? open_source(&trial.watch, kind, trial.pages, budget, missing) : ENOMEM;
  if (!error && !notices_writes(&trial)) {
    *missing = "a trial write was not noticed";
    error = ENOTSUP;
  }
  gc__watch_close(&trial.watch);
  gc__os_release(memory, bytes);
  return error;
}

/* ---- What callers see ---- */

int gc__watch_open(struct gc__watch *watch, enum gc__watch_kind kind, struct gc__range heap, struct gc__budget *budget,
                   const char **missing) {
  *watch = (struct gc__watch){.kind = GC__WATCH_NONE, .heap = heap};
  *missing = NULL;
  if (kind == GC__WATCH_NONE) return 0;
  int error = try_source(kind, budget, missing);
  return error ? error : open_source(watch, kind, heap, budget, missing);
}

void gc__watch_close(struct gc__watch *watch) {
  if (watch->source) watch->source->close(watch);
  *watch = (struct gc__watch){.kind = GC__WATCH_NONE};
}

bool gc__watch_add(struct gc__watch *watch, struct gc__range range) {
  return !watch->source || range.start >= range.end || watch->source->add(watch, range);
}

void gc__watch_renew(struct gc__watch *watch, struct gc__range range) {
  if (watch->source && watch->source->renew && range.start < range.end) watch->source->renew(watch, range);
}

void gc__watch_remove(struct gc__watch *watch, struct gc__range range) {
  if (watch->source && range.start < range.end) watch->source->remove(watch, range);
}

void gc__watch_arm(struct gc__watch *watch, struct gc__range range) {
  if (watch->source && range.start < range.end) watch->source->arm(watch, range);
}

void gc__watch_open_pages(struct gc__watch *watch, struct gc__range range) {
  if (watch->source && range.start < range.end) watch->source->open_pages(watch, range);
}

void gc__watch_lend(struct gc__watch *watch, struct gc__range range) {
  if (watch->source && watch->source->lend && range.start < range.end) watch->source->lend(watch, range);
}

void gc__watch_return(struct gc__watch *watch, struct gc__range range) {
  if (watch->source && watch->source->take_back && range.start < range.end) watch->source->take_back(watch, range);
}

void gc__watch_take(struct gc__watch *watch, struct gc__range range, void (*fn)(void *, struct gc__range),
                    void *argument) {
  if (range.start >= range.end) return;
  if (watch->source) watch->source->take(watch, range, fn, argument);
  else fn(argument, range);
}

bool gc__watch_after_fork(struct gc__watch *watch) {
  if (!watch->source || watch->source->after_fork(watch)) return true;
  gc__watch_close(watch);
  return false;
}
