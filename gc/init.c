/* init.c - starting and ending the library; attaching threads to it. */
#include "runtime.h"
#include "mode/generational.h"
#include "mode/mark_sweep.h"
#include "mode/refcount.h"
#include "os/report.h"
#include "os/tsan.h"
#include "os/valgrind.h"
#include "tools/verify.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Addresses for objects: this much, or twice the machine's memory, where the system grants it. */
#define RESERVE_BYTES ((size_t)1 << 40)

/* Tools that map all of memory a second time leave less room, and Valgrind leaves the least. */
#define RESERVE_UNDER_TOOLS_BYTES    ((size_t)1 << 35)
#define RESERVE_UNDER_VALGRIND_BYTES ((size_t)1 << 33)

/* Of a limited address space, the part that the heap may take; its tables take 8 % more, the program wants the rest. */
#define HEAP_ADDRESS_SHARE 4

struct gc__runtime gc__runtime;

static struct gc__lock life_lock = GC__LOCK_INIT(GC__RANK_LIFE);
static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;

/* ---- Threads that end, forks, the end of the process ---- */

/* Destructors of the program's own keys may still use objects: this one waits for the last round but one. */
static void detach_at_exit(void *value) {
  struct gc__thread *thread = value;
  if (thread != gc__self) return;
  if (++thread->exit_passes < PTHREAD_DESTRUCTOR_ITERATIONS - 1) pthread_setspecific(exit_key, thread);
  else gc__world_detach(&gc__runtime.collector.world);
}

/* Helpers that begin are waited for without a lock at first: they may call the program's malloc, which may be ours. */
static void before_fork(void) {
  gc__os_helpers_hold();
  gc__os_helpers_let_go();
  gc__lock_take(&life_lock);
  if (gc__runtime.is_running) gc__collector_before_fork(&gc__runtime.collector);
}

static void after_fork_in_parent(void) {
  if (gc__runtime.is_running) gc__collector_after_fork_in_parent(&gc__runtime.collector);
  gc__lock_give(&life_lock);
}

static void after_fork_in_child(void) {
  if (gc__runtime.is_running) gc__collector_after_fork_in_child(&gc__runtime.collector);
  if (gc__runtime.is_running) gc__finalizers_after_fork_in_child();
  gc__lock_give(&life_lock);
}

static void write_statistics_at_exit(void) {
  if (gc__runtime.is_running) gc__statistics_write();
}

static void prepare_process(void) {
  pthread_key_create(&exit_key, detach_at_exit);
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  atexit(write_statistics_at_exit);
}

/* ---- Start ---- */

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

static size_t choose_reserve_bytes(void) {
  if (gc__valgrind_is_there()) return RESERVE_UNDER_VALGRIND_BYTES;
  if (UNDER_ASAN || gc__tsan_is_there()) return RESERVE_UNDER_TOOLS_BYTES;
  size_t memory = gc__os_memory_limit_bytes(), addresses = gc__os_address_limit_bytes();
  size_t wanted = memory < SIZE_MAX / 4 && memory * 2 > RESERVE_BYTES ? memory * 2 : RESERVE_BYTES;
  return wanted < addresses / HEAP_ADDRESS_SHARE ? wanted : addresses / HEAP_ADDRESS_SHARE;
}

/* What the tracking means to the collector. The mark-sweep mode needs none. */
static void choose_source(struct gc__collector_settings *wanted, enum gc_mode mode, enum gc_tracking tracking) {
  bool has_pages = tracking == GC_TRACK_AUTO || tracking == GC_TRACK_PAGES;
  wanted->mode = mode == GC_MARK_SWEEP ? &gc__mode_mark_sweep
                 : mode == GC_REFCOUNT ? &gc__mode_refcount
                                       : &gc__mode_generational;
  wanted->has_counts = mode == GC_REFCOUNT;
  wanted->wants_log = mode != GC_MARK_SWEEP;
  wanted->has_cards = tracking == GC_TRACK_BARRIER;
  wanted->watch = has_pages ? GC__WATCH_KERNEL : tracking == GC_TRACK_PROTECT ? GC__WATCH_PROTECT : GC__WATCH_NONE;
}

/* What the program asks for by name it gets, or an error; what the environment or AUTO chose may be replaced by the
 * source that is always right. */
static int open_collector(struct gc__runtime *runtime, struct gc__collector_settings *wanted) {
  const struct gc__settings *settings = &runtime->settings;
  enum gc_tracking tracking = settings->options.tracking;
  choose_source(wanted, settings->options.mode, tracking);
  int error = gc__collector_open(&runtime->collector, &runtime->budget, wanted);
  if (error != ENOTSUP || wanted->swap_error) return error;
  if (tracking != GC_TRACK_AUTO)
    gc__report("tracking %s cannot be had: %s", tracking == GC_TRACK_PAGES ? "pages" : "protect", wanted->missing);
  if (tracking != GC_TRACK_AUTO && !settings->tracking_is_wish) return error;
  wanted->watch = tracking == GC_TRACK_PROTECT ? GC__WATCH_KERNEL : GC__WATCH_NONE;
  error = gc__collector_open(&runtime->collector, &runtime->budget, wanted);
  if (error != ENOTSUP || wanted->swap_error) return error;
  wanted->watch = GC__WATCH_NONE;
  return gc__collector_open(&runtime->collector, &runtime->budget, wanted);
}

/* What gc_write finds. */
static void publish_barrier(const struct gc__space *space) {
  gc_barrier = (struct gc_barrier){.cards = space->cards,
                                   .blocks = space->card_blocks,
                                   .minus_base = -space->base,
                                   .bytes = space->has_cards ? space->reserved_bytes : 0};
}

/* ---- In a buffer ---- */

/* A heap that could never hold more than a few objects is none. */
#define LEAST_FREE_PAGES 4u

/* Where a buffer is too small, others are tried up to this size. */
#define TRIAL_BYTES ((size_t)8 << 20)

/* Takes what the calling thread and the first collection need, which stays there. False: no memory. */
static bool take_ahead(struct gc__collector *collector) {
  if (gc__world_attach(&collector->world)) return false;
  bool done = gc__collector_prepare(collector);
  gc__world_detach(&collector->world);
  return done;
}

/* Whether there is room for objects. */
static bool has_room_in_buffer(struct gc__collector *collector) {
  return take_ahead(collector) && collector->heap.pages.free_pages >= LEAST_FREE_PAGES;
}

static bool starts_in(struct gc__runtime *runtime, struct gc__collector_settings wanted, struct gc__range memory) {
  struct gc__collector *collector = &runtime->collector;
  wanted.buffer = memory;
  if (gc__collector_open(collector, &runtime->budget, &wanted)) return false;
  bool done = has_room_in_buffer(collector);
  gc__collector_close(collector);
  return done;
}

/* The least buffer at such an address in which the library starts, found by trying, in memory of the system; 0: not
 * found. What is needed depends on the address, the mode and how many libraries are loaded. */
static size_t find_least_buffer(struct gc__runtime *runtime, const struct gc__collector_settings *wanted) {
  size_t bytes = TRIAL_BYTES + GC__BLOCK_BYTES, low = 0, high = TRIAL_BYTES;
  char *memory = gc__os_reserve(bytes, GC__BLOCK_BYTES);
  if (!memory) return 0;
  uintptr_t start = (uintptr_t)memory + wanted->buffer.start % GC__BLOCK_BYTES;
  bool is_usable = gc__os_commit(memory, bytes) && starts_in(runtime, *wanted, (struct gc__range){start, start + high});
  while (is_usable && low < high) {
    size_t middle = low + (high - low) / 2;
    if (starts_in(runtime, *wanted, (struct gc__range){start, start + middle})) high = middle;
    else low = middle + 1;
  }
  gc__os_release(memory, bytes);
  return is_usable ? high : 0;
}

/* The library did not start in the program's buffer: it is too small, as a rule. */
static int refuse_buffer(struct gc__runtime *runtime, const struct gc__collector_settings *wanted) {
  size_t bytes = wanted->buffer.end - wanted->buffer.start, least = find_least_buffer(runtime, wanted);
  if (least <= bytes) return ENOMEM;
  gc__report("gc_init: a buffer of %zu bytes is too small: %zu bytes are needed", bytes, least);
  return EINVAL;
}

static int start(const struct gc_options *options) {
  struct gc__runtime *runtime = &gc__runtime;
  struct gc__settings *settings = &runtime->settings;
  int error = gc__settings_read(settings, options);
  if (error) return error;
  gc__os_fail_request(settings->fail_request);
  struct gc__collector_settings wanted = {
      .reserve_bytes = choose_reserve_bytes(),
      .initial_bytes = settings->options.initial_bytes,
      .limit_bytes = settings->options.limit_bytes,
      .swap_path = settings->options.swap_path,
      .swap_bytes = settings->options.swap_bytes,
      .nursery_bytes = settings->options.nursery_bytes,
      .growth_percent = settings->options.growth_percent,
      .markers = settings->options.markers ? settings->options.markers : gc__os_processors(),
      .stop_signal = settings->options.stop_signal,
      .interior_in_heap = settings->options.interior_in_heap,
      .keeps_records = settings->statistics_path && !settings->options.buffer,
      .own_state = {(uintptr_t)runtime, (uintptr_t)(runtime + 1)},
      .buffer = {(uintptr_t)settings->options.buffer,
                 (uintptr_t)settings->options.buffer + settings->options.buffer_bytes},
  };
  error = open_collector(runtime, &wanted);
  if (wanted.swap_error) {
    gc__report("no swap file can be made at %.200s: %s", wanted.swap_path, strerror(wanted.swap_error));
    if (!settings->swap_is_wish) return error;
    wanted.swap_path = NULL;
    error = open_collector(runtime, &wanted);
  }
  if (!error && settings->options.buffer && !has_room_in_buffer(&runtime->collector)) {
    gc__collector_close(&runtime->collector);
    error = ENOMEM;
  }
  if (error == ENOMEM && settings->options.buffer) return refuse_buffer(runtime, &wanted);
  if (error) return error;
  runtime->collector.world.touches_slots = wanted.initial_bytes != 0;
  if (wanted.initial_bytes &&
      !(take_ahead(&runtime->collector) && gc__collector_touch(&runtime->collector, wanted.initial_bytes))) {
    gc__collector_close(&runtime->collector);
    return ENOMEM;
  }
  publish_barrier(&runtime->collector.heap.space);
  if (settings->check_heap) gc__verify_open(&runtime->stale, &runtime->collector);
  if (settings->check_barriers && settings->options.buffer)
    gc__report("TREFOIL_CHECK=barriers: not for a heap in a buffer; nothing is checked");
  else if (settings->check_barriers && runtime->collector.heap.log.has_cards)
    gc__barriers_open(&runtime->barriers, &runtime->collector);
  else if (settings->check_barriers)
    gc__report("TREFOIL_CHECK=barriers: only for programs that run with tracking barrier; nothing is checked");
  runtime->collector.heap.guards.freed_percent = settings->options.guard_freed_percent;
  runtime->collector.heap.swap.is_eager = settings->stress_swap;
  if (settings->stress_allocation) runtime->collector.heap.hand_out_bytes = 1;
  gc__lock_open(&runtime->layer_lock, GC__RANK_LAYER);
  runtime->process_id = gc__os_process_id();
  gc__flag_set(&runtime->is_running, 1);
  return 0;
}

/* reserved: by who created this thread, or NULL. */
static int attach_self(struct gc__thread *reserved) {
  struct gc__world *world = &gc__runtime.collector.world;
  int error = reserved ? gc__world_attach_as(world, reserved) : gc__world_attach(world);
  if (!error) pthread_setspecific(exit_key, gc__self);
  return error;
}

/* A process that shuts down and starts again begins with an empty runtime: only then is nothing left of the last one.
 */
static void stop_running(void) {
  gc__barriers_close(&gc__runtime.barriers);
  gc__stale_close(&gc__runtime.stale);
  gc__collector_close(&gc__runtime.collector);
  gc__events_forget();
  gc_barrier = (struct gc_barrier){0};
  memset(&gc__runtime, 0, sizeof gc__runtime);
}

int gc_init(const struct gc_options *options) {
  int error = EALREADY;
  pthread_once(&process_once, prepare_process);
  gc__lock_take(&life_lock);
  if (!gc__runtime.is_running) {
    error = start(options);
    if (!error && (error = attach_self(NULL))) stop_running();
    if (error) memset(&gc__runtime, 0, sizeof gc__runtime);
  }
  gc__lock_give(&life_lock);
  if (error) errno = error;
  return error;
}

/* Of its stack, beside the slot: for a collection, and for what the program does when it hears of one. */
#define LENDING_STACK_BYTES ((size_t)96 << 10)

/* What is garbage is no reason not to attach. A thread that found no room for its slot collects from one on its own
 * stack. False: it did not. */
static GC__NOINLINE bool collect_unattached(void) {
  struct gc__world *world = &gc__runtime.collector.world;
  struct gc__range stack;
  gc__lock_take(&life_lock);
  size_t bytes = world->slot_bytes;
  bool is_possible = gc__runtime.is_running && !gc__flag_get(&gc__runtime.disable_depth) && gc__os_stack(&stack) &&
                     (uintptr_t)__builtin_frame_address(0) - stack.start >= bytes + LENDING_STACK_BYTES;
  if (is_possible) {
    void *lent = __builtin_alloca_with_align(bytes, 8 * _Alignof(struct gc__thread));
    gc__world_attach_lent(world, memset(lent, 0, bytes), &stack); /* from here on nobody shuts down */
  }
  gc__lock_give(&life_lock);
  if (!is_possible) return false;
  gc_collect(GC_COLLECT_FULL);
  gc__world_detach(world);
  return true;
}

static int attach_running(void) {
  gc__lock_take(&life_lock);
  int error = gc__runtime.is_running ? 0 : start(NULL);
  if (!error) error = attach_self(NULL);
  gc__lock_give(&life_lock);
  return error;
}

struct gc__thread *gc__attach_slow(void) {
  pthread_once(&process_once, prepare_process);
  int error = attach_running();
  if (error == ENOMEM && collect_unattached()) error = attach_running();
  if (!error) return gc__self;
  errno = error;
  return NULL;
}

/* The library runs: a shutdown is refused while something is reserved. */
int gc__attach_as(struct gc__thread *reserved) {
  gc__lock_take(&life_lock);
  int error = attach_self(reserved);
  gc__lock_give(&life_lock);
  return error;
}

/* Whether the library may be shut down by this thread. Lock held. */
static int check_shutdown(void) {
  if (!gc__runtime.is_running) return EINVAL;
  const struct gc__world *world = &gc__runtime.collector.world;
  bool has_others = gc__word_peek(&world->thread_count) > gc__self_is_attached();
  return has_others || gc__word_peek(&world->reserved_count) ? EBUSY : 0;
}

static int shut_down(void) {
  gc__lock_take(&life_lock);
  int error = check_shutdown();
  if (!error) {
    gc__statistics_write();
    if (gc__self_is_attached()) gc__world_detach(&gc__runtime.collector.world);
    pthread_setspecific(exit_key, NULL);
    stop_running();
  }
  gc__lock_give(&life_lock);
  return error;
}

/* Finalizers run without the lock: they may attach threads. */
int gc_shutdown(void) {
  int error = EBUSY;
  if (!gc__finalizer_is_running() && gc__finalizers_begin_end()) {
    gc__lock_take(&life_lock);
    error = check_shutdown();
    bool wants_all = !error && gc__runtime.settings.options.finalize_at_shutdown;
    gc__lock_give(&life_lock);
    if (wants_all) gc__finalizers_run_all();
    if (!error) error = shut_down();
    gc__finalizers_end_end();
  }
  if (error) errno = error;
  return error;
}

/* ---- What is in use ---- */

enum gc_mode gc_mode(void) {
  return gc__attach() ? gc__runtime.settings.options.mode : GC_MODE_DEFAULT;
}

enum gc_tracking gc__tracking_of(const struct gc__heap *heap) {
  if (!heap->log.is_on) return GC_TRACK_NONE;
  if (heap->log.has_cards) return GC_TRACK_BARRIER;
  switch (heap->log.watch.kind) {
  case GC__WATCH_KERNEL:
    return GC_TRACK_PAGES;
  case GC__WATCH_PROTECT:
    return GC_TRACK_PROTECT;
  case GC__WATCH_NONE:
    break;
  }
  return GC_TRACK_NONE;
}

const char *gc__tracking_name(enum gc_tracking tracking) {
  static const char *const names[] = {"auto", "pages", "protect", "barrier", "none"};
  return names[tracking];
}

enum gc_tracking gc_tracking(void) {
  return gc__attach() ? gc__tracking_of(&gc__runtime.collector.heap) : GC_TRACK_AUTO;
}

const char *gc_mode_name(enum gc_mode mode) {
  switch (mode) {
  case GC_MODE_DEFAULT:
    return "default";
  case GC_MARK_SWEEP:
    return "mark-sweep";
  case GC_GENERATIONAL:
    return "generational";
  case GC_REFCOUNT:
    return "refcount";
  }
  return "unknown";
}

#define TEXT_OF(x)  TEXT_OF2(x)
#define TEXT_OF2(x) #x

const char *gc_version(void) {
  return TEXT_OF(TREFOIL_VERSION_MAJOR) "." TEXT_OF(TREFOIL_VERSION_MINOR) "." TEXT_OF(TREFOIL_VERSION_PATCH);
}
