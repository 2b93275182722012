/* tests/api/store_order.c - [store.order] in gc/store.c: a stop at any instruction of gc_write loses nothing, nor does
 * one at any instruction of an allocation in line ([local.keep] in gc/heap/local.h).
 *
 * A thread runs with the trap flag of its processor set, so that a signal comes after each instruction. In its handler
 * it waits, at one chosen instruction a run, until another thread has made a minor collection; the handler answers the
 * stop like any other code. Where the stepped thread is inside a section of the library the collection comes only
 * later: then it goes on after a while.
 */
#include "support.h"
#include <semaphore.h>
#include <signal.h>
#include <ucontext.h>

#if defined(__x86_64__) && !defined(__ILP32__)

struct node {
  struct node *next;
  uint64_t tag;
};

enum { WAIT_NS = 3000000, STEPS_MOST = 200000, MOVED = 1100 };

static sem_t wanted;
static atomic_uint served, asked;
static atomic_bool finished;
static volatile unsigned step, chosen_step;      /* chosen_step: 0: none */
static volatile uintptr_t note_from, note_until; /* instructions in here are noted */
static unsigned noted_steps[1000];
static volatile unsigned noted_count;

static void *collect_on_demand(void *unused) {
  for (;;) {
    while (sem_wait(&wanted) != 0) continue;
    if (atomic_load(&finished)) return unused;
    gc_collect(GC_COLLECT_MINOR);
    atomic_fetch_add(&served, 1);
  }
}

static void wait_for_collection(void) {
  uint64_t end_ns = now_ns() + WAIT_NS;
  unsigned number = atomic_fetch_add(&asked, 1) + 1;
  sem_post(&wanted);
  while (atomic_load(&served) != number && now_ns() < end_ns) usleep(10);
}

static void note_step(int number, siginfo_t *info, void *context) {
  int saved = errno;
  (void)number, (void)info;
  uintptr_t at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
  if (++step == chosen_step) wait_for_collection();
  if (at >= note_from && at < note_until && noted_count < sizeof noted_steps / sizeof noted_steps[0])
    noted_steps[noted_count++] = step;
  errno = saved;
}

static inline __attribute__((always_inline)) void set_trap_flag(void) {
  __asm__ volatile("lea -256(%%rsp), %%rsp\n pushfq\n orl $0x100, (%%rsp)\n popfq\n lea 256(%%rsp), %%rsp" ::
                       : "cc", "memory");
}
static inline __attribute__((always_inline)) void clear_trap_flag(void) {
  __asm__ volatile("lea -256(%%rsp), %%rsp\n pushfq\n andl $~0x100, (%%rsp)\n popfq\n lea 256(%%rsp), %%rsp" ::
                       : "cc", "memory");
}

static pthread_t collector;

/* False: this cannot be done here. */
static bool begin(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.tracking = GC_TRACK_BARRIER;
  setenv("TREFOIL_TRACKING", "barrier", 1);
  if (under_valgrind() || UNDER_ASAN || UNDER_TSAN) return false;
  ck_assert_int_eq(gc_init(&options), 0);
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = note_step;
  ck_assert_int_eq(sigaction(SIGTRAP, &action, NULL), 0);
  sem_init(&wanted, 0, 0);
  ck_assert_int_eq(gc_thread_create(&collector, NULL, collect_on_demand, NULL), 0);
  return true;
}

static void end(void) {
  atomic_store(&finished, true);
  sem_post(&wanted);
  pthread_join(collector, NULL);
}

/* All collections that were asked for have been made. */
static void settle(void) {
  while (atomic_load(&served) != atomic_load(&asked)) usleep(100);
}

static NOT_INLINED struct hidden make_young(uint64_t tag) {
  STAY_DEEP();
  struct node *node = gc_new(struct node);
  node->tag = tag;
  return hide(node);
}

/* Takes the cells of what was lost. */
static NOT_INLINED void churn(void) {
  STAY_DEEP();
  for (int k = 0; k < 2; k++) {
    gc_collect(GC_COLLECT_MINOR);
    for (int i = 0; i < 300; i++) gc_new(struct node)->tag = 1;
  }
}

/* ---- One store ---- */

/* The object is known in hidden form only before. From here on the value keeps it: that is what the test is about. */
static volatile unsigned reveal_step;
static inline __attribute__((always_inline)) struct node *reveal_value(uintptr_t hidden) {
  __asm__ volatile("not %0" : "+r"(hidden));
  reveal_step = step;
  return (struct node *)hidden;
}

static NOT_INLINED void store_by_gc_write(struct node **slot, uintptr_t hidden) {
  gc_write(slot, reveal_value(hidden));
}

static NOT_INLINED void store_by_gc_written(struct node **slot, uintptr_t hidden) {
  struct node *value = reveal_value(hidden);
  *slot = value;
  gc_written(slot, sizeof *slot);
  gc_keep(value);
}

static NOT_INLINED void store_by_range(struct node **slot, uintptr_t hidden) {
  struct node *volatile value = reveal_value(hidden);
  gc_write_range(slot, (const void *)&value, sizeof *slot);
}

/* What a program must not do: the value is nowhere but in the slot when the mark comes. */
static NOT_INLINED void store_wrongly(struct node **slot, uintptr_t hidden) {
  struct node *value = reveal_value(hidden);
  __asm__ volatile("mov %0, (%1)\n xor %k0, %k0\n nop\n nop" : "+r"(value) : "r"(slot) : "memory", "cc");
  gc_written(slot, sizeof *slot);
}

typedef void store_fn(struct node **, uintptr_t);

/* Stores with a collection at that step; how many steps the store has. */
static NOT_INLINED unsigned run_store(store_fn *store, struct node **slot, struct hidden young, unsigned at) {
  stack_clear();
  chosen_step = at;
  step = 0;
  set_trap_flag();
  store(slot, young.word);
  clear_trap_flag();
  chosen_step = 0;
  settle();
  return step;
}

static NOT_INLINED bool is_whole(struct node **slot, struct hidden young, uint64_t tag) {
  return *slot == reveal(young) && gc_base(*slot) == *slot && (*slot)->tag == tag;
}

/* How many runs lost the object. */
static unsigned step_through(store_fn *store) {
  struct node **holder = gc_alloc_root(100000);
  unsigned lost = 0;
  gc_collect(GC_COLLECT_FULL);
  store(&holder[0], make_young(7).word); /* the linker's work is done */
  unsigned steps = run_store(store, &holder[1], make_young(8), 0);
  ck_assert_uint_gt(steps, reveal_step + 3);
  for (unsigned at = reveal_step + 1; at <= steps; at++)
    for (uint64_t tag = 100; tag < 102; tag++) {
      struct node **slot = &holder[at * 64 % 10000];
      struct hidden young = make_young(tag);
      run_store(store, slot, young, at);
      churn();
      lost += !is_whole(slot, young, tag);
      gc_write(slot, (struct node *)NULL);
    }
  gc_free(holder);
  return lost;
}

START_TEST(a_stop_at_any_instruction_of_a_store_loses_nothing) {
  if (!begin()) SKIP_TEST("a tool runs more instructions than the program's");
  ck_assert_uint_eq(step_through(store_by_gc_write), 0);
  ck_assert_uint_eq(step_through(store_by_gc_written), 0);
  ck_assert_uint_eq(step_through(store_by_range), 0);
  end();
}
END_TEST

START_TEST(a_store_that_drops_its_value_is_found_out) {
  if (!begin()) SKIP_TEST("a tool runs more instructions than the program's");
  ck_assert_uint_gt(step_through(store_wrongly), 0);
  end();
}
END_TEST

/* ---- Allocation in line (trefoil/inline.h) ---- */

static NOT_INLINED struct node *allocate_with_stop(unsigned at) {
  chosen_step = at;
  step = 0;
  set_trap_flag();
  struct node *node = gc_new(struct node);
  clear_trap_flag();
  chosen_step = 0;
  settle();
  return node;
}

/* The object is new, whole, and nobody else's, before and after collections. */
START_TEST(a_stop_at_any_instruction_of_an_allocation_gives_one_object) {
  if (!begin()) SKIP_TEST("a tool runs more instructions than the program's");
  struct node **holder = gc_alloc_root(100000);
  gc_new(struct node)->tag = 1;
  struct node *before = allocate_with_stop(0);
  unsigned steps = step;
  ck_assert_uint_gt(steps, 5);
  for (unsigned at = 1; at <= steps; at++)
    for (unsigned round = 0; round < 3; round++) {
      struct node *volatile node = allocate_with_stop(at);
      ck_assert(node != before && node->next == NULL && node->tag == 0 && gc_base(node) == node);
      node->tag = 7;
      gc_write(&holder[3 * at + round], node);
      churn();
      for (unsigned i = 3; i <= 3 * at + round; i++) ck_assert_uint_eq(holder[i]->tag, 7);
      before = node;
    }
  gc_free(holder);
  end();
}
END_TEST

/* ---- Overlapping moves ---- */

static NOT_INLINED void fill_young(struct node **array, uint64_t tag) {
  STAY_DEEP();
  for (unsigned i = 0; i < MOVED; i++) {
    struct node *node = gc_new(struct node);
    node->tag = tag + i;
    gc_write(&array[i], node);
  }
}

static NOT_INLINED void run_move(struct node **array, bool is_up, unsigned at) {
  stack_clear();
  chosen_step = at;
  step = 0;
  set_trap_flag();
  gc_write_range(array + is_up, array + !is_up, MOVED * sizeof *array);
  clear_trap_flag();
  chosen_step = 0;
  settle();
}

static NOT_INLINED void check_moved(struct node **array, uint64_t tag) {
  for (unsigned i = 0; i < MOVED; i++) require(gc_base(array[i]) == array[i] && array[i]->tag == tag + i);
}

/* Young ones: the collection at the chosen step is the first that meets them. */
static void move_with_stop(struct node **array, bool is_up, unsigned at) {
  uint64_t tag = 1000 * (uint64_t)at;
  fill_young(array + !is_up, tag);
  run_move(array, is_up, at);
  churn();
  check_moved(array + is_up, tag);
  gc_write_range(array, array + MOVED / 2, MOVED / 2 * sizeof *array);
}

START_TEST(a_stop_at_any_border_of_a_move_loses_nothing) {
  if (!begin()) SKIP_TEST("a tool runs more instructions than the program's");
  struct node **array = gc_alloc_root((MOVED + 1) * sizeof *array);
  gc_collect(GC_COLLECT_FULL);
  for (int is_up = 0; is_up < 2; is_up++) {
    fill_young(array + !is_up, 5);
    note_from = (uintptr_t)gc_write_range; /* and its helpers, which lie near: not the loop that moves */
    note_until = note_from + 400;
    noted_count = 0;
    run_move(array, is_up, 0);
    note_until = 0;
    check_moved(array + is_up, 5);
    unsigned total = step, count = noted_count;
    ck_assert_uint_gt(count, 20);
    for (unsigned i = 0; i < count; i += count / 25 + 1) move_with_stop(array, is_up, noted_steps[i]);
    for (unsigned i = 1; i <= 4; i++) move_with_stop(array, is_up, total * i / 5);
  }
  end();
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("store_order");
  tcase_add_test(tests, a_stop_at_any_instruction_of_a_store_loses_nothing);
  tcase_add_test(tests, a_store_that_drops_its_value_is_found_out);
  tcase_add_test(tests, a_stop_at_any_instruction_of_an_allocation_gives_one_object);
  tcase_add_test(tests, a_stop_at_any_border_of_a_move_loses_nothing);
  return suite_end();
}

#else

START_TEST(a_stop_at_any_instruction_of_a_store_loses_nothing) {
  SKIP_TEST("single steps are written for x86-64");
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("store_order");
  tcase_add_test(tests, a_stop_at_any_instruction_of_a_store_loses_nothing);
  return suite_end();
}

#endif
