/* tools/verify_ties.c - see verify_ties.h. */
#include "tools/verify_ties.h"
#include "os/report.h"

static bool hangs(const struct gc__tie *tie) {
  return tie->kind != GC__TIE_FREE && tie->kind != GC__TIE_RUNNING && tie->kind != GC__TIE_RETIRED;
}

static bool is_found(const struct gc__ties *ties, uint32_t wanted) {
  uint32_t number = gc__ties_first(ties, gc__tie_at(ties, wanted)->granule);
  while (number && number != wanted) number = gc__ties_next(ties, number);
  return number == wanted;
}

/* What a stop has settled: the objects of all ties are old. A cancelled one hangs nowhere. */
static void verify_tie(const struct gc__heap *heap, uint32_t number) {
  const struct gc__ties *ties = &heap->ties;
  const struct gc__tie *tie = gc__tie_at(ties, number);
  if (!hangs(tie) || (tie->kind == GC__TIE_QUEUED && !tie->other)) return;
  gc__verify(is_found(ties, number), "ties.found");
  gc__verify(gc__page_set_has(&ties->pages, tie->granule), "ties.found");
  gc__verify(gc__heap_is_old_object(heap, tie->granule), "weak.clear");
  gc__verify(!tie->is_listed && !tie->is_candidate, "ties.young");
  if (tie->kind == GC__TIE_WEAK) {
    const struct gc__tie *handle = gc__tie_at(ties, tie->link);
    const char *weak = gc__space_address(&heap->space, handle->granule);
    gc__verify(handle->kind == GC__TIE_HANDLE && handle->link == number, "weak.handles");
    gc__verify(*(const size_t *)(const void *)weak == (size_t)gc__heap_address(heap, tie->granule), "weak.handles");
  }
  const struct gc__tie *next = gc__tie_at(ties, tie->next);
  bool is_known = tie->next && (next->kind == GC__TIE_LINK || next->kind == GC__TIE_HOLDER);
  gc__verify(!is_known || next->other >> 32 == number, "ties.before");
  if (tie->kind == GC__TIE_LINK) gc__verify(gc__links_find(ties, tie->value) == number, "ties.links");
  if (tie->kind == GC__TIE_HOLDER) gc__verify(gc__tie_at(ties, tie->link)->link == number, "ties.links");
  if (tie->kind == GC__TIE_ENTRY) gc__verify(gc__tie_at(ties, gc__tie_map(tie))->kind == GC__TIE_MAP, "ties.found");
}

void gc__verify_ties(const struct gc__collector *collector) {
  const struct gc__heap *heap = &collector->heap;
  size_t queued = 0;
  for (uint32_t number = 1; number < heap->ties.count; number++) {
    verify_tie(heap, number);
    queued += gc__tie_at(&heap->ties, number)->kind == GC__TIE_QUEUED && gc__tie_at(&heap->ties, number)->other;
  }
  gc__verify(queued == heap->ties.queued_count, "ties.found");
}
