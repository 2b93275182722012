/* statistics.c - figures: gc_stats, the log line of a collection, the statistics file at exit. */
#include "runtime.h"
#include "os/report.h"
#include "os/tsan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct gc_pauses summarize(const struct gc__pauses *pauses) {
  return (struct gc_pauses){.count = pauses->count,
                            .total_ns = pauses->total_ns,
                            .max_ns = pauses->max_ns,
                            .p50_ns = gc__pauses_percentile(pauses, 500),
                            .p99_ns = gc__pauses_percentile(pauses, 990),
                            .p999_ns = gc__pauses_percentile(pauses, 999)};
}

static void summarize_pauses(struct gc_stats *out, const struct gc__collector *collector) {
  struct gc__pauses all = collector->pauses_minor;
  gc__pauses_add(&all, &collector->pauses_full);
  out->pauses = summarize(&all);
  out->pauses_minor = summarize(&collector->pauses_minor);
  out->pauses_full = summarize(&collector->pauses_full);
}

/* What threads were handed and have not allocated yet is subtracted: those cells are still free. */
static void add_threads(struct gc_stats *out, const struct gc__world *world) {
  out->allocated_bytes += world->totals.handed_bytes;
  out->allocated_objects += world->totals.handed_objects;
  out->freed_bytes += gc__world_freed_bytes(world);
  for (const struct gc__thread *thread = world->first; thread; thread = thread->next) {
    const struct gc__local *local = &thread->local;
    out->allocated_bytes += gc__word_peek(&local->handed_bytes);
    out->allocated_objects += gc__word_peek(&local->handed_objects);
    for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) {
      struct gc__piece piece = gc__cursor_piece(&local->cursors[i]);
      size_t pending = piece.limit - piece.next;
      out->allocated_bytes -= pending;
      out->allocated_objects -= pending / local->cursors[i].cell_bytes;
    }
  }
}

/* Free cells and granules that are kept from use because a root word points there. */
static uint64_t count_blacklisted(const struct gc__heap *heap) {
  uint64_t bytes = 0;
  for (size_t block = 0; block < gc__block_count(&heap->space); block++) {
    if (heap->space.blocks[block].black_epoch != heap->black_epoch) continue;
    unsigned granules = gc__entry_at(&heap->space, block).shape & GC__SHAPE_GRANULES;
    size_t first = gc__block_granule(&heap->space, block);
    for (size_t i = first; i < first + gc__block_granules(&heap->space); i++)
      if (gc__byte_peek(&heap->space.live[i]) == gc__live_black(heap->black_epoch))
        bytes += (granules ? granules : 1) * GC__GRANULE_BYTES;
  }
  return bytes;
}

static void add_heap(struct gc_stats *out, const struct gc__collector *collector) {
  const struct gc__heap *heap = &collector->heap;
  size_t table_bytes = gc__space_table_bytes(&heap->space);
  size_t dirty_bytes = heap->pages.dirty_free_pages * GC__PAGE_BYTES;
  size_t object_bytes = out->heap_bytes > table_bytes + dirty_bytes ? out->heap_bytes - table_bytes - dirty_bytes : 0;
  out->free_bytes = heap->sweep.free_cell_bytes;
  if (object_bytes) out->fragmentation_percent = (unsigned)(out->free_bytes * 100 / object_bytes);
  if (out->fragmentation_percent > 100) out->fragmentation_percent = 100;
  out->allocated_bytes = gc__word_peek(&heap->large_bytes);
  out->allocated_objects = gc__word_peek(&heap->large_objects);
  out->sweep_ns = gc__word_peek(&heap->sweep.total_ns);
  if (out->false_words) out->blacklisted_bytes = count_blacklisted(heap);
}

/* What the cascade changes is read between two of its steps: it waits for nobody, and runs for microseconds. */
static void add_counting(struct gc_stats *out, struct gc__collector *collector) {
  struct gc__counting *counting = &collector->counting;
  if (!gc__heap_has_counts(&collector->heap)) return;
  gc__cascade_hold(counting);
  const struct gc__count_figures *figures = &counting->figures;
  out->live_bytes = gc__word_peek(&collector->heap.counts.old_bytes);
  out->shadow_bytes = gc__word_peek(&collector->heap.counts.shadow.taken_bytes);
  out->cycles_reclaimed_bytes = figures->traced_bytes;
  out->counted_objects = figures->counted_objects;
  out->counted_bytes = figures->counted_bytes;
  out->traced_objects = figures->traced_objects;
  out->young_objects = figures->young_objects;
  out->stuck_objects = counting->stuck_objects;
  out->increments = figures->increments;
  out->decrements = figures->decrements;
  gc__cascade_let_go(counting);
}

/* A collection holds both locks: the figures belong together.
 *
 * [figures.locked] Inside gc_locked a thread must not wait for them: whoever stops the world takes both, and waits for
 * the end of that section. Once it has asked this thread to stop it only waits, and until the section ends nothing
 * changes under either lock, so that the figures may be read without them. Result: whether they were taken. */
static bool lock_figures(struct gc__collector *collector) {
  const struct gc__thread *self = gc__self;
  if (!self->no_stop) {
    gc__lock_take(&collector->lock);
    gc__lock_take(&collector->world.lock);
    return true;
  }
  while (!self->is_asked) {
    if (gc__lock_try(&collector->lock)) {
      if (gc__lock_try(&collector->world.lock)) return true;
      gc__lock_give(&collector->lock);
    }
    sched_yield();
  }
  gc__tsan_acquire(&collector->world.totals);
  return false;
}

static void unlock_figures(struct gc__collector *collector, bool was_locked) {
  if (!was_locked) return;
  gc__lock_give(&collector->world.lock);
  gc__lock_give(&collector->lock);
}

/* Everything, counted from the start. */
static void read_figures(struct gc_stats *out) {
  const struct gc__runtime *runtime = &gc__runtime;
  struct gc__collector *collector = &gc__runtime.collector;
  bool is_locked = lock_figures(collector);
  out->mode = runtime->settings.options.mode;
  out->tracking = gc__tracking_of(&collector->heap);
  out->heap_bytes = gc__word_peek(&runtime->budget.used_bytes);
  out->limit_bytes = gc__word_peek(&runtime->budget.limit_bytes);
  out->live_bytes = collector->last.live_bytes;
  out->collections_minor = collector->count_minor;
  out->collections_full = collector->count_full;
  out->tracked_pages_written = collector->heap.log.written_pages;
  summarize_pauses(out, collector);
  out->mark_ns = collector->mark_ns;
  out->objects_marked = collector->objects_marked;
  out->false_words = collector->last.counts.false_words;
  out->threads = (unsigned)collector->world.thread_count - gc__finalizers_own_threads();
  out->finalizers_pending = gc__word_get(&collector->heap.ties.queued_count);
  out->markers = collector->crew.wanted_count;
  out->swapped_bytes = gc__word_peek(&collector->heap.swap.away_bytes);
  out->swapped_out_bytes = collector->swapping.moved_bytes;
  out->swap_stops = collector->swapping.stops;
  out->swap_stop_max_ns = collector->swapping.stop_most_ns;
  add_counting(out, collector);
  gc__lock_take(&collector->heap.lock);
  add_heap(out, collector);
  gc__lock_give(&collector->heap.lock);
  add_threads(out, &collector->world);
  unlock_figures(collector, is_locked);
}

void gc_stats(struct gc_stats *out) {
  const struct gc__world_totals *before = &gc__runtime.totals_at_reset;
  memset(out, 0, sizeof *out);
  if (!gc__attach()) return;
  read_figures(out);
  out->allocated_bytes -= before->handed_bytes;
  out->allocated_objects -= before->handed_objects;
  out->freed_bytes -= before->freed_bytes;
}

size_t gc__statistics_freed_since(void) {
  struct gc__collector *collector = &gc__runtime.collector;
  bool is_locked = lock_figures(collector);
  size_t bytes = gc__world_freed_bytes(&collector->world) - collector->last.freed_bytes;
  unlock_figures(collector, is_locked);
  return bytes;
}

void gc_stats_reset(void) {
  struct gc_stats now = {0};
  if (!gc__attach()) return;
  gc__collector_reset_counts(&gc__runtime.collector);
  read_figures(&now);
  gc__runtime.totals_at_reset = (struct gc__world_totals){now.allocated_bytes, now.allocated_objects, now.freed_bytes};
}

/* ---- Log line ---- */

struct log_sizes {
  double committed_mib, next_mib;
};

static double log_mib(size_t bytes) {
  return (double)bytes / (1024 * 1024);
}

static void log_full(const struct gc__collection *made, const struct log_sizes *sizes) {
  gc__report(
      "collection %zu: full, pause %.3f ms, live %.2f MiB in %zu objects, committed %.2f MiB, next after %.2f MiB",
      made->number, (double)made->pause_ns / 1e6, log_mib(made->live_bytes), made->counts.marked_objects,
      sizes->committed_mib, sizes->next_mib);
}

static void log_trace(const struct gc__collection *made, const struct log_sizes *sizes) {
  gc__report("collection %zu: full (%s), pause %.3f ms, live %.2f MiB, %.2f MiB of cycles freed, committed %.2f MiB, "
             "next after %.2f MiB",
             made->number, made->reason, (double)made->pause_ns / 1e6, log_mib(made->live_bytes),
             log_mib(made->traced_bytes), sizes->committed_mib, sizes->next_mib);
}

/* A minor collection or an epoch. */
static void log_young(const struct gc__collection *made, const struct log_sizes *sizes, const char *name) {
  gc__report("collection %zu: %s, pause %.3f ms, %.2f of %.2f MiB survived in %zu objects, %zu pages written (%s), old "
             "%.2f MiB, committed %.2f MiB, next after %.2f MiB",
             made->number, name, (double)made->pause_ns / 1e6, log_mib(made->counts.marked_bytes),
             log_mib(made->handed_bytes), made->counts.marked_objects, made->written_pages,
             gc__tracking_name(gc__tracking_of(&gc__runtime.collector.heap)), log_mib(made->live_bytes),
             sizes->committed_mib, sizes->next_mib);
}

void gc__log_collection(const struct gc__collection *made) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  bool has_counts = gc__heap_has_counts(heap);
  struct log_sizes sizes = {log_mib(gc__word_peek(&gc__runtime.budget.used_bytes)),
                            log_mib(gc__word_peek(&heap->allowance_bytes))};
  if (!made->is_full) log_young(made, &sizes, has_counts ? "epoch" : "minor");
  else if (has_counts) log_trace(made, &sizes);
  else log_full(made, &sizes);
}

/* ---- Statistics file ---- */

/* A file that is written through a buffer on the stack: streams of the C library allocate. */
struct sheet {
  int file;
  bool has_failed;
  size_t length;
  char text[4096];
};

static void flush_sheet(struct sheet *sheet) {
  for (size_t done = 0; done < sheet->length && !sheet->has_failed;) {
    ssize_t n = write(sheet->file, sheet->text + done, sheet->length - done);
    sheet->has_failed = n < 0 && errno != EINTR;
    if (n > 0) done += (size_t)n;
  }
  sheet->length = 0;
}

/* One call prints less than half of the buffer. */
__attribute__((format(printf, 2, 3))) static void print(struct sheet *sheet, const char *format, ...) {
  va_list arguments;
  if (sheet->length > sizeof sheet->text / 2) flush_sheet(sheet);
  va_start(arguments, format);
  int more = vsnprintf(sheet->text + sheet->length, sizeof sheet->text - sheet->length, format, arguments);
  va_end(arguments);
  if (more > 0) sheet->length += (size_t)more;
}

static void write_pauses(struct sheet *sheet, const char *name, const struct gc_pauses *p) {
  print(sheet,
        "  \"%s\": {\"count\": %" PRIu64 ", \"total_ns\": %" PRIu64 ", \"max_ns\": %" PRIu64 ", \"p50_ns\": %" PRIu64
        ", \"p99_ns\": %" PRIu64 ", \"p999_ns\": %" PRIu64 "},\n",
        name, p->count, p->total_ns, p->max_ns, p->p50_ns, p->p99_ns, p->p999_ns);
}

static void write_figures(struct sheet *sheet, const struct gc_stats *s) {
  const struct {
    const char *name;
    uint64_t value;
  } figures[] = {
      {"heap_bytes", s->heap_bytes},
      {"live_bytes", s->live_bytes},
      {"limit_bytes", s->limit_bytes},
      {"free_bytes", s->free_bytes},
      {"shadow_bytes", s->shadow_bytes},
      {"allocated_bytes", s->allocated_bytes},
      {"allocated_objects", s->allocated_objects},
      {"freed_bytes", s->freed_bytes},
      {"collections_minor", s->collections_minor},
      {"collections_full", s->collections_full},
      {"mark_ns", s->mark_ns},
      {"sweep_ns", s->sweep_ns},
      {"objects_marked", s->objects_marked},
      {"tracked_pages_written", s->tracked_pages_written},
      {"fragmentation_percent", s->fragmentation_percent},
      {"threads", s->threads},
      {"markers", s->markers},
      {"false_words", s->false_words},
      {"blacklisted_bytes", s->blacklisted_bytes},
      {"finalizers_pending", s->finalizers_pending},
      {"cycles_reclaimed_bytes", s->cycles_reclaimed_bytes},
      {"counted_objects", s->counted_objects},
      {"counted_bytes", s->counted_bytes},
      {"traced_objects", s->traced_objects},
      {"young_objects", s->young_objects},
      {"stuck_objects", s->stuck_objects},
      {"increments", s->increments},
      {"decrements", s->decrements},
      {"swapped_bytes", s->swapped_bytes},
      {"swapped_out_bytes", s->swapped_out_bytes},
      {"swap_stops", s->swap_stops},
      {"swap_stop_max_ns", s->swap_stop_max_ns},
  };
  for (unsigned i = 0; i < sizeof figures / sizeof figures[0]; i++)
    print(sheet, "  \"%s\": %" PRIu64 ",\n", figures[i].name, figures[i].value);
}

static void write_records(struct sheet *sheet, const struct gc__collector *collector) {
  const struct gc__pause_record *records = (const void *)collector->records.start;
  print(sheet, "  \"pause_list\": [");
  for (size_t i = 0; i < collector->record_count; i++)
    print(sheet, "%s\n    {\"start_ns\": %" PRIu64 ", \"length_ns\": %" PRIu64 ", \"kind\": \"%s\"}", i ? "," : "",
          records[i].start_ns, records[i].length_ns, records[i].is_full ? "full" : "minor");
  print(sheet, "%s]\n", collector->record_count ? "\n  " : "");
}

static void write_everything(struct sheet *sheet) {
  struct gc_stats stats;
  gc_stats(&stats);
  print(sheet, "{\n  \"format\": 1,\n  \"version\": \"%s\",\n  \"mode\": \"%s\",\n  \"tracking\": \"%s\",\n",
        gc_version(), gc_mode_name(stats.mode), gc__tracking_name(stats.tracking));
  write_figures(sheet, &stats);
  write_pauses(sheet, "pauses", &stats.pauses);
  write_pauses(sheet, "pauses_minor", &stats.pauses_minor);
  write_pauses(sheet, "pauses_full", &stats.pauses_full);
  write_records(sheet, &gc__runtime.collector);
  print(sheet, "}\n");
  flush_sheet(sheet);
}

/* One object, written by the process that started the library, not by its forked children. */
void gc__statistics_write(void) {
  const char *path = gc__runtime.settings.statistics_path;
  if (!path || gc__runtime.process_id != gc__os_process_id()) return;
  struct sheet sheet = {.file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (sheet.file >= 0) {
    write_everything(&sheet);
    sheet.has_failed |= close(sheet.file) != 0;
  }
  if (sheet.file < 0 || sheet.has_failed) gc__report("TREFOIL_STATS=%s: cannot be written", path);
}
