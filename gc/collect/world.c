/* collect/world.c - see world.h. */
#include "collect/world.h"
#include "base/check.h"
#include "os/clock.h"
#include "os/park.h"
#include "os/report.h"
#include "os/stop.h"
#include "os/tsan.h"

#include <errno.h>
#include <string.h>

#define THREADS_MOST ((size_t)1 << 16)

/* How long a thread may take to answer before it is named, and how often a stop looks whether one has died. */
#define PATIENCE_NS UINT64_C(5000000000)
#define LOOK_NS     UINT64_C(50000000)

/* How long a thread gets to leave ThreadSanitizer's runtime before it is signalled again. */
#define ASK_AGAIN_NS UINT64_C(30000)

/* So often a thread is met inside the runtime before it answers there: it waits for another one [tsan.inside]. */
#define MISSES_MOST 1000u

const struct gc__cursor gc__nobody[GC__CURSOR_COUNT];
_Thread_local struct gc__thread *gc__self = (struct gc__thread *)(void *)gc__nobody;

volatile unsigned gc__world_gate;

/* What the signal handler finds. */
static struct gc__world *signalled_world;

static GC__NOINLINE size_t here(void) {
  return (size_t)__builtin_frame_address(0);
}

void gc__world_note_stack(void) {
  gc__self->stopped_at = here();
}

/* ---- The stopped thread's side: no libc, no instrumentation, async-signal-safe ---- */

GC__UNINSTRUMENTED static void sleep_through_stop(struct gc__world *world, struct gc__thread *self, unsigned number,
                                                  bool is_in_tsan) {
  bool is_on_stack = self->stopped_at >= self->stack.start && self->stopped_at < self->stack.end;
  self->signal_stack = is_on_stack ? (struct gc__range){0, 0} : gc__os_signal_stack();
  self->is_asked = 0;
  self->misses = 0;
  if (!is_in_tsan) gc__tsan_release(&world->answers); /* [tsan.edges] */
  gc__flag_set(&self->answered, number);
  gc__flag_add(&world->answers, 1);
  gc__park_wake_one(&world->answers);
  while (gc__flag_get(&world->stop_number) == number) gc__park_wait(&world->stop_number, number, 0);
  if (!is_in_tsan) gc__tsan_acquire(&world->stop_number);
}

/* Runs in the signal handler. The interrupted registers, vector registers included, lie in the signal frame, above.
 * Until it is known that the thread was not inside ThreadSanitizer's runtime nothing may be called that is
 * instrumented, not even an inline function: hence the plain accesses. The number was written before the signal was
 * sent, and the other words are the thread's own. */
GC__UNINSTRUMENTED static void answer_signal(bool is_in_tsan) {
  struct gc__thread *self = gc__self;
  struct gc__world *world = signalled_world;
  if ((const void *)self == (const void *)gc__nobody || !world) return;
  unsigned number = world->stop_number;
  if (!(number & 1) || self->answered == number) return;
  if (self->no_stop) {
    self->is_asked = 1;
    return;
  }
  if (is_in_tsan && self->misses < MISSES_MOST) {
    self->misses = self->misses + 1;
    self->is_missed = 1;
    return;
  }
  self->stopped_at = here();
  sleep_through_stop(world, self, number, is_in_tsan);
}

/* The registers that a callee saves are stored in this function's frame, above the address that here() gives. */
GC__NOINLINE void gc__world_answer_late(struct gc__thread *self) {
  __builtin_unwind_init();
  self->stopped_at = here();
  sleep_through_stop(signalled_world, self, gc__flag_get(&signalled_world->stop_number), false);
  gc__signal_barrier();
}

/* ---- Registry ---- */

int gc__world_open(struct gc__world *world, struct gc__heap *heap, struct gc__budget *budget, int signal) {
  *world = (struct gc__world){.heap = heap, .budget = budget, .signal = signal ? signal : gc__stop_default_signal()};
  world->slot_bytes =
      gc__round_up(sizeof(struct gc__thread) + gc__local_tail_bytes(&heap->space), _Alignof(struct gc__thread));
  if (!gc__region_open_most(&world->memory, budget, THREADS_MOST * world->slot_bytes)) return ENOMEM;
  gc__lock_open(&world->lock, GC__RANK_THREADS);
  signalled_world = world;
  int error = gc__stop_install(world->signal, answer_signal);
  if (error) {
    gc__region_close(&world->memory);
    signalled_world = NULL;
  }
  return error;
}

void gc__world_close(struct gc__world *world) {
  gc__stop_remove(world->signal);
  signalled_world = NULL;
  gc__lock_close(&world->lock);
  gc__region_close(&world->memory);
}

static struct gc__thread *take_slot(struct gc__world *world) {
  struct gc__thread *slot = world->free_slots;
  if (slot) {
    world->free_slots = slot->next;
    memset((char *)slot + offsetof(struct gc__thread, next), 0, sizeof *slot - offsetof(struct gc__thread, next));
    slot->local.handed_bytes = slot->local.handed_objects = 0;
    slot->local.freed_bytes = slot->local.unreported_bytes = 0;
    return slot;
  }
  if (world->budget->supply) return gc__supply_take(world->budget->supply, world->slot_bytes);
  if (!gc__region_commit_needed(&world->memory, (world->slot_count + 1) * world->slot_bytes)) return NULL;
  slot = (struct gc__thread *)(void *)(world->memory.start + world->slot_count++ * world->slot_bytes);
  if (world->touches_slots) gc__os_touch(slot, world->slot_bytes);
  return slot;
}

/* ---- Coming and going ---- */

struct gc__thread *gc__world_reserve(struct gc__world *world) {
  gc__lock_take(&world->lock);
  struct gc__thread *slot = take_slot(world);
  if (slot) gc__word_poke(&world->reserved_count, world->reserved_count + 1);
  gc__lock_give(&world->lock);
  return slot;
}

void gc__world_release(struct gc__world *world, struct gc__thread *reserved) {
  gc__lock_take(&world->lock);
  gc__word_poke(&world->reserved_count, world->reserved_count - 1);
  reserved->next = world->free_slots;
  world->free_slots = reserved;
  gc__lock_give(&world->lock);
}

/* Lock held. */
static void begin_in(struct gc__world *world, struct gc__thread *self, const struct gc__range *stack) {
  gc__local_open(&world->heap->space, &self->local, self + 1);
  self->stack = *stack;
  self->thread_pointer = gc__os_thread_pointer();
  self->id = gc__os_thread_id();
  self->next = world->first;
  if (self->next) self->next->before = self;
  world->first = self;
  gc__word_poke(&world->thread_count, world->thread_count + 1);
  gc__self = self;
}

int gc__world_attach_as(struct gc__world *world, struct gc__thread *self) {
  struct gc__range stack;
  if (!gc__os_stack(&stack)) {
    gc__world_release(world, self);
    return ENOMEM;
  }
  gc__lock_take(&world->lock);
  gc__word_poke(&world->reserved_count, world->reserved_count - 1);
  begin_in(world, self, &stack);
  gc__lock_give(&world->lock);
  gc__stop_unblock(world->signal);
  return 0;
}

void gc__world_attach_lent(struct gc__world *world, void *lent, const struct gc__range *stack) {
  struct gc__thread *self = lent;
  self->is_lent = true;
  gc__lock_take(&world->lock);
  begin_in(world, self, stack);
  gc__lock_give(&world->lock);
  gc__stop_unblock(world->signal);
}

size_t gc__world_freed_bytes(const struct gc__world *world) {
  size_t bytes = world->totals.freed_bytes;
  for (const struct gc__thread *thread = world->first; thread; thread = thread->next)
    bytes += gc__word_peek(&thread->local.freed_bytes);
  return bytes;
}

int gc__world_attach(struct gc__world *world) {
  struct gc__thread *slot = gc__world_reserve(world);
  return slot ? gc__world_attach_as(world, slot) : ENOMEM;
}

/* Lock held: no stop is under way, and none can begin. */
static void drop_thread(struct gc__world *world, struct gc__thread *thread) {
  gc__local_close(world->heap, &thread->local);
  world->totals.handed_bytes += thread->local.handed_bytes;
  world->totals.handed_objects += thread->local.handed_objects;
  world->totals.freed_bytes += thread->local.freed_bytes;
  if (thread->next) thread->next->before = thread->before;
  if (thread->before) thread->before->next = thread->next;
  else world->first = thread->next;
  gc__word_poke(&world->thread_count, world->thread_count - 1);
  if (thread->is_lent) return;
  thread->next = world->free_slots;
  world->free_slots = thread;
}

void gc__world_detach(struct gc__world *world) {
  struct gc__thread *self = gc__self;
  gc__lock_take(&world->lock);
  drop_thread(world, self);
  gc__self = (struct gc__thread *)(void *)gc__nobody;
  gc__lock_give(&world->lock);
}

/* ---- Forks ---- */

/* Leaving the section answers a stop that came between entering it and seeing the gate: who closes the gate waits for
 * that answer. A section inside another one does not wait: the outer one would stay open, and it began before the gate.
 */
GC__NOINLINE void gc__world_enter_gate(struct gc__thread *self) {
  while (self->no_stop == 1 && gc__flag_get(&gc__world_gate)) {
    gc__world_leave(self);
    gc__park_wait(&gc__world_gate, 1, 0);
    gc__flag_set(&self->no_stop, self->no_stop + 1);
    gc__signal_barrier();
  }
}

static void do_nothing(void *argument) {
  (void)argument;
}

/* Each thread answers the stop outside of a section; what it enters after the restart, it enters seeing the gate. */
void gc__world_close_gate(struct gc__world *world) {
  gc__flag_set(&gc__world_gate, 1);
  if (world->thread_count > 1 && gc__self_is_attached()) gc__world_stop(world, do_nothing, NULL);
}

void gc__world_open_gate(void) {
  gc__flag_set(&gc__world_gate, 0);
  gc__park_wake_all(&gc__world_gate);
}

void gc__world_after_fork(struct gc__world *world) {
  struct gc__thread *next;
  for (struct gc__thread *thread = world->first; thread; thread = next) {
    next = thread->next;
    if (thread == gc__self) thread->id = gc__os_thread_id();
    else drop_thread(world, thread);
  }
  gc__word_poke(&world->reserved_count, 0);
}

/* ---- Stopping ---- */

/* Names a thread on standard error that has not answered for long. */
static void report_silent(const struct gc__world *world, unsigned number) {
  for (const struct gc__thread *thread = world->first; thread; thread = thread->next)
    if (thread != gc__self && !thread->is_blocked && !thread->is_gone && gc__flag_get(&thread->answered) != number)
      gc__report("thread %d does not answer the stop signal %d: does it block it?", thread->id, world->signal);
}

static unsigned signal_others(struct gc__world *world) {
  unsigned count = 0;
  for (struct gc__thread *thread = world->first; thread; thread = thread->next) {
    if (thread == gc__self || gc__flag_get(&thread->is_blocked) || thread->is_gone) continue;
    if (gc__stop_send(thread->id, world->signal) == 0) count++;
    else thread->is_gone = 1;
  }
  return count;
}

/* Whether a thread is to be signalled again. Its handler sets the word, and not before the next signal: what is cleared
 * here was set, or a signal would be lost. */
static bool take_missed(struct gc__thread *thread) {
  bool is_missed = gc__flag_get(&thread->is_missed);
  if (is_missed) gc__flag_set(&thread->is_missed, 0);
  return is_missed;
}

/* Threads that died after they were signalled: they count as answered from now on. Signal 0 only asks whether a thread
 * is there; one that was missed gets another real one. So a thread has one signal on its way at most, and does not
 * answer twice. */
static unsigned count_dead(struct gc__world *world, unsigned number) {
  unsigned count = 0;
  for (struct gc__thread *thread = world->first; thread; thread = thread->next) {
    if (thread == gc__self || thread->is_blocked || thread->is_gone) continue;
    if (gc__flag_get(&thread->answered) == number) continue;
    if (gc__stop_send(thread->id, take_missed(thread) ? world->signal : 0) == 0) continue;
    thread->is_gone = 1;
    count++;
  }
  return count;
}

static void await_answers(struct gc__world *world, unsigned expected, unsigned number) {
  uint64_t patience_end_ns = 0, look_ns = gc__tsan_is_there() ? ASK_AGAIN_NS : LOOK_NS;
  for (int spins = 0; spins < 200 && gc__flag_get(&world->answers) < expected; spins++) gc__spin_hint();
  for (;;) {
    unsigned answers = gc__flag_get(&world->answers);
    if (answers >= expected) return;
    gc__park_wait(&world->answers, answers, look_ns);
    uint64_t now_ns = gc__clock_ns();
    if (!patience_end_ns) patience_end_ns = now_ns + PATIENCE_NS;
    expected -= count_dead(world, number);
    if (now_ns < patience_end_ns) continue;
    report_silent(world, number);
    patience_end_ns = now_ns + PATIENCE_NS;
  }
}

/* [world.nostop] */
static void check_sections(const struct gc__world *world) {
  for (const struct gc__thread *thread = world->first; thread; thread = thread->next)
    if (thread != gc__self && gc__flag_get(&thread->no_stop) && !thread->is_gone)
      gc__check_failed(__FILE__, __LINE__, "a stopped thread is in no section");
}

static void drop_gone(struct gc__world *world) {
  struct gc__thread *next;
  for (struct gc__thread *thread = world->first; thread; thread = next) {
    next = thread->next;
    if (thread->is_gone) drop_thread(world, thread);
  }
}

GC__NOINLINE void gc__world_stop(struct gc__world *world, void (*fn)(void *), void *argument) {
  struct gc__thread *self = gc__self;
  GC__CHECK(gc__lock_is_held(&world->lock));
  unsigned number = world->stop_number + 1;
  GC__CHECK(number & 1);
  gc__flag_set(&world->answers, 0);
  gc__tsan_release(&world->totals); /* [tsan.edges]: for who reads figures before it answers */
  gc__flag_set(&world->stop_number, number);
  await_answers(world, signal_others(world), number);
  gc__tsan_acquire(&world->answers);
  check_sections(world);
  drop_gone(world);
  __builtin_unwind_init();
  if (!self->stopped_at) self->stopped_at = here();
  self->signal_stack = self->stopped_at >= self->stack.start && self->stopped_at < self->stack.end
                           ? (struct gc__range){0, 0}
                           : gc__os_signal_stack();
  fn(argument);
  gc__flag_add(&gc__world_gate, 0); /* what was done here comes before every section that is entered from now on */
  self->stopped_at = 0;
  gc__tsan_release(&world->stop_number);
  gc__flag_set(&world->stop_number, number + 1);
  gc__park_wake_all(&world->stop_number);
}

/* ---- Blocked threads ---- */

/* Changes is_blocked outside of any stop: a stop holds the lock. */
static void set_blocked(struct gc__world *world, struct gc__thread *self, unsigned is_blocked, size_t stopped_at) {
  gc__lock_take(&world->lock);
  self->stopped_at = stopped_at;
  self->signal_stack = (struct gc__range){0, 0};
  gc__flag_set(&self->is_blocked, is_blocked);
  gc__lock_give(&world->lock);
}

GC__NOINLINE void *gc__world_block(struct gc__world *world, void *(*fn)(void *), void *argument) {
  struct gc__thread *self = gc__self;
  void *volatile kept = argument; /* fn's own frame is not scanned */
  if (self->is_blocked) return fn(argument);
  __builtin_unwind_init();
  set_blocked(world, self, 1, here());
  void *result = fn(kept);
  set_blocked(world, self, 0, 0);
  return result;
}

GC__NOINLINE void *gc__world_unblock(struct gc__world *world, void *(*fn)(void *), void *argument) {
  struct gc__thread *self = gc__self;
  if (!self->is_blocked) return fn(argument);
  size_t stopped_at = self->stopped_at;
  set_blocked(world, self, 0, 0);
  void *result = fn(argument);
  set_blocked(world, self, 1, stopped_at);
  return result;
}

/* ---- Stacks of stopped threads ---- */

/* No mapping that a program runs a thread on is longer than this. */
#define FOREIGN_STACK_MOST_BYTES ((size_t)1 << 30)

/* Usually one part: from the stack pointer to the end. A thread that was stopped on its signal stack, or on a stack
 * that the program made itself, has left its own stack at a place that is not known: all of that which is mapped is
 * scanned, and the other one from the stack pointer on. */
unsigned gc__world_stack_parts(const struct gc__thread *thread, struct gc__range parts[GC__STACK_PARTS_MOST]) {
  struct gc__range own = thread->stack, other = thread->signal_stack;
  uintptr_t at = gc__round_down(thread->stopped_at, sizeof(void *));
  unsigned count = 0;
  if (at >= own.start && at < own.end) {
    parts[count++] = (struct gc__range){at, own.end};
    return count;
  }
  parts[count++] = (struct gc__range){gc__os_mapped_from(own.start, own.end), own.end};
  if (at < other.start || at >= other.end) other.end = gc__os_mapped_to(at, at + FOREIGN_STACK_MOST_BYTES);
  parts[count++] = (struct gc__range){at, other.end};
  return count;
}
