/* dump.c - gc_dump: the figures of gc_stats and the heap by size class, as a page for people. */
#include "runtime.h"
#include "tools/dump.h"

#include <inttypes.h>

static void print_pauses(FILE *out, const char *name, const struct gc_pauses *p) {
  fprintf(out, "  %s: %" PRIu64 " pauses, p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max %.3f ms, sum %.3f ms\n", name,
          p->count, (double)p->p50_ns / 1e6, (double)p->p99_ns / 1e6, (double)p->p999_ns / 1e6, (double)p->max_ns / 1e6,
          (double)p->total_ns / 1e6);
}

void gc_dump(FILE *out) {
  struct gc_stats stats;
  struct gc__collector *collector = &gc__runtime.collector;
  const double mib = 1024 * 1024;
  if (!out) out = stderr;
  if (!gc__attach()) return;
  gc_stats(&stats);
  fprintf(out, "trefoil %s, %s, %u threads, %u markers\n", gc_version(), gc_mode_name(stats.mode), stats.threads,
          stats.markers);
  fprintf(out, "  committed %.2f MiB of at most %.2f MiB; live after the last collection %.2f MiB\n",
          (double)stats.heap_bytes / mib, (double)stats.limit_bytes / mib, (double)stats.live_bytes / mib);
  fprintf(out, "  allocated %.2f MiB in %" PRIu64 " objects; fragmentation %u %%; blacklisted %" PRIu64 " bytes\n",
          (double)stats.allocated_bytes / mib, stats.allocated_objects, stats.fragmentation_percent,
          stats.blacklisted_bytes);
  print_pauses(out, "full collections", &stats.pauses_full);
  gc__lock_take(&collector->lock);
  gc__dump_heap(out, &collector->heap);
  gc__lock_give(&collector->lock);
}
