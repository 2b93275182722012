/* tests/unit/heap/random.c - all of the heap at once: random allocation, freeing and traces by several threads, real
 * ones among them, with the fixture's map beside it. */
#include "../heap_fixture.h"

#include <pthread.h>

#define OBJECTS_MOST 8000u
#define LOCALS       3u

/* Each object is filled with bytes of its own, which must still be there whenever it is looked at. */
struct object {
  unsigned char *start;
  size_t bytes;
  unsigned char fill;
};

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;

struct workload {
  struct object *objects;
  size_t count, most;
  uint64_t state;
};

static size_t choose_bytes(uint64_t *state) {
  switch (unit_random_below(state, 40)) {
  case 0:
    return 8193 + unit_random_below(state, 30000);
  case 1:
    return unit_random_below(state, 8193);
  case 2:
  case 3:
    return unit_random_below(state, 1000);
  default:
    return unit_random_below(state, 100);
  }
}

static void check_contents(const struct object *object) {
  for (size_t i = 0; i < object->bytes; i += i < 32 ? 1 : 93) require(object->start[i] == object->fill);
}

static void step_take(struct workload *load, unsigned local) {
  struct object *object = &load->objects[load->count];
  size_t bytes = choose_bytes(&load->state);
  object->start = heap_fixture_take(&fixture, local, (enum gc__kind)unit_random_below(&load->state, 2), bytes);
  require(object->start != NULL);
  object->bytes = bytes;
  object->fill = (unsigned char)(1 + unit_random_below(&load->state, 255));
  memset(object->start, object->fill, bytes);
  load->count++;
}

static void step_free(struct workload *load, unsigned local) {
  size_t i = unit_random_below(&load->state, load->count);
  check_contents(&load->objects[i]);
  memset(load->objects[i].start, 0xfb, load->objects[i].bytes);
  heap_fixture_free(&fixture, local, load->objects[i].start);
  load->objects[i] = load->objects[--load->count];
}

/* Marks a random part of the objects, and forgets the rest. */
static void keep_some(struct workload *load, uint8_t epoch, size_t eighths) {
  size_t kept = 0;
  for (size_t i = 0; i < load->count; i++) {
    if (unit_random_below(&load->state, 8) >= eighths) continue;
    check_contents(&load->objects[i]);
    heap_fixture_mark(&fixture, epoch, load->objects[i].start);
    load->objects[kept++] = load->objects[i];
  }
  load->count = kept;
}

static struct workload workload_new(uint64_t seed) {
  struct workload load = {.objects = calloc(OBJECTS_MOST, sizeof(struct object)), .most = OBJECTS_MOST, .state = seed};
  ck_assert_ptr_nonnull(load.objects);
  return load;
}

static void run_random(uint64_t seed, unsigned traces) {
  struct workload load = workload_new(seed);
  heap_fixture_open(&fixture, LOCALS);
  for (unsigned trace = 0; trace < traces; trace++) {
    size_t steps = 200 + unit_random_below(&load.state, 4000), free_percent = unit_random_below(&load.state, 60);
    for (size_t step = 0; step < steps; step++) {
      unsigned local = (unsigned)unit_random_below(&load.state, LOCALS);
      bool shall_free = load.count > 0 && unit_random_below(&load.state, 100) < free_percent;
      if (shall_free) step_free(&load, local);
      else if (load.count < load.most) step_take(&load, local);
    }
    heap_fixture_verify(&fixture);
    struct gc__local *local = fixture.locals[trace % LOCALS];
    if (trace % 5 == 4) gc__local_close(heap, local); /* a thread ends, another begins */
    if (trace % 5 == 4) gc__local_open(&heap->space, local, local + 1);
    uint8_t epoch = heap_fixture_stop(&fixture);
    keep_some(&load, epoch, unit_random_below(&load.state, 8));
    heap_fixture_restart(&fixture, epoch);
    heap_fixture_verify(&fixture);
    if (trace % 3 == 0) heap_fixture_sweep(&fixture);
  }
  for (size_t i = 0; i < load.count; i++) check_contents(&load.objects[i]);
  heap_fixture_close(&fixture);
  free(load.objects);
}

START_TEST(random_operations_agree_with_a_map) {
  for (uint64_t seed = 1; seed <= unit_repetitions(3); seed++) run_random(seed, unit_repetitions(10));
}
END_TEST

START_TEST(a_short_budget_changes_nothing_else) {
  struct workload load = workload_new(77);
  heap_fixture_open(&fixture, LOCALS);
  fixture.budget.limit_bytes = (size_t)3 << 20;
  unsigned refusals = 0;
  for (unsigned step = 0; step < unit_repetitions(8000); step++) {
    unsigned local = (unsigned)unit_random_below(&load.state, LOCALS);
    size_t bytes = choose_bytes(&load.state);
    unsigned char *start = load.count < load.most ? heap_fixture_take(&fixture, local, GC__KIND_SCANNED, bytes) : NULL;
    require(fixture.budget.used_bytes <= fixture.budget.limit_bytes);
    if (start) {
      load.objects[load.count++] = (struct object){start, bytes, 9};
      memset(start, 9, bytes);
      continue;
    }
    refusals++;
    uint8_t epoch = heap_fixture_stop(&fixture);
    keep_some(&load, epoch, refusals % 8);
    heap_fixture_restart(&fixture, epoch);
    if (refusals % 8 == 0) heap_fixture_verify(&fixture);
  }
  ck_assert_uint_gt(refusals, unit_repetitions(10));
  heap_fixture_close(&fixture);
  free(load.objects);
}
END_TEST

/* ---- Real threads: between two traces they allocate and free at the same time ---- */

struct worker {
  pthread_t thread;
  struct workload load;
  unsigned local;
};

static void *work(void *argument) {
  struct worker *worker = argument;
  for (int step = 0; step < 3000; step++) {
    bool shall_free = worker->load.count > 2000 || (worker->load.count > 0 && step % 3 == 0);
    if (shall_free) step_free(&worker->load, worker->local);
    else step_take(&worker->load, worker->local);
  }
  return NULL;
}

START_TEST(threads_never_share_a_cell) {
  struct worker workers[LOCALS];
  heap_fixture_open(&fixture, LOCALS);
  for (unsigned i = 0; i < LOCALS; i++) workers[i] = (struct worker){.load = workload_new(100 + i), .local = i};
  for (unsigned round = 0; round < unit_repetitions(8); round++) {
    for (unsigned i = 0; i < LOCALS; i++)
      ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < LOCALS; i++) pthread_join(workers[i].thread, NULL);
    heap_fixture_verify(&fixture);
    uint8_t epoch = heap_fixture_stop(&fixture);
    for (unsigned i = 0; i < LOCALS; i++) keep_some(&workers[i].load, epoch, 4);
    heap_fixture_restart(&fixture, epoch);
    heap_fixture_verify(&fixture);
    struct workload first = workers[0].load; /* in the next round the threads free what others made */
    for (unsigned i = 0; i + 1 < LOCALS; i++) workers[i].load = workers[i + 1].load;
    workers[LOCALS - 1].load = first;
  }
  for (unsigned i = 0; i < LOCALS; i++) free(workers[i].load.objects);
  heap_fixture_close(&fixture);
}
END_TEST

UNIT_MAIN("heap/random", random_operations_agree_with_a_map, a_short_budget_changes_nothing_else,
          threads_never_share_a_cell)
