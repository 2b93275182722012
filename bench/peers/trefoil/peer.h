/* bench/peers/trefoil - this library, as a program would use it. TREFOIL_MODE and TREFOIL_MARKERS choose the mode and
 * the number of markers from outside; the library writes each pause to the file that TREFOIL_STATS names. With
 * BENCH_LIVE set, the report has the largest live heap that a collection found.
 *
 * A program that is built with BENCH_BARRIER promises gc_write for its stores. It is one of its own, so that the others
 * have plain stores, without even the test of gc_write whether anybody asked for it.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdlib.h>
#include <trefoil/gc.h>
#include <trefoil/stats.h>

#define BENCH_PEER     "trefoil"
#define BENCH_COLLECTS true

#ifdef BENCH_BARRIER
#define BENCH_TRACKING           GC_TRACK_BARRIER
#define bench_store(slot, value) ((void)gc_write(slot, value))
#else
#define BENCH_TRACKING GC_TRACK_AUTO
#endif

static inline void *bench_alloc(size_t bytes) {
  void *object = gc_alloc(bytes);
  if (object == NULL) bench_fail("out of memory");
  return object;
}

static inline void *bench_alloc_leaf(size_t bytes) {
  void *object = gc_alloc_leaf(bytes);
  if (object == NULL) bench_fail("out of memory");
  return object;
}

/* A workload that frees by hand says so before it includes the shim. */
#ifdef BENCH_FREE
static inline void bench_free(void *object) {
  gc_free(object);
}
#else
static inline void bench_free(void *object) {
  (void)object;
}
#endif

static inline void bench_collect(void) {
  gc_collect(GC_COLLECT_FULL);
}

static inline int bench_thread(pthread_t *thread, void *(*fn)(void *), void *argument) {
  return gc_thread_create(thread, NULL, fn, argument);
}

static inline uint64_t bench_reachable_bytes(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.live_bytes;
}

static inline uint64_t bench_peer_shadow_bytes(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.shadow_bytes;
}
static inline uint64_t bench_peer_cycles_bytes(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.cycles_reclaimed_bytes;
}
#define bench_shadow_bytes() bench_peer_shadow_bytes()
#define bench_cycles_bytes() bench_peer_cycles_bytes()

static inline void bench_peer_counters(struct bench_counters *counters) {
  struct gc_stats stats;
  gc_stats(&stats);
  *counters = (struct bench_counters){.minor_collections = stats.collections_minor,
                                      .full_collections = stats.collections_full,
                                      .mark_ns = stats.mark_ns,
                                      .objects_marked = stats.objects_marked,
                                      .heap_bytes = stats.heap_bytes};
}

static inline void bench_note_live(const struct gc_event *event, void *report) {
  uint64_t *most_bytes = &((struct bench_report *)report)->live_bytes;
  if (event->kind == GC_EVENT_COLLECTION_END && event->bytes > *most_bytes) *most_bytes = event->bytes;
}

static inline void bench_peer_init(struct bench_report *report) {
  struct gc_stats stats;
  struct gc_options options = GC_OPTIONS_INIT;
  options.tracking = BENCH_TRACKING;
  int error = gc_init(&options);
  if (error != 0) bench_fail("gc_init gives error %d", error);
  /* A run that measures the live heap collects far too often to be timed as well. */
  if (getenv("BENCH_LIVE") != NULL && gc_on_event(bench_note_live, report) != 0) bench_fail("takes no event function");
  gc_stats(&stats);
  report->mode = gc_mode_name(stats.mode);
  report->markers = stats.markers;
  snprintf(report->version, sizeof report->version, "%s", gc_version());
}

#endif
