/* bench/peers/bdwgc - the Boehm-Demers-Weiser collector as the distribution builds it.
 *
 * GC_MARKERS sets the number of markers; all but one start only with GC_allow_register_threads (or the program's first
 * thread), which also makes every allocation take the lock, so that it is called only when more than one marker is
 * wanted. A pause is the time between the two events around a stopped world; reclaiming after it is not part of it.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#define GC_THREADS
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <stdlib.h>

#define BENCH_PEER     "bdwgc"
#define BENCH_COLLECTS true

static inline void *bench_alloc(size_t bytes) {
  void *object = GC_MALLOC(bytes);
  if (object == NULL) bench_fail("out of memory");
  return object;
}

static inline void *bench_alloc_leaf(size_t bytes) {
  void *object = GC_MALLOC_ATOMIC(bytes);
  if (object == NULL) bench_fail("out of memory");
  return object;
}

static inline void bench_free(void *object) {
  (void)object;
}

static inline void bench_collect(void) {
  GC_gcollect();
}

static inline int bench_thread(pthread_t *thread, void *(*fn)(void *), void *argument) {
  return GC_pthread_create(thread, NULL, fn, argument);
}

static inline void GC_CALLBACK bench_add_object(void *object, size_t bytes, void *sum) {
  (void)object;
  *(uint64_t *)sum += bytes;
}

static inline void *GC_CALLBACK bench_sum_objects(void *sum) {
  GC_enumerate_reachable_objects_inner(bench_add_object, sum);
  return NULL;
}

static inline uint64_t bench_reachable_bytes(void) {
  uint64_t sum = 0;
  GC_call_with_alloc_lock(bench_sum_objects, &sum);
  return sum;
}

static inline void bench_peer_counters(struct bench_counters *counters) {
  *counters = (struct bench_counters){.full_collections = GC_get_gc_no(), .heap_bytes = GC_get_heap_size()};
}

/* Called with the collector's lock held: one variable is enough. */
static inline void GC_CALLBACK bench_note_event(GC_EventType event) {
  static uint64_t stop_ns;
  if (event == GC_EVENT_PRE_STOP_WORLD) stop_ns = bench_now_ns();
  if (event == GC_EVENT_POST_START_WORLD) bench_pause(BENCH_PAUSE_FULL, stop_ns, bench_now_ns() - stop_ns);
}

static inline void bench_peer_describe(struct bench_report *report) {
  GC_word version = GC_get_version();
  report->mode = "mark-sweep";
  report->markers = (unsigned)GC_get_parallel() + 1;
  snprintf(report->version, sizeof report->version, "%u.%u.%u", (unsigned)(version >> 16),
           (unsigned)(version >> 8 & 0xff), (unsigned)(version & 0xff));
}

static inline void bench_peer_init(struct bench_report *report) {
  GC_INIT();
  /* The library counts markers only once they run; with GC_MARKERS=1 it never starts a second one. */
  const char *markers = getenv("GC_MARKERS");
  if (markers == NULL || atoi(markers) != 1) GC_allow_register_threads();
  GC_set_on_collection_event(bench_note_event);
  bench_peer_describe(report);
}

#endif
