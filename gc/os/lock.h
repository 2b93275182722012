/* os/lock.h - locks with a rank.
 *
 * [lock.rank] A thread takes locks in the order of their ranks only, lowest first, and holds at most one of a rank;
 * builds with checks verify it. The system's own loader lock comes before all of them (see os/segments.h).
 */
#ifndef GC_OS_LOCK_H
#define GC_OS_LOCK_H

#include <pthread.h>
#include <stdbool.h>

enum gc__lock_rank {
  GC__RANK_LIFE,      /* start and shutdown of the library */
  GC__RANK_COLLECTOR, /* one collection at a time */
  GC__RANK_THREADS,   /* the registry of threads: held while the world is stopped */
  GC__RANK_LAYER,     /* gc_locked */
  GC__RANK_ROOTS,     /* added root ranges */
  GC__RANK_TIES,      /* weak references, finalizers */
  GC__RANK_HEAP,      /* lists of blocks, page runs */
  GC__RANK_EVENTS,    /* event and out-of-memory handlers */
  GC__RANK_HELPERS,   /* starting a thread of the library */
  GC__RANK_COUNT
};

struct gc__lock {
  pthread_mutex_t mutex;
  enum gc__lock_rank rank;
};

#define GC__LOCK_INIT(r)                                                                                               \
  { .mutex = PTHREAD_MUTEX_INITIALIZER, .rank = (r) }

void gc__lock_open(struct gc__lock *lock, enum gc__lock_rank rank);
void gc__lock_close(struct gc__lock *lock);
void gc__lock_take(struct gc__lock *lock);
void gc__lock_give(struct gc__lock *lock);

/* Takes it if nobody holds it: does not wait, and so in any order of ranks. */
bool gc__lock_try(struct gc__lock *lock);

/* Whether this thread holds it; true in builds without checks. For assertions. */
bool gc__lock_is_held(const struct gc__lock *lock);

#endif
