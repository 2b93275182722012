/* collect/collector.c - see collector.h. */
#include "collect/collector.h"
#include "base/check.h"
#include "collect/cascade.h"
#include "collect/pacing.h"
#include "collect/strip.h"
#include "collect/weak.h"
#include "heap/sweep.h"
#include "os/clock.h"
#include "os/park.h"
#include "os/valgrind.h"

#include <errno.h>
#include <string.h>

#define RECORDS_MOST ((size_t)1 << 26)

/* Threads between asking the loader and its answer. A fork waits for none to be there, so that the child does not
 * inherit the loader's lock from a thread that it does not have. */
static volatile unsigned threads_at_loader;
static volatile unsigned loader_gate;

/* ---- Life ---- */

/* The system's limit changes while a program runs, and so does what the rest of the process uses: it is read again at
 * collections, though not more often than this. Reading takes 45 us, a collection of a small heap 5. */
#define LIMIT_READ_NS UINT64_C(100000000)

/* What is on its way to the swap file lies in the page cache as well until the disk has it, in stops of so much. */
#define ON_THE_WAY_BYTES (GC__SWAP_STOP_UNITS * GC__CHUNK_BYTES)

/* 5 % stay free for what the library does not see. */
static void update_limit(struct gc__collector *collector) {
  size_t limit = gc__word_get(&collector->wanted_limit_bytes);
  if (collector->heap.space.is_fixed) return;
  uint64_t now_ns = gc__clock_ns();
  if (!limit) {
    if (collector->limit_read_ns && now_ns - collector->limit_read_ns < LIMIT_READ_NS) return;
    collector->limit_read_ns = now_ns;
    size_t used = gc__word_peek(&collector->budget->used_bytes), files, resident = gc__os_resident_bytes(&files);
    size_t away =
        gc__word_peek(&collector->heap.swap.away_bytes); /* what of it lies in the page cache can be dropped */
    resident -= files < away ? files : away;
    size_t rest = resident > used ? resident - used : 0;
    limit = gc__os_memory_limit_bytes();
    limit = limit > rest ? limit - rest : 0;
    limit -= limit / 20;
    if (collector->heap.swap.is_on) limit -= limit / 4 < ON_THE_WAY_BYTES ? limit / 4 : ON_THE_WAY_BYTES;
  }
  gc__word_poke(&collector->budget->limit_bytes, limit);
}

/* The system says that memory is short: what is free goes back at once, and a collection that nobody asked to be a full
 * one is one all the same if so much of the heap was allocated since the last full one. */
#define PRESSED_SHARE 8

/* Whether a full collection is the answer. Asked no more often than for the limit. */
static bool note_pressure(struct gc__collector *collector) {
  const struct gc__heap *heap = &collector->heap;
  if (heap->space.is_fixed) return false; /* nothing of it can go back */
  uint64_t now_ns = gc__clock_ns();
  if (now_ns - collector->pressure.asked_ns >= LIMIT_READ_NS)
    collector->is_pressed = gc__os_memory_pressure(&collector->pressure, now_ns) || collector->is_pressed;
  size_t handed = gc__word_peek(&heap->handed_before_bytes) + gc__word_peek(&heap->handed_since_bytes);
  return collector->is_pressed && handed >= collector->last.live_bytes / PRESSED_SHARE;
}

/* World running, in a section. */
static void relieve(struct gc__collector *collector) {
  struct gc__heap *heap = &collector->heap;
  if (!collector->is_pressed) return;
  collector->is_pressed = false;
  gc__sweep_finish(heap);
  gc__lock_take(&heap->lock);
  size_t free_pages = heap->pages.dirty_free_pages, kept = heap->initial_bytes / GC__PAGE_BYTES;
  size_t returned = free_pages > kept ? gc__pages_discard(&heap->pages, free_pages - kept) : 0;
  gc__word_add(&heap->returned_bytes, returned * GC__PAGE_BYTES);
  gc__lock_give(&heap->lock);
  gc__swapping_relieve(collector);
}

/* What may be allocated: what the limit leaves, and what is free in the heap already. */
static void update_allowance(struct gc__collector *collector) {
  struct gc__budget *budget = collector->budget;
  size_t limit = gc__word_peek(&budget->limit_bytes), used = gc__word_peek(&budget->used_bytes);
  size_t room = limit > used ? limit - used : 0;
  size_t live = collector->last.live_bytes, table_bytes = gc__space_table_bytes(&collector->heap.space);
  size_t dirty = used > table_bytes ? used - table_bytes : 0;
  size_t away = gc__word_peek(&collector->heap.swap.away_bytes);
  if (live >= away && dirty > live - away) room += dirty - (live - away);
  size_t more = gc__swapping_room_bytes(collector);
  if (room < more) room = more;
  size_t attached = gc__word_peek(&collector->world.thread_count), threads = attached ? attached : 1;
  if (threads > collector->processors) threads = collector->processors;
  collector->mode->pace(collector, (unsigned)threads, room);
}

void gc__collector_expect(struct gc__collector *collector, size_t bytes) {
  gc__lock_take(&collector->lock);
  collector->expected_bytes = bytes;
  if (collector->number == 0) update_allowance(collector);
  gc__lock_give(&collector->lock);
}

void gc__collector_save(struct gc__collector *collector, unsigned thrift_percent) {
  gc__lock_take(&collector->lock);
  collector->thrift_percent = collector->nursery.thrift_percent = thrift_percent;
  collector->nursery.bytes = 0; /* chosen anew */
  gc__lock_take(&collector->heap.lock);
  collector->heap.space.saves = thrift_percent && thrift_percent < 100;
  gc__lock_give(&collector->heap.lock);
  if (collector->number == 0) update_allowance(collector);
  gc__lock_give(&collector->lock);
}

/* Saving means not to take memory: a third of what the heap has already may be used, so that what objects leave
 * behind in half-empty blocks does not make it grow. */
static size_t thrifty_bytes(const struct gc__collector *collector, size_t bytes) {
  size_t live = collector->last.live_bytes, table_bytes = gc__space_table_bytes(&collector->heap.space);
  size_t used = gc__word_peek(&collector->budget->used_bytes), taken = live + table_bytes;
  size_t idle = used > taken ? (used - taken) / 3 : 0, thrifty = bytes / 100 * collector->thrift_percent;
  if (thrifty > idle) return thrifty;
  return idle < bytes ? idle : bytes;
}

size_t gc__collector_allowance(const struct gc__collector *collector, unsigned threads, size_t room_bytes) {
  size_t live = collector->last.live_bytes, expected = collector->expected_bytes;
  size_t bytes = gc__pacing_allowance(live, collector->growth_percent, threads, room_bytes);
  if (collector->thrift_percent && !collector->growth_percent) bytes = thrifty_bytes(collector, bytes);
  size_t wanted = expected > live ? expected - live : 0;
  if (wanted > room_bytes) wanted = room_bytes;
  return bytes < wanted ? wanted : bytes;
}

static bool open_counts(struct gc__collector *collector, const struct gc__collector_settings *settings) {
  if (!settings->has_counts) return true;
  collector->roots.reads_whole_segments = true;
  return gc__heap_keep_counts(&collector->heap) &&
         gc__counting_open(&collector->counting, &collector->heap, settings->interior_in_heap);
}

static bool open_heap(struct gc__collector *collector, const struct gc__collector_settings *settings) {
  struct gc__heap *heap = &collector->heap;
  bool has_cards = settings->wants_log && settings->has_cards;
  if (settings->buffer.start != settings->buffer.end)
    return gc__heap_open_in(heap, collector->budget, settings->buffer, has_cards, settings->has_counts);
  return gc__heap_open(heap, collector->budget, settings->reserve_bytes, settings->initial_bytes);
}

static int open_log(struct gc__collector *collector, struct gc__collector_settings *settings) {
  if (!settings->wants_log) return 0;
  return gc__log_open(&collector->heap, settings->has_cards, settings->watch, &settings->missing);
}

static int open_swap(struct gc__collector *collector, struct gc__collector_settings *settings) {
  if (!settings->swap_path) return 0;
  settings->swap_error = gc__swap_open(&collector->heap, settings->swap_path, settings->swap_bytes);
  return settings->swap_error;
}

int gc__collector_open(struct gc__collector *collector, struct gc__budget *budget,
                       struct gc__collector_settings *settings) {
  *collector = (struct gc__collector){.budget = budget,
                                      .mode = settings->mode,
                                      .nursery = {.wanted_bytes = settings->nursery_bytes},
                                      .growth_percent = settings->growth_percent,
                                      .wanted_limit_bytes = settings->limit_bytes,
                                      .processors = gc__os_processors(),
                                      .keeps_records = settings->keeps_records};
  int error = ENOMEM;
  gc__lock_open(&collector->lock, GC__RANK_COLLECTOR);
  update_limit(collector);
  if (!open_heap(collector, settings)) goto no_heap;
  error = open_log(collector, settings);
  if (error) goto no_roots;
  error = ENOMEM;
  error = open_swap(collector, settings);
  if (error) goto no_roots;
  error = ENOMEM;
  if (!gc__roots_open(&collector->roots, budget, settings->own_state, settings->buffer)) goto no_roots;
  if (!gc__crew_open(&collector->crew, &collector->heap, budget, settings->markers, settings->interior_in_heap))
    goto no_crew;
  if (!open_counts(collector, settings)) goto no_counts;
  if (settings->keeps_records &&
      !gc__region_open_most(&collector->records, budget, RECORDS_MOST * sizeof(struct gc__pause_record)))
    goto no_counts;
  error = gc__world_open(&collector->world, &collector->heap, budget, settings->stop_signal);
  if (error) goto no_world;
  update_allowance(collector);
  return 0;
no_world:
  gc__region_close(&collector->records);
no_counts:
  gc__counting_close(&collector->counting);
  gc__crew_close(&collector->crew);
no_crew:
  gc__roots_close(&collector->roots);
no_roots:
  gc__heap_close(&collector->heap);
no_heap:
  gc__lock_close(&collector->lock);
  return error;
}

void gc__collector_close(struct gc__collector *collector) {
  gc__world_close(&collector->world);
  gc__region_close(&collector->records);
  gc__counting_close(&collector->counting);
  gc__crew_close(&collector->crew);
  gc__roots_close(&collector->roots);
  gc__heap_close(&collector->heap);
  gc__lock_close(&collector->lock);
}

static void prepare_held(void *argument) {
  struct gc__collector *collector = argument;
  gc__lock_take(&collector->world.lock);
  collector->is_prepared = gc__roots_reserve(&collector->roots, &collector->world, &collector->heap);
  gc__lock_give(&collector->world.lock);
}

bool gc__collector_prepare(struct gc__collector *collector) {
  return gc__segments_hold(&collector->roots.segments, prepare_held, collector) && collector->is_prepared;
}

/* An item of a collection's lists for so many bytes, up to what a stack keeps. */
#define TOUCH_ITEM_BYTES 64u

bool gc__collector_touch(struct gc__collector *collector, size_t bytes) {
  const struct gc__roots *roots = &collector->roots;
  const struct gc__region *lists[] = {&roots->list_memory, &roots->segments.range_memory,
                                      &roots->segments.module_memory};
  size_t items = bytes / TOUCH_ITEM_BYTES < GC__STACK_KEPT ? bytes / TOUCH_ITEM_BYTES : GC__STACK_KEPT;
  if (!gc__heap_touch(&collector->heap, bytes)) return false;
  for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++)
    if (lists[i]->start) gc__os_touch(lists[i]->start, lists[i]->committed_bytes);
  gc__crew_touch(&collector->crew, items);
  if (gc__heap_has_counts(&collector->heap)) gc__counting_touch(&collector->counting, items);
  return true;
}

/* ---- A collection ---- */

static void note_pause(struct gc__collector *collector, const struct gc__collection *made) {
  if (made->is_full) collector->count_full++;
  else collector->count_minor++;
  gc__pauses_note(made->is_full ? &collector->pauses_full : &collector->pauses_minor, made->pause_ns);
  if (!collector->keeps_records ||
      !gc__region_commit(&collector->records, (collector->record_count + 1) * sizeof(struct gc__pause_record)))
    return;
  struct gc__pause_record *records = (void *)collector->records.start;
  records[collector->record_count++] = (struct gc__pause_record){made->start_ns, made->pause_ns, made->is_full};
}

/* ---- Steps of the modes ---- */

static bool is_marked(void *context, size_t granule) {
  const struct gc__collector *collector = context;
  return collector->heap.space.live[granule] == collector->crew.trace.epoch;
}

static uint64_t marked_bits(void *context, size_t granule) {
  const struct gc__collector *collector = context;
  return gc__bytes_equal(collector->heap.space.live + granule, collector->crew.trace.epoch);
}

static bool mark_word(void *context, size_t word, bool is_counted) {
  struct gc__collector *collector = context;
  (void)is_counted;
  return gc__crew_keep(&collector->crew, word);
}

static void settle_ties(struct gc__collector *collector, bool is_minor) {
  struct gc__reach reach = {.heap = &collector->heap,
                            .context = collector,
                            .is_all = !is_minor,
                            .interior_in_heap = collector->crew.trace.interior_in_heap,
                            .is_reached = is_marked,
                            .reached_bits = marked_bits,
                            .keep = mark_word};
  gc__weak_settle(&reach);
}

static void trace(struct gc__collector *collector, bool is_minor, uint8_t epoch) {
  struct gc__collection *made = &collector->last;
  made->is_full = !is_minor;
  gc__crew_trace(&collector->crew, &collector->roots, epoch, is_minor);
  settle_ties(collector, is_minor);
  made->counts = gc__crew_counts(&collector->crew);
  gc__valgrind_trust(&made->counts, sizeof made->counts);
  made->live_bytes = made->counts.marked_bytes + (is_minor ? made->live_bytes : 0);
  collector->objects_marked += made->counts.marked_objects;
  if (collector->inspect_traced) collector->inspect_traced(collector);
}

static void finish_stop(struct gc__collector *collector) {
  struct gc__collection *made = &collector->last;
  for (struct gc__thread *thread = collector->world.first; thread; thread = thread->next)
    gc__local_after_stop(&collector->heap, &thread->local);
  if (made->is_full) gc__word_set(&collector->number_full, collector->number_full + 1);
  gc__word_set(&collector->number, collector->number + 1);
  made->number = collector->number;
}

void gc__collector_trace_all(struct gc__collector *collector) {
  struct gc__heap *heap = &collector->heap;
  uint8_t epoch = gc__heap_next_epoch(heap);
  trace(collector, false, epoch);
  gc__heap_end_trace(heap, epoch);
  finish_stop(collector);
}

/* What is written is read and armed anew before the trace reads any of it. */
void gc__collector_trace_young(struct gc__collector *collector) {
  struct gc__heap *heap = &collector->heap;
  size_t pages_before = heap->log.written_pages;
  gc__roots_gather_written(&collector->roots, heap);
  collector->last.written_pages = heap->log.written_pages - pages_before;
  trace(collector, true, heap->epoch);
  gc__heap_end_minor(heap);
  finish_stop(collector);
}

/* Objects that threads were handed and have allocated, and large ones. */
static uint64_t count_allocated(const struct gc__collector *collector) {
  uint64_t count = collector->world.totals.handed_objects + gc__word_peek(&collector->heap.large_objects);
  for (const struct gc__thread *thread = collector->world.first; thread; thread = thread->next) {
    count += thread->local.handed_objects;
    for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) {
      struct gc__piece piece = gc__cursor_piece(&thread->local.cursors[i]);
      count -= (piece.limit - piece.next) / thread->local.cursors[i].cell_bytes;
    }
  }
  return count;
}

/* What is new and was not promoted died young. */
static void note_counted(struct gc__collector *collector, bool is_full, const struct gc__count_figures *before) {
  struct gc__counting *counting = &collector->counting;
  struct gc__collection *made = &collector->last;
  const struct gc__count_figures *now = &counting->figures;
  uint64_t allocated = count_allocated(collector), promoted = now->promoted_objects - before->promoted_objects;
  uint64_t fresh = allocated - counting->allocated_objects;
  counting->figures.young_objects += fresh > promoted ? fresh - promoted : 0;
  counting->allocated_objects = allocated;
  made->is_full = is_full;
  made->live_bytes = gc__word_peek(&collector->heap.counts.old_bytes);
  made->counts = (struct gc__trace_counts){promoted, now->promoted_bytes - before->promoted_bytes, now->false_words};
  made->traced_bytes = now->traced_bytes - before->traced_bytes;
  collector->objects_marked += promoted + now->marked_objects - before->marked_objects;
}

/* Where a count goes, and what a list holds, follows from what scanning found: os/valgrind.h. */
static void trust_counts(struct gc__collector *collector) {
  const struct gc__objects *dying = &collector->counting.dying;
  if (!gc__valgrind_is_there()) return;
  gc__counts_trust(&collector->heap.counts, &collector->heap.space);
  gc__valgrind_trust(&collector->heap, sizeof collector->heap);
  gc__valgrind_trust(&collector->counting, sizeof collector->counting);
  gc__valgrind_trust(dying->items, dying->count * sizeof *dying->items);
}

/* A trace comes after an epoch of the same stop, and after all that this finds dead is freed: so it finds what counting
 * cannot free, and nothing else, which is what its figures say and the pacing goes by. */
void gc__collector_count(struct gc__collector *collector, bool is_full, bool recounts) {
  struct gc__heap *heap = &collector->heap;
  struct gc__count_figures before = collector->counting.figures;
  size_t pages_before = heap->log.written_pages;
  gc__roots_gather_written(&collector->roots, heap);
  collector->last.written_pages = heap->log.written_pages - pages_before;
  collector->last.old_before_bytes = gc__word_peek(&heap->counts.old_bytes);
  gc__counting_run_epoch(&collector->counting, &collector->roots);
  if (is_full) {
    while (gc__cascade_run(&collector->counting, SIZE_MAX / 16)) continue;
    if (recounts || collector->counting.has_uncounted) gc__counting_recount(&collector->counting, &collector->roots);
    else gc__counting_trace_cycles(&collector->counting, &collector->roots);
  }
  trust_counts(collector);
  note_counted(collector, is_full, &before);
  gc__heap_end_count(heap, is_full);
  finish_stop(collector);
}

/* ---- A stop ---- */

struct stop {
  struct gc__collector *collector;
  enum gc__extent extent;
  bool is_refused; /* result: the system did not let it look into an object, or the layer could not name its roots, and
                      nothing has happened */
};

static void collect_stopped(void *argument) {
  struct stop *stop = argument;
  struct gc__collector *collector = stop->collector;
  stop->is_refused = !gc__guards_begin_stop(&collector->heap);
  if (stop->is_refused) return;
  gc__valgrind_hush();
  bool is_full = stop->extent != GC__MINOR;
  bool is_gathered = gc__roots_gather(&collector->roots, &collector->world, !is_full);
  stop->is_refused = collector->roots.is_refused;
  if (is_gathered) {
    uint64_t start_ns = gc__clock_ns();
    struct gc__thread *first = collector->world.first;
    collector->last.handed_bytes = gc__word_peek(&collector->heap.handed_since_bytes);
    collector->last.freed_bytes = gc__world_freed_bytes(&collector->world);
    collector->last.written_pages = 0;
    if (stop->extent == GC__STRIPPING) gc__strip(&collector->heap, &collector->world, &collector->roots);
    for (struct gc__thread *thread = first; thread; thread = thread->next)
      gc__local_before_stop(&collector->heap, &thread->local);
    if (collector->inspect_begun) collector->inspect_begun(collector);
    if (is_full) gc__guards_check(&collector->heap);
    collector->mode->collect(collector, is_full);
    if (stop->extent == GC__STRIPPING) gc__word_set(&collector->number_stripping, collector->number_stripping + 1);
    collector->mark_ns += gc__clock_ns() - start_ns;
  }
  if (collector->inspect_stopped) collector->inspect_stopped(collector);
  if (is_gathered && collector->inspect_ended) collector->inspect_ended(collector);
  gc__valgrind_speak();
  gc__guards_end_stop(&collector->heap);
}

/* From the stop to the restart, and what belongs to it. Collector lock held. */
static bool run_stopped(struct gc__collector *collector, enum gc__extent extent) {
  struct stop stop = {collector, extent, false};
  size_t number = collector->number;
  gc__lock_take(&collector->world.lock);
  bool is_ready = gc__roots_reserve(&collector->roots, &collector->world, &collector->heap);
  if (is_ready) {
    uint64_t before_ns = collector->last.start_ns + collector->last.pause_ns;
    collector->last.start_ns = gc__clock_ns();
    collector->last.program_ns = collector->last.start_ns - before_ns;
    uint64_t thread_ns = gc__clock_thread_ns();
    gc__world_stop(&collector->world, collect_stopped, &stop);
    collector->last.work_ns = gc__clock_thread_ns() - thread_ns;
    collector->last.pause_ns = gc__clock_ns() - collector->last.start_ns;
    if (collector->number != number) note_pause(collector, &collector->last);
  }
  gc__lock_give(&collector->world.lock);
  return is_ready && !stop.is_refused;
}

static bool collect(struct gc__collector *collector, enum gc__extent extent) {
  struct gc__thread *self = gc__self;
  size_t number = collector->number;
  bool is_ready;
  gc__world_enter(self);
  bool is_pressed = note_pressure(collector);
  if (extent == GC__MINOR && (is_pressed || collector->mode->wants_full(collector))) extent = GC__FULL;
  if (extent != GC__MINOR || gc__heap_has_counts(&collector->heap)) gc__sweep_finish(&collector->heap);
  update_limit(collector);
  do is_ready = run_stopped(collector, extent);
  while (is_ready && collector->number == number); /* roots were added meanwhile: once more, with room for them */
  if (is_ready) {
    gc__sweep_large(&collector->heap, collector->last.is_full);
    if (gc__heap_has_counts(&collector->heap) && collector->last.is_full) gc__counting_trim(&collector->counting);
    gc__swapping_settle(collector);
    relieve(collector);
    update_allowance(collector);
  }
  gc__world_leave(self);
  return is_ready;
}

struct wanted_collection {
  struct gc__collector *collector;
  enum gc__extent extent;
  size_t number;
  struct gc__collection *made;
  bool done;
};

/* Runs with the loader held. */
static void collect_held(void *argument) {
  struct wanted_collection *wanted = argument;
  struct gc__collector *collector = wanted->collector;
  gc__lock_take(&collector->lock);
  wanted->made->number = 0;
  wanted->done = gc__collector_number(collector, wanted->extent) != wanted->number;
  if (!wanted->done && collect(collector, wanted->extent)) {
    wanted->done = true;
    *wanted->made = collector->last;
  }
  gc__lock_give(&collector->lock);
}

void gc__collector_await(struct gc__collector *collector) {
  gc__lock_take(&collector->lock);
  gc__lock_give(&collector->lock);
}

/* Before the loader is held: creating a thread may need it. */
static void start_helpers(struct gc__collector *collector) {
  gc__lock_take(&collector->lock);
  gc__crew_start_helpers(&collector->crew);
  gc__lock_give(&collector->lock);
}

static void pass_loader_gate(void) {
  for (;;) {
    gc__flag_add(&threads_at_loader, 1);
    if (!gc__flag_get(&loader_gate)) return;
    gc__flag_add(&threads_at_loader, (unsigned)-1);
    gc__park_wait(&loader_gate, 1, 0);
  }
}

bool gc__collector_run(struct gc__collector *collector, enum gc__extent extent, size_t number,
                       struct gc__collection *made) {
  struct wanted_collection wanted = {collector, extent, number, made, false};
  GC__CHECK(gc__self->no_stop == 0);
  start_helpers(collector);
  pass_loader_gate();
  bool held = gc__segments_hold(&collector->roots.segments, collect_held, &wanted);
  gc__flag_add(&threads_at_loader, (unsigned)-1);
  return held && wanted.done;
}

void gc__collector_reset_counts(struct gc__collector *collector) {
  gc__lock_take(&collector->lock);
  collector->count_minor = collector->count_full = 0;
  collector->objects_marked = collector->mark_ns = 0;
  collector->heap.log.written_pages = 0;
  collector->swapping = (struct gc__swapping){.failed_ns = collector->swapping.failed_ns};
  memset(&collector->pauses_minor, 0, sizeof collector->pauses_minor);
  memset(&collector->pauses_full, 0, sizeof collector->pauses_full);
  gc__word_poke(&collector->heap.sweep.total_ns, 0);
  gc__cascade_hold(&collector->counting);
  collector->counting.figures = (struct gc__count_figures){0};
  gc__cascade_let_go(&collector->counting);
  gc__lock_give(&collector->lock);
}

/* ---- Forks ---- */

void gc__collector_before_fork(struct gc__collector *collector) {
  gc__flag_set(&loader_gate, 1);
  while (gc__flag_get(&threads_at_loader)) gc__park_wait(&threads_at_loader, gc__flag_get(&threads_at_loader), 100000);
  gc__lock_take(&collector->lock);
  gc__lock_take(&collector->world.lock);
  gc__world_close_gate(&collector->world);
  gc__os_helpers_hold();
}

static void open_gates(struct gc__collector *collector) {
  gc__world_open_gate();
  gc__lock_give(&collector->world.lock);
  gc__lock_give(&collector->lock);
  gc__flag_set(&loader_gate, 0);
  gc__park_wake_all(&loader_gate);
}

void gc__collector_after_fork_in_parent(struct gc__collector *collector) {
  gc__os_helpers_let_go();
  gc__swap_after_fork(&collector->heap.swap);
  open_gates(collector);
}

void gc__collector_after_fork_in_child(struct gc__collector *collector) {
  gc__os_helpers_let_go();
  gc__crew_after_fork(&collector->crew);
  gc__log_after_fork(&collector->heap);
  gc__swap_after_fork(&collector->heap.swap);
  gc__world_after_fork(&collector->world);
  gc__flag_set(&threads_at_loader, 0);
  open_gates(collector);
}
