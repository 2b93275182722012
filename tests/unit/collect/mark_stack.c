/* tests/unit/collect/mark_stack.c - no item is lost or doubled, whoever takes it; the ends of memory. */
#include "../unit.h"
#include "collect/mark_stack.h"

#include <pthread.h>
#include <sched.h>

#define PLENTY_BYTES  ((size_t)1 << 30)
#define RESERVE_ITEMS ((size_t)1 << 22)

static struct gc__budget budget = {.limit_bytes = PLENTY_BYTES};
static struct gc__mark_stack stack, thief;

static size_t pop(struct gc__mark_stack *from) {
  return from->items[--from->top];
}

static void push_range(size_t first, size_t end) {
  for (size_t item = first; item < end; item++) require(gc__mark_stack_push(&stack, item));
}

/* ---- One thread ---- */

START_TEST(items_come_back_last_first) {
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS));
  ck_assert(!gc__mark_stack_fetch(&stack));
  push_range(0, 500000);
  for (size_t item = 500000; item-- > 0;) {
    require(gc__mark_stack_fetch(&stack));
    require(pop(&stack) == item);
  }
  ck_assert(!gc__mark_stack_fetch(&stack));
  gc__mark_stack_close(&stack);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(the_words_in_front_can_be_read) {
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS));
  for (unsigned i = 1; i <= GC__STACK_PAD; i++) ck_assert_uint_eq(stack.items[-(ptrdiff_t)i], 0);
  push_range(1, 100000); /* also after growth */
  for (unsigned i = 1; i <= GC__STACK_PAD; i++) ck_assert_uint_eq(stack.items[-(ptrdiff_t)i], 0);
  gc__mark_stack_close(&stack);
}
END_TEST

START_TEST(all_but_a_few_items_are_shared) {
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS));
  push_range(0, 1000);
  ck_assert_uint_eq(stack.shared, 0);
  gc__mark_stack_share(&stack);
  ck_assert_uint_le(stack.top - stack.split, GC__STACK_PRIVATE_MOST);
  ck_assert_uint_ge(stack.shared, 1000 - GC__STACK_PRIVATE_MOST);
  for (size_t item = 1000; item-- > 0;) { /* with nobody else there all come back, in the same order */
    require(gc__mark_stack_fetch(&stack));
    require(pop(&stack) == item);
  }
  ck_assert(!gc__mark_stack_fetch(&stack));
  ck_assert_uint_eq(stack.shared, 0);
  gc__mark_stack_close(&stack);
}
END_TEST

START_TEST(a_thief_takes_the_oldest_half) {
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS) && gc__mark_stack_open(&thief, &budget, RESERVE_ITEMS));
  push_range(0, 100);
  ck_assert_uint_eq(gc__mark_stack_steal(&thief, &stack), 0); /* nothing was shared */
  push_range(100, 400);
  gc__mark_stack_share(&stack);
  size_t shared = stack.shared, count = gc__mark_stack_steal(&thief, &stack);
  ck_assert_uint_eq(count, (shared + 1) / 2);
  ck_assert_uint_eq(stack.shared, shared - count);
  for (size_t item = count; item-- > 0;) require(pop(&thief) == item);
  stack.lock = 1; /* somebody is at it: a thief does not wait */
  ck_assert_uint_eq(gc__mark_stack_steal(&thief, &stack), 0);
  stack.lock = 0;
  size_t expected = 400;
  while (gc__mark_stack_fetch(&stack)) require(pop(&stack) == --expected);
  ck_assert_uint_eq(expected, count);
  gc__mark_stack_close(&stack);
  gc__mark_stack_close(&thief);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(a_thief_takes_no_more_than_it_has_room_for) {
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS) && gc__mark_stack_open(&thief, &budget, RESERVE_ITEMS));
  push_range(0, 10000);
  gc__mark_stack_share(&stack);
  thief.room = thief.most = 5;
  ck_assert_uint_eq(gc__mark_stack_steal(&thief, &stack), 5);
  for (size_t item = 5; item-- > 0;) require(pop(&thief) == item);
  thief.room = thief.most = 0;
  ck_assert_uint_eq(gc__mark_stack_steal(&thief, &stack), 0);
  size_t expected = 10000;
  while (gc__mark_stack_fetch(&stack)) require(pop(&stack) == --expected);
  ck_assert_uint_eq(expected, 5);
  gc__mark_stack_close(&stack);
  gc__mark_stack_close(&thief);
}
END_TEST

/* What was stolen leaves a gap, which would let a stack that is never empty grow for ever. */
START_TEST(gaps_are_closed) {
  const size_t first = 400000, most_room = first * 4;
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS) && gc__mark_stack_open(&thief, &budget, RESERVE_ITEMS));
  push_range(0, first);
  size_t pushed = first, stolen = 0;
  unsigned closed = 0;
  for (int round = 0; round < 40; round++) {
    gc__mark_stack_share(&stack);
    for (size_t taken = 0; taken < 100000;) {
      size_t count = gc__mark_stack_steal(&thief, &stack);
      require(count > 0);
      for (size_t i = 0; i < count; i++) require(thief.items[i] == stolen + i);
      thief.top = 0;
      stolen += count;
      taken += count;
    }
    size_t top = stack.top;
    gc__mark_stack_share(&stack);
    closed += stack.top < top;
    for (; pushed < stolen + first; pushed++) require(gc__mark_stack_push(&stack, pushed));
    require(stack.top - stack.steal == pushed - stolen);
  }
  ck_assert_uint_gt(closed, 3);
  ck_assert_uint_lt(stack.room, most_room);
  while (gc__mark_stack_fetch(&stack)) require(pop(&stack) == --pushed);
  ck_assert_uint_eq(pushed, stolen);
  gc__mark_stack_close(&stack);
  gc__mark_stack_close(&thief);
}
END_TEST

/* ---- The ends of memory ---- */

/* Fills the stack: a push fails then, and everything that was pushed is there. */
static size_t fill(void) {
  size_t count = 0;
  while (gc__mark_stack_push(&stack, count)) count++;
  for (int i = 0; i < 3; i++) require(!gc__mark_stack_push(&stack, 12345));
  require(stack.top == count);
  for (size_t item = count; item-- > 0;) require(pop(&stack) == item);
  return count;
}

START_TEST(a_push_fails_where_addresses_end) {
  ck_assert(gc__mark_stack_open(&stack, &budget, 20000));
  ck_assert_uint_ge(stack.most, 20000 - GC__STACK_PAD);
  ck_assert_uint_eq(fill(), stack.most);
  ck_assert_uint_eq(fill(), stack.most);
  gc__mark_stack_close(&stack);
  ck_assert(gc__mark_stack_open(&stack, &budget, 20000));
  stack.room = stack.most = 7; /* as other tests make it small */
  ck_assert_uint_eq(fill(), 7);
  gc__mark_stack_close(&stack);
}
END_TEST

START_TEST(a_push_fails_where_the_budget_ends) {
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS));
  budget.limit_bytes = (size_t)1 << 20;
  size_t count = fill();
  ck_assert(count > 1000 && count <= ((size_t)1 << 20) / sizeof(size_t));
  budget.limit_bytes = PLENTY_BYTES;
  ck_assert_uint_gt(fill(), count);
  gc__mark_stack_close(&stack);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

START_TEST(refused_memory_costs_nothing) {
  for (size_t k = 1; k <= 2; k++) { /* its addresses, its first memory */
    gc__os_fail_request(k);
    bool is_open = gc__mark_stack_open(&stack, &budget, 8192);
    gc__os_fail_request(0);
    if (is_open) gc__mark_stack_close(&stack); /* with less than it wanted */
    ck_assert_uint_eq(budget.used_bytes, 0);
  }
  struct gc__budget none = {.limit_bytes = 0};
  ck_assert(!gc__mark_stack_open(&stack, &none, RESERVE_ITEMS));
}
END_TEST

START_TEST(trimming_keeps_a_modest_size) {
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS));
  push_range(0, 3000000);
  size_t grown_bytes = budget.used_bytes;
  ck_assert_uint_ge(grown_bytes, 3000000 * sizeof(size_t));
  while (gc__mark_stack_fetch(&stack)) pop(&stack);
  gc__mark_stack_trim(&stack);
  ck_assert_uint_le(budget.used_bytes, (size_t)2 << 20);
  ck_assert_uint_ge(budget.used_bytes, stack.room * sizeof(size_t));
  push_range(0, 1000000);
  for (size_t item = 1000000; item-- > 0;) require(pop(&stack) == item);
  gc__mark_stack_trim(&stack);
  size_t kept_bytes = budget.used_bytes;
  gc__mark_stack_trim(&stack);
  ck_assert_uint_eq(budget.used_bytes, kept_bytes);
  gc__mark_stack_close(&stack);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

/* ---- Several threads ---- */

#define ITEMS   400000u
#define THIEVES 2u

static volatile uint8_t seen[ITEMS];
static volatile unsigned is_done;

static void note_seen(size_t item) {
  require(item < ITEMS);
  require(gc__byte_swap_if(&seen[item], 0, 1));
}

struct thief {
  pthread_t thread;
  struct gc__mark_stack stack;
  size_t count;
};

static void *steal_all(void *argument) {
  struct thief *self = argument;
  for (;;) {
    bool shall_end = gc__flag_get(&is_done);
    size_t count = gc__mark_stack_steal(&self->stack, &stack);
    self->count += count;
    while (gc__mark_stack_fetch(&self->stack)) note_seen(pop(&self->stack));
    if (!count && shall_end) return NULL;
  }
}

/* The owner pushes and pops like a marker does, in bursts; now and then it waits until what it shared is stolen. */
static void own(uint64_t *state) {
  size_t pushed = 0;
  for (unsigned burst = 1; pushed < ITEMS || gc__mark_stack_fetch(&stack); burst++) {
    size_t more = unit_random_below(state, 300), fewer = unit_random_below(state, 300);
    for (; more && pushed < ITEMS; more--) {
      require(gc__mark_stack_push(&stack, pushed++));
      if (stack.top - stack.split > GC__STACK_PRIVATE_MOST) gc__mark_stack_share(&stack);
    }
    while (burst % 100 == 0 && gc__word_get(&stack.shared)) sched_yield();
    for (; fewer && gc__mark_stack_fetch(&stack); fewer--) note_seen(pop(&stack));
  }
}

START_TEST(each_item_is_taken_once) {
  struct thief thieves[THIEVES];
  uint64_t state = 1;
  ck_assert(gc__mark_stack_open(&stack, &budget, RESERVE_ITEMS));
  for (unsigned i = 0; i < THIEVES; i++) {
    thieves[i] = (struct thief){.count = 0};
    ck_assert(gc__mark_stack_open(&thieves[i].stack, &budget, RESERVE_ITEMS));
    ck_assert_int_eq(pthread_create(&thieves[i].thread, NULL, steal_all, &thieves[i]), 0);
  }
  own(&state);
  gc__flag_set(&is_done, 1);
  for (unsigned i = 0; i < THIEVES; i++) {
    pthread_join(thieves[i].thread, NULL);
    gc__mark_stack_close(&thieves[i].stack);
  }
  for (size_t item = 0; item < ITEMS; item++) require(seen[item]);
  ck_assert_uint_gt(thieves[0].count + thieves[1].count, 0);
  gc__mark_stack_close(&stack);
  ck_assert_uint_eq(budget.used_bytes, 0);
}
END_TEST

UNIT_MAIN("collect/mark_stack", items_come_back_last_first, the_words_in_front_can_be_read,
          all_but_a_few_items_are_shared, a_thief_takes_the_oldest_half, a_thief_takes_no_more_than_it_has_room_for,
          gaps_are_closed, a_push_fails_where_addresses_end, a_push_fails_where_the_budget_ends,
          refused_memory_costs_nothing, trimming_keeps_a_modest_size, each_item_is_taken_once)
