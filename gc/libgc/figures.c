/* libgc/figures.c - figures, and options that are noted and change nothing. */
#include "libgc/libgc.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- Figures ---- */

/* Before the start there is what bdwgc begins with. */
#define FIRST_HEAP_BYTES ((size_t)64 << 10)

static struct gc_stats read_stats(void) {
  struct gc_stats stats = {0};
  if (gc__libgc_has_begun()) gc_stats(&stats);
  return stats;
}

EXPORT size_t GC_get_heap_size(void) {
  return gc__libgc_has_begun() ? gc__word_peek(&gc__runtime.budget.used_bytes) : FIRST_HEAP_BYTES;
}
EXPORT size_t GC_get_free_bytes(void) {
  struct gc_stats stats = read_stats();
  size_t used = stats.live_bytes + GC_get_bytes_since_gc();
  return stats.heap_bytes > used ? stats.heap_bytes - used : 0;
}
EXPORT size_t GC_get_unmapped_bytes(void) {
  return 0;
}
EXPORT size_t GC_get_bytes_since_gc(void) {
  return gc__libgc_has_begun() ? gc__word_peek(&gc__runtime.collector.heap.handed_since_bytes) : 0;
}
EXPORT size_t GC_get_expl_freed_bytes_since_gc(void) {
  return gc__libgc_has_begun() && gc__libgc_begin() ? gc__statistics_freed_since() : 0;
}
EXPORT size_t GC_get_total_bytes(void) {
  return read_stats().allocated_bytes;
}
EXPORT size_t GC_get_obtained_from_os_bytes(void) {
  return GC_get_heap_size();
}
EXPORT size_t GC_get_memory_use(void) {
  return GC_get_heap_size() - GC_get_free_bytes();
}

EXPORT void GC_get_heap_usage_safe(GC_word *heap, GC_word *free, GC_word *unmapped, GC_word *since_gc, GC_word *total) {
  if (heap) *heap = GC_get_heap_size();
  if (free) *free = GC_get_free_bytes();
  if (unmapped) *unmapped = 0;
  if (since_gc) *since_gc = GC_get_bytes_since_gc();
  if (total) *total = GC_get_total_bytes();
}

/* As much of the structure as the caller has; how much of it was filled in. */
EXPORT size_t GC_get_prof_stats(struct GC_prof_stats_s *out, size_t bytes) {
  struct gc_stats stats = read_stats();
  size_t since = GC_get_bytes_since_gc(), allocated = stats.allocated_bytes;
  size_t before = allocated > since ? allocated - since : 0; /* what was handed out ahead is in since only */
  size_t gone = before > stats.live_bytes ? before - stats.live_bytes : 0;
  struct GC_prof_stats_s all = {.heapsize_full = GC_get_heap_size(),
                                .free_bytes_full = GC_get_free_bytes(),
                                .bytes_allocd_since_gc = since,
                                .allocd_bytes_before_gc = before,
                                .expl_freed_bytes_since_gc = GC_get_expl_freed_bytes_since_gc(),
                                .reclaimed_bytes_before_gc = gone,
                                .gc_no = GC_get_gc_no(),
                                .markers_m1 = stats.markers ? stats.markers - 1 : 0,
                                .obtained_from_os_bytes = GC_get_heap_size()};
  size_t filled = bytes < sizeof all ? bytes : sizeof all;
  memset(out, 0xff, bytes); /* what bdwgc does with the members of a later version */
  memcpy(out, &all, filled);
  return filled;
}
EXPORT size_t GC_get_prof_stats_unsafe(struct GC_prof_stats_s *out, size_t bytes) {
  return GC_get_prof_stats(out, bytes);
}

/* The size of the i-th class of objects; the largest size_t behind the last. */
EXPORT size_t GC_get_size_map_at(int i) {
  if (i < 0 || (size_t)i > GC__SMALL_MAX_BYTES) return SIZE_MAX;
  return gc__size_classes[gc__class_of((size_t)i)].cell_bytes;
}

EXPORT void GC_start_performance_measurement(void) {}
EXPORT unsigned long GC_get_full_gc_total_time(void) {
  return (unsigned long)(read_stats().pauses_full.total_ns / 1000000);
}

EXPORT void GC_dump(void) {
  if (gc__libgc_begin()) gc_dump(NULL);
}
EXPORT void GC_dump_named(const char *name) {
  (void)name;
  GC_dump();
}
EXPORT void GC_dump_regions(void) {
  GC_dump();
}
EXPORT void GC_dump_finalization(void) {
  GC_dump();
}

/* ---- Options ---- */

#define NOTED(type, name, first)                                                                                       \
  static type name##_noted = first;                                                                                    \
  EXPORT void GC_set_##name(type value) {                                                                              \
    name##_noted = value;                                                                                              \
  }                                                                                                                    \
  EXPORT type GC_get_##name(void) {                                                                                    \
    return name##_noted;                                                                                               \
  }
#define NOTED_VARIABLE(type, name, first)                                                                              \
  EXPORT type GC_##name = first;                                                                                       \
  EXPORT void GC_set_##name(type value) {                                                                              \
    GC_##name = value;                                                                                                 \
  }                                                                                                                    \
  EXPORT type GC_get_##name(void) {                                                                                    \
    return GC_##name;                                                                                                  \
  }

NOTED_VARIABLE(int, dont_expand, 0)
NOTED_VARIABLE(int, full_freq, 19)
NOTED_VARIABLE(int, dont_precollect, 0)
NOTED_VARIABLE(int, find_leak, 0)
NOTED_VARIABLE(GC_word, non_gc_bytes, 0)
NOTED_VARIABLE(GC_word, max_retries, 0)
NOTED_VARIABLE(unsigned long, time_limit, GC_TIME_UNLIMITED)
NOTED_VARIABLE(GC_on_heap_resize_proc, on_heap_resize, NULL)
EXPORT int GC_use_entire_heap;

NOTED(GC_word, allocd_bytes_per_finalizer, 10000)
NOTED(int, pages_executable, 0)
NOTED(size_t, min_bytes_allocd, 1)
NOTED(int, rate, 10)
NOTED(int, max_prior_attempts, 1)
NOTED(int, force_unmap_on_gcollect, 0)
NOTED(int, manual_vdb_allowed, 0)
NOTED(struct GC_timeval_s, time_limit_tv, {0})
NOTED(GC_stop_func, stop_func, NULL)
NOTED(GC_await_finalize_proc, await_finalize_proc, NULL)
NOTED(GC_on_thread_event_proc, on_thread_event, NULL)
NOTED(GC_abort_func, abort_func, NULL)

/* Off means that nothing but GC_gcollect collects: here that is the program's GC_disable. */
static int is_manual;
EXPORT void GC_set_disable_automatic_collection(int value) {
  if (value && !is_manual) GC_disable();
  if (!value && is_manual) GC_enable();
  is_manual = value;
}
EXPORT int GC_get_disable_automatic_collection(void) {
  return is_manual;
}

EXPORT void GC_enable_incremental(void) {}
EXPORT void GC_start_incremental_collection(void) {}
EXPORT int GC_is_incremental_mode(void) {
  return 0;
}
EXPORT int GC_incremental_protection_needs(void) {
  return GC_PROTECTS_NONE;
}

/* ---- Messages ---- */

static GC_warn_proc warn_proc;
static void print_warning(char *format, GC_word argument) {
  (void)format, (void)argument; /* there are no warnings */
}
EXPORT void GC_set_warn_proc(GC_warn_proc fn) {
  warn_proc = fn;
}
EXPORT GC_warn_proc GC_get_warn_proc(void) {
  return warn_proc ? warn_proc : print_warning;
}
EXPORT void GC_ignore_warn_proc(char *format, GC_word argument) {
  (void)format, (void)argument;
}
EXPORT void GC_set_log_fd(int fd) {
  (void)fd;
}
