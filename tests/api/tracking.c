/* tests/api/tracking.c - how writes to old objects are noticed: what is chosen, what is missing, and that a program
 * goes on as before under each way: with its own signals, in a child, with the one pointer to an object in a large
 * array.
 */
#include "support.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct node {
  struct node *next;
  uint64_t tag;
};

static struct gc_options options_with(enum gc_mode mode, enum gc_tracking tracking) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.mode = mode;
  options.tracking = tracking;
  return options;
}

/* gc_init, and what it says on standard error. */
static int start(const struct gc_options *options, char *text, size_t room) {
  struct capture capture;
  capture_begin(&capture);
  int error = gc_init(options);
  capture_end(&capture, text, room);
  return error;
}

static NOT_INLINED void churn_and_collect(void) {
  for (int i = 0; i < 3; i++) {
    for (int k = 0; k < 3000; k++) require(gc_new(struct node)->tag == 0);
    gc_collect(GC_COLLECT_MINOR);
  }
}

/* ---- What is chosen ---- */

START_TEST(tracking_is_what_was_asked_for) {
  static const enum gc_tracking asked[] = {GC_TRACK_PAGES, GC_TRACK_PROTECT, GC_TRACK_BARRIER, GC_TRACK_NONE};
  char text[1000];
  forget_environment();
  for (unsigned i = 0; i < sizeof asked / sizeof asked[0]; i++) {
    struct gc_options options = options_with(GC_GENERATIONAL, asked[i]);
    int error = start(&options, text, sizeof text);
    if (error == ENOTSUP && asked[i] <= GC_TRACK_PROTECT) { /* this machine cannot */
      ck_assert_uint_eq(count_lines(text), 1);
      continue;
    }
    ck_assert_int_eq(error, 0);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(gc_tracking(), asked[i]);
    churn_and_collect();
    ck_assert_int_eq(gc_shutdown(), 0);
    options.mode = GC_MARK_SWEEP; /* needs none of it */
    ck_assert_int_eq(gc_init(&options), 0);
    ck_assert_int_eq(gc_tracking(), GC_TRACK_NONE);
    ck_assert_int_eq(gc_shutdown(), 0);
  }
  struct gc_options options = options_with(GC_GENERATIONAL, GC_TRACK_AUTO);
  ck_assert_int_eq(start(&options, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
  ck_assert(gc_tracking() == GC_TRACK_PAGES || gc_tracking() == GC_TRACK_NONE);
}
END_TEST

START_TEST(a_promise_of_barriers_leaves_the_choice_to_the_environment) {
  static const struct {
    const char *name;
    enum gc_tracking tracking;
  } choices[] = {{"barrier", GC_TRACK_BARRIER}, {"none", GC_TRACK_NONE}, {"pages", GC_TRACK_PAGES}};
  struct gc_options options = options_with(GC_GENERATIONAL, GC_TRACK_BARRIER);
  char text[1000];
  forget_environment();
  for (unsigned i = 0; i < sizeof choices / sizeof choices[0]; i++) {
    setenv("TREFOIL_TRACKING", choices[i].name, 1);
    ck_assert_int_eq(start(&options, text, sizeof text), 0);
    if (text[0] == '\0') ck_assert_int_eq(gc_tracking(), choices[i].tracking);
    else ck_assert_int_eq(choices[i].tracking, GC_TRACK_PAGES); /* this machine cannot */
    ck_assert_int_eq(gc_shutdown(), 0);
  }
}
END_TEST

/* ---- A machine that cannot ---- */

/* Makes a system call fail from now on: with EPERM. */
static bool forbid(unsigned number) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { NO_FILTER = 77 };

#define expect(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: '%s' does not hold\n", __FILE__, __LINE__, #condition);                                  \
      _exit(1);                                                                                                        \
    }                                                                                                                  \
  } while (0)

static void ask_by_options(void *argument) {
  (void)argument;
  if (!forbid(SYS_userfaultfd)) _exit(NO_FILTER);
  struct gc_options options = options_with(GC_GENERATIONAL, GC_TRACK_PAGES);
  errno = 0;
  expect(gc_init(&options) == ENOTSUP && errno == ENOTSUP);
  options.tracking = GC_TRACK_NONE; /* another try may name what there is */
  expect(gc_init(&options) == 0 && gc_tracking() == GC_TRACK_NONE);
  churn_and_collect();
}

static void ask_by_environment(void *argument) {
  if (!forbid(SYS_userfaultfd)) _exit(NO_FILTER);
  setenv("TREFOIL_TRACKING", "pages", 1);
  struct gc_options options = options_with(GC_GENERATIONAL, *(const enum gc_tracking *)argument);
  expect(gc_init(&options) == 0 && gc_tracking() == GC_TRACK_NONE);
  churn_and_collect();
}

static void ask_for_nothing(void *argument) {
  (void)argument;
  if (!forbid(SYS_userfaultfd)) _exit(NO_FILTER);
  expect(gc_tracking() == GC_TRACK_NONE && gc_mode() == GC_GENERATIONAL);
  churn_and_collect();
}

static void ask_for_protection(void *argument) {
  (void)argument;
  if (!forbid(SYS_userfaultfd)) _exit(NO_FILTER);
  struct gc_options options = options_with(GC_GENERATIONAL, GC_TRACK_PROTECT);
  expect(gc_init(&options) == 0 && gc_tracking() == GC_TRACK_PROTECT);
  churn_and_collect();
}

START_TEST(what_the_machine_lacks_is_named) {
  static const enum gc_tracking by_itself = GC_TRACK_AUTO, promised = GC_TRACK_BARRIER, by_name = GC_TRACK_PAGES;
  static const struct {
    void (*run)(void *);
    const enum gc_tracking *argument;
    bool is_reported;
  } cases[] = {{ask_by_options, NULL, true},          {ask_by_environment, &by_itself, true},
               {ask_by_environment, &promised, true}, {ask_by_environment, &by_name, true},
               {ask_for_nothing, NULL, false},        {ask_for_protection, NULL, false}};
  char text[1000];
  forget_environment();
  if (under_valgrind()) SKIP_TEST("there is no page protection under Valgrind");
  for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int status = run_in_child(cases[i].run, (void *)(uintptr_t)cases[i].argument, text, sizeof text);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER) SKIP_TEST("seccomp filters are not permitted here");
    if (strstr(text, "this build has no source")) SKIP_TEST("this build knows no source of written pages");
    ck_assert_msg(status == 0, "case %u: status %#x: %s", i, (unsigned)status, text);
    ck_assert_msg(count_lines(text) == (cases[i].is_reported ? 1 : 0), "case %u: %s", i, text);
    if (!cases[i].is_reported) continue;
    ck_assert_msg(strncmp(text, "trefoil: ", 9) == 0 && strstr(text, "pages") && strstr(text, "userfaultfd"), "%s",
                  text);
  }
}
END_TEST

/* ---- Faults that are the program's own. These run under the tracking of the environment. ---- */

static struct node *old_list;
enum { LIST_LENGTH = 20000 };

/* Old objects whose pages are tracked. */
static NOT_INLINED void make_old_list(void) {
  for (unsigned i = 0; i < repetitions(LIST_LENGTH); i++) {
    struct node *node = gc_new(struct node);
    *node = (struct node){old_list, i};
    old_list = node;
  }
  gc_collect(GC_COLLECT_MINOR);
  gc_collect(GC_COLLECT_MINOR);
}

static NOT_INLINED void write_old_list(uint64_t tag) {
  for (struct node *node = old_list; node; node = node->next) node->tag = tag;
}

static NOT_INLINED bool old_list_holds(uint64_t tag) {
  unsigned length = 0;
  for (struct node *node = old_list; node; node = node->next, length++)
    if (node->tag != tag) return false;
  return length == repetitions(LIST_LENGTH);
}

static struct node *volatile nothing;

static void touch_nothing(void *argument) {
  (void)argument;
  make_old_list();
  write_old_list(1);
  nothing->tag = 1;
}

START_TEST(a_null_pointer_still_ends_the_program) {
  char text[4000];
  if (UNDER_ASAN || UNDER_TSAN) SKIP_TEST("sanitizers take the signal");
  int status = run_in_child(touch_nothing, NULL, text, sizeof text);
  ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %#x: %s", (unsigned)status, text);
}
END_TEST

static sigjmp_buf faulted;
static void *volatile fault_address;

static void note_fault(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  fault_address = info->si_addr;
  siglongjmp(faulted, 1);
}

static void install_handler(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = note_fault;
  ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
}

/* A fault of the program's own reaches its handler; writes to old objects do not. */
static void check_own_faults(void) {
  char *page = shared_memory(4096);
  ck_assert_int_eq(munmap(page, 4096), 0);
  for (volatile int round = 0; round < 3; round++) {
    fault_address = NULL;
    if (sigsetjmp(faulted, 1) == 0) {
      *(volatile char *)(page + 123) = 1;
      ck_abort_msg("no fault came");
    }
    ck_assert_ptr_eq(fault_address, page + 123);
    fault_address = NULL;
    write_old_list((uint64_t)round + 7);
    gc_collect(GC_COLLECT_MINOR);
    ck_assert(old_list_holds((uint64_t)round + 7));
    ck_assert_ptr_null(fault_address);
  }
}

START_TEST(an_earlier_handler_gets_the_programs_faults) {
  if (UNDER_ASAN || UNDER_TSAN) SKIP_TEST("sanitizers take the signal");
  install_handler();
  make_old_list();
  check_own_faults();
}
END_TEST

START_TEST(a_later_handler_gets_the_programs_faults) {
  if (UNDER_ASAN || UNDER_TSAN) SKIP_TEST("sanitizers take the signal");
  gc_keep(gc_alloc(16));
  install_handler(); /* before there are old objects; from the next collection on both work */
  make_old_list();
  check_own_faults();
}
END_TEST

/* ---- Where the one pointer to a young object may be ---- */

/* Half of the list is replaced by copies, whose only pointers lie in old objects; they must be whole later. */
static NOT_INLINED bool renew_links(uint64_t tag) {
  for (int round = 0; round < 4; round++) {
    write_old_list(tag);
    for (struct node *node = old_list; node && node->next; node = node->next->next) {
      struct node *copy = gc_new(struct node);
      *copy = *node->next;
      node->next = copy;
    }
    for (int k = 0; k < 2; k++) {
      gc_collect(GC_COLLECT_MINOR);
      for (int i = 0; i < 5000; i++) gc_new(struct node)->tag = ~tag; /* takes the place of what is lost */
    }
    if (!old_list_holds(tag)) return false;
  }
  return true;
}

static void go_on_in_child(void *argument) {
  (void)argument;
  expect(renew_links(1));
  gc_collect(GC_COLLECT_FULL);
  expect(renew_links(2));
}

START_TEST(parent_and_child_both_write_old_objects) {
  char text[1000];
  make_old_list();
  enum gc_tracking tracking = gc_tracking();
  for (int round = 0; round < 2; round++) {
    int status = run_in_child(go_on_in_child, NULL, text, sizeof text);
    ck_assert_msg(status == 0, "status %#x: %s", (unsigned)status, text);
    ck_assert(renew_links(3));
  }
  ck_assert_int_eq(gc_tracking(), tracking);
}
END_TEST

enum { ARRAY_LENGTH = 300000 };
struct node *large_array[ARRAY_LENGTH]; /* not static: the compiler drops what is only written */

START_TEST(large_static_arrays_hold_young_objects) {
  enum { STEP = 997 };
  gc_keep(gc_alloc(1));
  gc_collect(GC_COLLECT_FULL);
  for (unsigned round = 0; round < 5; round++) {
    for (unsigned i = round; i < ARRAY_LENGTH; i += STEP) {
      large_array[i] = gc_new(struct node);
      large_array[i]->tag = i;
    }
    churn_and_collect();
    for (unsigned earlier = 0; earlier <= round; earlier++)
      for (unsigned i = earlier; i < ARRAY_LENGTH; i += STEP)
        require(large_array[i]->tag == i && gc_base(large_array[i]) == large_array[i]);
  }
}
END_TEST

/* ---- System calls ---- */

static bool read_into(int ends[2], char *place) {
  return write(ends[1], "x", 1) == 1 && read(ends[0], place, 1) == 1 && *place == 'x';
}

static NOT_INLINED void make_old_and_large(unsigned count, size_t bytes) {
  for (unsigned i = 0; i < count; i++) {
    held[2 * i] = gc_alloc(bytes);
    held[2 * i + 1] = gc_alloc_leaf(bytes);
  }
  for (int i = 0; i < 3; i++) gc_collect(GC_COLLECT_MINOR);
}

/* Only old objects that may hold pointers need gc_will_write, whatever lay in their place, or lies beside them. */
START_TEST(system_calls_write_into_leaves_and_young_objects) {
  static const size_t sizes[] = {100, 3000, 12000, 100000, 2000000};
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  for (unsigned k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    unsigned count = sizes[k] < 1000000 ? 100 : 20;
    for (int round = 0; round < 3; round++) {
      make_old_and_large(count, sizes[k]);
      for (unsigned i = 0; i < count; i++) {
        require(read_into(ends, (char *)held[2 * i + 1] + sizes[k] / 2));
        gc_will_write((char *)held[2 * i] + sizes[k] / 2, 1);
        require(read_into(ends, (char *)held[2 * i] + sizes[k] / 2));
      }
      memset(held, 0, sizeof held[0] * 2 * count);
      for (int i = 0; i <= round; i++) gc_collect(GC_COLLECT_FULL); /* gives memory back, in the end */
      for (unsigned i = 0; i < count; i++) {
        char *young = gc_alloc(sizes[k]);
        require(read_into(ends, young + sizes[k] / 2));
        young = gc_realloc(young, 2 * sizes[k]);
        require(read_into(ends, young + 2 * sizes[k] - 1));
      }
    }
  }
}
END_TEST

/* ---- Barriers inside the library ---- */

static atomic_bool finished;

static void *collect_meanwhile(void *unused) {
  while (!atomic_load(&finished)) {
    gc_collect(GC_COLLECT_MINOR);
    usleep(50);
  }
  return unused;
}

enum { COPY_LENGTH = 60000, COPY_STEP = 101 };

static NOT_INLINED void fill_sparse(struct node **array) {
  memset(array, 0, COPY_LENGTH * sizeof *array);
  for (unsigned i = 0; i < COPY_LENGTH; i += COPY_STEP) {
    struct node *node = gc_new(struct node);
    node->tag = i + 1;
    gc_write(&array[i], node);
  }
}

static void check_sparse(struct node **array) {
  for (unsigned i = 0; i < COPY_LENGTH; i += COPY_STEP)
    require(gc_base(array[i]) == array[i] && array[i]->tag == i + 1);
}

static void *check_argument(void *argument) {
  struct node *node = argument;
  require(gc_base(node) == node && node->tag == 77);
  return node;
}

static NOT_INLINED void start_thread_with_young(pthread_t *thread) {
  struct node *node = gc_new(struct node);
  node->tag = 77;
  ck_assert_int_eq(gc_thread_create(thread, NULL, check_argument, node), 0);
}

/* A minor collection may fall between the copy's birth and its filling: then it is old, and nothing but the library
 * knows of the pointers in it. */
START_TEST(copies_are_announced) {
  struct gc_options options = options_with(GC_GENERATIONAL, GC_TRACK_BARRIER);
  forget_environment();
  ck_assert_int_eq(gc_init(&options), 0);
  struct node **from = calloc(COPY_LENGTH, sizeof *from);
  ck_assert_int_eq(gc_roots_add(from, COPY_LENGTH * sizeof *from), 0);
  pthread_t collector;
  ck_assert_int_eq(gc_thread_create(&collector, NULL, collect_meanwhile, NULL), 0);
  for (unsigned round = 0; round < repetitions(25); round++) {
    fill_sparse(from);
    struct node **copy = gc_memdup(from, COPY_LENGTH * sizeof *from);
    memset(from, 0, COPY_LENGTH * sizeof *from);
    churn_and_collect();
    check_sparse(copy);
    fill_sparse(from);
    gc_write_range(copy, from, COPY_LENGTH * sizeof *from);
    memset(from, 0, COPY_LENGTH * sizeof *from);
    void *barrier = gc_alloc(COPY_LENGTH * sizeof *from); /* often behind the copy, which has to move then */
    copy = gc_realloc(copy, 2 * COPY_LENGTH * sizeof *copy);
    churn_and_collect();
    check_sparse(copy);
    gc_keep(barrier);
    pthread_t thread;
    void *result;
    start_thread_with_young(&thread);
    churn_and_collect();
    pthread_join(thread, &result);
    ck_assert_ptr_nonnull(result);
  }
  atomic_store(&finished, true);
  pthread_join(collector, NULL);
  ck_assert_int_eq(gc_roots_remove(from), 0);
  free(from);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("tracking");
  tcase_add_test(tests, tracking_is_what_was_asked_for);
  tcase_add_test(tests, a_promise_of_barriers_leaves_the_choice_to_the_environment);
  tcase_add_test(tests, what_the_machine_lacks_is_named);
  tcase_add_test(tests, a_null_pointer_still_ends_the_program);
  tcase_add_test(tests, an_earlier_handler_gets_the_programs_faults);
  tcase_add_test(tests, a_later_handler_gets_the_programs_faults);
  tcase_add_test(tests, parent_and_child_both_write_old_objects);
  tcase_add_test(tests, large_static_arrays_hold_young_objects);
  tcase_add_test(tests, system_calls_write_into_leaves_and_young_objects);
  tcase_add_test(tests, copies_are_announced);
  return suite_end();
}
