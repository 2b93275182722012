/* bench/measure.h - what the workloads share beside allocation: parameters, the clock, pauses, random numbers, the
 * report.
 *
 * Nothing here allocates, so that a peer's heap holds the workload's objects only: the pauses lie in a mapping of
 * their own, which no collector scans. bench_pause may be called from any thread, also while the world is stopped;
 * everything else belongs to the main thread.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Ends the process with status 1 and one line on standard error that starts with the workload's name. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a peer counts from its start on; 0 where it does not know. */
struct bench_counters {
  uint64_t minor_collections, full_collections;
  uint64_t mark_ns, objects_marked;
  uint64_t heap_bytes; /* of the moment, not counted */
};

struct bench_counters bench_counters_difference(const struct bench_counters *now, const struct bench_counters *before);

struct bench_report {
  const char *workload, *peer, *mode;
  char version[64];
  unsigned markers; /* 0: the peer does not mark */
  uint64_t allocations;
  uint64_t live_bytes; /* the most that a collection found reachable; 0: the peer was not asked, or does not tell */
  struct bench_counters before, total;
};
extern struct bench_report bench_report;

/* Parameters are arguments of the form name=value; values are whole numbers with an optional suffix K, M or G. Each
 * parameter that is used becomes part of the report. bench_parameters_check fails on an argument that nobody asked
 * for: a benchmark with a mistyped parameter would measure something else. */
void bench_parameters_set(int argc, char **argv);
uint64_t bench_parameter(const char *name, uint64_t fallback);
void bench_parameters_check(void);

uint64_t bench_now_ns(void);
void bench_clock_start(void);
void bench_clock_stop(void);
uint64_t bench_elapsed_ns(void); /* of the timed part */

enum bench_pause_kind { BENCH_PAUSE_MINOR, BENCH_PAUSE_FULL };
void bench_pauses_reset(void);
void bench_pause(enum bench_pause_kind kind, uint64_t start_ns, uint64_t length_ns);
size_t bench_pauses_count(void);
uint64_t bench_pause_length_ns(size_t index);

/* One more number for the report; the unit is part of the name. */
void bench_figure(const char *name, double value);

bool bench_report_write(FILE *out); /* false: it could not be written */

uint64_t bench_resident_bytes(void); /* memory of the process at this moment */
uint64_t bench_peak_bytes(void);     /* the most that it was so far */

/* xorshift64*: the same sequence for each peer. Never seeded with 0. */
struct bench_random {
  uint64_t state;
};

static inline uint64_t bench_random_next(struct bench_random *random) {
  random->state ^= random->state >> 12;
  random->state ^= random->state << 25;
  random->state ^= random->state >> 27;
  return random->state * 0x2545f4914f6cdd1dull;
}

/* Evenly from 0 to limit - 1, by a multiplication of the high half. */
static inline uint32_t bench_random_below(struct bench_random *random, uint32_t limit) {
  return (uint32_t)((bench_random_next(random) >> 32) * limit >> 32);
}

#endif
