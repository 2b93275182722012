/* dump.c - gc_dump: the figures of gc_stats and the heap by size class, as a page for people. */
#include "runtime.h"
#include "tools/dump.h"

#include <inttypes.h>

static double ms_of(uint64_t ns) {
  return (double)ns / 1e6;
}

static double mib_of(uint64_t bytes) {
  return (double)bytes / (1024 * 1024);
}

static void print_pauses(FILE *out, const char *name, const struct gc_pauses *p) {
  if (p->count)
    fprintf(out, "  %-8s %9" PRIu64 " %10.3f %10.3f %10.3f %10.3f %12.3f\n", name, p->count, ms_of(p->p50_ns),
            ms_of(p->p99_ns), ms_of(p->p999_ns), ms_of(p->max_ns), ms_of(p->total_ns));
}

static void print_memory(FILE *out, const struct gc_stats *stats) {
  fprintf(out, "  in use %.2f MiB of at most %.2f MiB; live after the last collection %.2f MiB\n",
          mib_of(stats->heap_bytes), mib_of(stats->limit_bytes), mib_of(stats->live_bytes));
  if (stats->shadow_bytes)
    fprintf(out, "  of these the shadow of what is counted: %.2f MiB\n", mib_of(stats->shadow_bytes));
  if (stats->swapped_out_bytes)
    fprintf(out, "  in the swap file %.2f MiB; moved there in all %.2f MiB in %" PRIu64 " stops of up to %.3f ms\n",
            mib_of(stats->swapped_bytes), mib_of(stats->swapped_out_bytes), stats->swap_stops,
            ms_of(stats->swap_stop_max_ns));
  fprintf(out, "  allocated so far %.2f MiB in %" PRIu64 " objects; freed by hand %.2f MiB\n",
          mib_of(stats->allocated_bytes), stats->allocated_objects, mib_of(stats->freed_bytes));
  if (stats->blacklisted_bytes)
    fprintf(out, "  not handed out because a word points there: %" PRIu64 " bytes\n", stats->blacklisted_bytes);
}

void gc_dump(FILE *out) {
  struct gc_stats stats;
  struct gc__collector *collector = &gc__runtime.collector;
  if (!out) out = stderr;
  if (!gc__attach()) return;
  gc_stats(&stats);
  fprintf(out, "trefoil %s, %s, tracking %s, threads: %u, markers: %u\n", gc_version(), gc_mode_name(stats.mode),
          gc__tracking_name(stats.tracking), stats.threads, stats.markers);
  print_memory(out, &stats);
  fprintf(out, "  %-8s %9s %10s %10s %10s %10s %12s\n", "pauses", "count", "p50 ms", "p99 ms", "p99.9 ms", "longest ms",
          "all ms");
  print_pauses(out, stats.mode == GC_REFCOUNT ? "epochs" : "minor", &stats.pauses_minor);
  print_pauses(out, "full", &stats.pauses_full);
  gc__lock_take(&collector->lock);
  gc__dump_heap(out, &collector->heap);
  gc__lock_give(&collector->lock);
}
