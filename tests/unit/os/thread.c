/* tests/unit/os/thread.c - stacks, mapped ranges, signal stacks, thread-local data and helpers. */
#include "../unit.h"
#include "os/memory.h"
#include "os/thread.h"

#include <link.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool contains(struct gc__range range, const void *address) {
  return (uintptr_t)address >= range.start && (uintptr_t)address < range.end;
}

START_TEST(the_process_is_known) {
  cpu_set_t one, all;
  ck_assert_uint_ge(gc__os_processors(), 1);
  ck_assert_int_eq(gc__os_process_id(), (int)getpid());
  ck_assert_int_eq(gc__os_thread_id(), (int)getpid());
  ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
  ck_assert_uint_eq(gc__os_processors(), (unsigned)CPU_COUNT(&all));
  int cpu = 0;
  while (!CPU_ISSET(cpu, &all)) cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
  ck_assert_uint_eq(gc__os_processors(), 1);
}
END_TEST

/* ---- Stacks ---- */

static __attribute__((noinline)) bool is_inside_when_deep(unsigned depth) {
  volatile char frame[4096];
  struct gc__range stack;
  frame[0] = (char)depth;
  if (depth) return is_inside_when_deep(depth - 1) && frame[0] == (char)depth;
  return gc__os_stack(&stack) && contains(stack, (const void *)frame);
}

static void check_own_stack(void) {
  int local = 0;
  struct gc__range stack;
  require(gc__os_stack(&stack));
  require(contains(stack, &local));
  require(contains(stack, __builtin_frame_address(0)));
}

START_TEST(the_main_stack_is_found) {
  extern char **environ;
  struct gc__range stack, deep;
  struct rlimit limit;
  check_own_stack();
  ck_assert(gc__os_stack(&stack));
  ck_assert_int_eq(getrlimit(RLIMIT_STACK, &limit), 0);
  if (limit.rlim_cur != RLIM_INFINITY) ck_assert_uint_le(stack.end - stack.start, limit.rlim_cur);
  ck_assert(is_inside_when_deep(256)); /* a place to which it has grown on demand */
  ck_assert(gc__os_stack(&deep));
  ck_assert(deep.start == stack.start && deep.end == stack.end);
}
END_TEST

static void *look_at_own_stack(void *argument) {
  check_own_stack();
  require(is_inside_when_deep(4));
  require(gc__os_stack(argument));
  return NULL;
}

START_TEST(the_stack_of_a_thread_is_found) {
  struct gc__range stack, main_stack;
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, look_at_own_stack, &stack), 0);
  pthread_join(thread, NULL);
  ck_assert(gc__os_stack(&main_stack));
  ck_assert(stack.end <= main_stack.start || stack.start >= main_stack.end);
}
END_TEST

START_TEST(a_stack_that_the_program_gave_is_found) {
  const size_t bytes = (size_t)1 << 20;
  struct gc__range stack;
  pthread_attr_t attributes;
  pthread_t thread;
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  pthread_attr_init(&attributes);
  ck_assert_int_eq(pthread_attr_setstack(&attributes, memory, bytes), 0);
  ck_assert_int_eq(pthread_create(&thread, &attributes, look_at_own_stack, &stack), 0);
  pthread_join(thread, NULL);
  ck_assert_uint_ge(stack.start, (uintptr_t)memory);
  ck_assert_uint_eq(stack.end, (uintptr_t)memory + bytes);
}
END_TEST

/* In the child the thread that forked is the first thread, but still on the stack on which it was. */
static void *fork_here(void *argument) {
  pid_t child = fork();
  if (child == 0) {
    struct gc__range stack;
    _exit(gc__os_stack(&stack) && contains(stack, &stack) ? 0 : 1);
  }
  waitpid(child, argument, 0);
  return NULL;
}

START_TEST(the_stack_of_a_forked_thread_is_found) {
  int status = -1;
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, fork_here, &status), 0);
  pthread_join(thread, NULL);
  ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(mapped_ranges_end_at_a_hole) {
  size_t page_bytes = gc__os_page_bytes();
  char *memory = mmap(NULL, 16 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  uintptr_t start = (uintptr_t)memory, hole = start + 5 * page_bytes, end = start + 12 * page_bytes;
  ck_assert_int_eq(munmap((void *)hole, page_bytes), 0);
  ck_assert_int_eq(munmap((void *)end, page_bytes), 0);
  ck_assert_uint_eq(gc__os_mapped_from(start, end), hole + page_bytes);
  ck_assert_uint_eq(gc__os_mapped_from(start, end - 100), hole + page_bytes);
  ck_assert_uint_eq(gc__os_mapped_from(hole + 3 * page_bytes, end), hole + 3 * page_bytes);
  ck_assert_uint_eq(gc__os_mapped_from(start, hole), start);
  ck_assert_uint_eq(gc__os_mapped_to(start, end), hole);
  ck_assert_uint_eq(gc__os_mapped_to(start + 8, end), hole);
  ck_assert_uint_eq(gc__os_mapped_to(hole + page_bytes, end + 3 * page_bytes), end);
  ck_assert_uint_eq(gc__os_mapped_to(start, start + 2 * page_bytes), start + 2 * page_bytes);
  ck_assert_uint_eq(gc__os_mapped_to(start, start + 24), start + 24);
}
END_TEST

static volatile bool was_inside;

static void look_at_signal_stack(int number) {
  (void)number;
  was_inside = contains(gc__os_signal_stack(), __builtin_frame_address(0));
}

START_TEST(the_signal_stack_is_found) {
  static char memory[1 << 16];
  stack_t none = {.ss_flags = SS_DISABLE}, given = {.ss_sp = memory, .ss_size = sizeof memory};
  ck_assert_int_eq(sigaltstack(&none, NULL), 0); /* sanitizers set one */
  struct gc__range stack = gc__os_signal_stack();
  ck_assert_uint_eq(stack.start, stack.end);
  ck_assert_int_eq(sigaltstack(&given, NULL), 0);
  stack = gc__os_signal_stack();
  ck_assert(stack.start == (uintptr_t)memory && stack.end == (uintptr_t)memory + sizeof memory);
  struct sigaction action = {.sa_handler = look_at_signal_stack, .sa_flags = SA_ONSTACK};
  ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
  raise(SIGUSR1);
  ck_assert(was_inside);
}
END_TEST

/* ---- Thread-local data ---- */

static _Thread_local size_t initialized_local = 0x1234, zero_local[100];

struct tls_facts {
  size_t id, bytes;
};

static int note_program(struct dl_phdr_info *object, size_t size, void *argument) {
  struct tls_facts *facts = argument;
  (void)size;
  for (size_t i = 0; i < object->dlpi_phnum; i++)
    if (object->dlpi_phdr[i].p_type == PT_TLS)
      *facts = (struct tls_facts){object->dlpi_tls_modid, object->dlpi_phdr[i].p_memsz};
  return 1; /* the program comes first */
}

struct sleeper {
  const void *thread_pointer;
  size_t *initialized, *zero;
  pthread_barrier_t barrier;
};

static void *sleep_with_locals(void *argument) {
  struct sleeper *sleeper = argument;
  initialized_local = 0x5678;
  zero_local[99] = 0x9abc;
  sleeper->thread_pointer = gc__os_thread_pointer();
  sleeper->initialized = &initialized_local;
  sleeper->zero = &zero_local[99];
  pthread_barrier_wait(&sleeper->barrier);
  pthread_barrier_wait(&sleeper->barrier);
  return NULL;
}

START_TEST(thread_local_data_is_found) {
  struct tls_facts facts = {0, 0};
  struct sleeper sleeper;
  pthread_t thread;
  const void *own = gc__os_thread_pointer();
  if (!own) SKIP_TEST("the C library's table of thread-local data is not known here");
  dl_iterate_phdr(note_program, &facts);
  ck_assert_uint_ne(facts.id, 0);
  struct gc__range range = gc__os_thread_local(own, facts.id, facts.bytes);
  ck_assert(contains(range, &initialized_local) && contains(range, &zero_local[99]));
  ck_assert_uint_eq(range.end - range.start, facts.bytes);
  pthread_barrier_init(&sleeper.barrier, NULL, 2);
  ck_assert_int_eq(pthread_create(&thread, NULL, sleep_with_locals, &sleeper), 0);
  pthread_barrier_wait(&sleeper.barrier);
  range = gc__os_thread_local(sleeper.thread_pointer, facts.id, facts.bytes);
  ck_assert(contains(range, sleeper.initialized) && contains(range, sleeper.zero));
  ck_assert(!contains(range, &initialized_local));
  ck_assert(*sleeper.initialized == 0x5678 && *sleeper.zero == 0x9abc && initialized_local == 0x1234);
  pthread_barrier_wait(&sleeper.barrier);
  pthread_join(thread, NULL);
}
END_TEST

START_TEST(thread_local_data_that_is_not_there_is_empty) {
  const void *own = gc__os_thread_pointer();
  struct gc__range range = gc__os_thread_local(own, 0, 64);
  ck_assert_uint_eq(range.start, range.end);
  range = gc__os_thread_local(own, 60000, 64);
  ck_assert_uint_eq(range.start, range.end);
  range = gc__os_thread_local(own, 1, 0);
  ck_assert_uint_eq(range.start, range.end);
}
END_TEST

/* ---- Helpers ---- */

struct helper_facts {
  sigset_t blocked;
  void *argument;
};

static void *look_at_signals(void *argument) {
  struct helper_facts *facts = argument;
  pthread_sigmask(SIG_SETMASK, NULL, &facts->blocked);
  facts->argument = argument;
  return argument;
}

START_TEST(helpers_block_all_signals) {
  struct helper_facts facts;
  sigset_t before, after;
  pthread_t thread;
  void *result;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  ck_assert_int_eq(gc__os_helper_start(&thread, look_at_signals, &facts, "unit-helper-123"), 0);
  pthread_join(thread, &result);
  ck_assert(result == &facts && facts.argument == &facts);
  for (int number = 1; number < 32; number++)
    if (number != SIGKILL && number != SIGSTOP) ck_assert_int_eq(sigismember(&facts.blocked, number), 1);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int number = 1; number < 32; number++)
    ck_assert_int_eq(sigismember(&before, number), sigismember(&after, number));
}
END_TEST

UNIT_MAIN("os/thread", the_process_is_known, the_main_stack_is_found, the_stack_of_a_thread_is_found,
          a_stack_that_the_program_gave_is_found, the_stack_of_a_forked_thread_is_found, mapped_ranges_end_at_a_hole,
          the_signal_stack_is_found, thread_local_data_is_found, thread_local_data_that_is_not_there_is_empty,
          helpers_block_all_signals)
