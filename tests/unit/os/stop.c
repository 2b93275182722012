/* tests/unit/os/stop.c - the stop signal: who gets it, what it leaves alone, what comes back afterwards. */
#include "../unit.h"
#include "base/atomic.h"
#include "os/stop.h"
#include "os/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned calls, called_id;
static sigset_t blocked_meanwhile;

static void note_call(bool is_in_tsan) {
  (void)is_in_tsan;
  gc__flag_set(&called_id, (unsigned)gc__os_thread_id());
  pthread_sigmask(SIG_SETMASK, NULL, &blocked_meanwhile);
  errno = E2BIG;
  gc__flag_add(&calls, 1);
}

static void nap_ms(long ms) {
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

START_TEST(the_signal_calls_the_function) {
  int number = gc__stop_default_signal();
  ck_assert_int_eq(gc__stop_install(number, note_call), 0);
  errno = EXDEV;
  raise(number);
  ck_assert_int_eq(errno, EXDEV); /* the function changed it */
  ck_assert_uint_eq(gc__flag_get(&calls), 1);
  ck_assert_int_eq(gc__stop_send(gc__os_thread_id(), number), 0);
  ck_assert_int_eq(errno, EXDEV);
  ck_assert_uint_eq(gc__flag_get(&calls), 2);
  ck_assert_int_eq((int)gc__flag_get(&called_id), gc__os_thread_id());
  ck_assert_int_eq(sigismember(&blocked_meanwhile, SIGUSR1), 1);
  ck_assert_int_eq(sigismember(&blocked_meanwhile, SIGTERM), 1);
  ck_assert_int_eq(gc__stop_send(gc__os_thread_id(), 0), 0); /* whether it is there, without a signal */
  ck_assert_uint_eq(gc__flag_get(&calls), 2);
  gc__stop_remove(number);
}
END_TEST

/* Reads a byte that comes only after the signal. */
static void *read_pipe(void *argument) {
  int *data = argument;
  char byte = 0;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  gc__stop_unblock(gc__stop_default_signal());
  data[2] = gc__os_thread_id();
  gc__flag_add(&calls, 1);
  data[3] = read(data[0], &byte, 1) == 1 ? byte : -1;
  return NULL;
}

START_TEST(system_calls_restart) {
  int data[4] = {0, 0, 0, 0}, number = gc__stop_default_signal();
  pthread_t thread;
  ck_assert_int_eq(pipe(data), 0);
  ck_assert_int_eq(gc__stop_install(number, note_call), 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, read_pipe, data), 0);
  while (gc__flag_get(&calls) == 0) nap_ms(1);
  for (unsigned i = 2; i < 5; i++) {
    nap_ms(5);
    ck_assert_int_eq(gc__stop_send(data[2], number), 0);
    while (gc__flag_get(&calls) < i) nap_ms(1);
    ck_assert_int_eq((int)gc__flag_get(&called_id), data[2]);
  }
  ck_assert_int_eq(write(data[1], "x", 1), 1);
  pthread_join(thread, NULL);
  ck_assert_int_eq(data[3], 'x');
  gc__stop_remove(number);
}
END_TEST

static void *end_at_once(void *argument) {
  *(int *)argument = gc__os_thread_id();
  return NULL;
}

START_TEST(a_thread_that_ended_is_known) {
  int id = 0;
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, end_at_once, &id), 0);
  pthread_join(thread, NULL);
  errno = EXDEV;
  int error = 0;
  for (int i = 0; i < 1000 && !error; i++, nap_ms(1)) error = gc__stop_send(id, 0); /* the kernel may lag behind join */
  ck_assert_int_eq(error, ESRCH);
  ck_assert_int_eq(errno, EXDEV);
}
END_TEST

static volatile int own_calls;
static void own_handler(int number) {
  own_calls = own_calls + (number == SIGUSR2);
}

START_TEST(the_handler_before_comes_back) {
  struct sigaction own = {.sa_handler = own_handler};
  ck_assert_int_eq(sigaction(SIGUSR2, &own, NULL), 0);
  ck_assert_int_eq(gc__stop_install(SIGUSR2, note_call), 0);
  ck_assert_int_eq(gc__stop_send(gc__os_thread_id(), SIGUSR2), 0);
  ck_assert(calls == 1 && own_calls == 0);
  gc__stop_remove(SIGUSR2);
  ck_assert_int_eq(gc__stop_send(gc__os_thread_id(), SIGUSR2), 0);
  ck_assert(calls == 1 && own_calls == 1);
}
END_TEST

START_TEST(signals_that_cannot_be_caught_are_refused) {
  ck_assert_int_eq(gc__stop_install(SIGKILL, note_call), EINVAL);
  ck_assert_int_eq(gc__stop_install(100000, note_call), EINVAL);
}
END_TEST

UNIT_MAIN("os/stop", the_signal_calls_the_function, system_calls_restart, a_thread_that_ended_is_known,
          the_handler_before_comes_back, signals_that_cannot_be_caught_are_refused)
