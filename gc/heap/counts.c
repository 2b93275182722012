/* heap/counts.c - see counts.h. */
#include "heap/counts.h"
#include "os/valgrind.h"

bool gc__counts_open(struct gc__counts *counts, struct gc__budget *budget, const struct gc__space *space) {
  *counts = (struct gc__counts){0};
  if (!gc__shadow_open(&counts->shadow, budget, space)) return false;
  for (unsigned i = 0; i < GC__SET_COUNT; i++)
    if (!gc__page_set_open(&counts->sets[i], budget, gc__block_at(space, space->reserved_bytes))) return false;
  return gc__counts_extend(counts, space, space->span_bytes);
}

void gc__counts_close(struct gc__counts *counts) {
  gc__shadow_close(&counts->shadow);
  for (unsigned i = 0; i < GC__SET_COUNT; i++) gc__page_set_close(&counts->sets[i]);
}

bool gc__counts_extend(struct gc__counts *counts, const struct gc__space *space, size_t span_bytes) {
  for (unsigned i = 0; i < GC__SET_COUNT; i++)
    if (!gc__page_set_extend(&counts->sets[i], gc__block_at(space, span_bytes))) return false;
  return gc__shadow_extend(&counts->shadow, span_bytes);
}

void gc__counts_touch(struct gc__counts *counts) {
  gc__os_touch(counts->shadow.page_memory.start, counts->shadow.page_memory.committed_bytes);
  for (unsigned i = 0; i < GC__SET_COUNT; i++) {
    gc__os_touch(counts->sets[i].block_memory.start, counts->sets[i].block_memory.committed_bytes);
    gc__os_touch(counts->sets[i].mask_memory.start, counts->sets[i].mask_memory.committed_bytes);
  }
}

size_t gc__counts_table_bytes(const struct gc__counts *counts) {
  size_t bytes =
      gc__word_peek(&counts->shadow.taken_bytes) + gc__word_peek(&counts->shadow.page_memory.committed_bytes);
  for (unsigned i = 0; i < GC__SET_COUNT; i++)
    bytes += gc__word_peek(&counts->sets[i].block_memory.committed_bytes) +
             gc__word_peek(&counts->sets[i].mask_memory.committed_bytes);
  return bytes;
}

static void trust_region(const struct gc__region *region) {
  gc__valgrind_trust(region->start, region->committed_bytes);
}

void gc__counts_trust(const struct gc__counts *counts, const struct gc__space *space) {
  const struct gc__shadow *shadow = &counts->shadow;
  size_t pages = shadow->span_bytes / GC__PAGE_BYTES;
  for (size_t page = 0; (page = gc__bit_next(shadow->pages, page, pages)) < pages; page++)
    gc__valgrind_trust(shadow->start + page * GC__PAGE_BYTES, GC__PAGE_BYTES);
  for (unsigned i = 0; i < sizeof space->tables / sizeof *space->tables; i++) trust_region(&space->tables[i]);
  for (unsigned i = 0; i < GC__SET_COUNT; i++) {
    trust_region(&counts->sets[i].block_memory);
    trust_region(&counts->sets[i].mask_memory);
  }
  trust_region(&shadow->page_memory);
}
