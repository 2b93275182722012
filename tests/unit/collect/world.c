/* tests/unit/collect/world.c - threads come and go; a stop finds each of them standing still, wherever it is. */
#include "../heap_fixture.h"
#include "collect/world.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3u

static struct heap_fixture fixture;
static struct gc__world world;

/* A thread that is attached and counts, in a way that the test chooses, until it shall end. */
struct worker {
  pthread_t thread;
  void (*turn)(struct worker *);
  struct gc__thread *self;
  volatile size_t count, inside;      /* others look while it runs: see count_of */
  const void *volatile local;         /* in the frame that runs the turns */
  const void *volatile handler_local; /* in the frame of a signal handler */
  volatile unsigned state, shall_end, stays_attached;
};

static void nap_ms(long ms) {
  nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void await(const volatile unsigned *flag, unsigned value) {
  while (gc__flag_get(flag) != value) sched_yield();
}

static void open_world(void) {
  heap_fixture_open(&fixture, 0);
  ck_assert_int_eq(gc__world_open(&world, &fixture.heap, &fixture.budget, 0), 0);
  ck_assert_int_eq(gc__world_attach(&world), 0);
}

static void close_world(void) {
  gc__world_detach(&world);
  ck_assert_uint_eq(world.thread_count, 0);
  gc__world_close(&world);
  heap_fixture_close(&fixture);
}

static void *run_worker(void *argument) {
  struct worker *worker = argument;
  size_t local = 0;
  require(gc__world_attach(&world) == 0);
  worker->self = gc__self;
  worker->local = &local;
  gc__flag_set(&worker->state, 1);
  while (!gc__flag_get(&worker->shall_end)) worker->turn(worker);
  if (!worker->stays_attached) gc__world_detach(&world);
  return NULL;
}

static void start_worker(struct worker *worker, void (*turn)(struct worker *)) {
  memset(worker, 0, sizeof *worker);
  worker->turn = turn;
  ck_assert_int_eq(pthread_create(&worker->thread, NULL, run_worker, worker), 0);
  while (gc__flag_get(&worker->state) == 0) sched_yield(); /* its first turn may have changed it already */
}

static void end_worker(struct worker *worker) {
  gc__flag_set(&worker->shall_end, 1);
  pthread_join(worker->thread, NULL);
}

static void stop(void (*fn)(void *), void *argument) {
  gc__lock_take(&world.lock);
  gc__world_stop(&world, fn, argument);
  gc__lock_give(&world.lock);
}

static bool is_scanned(const struct gc__thread *thread, const void *address) {
  struct gc__range parts[GC__STACK_PARTS_MOST];
  unsigned count = gc__world_stack_parts(thread, parts);
  require(count <= GC__STACK_PARTS_MOST);
  for (unsigned i = 0; i < count; i++)
    if ((uintptr_t)address >= parts[i].start && (uintptr_t)address < parts[i].end) return true;
  return false;
}

/* ---- Registry ---- */

START_TEST(a_thread_is_registered_while_it_is_attached) {
  int local;
  heap_fixture_open(&fixture, 0);
  ck_assert(!gc__self_is_attached());
  for (unsigned i = 0; i < GC__CURSOR_COUNT; i++) /* who is not attached finds nothing to take, and no branch */
    require(gc__cursor_bump(&gc__self->local.cursors[i]) == NULL);
  ck_assert_int_eq(gc__world_open(&world, &fixture.heap, &fixture.budget, 0), 0);
  ck_assert_int_eq(gc__world_attach(&world), 0);
  ck_assert(gc__self_is_attached() && world.first == gc__self && world.thread_count == 1);
  ck_assert((uintptr_t)&local >= gc__self->stack.start && (uintptr_t)&local < gc__self->stack.end);
  ck_assert_int_eq(gc__self->id, gc__os_thread_id());
  gc__world_detach(&world);
  ck_assert(!gc__self_is_attached() && world.first == NULL && world.thread_count == 0);
  gc__world_close(&world);
  heap_fixture_close(&fixture);
}
END_TEST

/* Unordered atomic operations: for others ThreadSanitizer takes locks, which a stopped thread may hold. */
static size_t count_of(const struct worker *worker) {
  return gc__word_peek(&worker->count);
}
static void count_up(struct worker *worker) {
  gc__word_poke(&worker->count, worker->count + 1);
}
static void set_inside(struct worker *worker, size_t inside) {
  gc__word_poke(&worker->inside, inside);
}
static bool is_inside(const struct worker *worker) {
  return gc__word_peek(&worker->inside);
}

static void count_turn(struct worker *worker) {
  count_up(worker);
}

START_TEST(slots_are_used_again) {
  struct worker workers[WORKERS];
  open_world();
  for (int round = 0; round < 10; round++) {
    for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], count_turn);
    ck_assert_uint_eq(world.thread_count, WORKERS + 1);
    for (unsigned i = WORKERS; i-- > 0;) end_worker(&workers[(i + (unsigned)round) % WORKERS]);
    ck_assert_uint_eq(world.thread_count, 1);
    ck_assert(world.first == gc__self && !gc__self->next && !gc__self->before);
  }
  ck_assert_uint_eq(world.slot_count, WORKERS + 1);
  close_world();
}
END_TEST

static void take_turn(struct worker *worker) {
  struct gc__cursor *cursor = gc__local_cursor(&worker->self->local, GC__KIND_SCANNED, 3);
  if (worker->count == 1000) return;
  count_up(worker);
  gc__world_enter(worker->self);
  while (!gc__cursor_bump(cursor)) require(gc__local_refill(&fixture.heap, &worker->self->local, GC__KIND_SCANNED, 3));
  gc__world_leave(worker->self);
}

START_TEST(what_detached_threads_did_is_summed) {
  struct worker workers[WORKERS];
  open_world();
  for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], take_turn);
  for (unsigned i = 0; i < WORKERS; i++) {
    while (count_of(&workers[i]) < 1000) sched_yield();
    end_worker(&workers[i]);
  }
  ck_assert_uint_ge(world.totals.handed_objects, WORKERS * 1000);
  ck_assert_uint_eq(world.totals.handed_bytes, world.totals.handed_objects * 64);
  close_world();
}
END_TEST

START_TEST(without_memory_nobody_is_attached) {
  heap_fixture_open(&fixture, 0);
  size_t used_bytes = fixture.budget.used_bytes;
  gc__os_fail_request(1);
  int error = gc__world_open(&world, &fixture.heap, &fixture.budget, 0);
  gc__os_fail_request(0);
  if (error) ck_assert_int_eq(error, ENOMEM);
  if (!error) gc__world_close(&world); /* with fewer addresses */
  ck_assert_int_eq(gc__world_open(&world, &fixture.heap, &fixture.budget, SIGKILL), EINVAL);
  ck_assert_int_eq(gc__world_open(&world, &fixture.heap, &fixture.budget, 0), 0);
  fixture.budget.limit_bytes = fixture.budget.used_bytes;
  gc__os_fail_request(1);
  ck_assert_int_eq(gc__world_attach(&world), ENOMEM);
  ck_assert(!gc__self_is_attached() && world.thread_count == 0);
  ck_assert_int_eq(gc__world_attach(&world), 0); /* a full heap can have another thread */
  gc__world_detach(&world);
  gc__world_close(&world);
  ck_assert_uint_eq(fixture.budget.used_bytes, used_bytes);
  heap_fixture_close(&fixture);
}
END_TEST

/* ---- Stops ---- */

static void check_standing(void *argument) {
  struct worker *workers = argument;
  size_t counts[WORKERS], local = 0;
  for (unsigned i = 0; i < WORKERS; i++) {
    counts[i] = count_of(&workers[i]);
    require(is_scanned(workers[i].self, (const void *)workers[i].local));
    require(!is_scanned(workers[i].self, &local));
  }
  nap_ms(2);
  for (unsigned i = 0; i < WORKERS; i++) require(count_of(&workers[i]) == counts[i]);
  require(is_scanned(gc__self, __builtin_frame_address(0)) || is_scanned(gc__self, argument));
}

START_TEST(all_stand_still_during_a_stop) {
  struct worker workers[WORKERS];
  open_world();
  for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], count_turn);
  for (int round = 0; round < 20; round++) {
    size_t counts[WORKERS];
    stop(check_standing, workers);
    ck_assert_uint_eq(world.stop_number % 2, 0);
    for (unsigned i = 0; i < WORKERS; i++) counts[i] = count_of(&workers[i]);
    for (unsigned i = 0; i < WORKERS; i++)
      while (count_of(&workers[i]) == counts[i]) sched_yield(); /* and run on after it */
  }
  for (unsigned i = 0; i < WORKERS; i++) end_worker(&workers[i]);
  close_world();
}
END_TEST

/* [world.nostop] */
static void section_turn(struct worker *worker) {
  gc__world_enter(worker->self);
  set_inside(worker, 1);
  for (volatile int i = 0; i < 20000; i = i + 1) continue;
  count_up(worker);
  set_inside(worker, 0);
  gc__world_leave(worker->self);
}

static void nested_section_turn(struct worker *worker) {
  gc__world_enter(worker->self);
  section_turn(worker);
  require(worker->self->no_stop == 1); /* the outer one is open still */
  gc__world_leave(worker->self);
}

static void check_outside(void *argument) {
  struct worker *workers = argument;
  for (unsigned i = 0; i < WORKERS; i++) require(!is_inside(&workers[i]) && workers[i].self->no_stop == 0);
  check_standing(argument);
}

START_TEST(a_stop_waits_for_the_end_of_a_section) {
  struct worker workers[WORKERS];
  open_world();
  for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], i == 0 ? nested_section_turn : section_turn);
  for (int round = 0; round < 30; round++) stop(check_outside, workers);
  for (unsigned i = 0; i < WORKERS; i++) end_worker(&workers[i]);
  close_world();
}
END_TEST

/* [world.blocked] */
static void *wait_in_block(void *argument) {
  struct worker *worker = argument;
  set_inside(worker, 1);
  gc__flag_set(&worker->state, 2);
  while (gc__flag_get(&worker->state) != 3) nap_ms(1);
  set_inside(worker, 0);
  return argument;
}

static void block_turn(struct worker *worker) {
  require(gc__world_block(&world, wait_in_block, worker) == worker);
  count_up(worker);
  gc__flag_set(&worker->state, 4);
  while (!gc__flag_get(&worker->shall_end)) nap_ms(1);
}

static void release_blocked(void *argument) {
  struct worker *worker = argument;
  require(is_scanned(worker->self, (const void *)worker->local));
  require(is_inside(worker)); /* it was not waited for */
  gc__flag_set(&worker->state, 3);
  nap_ms(30);
  require(!is_inside(worker) && count_of(worker) == 0); /* coming back it waits for the restart */
}

START_TEST(a_blocked_thread_is_not_waited_for) {
  struct worker worker;
  open_world();
  start_worker(&worker, block_turn);
  await(&worker.state, 2);
  ck_assert(worker.self->is_blocked);
  stop(release_blocked, &worker);
  await(&worker.state, 4);
  ck_assert(worker.count == 1 && !worker.self->is_blocked);
  end_worker(&worker);
  close_world();
}
END_TEST

static void *look_unblocked(void *argument) {
  struct worker *worker = argument;
  require(!worker->self->is_blocked);
  count_up(worker);
  return (void *)&worker->count;
}

static void *note_blocked(void *argument) {
  struct worker *worker = argument;
  require(worker->self->is_blocked);
  return gc__world_unblock(&world, look_unblocked, argument);
}

static void *nest_blocks(void *argument) {
  return gc__world_block(&world, note_blocked, argument);
}

START_TEST(blocks_nest) {
  struct worker worker = {.self = NULL};
  open_world();
  worker.self = gc__self;
  ck_assert_ptr_eq(gc__world_unblock(&world, look_unblocked, &worker), (void *)&worker.count); /* a plain call */
  ck_assert_ptr_eq(gc__world_block(&world, nest_blocks, &worker), (void *)&worker.count);
  ck_assert(!worker.self->is_blocked && worker.count == 2);
  close_world();
}
END_TEST

static void do_nothing(void *argument) {
  (void)argument;
}

START_TEST(a_thread_that_ended_without_a_word_is_found) {
  struct worker workers[WORKERS];
  open_world();
  for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], count_turn);
  workers[1].stays_attached = 1;
  end_worker(&workers[1]);
  for (int i = 0; i < 200 && world.thread_count > WORKERS; i++, nap_ms(5)) stop(do_nothing, NULL);
  ck_assert_uint_eq(world.thread_count, WORKERS); /* the main thread and two workers */
  end_worker(&workers[0]);
  end_worker(&workers[2]);
  close_world();
}
END_TEST

/* ---- Other stacks ---- */

static struct worker *volatile handled;

static void handle_signal(int number) {
  struct worker *worker = handled;
  size_t local = 0;
  (void)number;
  worker->handler_local = &local;
  gc__flag_set(&worker->state, 2);
  while (gc__flag_get(&worker->state) == 2) count_up(worker);
}

static void raise_turn(struct worker *worker) {
  stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16}, before;
  require(sigaltstack(&stack, &before) == 0);
  pthread_kill(pthread_self(), SIGUSR1);
  require(sigaltstack(&before, NULL) == 0);
  free(stack.ss_sp);
  while (!gc__flag_get(&worker->shall_end)) nap_ms(1);
}

static void check_both_stacks(void *argument) {
  struct worker *worker = argument;
  require(is_scanned(worker->self, (const void *)worker->local));
  require(is_scanned(worker->self, (const void *)worker->handler_local));
}

START_TEST(a_thread_on_its_signal_stack_has_two) {
  struct sigaction action = {.sa_handler = handle_signal, .sa_flags = SA_ONSTACK};
  struct worker worker;
  if (UNDER_TSAN) SKIP_TEST("ThreadSanitizer runs handlers later, elsewhere");
  ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
  open_world();
  handled = &worker;
  start_worker(&worker, raise_turn);
  await(&worker.state, 2);
  for (int i = 0; i < 5; i++) stop(check_both_stacks, &worker);
  gc__flag_set(&worker.state, 3);
  end_worker(&worker);
  close_world();
}
END_TEST

/* ---- Forks ---- */

START_TEST(no_section_is_entered_while_the_gate_is_closed) {
  struct worker workers[WORKERS];
  size_t counts[WORKERS];
  open_world();
  for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], section_turn);
  for (int round = 0; round < 10; round++) {
    gc__lock_take(&world.lock);
    gc__world_close_gate(&world);
    for (unsigned i = 0; i < WORKERS; i++) {
      require(!is_inside(&workers[i]));
      counts[i] = count_of(&workers[i]);
    }
    nap_ms(3);
    for (unsigned i = 0; i < WORKERS; i++) require(!is_inside(&workers[i]) && count_of(&workers[i]) == counts[i]);
    gc__world_open_gate();
    gc__lock_give(&world.lock);
    for (unsigned i = 0; i < WORKERS; i++)
      while (count_of(&workers[i]) == counts[i]) sched_yield();
  }
  for (unsigned i = 0; i < WORKERS; i++) end_worker(&workers[i]);
  close_world();
}
END_TEST

static void short_section_turn(struct worker *worker) {
  gc__world_enter(worker->self);
  count_up(worker);
  gc__world_leave(worker->self);
}

/* The stop of a closing gate can hit a thread between any two instructions on its way through the gate. */
START_TEST(a_closing_gate_waits_for_nobody_at_it) {
  struct worker workers[WORKERS];
  open_world();
  for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], i == 0 ? nested_section_turn : short_section_turn);
  for (unsigned round = 0; round < unit_repetitions(4000); round++) {
    gc__lock_take(&world.lock);
    gc__world_close_gate(&world);
    gc__world_open_gate();
    gc__lock_give(&world.lock);
  }
  for (unsigned i = 0; i < WORKERS; i++) end_worker(&workers[i]);
  close_world();
}
END_TEST

START_TEST(the_child_of_a_fork_has_one_thread) {
  struct worker workers[WORKERS];
  int status = -1;
  open_world();
  for (unsigned i = 0; i < WORKERS; i++) start_worker(&workers[i], take_turn);
  gc__lock_take(&world.lock);
  gc__world_close_gate(&world);
  pid_t child = fork();
  if (child == 0) {
    gc__world_after_fork(&world);
    gc__world_open_gate();
    gc__lock_give(&world.lock);
    bool is_right = world.thread_count == 1 && world.first == gc__self && gc__self->id == gc__os_thread_id();
    stop(do_nothing, NULL);
    _exit(is_right ? 0 : 1);
  }
  gc__world_open_gate();
  gc__lock_give(&world.lock);
  ck_assert(child > 0 && waitpid(child, &status, 0) == child);
  ck_assert_int_eq(status, 0);
  ck_assert_uint_eq(world.thread_count, WORKERS + 1);
  for (unsigned i = 0; i < WORKERS; i++) end_worker(&workers[i]);
  close_world();
}
END_TEST

UNIT_MAIN("collect/world", a_thread_is_registered_while_it_is_attached, slots_are_used_again,
          what_detached_threads_did_is_summed, without_memory_nobody_is_attached, all_stand_still_during_a_stop,
          a_stop_waits_for_the_end_of_a_section, a_blocked_thread_is_not_waited_for, blocks_nest,
          a_thread_that_ended_without_a_word_is_found, a_thread_on_its_signal_stack_has_two,
          no_section_is_entered_while_the_gate_is_closed, a_closing_gate_waits_for_nobody_at_it,
          the_child_of_a_fork_has_one_thread)
