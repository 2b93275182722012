/* heap/shadow.h - what was counted: a table beside the heap with a word for each word of it.
 *
 * The shadow of a word in an old object is the pointer in it that was counted, else 0. [shadow.words] A count is
 * lowered for a word of the shadow and for nothing else, so that only what was counted is ever taken back: the word in
 * memory may have changed since, or may have been a mere number when it was looked at. [shadow.zero] The shadow of free
 * and young cells and of leaves is 0, and stays so because a death consumes it word by word.
 *
 * Addresses are reserved whole; pages are charged to the budget when a word in them is first set, and given back with
 * the pages that they shadow. A page that was never charged reads as zero, and is better not read: that would map a
 * page of zeros, and the first store would fault once more (half of all faults of a program that builds trees).
 */
#ifndef GC_HEAP_SHADOW_H
#define GC_HEAP_SHADOW_H

#include "heap/space.h"

struct gc__shadow {
  size_t minus_heap; /* the address of a word's shadow, less that of the word */
  char *start;
  size_t reserved_bytes, span_bytes; /* of these bytes, [0, span_bytes) are accessible */
  struct gc__budget *budget;
  const struct gc__space *space;
  uint64_t *pages; /* a bit a page of the heap: its shadow is charged. Whoever frees an object reads that of its page,
                      while those beside it change: words are read and stored whole */
  volatile size_t taken_bytes;
  struct gc__region page_memory;
  bool is_fixed; /* [space.fixed] */
};

bool gc__shadow_open(struct gc__shadow *shadow, struct gc__budget *budget, const struct gc__space *space);
void gc__shadow_close(struct gc__shadow *shadow);

/* Makes the shadow of the first span_bytes of the heap accessible. False: refused. */
bool gc__shadow_extend(struct gc__shadow *shadow, size_t span_bytes);

/* Charges the shadow of a page of the heap. False: no memory, or the page is in the swap file; it must not be written.
 * World stopped. */
bool gc__shadow_take_slow(struct gc__shadow *shadow, size_t page);

/* Gives the shadow of free pages back, which is zero. Heap's lock held. */
void gc__shadow_discard(struct gc__shadow *shadow, size_t first_page, size_t count);

static inline bool gc__shadow_has(const struct gc__shadow *shadow, size_t page) {
  return gc__word_peek(&shadow->pages[page / GC__WORD_BITS]) >> page % GC__WORD_BITS & 1;
}
static inline bool gc__shadow_take(struct gc__shadow *shadow, size_t page) {
  return GC__LIKELY(gc__shadow_has(shadow, page)) || gc__shadow_take_slow(shadow, page);
}
static inline size_t *gc__shadow_at(const struct gc__shadow *shadow, const void *word) {
  return (size_t *)((uintptr_t)word + shadow->minus_heap);
}

/* The value of a word of the table. */
static inline size_t gc__shadow_value(const struct gc__shadow *shadow, const size_t *word) {
  return gc__shadow_has(shadow, ((uintptr_t)word - (uintptr_t)shadow->start) / GC__PAGE_BYTES) ? *word : 0;
}

/* Whether no word of [granule, granule + bytes) is counted. */
bool gc__shadow_is_zero(const struct gc__shadow *shadow, size_t granule, size_t bytes);

#endif
