/* static_heap: a program whose whole heap is 1 MiB of its own static data, as in a device without an operating system's
 * memory to ask for. It remembers the last readings of some sensors, by name, and makes reports of them that live for a
 * moment; after 200,000 readings it has allocated some hundred times what there is. Run it in each mode:
 *
 *     TREFOIL_MODE=mark-sweep ./static_heap
 *
 * The library keeps its tables in the same memory, creates no thread, and asks the system for nothing after gc_init. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trefoil/gc.h>
#include <trefoil/stats.h>

enum { HEAP_BYTES = 1 << 20, SENSORS = 40, KEPT = 50, READINGS = 200000 };

static char heap[HEAP_BYTES]; /* .bss: no root, though it is static data */

struct reading {
  struct reading *before;
  int number, value;
};

struct sensor {
  char *name;
  struct reading *last; /* a list of which KEPT are kept */
};

static struct sensor *sensors[SENSORS];

static void *must(void *object) {
  if (object) return object;
  fputs("static_heap: the heap is full\n", stderr);
  exit(EXIT_FAILURE);
}

static void note(struct sensor *sensor, int number, int value) {
  struct reading *reading = must(gc_new(struct reading)), *old = reading;
  *reading = (struct reading){sensor->last, number, value};
  sensor->last = reading;
  for (int kept = 1; old->before && kept < KEPT; kept++) old = old->before;
  old->before = NULL; /* what is older is the collector's business */
}

static char *report(const struct sensor *sensor) {
  int count = 0;
  long sum = 0;
  for (const struct reading *reading = sensor->last; reading; reading = reading->before, count++) sum += reading->value;
  return must(gc_asprintf("%s: %d readings, mean %ld", sensor->name, count, count ? sum / count : 0));
}

/* Fills what is left, to show that a full heap is an answer and not the end. */
static int fill_up(void) {
  struct reading *list = NULL;
  int count = 0;
  for (struct reading *next; (next = gc_alloc(1000)) != NULL; list = next, count++) next->before = list;
  for (struct reading *next; list; list = next) { /* apart, so that one stale word on the stack cannot keep them all */
    next = list->before;
    list->before = NULL;
  }
  return count;
}

int main(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.buffer = heap;
  options.buffer_bytes = sizeof heap;
  if (gc_init(&options) != 0) return EXIT_FAILURE;

  size_t report_bytes = 0;
  for (int i = 0; i < SENSORS; i++) {
    sensors[i] = must(gc_new(struct sensor));
    sensors[i]->name = must(gc_asprintf("sensor %d", i));
  }
  for (int number = 0; number < READINGS; number++) {
    struct sensor *sensor = sensors[number * 7 % SENSORS];
    note(sensor, number, number % 1000);
    report_bytes += strlen(report(sensor));
  }
  printf("%s; %zu bytes of reports were made\n", report(sensors[3]), report_bytes);
  int filled = fill_up();
  printf("then it took %s objects of 1000 bytes to fill the heap, and it goes on: %s\n",
         filled > 200 ? "more than 200" : "few", report(sensors[5]));

  struct gc_stats stats;
  gc_collect(GC_COLLECT_FULL);
  gc_stats(&stats);
  printf("mode %s: %llu KiB were allocated in a heap of %llu, %llu KiB of which are live\n", gc_mode_name(stats.mode),
         (unsigned long long)stats.allocated_bytes >> 10, (unsigned long long)stats.heap_bytes >> 10,
         (unsigned long long)stats.live_bytes >> 10);
  return gc_shutdown() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
