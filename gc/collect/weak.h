/* collect/weak.h - what a collection does about ties (heap/ties.h): entries of weak maps keep their values, finalizers
 * are queued, weak references to what dies are cleared.
 *
 * The same steps serve every mode; what it means to be reached, and to be kept, is the mode's (struct gc__reach). They
 * run in a stop, when everything that strong words lead to is known:
 * 1. What ties hold by themselves is kept: data of finalizers, queued objects.
 * 2. [weak.ephemeron] The value of an entry is kept if map and key are reached, and so on until nothing changes.
 * 3. Objects that are not reached and have a finalizer are queued, all of them, in the order of collect/order.h; weak
 *    references to them are cleared; they are kept, with what they lead to, and step 2 is done again.
 *    [weak.leaders] What one of a kind that waits for those that lead to it (heap/ties.h) leads to is kept first, and
 * what is reached by then is not queued. Where counts are kept, counting does the same: what something leads to is not
 * 0. Short links to all that is not reached at the beginning of this step are cleared before it.
 * 4. [weak.clear] What is not reached now dies: weak references and links to it are cleared, its entries and ties
 *    end.
 * So a weak reference is cleared before a finalizer can see it, and one to what only a queued object leads to is not.
 *
 * [weak.young] After a minor collection, and after an epoch, only ties made since the stop before are looked at (and in
 * an epoch those of the objects that it decides about): all other ties are of old objects, which live, and their values
 * were kept when they were young ([ties.young]).
 */
#ifndef GC_COLLECT_WEAK_H
#define GC_COLLECT_WEAK_H

#include "heap/heap.h"

struct gc__reach {
  struct gc__heap *heap;
  void *context;
  bool is_all;   /* all ties are looked at, not only young ones */
  bool is_count; /* what is kept is counted: once for each tie */
  bool interior_in_heap;

  /* Whether the object that begins at this granule is reached. */
  bool (*is_reached)(void *, size_t granule);

  /* The same for the objects that begin in 64 granules: a bit each, of others any. If is_all. */
  uint64_t (*reached_bits)(void *, size_t granule);

  /* Keeps the object that a word leads to, and all that leads on from there. Whether there is one. is_counted: the tie
   * counts it already. */
  bool (*keep)(void *, size_t word, bool is_counted);
};

/* The steps above. World stopped. */
void gc__weak_settle(const struct gc__reach *reach);

/* ---- For a mode that counts ---- */

/* All counts start anew: nothing is counted, and what was retired is gone. */
void gc__weak_forget_counts(struct gc__heap *heap);

/* Takes back what retired ties hold: fn is called with each word that counted. */
void gc__weak_release_retired(struct gc__heap *heap, void (*fn)(void *, size_t word), void *context);

/* An old tied object has no count and no pin. Whether it dies: then its ties have ended. Else it has a finalizer, and
 * gc__weak_queue_decided queues it; room for `count` of them is there. */
bool gc__weak_decide(struct gc__heap *heap, size_t granule, uint32_t *decided_count);
void gc__weak_queue_decided(const struct gc__reach *reach, uint32_t decided_count);

#endif
