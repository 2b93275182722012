/* bench/shim.h - the allocation interface that every workload is written against.
 *
 * A workload is compiled once for each peer (a collector or a malloc); which one is decided by the include path, on
 * which peers/<name>/peer.h lies. The interface, all of it static inline, so that no call is added to the peer's own:
 *
 *   BENCH_PEER          the peer's name
 *   BENCH_COLLECTS      true: memory is reclaimed by tracing, and bench_free does nothing
 *   bench_alloc(n)      n bytes that may hold pointers. Collectors zero them, malloc does not: a workload sets every
 *                       field that it reads. Never NULL: a failed request ends the process with a message.
 *   bench_alloc_leaf(n) n bytes that hold no pointer
 *   bench_store(slot, value)  *slot = value, for every pointer but NULL that is stored into an object. A plain store,
 *                       unless the peer defines it: trefoil does in the programs that promise barriers
 *   bench_free(p)       called wherever a program written for malloc would free
 *   bench_thread(...)   pthread_create with what the peer needs around it
 *   bench_collect()     a full collection, where there is such a thing
 *   bench_reachable_bytes()  bytes in objects that the last collection found reachable; 0 where unknown
 *   bench_shadow_bytes()     bytes beside the heap that reference counting needs; 0 unless the peer defines it, and
 *   bench_cycles_bytes()     bytes in cycles that its traces have freed so far
 *
 * A workload calls bench_start, builds what it needs, runs its timed part between bench_time_start and
 * bench_time_stop, verifies its result and ends with bench_finish, which prints the one line that the harness reads.
 */
#ifndef BENCH_SHIM_H
#define BENCH_SHIM_H

#include "measure.h"
#include "peer.h"

#ifndef bench_shadow_bytes
#define bench_shadow_bytes() 0
#define bench_cycles_bytes() 0
#endif

#ifndef bench_store
#define bench_store(slot, value) ((void)(*(slot) = (value)))
#endif

static inline void bench_start(const char *workload, int argc, char **argv) {
  bench_parameters_set(argc, argv);
  bench_report.workload = workload;
  bench_report.peer = BENCH_PEER;
  bench_peer_init(&bench_report);
}

/* Counts and pauses of the report start here, too; a workload may start anew, and the last start counts. */
static inline void bench_time_start(void) {
  bench_parameters_check();
  bench_pauses_reset();
  bench_peer_counters(&bench_report.before);
  bench_clock_start();
}

static inline void bench_time_stop(void) {
  bench_clock_stop();
}

/* What the collector did since bench_time_start. */
static inline struct bench_counters bench_counters_since_start(void) {
  struct bench_counters now;
  bench_peer_counters(&now);
  return bench_counters_difference(&now, &bench_report.before);
}

/* allocations: how many objects the timed part asked for. Result: the exit status of the process. */
static inline int bench_finish_to(FILE *out, uint64_t allocations) {
  bench_report.allocations = allocations;
  bench_report.total = bench_counters_since_start();
  return bench_report_write(out) ? 0 : 1;
}

static inline int bench_finish(uint64_t allocations) {
  return bench_finish_to(stdout, allocations);
}

#endif
