/* tests/api/roots.c - where a pointer keeps an object without any call: data of the program and of libraries, also those
 * opened later, thread-local variables, deep and foreign stacks; and the ranges and objects that are roots by a call.
 *
 * The path of the test module is the first argument of the program.
 */
#include "support.h"
#include <dlfcn.h>
#include <semaphore.h>
#include <sys/mman.h>

static const char *module_path;

static NOT_INLINED void churn(void) { /* would take the memory of what was reclaimed by mistake */
  for (unsigned i = 0; i < repetitions(20000); i++) {
    void **object = gc_alloc(sizeof(struct probe));
    *object = object;
    if (i % 500 == 0) pattern_fill(gc_alloc_leaf(BALLAST_BYTES), 4096, i + 1000);
  }
}

static NOT_INLINED void set_all(struct probe **const places[], unsigned count) {
  STAY_DEEP();
  for (unsigned i = 0; i < count; i++) *places[i] = probe_new(i);
}

static NOT_INLINED void check_all(struct probe *const *const probes[], unsigned count) {
  for (int round = 0; round < 2; round++) {
    collect();
    churn();
    for (unsigned i = 0; i < count; i++) probe_check(*probes[i], i);
  }
}

/* ---- Data of the program ---- */

static struct probe *zeroed_data, *initialised_data = (struct probe *)1;
struct probe *global_data;
static struct {
  char padding[5];
  struct probe *probe;
} in_struct;
static struct probe *array[100000];
static _Thread_local struct probe *thread_zeroed, *thread_initialised = (struct probe *)1;

START_TEST(static_data) {
  static struct probe *local_static;
  struct probe **const places[] = {&zeroed_data,     &initialised_data, &global_data,
                                   &in_struct.probe, &array[0],         &array[99999],
                                   &local_static,    &thread_zeroed,    &thread_initialised};
  enum { COUNT = sizeof places / sizeof places[0] };
  uint64_t before = collect();
  set_all(places, COUNT);
  check_all((struct probe *const *const *)places, COUNT);
  for (unsigned i = 0; i < COUNT; i++) *places[i] = NULL;
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}
END_TEST

/* ---- Thread-local data ---- */

struct holder_thread {
  pthread_t thread;
  sem_t ready, go;
  struct probe ***places; /* malloc memory; the addresses of thread-local variables */
  void *handle;
};

static void *hold_thread_local(void *argument) {
  struct holder_thread *self = argument;
  void **(*thread_local_of)(int) = NULL;
  if (self->handle) *(void **)&thread_local_of = dlsym(self->handle, "module_thread_local");
  self->places[0] = &thread_zeroed;
  self->places[1] = &thread_initialised;
  for (int i = 0; i < 3; i++)
    self->places[2 + i] = thread_local_of ? (struct probe **)thread_local_of(i) : &thread_zeroed;
  unsigned count = thread_local_of ? 5 : 2;
  for (unsigned i = 0; i < count; i++) *self->places[i] = probe_new(i);
  stack_clear();
  sem_post(&self->ready);
  sem_wait(&self->go);
  for (unsigned i = 0; i < count; i++) probe_check(*self->places[i], i);
  for (unsigned i = 0; i < count; i++) *self->places[i] = NULL;
  return NULL;
}

static void run_holders(void *handle) {
  struct holder_thread holders[3];
  for (int i = 0; i < 3; i++) {
    holders[i].handle = handle;
    holders[i].places = calloc(5, sizeof *holders[i].places);
    sem_init(&holders[i].ready, 0, 0);
    sem_init(&holders[i].go, 0, 0);
    ck_assert_int_eq(pthread_create(&holders[i].thread, NULL, hold_thread_local, &holders[i]), 0);
    sem_wait(&holders[i].ready);
  }
  collect();
  churn();
  collect();
  for (int i = 0; i < 3; i++) {
    sem_post(&holders[i].go);
    pthread_join(holders[i].thread, NULL);
    free(holders[i].places);
  }
}

START_TEST(thread_local_data_of_other_threads) { run_holders(NULL); }
END_TEST

/* ---- Libraries opened later ---- */

static void *open_module(void) {
  void *handle = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) ck_abort_msg("%s", dlerror());
  return handle;
}

static NOT_INLINED void use_module(void *handle, bool with_thread_local) {
  void **(*thread_local_of)(int);
  *(void **)&thread_local_of = dlsym(handle, "module_thread_local");
  struct probe **places[5] = {dlsym(handle, "module_data"), dlsym(handle, "module_zeroed")};
  unsigned count = 2;
  for (int i = 0; i < 3 && with_thread_local; i++) places[count++] = (struct probe **)thread_local_of(i);
  set_all(places, count);
  check_all((struct probe *const *const *)places, count);
}

START_TEST(library_opened_before_the_collector_starts) {
  void *handle = open_module();
  use_module(handle, true);
  dlclose(handle);
}
END_TEST

START_TEST(library_opened_after_the_collector_starts) {
  collect();
  void *handle = open_module();
  use_module(handle, true);
  dlclose(handle);
}
END_TEST

START_TEST(thread_local_data_of_opened_library) {
  collect();
  void *handle = open_module();
  run_holders(handle);
  dlclose(handle);
}
END_TEST

START_TEST(closed_library_holds_nothing) {
  uint64_t before = collect();
  for (unsigned i = 0; i < 10; i++) {
    void *handle = open_module();
    use_module(handle, i % 2);
    ck_assert_int_eq(dlclose(handle), 0);
    if (dlopen(module_path, RTLD_NOW | RTLD_NOLOAD)) SKIP_TEST("the C library does not unload the module");
  }
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}
END_TEST

static atomic_bool stop_opening;

static void *open_and_close(void *variable) {
  while (!atomic_load(&stop_opening)) {
    void *handle = open_module();
    struct probe **data = dlsym(handle, variable);
    *data = probe_new(4);
    probe_check(*data, 4);
    dlclose(handle);
  }
  return NULL;
}

START_TEST(libraries_come_and_go_during_collections) {
  if (LIBRARY_UNDER_TSAN) SKIP_TEST("an instrumented library does not hold the loader");
  pthread_t threads[2];
  static char names[2][20] = {"module_data", "module_zeroed"};
  for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, names[i]), 0);
  for (unsigned i = 0; i < repetitions(300); i++) gc_collect(GC_COLLECT_FULL);
  atomic_store(&stop_opening, true);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}
END_TEST

/* ---- Stacks ---- */

static NOT_INLINED void recurse(unsigned depth) {
  void *volatile held = gc_memdup(&depth, sizeof depth);
  volatile char room[5000];
  room[0] = room[sizeof room - 1] = 1;
  if (depth > 0)
    recurse(depth - 1);
  else
    churn(), collect(), churn();
  require(*(unsigned *)held == depth);
  require(room[0] == 1);
}

START_TEST(deep_stacks_are_scanned_whole) { recurse(1000); }
END_TEST

static void *recurse_in_thread(void *argument) {
  recurse((unsigned)(uintptr_t)argument);
  return NULL;
}

START_TEST(stacks_of_threads_by_attribute) {
  enum { BYTES = 2 << 20, SMALL_BYTES = UNDER_TSAN ? 1 << 20 : 1 << 19 }; /* the tool keeps data of its own on it */
  pthread_attr_t own, small;
  void *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_attr_init(&own);
  ck_assert_int_eq(pthread_attr_setstack(&own, memory, BYTES), 0);
  pthread_attr_init(&small);
  ck_assert_int_eq(pthread_attr_setstacksize(&small, SMALL_BYTES), 0);
  for (int i = 0; i < 4; i++) {
    pthread_t thread;
    void *depth = (void *)(uintptr_t)(i % 2 ? 200 : 30);
    ck_assert_int_eq(pthread_create(&thread, i % 2 ? &own : &small, recurse_in_thread, depth), 0);
    pthread_join(thread, NULL);
  }
  munmap(memory, BYTES);
}
END_TEST

/* ---- Added ranges ---- */

START_TEST(added_ranges_are_roots_until_removed) {
  uint64_t before = collect();
  struct probe **table = calloc(1000, sizeof *table);
  ck_assert_int_eq(gc_roots_add(table, 1000 * sizeof *table), 0);
  struct probe **places[12];
  for (int i = 0; i < 11; i++) places[i] = &table[i * 90];
  places[11] = &table[999];
  set_all(places, 12);
  check_all((struct probe *const *const *)places, 12);
  ck_assert_int_eq(gc_roots_remove(table), 0);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
  ck_assert_int_eq(gc_roots_remove(table), ENOENT);
  ck_assert_int_eq(errno, ENOENT);
  free(table);
}
END_TEST

START_TEST(wrong_ranges_are_refused) {
  char *memory = malloc(1000);
  ck_assert_int_eq(gc_roots_add(NULL, 8), EINVAL);
  ck_assert_int_eq(errno, EINVAL);
  ck_assert_int_eq(gc_roots_add(memory, 0), EINVAL);
  ck_assert_int_eq(gc_roots_add(memory, SIZE_MAX), EINVAL);
  ck_assert_int_eq(gc_roots_add(memory + 200, 400), 0);
  ck_assert_int_eq(gc_roots_add(memory + 200, 400), EEXIST);
  ck_assert_int_eq(gc_roots_add(memory, 201), EEXIST);
  ck_assert_int_eq(gc_roots_add(memory + 599, 8), EEXIST);
  ck_assert_int_eq(gc_roots_add(memory + 300, 8), EEXIST);
  ck_assert_int_eq(gc_roots_add(memory, 1000), EEXIST);
  ck_assert_int_eq(errno, EEXIST);
  ck_assert_int_eq(gc_roots_add(memory, 200), 0); /* touching is not overlapping */
  ck_assert_int_eq(gc_roots_add(memory + 600, 400), 0);
  ck_assert_int_eq(gc_roots_remove(memory + 300), ENOENT);
  ck_assert_int_eq(gc_roots_remove(NULL), ENOENT);
  ck_assert_int_eq(gc_roots_remove(memory + 200), 0);
  ck_assert_int_eq(gc_roots_add(memory + 201, 398), 0);
  gc_collect(GC_COLLECT_FULL); /* a start that is not aligned does no harm */
  ck_assert_int_eq(gc_roots_remove(memory), 0);
  ck_assert_int_eq(gc_roots_remove(memory + 201), 0);
  ck_assert_int_eq(gc_roots_remove(memory + 600), 0);
  free(memory);
}
END_TEST

START_TEST(many_ranges) {
  enum { COUNT = 3000 };
  static struct probe **ranges[COUNT];
  for (unsigned i = 0; i < COUNT; i++) {
    ranges[i] = calloc(3, sizeof(void *));
    ck_assert_int_eq(gc_roots_add(ranges[i], 3 * sizeof(void *)), 0);
    ranges[i][i % 3] = gc_memdup(&(struct probe){NULL, i}, sizeof(struct probe));
  }
  collect();
  churn();
  for (unsigned i = 0; i < COUNT; i++) require(ranges[i][i % 3]->tag == i);
  for (unsigned i = 0; i < COUNT; i += 2) require(gc_roots_remove(ranges[i]) == 0);
  collect();
  churn();
  for (unsigned i = 1; i < COUNT; i += 2) require(ranges[i][i % 3]->tag == i);
}
END_TEST

START_TEST(range_is_not_read_after_it_was_removed) {
  for (unsigned i = 0; i < 50; i++) {
    void **memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_int_eq(gc_roots_add(memory, 65536), 0);
    memory[100] = probe_new(i);
    gc_collect(GC_COLLECT_FULL);
    probe_check(memory[100], i);
    ck_assert_int_eq(gc_roots_remove(memory), 0);
    munmap(memory, 65536);
    gc_collect(GC_COLLECT_FULL);
  }
}
END_TEST

static NOT_INLINED void fill(struct probe **where, unsigned count) {
  STAY_DEEP();
  for (unsigned i = 0; i < count; i++) where[i] = probe_new(i);
}

START_TEST(malloc_memory_is_no_root) {
  uint64_t before = collect();
  struct probe **table = malloc(10 * sizeof *table);
  fill(table, 10);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
  free(table);
}
END_TEST

/* ---- Root objects ---- */

static NOT_INLINED struct hidden root_with_probe(size_t bytes, uint64_t tag) {
  STAY_DEEP();
  struct probe **root = gc_alloc_root(bytes);
  root[bytes / sizeof *root - 1] = probe_new(tag);
  return hide(root);
}

/* Not inlined: an unrolled loop leaves its pointers in the caller's frame. */
static NOT_INLINED void check_root(struct hidden hidden, size_t bytes, uint64_t tag) {
  probe_check(((struct probe **)reveal(hidden))[bytes / sizeof(void *) - 1], tag);
}

static NOT_INLINED void free_root(struct hidden hidden) { gc_free(reveal(hidden)); }

START_TEST(root_objects_live_until_they_are_freed) {
  enum { COUNT = 12 };
  static const size_t bytes[] = {16, 100, 5000, 200000};
  struct hidden roots[COUNT];
  uint64_t before = collect();
  for (unsigned i = 0; i < COUNT; i++) roots[i] = root_with_probe(bytes[i % 4], i);
  for (int round = 0; round < 3; round++) {
    collect();
    churn();
    for (unsigned i = 0; i < COUNT; i++) check_root(roots[i], bytes[i % 4], i);
  }
  for (unsigned i = 0; i < COUNT; i++) free_root(roots[i]);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}
END_TEST

int main(int count, char **arguments) {
  module_path = count > 1 ? arguments[1] : "./module.so";
  TCase *tests = suite_begin("roots");
  tcase_add_test(tests, static_data);
  tcase_add_test(tests, thread_local_data_of_other_threads);
  tcase_add_test(tests, library_opened_before_the_collector_starts);
  tcase_add_test(tests, library_opened_after_the_collector_starts);
  tcase_add_test(tests, thread_local_data_of_opened_library);
  tcase_add_test(tests, closed_library_holds_nothing);
  tcase_add_test(tests, libraries_come_and_go_during_collections);
  tcase_add_test(tests, deep_stacks_are_scanned_whole);
  tcase_add_test(tests, stacks_of_threads_by_attribute);
  tcase_add_test(tests, added_ranges_are_roots_until_removed);
  tcase_add_test(tests, wrong_ranges_are_refused);
  tcase_add_test(tests, many_ranges);
  tcase_add_test(tests, range_is_not_read_after_it_was_removed);
  tcase_add_test(tests, malloc_memory_is_no_root);
  tcase_add_test(tests, root_objects_live_until_they_are_freed);
  return suite_end();
}
