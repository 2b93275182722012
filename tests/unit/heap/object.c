/* tests/unit/heap/object.c - which object an address belongs to, freeing by hand, and freeing the same one at once. */
#include "../heap_fixture.h"

#include <pthread.h>

static struct heap_fixture fixture;
static struct gc__heap *const heap = &fixture.heap;

static bool try_free(unsigned local, const void *address) {
  return gc__object_free(heap, fixture.locals[local], address);
}

START_TEST(every_byte_leads_to_its_object) {
  static const size_t sizes[] = {0, 1, 16, 17, 100, 1000, 8192, 8193, 70000};
  heap_fixture_open(&fixture, 1);
  for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++)
    for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
      char *object = heap_fixture_take(&fixture, 0, (enum gc__kind)kind, sizes[i]);
      struct gc__place place = gc__object_find(heap, object);
      require(place.kind == kind && place.is_large == (sizes[i] > GC__SMALL_MAX_BYTES) && place.bytes >= sizes[i]);
      for (size_t at = 0; at < place.bytes; at += at < 64 ? 1 : 61) {
        struct gc__place same = gc__object_find(heap, object + at);
        require(same.granule == place.granule && same.bytes == place.bytes && same.kind == place.kind);
      }
    }
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(other_addresses_lead_nowhere) {
  int local;
  heap_fixture_open(&fixture, 1);
  char *object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 48);
  const char *base = (const char *)heap->space.base;
  const void *addresses[] = {NULL,
                             &local,
                             base - 1,
                             base + heap->space.span_bytes,
                             base + heap->space.reserved_bytes,
                             (void *)UINTPTR_MAX,
                             object + 48,
                             (void *)(uintptr_t)unit_run};
  for (unsigned i = 0; i < COUNT_OF(addresses); i++) {
    require(!heap_fixture_resolves(&fixture, addresses[i]));
    require(!try_free(0, addresses[i]));
  }
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(only_the_start_of_an_object_can_be_freed) {
  static const size_t sizes[] = {16, 48, 1000, 100000};
  heap_fixture_open(&fixture, 1);
  for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
    char *object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, sizes[i]);
    size_t bytes = gc__object_find(heap, object).bytes;
    for (size_t at = 1; at < bytes; at += at < 32 ? 1 : 997) require(!try_free(0, object + at));
    require(heap_fixture_resolves(&fixture, object));
    heap_fixture_free(&fixture, 0, object);
    require(!heap_fixture_resolves(&fixture, object) && !heap_fixture_resolves(&fixture, object + bytes - 1));
    require(!try_free(0, object)); /* a second time */
  }
  heap_fixture_verify(&fixture);
  heap_fixture_close(&fixture);
}
END_TEST

/* Young or old, in a block that bears the stamp or not: until the cell has a new tenant, it is known as free. */
static void check_double_free(size_t bytes, bool is_old, bool is_stamped) {
  heap_fixture_open(&fixture, 2);
  char *object = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
  char *other = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, bytes);
  if (!is_stamped) gc__local_close(heap, fixture.locals[0]);
  if (is_old) heap_fixture_trace(&fixture, (void *[]){object, other}, 2);
  heap_fixture_free(&fixture, 1, object);
  for (int i = 0; i < 4; i++) {
    require(!try_free(0, object) && !try_free(1, object));
    require(!heap_fixture_resolves(&fixture, object));
    heap_fixture_verify(&fixture);
    heap_fixture_trace(&fixture, (void *[]){other}, 1);
    if (i == 2) heap_fixture_sweep(&fixture);
  }
  heap_fixture_close(&fixture);
}

START_TEST(a_double_free_is_noticed) {
  static const size_t sizes[] = {16, 96, 8192, 20000};
  for (unsigned i = 0; i < COUNT_OF(sizes); i++)
    for (unsigned how = 0; how < 4; how++) check_double_free(sizes[i], how & 1, how & 2);
}
END_TEST

START_TEST(what_a_trace_left_behind_cannot_be_freed) {
  heap_fixture_open(&fixture, 1);
  void *objects[] = {heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 16),
                     heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 500),
                     heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 9000)};
  heap_fixture_trace(&fixture, objects, 3);
  heap_fixture_trace(&fixture, NULL, 0);
  for (unsigned i = 0; i < 3; i++) require(!try_free(0, objects[i]) && !heap_fixture_resolves(&fixture, objects[i]));
  heap_fixture_sweep(&fixture);
  for (unsigned i = 0; i < 3; i++) require(!try_free(0, objects[i]) && !heap_fixture_resolves(&fixture, objects[i]));
  heap_fixture_close(&fixture);
}
END_TEST

START_TEST(freed_bytes_are_counted) {
  heap_fixture_open(&fixture, 2);
  void *small = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, 100),
       *large = heap_fixture_take(&fixture, 0, 0, 50000);
  size_t handed = heap->handed_since_bytes + fixture.locals[0]->unreported_bytes;
  heap_fixture_free(&fixture, 1, small);
  heap_fixture_free(&fixture, 1, large);
  ck_assert_uint_eq(fixture.locals[1]->freed_bytes, 112 + 13 * 4096);
  ck_assert_uint_eq(fixture.locals[0]->freed_bytes, 0);
  ck_assert_uint_eq(heap->handed_since_bytes + fixture.locals[0]->unreported_bytes +
                        fixture.locals[1]->unreported_bytes,
                    handed - 112 - 13 * 4096);
  heap_fixture_close(&fixture);
}
END_TEST

/* Young ones and old ones, by a thread that keeps none of them: their blocks are looked at again before others are
 * made. */
START_TEST(freed_cells_are_found_again) {
  static void *objects[4096];
  for (int is_old = 0; is_old < 2; is_old++) {
    heap_fixture_open(&fixture, 3);
    for (unsigned i = 0; i < COUNT_OF(objects); i++) objects[i] = heap_fixture_take(&fixture, 0, GC__KIND_LEAF, 512);
    gc__local_close(heap, fixture.locals[0]);
    if (is_old) heap_fixture_trace(&fixture, objects, COUNT_OF(objects));
    heap_fixture_sweep(&fixture);
    size_t free_pages = heap->pages.free_pages;
    for (unsigned i = 0; i < COUNT_OF(objects); i += 2) heap_fixture_free(&fixture, 1, objects[i]);
    heap_fixture_verify(&fixture);
    for (unsigned i = 0; i < COUNT_OF(objects) / 2 * 3 / 4; i++) heap_fixture_take(&fixture, 2, GC__KIND_LEAF, 512);
    ck_assert_uint_eq(heap->pages.free_pages, free_pages);
    heap_fixture_verify(&fixture);
    heap_fixture_close(&fixture);
  }
}
END_TEST

/* A large object's pages become cells and cells' pages a large object, whatever was live there before. */
START_TEST(freed_memory_forgets_what_it_was) {
  static const size_t sizes[] = {32, 48, 80, 112, 1000, 3000};
  heap_fixture_open(&fixture, 1);
  for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
    void *objects[60];
    for (unsigned j = 0; j < COUNT_OF(objects); j++)
      objects[j] = heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, (3 + j % 2) * GC__PAGE_BYTES);
    heap_fixture_trace(&fixture, objects, COUNT_OF(objects));
    for (unsigned j = 0; j < COUNT_OF(objects); j++) heap_fixture_free(&fixture, 0, objects[j]);
    heap_fixture_verify(&fixture);
    for (unsigned j = 0; j < 20000000 / (sizes[i] + 1000); j++)
      require(heap_fixture_take(&fixture, 0, GC__KIND_SCANNED, sizes[i]) != NULL);
    heap_fixture_verify(&fixture);
    heap_fixture_trace(&fixture, NULL, 0);
    heap_fixture_sweep(&fixture);
    heap_fixture_verify(&fixture);
  }
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Races ---- */

#define RACED 20000u

static void *raced[RACED];
static volatile size_t successes;
static pthread_barrier_t barrier;

static void *free_all(void *argument) {
  size_t count = 0;
  pthread_barrier_wait(&barrier);
  for (unsigned i = 0; i < RACED; i++) count += gc__object_free(heap, argument, raced[i]);
  gc__word_add(&successes, count);
  return NULL;
}

/* Of several threads that free the same object at once, exactly one does. */
static void check_race(size_t bytes, bool is_old) {
  pthread_t threads[3];
  heap_fixture_open(&fixture, 4);
  for (unsigned i = 0; i < RACED; i++) raced[i] = heap_fixture_take(&fixture, 3, GC__KIND_LEAF, bytes);
  if (is_old) heap_fixture_trace(&fixture, raced, RACED);
  successes = 0;
  pthread_barrier_init(&barrier, NULL, 3);
  for (unsigned i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, free_all, fixture.locals[i]), 0);
  for (unsigned i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_eq(successes, RACED);
  for (unsigned i = 0; i < RACED; i++) require(!heap_fixture_resolves(&fixture, raced[i]));
  pthread_barrier_destroy(&barrier);
  heap_fixture_close(&fixture);
}

START_TEST(one_of_several_threads_frees_an_object) {
  check_race(16, false);
  check_race(16, true);
  check_race(800, true);
}
END_TEST

UNIT_MAIN("heap/object", every_byte_leads_to_its_object, other_addresses_lead_nowhere,
          only_the_start_of_an_object_can_be_freed, a_double_free_is_noticed, what_a_trace_left_behind_cannot_be_freed,
          freed_bytes_are_counted, freed_cells_are_found_again, freed_memory_forgets_what_it_was,
          one_of_several_threads_frees_an_object)
