/* os/thread.h - threads of the process: processors, stacks, thread-local data, helpers. */
#ifndef GC_OS_THREAD_H
#define GC_OS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Half-open: start is the first address, end the one past the last. */
struct gc__range {
  uintptr_t start, end;
};

unsigned gc__os_processors(void); /* that this process may run on; at least 1 */
int gc__os_process_id(void);
int gc__os_thread_id(void);

/* The stack of the calling thread; where it grows on demand, all that it may grow to. False: not to be found out. */
bool gc__os_stack(struct gc__range *stack);

/* The part of [low, high) below high that is mapped without a gap, for a stack that grows on demand and whose stack
 * pointer is not known. Callable with the world stopped. */
uintptr_t gc__os_mapped_from(uintptr_t low, uintptr_t high);

/* The end of the gapless mapping that contains start, looking no further than limit. Callable with the world stopped.
 */
uintptr_t gc__os_mapped_to(uintptr_t start, uintptr_t limit);

/* The alternate signal stack of the calling thread, empty if it has none. Callable from a signal handler. */
struct gc__range gc__os_signal_stack(void);

/* The thread pointer of the calling thread, by which gc__os_thread_local finds its data. */
const void *gc__os_thread_pointer(void);

/* The thread-local data of one loaded library in some thread, which must be the calling one or stopped. Empty: none was
 * allocated there, or this C library does not tell. Static thread-local data may also lie within the stack's range. */
struct gc__range gc__os_thread_local(const void *thread_pointer, size_t module_id, size_t bytes);

/* A thread of the library itself, with all signals blocked; fn first calls gc__os_helper_begun. 0 or an errno value.
 * name: at most 15 bytes. */
int gc__os_helper_start(pthread_t *thread, void *(*fn)(void *), void *argument, const char *name);
void gc__os_helper_begun(void);

/* [os.helpers] Around a fork: each helper that was started has begun, and none is started. Until it has begun, a thread
 * may hold a lock that the child would find taken for ever: AddressSanitizer's of gcc 12 is inside its allocator then,
 * for which one of some hundred forked children waited. The child calls the second function, too. */
void gc__os_helpers_hold(void);
void gc__os_helpers_let_go(void);

#endif
