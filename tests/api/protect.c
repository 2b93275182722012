/* tests/api/protect.c - guarded objects: where they lie, what faults and what is said of it, what collections do with
 * them, freeing, resizing, and what hangs on them. Freed objects that fault on use are in guard_freed.c.
 */
#include "faults.h"
#include <signal.h>
#include <sys/mman.h>
#include <trefoil/protect.h>
#include <trefoil/weak.h>

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t rounded(size_t bytes) { return bytes ? (bytes + 15) / 16 * 16 : 16; }

/* ---- Where they lie ---- */

START_TEST(objects_end_at_a_page) {
  static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4080, 4095, 4096, 4097, 8192, 8193, 100000, 3000000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t bytes = sizes[i], usable = bytes ? bytes : 16;
    char *object = gc_alloc_guarded(bytes);
    ck_assert_ptr_nonnull(object);
    ck_assert_uint_eq((uintptr_t)object % 16, 0);
    ck_assert_uint_eq(((uintptr_t)object + rounded(bytes)) % page_bytes(), 0);
    ck_assert_uint_eq(gc_size(object), usable);
    ck_assert_ptr_eq(gc_base(object), object);
    ck_assert_ptr_eq(gc_base(object + usable - 1), object);
    ck_assert_uint_eq(gc_size(object + 8), 0);
    ck_assert_ptr_null(gc_base(object + rounded(bytes)));
    ck_assert(all_zero(object, usable));
    pattern_fill(object, usable, i);
    gc_collect(GC_COLLECT_FULL);
    ck_assert(pattern_matches(object, usable, i));
    ck_assert(is_readable(object + usable - 1) && !is_readable(object + rounded(bytes)));
    gc_free(object);
  }
}
END_TEST

START_TEST(dirty_memory_is_zeroed) {
  for (int i = 0; i < 50; i++) {
    char *leaf = gc_alloc_leaf(20000);
    pattern_fill(leaf, 20000, 1);
    gc_free(leaf);
    char *object = gc_alloc_guarded((size_t)i * 300 + 1);
    ck_assert(all_zero(object, (size_t)i * 300 + 1));
  }
}
END_TEST

START_TEST(absurd_sizes_are_out_of_memory) {
  static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, (size_t)1 << 60};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    errno = 0;
    ck_assert_ptr_null(gc_alloc_guarded(sizes[i]));
    ck_assert_int_eq(errno, ENOMEM);
  }
}
END_TEST

/* ---- Faults ---- */

struct touch {
  size_t bytes;
  ptrdiff_t at;
  bool is_write;
  enum gc_protection protection;
};

static void touch_new(void *argument) {
  const struct touch *touch = argument;
  char *object = gc_alloc_guarded(touch->bytes);
  pattern_fill(object, touch->bytes, 5);
  if (gc_protect(object, touch->protection) != 0) exit(9);
  tell_object(object);
  if (touch->is_write) write_byte(object + touch->at);
  else read_byte(object + touch->at);
}

static void check_touch(struct touch touch, const char *where) {
  check_fault(touch_new, &touch, touch.at, where, touch.bytes);
}

#define PAST "bytes past the end of the guarded object"
#define INTO "bytes into the guarded object"

START_TEST(overruns_fault_at_once) {
  for (int is_write = 0; is_write < 2; is_write++) {
    check_touch((struct touch){112, 112, is_write, GC_PROTECT_READ_WRITE}, "0 " PAST " %p of %zu bytes");
    check_touch((struct touch){100, 112, is_write, GC_PROTECT_READ_WRITE}, "12 " PAST " %p of %zu bytes");
    check_touch((struct touch){100000, 100004, is_write, GC_PROTECT_READ_WRITE}, "4 " PAST " %p of %zu bytes");
    check_touch((struct touch){4096, 8191, is_write, GC_PROTECT_READ_WRITE}, "4095 " PAST " %p of %zu bytes");
  }
}
END_TEST

START_TEST(read_only_objects_fault_when_they_are_written) {
  check_touch((struct touch){100, 0, true, GC_PROTECT_READ}, "0 " INTO " %p of %zu bytes, which is read-only");
  check_touch((struct touch){50000, 20, true, GC_PROTECT_READ}, "20 " INTO " %p of %zu bytes, which is read-only");
  check_touch((struct touch){100, 112, false, GC_PROTECT_READ}, "12 " PAST " %p of %zu bytes");
}
END_TEST

START_TEST(closed_objects_fault_when_they_are_touched) {
  check_touch((struct touch){100, 99, true, GC_PROTECT_NONE}, "99 " INTO " %p of %zu bytes, which may not be accessed");
  check_touch((struct touch){50000, 8, false, GC_PROTECT_NONE}, "8 " INTO " %p of %zu bytes, which may not be accessed");
  check_touch((struct touch){96, -8, false, GC_PROTECT_NONE},
              "8 bytes before the guarded object %p of %zu bytes, which may not be accessed");
}
END_TEST

START_TEST(protection_comes_and_goes) {
  char *object = gc_alloc_guarded(10000);
  pattern_fill(object, 10000, 1);
  for (int i = 0; i < 20; i++) {
    ck_assert_int_eq(gc_protect(object, GC_PROTECT_READ), 0);
    ck_assert(pattern_matches(object, 10000, 1));
    ck_assert_int_eq(gc_protect(object, GC_PROTECT_NONE), 0);
    ck_assert(!is_readable(object) && !is_readable(object + 9999));
    ck_assert_uint_eq(gc_size(object), 10000);
    ck_assert_ptr_eq(gc_base(object + 5000), object);
    gc_collect(i % 2 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
    ck_assert(!is_readable(object));
    ck_assert_int_eq(gc_protect(object, GC_PROTECT_READ_WRITE), 0);
    object[i] = object[i];
  }
  ck_assert(pattern_matches(object, 10000, 1));
}
END_TEST

START_TEST(what_cannot_be_protected) {
  char local[16], *guarded = gc_alloc_guarded(64), *plain = gc_alloc(64), *large = gc_alloc(100000);
  void *others[] = {NULL, local, plain, large, guarded + 16, guarded - 16, guarded + 64, (void *)8};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    errno = 0;
    ck_assert_int_eq(gc_protect(others[i], GC_PROTECT_READ), EINVAL);
    ck_assert_int_eq(errno, EINVAL);
  }
  ck_assert_int_eq(gc_protect(guarded, (enum gc_protection)3), EINVAL);
  ck_assert_int_eq(gc_protect(guarded, (enum gc_protection)-1), EINVAL);
  guarded[0] = plain[0] = large[0] = 1;
  gc_free(guarded);
  ck_assert_int_eq(gc_protect(guarded, GC_PROTECT_READ), EINVAL);
}
END_TEST

static sigjmp_buf after_fault;
static volatile uintptr_t seen_address;

static void leave_fault(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  seen_address = (uintptr_t)info->si_addr;
  siglongjmp(after_fault, 1);
}

static void take_faults(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = leave_fault;
  ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
}

START_TEST(a_programs_own_handler_gets_its_faults) {
  char text[1000], expected[200];
  struct capture capture;
  char *volatile object = NULL;
  if (_i) object = gc_alloc_guarded(32); /* ours is installed first, and is not asked then */
  take_faults();
  if (!_i) object = gc_alloc_guarded(32);
  snprintf(expected, sizeof expected, "trefoil: fault at %p: 0 " PAST " %p of 32 bytes\n", (void *)(object + 32), (void *)object);
  for (int i = 0; i < 3; i++) {
    seen_address = 0;
    capture_begin(&capture);
    if (sigsetjmp(after_fault, 1) == 0) write_byte(object + 32);
    capture_end(&capture, text, sizeof text);
    ck_assert_ptr_eq((void *)seen_address, object + 32);
    if (!_i) ck_assert_str_eq(text, expected);
  }
  gc_collect(GC_COLLECT_FULL);
}
END_TEST

START_TEST(the_handler_goes_with_the_library) {
  struct sigaction before[2], now;
  sigaction(SIGSEGV, NULL, &before[0]);
  sigaction(SIGBUS, NULL, &before[1]);
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(gc_init(NULL), 0);
    gc_keep(gc_alloc_guarded(100));
    ck_assert_int_eq(gc_shutdown(), 0);
    for (int j = 0; j < 2; j++) {
      sigaction(j ? SIGBUS : SIGSEGV, NULL, &now);
      ck_assert(now.sa_handler == before[j].sa_handler);
    }
  }
}
END_TEST

/* ---- Patterns ---- */

static void damage_and_free(void *argument) {
  const struct touch *touch = argument;
  char *object = gc_alloc_guarded(touch->bytes);
  tell_object(object);
  write_byte(object + touch->at);
  if (touch->protection != GC_PROTECT_READ_WRITE) gc_protect(object, touch->protection);
  gc_free(object);
}

static void damage_and_resize(void *argument) {
  const struct touch *touch = argument;
  char *object = gc_alloc_guarded(touch->bytes);
  tell_object(object);
  write_byte(object + touch->at);
  gc_keep(gc_realloc(object, 1000));
}

static void damage_and_collect(void *argument) {
  const struct touch *touch = argument;
  char *object = gc_alloc_guarded(touch->bytes);
  tell_object(object);
  write_byte(object + touch->at);
  gc_protect(object, touch->protection);
  gc_collect(GC_COLLECT_FULL);
}

START_TEST(damage_beside_an_object_is_told) {
  static const struct {
    struct touch touch;
    const char *what;
  } cases[] = {
      {{100, 100, true, GC_PROTECT_READ_WRITE}, "100 bytes was written 0 bytes past its end\n"},
      {{100, 111, true, GC_PROTECT_READ}, "100 bytes was written 11 bytes past its end\n"},
      {{1, 15, true, GC_PROTECT_NONE}, "1 bytes was written 14 bytes past its end\n"},
      {{112, -1, true, GC_PROTECT_READ_WRITE}, "112 bytes was written 1 bytes before its start\n"},
      {{112, -16, true, GC_PROTECT_NONE}, "112 bytes was written 16 bytes before its start\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct touch touch = cases[i].touch;
    check_abort(damage_and_free, &touch, "trefoil: gc_free: %p: the guarded object of ", cases[i].what);
    check_abort(damage_and_resize, &touch, "trefoil: gc_realloc: %p: the guarded object of ", cases[i].what);
    check_abort(damage_and_collect, &touch, "trefoil: full collection: %p: the guarded object of ", cases[i].what);
  }
}
END_TEST

/* ---- Collections ---- */

struct holder {
  struct probe *probes[40];
};

enum { HOLDERS = 12 };

/* Each holds a young probe when it is protected, and nothing else holds the probe. */
static NOT_INLINED void make_holders(void) {
  static const enum gc_protection protections[] = {GC_PROTECT_NONE, GC_PROTECT_READ, GC_PROTECT_READ_WRITE};
  STAY_DEEP();
  for (unsigned i = 0; i < HOLDERS; i++) {
    size_t bytes = i % 2 ? sizeof(struct holder) : 30000;
    struct holder *holder = held[i] = gc_alloc_guarded(bytes);
    holder->probes[i] = probe_new(i);
    ck_assert_int_eq(gc_protect(holder, protections[i % 3]), 0);
  }
}

static void open_and_check(unsigned i) {
  struct holder *holder = held[i];
  ck_assert_int_eq(gc_protect(holder, GC_PROTECT_READ), 0);
  probe_check(holder->probes[i], i);
}

/* What was freed by mistake gets a new tenant, with other contents. */
static NOT_INLINED void use_free_memory(void) {
  STAY_DEEP();
  for (unsigned i = 0; i < 12; i++) memset(gc_alloc_leaf(BALLAST_BYTES), 0xff, 4096);
  for (unsigned i = 0; i < repetitions(3000); i++) memset(gc_alloc_leaf(sizeof(struct probe)), 0xff, sizeof(struct probe));
  for (unsigned i = 0; i < repetitions(3000); i++) memset(gc_alloc(sizeof(struct probe)), 0xff, sizeof(struct probe));
}

static void collect_in_both_ways(void) {
  for (int i = 0; i < 3; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_MINOR);
    use_free_memory();
  }
  collect();
  use_free_memory();
  gc_collect(GC_COLLECT_MINOR);
}

START_TEST(what_they_hold_stays) {
  make_holders();
  collect_in_both_ways();
  for (unsigned i = 0; i < HOLDERS; i++) open_and_check(i);
}
END_TEST

/* Old ones, which nobody announces stores into, are closed again after each. */
static NOT_INLINED void store_probes(unsigned round) {
  STAY_DEEP();
  for (unsigned i = 0; i < HOLDERS; i++) {
    struct holder *holder = held[i];
    gc_protect(holder, GC_PROTECT_READ_WRITE);
    holder->probes[round % 40] = probe_new(round * HOLDERS + i);
    if (i % 3) gc_protect(holder, i % 3 == 1 ? GC_PROTECT_NONE : GC_PROTECT_READ);
  }
}

static NOT_INLINED void check_stored(unsigned round) {
  for (unsigned i = 0; i < HOLDERS; i++) {
    struct holder *holder = held[i];
    if (i % 3 == 1) gc_protect(holder, GC_PROTECT_READ);
    probe_check(holder->probes[round % 40], round * HOLDERS + i);
    if (i % 3 == 1) gc_protect(holder, GC_PROTECT_NONE);
  }
}

static NOT_INLINED void store_and_collect(void) {
  uint64_t before = collect();
  make_holders();
  collect_in_both_ways();
  for (unsigned round = 0; round < repetitions(20); round++) {
    store_probes(round);
    stack_clear();
    gc_collect(round % 5 == 4 ? GC_COLLECT_FULL : GC_COLLECT_MINOR);
    use_free_memory();
    gc_collect(GC_COLLECT_MINOR);
    check_stored(round);
  }
  memset(held, 0, sizeof held);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}

START_TEST(they_count_as_written) { store_and_collect(); }
END_TEST

START_TEST(programs_with_barriers_need_none_for_them) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.tracking = GC_TRACK_BARRIER;
  unsetenv("TREFOIL_TRACKING");
  ck_assert_int_eq(gc_init(&options), 0);
  store_and_collect();
}
END_TEST

START_TEST(words_to_them_count_where_only_starts_do) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.interior_in_heap = false;
  ck_assert_int_eq(gc_init(&options), 0);
  make_holders();
  void **box = gc_alloc(HOLDERS * sizeof *box);
  memcpy(box, held, HOLDERS * sizeof *box);
  gc_written(box, HOLDERS * sizeof *box);
  memset(held, 0, sizeof held);
  collect_in_both_ways();
  memcpy(held, box, HOLDERS * sizeof *box);
  for (unsigned i = 0; i < HOLDERS; i++) open_and_check(i);
  gc_keep(box);
}
END_TEST

static NOT_INLINED void *hide_and_drop(void *argument) {
  make_holders();
  memset(held, 0, sizeof held);
  return argument;
}

START_TEST(they_die_like_others) {
  uint64_t before = collect();
  hide_and_drop(NULL);
  ck_assert_uint_le(ballasts(before, collect()), STRAY_BALLASTS);
}
END_TEST

START_TEST(many_that_die_are_no_shortage) {
  for (unsigned i = 0; i < repetitions(20000); i++) {
    char *object = gc_alloc_guarded(i % 5000 + 1);
    require(object != NULL);
    object[0] = 1;
    if (i % 7 == 0) gc_protect(object, i % 2 ? GC_PROTECT_NONE : GC_PROTECT_READ);
  }
}
END_TEST

/* ---- The limit of mappings ---- */

static void *start_nothing(void *argument) { return argument; }

START_TEST(too_many_are_out_of_memory) {
  unsigned count = 0;
  if (getenv("TREFOIL_STRESS")) SKIP_TEST("each of some thousand collections would open some thousand objects");
  errno = 0;
  while (count < HELD_LIMIT && (held[count] = gc_alloc_guarded(16)))
    if (count++ % 3 == 0) ck_assert_int_eq(gc_protect(held[count - 1], GC_PROTECT_READ), 0);
  if (count == HELD_LIMIT) SKIP_TEST("the system grants this process more mappings than this test takes");
  ck_assert_int_eq(errno, ENOMEM);
  ck_assert_uint_ge(count, 1000);
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, start_nothing, NULL), 0);
  pthread_join(thread, NULL);
  void *mapping = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(mapping, MAP_FAILED);
  ck_assert_ptr_nonnull(gc_alloc(100000));
  for (unsigned i = 0; i < count; i += 2) ck_assert_int_eq(gc_protect(held[i], GC_PROTECT_NONE), 0);
  gc_collect(GC_COLLECT_FULL);
  gc_collect(GC_COLLECT_MINOR);
  for (unsigned i = 0; i < count / 2; i++) gc_free(held[i]);
  for (unsigned i = 0; i < count / 2; i++) ck_assert_ptr_nonnull(held[i] = gc_alloc_guarded(5000));
}
END_TEST

/* ---- Freeing and resizing ---- */

static void use_freed(void *argument) {
  char *object = gc_alloc_guarded(1000);
  tell_object(object);
  gc_protect(object, *(enum gc_protection *)argument);
  gc_free(object);
  read_byte(object + 10);
}

static void free_twice(void *argument) {
  (void)argument;
  char *object = gc_alloc_guarded(1000);
  tell_object(object);
  gc_free(object);
  gc_free(object);
}

static void free_inside(void *argument) {
  (void)argument;
  char *object = gc_alloc_guarded(1000);
  tell_object(object);
  gc_free(object + 32);
}

START_TEST(freed_ones_fault) {
  for (enum gc_protection protection = GC_PROTECT_NONE; protection <= GC_PROTECT_READ_WRITE; protection++)
    check_fault(use_freed, &protection, 10, "10 bytes into the object %p of %zu bytes, which was freed", 1000);
  check_abort(free_twice, NULL, "trefoil: gc_free: %p: is freed already\n", "");
  check_abort(free_inside, NULL, "", "points 32 bytes into the object at %p\n");
}
END_TEST

START_TEST(resizing_keeps_contents_guard_and_protection) {
  static const size_t sizes[] = {1, 100, 4096, 70000, 16, 4097, 0, 33};
  static const enum gc_protection protections[] = {GC_PROTECT_READ_WRITE, GC_PROTECT_READ, GC_PROTECT_NONE};
  for (int i = 0; i < 3; i++) {
    size_t before = 64;
    char *object = gc_alloc_guarded(before);
    pattern_fill(object, before, 3);
    for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
      size_t bytes = sizes[j] ? sizes[j] : 16, kept = sizes[j] < before ? sizes[j] : before;
      ck_assert_int_eq(gc_protect(object, protections[i]), 0);
      object = gc_realloc(object, sizes[j]);
      ck_assert_ptr_nonnull(object);
      ck_assert_uint_eq(gc_size(object), bytes);
      ck_assert(is_readable(object) == (protections[i] != GC_PROTECT_NONE) && !is_readable(object + rounded(bytes)));
      ck_assert_int_eq(gc_protect(object, GC_PROTECT_READ_WRITE), 0);
      ck_assert(pattern_matches(object, kept, 3));
      ck_assert(all_zero(object + kept, bytes - kept));
      pattern_fill(object, bytes, 3);
      before = bytes;
    }
    char *same = gc_realloc(object, before);
    ck_assert_ptr_eq(same, object);
  }
}
END_TEST

/* ---- What hangs on them ---- */

static unsigned finalized;
static struct hidden finalized_object;

static void note_finalized(void *object, void *data) {
  finalized++;
  if (data) finalized_object = hide(object);
}

/* held: the object, its weak reference, a map with an entry for it. Where it lies in the end. */
static NOT_INLINED struct hidden hang_things(void) {
  STAY_DEEP();
  struct gc_weak_map *map = held[2] = gc_weak_map_new();
  held[0] = gc_alloc_guarded(40);
  struct gc_weak *weak = held[1] = gc_weak_new(held[0]);
  ck_assert_int_eq(gc_finalizer_set(held[0], note_finalized, &finalized), 0);
  ck_assert_int_eq(gc_weak_map_put(map, held[0], map), 0);
  ck_assert_int_eq(gc_finalizer_set((char *)held[0] + 16, note_finalized, NULL), EINVAL);
  ck_assert_ptr_null(gc_weak_new((char *)held[0] - 16));
  for (int i = 0; i < 2; i++) {
    gc_protect(held[0], i ? GC_PROTECT_READ_WRITE : GC_PROTECT_NONE);
    collect_in_both_ways();
    ck_assert_ptr_eq(gc_weak_get(weak), held[0]);
    ck_assert_ptr_eq(gc_weak_map_get(map, held[0]), map);
    ck_assert_ptr_null(gc_weak_map_get(map, (char *)held[0] + 16));
    held[0] = gc_realloc(held[0], 5000 + (size_t)i);
  }
  struct hidden object = hide(held[0]);
  held[0] = NULL;
  return object;
}

START_TEST(weak_references_maps_and_finalizers) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.finalize = GC_FINALIZE_MANUAL;
  ck_assert_int_eq(gc_init(&options), 0);
  struct hidden object = hang_things();
  collect();
  ck_assert_uint_eq(gc_finalizers_run(), 1);
  ck_assert_uint_eq(finalized, 1);
  ck_assert(finalized_object.word == object.word);
  collect();
  ck_assert_ptr_null(gc_weak_get(held[1]));
  ck_assert_uint_eq(gc_weak_map_count(held[2]), 0);
  void *freed = gc_alloc_guarded(100);
  struct gc_weak *weak = gc_weak_new(freed);
  gc_free(freed);
  ck_assert_ptr_null(gc_weak_get(weak));
}
END_TEST

/* ---- Threads and forks ---- */

static void *use_in_thread(void *argument) {
  char *objects[20] = {0};
  uint64_t random = (uintptr_t)argument + 1;
  for (unsigned i = 0; i < repetitions(3000); i++) {
    unsigned at = (unsigned)(random_next(&random) % 20);
    size_t bytes = 16 + random_next(&random) % 6000;
    if (objects[at]) {
      require(gc_protect(objects[at], GC_PROTECT_READ) == 0);
      require(pattern_matches(objects[at], 16, at));
      if (random_next(&random) % 2) gc_free(objects[at]);
    }
    require((objects[at] = gc_alloc_guarded(bytes)) != NULL);
    pattern_fill(objects[at], 16, at);
    gc_protect(objects[at], (enum gc_protection)(random_next(&random) % 3));
    if (random_next(&random) % 200 == 0) gc_collect(random_next(&random) % 4 ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
    gc_keep(gc_alloc(random_next(&random) % 10000));
  }
  return NULL;
}

START_TEST(threads_use_them) {
  pthread_t threads[4];
  for (uintptr_t i = 0; i < 4; i++)
    ck_assert_int_eq(gc_thread_create(&threads[i], NULL, use_in_thread, (void *)i), 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}
END_TEST

static void use_in_child(void *argument) {
  (void)argument;
  open_and_check(0);
  for (unsigned i = 1; i < HOLDERS; i++) open_and_check(i);
  collect_in_both_ways();
  gc_free(held[0]);
}

START_TEST(a_child_has_them_too) {
  char text[1000];
  make_holders();
  gc_collect(GC_COLLECT_MINOR);
  ck_assert_int_eq(run_in_child(use_in_child, NULL, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
  ck_assert(!is_readable(held[0]));
  for (unsigned i = 0; i < HOLDERS; i++) open_and_check(i);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("protect");
  tcase_add_test(tests, objects_end_at_a_page);
  tcase_add_test(tests, dirty_memory_is_zeroed);
  tcase_add_test(tests, absurd_sizes_are_out_of_memory);
  tcase_add_test(tests, overruns_fault_at_once);
  tcase_add_test(tests, read_only_objects_fault_when_they_are_written);
  tcase_add_test(tests, closed_objects_fault_when_they_are_touched);
  tcase_add_test(tests, protection_comes_and_goes);
  tcase_add_test(tests, what_cannot_be_protected);
  tcase_add_loop_test(tests, a_programs_own_handler_gets_its_faults, 0, 2);
  tcase_add_test(tests, the_handler_goes_with_the_library);
  tcase_add_test(tests, damage_beside_an_object_is_told);
  tcase_add_test(tests, what_they_hold_stays);
  tcase_add_test(tests, they_count_as_written);
  tcase_add_test(tests, programs_with_barriers_need_none_for_them);
  tcase_add_test(tests, words_to_them_count_where_only_starts_do);
  tcase_add_test(tests, they_die_like_others);
  tcase_add_test(tests, many_that_die_are_no_shortage);
  tcase_add_test(tests, too_many_are_out_of_memory);
  tcase_add_test(tests, freed_ones_fault);
  tcase_add_test(tests, resizing_keeps_contents_guard_and_protection);
  tcase_add_test(tests, weak_references_maps_and_finalizers);
  tcase_add_test(tests, threads_use_them);
  tcase_add_test(tests, a_child_has_them_too);
  return suite_end();
}
