/* collect/world.h - the program's threads, and stopping them.
 *
 * [world.stop] A stop sends the stop signal to every attached thread that is not blocked, and waits until each has
 * answered from its signal handler; they sleep there until the restart. A stop can hit a thread between any two
 * instructions, but for these cases:
 * [world.nostop] A thread between gc__world_enter and gc__world_leave answers when it leaves. The heap's slow paths run
 * there, so that its lock is free and its tables are consistent when the world is stopped. Such a section is short and
 * never waits for anything that a stopping thread may hold; while the collector itself holds the registry's lock, no
 * thread can enter or leave it, and nobody stops the collector.
 * Inside ThreadSanitizer's runtime it does not answer, but is asked again [tsan.outside].
 * [world.stopper] Who stops the world holds the collector's lock, which is taken outside of sections: a collection
 * waits for the registry's lock in a section, and would never answer the stop of another thread that has it.
 * [world.blocked] A thread inside gc_blocked is not signalled and touches no object; coming back it waits for the
 * restart.
 *
 * [world.registry] The registry's lock is held for the whole stop: attaching, detaching and the end of threads exclude
 * one.
 */
#ifndef GC_COLLECT_WORLD_H
#define GC_COLLECT_WORLD_H

#include "heap/local.h"
#include "os/lock.h"
#include "os/thread.h"

struct gc__thread {
  struct gc__local local; /* first: the fast path reaches it through gc__self */
  struct gc__thread *next, *before;
  struct gc__range stack;
  const void *thread_pointer;
  int id;
  unsigned exit_passes;
  bool is_lent;                /* [world.lent] */
  volatile unsigned no_stop;   /* depth of gc__world_enter */
  volatile unsigned is_asked;  /* a stop signal came meanwhile */
  volatile unsigned is_missed; /* a stop signal came inside ThreadSanitizer's runtime: another one is wanted */
  volatile unsigned misses;    /* so many of them in a row */
  volatile unsigned is_blocked;
  volatile unsigned answered;    /* number of the last stop that it answered */
  volatile unsigned is_gone;     /* it ended without detaching: found by a stop */
  volatile size_t stopped_at;    /* lowest address in use of the stack that it runs on */
  struct gc__range signal_stack; /* of a thread that was stopped outside its own stack */
};

/* What detached threads allocated and freed. */
struct gc__world_totals {
  size_t handed_bytes, handed_objects, freed_bytes;
};

struct gc__world {
  struct gc__heap *heap;
  struct gc__lock lock;
  struct gc__region memory; /* of threads, each with its tail: slots that are used again. Unused with a supply */
  size_t slot_count, slot_bytes;
  volatile size_t reserved_count; /* threads that were created and have not begun: [world.reserved] */
  bool touches_slots;             /* gc__os_touch: as the options say */
  struct gc__budget *budget;
  struct gc__thread *free_slots;
  struct gc__thread *first;
  volatile size_t thread_count;
  struct gc__world_totals totals;
  int signal;
  volatile unsigned stop_number; /* odd while the world is stopped or being stopped */
  volatile unsigned answers;
};

/* The calling thread, or gc__nobody, whose cursors are empty for ever. Initial-exec: one instruction to reach. Its
 * symbol is what allocation in line knows (trefoil/inline.h). */
extern _Thread_local struct gc__thread *gc__self __asm__("gc_pieces_1")
    __attribute__((tls_model("initial-exec"), visibility("default")));
extern const struct gc__cursor gc__nobody[GC__CURSOR_COUNT];

static inline bool gc__self_is_attached(void) {
  return (const void *)gc__self != (const void *)gc__nobody;
}

/* Takes the stop signal over. 0, ENOMEM, or EINVAL: that signal cannot be caught. */
int gc__world_open(struct gc__world *world, struct gc__heap *heap, struct gc__budget *budget, int signal);
void gc__world_close(struct gc__world *world);

/* Registers the calling thread. 0 or ENOMEM. */
int gc__world_attach(struct gc__world *world);

/* [world.reserved] The same in two steps: a thread cannot collect before it is registered, and whether there is memory
 * for that is better known before it is created. NULL: there is none. What was reserved is attached in, or released;
 * until then it counts as a thread that has not begun. */
struct gc__thread *gc__world_reserve(struct gc__world *world);
void gc__world_release(struct gc__world *world, struct gc__thread *reserved);
int gc__world_attach_as(struct gc__world *world, struct gc__thread *reserved); /* releases it where it fails */
void gc__world_detach(struct gc__world *world);

/* [world.lent] Registers the calling thread in memory that it lends until it detaches: slot_bytes, aligned as a
 * gc__thread, all zero. So a thread that finds no room for a slot can collect. */
void gc__world_attach_lent(struct gc__world *world, void *lent, const struct gc__range *stack);

/* For a function that leads to gc__world_stop: its frame and what is above it are scanned of this thread's stack, the
 * library's frames below are not. They hold none of the program's pointers, but what earlier calls left there. The
 * function has its caller's registers in its frame (__builtin_unwind_init). Without it the scan begins at the stop. */
void gc__world_note_stack(void);

/* Stops all other threads, calls fn(argument), and lets them run on. The caller's registers are on its stack while fn
 * runs. The registry's lock is taken by the caller before, so that it can prepare for what is registered. */
void gc__world_stop(struct gc__world *world, void (*fn)(void *), void *argument);

/* Closed while the process forks, so that the child's copy of the heap is not one in the middle of a section. */
extern volatile unsigned gc__world_gate;
void gc__world_enter_gate(struct gc__thread *self);

/* A section that a stop waits for. The depth before: for gc__world_leave_to. */
static GC__INLINE unsigned gc__world_enter(struct gc__thread *self) {
  unsigned depth = self->no_stop;
  gc__flag_set(&self->no_stop, depth + 1);
  gc__signal_barrier();
  if (GC__UNLIKELY(gc__flag_get(&gc__world_gate))) gc__world_enter_gate(self);
  return depth;
}
void gc__world_answer_late(struct gc__thread *self);

/* Short sections that follow each other wait for each other through the depth where each leave reads it again. */
static GC__INLINE void gc__world_leave_to(struct gc__thread *self, unsigned depth) {
  gc__signal_barrier();
  gc__flag_set(&self->no_stop, depth); /* a release: the stopping thread reads it before it touches what is ours */
  if (depth == 0 && GC__UNLIKELY(self->is_asked)) gc__world_answer_late(self);
}
static GC__INLINE void gc__world_leave(struct gc__thread *self) {
  gc__world_leave_to(self, self->no_stop - 1);
}

/* Calls fn(argument) as blocked, or not blocked inside that. */
void *gc__world_block(struct gc__world *world, void *(*fn)(void *), void *argument);
void *gc__world_unblock(struct gc__world *world, void *(*fn)(void *), void *argument);

/* The parts of the stacks of a stopped thread that are in use, at most three; how many. */
#define GC__STACK_PARTS_MOST 3
unsigned gc__world_stack_parts(const struct gc__thread *thread, struct gc__range parts[GC__STACK_PARTS_MOST]);

/* What all threads freed by hand, those that have ended included. The registry's lock is held. */
size_t gc__world_freed_bytes(const struct gc__world *world);

/* Around a fork, with the registry's lock held: no other thread is inside a section from the one until the other. */
void gc__world_close_gate(struct gc__world *world);
void gc__world_open_gate(void);

/* For the child of a fork: only the calling thread is left. The registry's lock is held since before the fork. */
void gc__world_after_fork(struct gc__world *world);

#endif
