/* libgc/start.c - starting the collector with what program and environment ask for; variables and switches. */
#include "libgc/libgc.h"
#include "os/report.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>

#define EXPORT __attribute__((visibility("default")))

/* The values that bdwgc 8.2.2 has before a program changes them. */
EXPORT int GC_all_interior_pointers = 1;
EXPORT int GC_no_dls;
EXPORT int GC_dont_gc;
EXPORT int GC_parallel;
EXPORT GC_word GC_gc_no;
EXPORT void *GC_least_plausible_heap_addr = (void *)-1;
EXPORT void *GC_greatest_plausible_heap_addr;
EXPORT char *GC_stackbottom;

struct gc__libgc_settings gc__libgc_settings = {.displacements = 1};

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned has_begun, is_init_called;
static GC_start_callback_proc start_callback;
static GC_on_collection_event_proc on_event;

bool gc__libgc_has_begun(void) {
  return gc__flag_get(&has_begun) != 0;
}

/* The number is that of the collections so far, which the one that begins now makes one more: programs compare it. */
static void before_collection(void) {
  GC_gc_no = gc__collector_number(&gc__runtime.collector, GC__MINOR) + 1;
  if (on_event) on_event(GC_EVENT_START);
  if (start_callback) start_callback();
}

/* The whole of what the heap may grow to: the bounds never change. */
static void publish_bounds(void) {
  const struct gc__space *space = &gc__runtime.collector.heap.space;
  GC_least_plausible_heap_addr = (void *)space->base;
  GC_greatest_plausible_heap_addr = (void *)(space->base + space->reserved_bytes);
}

static int start(const struct gc__libgc_settings *settings) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = settings->limit_bytes;
  options.markers = settings->markers;
  options.stop_signal = settings->suspend_signal;
  options.finalize = GC_FINALIZE_MANUAL;
  options.interior_in_heap = GC_all_interior_pointers || settings->has_displaced;
  if (settings->needs_tracing)
    gc_mode_exclude(GC_REFCOUNT, "mark procedures (GC_new_proc) cannot be counted", GC_GENERATIONAL);
  int error = gc_init(&options);
  if (error) return error;
  for (unsigned i = 1; i < 64; i++)
    if (settings->displacements >> i & 1) gc_displacement_add(i);
  gc__libgc_open_oom();
  gc_roots_layer(gc__libgc_push_roots, NULL);
  gc_before_collection(before_collection);
  for (int i = 0; i < GC_dont_gc; i++) gc_disable();
  if (settings->expected_bytes) gc_expect(settings->expected_bytes);
  gc__libgc_apply_divisor();
  publish_bounds();
  GC_parallel = (int)gc__runtime.collector.crew.wanted_count - 1;
  return 0;
}

bool gc__libgc_begin_slow(void) {
  static volatile unsigned has_reported;
  int error = 0;
  pthread_mutex_lock(&start_lock);
  if (!has_begun) {
    gc__libgc_read_environment(&gc__libgc_settings);
    error = start(&gc__libgc_settings);
    if (!error) gc__flag_set(&has_begun, 1);
  }
  pthread_mutex_unlock(&start_lock);
  if (!error) return gc__attach() != NULL;
  if (gc__flag_swap_if(&has_reported, 0, 1)) gc__report("libgc: the collector cannot start: errno %d", error);
  return false;
}

/* ---- Memory for time ---- */

/* bdwgc collects when a third of what it scans was allocated, with the divisor that it begins with; programs choose it
 * for such heaps. With 27 % of what this library would take for itself, peak memory is about the same. */
#define THRIFT_TIMES_DIVISOR 81

EXPORT GC_word GC_free_space_divisor = 3;

void gc__libgc_apply_divisor(void) {
  GC_word divisor = GC_free_space_divisor ? GC_free_space_divisor : 1;
  gc_thrift(divisor < THRIFT_TIMES_DIVISOR ? (unsigned)(THRIFT_TIMES_DIVISOR / divisor) : 1);
}

EXPORT void GC_set_free_space_divisor(GC_word divisor) {
  GC_free_space_divisor = divisor;
  if (gc__libgc_has_begun()) gc__libgc_apply_divisor();
}
EXPORT GC_word GC_get_free_space_divisor(void) {
  return GC_free_space_divisor;
}

/* ---- The environment ---- */

static bool read_size(const char *name, size_t *bytes) {
  const char *text = getenv(name);
  char *end;
  if (!text || *text < '0' || *text > '9') return false;
  unsigned long long number = strtoull(text, &end, 10);
  unsigned shift = *end == 'k' || *end == 'K'   ? 10
                   : *end == 'm' || *end == 'M' ? 20
                   : *end == 'g' || *end == 'G' ? 30
                                                : 0;
  if (number > SIZE_MAX >> shift) return false;
  *bytes = (size_t)number << shift;
  return true;
}

/* TREFOIL_ variables win over these: the library reads them when it starts. */
void gc__libgc_read_environment(struct gc__libgc_settings *settings) {
  size_t number;
  if (getauxval(AT_SECURE)) return;
  if (read_size("GC_MAXIMUM_HEAP_SIZE", &number) && number) settings->limit_bytes = number;
  if (read_size("GC_INITIAL_HEAP_SIZE", &number) && number > settings->expected_bytes)
    settings->expected_bytes = number;
  if ((read_size("GC_MARKERS", &number) || read_size("GC_NPROCS", &number)) && number > 0 && number < GC__MARKERS_MOST)
    settings->markers = (unsigned)number;
  if (read_size("GC_FREE_SPACE_DIVISOR", &number) && number) GC_free_space_divisor = number;
  if (getenv("GC_DONT_GC")) GC_dont_gc++;
}

/* ---- Start ---- */

EXPORT void GC_init(void) {
  struct GC_stack_base base;
  gc__flag_set(&is_init_called, 1);
  if (!GC_stackbottom && GC_get_stack_base(&base) == GC_SUCCESS) GC_stackbottom = base.mem_base;
}

EXPORT int GC_is_init_called(void) {
  return gc__flag_get(&is_init_called) || gc__libgc_has_begun();
}

EXPORT void GC_deinit(void) {}

EXPORT unsigned GC_get_version(void) {
  return GC_VERSION_MAJOR << 16 | GC_VERSION_MINOR << 8 | GC_VERSION_MICRO;
}

/* ---- Collections ---- */

EXPORT void GC_gcollect(void) {
  if (GC_dont_gc || !gc__libgc_begin()) return;
  gc_collect(GC_COLLECT_FULL);
  gc__libgc_settle();
}

EXPORT void GC_gcollect_and_unmap(void) {
  GC_gcollect();
}

EXPORT int GC_try_to_collect(GC_stop_func stop) {
  if (GC_dont_gc || (stop && stop())) return 0;
  GC_gcollect();
  return 1;
}

EXPORT int GC_collect_a_little(void) {
  return 0;
}

EXPORT void GC_disable(void) {
  __atomic_add_fetch(&GC_dont_gc, 1, __ATOMIC_SEQ_CST);
  if (gc__libgc_has_begun()) gc_disable();
}

/* More often than it was disabled means nothing. */
EXPORT void GC_enable(void) {
  if (GC_dont_gc <= 0) return;
  __atomic_sub_fetch(&GC_dont_gc, 1, __ATOMIC_SEQ_CST);
  if (gc__libgc_has_begun() && gc__flag_get(&gc__runtime.disable_depth)) gc_enable();
}

EXPORT int GC_is_disabled(void) {
  return GC_dont_gc != 0;
}

EXPORT GC_word GC_get_gc_no(void) {
  return gc__libgc_has_begun() ? gc__collector_number(&gc__runtime.collector, GC__MINOR) : 0;
}

EXPORT void GC_set_start_callback(GC_start_callback_proc fn) {
  start_callback = fn;
}
EXPORT GC_start_callback_proc GC_get_start_callback(void) {
  return start_callback;
}
EXPORT void GC_set_on_collection_event(GC_on_collection_event_proc fn) {
  on_event = fn;
}
EXPORT GC_on_collection_event_proc GC_get_on_collection_event(void) {
  return on_event;
}

EXPORT int GC_expand_hp(size_t bytes) {
  if (!gc__libgc_has_begun()) gc__libgc_settings.expected_bytes += bytes;
  else gc_expect(GC_get_heap_size() + bytes);
  return 1;
}

EXPORT void GC_set_max_heap_size(GC_word bytes) {
  gc__libgc_settings.limit_bytes = bytes;
  if (gc__libgc_has_begun()) gc_limit(bytes);
}

/* ---- Pointers ---- */

/* GC_register_displacement comes before the objects that it is about, or while they are few: [space.displaced]. */
EXPORT void GC_register_displacement(size_t bytes) {
  if (bytes >= 64) {
    if (gc__libgc_has_begun() && !GC_all_interior_pointers)
      gc__report("GC_register_displacement: %zu: 64 or more only before the first allocation", bytes);
    gc__libgc_settings.has_displaced = true;
    return;
  }
  gc__libgc_settings.displacements |= (uint64_t)1 << bytes;
  if (gc__libgc_has_begun()) gc_displacement_add(bytes);
}
EXPORT void GC_debug_register_displacement(size_t bytes) {
  GC_register_displacement(bytes);
}
EXPORT void GC_set_all_interior_pointers(int value) {
  GC_all_interior_pointers = value;
}
EXPORT int GC_get_all_interior_pointers(void) {
  return GC_all_interior_pointers;
}
EXPORT void GC_set_no_dls(int value) {
  GC_no_dls = value;
}
EXPORT int GC_get_no_dls(void) {
  return GC_no_dls;
}
EXPORT int GC_get_parallel(void) {
  return GC_parallel;
}
EXPORT void GC_set_markers_count(unsigned count) {
  gc__libgc_settings.markers = count < GC__MARKERS_MOST ? count : GC__MARKERS_MOST;
}
EXPORT void GC_set_suspend_signal(int signal) {
  gc__libgc_settings.suspend_signal = signal;
}
EXPORT int GC_get_suspend_signal(void) {
  int asked = gc__libgc_settings.suspend_signal;
  return gc__libgc_has_begun() ? gc__runtime.collector.world.signal : asked ? asked : SIGPWR;
}
