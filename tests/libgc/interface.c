/* tests/libgc/interface.c - the interface of libgc.so.1 as programs use it: objects, roots, collections, threads. */
#include "support.h"

/* ---- Objects ---- */

START_TEST(objects_without_gc_init) {
  ck_assert_uint_eq(GC_get_version(), 0x80202);
  ck_assert(!GC_is_init_called());
  char *a = GC_MALLOC(100), *b = GC_MALLOC_ATOMIC(100000), *none = GC_MALLOC(0), *other = GC_MALLOC(0);
  ck_assert(a && b && none && other && none != other);
  for (unsigned i = 0; i < 100; i++) ck_assert(!a[i] && !b[i * 1000]);
  ck_assert(GC_base(a + 99) == a && GC_base(b + 99999) == b && !GC_base(&a) && !GC_base(NULL));
  ck_assert(GC_is_heap_ptr(a + 5) && GC_is_heap_ptr(b) && !GC_is_heap_ptr(&a) && !GC_is_heap_ptr(NULL));
  ck_assert_uint_ge(GC_size(a), 100);
  ck_assert_uint_eq(GC_size(a + 1), 0);
  ck_assert((char *)a >= (char *)GC_least_plausible_heap_addr && b < (char *)GC_greatest_plausible_heap_addr);
  ck_assert_str_eq(GC_STRDUP("text"), "text");
  ck_assert_str_eq(GC_STRNDUP("text", 2), "te");
  ck_assert_ptr_null(GC_strdup(NULL));
  ck_assert(GC_is_init_called());
  ck_assert_uint_eq((uintptr_t)GC_memalign(4096, 10) % 4096, 0);
  void *aligned;
  ck_assert_int_eq(GC_posix_memalign(&aligned, 24, 10), EINVAL);
  ck_assert_int_eq(GC_posix_memalign(&aligned, 256, 10), 0);
  ck_assert_uint_eq((uintptr_t)aligned % 256, 0);
  ck_assert_ptr_eq(GC_same_obj(a + 10, a), a + 10);
  ck_assert_ptr_eq(GC_is_visible(a), a);
  void *walking = a;
  ck_assert(GC_pre_incr(&walking, 8) == a + 8 && GC_post_incr(&walking, 8) == a + 8 && walking == a + 16);
  GC_ptr_store_and_dirty(a, b);
  ck_assert_ptr_eq(*(void **)a, b);
  ck_assert_ptr_eq(GC_debug_malloc(10, "file", 1) == NULL ? NULL : a, a);
}
END_TEST

START_TEST(objects_are_resized_and_freed) {
  GC_INIT();
  char *object = GC_REALLOC(NULL, 20);
  strcpy(object, "contents");
  for (size_t bytes = 20; bytes < 1000000; bytes *= 2) {
    object = GC_REALLOC(object, bytes);
    ck_assert_str_eq(object, "contents");
  }
  ck_assert_ptr_null(GC_REALLOC(object, 0));
  GC_FREE(NULL);
  for (unsigned i = 0; i < 100000; i++) GC_FREE(GC_MALLOC(i % 500));
  GC_word layout = 1;
  void **typed = GC_MALLOC_EXPLICITLY_TYPED(24, GC_make_descriptor(&layout, 1));
  typed[1] = "kept";
  typed = GC_REALLOC(typed, 40);
  ck_assert(typed && !strcmp(typed[1], "kept"));
}
END_TEST

static NOT_INLINED void make_uncollectable(void **hidden) {
  DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    void **object = i % 2 ? GC_MALLOC_ATOMIC_UNCOLLECTABLE(64) : GC_MALLOC_UNCOLLECTABLE(64);
    if (!(i % 2)) *object = GC_MALLOC(32);
    watch(i, i % 2 ? (void *)object : *object);
    hidden[i] = (void *)GC_HIDE_POINTER(object);
  }
}

static NOT_INLINED void free_uncollectable(void **hidden) {
  DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    void *object = GC_REVEAL_POINTER(hidden[i]);
    if (i % 3 == 0) object = GC_REALLOC(object, 6000);
    GC_FREE(object);
  }
}

START_TEST(uncollectable_objects_stay_until_they_are_freed) {
  prepare();
  void **hidden = calloc(COUNT, sizeof *hidden);
  make_uncollectable(hidden);
  collect(3);
  ck_assert_uint_eq(count_alive(), COUNT);
  free_uncollectable(hidden);
  collect(3);
  ck_assert_uint_le(count_alive(), STRAY);
}
END_TEST

START_TEST(lists_of_many) {
  static const size_t sizes[] = {1, 16, 100, 5000, 20000};
  for (unsigned i = 0; i < 5; i++) {
    unsigned count = 0;
    for (char *object = GC_malloc_many(sizes[i]); object; object = GC_NEXT(object)) {
      ck_assert_uint_ge(GC_size(object), sizes[i]);
      for (size_t at = sizeof(void *); at < sizes[i]; at++) ck_assert(!object[at]);
      count++;
    }
    ck_assert_uint_ge(count, 1);
  }
  void *cell;
  GC_CONS(cell, sizes, cell = NULL, NULL);
  ck_assert_ptr_eq(*(const void **)cell, sizes);
}
END_TEST

/* ---- Roots ---- */

static void *in_static_data[COUNT];

static NOT_INLINED void fill(void **table) {
  DEEP();
  for (unsigned i = 0; i < COUNT; i++) watch(i, table[i] = GC_MALLOC(48));
}

START_TEST(added_roots) {
  prepare();
  void **table = calloc(COUNT, sizeof *table);
  GC_add_roots(table, table + COUNT / 2);
  GC_add_roots(table + COUNT / 4, table + COUNT); /* overlaps */
  fill(table);
  collect(3);
  ck_assert_uint_eq(count_alive(), COUNT);
  GC_remove_roots(table + COUNT / 2, table + COUNT);
  collect(3);
  for (unsigned i = 0; i < COUNT / 2; i++) ck_assert_ptr_nonnull(links[i]);
  ck_assert_uint_le(count_alive(), COUNT / 2 + STRAY);
  GC_clear_roots();
  collect(3);
  ck_assert_uint_le(count_alive(), STRAY);
}
END_TEST

START_TEST(static_data_is_a_root_unless_no_dls) {
  prepare();
  fill(in_static_data);
  collect(2);
  ck_assert_uint_eq(count_alive(), COUNT);
  GC_no_dls = 1; /* as neko does */
  collect(3);
  ck_assert_uint_le(count_alive(), STRAY);
}
END_TEST

static NOT_INLINED void fill_displaced(char ***holders, size_t distance) {
  DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    char *object = GC_MALLOC(48);
    watch(i, object);
    holders[i] = GC_MALLOC(sizeof(char *));
    *holders[i] = object + distance;
  }
}

START_TEST(only_starts_and_displaced_places_keep) {
  prepare();
  GC_set_all_interior_pointers(0);
  GC_INIT();
  GC_REGISTER_DISPLACEMENT(3);
  char ***holders = GC_MALLOC_UNCOLLECTABLE(COUNT * sizeof *holders);
  GC_REGISTER_DISPLACEMENT(1);
  size_t distance = _i == 0 ? 1 : _i == 1 ? 3 : 8;
  fill_displaced(holders, distance);
  collect(3);
  if (distance == 8) ck_assert_uint_le(count_alive(), STRAY);
  else ck_assert_uint_eq(count_alive(), COUNT);
}
END_TEST

static void *(*other_table)[COUNT];
static void *marked_one;
static atomic_uint pushes;
static GC_push_other_roots_proc before_push;

static void push_table(void) {
  pushes++;
  GC_push_all(*other_table, *other_table + COUNT / 2);
  GC_push_conditional(*other_table + COUNT / 2, *other_table + COUNT, 1);
  if (marked_one) GC_set_mark_bit(GC_REVEAL_POINTER(marked_one));
  before_push();
}

static NOT_INLINED void make_marked(void) {
  DEEP();
  void **object = GC_MALLOC(32);
  *object = GC_MALLOC(48);
  marked_one = (void *)GC_HIDE_POINTER(object);
  watch(0, *object);
}

START_TEST(roots_that_a_function_pushes) {
  prepare();
  GC_INIT();
  ck_assert_ptr_nonnull((void *)(uintptr_t)GC_push_other_roots);
  before_push = GC_get_push_other_roots();
  other_table = malloc(sizeof *other_table);
  memset(other_table, 0, sizeof *other_table);
  GC_set_push_other_roots(push_table);
  fill(*other_table);
  collect(3);
  ck_assert_uint_ge(pushes, 3);
  ck_assert_uint_eq(count_alive(), COUNT);
  memset(other_table, 0, sizeof *other_table);
  GC_unregister_disappearing_link(&links[0]);
  make_marked();
  collect(3);
  ck_assert_ptr_nonnull(links[0]);
  ck_assert_uint_le(count_alive(), STRAY);
}
END_TEST

/* A fiber holds objects on its stack while the main one collects; then it collects itself. */
enum { FIBER_BYTES = 1 << 18 };
static ucontext_t main_context, fiber_context;
static char *fiber_stack, *first_bottom;
static volatile uintptr_t fiber_sp, main_sp;
static bool fiber_is_running;

static void push_idle_stack(void) {
  if (fiber_is_running) GC_push_all_eager((void *)main_sp, first_bottom);
  else if (fiber_sp) GC_push_all_eager((void *)fiber_sp, fiber_stack + FIBER_BYTES);
  before_push();
}

static NOT_INLINED void switch_to(ucontext_t *from, ucontext_t *to, bool to_fiber) {
  *(to_fiber ? &main_sp : &fiber_sp) = (uintptr_t)__builtin_frame_address(0) - 4096; /* registers included */
  GC_stackbottom = to_fiber ? fiber_stack + FIBER_BYTES : first_bottom;
  fiber_is_running = to_fiber;
  swapcontext(from, to);
}

static void run_fiber(void) {
  DEEP();
  void *volatile held[COUNT];
  for (unsigned i = 0; i < COUNT; i++) watch(i, held[i] = GC_MALLOC(48));
  switch_to(&fiber_context, &main_context, false);
  collect(2);
  for (unsigned i = 0; i < COUNT; i++)
    if (links[i] != held[i]) abort();
  switch_to(&fiber_context, &main_context, false);
}

START_TEST(fibers_and_their_stack_bottoms) {
  prepare();
  GC_INIT();
  char *volatile own = GC_STRDUP("on the main stack");
  before_push = GC_get_push_other_roots();
  GC_set_push_other_roots(push_idle_stack);
  first_bottom = GC_stackbottom;
  ck_assert_ptr_nonnull(first_bottom);
  fiber_stack = malloc(FIBER_BYTES);
  getcontext(&fiber_context);
  fiber_context.uc_stack.ss_sp = fiber_stack;
  fiber_context.uc_stack.ss_size = FIBER_BYTES;
  makecontext(&fiber_context, run_fiber, 0);
  switch_to(&main_context, &fiber_context, true);
  collect(2);
  ck_assert_uint_eq(count_alive(), COUNT);
  switch_to(&main_context, &fiber_context, true);
  ck_assert_uint_eq(count_alive(), COUNT);
  ck_assert_str_eq(own, "on the main stack");
}
END_TEST

/* ---- Collections ---- */

static unsigned starts;
static void note_start(void) {
  starts++;
}

START_TEST(switches_nest) {
  GC_INIT();
  GC_disable();
  GC_disable();
  GC_enable();
  ck_assert(GC_is_disabled() && GC_dont_gc == 1);
  GC_word number = GC_get_gc_no();
  for (unsigned i = 0; i < 400000; i++) GC_MALLOC(100);
  GC_gcollect();
  ck_assert_int_eq(GC_try_to_collect(NULL), 0);
  ck_assert_uint_eq(GC_get_gc_no(), number);
  GC_enable();
  GC_enable(); /* once too often */
  GC_set_start_callback(note_start);
  ck_assert_int_eq(GC_try_to_collect(NULL), 1);
  ck_assert_uint_gt(GC_get_gc_no(), number);
  ck_assert_uint_ge(starts, 1);
  ck_assert_uint_gt(GC_get_heap_size(), 0);
  ck_assert_uint_gt(GC_get_total_bytes(), 40000000);
  GC_word heap, free_bytes, unmapped, since, total;
  GC_get_heap_usage_safe(&heap, &free_bytes, &unmapped, &since, &total);
  ck_assert(heap && total > 40000000);
  struct GC_prof_stats_s stats;
  ck_assert_uint_eq(GC_get_prof_stats(&stats, sizeof stats), sizeof stats);
  ck_assert_uint_eq(stats.gc_no, GC_get_gc_no());
  ck_assert_int_eq(GC_expand_hp(1 << 20), 1);
  ck_assert_int_eq(GC_collect_a_little(), 0);
}
END_TEST

START_TEST(what_is_freed_by_hand_is_counted) {
  ck_assert_uint_eq(GC_get_expl_freed_bytes_since_gc(), 0);
  GC_INIT();
  GC_gcollect();
  ck_assert_uint_eq(GC_get_expl_freed_bytes_since_gc(), 0);
  for (unsigned i = 0; i < 100; i++) GC_FREE(GC_MALLOC(1000));
  GC_FREE(GC_MALLOC_ATOMIC(100000));
  ck_assert_uint_ge(GC_get_expl_freed_bytes_since_gc(), 200000);
  ck_assert_uint_lt(GC_get_expl_freed_bytes_since_gc(), 300000);
  struct GC_prof_stats_s stats;
  ck_assert_uint_eq(GC_get_prof_stats(&stats, sizeof stats), sizeof stats);
  ck_assert_uint_eq(stats.expl_freed_bytes_since_gc, GC_get_expl_freed_bytes_since_gc());
  ck_assert_uint_le(stats.allocd_bytes_before_gc, GC_get_total_bytes());
  ck_assert_uint_le(stats.reclaimed_bytes_before_gc, stats.allocd_bytes_before_gc);
  GC_gcollect();
  ck_assert_uint_eq(GC_get_expl_freed_bytes_since_gc(), 0);
}
END_TEST

START_TEST(values_at_the_beginning) {
  ck_assert_int_eq(GC_get_all_interior_pointers(), 1);
  ck_assert_int_eq(GC_get_java_finalization(), 1);
  ck_assert_int_eq(GC_get_finalize_on_demand(), 0);
  ck_assert_int_eq(GC_get_no_dls(), 0);
  ck_assert_uint_eq(GC_get_free_space_divisor(), 3);
  ck_assert_int_eq(GC_get_full_freq(), 19);
  ck_assert_uint_eq(GC_get_time_limit(), GC_TIME_UNLIMITED);
  ck_assert_int_eq(GC_get_suspend_signal(), SIGPWR);
  ck_assert_int_eq(GC_get_thr_restart_signal(), SIGXCPU);
  ck_assert_uint_eq(GC_get_heap_size(), 65536);
  ck_assert_uint_eq(GC_get_gc_no(), 0);
}
END_TEST

static jmp_buf out;
static void *leave(size_t bytes) {
  longjmp(out, bytes == (size_t)1 << 30 ? 1 : 2);
}

START_TEST(out_of_memory_may_leave_by_longjmp) {
  GC_set_max_heap_size((GC_word)64 << 20);
  GC_INIT();
  ck_assert_ptr_null(GC_MALLOC((size_t)1 << 30));
  GC_set_oom_fn(leave);
  ck_assert_ptr_nonnull((void *)(uintptr_t)GC_get_oom_fn());
  for (unsigned i = 0; i < 3; i++) {
    int how = setjmp(out);
    if (!how) GC_MALLOC((size_t)1 << 30);
    ck_assert_int_eq(how, 1);
  }
  ck_assert_ptr_nonnull(GC_MALLOC(100));
}
END_TEST

/* ---- Threads ---- */

struct list {
  struct list *next;
  unsigned number;
};

static void *make_lists(void *argument) {
  struct GC_stack_base base;
  if (argument && GC_get_stack_base(&base) == GC_SUCCESS && GC_register_my_thread(&base) != GC_SUCCESS) abort();
  if (!GC_thread_is_registered()) abort();
  for (unsigned round = 0; round < 20; round++) {
    struct list *first = NULL;
    for (unsigned i = 0; i < 5000; i++) {
      struct list *cell = GC_MALLOC(sizeof *cell);
      cell->next = first;
      cell->number = i;
      first = cell;
    }
    for (unsigned i = 5000; i-- > 0; first = first->next)
      if (first->number != i) abort();
  }
  if (argument) GC_unregister_my_thread();
  return GC_STRDUP("result");
}

START_TEST(threads_created_and_registered) {
  GC_INIT();
  GC_allow_register_threads();
  pthread_t threads[6];
  for (unsigned i = 0; i < 6; i++)
    ck_assert_int_eq(i % 2 ? pthread_create(&threads[i], NULL, make_lists, threads)
                           : GC_pthread_create(&threads[i], NULL, make_lists, NULL),
                     0);
  struct GC_stack_base base;
  ck_assert_int_eq(GC_get_stack_base(&base), GC_SUCCESS);
  ck_assert_int_eq(GC_register_my_thread(&base), GC_MALLOC(1) ? GC_DUPLICATE : 0);
  for (unsigned i = 0; i < 10; i++) GC_gcollect();
  for (unsigned i = 0; i < 6; i++) ck_assert_int_eq(GC_pthread_join(threads[i], NULL), 0);
  sigset_t all, now;
  sigfillset(&all);
  ck_assert_int_eq(GC_pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
  GC_pthread_sigmask(SIG_SETMASK, NULL, &now);
  ck_assert(sigismember(&now, SIGUSR1) && !sigismember(&now, GC_get_suspend_signal()));
}
END_TEST

static void *return_text(void *argument) {
  char *text = GC_STRDUP(argument);
  if (*text == 'e') GC_pthread_exit(text);
  return text;
}

START_TEST(results_stay_until_threads_are_joined) {
  GC_INIT();
  pthread_t threads[40];
  void *result;
  for (unsigned round = 0; round < 5; round++) {
    for (unsigned i = 0; i < 40; i++)
      ck_assert_int_eq(GC_pthread_create(&threads[i], NULL, return_text, i % 2 ? "exit" : "return"), 0);
    usleep(20000);
    collect(2);
    for (unsigned i = 0; i < 100000; i++) memset(GC_MALLOC_ATOMIC(16), 'x', 16);
    for (unsigned i = 0; i < 40; i++) {
      if (i % 8 == 7) {
        ck_assert_int_eq(GC_pthread_detach(threads[i]), 0);
        continue;
      }
      ck_assert_int_eq(GC_pthread_join(threads[i], &result), 0);
      ck_assert_str_eq(result, i % 2 ? "exit" : "return");
    }
  }
}
END_TEST

static void *active(void *argument) {
  return strcmp(argument, "blocked") ? NULL : GC_STRDUP("active");
}
static void *blocked(void *argument) {
  usleep(10000);
  return GC_call_with_gc_active(active, argument);
}
static void *locked(void *argument) {
  return *(void **)argument;
}
static void *with_base(struct GC_stack_base *base, void *data) {
  return (char *)base->mem_base > (char *)&data ? data : NULL;
}

START_TEST(blocking_and_locking) {
  GC_INIT();
  ck_assert_str_eq(GC_do_blocking(blocked, "blocked"), "active");
  void *word = &word;
  ck_assert_ptr_eq(GC_call_with_alloc_lock(locked, &word), &word);
  GC_alloc_lock();
  GC_alloc_unlock();
  ck_assert_ptr_eq(GC_call_with_stack_base(with_base, &word), &word);
}
END_TEST

static atomic_bool has_enough;
static void *collect_until(void *unused) {
  while (!has_enough) GC_gcollect();
  return unused;
}
static void *figures(void *argument) {
  struct GC_prof_stats_s *stats = argument;
  return GC_get_prof_stats_unsafe(stats, sizeof *stats) && GC_get_free_bytes() <= GC_get_heap_size() ? argument : NULL;
}

/* As bdwgc allows: a collection that another thread begins waits for the lock, and the figures do not wait for it. */
START_TEST(figures_inside_the_lock) {
  GC_INIT();
  pthread_t collecting;
  ck_assert_int_eq(GC_pthread_create(&collecting, NULL, collect_until, NULL), 0);
  struct GC_prof_stats_s stats;
  GC_word number = GC_get_gc_no();
  for (unsigned i = 0; i < 1000 || GC_get_gc_no() < number + 10; i++)
    ck_assert_ptr_eq(GC_call_with_alloc_lock(figures, &stats), &stats);
  has_enough = true;
  ck_assert_int_eq(GC_pthread_join(collecting, NULL), 0);
}
END_TEST

static void add_cases(TCase *tests) {
  tcase_add_test(tests, objects_without_gc_init);
  tcase_add_test(tests, objects_are_resized_and_freed);
  tcase_add_test(tests, uncollectable_objects_stay_until_they_are_freed);
  tcase_add_test(tests, lists_of_many);
  tcase_add_test(tests, added_roots);
  tcase_add_test(tests, static_data_is_a_root_unless_no_dls);
  tcase_add_loop_test(tests, only_starts_and_displaced_places_keep, 0, 3);
  tcase_add_test(tests, roots_that_a_function_pushes);
  tcase_add_test(tests, fibers_and_their_stack_bottoms);
  tcase_add_test(tests, switches_nest);
  tcase_add_test(tests, what_is_freed_by_hand_is_counted);
  tcase_add_test(tests, values_at_the_beginning);
  tcase_add_test(tests, out_of_memory_may_leave_by_longjmp);
  tcase_add_test(tests, threads_created_and_registered);
  tcase_add_test(tests, results_stay_until_threads_are_joined);
  tcase_add_test(tests, blocking_and_locking);
  tcase_add_test(tests, figures_inside_the_lock);
}

int main(void) {
  return run_cases("interface", add_cases);
}
