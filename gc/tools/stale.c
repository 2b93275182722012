/* tools/stale.c - see stale.h. */
#include "tools/stale.h"
#include "tools/walk.h"

#define MARGIN_BYTES ((size_t)1 << 30)

static struct gc__stale *stale_of(const struct gc__collector *collector) {
  return collector->verified;
}

/* Bytes of the set, which are accounted for by nobody: a limit on the heap must not change what a check finds. */
static size_t set_bytes(size_t heap_bytes) {
  return gc__round_up(heap_bytes / GC__GRANULE_BYTES / 8, gc__os_page_bytes());
}

void gc__stale_open(struct gc__stale *stale, const struct gc__collector *collector) {
  size_t bytes = set_bytes(collector->heap.space.reserved_bytes);
  void *bits = gc__os_reserve(bytes, gc__os_page_bytes());
  *stale = (struct gc__stale){.bits = bits, .reserved_bytes = bits ? bytes : 0};
}

void gc__stale_close(struct gc__stale *stale) {
  if (stale->bits) gc__os_release(stale->bits, stale->reserved_bytes);
  *stale = (struct gc__stale){0};
}

static bool covers(const struct gc__stale *stale, size_t granule) {
  return granule / 8 < stale->covered_bytes;
}

GC__READS_ANYTHING static void add_words(struct gc__collector *collector, struct gc__old_object object) {
  const struct gc__stale *stale = stale_of(collector);
  const struct gc__space *space = &collector->heap.space;
  const size_t *word = (const size_t *)(const void *)gc__space_address(space, object.granule);
  for (const size_t *end = word + object.bytes / sizeof *word; word < end; word++) {
    size_t granule = (*word - space->base) / GC__GRANULE_BYTES;
    if (covers(stale, granule)) stale->bits[granule / 64] |= UINT64_C(1) << granule % 64;
  }
}

/* Where the system does not drop what was there, the set only becomes larger than it should be. */
void gc__stale_fill(struct gc__collector *collector) {
  struct gc__stale *stale = stale_of(collector);
  if (!stale) return;
  size_t wanted = set_bytes(collector->heap.space.span_bytes + MARGIN_BYTES), covered = stale->covered_bytes;
  if (wanted > stale->reserved_bytes) wanted = stale->reserved_bytes;
  if (covered) (void)gc__os_discard(stale->bits, covered);
  if (wanted > covered && gc__os_commit((char *)stale->bits + covered, wanted - covered)) stale->covered_bytes = wanted;
  gc__each_old_object(collector, add_words);
}

bool gc__stale_has(const struct gc__collector *collector, size_t address) {
  const struct gc__stale *stale = stale_of(collector);
  if (!stale) return false;
  size_t granule = (address - collector->heap.space.base) / GC__GRANULE_BYTES;
  return !covers(stale, granule) || (stale->bits[granule / 64] >> granule % 64 & 1);
}
