/* collect/mark_stack.h - one marker's stack of work, of which other markers may steal.
 *
 * The stack is split: [steal, split) is shared and changes under a spin lock, [split, top) is the owner's alone and
 * needs no atomic operation. When the private part grows long, its older half is shared; when it runs empty, a piece of
 * the shared part comes back. So all but a bounded number of items of any marker can be taken by others, however long
 * the system lets it wait for a processor. (Split deques: van Dijk and van de Pol, "Lace", 2014.)
 *
 * An item is a word; what it means is the tracer's business. Memory grows on demand from reserved addresses; a push
 * that finds none fails, and the tracer recovers (collect/trace.c, [trace.overflow]).
 */
#ifndef GC_COLLECT_MARK_STACK_H
#define GC_COLLECT_MARK_STACK_H

#include "base/atomic.h"
#include "base/bits.h"
#include "os/memory.h"

#define GC__STACK_KEPT         ((size_t)128 << 10) /* items that it has room for after a trace, if it had before */
#define GC__STACK_PRIVATE_MOST 128u                /* items that the owner keeps to itself */
#define GC__STACK_PAD          8u /* words in front of items that may be read: what they hold means nothing */

/* Items beyond the room for which there is memory too, so that the owner need not look at the room at each push: it
 * pushes what one object holds, and then brings the stack in order. */
#define GC__STACK_SLACK 1280u

struct gc__mark_stack {
  size_t *items;
  size_t top, split; /* the owner's */
  size_t room;       /* items for which there is memory */
  size_t most;       /* items for which there are addresses; tests make it small */
  volatile unsigned lock;
  volatile size_t steal;  /* under the lock */
  volatile size_t shared; /* items in [steal, split): what thieves look at first */
  struct gc__region memory;
};

bool gc__mark_stack_open(struct gc__mark_stack *stack, struct gc__budget *budget, size_t reserve_items);
void gc__mark_stack_close(struct gc__mark_stack *stack);

/* Gives memory beyond a modest size back. The stack is empty. */
void gc__mark_stack_trim(struct gc__mark_stack *stack);

bool gc__mark_stack_grow(struct gc__mark_stack *stack);
void gc__mark_stack_share(struct gc__mark_stack *stack);

/* Owner only. Pushes without sharing. False: no memory. */
static GC__INLINE bool gc__mark_stack_push(struct gc__mark_stack *stack, size_t item) {
  if (GC__UNLIKELY(stack->top == stack->room) && !gc__mark_stack_grow(stack)) return false;
  stack->items[stack->top++] = item;
  return true;
}

/* Owner only: whether there is a private item, after fetching some back from the shared part if need be. */
bool gc__mark_stack_fetch(struct gc__mark_stack *stack);

/* Moves some of another marker's shared items to this one's private part, which is empty; how many. */
size_t gc__mark_stack_steal(struct gc__mark_stack *stack, struct gc__mark_stack *victim);

#endif
