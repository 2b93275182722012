/* bench/measure.c - the peer-independent half of the workloads: see measure.h.
 *
 * The report is one line of JSON on standard output:
 *   {"workload":S,"peer":S,"version":S,"mode":S,"markers":N,"parameters":{S:N},"start_ns":N,
 *    "wall_ns":N,"cpu_ns":N,"allocations":N,"minor_collections":N,"full_collections":N,"heap_bytes":N,"live_bytes":N,
 *    "figures":{S:X},
 *    "pauses":[[kind,start_ns,length_ns],...]}
 * mode is "" for a peer that has none. start_ns is when the timed part began, by CLOCK_MONOTONIC. The pauses are those
 * since then, with kind 0 (minor) or 1 (full) and the start counted from there; none where the peer writes them itself.
 */
#include "measure.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct bench_report bench_report = {.workload = "workload", .peer = "unknown"};

void bench_fail(const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "%s: ", bench_report.workload);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  _exit(1);
}

struct bench_counters bench_counters_difference(const struct bench_counters *now, const struct bench_counters *before) {
  return (struct bench_counters){.minor_collections = now->minor_collections - before->minor_collections,
                                 .full_collections = now->full_collections - before->full_collections,
                                 .mark_ns = now->mark_ns - before->mark_ns,
                                 .objects_marked = now->objects_marked - before->objects_marked,
                                 .heap_bytes = now->heap_bytes};
}

/* ---- Parameters --------------------------------------------------------------------------------------------- */

enum { PARAMETERS_MAX = 16 };
static struct {
  const char *name;
  uint64_t value;
} used_parameters[PARAMETERS_MAX];
static unsigned used_parameter_count;
static int argument_count;
static char **arguments_given;

void bench_parameters_set(int argc, char **argv) {
  argument_count = argc;
  arguments_given = argv;
}

static uint64_t parse_number(const char *argument, const char *text) {
  char *end;
  uint64_t value = strtoull(text, &end, 10);
  const char *suffix = strchr("KMG", *end);
  if (end == text || suffix == NULL || (*end != '\0' && end[1] != '\0')) bench_fail("'%s' is no number", argument);
  return *end == '\0' ? value : value << (10 * (suffix - "KMG" + 1));
}

static bool argument_has_name(const char *argument, const char *name) {
  size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && argument[length] == '=';
}

uint64_t bench_parameter(const char *name, uint64_t fallback) {
  uint64_t value = fallback;
  for (int i = 1; i < argument_count; i++)
    if (argument_has_name(arguments_given[i], name))
      value = parse_number(arguments_given[i], arguments_given[i] + strlen(name) + 1);
  if (used_parameter_count == PARAMETERS_MAX) bench_fail("has more than %d parameters", PARAMETERS_MAX);
  used_parameters[used_parameter_count].name = name;
  used_parameters[used_parameter_count++].value = value;
  return value;
}

void bench_parameters_check(void) {
  for (int i = 1; i < argument_count; i++) {
    unsigned p = 0;
    while (p < used_parameter_count && !argument_has_name(arguments_given[i], used_parameters[p].name)) p++;
    if (p == used_parameter_count) bench_fail("has no parameter '%s'", arguments_given[i]);
  }
}

/* ---- Clock -------------------------------------------------------------------------------------------------- */

static uint64_t start_ns, start_cpu_ns, elapsed_ns, elapsed_cpu_ns;

static uint64_t read_clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_now_ns(void) {
  return read_clock_ns(CLOCK_MONOTONIC);
}

void bench_clock_start(void) {
  start_cpu_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  start_ns = bench_now_ns();
}

/* A build with -DBENCH_SLOWDOWN_PERCENT=10 takes that much longer for every timed part: for trying out --compare. */
#ifndef BENCH_SLOWDOWN_PERCENT
#define BENCH_SLOWDOWN_PERCENT 0
#endif

static void be_slower(void) {
  uint64_t cpu_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_ns;
  uint64_t until_ns = start_cpu_ns + cpu_ns + cpu_ns * BENCH_SLOWDOWN_PERCENT / 100;
  while (read_clock_ns(CLOCK_PROCESS_CPUTIME_ID) < until_ns) continue;
}

void bench_clock_stop(void) {
  if (BENCH_SLOWDOWN_PERCENT != 0) be_slower();
  elapsed_ns = bench_now_ns() - start_ns;
  elapsed_cpu_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_ns;
}

uint64_t bench_elapsed_ns(void) {
  return elapsed_ns;
}

/* ---- Pauses ------------------------------------------------------------------------------------------------- */

struct pause_record {
  uint64_t start_ns;
  uint64_t length_ns_and_kind; /* the kind is the lowest bit */
};

/* Reserved at the first reset and touched only as far as used: 128 MiB of addresses, no memory to speak of. */
enum { PAUSES_MAX = 8 << 20 };
static struct pause_record *pauses;
static _Atomic size_t pause_count;

void bench_pauses_reset(void) {
  if (pauses == NULL) {
    void *mapping = mmap(NULL, PAUSES_MAX * sizeof *pauses, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) bench_fail("no address space to record pauses");
    pauses = mapping;
  }
  atomic_store(&pause_count, 0);
}

void bench_pause(enum bench_pause_kind kind, uint64_t pause_start_ns, uint64_t length_ns) {
  if (pauses == NULL) return;
  size_t index = atomic_fetch_add(&pause_count, 1);
  if (index < PAUSES_MAX) pauses[index] = (struct pause_record){pause_start_ns, length_ns << 1 | (uint64_t)kind};
}

size_t bench_pauses_count(void) {
  size_t count = atomic_load(&pause_count);
  return count < PAUSES_MAX ? count : PAUSES_MAX;
}

uint64_t bench_pause_length_ns(size_t index) {
  return pauses[index].length_ns_and_kind >> 1;
}

/* ---- Report ------------------------------------------------------------------------------------------------- */

enum { FIGURES_MAX = 24 };
static struct {
  const char *name;
  double value;
} figures[FIGURES_MAX];
static unsigned figure_count;

void bench_figure(const char *name, double value) {
  if (figure_count == FIGURES_MAX) bench_fail("has more than %d figures", FIGURES_MAX);
  figures[figure_count].name = name;
  figures[figure_count++].value = value;
}

static void write_pauses(FILE *out) {
  for (size_t i = 0; i < bench_pauses_count(); i++) {
    /* A collection that was under way when the clock started began before it: counted from the clock's start. */
    uint64_t from_ns = pauses[i].start_ns > start_ns ? pauses[i].start_ns - start_ns : 0;
    fprintf(out, "%s[%u,%" PRIu64 ",%" PRIu64 "]", i == 0 ? "" : ",", (unsigned)(pauses[i].length_ns_and_kind & 1),
            from_ns, bench_pause_length_ns(i));
  }
}

static void write_parameters(FILE *out) {
  for (unsigned i = 0; i < used_parameter_count; i++)
    fprintf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", used_parameters[i].name, used_parameters[i].value);
}

static void write_figures(FILE *out) {
  for (unsigned i = 0; i < figure_count; i++)
    fprintf(out, "%s\"%s\":%.17g", i == 0 ? "" : ",", figures[i].name, figures[i].value);
}

bool bench_report_write(FILE *out) {
  const struct bench_report *report = &bench_report;
  fprintf(out, "{\"workload\":\"%s\",\"peer\":\"%s\",\"version\":\"%s\",\"mode\":\"%s\",\"markers\":%u",
          report->workload, report->peer, report->version, report->mode == NULL ? "" : report->mode, report->markers);
  fprintf(out, ",\"parameters\":{");
  write_parameters(out);
  fprintf(out, "},\"start_ns\":%" PRIu64 ",\"wall_ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"allocations\":%" PRIu64,
          start_ns, elapsed_ns, elapsed_cpu_ns, report->allocations);
  fprintf(out,
          ",\"minor_collections\":%" PRIu64 ",\"full_collections\":%" PRIu64 ",\"heap_bytes\":%" PRIu64
          ",\"live_bytes\":%" PRIu64,
          report->total.minor_collections, report->total.full_collections, report->total.heap_bytes,
          report->live_bytes);
  fprintf(out, ",\"figures\":{");
  write_figures(out);
  fprintf(out, "},\"pauses\":[");
  write_pauses(out);
  fprintf(out, "]}\n");
  return fflush(out) == 0 && !ferror(out);
}

/* A file of /proc, as far as there is room. */
static void read_own(const char *path, char *text, size_t room) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) bench_fail("cannot read %s", path);
  ssize_t length = read(file, text, room - 1);
  close(file);
  text[length < 0 ? 0 : length] = '\0';
}

uint64_t bench_resident_bytes(void) {
  char text[128];
  unsigned long resident_pages = 0;
  read_own("/proc/self/statm", text, sizeof text);
  if (sscanf(text, "%*u %lu", &resident_pages) != 1) bench_fail("/proc/self/statm has no second number");
  return (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t bench_peak_bytes(void) {
  char text[4096];
  unsigned long kib = 0;
  read_own("/proc/self/status", text, sizeof text);
  const char *line = strstr(text, "VmHWM:");
  if (line == NULL || sscanf(line, "VmHWM: %lu", &kib) != 1) bench_fail("/proc/self/status has no peak");
  return (uint64_t)kib * 1024;
}
