/* os/watch_kernel_linux.c - the source KERNEL of watch.h: userfaultfd and PAGEMAP_SCAN, Linux 6.7 and later.
 *
 * A range that is registered with UFFD_FEATURE_WP_ASYNC has a bit in each page table entry: set when the page is armed,
 * cleared by the kernel at the first write, whether an instruction or a system call makes it. Nobody waits for anybody.
 * PAGEMAP_SCAN walks the entries, gives the runs without the bit, and sets it before it lets go of the page table.
 *
 * The masks name PAGE_IS_WRITTEN and nothing else: with anything beside it the kernel leaves its fast path (206 -> 545
 * us a GiB). PM_SCAN_CHECK_WPASYNC makes a scan fail where something is mapped that is not registered, instead of
 * passing over it: that is what [watch.open] rests on when the program closes our descriptors, or maps something else
 * at these addresses.
 *
 * Costs (AMD EPYC, Linux 6.18, best of several): the first write to an armed page 0.7 us, and 11 us more where it
 * splits a huge page; a take 260 us a GiB on pages of 4 KiB and 29 on huge ones, 0.04 us a written page in long runs
 * and 0.07 a lone one; arming touched memory for the first time 7 to 17 ms a GiB, 0.1 on huge pages, so that quiet
 * memory should be on huge pages when it is armed; opening 2 MiB 36 us, 14 on huge pages.
 *
 * The kernel's header may be older than the kernel: its numbers, from ioctl_userfaultfd(2) and PAGEMAP_SCAN(2const),
 * stand here.
 */
#include "os/watch_source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USER_MODE_ONLY      1 /* the flag of userfaultfd(2) that needs no privilege */
#define FEATURE_UNPOPULATED ((uint64_t)1 << 13)
#define FEATURE_ASYNC       ((uint64_t)1 << 15)
#define WATCH_FEATURES      (FEATURE_UNPOPULATED | FEATURE_ASYNC)

struct scan_request {
  uint64_t bytes, flags; /* bytes: of this struct */
  uint64_t start, end, stopped_at;
  uint64_t runs, run_room;
  uint64_t pages_most; /* 0: no bound */
  uint64_t inverted, all_of, any_of, wanted;
};

struct scan_run {
  uint64_t start, end, categories;
};

#define PAGEMAP_SCAN_REQUEST _IOWR('f', 16, struct scan_request)
#define CATEGORY_WRITTEN     ((uint64_t)1 << 1)
#define SCAN_ARM             ((uint64_t)1 << 0)
#define SCAN_CHECK           ((uint64_t)1 << 1)

_Static_assert(sizeof(struct scan_request) == 96 && sizeof(struct scan_run) == 24, "as the kernel lays them out");

/* Runs that one call can answer with: 48 KiB. */
#define RUN_ROOM ((size_t)2048)

/* Separate ranges: the heap's are next to each other, each other one is a segment of a library. */
#define WATCHED_MOST ((size_t)1 << 16)

/* ---- Descriptors ---- */

static const char *explain_userfaultfd(int error) {
  switch (error) {
  case ENOSYS:
    return "the kernel has no userfaultfd";
  case EMFILE:
  case ENFILE:
    return "no file descriptor is left";
  default:
    return "userfaultfd is not permitted here (vm.unprivileged_userfaultfd, seccomp)";
  }
}

static int connect_faults(struct gc__watch *watch, const char **missing) {
  watch->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY);
  if (watch->faults < 0) watch->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  if (watch->faults < 0) {
    *missing = explain_userfaultfd(errno);
    return errno == ENOMEM ? ENOMEM : ENOTSUP;
  }
  struct uffdio_api api = {.api = UFFD_API, .features = WATCH_FEATURES};
  if (ioctl(watch->faults, UFFDIO_API, &api) == 0 && (api.features & WATCH_FEATURES) == WATCH_FEATURES) return 0;
  *missing = "the kernel is older than 6.7 (no UFFD_FEATURE_WP_ASYNC)";
  return ENOTSUP;
}

static long scan(struct gc__watch *watch, struct scan_request *request) {
  request->bytes = sizeof *request;
  request->all_of = request->wanted = CATEGORY_WRITTEN;
  return ioctl(watch->pagemap, PAGEMAP_SCAN_REQUEST, request);
}

static int connect_pagemap(struct gc__watch *watch, const char **missing) {
  watch->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (watch->pagemap < 0) {
    *missing = "/proc/self/pagemap cannot be opened";
    return ENOTSUP;
  }
  struct scan_request nothing = {.start = watch->heap.start, .end = watch->heap.start};
  if (scan(watch, &nothing) == 0) return 0;
  *missing = errno == ENOTTY || errno == EINVAL ? "the kernel is older than 6.7 (no PAGEMAP_SCAN)"
                                                : "PAGEMAP_SCAN is not permitted here";
  return ENOTSUP;
}

static void disconnect(struct gc__watch *watch) {
  if (watch->faults >= 0) close(watch->faults);
  if (watch->pagemap >= 0) close(watch->pagemap);
  watch->faults = watch->pagemap = -1;
}

static int connect_kernel(struct gc__watch *watch, const char **missing) {
  int error = connect_faults(watch, missing);
  return error ? error : connect_pagemap(watch, missing);
}

/* Closing the descriptor of userfaultfd also ends every registration: pages are then what they were before. */
static void close_kernel(struct gc__watch *watch) {
  disconnect(watch);
  gc__region_close(&watch->found);
  gc__region_close(&watch->added);
}

static int open_kernel(struct gc__watch *watch, struct gc__budget *budget, const char **missing) {
  size_t found_bytes = RUN_ROOM * sizeof(struct scan_run);
  watch->faults = watch->pagemap = -1;
  int error = connect_kernel(watch, missing);
  if (!error &&
      !(gc__region_open(&watch->found, budget, found_bytes) && gc__region_commit(&watch->found, found_bytes) &&
        gc__region_open_most(&watch->added, budget, WATCHED_MOST * sizeof(struct gc__range))))
    error = ENOMEM;
  if (error) close_kernel(watch);
  return error;
}

/* ---- The list of ranges ---- */

static struct gc__range *watched_ranges(struct gc__watch *watch) {
  return (struct gc__range *)(void *)watch->added.start;
}

static bool note_watched(struct gc__watch *watch, struct gc__range range) {
  struct gc__range *ranges = watched_ranges(watch);
  size_t count = watch->added_count;
  for (size_t i = 0; i < count; i++) {
    if (ranges[i].end == range.start) return ranges[i].end = range.end, true;
    if (ranges[i].start == range.end) return ranges[i].start = range.start, true;
  }
  if (!gc__region_commit(&watch->added, (count + 1) * sizeof *ranges)) return false;
  ranges[count] = range;
  watch->added_count++;
  return true;
}

/* What a range leaves of the one that it cuts: up to two pieces. Where there is no memory to note the second, it is
 * forgotten, and with it what the child of a fork would have registered: pages that are open there. */
static void forget_watched(struct gc__watch *watch, struct gc__range range) {
  struct gc__range *ranges = watched_ranges(watch);
  for (size_t i = watch->added_count; i-- > 0;) {
    struct gc__range old = ranges[i];
    if (old.end <= range.start || range.end <= old.start) continue;
    ranges[i] = ranges[--watch->added_count];
    if (old.start < range.start) (void)note_watched(watch, (struct gc__range){old.start, range.start});
    if (range.end < old.end) (void)note_watched(watch, (struct gc__range){range.end, old.end});
  }
}

/* ---- Registering ---- */

static struct uffdio_range uffdio_range_of(struct gc__range range) {
  return (struct uffdio_range){.start = range.start, .len = range.end - range.start};
}

static void unregister(struct gc__watch *watch, struct gc__range range) {
  struct uffdio_range pages = uffdio_range_of(range);
  (void)ioctl(watch->faults, UFFDIO_UNREGISTER, &pages);
}

/* ENOMEM comes when the kernel has done some of it; other errors before it does anything. */
static bool register_range(struct gc__watch *watch, struct gc__range range) {
  struct uffdio_register request = {.range = uffdio_range_of(range), .mode = UFFDIO_REGISTER_MODE_WP};
  if (ioctl(watch->faults, UFFDIO_REGISTER, &request) == 0) return true;
  if (errno == ENOMEM) unregister(watch, range);
  return false;
}

static bool add_registered(struct gc__watch *watch, struct gc__range range) {
  if (!register_range(watch, range)) return false;
  if (note_watched(watch, range)) return true;
  unregister(watch, range);
  return false;
}

/* A range that is refused makes a scan of it fail: [watch.open]. */
static void renew_registered(struct gc__watch *watch, struct gc__range range) {
  int saved = errno;
  (void)register_range(watch, range);
  errno = saved;
}

static void remove_registered(struct gc__watch *watch, struct gc__range range) {
  unregister(watch, range);
  forget_watched(watch, range);
}

/* ---- Arming, opening, taking ---- */

/* Without room for runs the kernel only arms. A failure leaves pages open, which is what they then count as. */
static void arm_registered(struct gc__watch *watch, struct gc__range range) {
  struct scan_request request = {.flags = SCAN_ARM | SCAN_CHECK, .start = range.start, .end = range.end};
  int saved = errno;
  (void)scan(watch, &request);
  errno = saved;
}

/* Where opening fails, pages that are not registered count as written as well. */
static void open_registered(struct gc__watch *watch, struct gc__range range) {
  struct uffdio_writeprotect request = {.range = uffdio_range_of(range), .mode = 0};
  int saved = errno;
  if (ioctl(watch->faults, UFFDIO_WRITEPROTECT, &request) != 0 && errno != ENOENT) {
    unregister(watch, range);
    (void)register_range(watch, range);
  }
  errno = saved;
}

/* Open runs from `start` on, armed; *stopped_at: where the next call goes on. When the kernel fails it has perhaps
 * armed pages that it did not tell of, so that all the rest counts as open. */
static size_t find_runs(struct gc__watch *watch, uintptr_t start, uintptr_t end, uintptr_t *stopped_at) {
  struct scan_run *runs = (struct scan_run *)(void *)watch->found.start;
  struct scan_request request = {
      .flags = SCAN_ARM | SCAN_CHECK, .start = start, .end = end, .runs = (uintptr_t)runs, .run_room = RUN_ROOM};
  long count = scan(watch, &request);
  *stopped_at = request.stopped_at;
  if (count >= 0 && request.stopped_at > start && request.stopped_at <= end) return (size_t)count;
  *stopped_at = end;
  runs[0] = (struct scan_run){.start = start, .end = end};
  return 1;
}

/* Runs that touch are put together: the kernel begins a new one where its own buffer was full. */
static void take_registered(struct gc__watch *watch, struct gc__range range, void (*fn)(void *, struct gc__range),
                            void *argument) {
  const struct scan_run *runs = (const struct scan_run *)(const void *)watch->found.start;
  struct gc__range open = {range.start, range.start};
  int saved = errno;
  for (uintptr_t at = range.start; at < range.end;) {
    size_t count = find_runs(watch, at, range.end, &at);
    for (size_t i = 0; i < count; i++) {
      if (runs[i].start == open.end) {
        open.end = runs[i].end;
        continue;
      }
      if (open.start < open.end) fn(argument, open);
      open = (struct gc__range){runs[i].start, runs[i].end};
    }
  }
  if (open.start < open.end) fn(argument, open);
  errno = saved;
}

/* ---- After a fork ---- */

/* The child's memory is registered nowhere, and both descriptors mean the parent's. Outside the heap a range that is
 * refused is left to [watch.open]. */
static bool reconnect_kernel(struct gc__watch *watch) {
  const char *missing;
  const struct gc__range *ranges = watched_ranges(watch);
  disconnect(watch);
  if (connect_kernel(watch, &missing) != 0) return false;
  for (size_t i = 0; i < watch->added_count; i++) {
    bool is_heap = ranges[i].start >= watch->heap.start && ranges[i].end <= watch->heap.end;
    if (!register_range(watch, ranges[i]) && is_heap) return false;
  }
  return true;
}

const struct gc__watch_source gc__watch_kernel = {
    .open = open_kernel,
    .close = close_kernel,
    .add = add_registered,
    .renew = renew_registered,
    .remove = remove_registered,
    .arm = arm_registered,
    .open_pages = open_registered,
    .take = take_registered,
    .after_fork = reconnect_kernel,
    .takes_system_calls = true,
};
