/* tests/model/main.c - runs the model test: random operations from a seed, in one thread or in several, or choices that
 * were recorded. A failure prints what is wrong and aborts; run again with the seed that was printed to see it again
 * (with several threads the order of operations, and so the failure, may differ).
 */
#include "model.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trefoil/gc.h>
#include <trefoil/stats.h>
#include <trefoil/weak.h>

static const char usage[] =
    "usage: model [--seed N] [--operations N] [--threads N] [--barriers] [--swap] [--digest] [--buffer N]\n"
    "             [--record FILE | --replay FILE]\n"
    "  --seed N        of the random generator; 0 takes one from the clock (default 1)\n"
    "  --operations N  for each thread (default 20000)\n"
    "  --threads N     up to 16 (default 1)\n"
    "  --barriers      ask for GC_TRACK_BARRIER, and announce every store\n"
    "  --swap          move what is cold to a file after every other collection; a larger heap, so that something is\n"
    "  --buffer N      the heap in a buffer of that many bytes; contents are limited to a part of it\n"
    "  --digest        print a number that stands for all contents that were reachable (one thread)\n"
    "  --record FILE   write the choices down; --replay FILE: take them from there, or from a fuzzer's input\n";

struct settings {
  uint64_t seed, operations;
  unsigned threads;
  size_t buffer_bytes;
  const char *record, *replay;
};

static struct world_limits limits = {4000, 8u << 20};
static const struct world_limits swap_limits = {20000, 64u << 20};

static uint64_t parse_number(const char *text) {
  char *end;
  uint64_t number = strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0') {
    fprintf(stderr, "model: %s is not a number\n%s", text, usage);
    exit(2);
  }
  return number;
}

static struct settings parse(int count, char **arguments) {
  struct settings settings = {1, 20000, 1, 0, NULL, NULL};
  for (int i = 1; i < count; i += 2) {
    if (strcmp(arguments[i], "--barriers") == 0) {
      model_announces = true;
      i--;
      continue;
    }
    if (strcmp(arguments[i], "--swap") == 0) {
      model_swaps = true;
      i--;
      continue;
    }
    if (strcmp(arguments[i], "--digest") == 0) {
      model_digests = true;
      i--;
      continue;
    }
    const char *name = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
    if (strcmp(name, "--seed") == 0) settings.seed = parse_number(value);
    else if (strcmp(name, "--operations") == 0) settings.operations = parse_number(value);
    else if (strcmp(name, "--threads") == 0) settings.threads = (unsigned)parse_number(value);
    else if (strcmp(name, "--buffer") == 0) settings.buffer_bytes = parse_number(value);
    else if (strcmp(name, "--record") == 0) settings.record = value;
    else if (strcmp(name, "--replay") == 0) settings.replay = value;
    else {
      fputs(usage, stderr);
      exit(2);
    }
  }
  if (settings.threads < 1 || settings.threads > WORLD_LIMIT) {
    fputs(usage, stderr);
    exit(2);
  }
  if (settings.seed == 0) settings.seed = (uint64_t)time(NULL);
  return settings;
}

static uint8_t *read_file(const char *path, size_t *byte_count) {
  FILE *file = fopen(path, "rb");
  uint8_t *bytes = malloc(1u << 24);
  if (!file || !bytes) {
    perror(path);
    exit(2);
  }
  *byte_count = fread(bytes, 1, 1u << 24, file);
  fclose(file);
  return bytes;
}

struct run {
  int number;
  bool is_alone;
  struct chooser chooser;
  uint64_t operations;
};

static void *run_world(void *argument) {
  struct run *run = argument;
  struct world world;
  world_start(&world, run->number, run->chooser, model_swaps ? swap_limits : limits, run->is_alone);
  world_run(&world, run->operations);
  if (model_digests) printf("model: digest %016llx\n", (unsigned long long)world.digest);
  world_end(&world);
  return NULL;
}

static void run_threads(const struct settings *settings) {
  pthread_t threads[WORLD_LIMIT];
  struct run runs[WORLD_LIMIT];
  for (unsigned i = 0; i < settings->threads; i++) {
    runs[i] = (struct run){(int)i, false, {.state = settings->seed + i * 1000003u}, settings->operations};
    int error = i % 2 ? gc_thread_create(&threads[i], NULL, run_world, &runs[i])
                      : pthread_create(&threads[i], NULL, run_world, &runs[i]);
    if (error) {
      fprintf(stderr, "model: no thread: %s\n", strerror(error));
      exit(2);
    }
  }
  for (unsigned i = 0; i < settings->threads; i++) pthread_join(threads[i], NULL);
}

static void run_alone(const struct settings *settings) {
  struct run run = {0, true, {.state = settings->seed}, settings->operations};
  uint8_t *bytes = NULL;
  if (settings->replay) {
    bytes = read_file(settings->replay, &run.chooser.byte_count);
    run.chooser.bytes = bytes;
    run.operations = UINT64_MAX;
  } else if (settings->record) {
    run.chooser.record = fopen(settings->record, "wb");
    if (!run.chooser.record) {
      perror(settings->record);
      exit(2);
    }
  }
  run_world(&run);
  if (run.chooser.record && fclose(run.chooser.record) != 0) {
    perror(settings->record);
    exit(2);
  }
  free(bytes);
}

/* What a world holds is a tenth of the buffer, so that there is always room for it: worlds share it with their garbage,
 * and a mode that counts has a shadow in it. */
static void use_buffer(struct gc_options *options, const struct settings *settings) {
  options->buffer = malloc(settings->buffer_bytes);
  options->buffer_bytes = settings->buffer_bytes;
  if (!options->buffer) {
    perror("model: a buffer");
    exit(2);
  }
  memset(options->buffer, 0xa5, settings->buffer_bytes);
  limits.bytes = settings->buffer_bytes / settings->threads / 10;
  limits.entries = (int)(limits.bytes / 1024) < limits.entries ? (int)(limits.bytes / 1024) : limits.entries;
}

static void start_collector(const struct settings *settings) {
  struct gc_options options = GC_OPTIONS_INIT;
  model_has_buffer = settings->buffer_bytes != 0;
  if (model_has_buffer) use_buffer(&options, settings);
  if (model_announces) options.tracking = GC_TRACK_BARRIER;
  options.finalize = GC_FINALIZE_MANUAL;
  if (model_swaps) options.swap_path = ".";
  int error = gc_init(&options);
  if (!error) return;
  fprintf(stderr, "model: gc_init: %s\n", strerror(error));
  exit(2);
}

int main(int argument_count, char **arguments) {
  struct settings settings = parse(argument_count, arguments);
  printf("model: seed %llu, %llu operations, threads %u\n", (unsigned long long)settings.seed,
         (unsigned long long)settings.operations, settings.threads);
  fflush(stdout);
  start_collector(&settings);
  uint64_t before_bytes = live_bytes_after_collections();
  if (settings.threads > 1) run_threads(&settings);
  else run_alone(&settings);
  mailbox_clear();
  for (int round = 0; round < GONE_WITHIN; round++) {
    live_bytes_after_collections();
    gc_finalizers_run();
  }
  uint64_t after_bytes = live_bytes_after_collections();
  struct gc_stats stats;
  gc_stats(&stats);
  printf("model: %llu collections, %llu bytes live at the end\n",
         (unsigned long long)(stats.collections_full + stats.collections_minor), (unsigned long long)after_bytes);
  if (model_swaps) {
    printf("model: %llu bytes went to the file\n", (unsigned long long)stats.swapped_out_bytes);
    if (!stats.swapped_out_bytes) {
      fprintf(stderr, "model: nothing was cold\n");
      return EXIT_FAILURE;
    }
  }
  if (after_bytes > before_bytes + limits.bytes / 16) {
    fprintf(stderr, "model: garbage stays after the end: %llu bytes are live, %llu were before\n",
            (unsigned long long)after_bytes, (unsigned long long)before_bytes);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
