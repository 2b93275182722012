/* bench/observe.c - preloaded into a program that runs, as it is, on bdwgc's libgc.so.1: notes its collections and
 * pauses, and writes at exit the report of a workload (see measure.c) to the file that BENCH_REPORT names.
 *
 * The library is the program's own: every name of it is weak, so that a program without it, as a shell that starts
 * another one, is left alone. The callback may be set before the collector has started; a program that sets its own
 * takes it away, and is then seen without pauses. A forked child writes nothing.
 */
#include "shim.h"

#include <stdlib.h>
#include <unistd.h>

#pragma weak GC_get_gc_no
#pragma weak GC_get_heap_size
#pragma weak GC_get_parallel
#pragma weak GC_get_version
#pragma weak GC_set_on_collection_event

static pid_t observed;

static void write_report(void) {
  const char *path = getenv("BENCH_REPORT");
  if (getpid() != observed || path == NULL) return;
  bench_time_stop();
  bench_peer_describe(&bench_report);
  FILE *file = fopen(path, "w");
  if (file == NULL) return;
  bench_finish_to(file, 0);
  fclose(file);
}

__attribute__((constructor)) static void observe(void) {
  if (GC_set_on_collection_event == NULL) return;
  observed = getpid();
  bench_report.workload = "program";
  bench_report.peer = BENCH_PEER;
  GC_set_on_collection_event(bench_note_event);
  bench_time_start();
  atexit(write_report);
}
