/* tests/unit/collect/roots.c - ranges that are added and removed, and the list that a trace starts from. */
#include "../unit.h"
#include "collect/roots.h"

#include <errno.h>

#define PLENTY_BYTES ((size_t)1 << 30)

static struct gc__budget budget = {.limit_bytes = PLENTY_BYTES};
static struct gc__roots roots;
static struct gc__heap heap;   /* without a log */
static struct gc__world world; /* as far as the roots look at it: its threads */
static struct gc__thread threads[2];

static const struct gc__range *added(void) {
  return (const void *)roots.added_memory.start;
}

static int add(uintptr_t start, uintptr_t end) {
  return gc__roots_add(&roots, (struct gc__range){start, end});
}

static void open_roots(struct gc__range own) {
  budget.limit_bytes = PLENTY_BYTES;
  ck_assert(gc__roots_open(&roots, &budget, own, (struct gc__range){0, 0}));
}

static void close_roots(void) {
  gc__roots_close(&roots);
  ck_assert_uint_eq(budget.used_bytes, 0);
}

/* ---- Added ranges ---- */

START_TEST(ranges_are_checked) {
  open_roots((struct gc__range){0, 0});
  ck_assert_int_eq(add(1000, 1000), EINVAL);
  ck_assert_int_eq(add(1000, 900), EINVAL); /* its end wrapped */
  ck_assert_int_eq(add(1000, 2000), 0);
  ck_assert_int_eq(add(1000, 2000), EEXIST);
  ck_assert_int_eq(add(1500, 1501), EEXIST);
  ck_assert_int_eq(add(0x10, 0x10000), EEXIST);
  ck_assert_int_eq(add(1999, 3000), EEXIST);
  ck_assert_int_eq(add(500, 1001), EEXIST);
  ck_assert_int_eq(add(2000, 3000), 0); /* touches, and does not overlap */
  ck_assert_int_eq(add(500, 1000), 0);
  ck_assert_int_eq(gc__roots_remove(&roots, 1500), ENOENT);
  ck_assert_int_eq(gc__roots_remove(&roots, 0), ENOENT);
  ck_assert_int_eq(gc__roots_remove(&roots, 3000), ENOENT);
  ck_assert_int_eq(gc__roots_remove(&roots, 1000), 0);
  ck_assert_int_eq(gc__roots_remove(&roots, 1000), ENOENT);
  ck_assert_int_eq(add(1200, 1300), 0);
  ck_assert_uint_eq(roots.added_count, 3);
  close_roots();
}
END_TEST

#define SLOTS 500u

/* Ranges of one to three slots of an address space of 500, added and removed at random. */
START_TEST(random_ranges_agree_with_a_map) {
  uint64_t state = 1;
  unsigned owner[SLOTS] = {0}; /* 1 + the first slot of the range that a slot belongs to */
  size_t count = 0;
  open_roots((struct gc__range){0, 0});
  for (int step = 0; step < 20000; step++) {
    size_t first = unit_random_below(&state, SLOTS - 3), length = 1 + unit_random_below(&state, 3);
    if (unit_random(&state) & 1) {
      bool is_free = true;
      for (size_t i = first; i < first + length; i++) is_free &= !owner[i];
      require(add(4096 + 16 * first, 4096 + 16 * (first + length)) == (is_free ? 0 : EEXIST));
      for (size_t i = first; is_free && i < first + length; i++) owner[i] = (unsigned)first + 1;
      count += is_free;
    } else {
      bool is_there = owner[first] == first + 1;
      require(gc__roots_remove(&roots, 4096 + 16 * first) == (is_there ? 0 : ENOENT));
      for (size_t i = first; is_there && i < SLOTS && owner[i] == first + 1; i++) owner[i] = 0;
      count -= is_there;
    }
    require(roots.added_count == count);
    for (size_t i = 1; i < count; i++) require(added()[i - 1].end <= added()[i].start); /* sorted */
  }
  close_roots();
}
END_TEST

START_TEST(without_memory_a_range_is_refused) {
  open_roots((struct gc__range){0, 0});
  budget.limit_bytes = budget.used_bytes + 4096;
  int error = 0;
  uintptr_t at = 4096;
  for (; !error && at < 1000000; at += 16) error = add(at, at + 8);
  ck_assert_int_eq(error, ENOMEM);
  size_t count = roots.added_count;
  ck_assert_uint_ge(count, 4096 / sizeof(struct gc__range));
  ck_assert_int_eq(gc__roots_remove(&roots, 4096), 0);
  ck_assert_int_eq(add(100, 200), 0);
  ck_assert(roots.added_count == count && added()[0].start == 100);
  close_roots();
}
END_TEST

START_TEST(refused_reservations_leave_nothing) {
  unsigned refusals = 0;
  struct gc__budget none = {.limit_bytes = 0};
  for (size_t k = 1; k < 6; k++) {
    gc__os_fail_request(k);
    bool is_open = gc__roots_open(&roots, &none, (struct gc__range){0, 0}, (struct gc__range){0, 0});
    gc__os_fail_request(0);
    refusals += !is_open;
    if (is_open) gc__roots_close(&roots);
    ck_assert_uint_eq(none.used_bytes, 0);
  }
  ck_assert_uint_le(refusals, 4); /* most are had in a smaller size the second time */
}
END_TEST

/* ---- The list ---- */

static void do_nothing(void *argument) {
  (void)argument;
}

/* Refreshes the segments, and makes the list. */
static bool gather(void) {
  ck_assert(gc__segments_hold(&roots.segments, do_nothing, NULL));
  ck_assert(gc__roots_reserve(&roots, &world, &heap));
  return gc__roots_gather(&roots, &world, false);
}

/* The source of the range that holds the word at this address; -1: none does. More than one is a mistake. */
static int source_of(const void *address) {
  const struct gc__root_range *list = gc__roots_list(&roots);
  int source = -1;
  for (size_t i = 0; i < roots.count; i++) {
    require(list[i].range.start < list[i].range.end);
    require(list[i].range.start % sizeof(void *) == 0 && list[i].range.end % sizeof(void *) == 0);
    if ((uintptr_t)address < list[i].range.start || (uintptr_t)address >= list[i].range.end) continue;
    require(source == -1);
    source = (int)list[i].source;
  }
  return source;
}

static size_t static_data[200] = {1}, static_bss[200];
static _Thread_local size_t thread_local_data[200] = {1};

static void make_thread(struct gc__thread *thread, struct gc__range stack, uintptr_t stopped_at) {
  thread->stack = stack;
  thread->stopped_at = stopped_at;
  thread->thread_pointer = gc__os_thread_pointer();
  thread->next = world.first;
  world.first = thread;
  world.thread_count++;
}

START_TEST(the_list_has_a_range_for_each_source) {
  size_t *other_stack = calloc(1000, sizeof(size_t)), *given = calloc(100, sizeof(size_t)), frame[16] = {0};
  struct gc__range stack;
  ck_assert(gc__os_stack(&stack));
  open_roots((struct gc__range){0, 0});
  make_thread(&threads[0], stack, (uintptr_t)&frame[8]);
  ck_assert_int_eq(add((uintptr_t)given + 1, (uintptr_t)(given + 50) + 7), 0); /* whole words only are scanned */
  ck_assert(gather());
  ck_assert_int_eq(source_of(static_data), GC__ROOT_STATIC);
  ck_assert_int_eq(source_of(&static_bss[199]), GC__ROOT_STATIC);
  ck_assert_int_eq(source_of(&frame[8]), GC__ROOT_STACK);
  ck_assert_int_eq(source_of(&frame[7]), -1); /* below the stack pointer */
  ck_assert_int_eq(source_of((char *)stack.end - 8), GC__ROOT_STACK);
  ck_assert_int_eq(source_of(given), -1);
  ck_assert_int_eq(source_of(&given[1]), GC__ROOT_ADDED);
  ck_assert_int_eq(source_of(&given[49]), GC__ROOT_ADDED);
  ck_assert_int_eq(source_of(&given[50]), -1);
  if (gc__os_thread_pointer()) ck_assert_int_eq(source_of(&thread_local_data[199]), GC__ROOT_THREAD_LOCAL);
  ck_assert_int_eq(source_of(other_stack), -1);
  gc__roots_remove(&roots, (uintptr_t)given + 1);
  struct gc__range other = {(uintptr_t)other_stack, (uintptr_t)(other_stack + 1000)};
  make_thread(&threads[1], other, (uintptr_t)(other_stack + 600) + 3);
  threads[1].thread_pointer = threads[0].thread_pointer;
  world.first = &threads[1];
  threads[1].next = NULL;
  ck_assert(gather());
  ck_assert_int_eq(source_of(&given[1]), -1);
  ck_assert_int_eq(source_of(&other_stack[599]), -1);
  ck_assert_int_eq(source_of(&other_stack[600]), GC__ROOT_STACK);
  ck_assert_int_eq(source_of(&other_stack[999]), GC__ROOT_STACK);
  ck_assert_int_eq(source_of(&frame[8]), -1);
  close_roots();
  free(other_stack);
  free(given);
}
END_TEST

/* Static thread-local data may lie within the stack's range: it is not listed twice. */
START_TEST(thread_local_data_on_the_stack_is_listed_once) {
  if (!gc__os_thread_pointer()) SKIP_TEST("the C library's table of thread-local data is not known here");
  open_roots((struct gc__range){0, 0});
  uintptr_t start = (uintptr_t)thread_local_data & ~(uintptr_t)0xfffff;
  make_thread(&threads[0], (struct gc__range){start, start + 0x200000}, (uintptr_t)thread_local_data - 64);
  ck_assert(gather());
  ck_assert_int_eq(source_of(&thread_local_data[100]), GC__ROOT_STACK);
  close_roots();
}
END_TEST

/* [runtime.own] */
START_TEST(the_own_state_is_cut_out) {
  struct gc__range own = {(uintptr_t)&static_data[50], (uintptr_t)&static_data[100]};
  open_roots(own);
  ck_assert(gather());
  ck_assert_int_eq(source_of(&static_data[49]), GC__ROOT_STATIC);
  ck_assert_int_eq(source_of(&static_data[50]), -1);
  ck_assert_int_eq(source_of(&static_data[99]), -1);
  ck_assert_int_eq(source_of(&static_data[100]), GC__ROOT_STATIC);
  ck_assert_int_eq(source_of(&static_bss[0]), GC__ROOT_STATIC);
  close_roots();
}
END_TEST

START_TEST(a_list_that_does_not_fit_is_not_used) {
  open_roots((struct gc__range){0, 0});
  ck_assert(gather());
  const size_t more = roots.list_memory.committed_bytes / sizeof(struct gc__root_range);
  for (size_t i = 0; i < more; i++) require(add(4096 + 16 * i, 4104 + 16 * i) == 0); /* between reserve and gather */
  ck_assert(!gc__roots_gather(&roots, &world, false));
  ck_assert(gc__roots_reserve(&roots, &world, &heap));
  ck_assert(gc__roots_gather(&roots, &world, false));
  ck_assert_uint_ge(roots.count, more);
  ck_assert_int_eq(source_of((void *)(4096 + 16 * (more - 1))), GC__ROOT_ADDED);
  close_roots();
}
END_TEST

/* Or what was written could not be told of, when threads have put away what they hold already. */
START_TEST(a_list_leaves_room_for_one_more) {
  open_roots((struct gc__range){0, 0});
  ck_assert(gather());
  const size_t room = roots.list_memory.committed_bytes / sizeof(struct gc__root_range), count = roots.count;
  for (size_t i = count; i < room - 1; i++) require(add(4096 + 16 * i, 4104 + 16 * i) == 0);
  ck_assert(gc__roots_gather(&roots, &world, false));
  ck_assert_uint_eq(roots.count, room - 1);
  require(add(1024, 1032) == 0);
  ck_assert(!gc__roots_gather(&roots, &world, false));
  close_roots();
}
END_TEST

START_TEST(without_memory_no_room_is_made) {
  open_roots((struct gc__range){0, 0});
  ck_assert(gc__segments_hold(&roots.segments, do_nothing, NULL));
  budget.limit_bytes = budget.used_bytes;
  gc__os_fail_request(1);
  ck_assert(!gc__roots_reserve(&roots, &world, &heap));
  ck_assert(gather()); /* in a full heap, too */
  ck_assert_uint_gt(gc__budget_over_bytes(&budget), 0);
  budget.limit_bytes = PLENTY_BYTES;
  close_roots();
}
END_TEST

UNIT_MAIN("collect/roots", ranges_are_checked, random_ranges_agree_with_a_map, without_memory_a_range_is_refused,
          refused_reservations_leave_nothing, the_list_has_a_range_for_each_source,
          thread_local_data_on_the_stack_is_listed_once, the_own_state_is_cut_out, a_list_that_does_not_fit_is_not_used,
          a_list_leaves_room_for_one_more, without_memory_no_room_is_made)
