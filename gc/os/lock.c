/* os/lock.c - see lock.h. */
#include "os/lock.h"
#include "base/check.h"

#if defined(TREFOIL_CHECKS) && TREFOIL_CHECKS

/* The locks that this thread holds, by rank. */
static _Thread_local const struct gc__lock *held[GC__RANK_COUNT];

static void note_tried(const struct gc__lock *lock) {
  GC__CHECK(!held[lock->rank]);
  held[lock->rank] = lock;
}

static void note_taken(const struct gc__lock *lock) {
  for (int rank = lock->rank; rank < GC__RANK_COUNT; rank++) GC__CHECK(!held[rank]);
  note_tried(lock);
}

static void note_given(const struct gc__lock *lock) {
  GC__CHECK(held[lock->rank] == lock);
  held[lock->rank] = NULL;
}

bool gc__lock_is_held(const struct gc__lock *lock) {
  return held[lock->rank] == lock;
}

#else

static void note_tried(const struct gc__lock *lock) {
  (void)lock;
}
static void note_taken(const struct gc__lock *lock) {
  (void)lock;
}
static void note_given(const struct gc__lock *lock) {
  (void)lock;
}
bool gc__lock_is_held(const struct gc__lock *lock) {
  (void)lock;
  return true;
}

#endif

void gc__lock_open(struct gc__lock *lock, enum gc__lock_rank rank) {
  pthread_mutex_init(&lock->mutex, NULL);
  lock->rank = rank;
}

void gc__lock_close(struct gc__lock *lock) {
  pthread_mutex_destroy(&lock->mutex);
}

void gc__lock_take(struct gc__lock *lock) {
  pthread_mutex_lock(&lock->mutex);
  note_taken(lock);
}

bool gc__lock_try(struct gc__lock *lock) {
  if (pthread_mutex_trylock(&lock->mutex)) return false;
  note_tried(lock);
  return true;
}

void gc__lock_give(struct gc__lock *lock) {
  note_given(lock);
  pthread_mutex_unlock(&lock->mutex);
}
