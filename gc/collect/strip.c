/* collect/strip.c - see strip.h. */
#include "collect/strip.h"

/* A word that is the end of a block is the beginning of the next one, too: both count. */
GC__UNINSTRUMENTED static void aim_words(struct gc__space *space, struct gc__range range, bool is_aimed_at) {
  const volatile size_t *word = (const volatile size_t *)range.start, *end = (const volatile size_t *)range.end;
  for (; word < end; word++) {
    size_t offset = *word - space->base;
    if (GC__LIKELY(offset > space->span_bytes)) continue;
    if (offset < space->span_bytes) space->blocks[gc__block_at(space, offset)].is_aimed_at = is_aimed_at;
    if (offset > 0) space->blocks[gc__block_at(space, offset - 1)].is_aimed_at = is_aimed_at;
  }
}

/* A layer may know of more stacks. */
static void aim(struct gc__space *space, const struct gc__roots *roots, bool is_aimed_at) {
  const struct gc__root_range *list = gc__roots_list(roots);
  for (size_t i = 0; i < roots->count; i++)
    if (list[i].source == GC__ROOT_STACK || list[i].source == GC__ROOT_LAYER)
      aim_words(space, list[i].range, is_aimed_at);
}

void gc__strip(struct gc__heap *heap, struct gc__world *world, const struct gc__roots *roots) {
  aim(&heap->space, roots, true);
  for (struct gc__thread *thread = world->first; thread; thread = thread->next) gc__local_strip(heap, &thread->local);
  aim(&heap->space, roots, false);
  gc__word_poke(&heap->taken_bytes, 0);
}
