/* tests/libgc/ends.c - the interface of libgc.so.1 as programs use it: finalizers, links, kinds, what is not supported.
 */
#include "support.h"

/* ---- End of life ---- */

static unsigned finalized;

static void count_finalized(void *object, void *data) {
  if (GC_base(object) != object || data != &finalized) abort();
  GC_MALLOC(100); /* finalizers allocate */
  finalized++;
}

typedef void register_fn(void *, GC_finalization_proc, void *, GC_finalization_proc *, void **);

static NOT_INLINED void make_finalizable(register_fn *fn, unsigned count) {
  DEEP();
  for (unsigned i = 0; i < count; i++) {
    GC_finalization_proc old_fn = count_finalized;
    void **object = GC_MALLOC(48), *old = object;
    object[2] = object; /* leads to itself */
    fn(object, count_finalized, &finalized, &old_fn, &old);
    if (old_fn || old) abort();
  }
}

START_TEST(finalizers_run_from_allocations) {
  GC_INIT();
  make_finalizable(_i ? GC_register_finalizer_ignore_self : GC_register_finalizer_no_order, COUNT);
  clear_stack();
  for (unsigned i = 0; i < 2000000 && finalized < COUNT - STRAY; i++) GC_MALLOC(64);
  ck_assert_uint_ge(finalized, COUNT - STRAY);
  ck_assert_uint_le(finalized, COUNT);
}
END_TEST

static unsigned notified;
static void note(void) {
  notified++;
}

START_TEST(finalizers_on_demand) {
  GC_set_finalize_on_demand(1);
  GC_INIT();
  GC_set_finalizer_notifier(note);
  make_finalizable(GC_register_finalizer_no_order, COUNT);
  collect(2);
  ck_assert_uint_eq(finalized, 0);
  ck_assert_uint_ge(notified, 1);
  ck_assert(GC_should_invoke_finalizers());
  ck_assert_int_ge(GC_invoke_finalizers(), COUNT - STRAY);
  ck_assert(!GC_should_invoke_finalizers());
  ck_assert_uint_ge(finalized, COUNT - STRAY);
}
END_TEST

START_TEST(ordered_finalizers_wait_for_their_own_pointers) {
  GC_INIT();
  make_finalizable(GC_register_finalizer, 100);
  collect(3);
  if (getenv("TREFOIL_MODE") && !strcmp(getenv("TREFOIL_MODE"), "refcount")) return;
  ck_assert_uint_le(finalized, 0);
  make_finalizable(GC_register_finalizer_unreachable, COUNT);
  collect(3);
  ck_assert_uint_ge(finalized, COUNT - STRAY);
}
END_TEST

START_TEST(finalizers_are_exchanged) {
  GC_finalization_proc fn;
  void *data, *object = GC_MALLOC(16);
  GC_REGISTER_FINALIZER_NO_ORDER(object, count_finalized, &data, NULL, NULL);
  GC_REGISTER_FINALIZER(object, NULL, NULL, &fn, &data);
  ck_assert(fn == count_finalized && data == &data);
  GC_REGISTER_FINALIZER(&fn, count_finalized, NULL, &fn, &data); /* no object: nothing happens */
  ck_assert(!fn && !data);
}
END_TEST

static NOT_INLINED void link_in_atomic(void **leaf) {
  DEEP();
  void *object = GC_MALLOC(32);
  leaf[0] = object;
  if (GC_general_register_disappearing_link(&leaf[0], object) != GC_SUCCESS) abort();
  leaf[1] = GC_MALLOC(32);
  if (GC_REGISTER_LONG_LINK(&leaf[1], leaf[1]) != GC_SUCCESS) abort();
}

START_TEST(links_disappear_move_and_end) {
  GC_INIT();
  void **leaf = GC_MALLOC_ATOMIC(64), *object = GC_MALLOC(32), **words = calloc(4, sizeof *words);
  words[0] = object;
  ck_assert_int_eq(GC_general_register_disappearing_link(&words[0], object), GC_SUCCESS);
  ck_assert_int_eq(GC_general_register_disappearing_link(&words[0], object), GC_DUPLICATE);
  ck_assert_int_eq(GC_unregister_long_link(&words[0]), 0);
  ck_assert_int_eq(GC_move_disappearing_link(&words[1], &words[2]), GC_NOT_FOUND);
  ck_assert_int_eq(GC_move_disappearing_link(&words[0], &words[1]), GC_SUCCESS);
  ck_assert_int_eq(GC_unregister_disappearing_link(&words[0]), 0);
  ck_assert_int_eq(GC_unregister_disappearing_link(&words[1]), 1);
  ck_assert_int_eq(GC_register_disappearing_link(&leaf[2]), GC_SUCCESS);
  ck_assert_int_eq(GC_unregister_disappearing_link(&leaf[2]), 1);
  for (unsigned i = 0; i < 3 && (leaf[0] || leaf[1]); i++) {
    link_in_atomic(leaf);
    collect(3);
  }
  ck_assert_ptr_null(leaf[0]);
  ck_assert_ptr_null(leaf[1]);
}
END_TEST

/* ---- Kinds ---- */

static NOT_INLINED void fill_typed(void **table, GC_descr descriptor, size_t bytes, size_t word) {
  DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    void **object = GC_MALLOC_EXPLICITLY_TYPED(bytes, descriptor);
    table[i] = object;
    object[word] = GC_MALLOC(48);
    watch(i, object[word]);
  }
}

START_TEST(descriptors_say_what_is_scanned) {
  static const struct {
    size_t bytes, word;
    bool keeps;
  } cases[] = {{32, 1, true},      {32, 2, false},  {32, 3, true},    {1600, 130, true},
               {1600, 131, false}, {1600, 3, true}, {40000, 3, true}, {40000, 4999, false}};
  prepare();
  GC_word bitmap[GC_BITMAP_SIZE(void *[200])] = {0};
  GC_set_bit(bitmap, 1);
  GC_set_bit(bitmap, 3);
  if (cases[_i].bytes > 40) GC_set_bit(bitmap, 130);
  GC_descr descriptor = GC_make_descriptor(bitmap, cases[_i].bytes > 40 ? 200 : 4);
  void **table = GC_MALLOC_UNCOLLECTABLE(COUNT * sizeof *table);
  fill_typed(table, descriptor, cases[_i].bytes, cases[_i].word);
  collect(3);
  if (cases[_i].keeps) ck_assert_uint_eq(count_alive(), COUNT);
  else ck_assert_uint_le(count_alive(), STRAY);
  ck_assert_ptr_nonnull(GC_CALLOC_EXPLICITLY_TYPED(10, 32, descriptor));
  ck_assert_ptr_null(GC_CALLOC_EXPLICITLY_TYPED(SIZE_MAX / 2, 32, descriptor));
}
END_TEST

static struct GC_ms_entry *mark_hidden(GC_word *object, struct GC_ms_entry *top, struct GC_ms_entry *limit,
                                       GC_word environment) {
  if (environment != 5) abort();
  if (!object[0]) return top;
  return GC_MARK_AND_PUSH(GC_REVEAL_POINTER(object[0]), top, limit, (void **)object);
}

static NOT_INLINED void fill_kind(void **table, int kind, size_t bytes) {
  DEEP();
  for (unsigned i = 0; i < COUNT; i++) {
    GC_word *object = GC_generic_malloc(bytes, kind);
    void *kept = GC_MALLOC(48);
    table[i] = object;
    object[0] = GC_HIDE_POINTER(kept);
    watch(i, kept);
  }
}

START_TEST(kinds_with_mark_procedures) {
  prepare();
  GC_INIT();
  unsigned procedure = GC_new_proc(mark_hidden);
  ck_assert_uint_eq(procedure, GC_RESERVED_MARK_PROCS);
  int kind = (int)GC_new_kind(GC_new_free_list(), GC_MAKE_PROC(procedure, 5), 0, 1);
  ck_assert_int_eq(kind, 4);
  int plain = (int)GC_new_kind(GC_new_free_list(), GC_DS_LENGTH, 1, 1);
  void **table = GC_MALLOC_UNCOLLECTABLE(COUNT * sizeof *table), *list;
  fill_kind(table, kind, _i ? 10000 : 32);
  for (unsigned i = 0; i < 300000; i++) GC_MALLOC(64);
  collect(2);
  ck_assert_uint_eq(count_alive(), COUNT);
  memset(table, 0, COUNT * sizeof *table);
  GC_reachable_here(table);
  collect(3);
  ck_assert_uint_le(count_alive(), STRAY);
  GC_generic_malloc_many(64, GC_I_PTRFREE, &list);
  ck_assert(list && GC_NEXT(list));
  ck_assert_ptr_nonnull(GC_generic_malloc(20, plain));
  size_t bytes;
  ck_assert_int_eq(GC_get_kind_and_size(list, &bytes), GC_I_PTRFREE);
  ck_assert_uint_ge(bytes, 64);
}
END_TEST

/* ---- What is not supported, and what is wrong ---- */

/* What a function writes to standard error, in a child; how the child ended. */
static int capture(void (*fn)(void), char *text, size_t room) {
  int ends[2], status;
  ck_assert_int_eq(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    fn();
    _exit(0);
  }
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got; (got = read(ends[0], text + length, room - 1 - length)) > 0;) length += (size_t)got;
  text[length] = 0;
  close(ends[0]);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  return status;
}

static void call_unsupported(void) {
  struct GC_finalizer_closure closure = {count_finalized, NULL};
  for (unsigned i = 0; i < 2; i++)
    if (GC_finalized_malloc(16, &closure)) abort();
  if (GC_toggleref_add(GC_MALLOC(1), 1) != GC_NO_MEMORY) abort();
}
static void free_inside(void) {
  GC_FREE((char *)GC_MALLOC(100) + 16);
}
static void ask_for_refcount(void) {
  setenv("TREFOIL_MODE", "refcount", 1);
  GC_INIT();
  GC_new_proc(mark_hidden);
  GC_MALLOC(1);
}
static void ask_too_late(void) {
  setenv("TREFOIL_MODE", "refcount", 1);
  GC_MALLOC(1);
  GC_new_proc(mark_hidden);
}

START_TEST(what_cannot_be_done_is_said) {
  char text[2000];
  int status = capture(call_unsupported, text, sizeof text);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ck_assert_str_eq(text, "trefoil: libgc: GC_finalized_malloc is not supported: use GC_register_finalizer_no_order\n"
                         "trefoil: libgc: GC_toggleref_add is not supported: use disappearing links\n");
  status = capture(free_inside, text, sizeof text);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  ck_assert_ptr_nonnull(strstr(text, "points 16 bytes into the object at"));
  status = capture(ask_for_refcount, text, sizeof text);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ck_assert_str_eq(text, "trefoil: mode refcount cannot serve this program: mark procedures (GC_new_proc) cannot be "
                         "counted; generational is taken\n");
  status = capture(ask_too_late, text, sizeof text);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  ck_assert_ptr_nonnull(strstr(text, "use TREFOIL_MODE=generational"));
}
END_TEST

static void add_cases(TCase *tests) {
  tcase_add_loop_test(tests, finalizers_run_from_allocations, 0, 2);
  tcase_add_test(tests, finalizers_on_demand);
  tcase_add_test(tests, ordered_finalizers_wait_for_their_own_pointers);
  tcase_add_test(tests, finalizers_are_exchanged);
  tcase_add_test(tests, links_disappear_move_and_end);
  tcase_add_loop_test(tests, descriptors_say_what_is_scanned, 0, 8);
  tcase_add_loop_test(tests, kinds_with_mark_procedures, 0, 2);
  tcase_add_test(tests, what_cannot_be_done_is_said);
}

int main(void) {
  return run_cases("ends", add_cases);
}
