/* tools/stale.h - which addresses the words of old objects held when the program ran on.
 *
 * Checkers of a mode that looks only at what was written have to know them. An old word may name free memory: an
 * integer does, a pointer in front of an array, one to an object that gc_free released. When an object is allocated
 * there later, that word names it, though nobody wrote it there; no minor trace and no count needs to know.
 * [stale.none] A pointer to an object that was young when this stop began is in the set only if an old object held that
 * very address before: what a lost page leaves behind is noticed all the same, but for that chance.
 *
 * The set has a bit for each granule of the span and of a margin behind it. What lies behind the margin, and anything
 * where memory for the set is short, may be in it: then less is checked, and nothing wrongly.
 */
#ifndef GC_TOOLS_STALE_H
#define GC_TOOLS_STALE_H

#include "collect/collector.h"

struct gc__stale {
  uint64_t *bits; /* NULL: no addresses for them */
  size_t reserved_bytes;
  size_t covered_bytes; /* usable ones, from the front on */
};

/* All zero is closed. */
void gc__stale_open(struct gc__stale *stale, const struct gc__collector *collector);
void gc__stale_close(struct gc__stale *stale);

/* At the end of a stop: the set anew. */
void gc__stale_fill(struct gc__collector *collector);

/* Whether a word that names this address may have named it when the last stop ended. */
bool gc__stale_has(const struct gc__collector *collector, size_t address);

#endif
