/* heap/page_set.c - see page_set.h. */
#include "heap/page_set.h"

bool gc__page_set_open(struct gc__page_set *set, struct gc__budget *budget, size_t reserved_blocks) {
  *set = (struct gc__page_set){0};
  if (!gc__region_open(&set->block_memory, budget, 2 * reserved_blocks * sizeof set->blocks[0])) return false;
  if (!gc__region_open(&set->mask_memory, budget, reserved_blocks * sizeof set->masks[0])) return false;
  set->blocks = (void *)set->block_memory.start;
  set->masks = (void *)set->mask_memory.start;
  return true;
}

void gc__page_set_close(struct gc__page_set *set) {
  gc__region_close(&set->block_memory);
  gc__region_close(&set->mask_memory);
}

bool gc__page_set_extend(struct gc__page_set *set, size_t blocks) {
  return gc__region_commit(&set->block_memory, 2 * blocks * sizeof set->blocks[0]) &&
         gc__region_commit(&set->mask_memory, blocks * sizeof set->masks[0]);
}

void gc__page_set_clear(struct gc__page_set *set) {
  for (uint32_t i = 0; i < set->count; i++) set->masks[set->blocks[i]] = 0;
  set->count = 0;
}

/* A block has left the set while it is visited: if fn adds it, it is listed anew at the end. */
void gc__page_set_take(struct gc__page_set *set, bool (*fn)(void *, size_t), void *argument) {
  uint32_t taken = set->count, kept = 0;
  for (uint32_t i = 0; i < taken; i++) {
    uint32_t block = set->blocks[i];
    uint16_t mask = set->masks[block], stays = 0;
    set->masks[block] = 0;
    for (uint16_t rest = mask; rest; rest &= (uint16_t)(rest - 1)) {
      unsigned page = gc__lowest_bit(rest);
      if (fn(argument, (size_t)block * GC__SET_GRANULES + page * GC__PAGE_GRANULES)) stays |= (uint16_t)(1u << page);
    }
    if (stays && !set->masks[block]) set->blocks[kept++] = block;
    set->masks[block] |= stays;
  }
  for (uint32_t i = taken; i < set->count; i++) set->blocks[kept++] = set->blocks[i];
  set->count = kept;
}
