/* collect/mark_stack.c - see mark_stack.h. */
#include "collect/mark_stack.h"

#include <string.h>

#define FIRST_ITEMS  8192u
#define STEAL_MOST   1024u
#define AROUND_ITEMS (GC__STACK_PAD + GC__STACK_SLACK)
#define COMPACT_FROM ((size_t)64 << 10) /* stolen items below which the stack is not moved down */

bool gc__mark_stack_open(struct gc__mark_stack *stack, struct gc__budget *budget, size_t reserve_items) {
  *stack = (struct gc__mark_stack){0};
  if (!gc__region_open_most(&stack->memory, budget, reserve_items * sizeof(size_t))) return false;
  stack->most = stack->memory.reserved_bytes / sizeof(size_t) - AROUND_ITEMS;
  if (gc__mark_stack_grow(stack)) return true;
  gc__mark_stack_close(stack);
  return false;
}

void gc__mark_stack_close(struct gc__mark_stack *stack) {
  gc__region_close(&stack->memory);
}

void gc__mark_stack_trim(struct gc__mark_stack *stack) {
  stack->top = stack->split = 0;
  gc__word_poke(&stack->steal, 0);
  gc__word_poke(&stack->shared, 0);
  if (stack->room <= GC__STACK_KEPT) return;
  gc__region_trim(&stack->memory, (GC__STACK_KEPT + AROUND_ITEMS) * sizeof(size_t));
  stack->room = stack->memory.committed_bytes / sizeof(size_t) - AROUND_ITEMS;
}

bool gc__mark_stack_grow(struct gc__mark_stack *stack) {
  size_t items = stack->room ? stack->room * 2 : FIRST_ITEMS;
  if (items > stack->most) items = stack->most;
  if (items <= stack->room) return false;
  if (!gc__region_commit(&stack->memory, (items + AROUND_ITEMS) * sizeof(size_t))) return false;
  stack->items = (size_t *)(void *)stack->memory.start + GC__STACK_PAD;
  stack->room = items;
  return true;
}

static void lock_stack(struct gc__mark_stack *stack) {
  while (!gc__flag_swap_if(&stack->lock, 0, 1))
    while (gc__flag_get(&stack->lock)) gc__spin_hint();
}

static void unlock_stack(struct gc__mark_stack *stack) {
  gc__flag_set(&stack->lock, 0);
}

/* Items stolen leave a gap at the bottom; it is closed when it is larger than what lies above. */
static void close_gap(struct gc__mark_stack *stack) {
  size_t gap = gc__word_peek(&stack->steal);
  if (gap < COMPACT_FROM || gap < stack->top - gap) return;
  memmove(stack->items, stack->items + gap, (stack->top - gap) * sizeof(size_t));
  stack->top -= gap;
  stack->split -= gap;
  gc__word_poke(&stack->steal, 0);
}

void gc__mark_stack_share(struct gc__mark_stack *stack) {
  lock_stack(stack);
  close_gap(stack);
  stack->split = stack->top - GC__STACK_PRIVATE_MOST / 2;
  gc__word_poke(&stack->shared, stack->split - gc__word_peek(&stack->steal));
  unlock_stack(stack);
}

bool gc__mark_stack_fetch(struct gc__mark_stack *stack) {
  if (stack->top > stack->split) return true;
  lock_stack(stack);
  size_t shared = gc__word_peek(&stack->shared);
  size_t count = shared < GC__STACK_PRIVATE_MOST / 2 ? shared : GC__STACK_PRIVATE_MOST / 2;
  stack->split -= count;
  gc__word_poke(&stack->shared, shared - count);
  if (shared == count && count == 0) {
    stack->top = stack->split = 0;
    gc__word_poke(&stack->steal, 0);
  }
  unlock_stack(stack);
  return count > 0;
}

size_t gc__mark_stack_steal(struct gc__mark_stack *stack, struct gc__mark_stack *victim) {
  if (!gc__word_peek(&victim->shared) || !gc__flag_swap_if(&victim->lock, 0, 1)) return 0;
  size_t shared = gc__word_peek(&victim->shared), steal = gc__word_peek(&victim->steal);
  size_t count = (shared + 1) / 2;
  if (count > STEAL_MOST) count = STEAL_MOST;
  if (count > stack->room - stack->top) count = stack->room - stack->top;
  memcpy(stack->items + stack->top, victim->items + steal, count * sizeof(size_t));
  stack->top += count;
  gc__word_poke(&victim->steal, steal + count);
  gc__word_poke(&victim->shared, shared - count);
  unlock_stack(victim);
  return count;
}
