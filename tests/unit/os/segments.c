/* tests/unit/os/segments.c - writable data of the program, and of a library while it is open. */
#include "../unit.h"
#include "os/segments.h"

#include <dlfcn.h>
#include <sched.h>

#define LIMIT_BYTES ((size_t)64 << 20)

static size_t program_data[100] = {1, 2, 3};
static size_t program_bss[100000];
static const size_t program_constants[100] = {1, 2, 3};

static struct gc__budget budget = {.limit_bytes = LIMIT_BYTES};
static struct gc__segments segments;
static unsigned calls;

static bool has(const void *address, size_t bytes) {
  const struct gc__range *ranges = gc__segments_ranges(&segments);
  for (size_t i = 0; i < segments.range_count; i++)
    if (ranges[i].start <= (uintptr_t)address && (uintptr_t)address + bytes <= ranges[i].end) return true;
  return false;
}

static void count_call(void *argument) {
  ck_assert_ptr_eq(argument, &calls);
  calls++;
}

static void refresh(void) {
  unsigned before = calls;
  ck_assert(gc__segments_hold(&segments, count_call, &calls));
  ck_assert_uint_eq(calls, before + 1);
}

/* Also what sanitizers put between variables is part of the segment. */
__attribute__((no_sanitize("address"))) static void read_throughout(struct gc__range range) {
  for (const volatile char *byte = (const char *)range.start; byte < (const char *)range.end; byte += 4096) (void)*byte;
}

START_TEST(data_of_the_program_is_found) {
  int local;
  ck_assert(gc__segments_open(&segments, &budget));
  refresh();
  ck_assert(has(program_data, sizeof program_data));
  ck_assert(has(program_bss, sizeof program_bss));
  ck_assert(has(stdout, 1) || has(&stdout, sizeof stdout)); /* the C library's */
  ck_assert(!has(program_constants, sizeof program_constants));
  ck_assert(!has(&local, sizeof local));
  ck_assert(!has((void *)(uintptr_t)count_call, 1)); /* code */
  const struct gc__range *ranges = gc__segments_ranges(&segments);
  for (size_t i = 0; i < segments.range_count; i++) {
    ck_assert_uint_lt(ranges[i].start, ranges[i].end);
    for (size_t j = 0; j < i; j++) require(ranges[i].end <= ranges[j].start || ranges[j].end <= ranges[i].start);
    read_throughout(ranges[i]);
  }
  gc__segments_close(&segments);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

struct module {
  void *handle;
  size_t *data, *bss, *local;
};

static size_t *call_module(void *handle, const char *name) {
  union {
    void *object;
    size_t *(*function)(void);
  } address = {.object = dlsym(handle, name)};
  ck_assert_ptr_nonnull(address.object);
  return address.function();
}

static struct module open_module(void) {
  struct module module = {.handle = dlopen(getenv("TREFOIL_UNIT_MODULE"), RTLD_NOW | RTLD_LOCAL)};
  if (!module.handle) ck_abort_msg("TREFOIL_UNIT_MODULE does not name the module: %s", dlerror());
  module.data = call_module(module.handle, "module_data_address");
  module.bss = call_module(module.handle, "module_bss_address");
  return module;
}

START_TEST(a_library_comes_and_goes) {
  ck_assert(gc__segments_open(&segments, &budget));
  refresh();
  for (int round = 0; round < 3; round++) {
    size_t ranges_before = segments.range_count, modules_before = segments.module_count;
    struct module module = open_module();
    ck_assert(!has(module.data, 1) && !has(module.bss, 1));
    refresh();
    ck_assert(has(module.data, 64 * sizeof(size_t)) && has(module.bss, sizeof(size_t)));
    ck_assert(has(program_bss, sizeof program_bss));
    ck_assert_uint_eq(segments.module_count, modules_before + 1);
    dlclose(module.handle);
    if (dlopen(getenv("TREFOIL_UNIT_MODULE"), RTLD_NOLOAD | RTLD_NOW)) SKIP_TEST("libraries stay loaded here");
    refresh();
    ck_assert(!has(module.data, 1) && !has(module.bss, 1));
    ck_assert_uint_eq(segments.range_count, ranges_before);
    ck_assert_uint_eq(segments.module_count, modules_before);
  }
  gc__segments_close(&segments);
}
END_TEST

/* The module that the list gained, while its library is open. */
static struct gc__tls_module find_new_module(const struct gc__tls_module *before, size_t before_count) {
  const struct gc__tls_module *now = gc__segments_modules(&segments);
  for (size_t i = 0; i < segments.module_count; i++) {
    bool is_known = false;
    for (size_t j = 0; j < before_count; j++) is_known |= before[j].id == now[i].id;
    if (!is_known) return now[i];
  }
  ck_abort_msg("no module is new");
  return (struct gc__tls_module){0, 0};
}

/* In a thread that was made while the library was open, and never touched its data. */
static void *look_for_untouched(void *argument) {
  const struct gc__tls_module *module = argument;
  struct gc__range range = gc__os_thread_local(gc__os_thread_pointer(), module->id, module->bytes);
  require(range.start == range.end);
  return NULL;
}

START_TEST(thread_local_data_of_a_library_is_found_once_it_is_touched) {
  struct gc__tls_module before[64];
  ck_assert(gc__segments_open(&segments, &budget));
  refresh();
  size_t count = segments.module_count;
  ck_assert_uint_le(count, COUNT_OF(before));
  memcpy(before, gc__segments_modules(&segments), count * sizeof before[0]);
  struct module module = open_module();
  refresh();
  struct gc__tls_module added = find_new_module(before, count);
  ck_assert_uint_ge(added.bytes, 32 * sizeof(size_t));
  if (!gc__os_thread_pointer()) SKIP_TEST("the C library's table of thread-local data is not known here");
  struct gc__range range = gc__os_thread_local(gc__os_thread_pointer(), added.id, added.bytes);
  ck_assert_uint_eq(range.start, range.end); /* this thread has none of it yet */
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, look_for_untouched, &added), 0);
  pthread_join(thread, NULL);
  uintptr_t local = (uintptr_t)call_module(module.handle, "module_local_address");
  range = gc__os_thread_local(gc__os_thread_pointer(), added.id, added.bytes);
  ck_assert(range.start < local && local + sizeof(size_t) <= range.end);
  dlclose(module.handle);
  gc__segments_close(&segments);
}
END_TEST

/* [segments.hold] With nothing opened or closed the list is used as it is. */
START_TEST(the_list_is_made_anew_only_after_a_change) {
  ck_assert(gc__segments_open(&segments, &budget));
  refresh();
  segments.range_count = 0;
  refresh();
  ck_assert_uint_eq(segments.range_count, 0);
  struct module module = open_module();
  refresh();
  ck_assert(has(module.data, 1) && has(program_data, sizeof program_data));
  dlclose(module.handle);
  gc__segments_close(&segments);
}
END_TEST

/* Makes the list stale for whoever comes next, and finds it whole while it is used. */
static void use_list(void *argument) {
  (void)argument;
  size_t count = segments.range_count;
  require(has(program_data, sizeof program_data));
  for (int i = 0; i < 3; i++) sched_yield();
  require(segments.range_count == count);
  segments.is_known = false;
}

static void *use_often(void *unused) {
  for (unsigned i = 0; i < unit_repetitions(5000); i++) require(gc__segments_hold(&segments, use_list, NULL));
  return unused;
}

START_TEST(nobody_empties_a_list_in_use) {
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  ck_assert(gc__segments_open(&segments, &budget));
  for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, use_often, NULL), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  gc__segments_close(&segments);
}
END_TEST

/* The list is needed in a full heap, too: only the system refuses. */
START_TEST(without_memory_for_the_list_nothing_is_called) {
  struct gc__budget none = {.limit_bytes = 0};
  ck_assert(gc__segments_open(&segments, &none));
  gc__os_fail_request(1);
  ck_assert(!gc__segments_hold(&segments, count_call, &calls));
  ck_assert_uint_eq(calls, 0);
  refresh();
  ck_assert(has(program_data, sizeof program_data));
  ck_assert_uint_gt(none.used_bytes, 0);
  gc__segments_close(&segments);
  ck_assert_uint_eq(none.used_bytes, 0);
}
END_TEST

UNIT_MAIN("os/segments", data_of_the_program_is_found, a_library_comes_and_goes,
          thread_local_data_of_a_library_is_found_once_it_is_touched, the_list_is_made_anew_only_after_a_change,
          nobody_empties_a_list_in_use, without_memory_for_the_list_nothing_is_called)
