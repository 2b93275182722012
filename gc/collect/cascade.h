/* collect/cascade.h - freeing what died, with all that only it counted: in bounded steps while the program runs.
 *
 * The shadow of a dying object is consumed word by word; each word lowers a count, and what reaches 0 so is dying in
 * turn, unless it is pinned. Memory is not read. [cascade.words] A step runs where no stop can come (collect/world.h)
 * and stops between two words, so that a stop finds each word either counted or consumed. One thread runs it at a time.
 */
#ifndef GC_COLLECT_CASCADE_H
#define GC_COLLECT_CASCADE_H

#include "collect/counting.h"

static inline bool gc__cascade_is_due(const struct gc__counting *counting) {
  return gc__word_peek(&counting->has_dying) != 0;
}

/* Consumes up to so many words, or objects without any. In a section, no lock held. False: nothing is left to do, or
 * another thread is at it. */
bool gc__cascade_run(struct gc__counting *counting, size_t budget_words);

/* Keeps the cascade from running for a moment, to read figures. */
void gc__cascade_hold(struct gc__counting *counting);
void gc__cascade_let_go(struct gc__counting *counting);

/* A dead object without a single count: consumed later, or at once if it counts nothing. False: no room for it now.
 * World stopped, or by who runs the cascade; the byte says DYING. */
bool gc__cascade_add(struct gc__counting *counting, size_t granule);

/* Forgets what is dying: a trace finds it. World stopped. */
void gc__cascade_drop(struct gc__counting *counting);

#endif
