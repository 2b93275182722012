/* tools/stale.c - see stale.h. */
#include "tools/stale.h"
#include "os/report.h"
#include "tools/walk.h"

static struct gc__stale *stale_of(const struct gc__collector *collector) {
  return collector->verified;
}

/* The addresses are accounted for by nobody: a limit on the heap must not change what a check finds. */
void gc__stale_open(struct gc__stale *stale, const struct gc__collector *collector) {
  size_t granules = collector->heap.space.reserved_bytes / GC__GRANULE_BYTES;
  size_t bytes = gc__round_up(granules / 8 + sizeof *stale->bits, gc__os_page_bytes());
  void *bits = gc__os_reserve(bytes, gc__os_page_bytes());
  if (bits && gc__os_replace(bits, bytes, -1, 0)) {
    *stale = (struct gc__stale){bits, bytes};
    return;
  }
  if (bits) gc__os_release(bits, bytes);
  gc__report("TREFOIL_CHECK=heap: no addresses for what old words name; some of it is not checked");
}

void gc__stale_close(struct gc__stale *stale) {
  if (stale->bits) gc__os_release(stale->bits, stale->bytes);
  *stale = (struct gc__stale){0};
}

GC__READS_ANYTHING static void add_words(struct gc__collector *collector, struct gc__old_object object) {
  const struct gc__space *space = &collector->heap.space;
  uint64_t *bits = stale_of(collector)->bits;
  const size_t *word = (const size_t *)(const void *)gc__space_address(space, object.granule);
  for (const size_t *end = word + object.bytes / sizeof *word; word < end; word++) {
    size_t offset = *word - space->base, granule = offset / GC__GRANULE_BYTES;
    if (offset < space->reserved_bytes) bits[granule / 64] |= UINT64_C(1) << granule % 64;
  }
}

/* Where the system does not drop what was there, the set only becomes larger than it should be. */
void gc__stale_fill(struct gc__collector *collector) {
  struct gc__stale *stale = stale_of(collector);
  if (!stale || !stale->bits) return;
  (void)gc__os_discard(stale->bits, stale->bytes);
  gc__each_old_object(collector, add_words);
}

bool gc__stale_has(const struct gc__collector *collector, size_t address) {
  const struct gc__stale *stale = stale_of(collector);
  if (!stale) return false;
  if (!stale->bits) return true;
  size_t offset = address - collector->heap.space.base, granule = offset / GC__GRANULE_BYTES;
  return offset < collector->heap.space.reserved_bytes && (stale->bits[granule / 64] >> granule % 64 & 1);
}
