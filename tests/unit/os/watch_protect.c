/* tests/unit/os/watch_protect.c - page protection: faults that are the program's own, and the limit of mappings. */
#include "base/atomic.h"
#include "watch_field.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

/* ThreadSanitizer calls handlers with masks of its own. */
#define OPEN_PROTECT(field, pages)                                                                                     \
  do {                                                                                                                 \
    const char *missing_ = field_open((field), GC__WATCH_PROTECT, (pages));                                            \
    if (missing_) SKIP_TEST(missing_);                                                                                 \
    if (UNDER_TSAN) SKIP_TEST("ThreadSanitizer changes how signals are handled");                                      \
  } while (0)

/* ---- Faults of the program ---- */

static sigjmp_buf after_fault;
static volatile uintptr_t fault_address;
static volatile int own_calls, sees_blocked;

static void leave_handler(void) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  sees_blocked = sigismember(&mask, SIGUSR1) + 2 * sigismember(&mask, SIGUSR2) + 4 * sigismember(&mask, SIGSEGV);
  own_calls = own_calls + 1;
  siglongjmp(after_fault, 1);
}

static void own_action(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  fault_address = (uintptr_t)info->si_addr;
  leave_handler();
}

static void own_handler(int number) {
  fault_address = number == SIGSEGV ? 16 : 0;
  leave_handler();
}

static void install_own(bool is_plain) {
  struct sigaction action = {.sa_flags = is_plain ? 0 : SA_SIGINFO};
  if (is_plain) action.sa_handler = own_handler;
  else action.sa_sigaction = own_action;
  sigaddset(&action.sa_mask, SIGUSR2);
  ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
}

static volatile size_t null_address;

__attribute__((no_sanitize("address", "undefined", "thread"))) static void write_to_null(void) {
  *(volatile char *)(null_address + 16) = 1;
}

/* A fault reaches the program's handler with the mask that it would have had without us. */
static void fault_once(void) {
  int before = own_calls;
  if (sigsetjmp(after_fault, 1) == 0) {
    write_to_null();
    ck_abort_msg("no fault");
  }
  ck_assert_int_eq(own_calls, before + 1);
  ck_assert_uint_eq(fault_address, 16);
  ck_assert_int_eq(sees_blocked, 2 + 4);
}

static void fault_and_write(struct field *field) {
  for (int i = 0; i < 3; i++) {
    fault_once();
    field_write(field, 2, 0);
    ck_assert(field_reports(field, {2, 3}));
  }
}

START_TEST(a_handler_that_was_there_before_gets_real_faults) {
  for (int is_plain = 0; is_plain < 2; is_plain++) {
    struct field field;
    struct sigaction now;
    install_own(is_plain);
    OPEN_PROTECT(&field, 16);
    fault_and_write(&field);
    field_close(&field);
    fault_once();
    ck_assert_int_eq(sigaction(SIGSEGV, NULL, &now), 0);
    ck_assert(is_plain ? now.sa_handler == own_handler : now.sa_sigaction == own_action);
  }
}
END_TEST

START_TEST(a_handler_that_is_installed_later_gets_real_faults) {
  for (int is_plain = 0; is_plain < 2; is_plain++) {
    struct field field;
    OPEN_PROTECT(&field, 16);
    for (int i = 0; i < 20; i++) {
      install_own(is_plain);
      ck_assert(field_reports_nothing(&field));
      fault_and_write(&field);
    }
    field_close(&field);
  }
}
END_TEST

static struct sigaction found_action;
static volatile int passed_on;

static void pass_on(int number, siginfo_t *info, void *context) {
  passed_on = passed_on + 1;
  if (passed_on > 5) _exit(9);
  if (found_action.sa_flags & SA_SIGINFO) found_action.sa_sigaction(number, info, context);
}

static void install_passing(void) {
  struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, &found_action);
}

/* As crash reporters do: a handler that calls the one which it found, ours. */
START_TEST(a_handler_that_calls_ours_calls_the_one_below_it) {
  struct field field;
  install_own(false);
  OPEN_PROTECT(&field, 16);
  install_passing();
  ck_assert(found_action.sa_flags & SA_SIGINFO);
  field_write(&field, 5, 0); /* before we notice: it hands the fault to ours */
  ck_assert_int_eq(passed_on, 1);
  ck_assert(field_reports(&field, {5, 6}));
  for (int i = 0; i < 3; i++) {
    passed_on = 0;
    fault_once();
    ck_assert_int_eq(passed_on, 1);
    field_write(&field, 5, 0);
    ck_assert_int_eq(passed_on, 1);
    ck_assert(field_reports(&field, {5, 6}));
  }
}
END_TEST

static void fault_through(void *argument) {
  (void)argument;
  write_to_null();
}

static void send_fault(void *argument) {
  (void)argument;
  kill(getpid(), SIGSEGV);
}

static void jump_there(void *argument) {
  void (*volatile fn)(void);
  memcpy((void *)&fn, &argument, sizeof fn);
  fn();
}

static void write_there(void *argument) {
  *(volatile char *)argument = 1;
}

static void read_there(void *argument) {
  (void)*(volatile char *)argument;
}

/* By the signal and not by a hang or an exit. */
static void must_die(void (*fn)(void *), void *argument) {
  char text[8192];
  int status = unit_in_child(fn, argument, text, sizeof text);
  if (UNDER_ASAN) ck_assert(status != 0); /* it reports, and exits */
  else ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %x: %s", (unsigned)status, text);
}

START_TEST(without_a_handler_faults_kill) {
  struct field field;
  OPEN_PROTECT(&field, 16);
  must_die(fault_through, NULL);
  must_die(send_fault, NULL);
  must_die(jump_there, field.start + 3 * field.page_bytes);
  gc__watch_open_pages(&field.watch, field_range(&field, 3, 4));
  must_die(jump_there, field.start + 3 * field.page_bytes);
  install_passing();
  ck_assert(field_reports(&field, {3, 4}));
  must_die(fault_through, NULL); /* passed on, and at the end the default action */
  field_close(&field);
}
END_TEST

START_TEST(what_is_not_added_faults) {
  struct field field;
  OPEN_PROTECT(&field, 16);
  char *more = gc__os_reserve(16 * field.page_bytes, field.page_bytes);
  struct gc__range outside = {(uintptr_t)more, (uintptr_t)more + 16 * field.page_bytes};
  must_die(write_there, more);
  ck_assert(!gc__watch_add(&field.watch, outside));
  gc__watch_remove(&field.watch, outside);
  field_close(&field);

  struct gc__watch watch;
  const char *missing;
  field.budget = (struct gc__budget){.limit_bytes = (size_t)1 << 24};
  ck_assert_int_eq(gc__watch_open(&watch, GC__WATCH_PROTECT, outside, &field.budget, &missing), 0);
  ck_assert(gc__os_commit(more + 8 * field.page_bytes, 4 * field.page_bytes));
  struct gc__range part = {outside.start + 8 * field.page_bytes, outside.start + 12 * field.page_bytes};
  ck_assert(gc__watch_add(&watch, part));
  gc__watch_arm(&watch, part);
  more[8 * field.page_bytes] = 1;
  must_die(write_there, more);
  must_die(read_there, more + 7 * field.page_bytes);
  must_die(write_there, more + 13 * field.page_bytes);
  gc__watch_close(&watch);
}
END_TEST

START_TEST(an_ignored_signal_is_ignored_only_when_sent) {
  struct field field;
  signal(SIGSEGV, SIG_IGN);
  OPEN_PROTECT(&field, 16);
  kill(getpid(), SIGSEGV);
  field_write(&field, 2, 0);
  ck_assert(field_reports(&field, {2, 3}));
  must_die(fault_through, NULL);
  field_close(&field);
  ck_assert(signal(SIGSEGV, SIG_DFL) == SIG_IGN);
}
END_TEST

START_TEST(errno_is_kept) {
  struct field field;
  OPEN_PROTECT(&field, 16);
  errno = EXDEV;
  field_write(&field, 2, 0);
  ck_assert_int_eq(errno, EXDEV);
  field_close(&field);
}
END_TEST

START_TEST(refusals) {
  struct field field, second;
  sigset_t set;
  OPEN_PROTECT(&field, 16);
  const char *missing = field_open(&second, GC__WATCH_PROTECT, 16);
  ck_assert(missing && strstr(missing, "another heap"));
  field_write(&field, 2, 0);
  ck_assert(field_reports(&field, {2, 3}));
  field_close(&field);
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  missing = field_open(&field, GC__WATCH_PROTECT, 16);
  ck_assert(missing && strstr(missing, "SIGSEGV"));
}
END_TEST

START_TEST(system_calls_need_open_pages) {
  struct field field;
  int ends[2];
  OPEN_PROTECT(&field, 16);
  ck_assert_int_eq(pipe(ends), 0);
  ck_assert_int_eq(write(ends[1], "xy", 2), 2);
  char *byte = field.start + 6 * field.page_bytes;
  ck_assert_int_eq(read(ends[0], byte, 1), -1);
  ck_assert_int_eq(errno, EFAULT);
  gc__watch_open_pages(&field.watch, field_range(&field, 6, 7));
  ck_assert_int_ge(read(ends[0], byte, 1), 1);
  ck_assert(field_reports(&field, {6, 7}));
  field_close(&field);
}
END_TEST

/* [watch.order] The handler is never interrupted: a signal whose handler writes as well arrives all the time. */
static struct field *alarmed;
static volatile unsigned alarms;

static void write_in_handler(int number) {
  (void)number;
  size_t page = alarms % 8;
  field_write(alarmed, page, 32);
  alarms = alarms + 1;
}

START_TEST(handlers_of_other_signals_may_write) {
  struct field field;
  OPEN_PROTECT(&field, 16);
  alarmed = &field;
  struct sigaction action = {.sa_handler = write_in_handler, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &often, NULL);
  for (unsigned round = 0; round < 20000 && (round < 2000 || alarms < 100); round++) {
    for (size_t page = 0; page < 16; page++) field_write(&field, page, 0);
    gc__watch_arm(&field.watch, field_range(&field, 0, 16));
  }
  setitimer(ITIMER_REAL, &never, NULL);
  ck_assert_uint_gt(alarms, 0);
  field_close(&field);
}
END_TEST

/* ---- The limit of mappings ---- */

#define LONE_PAGES ((size_t)40000)

START_TEST(lone_pages_beyond_the_limit_open_their_surroundings) {
  struct field field;
  OPEN_PROTECT(&field, 3 * LONE_PAGES);
  for (int round = 0; round < 2; round++) {
    size_t next = 0, most = 0;
    for (size_t i = 0; i < LONE_PAGES; i++) {
      field_write(&field, 3 * i, 8);
      if (i % 5000 == 0)
        most = field_mappings(&field, 0, field.pages) > most ? field_mappings(&field, 0, field.pages) : most;
    }
    ck_assert_uint_lt(most, field.watch.edge_limit + 100);
    const struct answer *answer = field_take(&field, 0, field.pages);
    for (size_t i = 0; i < answer->count; i++) {
      while (next < LONE_PAGES && 3 * next < answer->runs[i].end) require(3 * next++ >= answer->runs[i].first);
    }
    ck_assert_uint_eq(next, LONE_PAGES); /* each is in a run */
    ck_assert(field_reports_nothing(&field));
    ck_assert_uint_le(field_mappings(&field, 0, field.pages), 4);
    ck_assert_uint_eq(field.watch.edge_count, 2);
  }
  field_close(&field);
}
END_TEST

START_TEST(arming_stops_at_the_limit) {
  struct field field;
  OPEN_PROTECT(&field, 64);
  gc__watch_open_pages(&field.watch, field_range(&field, 0, 64));
  ck_assert_uint_eq(field.watch.edge_count, 0);
  field.watch.edge_limit = 7;
  for (size_t page = 1; page < 64; page += 2) gc__watch_arm(&field.watch, field_range(&field, page, page + 1));
  ck_assert_uint_eq(field.watch.edge_count, 6);
  ck_assert_uint_eq(field_take(&field, 1, 6)->count, 2); /* three are armed; this take closes the gaps */
  ck_assert_uint_eq(field.watch.edge_count, 2);
  field.watch.edge_limit = 1;
  for (int i = 0; i < 2; i++)
    ck_assert(answer_is(field_take(&field, 20, 30), (struct run[]){{20, 30}}, 1)); /* not armed */
  field_write(&field, 3, 0);                                                       /* opens everything */
  ck_assert_uint_eq(field.watch.edge_count, 0);
  ck_assert(field_reports(&field, {0, 64}));
  field_close(&field);
}
END_TEST

/* ---- Lent pages ---- */

static bool can_read(const struct field *field, size_t page) {
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  bool done = write(ends[1], field->start + page * field->page_bytes, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return done;
}

static bool set_protection(const struct field *field, size_t first, size_t end, int protection) {
  struct gc__range range = field_range(field, first, end);
  return mprotect((void *)range.start, range.end - range.start, protection) == 0;
}

START_TEST(lent_pages_are_left_alone) {
  struct field field;
  OPEN_PROTECT(&field, 64);
  gc__watch_lend(&field.watch, field_range(&field, 10, 14));
  field_write(&field, 10, 0); /* without a fault, from now on */
  ck_assert(set_protection(&field, 10, 14, PROT_NONE));
  field_write(&field, 9, 0);
  gc__watch_open_pages(&field.watch, field_range(&field, 0, 64));
  for (size_t page = 20; page < 30; page += 2) gc__watch_arm(&field.watch, field_range(&field, page, page + 1));
  field.watch.edge_limit = 1;
  field_write(&field, 20, 0); /* opens everything that is its own */
  ck_assert_uint_eq(field.watch.edge_count, 0);
  for (size_t page = 10; page < 14; page++) ck_assert(!can_read(&field, page));
  ck_assert(answer_is(field_take(&field, 0, 10), (struct run[]){{0, 10}}, 1));
  ck_assert(set_protection(&field, 10, 14, PROT_READ | PROT_WRITE));
  gc__watch_return(&field.watch, field_range(&field, 10, 14));
  field.watch.edge_limit = 1000;
  ck_assert(answer_is(field_take(&field, 0, 64), (struct run[]){{0, 64}}, 1));
  ck_assert(field_reports_nothing(&field));
  field_write(&field, 12, 0);
  ck_assert(field_reports(&field, {12, 13}));
  field_close(&field);
}
END_TEST

/* A thread that is opening pages all the while, and notes the page as open at the end, having looked at it before. */
static void *end_opening(void *argument) {
  struct field *field = argument;
  struct timespec some = {0, 50000000};
  nanosleep(&some, NULL);
  gc__byte_poke((volatile uint8_t *)field->watch.states.start + 3, 1);
  gc__flag_add(&field->watch.openers, (unsigned)-1);
  return NULL;
}

START_TEST(lending_waits_for_who_opens_pages) {
  struct field field;
  pthread_t thread;
  OPEN_PROTECT(&field, 16);
  gc__flag_set(&field.watch.openers, 1);
  ck_assert_int_eq(pthread_create(&thread, NULL, end_opening, &field), 0);
  gc__watch_lend(&field.watch, field_range(&field, 3, 4));
  ck_assert_uint_eq(gc__flag_get(&field.watch.openers), 0);
  pthread_join(thread, NULL);
  ck_assert(set_protection(&field, 3, 4, PROT_NONE));
  gc__watch_open_pages(&field.watch, field_range(&field, 0, 16));
  ck_assert(!can_read(&field, 3));
  ck_assert(set_protection(&field, 3, 4, PROT_READ | PROT_WRITE));
  gc__watch_return(&field.watch, field_range(&field, 3, 4));
  field_close(&field);
}
END_TEST

static volatile unsigned shall_end;

/* Every write opens all that is armed, beyond the limit of edges. */
static void *write_all_the_time(void *argument) {
  const struct field *field = argument;
  for (size_t page = 16; !gc__flag_get(&shall_end); page = page == 63 ? 16 : page + 1) field_write(field, page, 0);
  return NULL;
}

START_TEST(pages_are_lent_while_others_open_theirs) {
  struct field field;
  pthread_t threads[2];
  OPEN_PROTECT(&field, 64);
  field.watch.edge_limit = 1;
  for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, write_all_the_time, &field), 0);
  for (unsigned i = 0; i < unit_repetitions(400); i++) {
    size_t page = i % 16;
    gc__watch_arm(&field.watch, field_range(&field, 32, 64)); /* no stop is needed: nobody takes what it says */
    gc__watch_lend(&field.watch, field_range(&field, page, page + 1));
    require(set_protection(&field, page, page + 1, PROT_NONE));
    for (int j = 0; j < 5; j++) sched_yield();
    require(!can_read(&field, page));
    require(set_protection(&field, page, page + 1, PROT_READ | PROT_WRITE));
    gc__watch_return(&field.watch, field_range(&field, page, page + 1));
  }
  gc__flag_set(&shall_end, 1);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  field.watch.edge_limit = 1000;
  field_close(&field);
}
END_TEST

/* Takes every mapping that the process may have: alternating protections do not merge. */
static char *exhaust_mappings(size_t page_bytes, size_t *bytes) {
  *bytes = page_bytes * 200000;
  char *start = mmap(NULL, *bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ck_assert_ptr_ne(start, MAP_FAILED);
  for (size_t at = page_bytes; at < *bytes; at += 2 * page_bytes)
    if (mprotect(start + at, page_bytes, PROT_READ) != 0) return start;
  return NULL;
}

START_TEST(no_write_is_lost_when_the_system_refuses_mappings) {
  struct field field;
  size_t pages = 8 * GC__HUGE_PAGE_BYTES / gc__os_page_bytes(), bytes;
  OPEN_PROTECT(&field, pages);
  char *taken = exhaust_mappings(field.page_bytes, &bytes);
  if (!taken) SKIP_TEST("the system's limit of mappings is too high for this test");
  field_write(&field, 777, 0); /* neither its page nor its unit can be split off: everything is opened */
  field_write(&field, 778, 0);
  ck_assert(field_reports(&field, {0, pages}));
  field_write(&field, 20, 0);
  munmap(taken, bytes);
  const struct answer *answer = field_take(&field, 0, pages);
  ck_assert(answer->count == 1 && answer->runs[0].first <= 20 && answer->runs[0].end > 20);
  ck_assert(field_reports_nothing(&field));

  gc__watch_open_pages(&field.watch, field_range(&field, 0, pages));
  taken = exhaust_mappings(field.page_bytes, &bytes);
  gc__watch_arm(&field.watch, field_range(&field, 100, 101)); /* stays open, and writable */
  field_write(&field, 100, 0);
  ck_assert(field_reports(&field, {0, pages}));
  munmap(taken, bytes);
  field_close(&field);
}
END_TEST

UNIT_MAIN("os/watch_protect", a_handler_that_was_there_before_gets_real_faults,
          a_handler_that_is_installed_later_gets_real_faults, a_handler_that_calls_ours_calls_the_one_below_it,
          without_a_handler_faults_kill, what_is_not_added_faults, an_ignored_signal_is_ignored_only_when_sent,
          errno_is_kept, refusals, system_calls_need_open_pages, handlers_of_other_signals_may_write,
          lone_pages_beyond_the_limit_open_their_surroundings, arming_stops_at_the_limit, lent_pages_are_left_alone,
          lending_waits_for_who_opens_pages, pages_are_lent_while_others_open_theirs,
          no_write_is_lost_when_the_system_refuses_mappings)
