/* tests/api/signals.c - threads that are stopped at awkward moments: in system calls, with an object in a register only,
 * on an alternate signal stack, amid other signals, or not at all because they block the stop signal.
 */
#include "support.h"
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static sem_t ready, go;

static void start_thread(pthread_t *thread, void *fn(void *), void *argument) {
  sem_init(&ready, 0, 0);
  sem_init(&go, 0, 0);
  ck_assert_int_eq(pthread_create(thread, NULL, fn, argument), 0);
  sem_wait(&ready);
}

static void collect_for(unsigned milliseconds) {
  uint64_t end_ns = now_ns() + milliseconds * UINT64_C(1000000);
  while (now_ns() < end_ns) collect();
}

/* ---- System calls ---- */

static void *read_one_byte(void *argument) {
  char byte = 0;
  struct probe *volatile held = probe_new(1);
  sem_post(&ready);
  ssize_t got = read(*(int *)argument, &byte, 1); /* plain: a stop must not show as EINTR */
  require(got == 1);
  require(byte == 'x');
  probe_check(held, 1);
  return NULL;
}

START_TEST(reads_go_on_after_a_stop) {
  int ends[2];
  pthread_t thread;
  ck_assert_int_eq(pipe(ends), 0);
  start_thread(&thread, read_one_byte, &ends[0]);
  collect_for(100);
  ck_assert_int_eq(write(ends[1], "x", 1), 1);
  pthread_join(thread, NULL);
}
END_TEST

static void *wait_on_semaphore(void *unused) {
  struct probe *volatile held = probe_new(2);
  sem_post(&ready);
  require(sem_wait(&go) == 0);
  probe_check(held, 2);
  return unused;
}

START_TEST(semaphores_go_on_after_a_stop) {
  pthread_t thread;
  start_thread(&thread, wait_on_semaphore, NULL);
  collect_for(100);
  sem_post(&go);
  pthread_join(thread, NULL);
}
END_TEST

static void *wait_for_child(void *unused) {
  require(gc_thread_attach() == 0);
  pid_t child = fork();
  if (child == 0) {
    usleep(150000);
    _exit(3);
  }
  int status = 0;
  sem_post(&ready);
  require(waitpid(child, &status, 0) == child);
  require(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  return unused;
}

START_TEST(waits_for_children_go_on_after_a_stop) {
  pthread_t thread;
  start_thread(&thread, wait_for_child, NULL);
  collect_for(100);
  pthread_join(thread, NULL);
}
END_TEST

/* The kernel ends nanosleep after a handler, whatever its flags; the rest must be right then. */
static void *sleep_to_the_end(void *unused) {
  struct probe *volatile held = probe_new(3);
  struct timespec rest = {0, 200000000};
  uint64_t start_ns = now_ns();
  sem_post(&ready);
  while (nanosleep(&rest, &rest) != 0) require(errno == EINTR);
  require(now_ns() - start_ns >= 199000000);
  probe_check(held, 3);
  return unused;
}

START_TEST(sleeps_may_be_interrupted) {
  pthread_t thread;
  start_thread(&thread, sleep_to_the_end, NULL);
  collect_for(100);
  pthread_join(thread, NULL);
}
END_TEST

static atomic_bool finished;

static void *watch_errno(void *unused) {
  require(gc_thread_attach() == 0);
  sem_post(&ready);
  while (!atomic_load(&finished)) {
    errno = 12345;
    for (volatile int i = 0; i < 1000; i++) continue;
    require(errno == 12345);
  }
  return unused;
}

START_TEST(stops_keep_errno) {
  pthread_t thread;
  start_thread(&thread, watch_errno, NULL);
  collect_for(100);
  atomic_store(&finished, true);
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(signal_mask_stays) {
  sigset_t before, after;
  sigemptyset(&before);
  sigaddset(&before, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  collect();
  gc_keep(gc_alloc(100));
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int signal = 1; signal < 32; signal++) ck_assert_int_eq(sigismember(&after, signal), signal == SIGUSR1);
}
END_TEST

/* ---- Registers ---- */

#if defined(__x86_64__) || defined(__aarch64__)
static volatile int is_held, may_leave;

/* The address exists in one register only, from the first complement to the last; is_held says when it does. */
static NOT_INLINED uintptr_t hold_in_register(uintptr_t hidden) {
#if defined(__x86_64__)
  __asm__ volatile("not %0\n movl $1, %1\n1: pause\n cmpl $0, %2\n je 1b\n not %0"
                   : "+r"(hidden), "=m"(is_held)
                   : "m"(may_leave)
                   : "cc", "memory");
#else
  int flag;
  __asm__ volatile("mvn %0, %0\n mov %w1, 1\n str %w1, %2\n1: yield\n ldr %w1, %3\n cbz %w1, 1b\n mvn %0, %0"
                   : "+r"(hidden), "=&r"(flag), "=m"(is_held)
                   : "m"(may_leave)
                   : "memory");
#endif
  return hidden;
}

/* As a copying loop of the C library holds pointers: in a vector register only. */
static NOT_INLINED uintptr_t hold_in_vector_register(uintptr_t hidden) {
#if defined(__x86_64__)
  __asm__ volatile("not %0\n movq %0, %%xmm7\n xor %0, %0\n movl $1, %1\n"
                   "1: pause\n cmpl $0, %2\n je 1b\n movq %%xmm7, %0\n not %0"
                   : "+r"(hidden), "=m"(is_held)
                   : "m"(may_leave)
                   : "cc", "memory", "xmm7");
#else
  int flag;
  __asm__ volatile("mvn %0, %0\n fmov d7, %0\n mov %0, 0\n mov %w1, 1\n str %w1, %2\n"
                   "1: yield\n ldr %w1, %3\n cbz %w1, 1b\n fmov %0, d7\n mvn %0, %0"
                   : "+r"(hidden), "=&r"(flag), "=m"(is_held)
                   : "m"(may_leave)
                   : "memory", "v7");
#endif
  return hidden;
}

struct register_test {
  uintptr_t (*hold)(uintptr_t);
  uintptr_t hidden;
};

static void *hold_and_check(void *argument) {
  struct register_test *test = argument;
  uintptr_t hidden = probe_new_hidden(9).word;
  sem_post(&ready);
  test->hidden = test->hold(hidden);
  return NULL;
}

static void check_register(uintptr_t hold(uintptr_t)) {
  uint64_t before = collect();
  struct register_test test = {hold, 0};
  pthread_t thread;
  is_held = may_leave = 0;
  start_thread(&thread, hold_and_check, &test);
  while (!is_held) usleep(100); /* between hiding and holding nothing keeps the object */
  ck_assert_uint_eq(ballasts(before, collect()), 1);
  collect_for(50);
  may_leave = 1;
  pthread_join(thread, NULL);
  probe_check(reveal((struct hidden){test.hidden}), 9);
}

START_TEST(objects_in_registers) { check_register(hold_in_register); }
END_TEST

START_TEST(objects_in_vector_registers) { check_register(hold_in_vector_register); }
END_TEST
#endif

/* ---- Copies in progress ---- */

enum { POINTER_COUNT = 512 };

static NOT_INLINED void fill_pointers(struct probe **pointers, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    pointers[i] = gc_new(struct probe);
    pointers[i]->tag = ~(uint64_t)i;
  }
}

static void *rotate_pointers(void *unused) {
  struct probe **from = gc_alloc_array(POINTER_COUNT, sizeof *from), **to = gc_alloc_array(POINTER_COUNT, sizeof *to);
  fill_pointers(from, POINTER_COUNT);
  sem_post(&ready);
  while (!atomic_load(&finished)) { /* each pointer is in one place only, or in a register of memcpy */
    for (size_t i = 0; i < POINTER_COUNT; i += 32) {
      memcpy(to + i, from + i, 32 * sizeof *to);
      memset(from + i, 0, 32 * sizeof *to);
    }
    struct probe **emptied = from;
    from = to;
    to = emptied;
    struct probe *first = from[0];
    memmove(from, from + 1, (POINTER_COUNT - 1) * sizeof *from);
    from[POINTER_COUNT - 1] = first;
  }
  uint64_t first = ~from[0]->tag;
  for (unsigned i = 0; i < POINTER_COUNT; i++) require(~from[i]->tag == (first + i) % POINTER_COUNT);
  return unused;
}

static NOT_INLINED void take_free_cells(void) {
  for (int i = 0; i < 2000; i++) {
    struct probe *probe = gc_new(struct probe);
    probe->tag = 1;
  }
}

START_TEST(copies_in_progress_keep_what_they_move) {
  pthread_t thread;
  start_thread(&thread, rotate_pointers, NULL);
  for (unsigned i = 0; i < repetitions(500); i++) {
    gc_collect(GC_COLLECT_FULL);
    take_free_cells();
  }
  atomic_store(&finished, true);
  pthread_join(thread, NULL);
}
END_TEST

/* ---- Handlers ---- */

static _Atomic(uintptr_t) handed_to_handler;

static void hold_in_handler(int signal) {
  (void)signal;
  struct probe *volatile held = reveal((struct hidden){atomic_load(&handed_to_handler)});
  atomic_store(&handed_to_handler, 0);
  sem_post(&ready);
  while (!atomic_load(&finished)) continue; /* is stopped here, on the alternate stack */
  probe_check(held, 21);
}

static void *run_handler_on_other_stack(void *unused) {
  static char room[256 * 1024];
  stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
  require(sigaltstack(&stack, NULL) == 0);
  struct probe *volatile held = probe_new(20);
  atomic_store(&handed_to_handler, hide(probe_new(21)).word);
  raise(SIGUSR1);
  probe_check(held, 20);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  return unused;
}

START_TEST(both_stacks_of_a_handler_are_scanned) {
  if (UNDER_TSAN) SKIP_TEST("the sanitizer runs handlers later, in a frame of its own");
  struct sigaction action = {.sa_handler = hold_in_handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  pthread_t thread;
  start_thread(&thread, run_handler_on_other_stack, NULL);
  for (int i = 0; i < 20; i++) {
    collect();
    probe_new((uint64_t)i);
  }
  atomic_store(&finished, true);
  pthread_join(thread, NULL);
}
END_TEST

static atomic_uint handled;

static void count_signal(int signal) {
  (void)signal;
  int saved = errno;
  atomic_fetch_add(&handled, 1);
  errno = saved;
}

static void *allocate_meanwhile(void *unused) {
  sem_post(&ready);
  while (!atomic_load(&finished)) {
    struct probe *probes[50];
    fill_pointers(probes, 50);
    for (unsigned i = 0; i < 50; i++) require(probes[i]->tag == ~(uint64_t)i);
  }
  return unused;
}

START_TEST(other_signals_during_stops) {
  struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) start_thread(&threads[i], allocate_meanwhile, NULL);
  for (unsigned i = 0; i < repetitions(1000); i++) {
    pthread_kill(threads[i % 2], SIGUSR1);
    raise(SIGALRM);
    if (i % 3 == 0) gc_collect(GC_COLLECT_FULL);
  }
  atomic_store(&finished, true);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  ck_assert_uint_gt(atomic_load(&handled), 0);
}
END_TEST

/* ---- A thread that cannot be stopped ---- */

static atomic_long deaf_thread_id;

static void *block_every_signal(void *unused) {
  require(gc_thread_attach() == 0);
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  atomic_store(&deaf_thread_id, syscall(SYS_gettid));
  sem_post(&ready);
  sem_wait(&go);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return unused;
}

/* Lets the thread go once a line has come; it never attaches itself. */
static void *wait_for_line(void *argument) {
  const struct capture *capture = argument;
  for (int i = 0; i < 600 && lseek(capture->file_fd, 0, SEEK_END) == 0; i++) usleep(50000);
  sem_post(&go);
  return NULL;
}

START_TEST(threads_that_block_the_stop_signal_are_named) {
  pthread_t deaf, helper;
  start_thread(&deaf, block_every_signal, NULL);
  struct capture capture;
  char text[2000], id[32];
  capture_begin(&capture);
  ck_assert_int_eq(pthread_create(&helper, NULL, wait_for_line, &capture), 0);
  gc_collect(GC_COLLECT_FULL); /* ends once the signal gets through */
  pthread_join(deaf, NULL);
  pthread_join(helper, NULL);
  capture_end(&capture, text, sizeof text);
  snprintf(id, sizeof id, "%ld", atomic_load(&deaf_thread_id));
  ck_assert_msg(strncmp(text, "trefoil: ", 9) == 0 && strstr(text, id) != NULL, "thread %s is not named: %s", id, text);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("signals");
  tcase_add_test(tests, reads_go_on_after_a_stop);
  tcase_add_test(tests, semaphores_go_on_after_a_stop);
  tcase_add_test(tests, waits_for_children_go_on_after_a_stop);
  tcase_add_test(tests, sleeps_may_be_interrupted);
  tcase_add_test(tests, stops_keep_errno);
  tcase_add_test(tests, signal_mask_stays);
#if defined(__x86_64__) || defined(__aarch64__)
  tcase_add_test(tests, objects_in_registers);
  tcase_add_test(tests, objects_in_vector_registers);
#endif
  tcase_add_test(tests, copies_in_progress_keep_what_they_move);
  tcase_add_test(tests, both_stacks_of_a_handler_are_scanned);
  tcase_add_test(tests, other_signals_during_stops);
  tcase_add_test(tests, threads_that_block_the_stop_signal_are_named);
  return suite_end();
}
