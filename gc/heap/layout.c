/* heap/layout.c - see layout.h. */
#include "heap/layout.h"
#include "base/check.h"
#include "heap/heap.h"

#include <string.h>

#define MEMORY_MOST ((size_t)1 << 30)
#define FIXED_SHARE 128u /* of a fixed space, the part that layouts may take; as much again a quarter for numbers */
#define FIXED_LEAST ((size_t)1024)
#define FAR         (SIZE_MAX / 4) /* no object is as long */

/* Of the table, a block. */
static size_t part_bytes(const struct gc__space *space) {
  return gc__block_granules(space) * sizeof(uint16_t);
}

/* The regions stay where they are: readers take no lock. The heap's lock is held. */
static bool open_fixed(struct gc__heap *heap) {
  struct gc__layouts *layouts = &heap->layouts;
  struct gc__budget *budget = &heap->buffer.locked_budget;
  size_t bytes = heap->space.reserved_bytes / FIXED_SHARE, blocks = gc__block_count(&heap->space);
  if (bytes < FIXED_LEAST) bytes = FIXED_LEAST;
  bool has_memory = layouts->memory.start || gc__region_open(&layouts->memory, budget, bytes);
  bool has_index = layouts->index_memory.start || gc__region_open(&layouts->index_memory, budget, bytes / 4);
  bool has_parts =
      layouts->part_memory.start || gc__region_open(&layouts->part_memory, budget, blocks * sizeof(size_t));
  layouts->parts = (size_t *)(void *)layouts->part_memory.start;
  return layouts->is_open = has_memory && has_index && has_parts;
}

static bool open_layouts(struct gc__heap *heap) {
  struct gc__layouts *layouts = &heap->layouts;
  size_t blocks = gc__block_at(&heap->space, heap->space.reserved_bytes);
  if (layouts->is_open) return true;
  layouts->budget = heap->budget;
  if (heap->space.is_fixed) return open_fixed(heap);
  size_t bytes = gc__round_up(blocks * part_bytes(&heap->space), GC__HUGE_PAGE_BYTES);
  bool has_memory = layouts->memory.start || gc__region_open_most(&layouts->memory, heap->budget, MEMORY_MOST);
  bool has_index = layouts->index_memory.start || gc__region_open(&layouts->index_memory, heap->budget,
                                                                  (GC__LAYOUTS_MOST + 1) * sizeof(struct gc__layout *));
  if (!has_memory || !has_index) return false;
  uint16_t *cells = gc__os_reserve(bytes, GC__HUGE_PAGE_BYTES);
  if (!cells) return false;
  layouts->cells_bytes = bytes;
  layouts->cells = cells;
  return layouts->is_open = true;
}

void gc__layouts_close(struct gc__layouts *layouts) {
  gc__region_close(&layouts->memory);
  gc__region_close(&layouts->index_memory);
  gc__region_close(&layouts->part_memory);
  layouts->is_open = false;
  if (!layouts->cells) return;
  gc__os_release(layouts->cells, layouts->cells_bytes);
  gc__budget_give(layouts->budget, layouts->charged_bytes);
  layouts->cells = NULL;
}

/* ---- Interning ---- */

static unsigned layout_bucket(size_t bytes, size_t count, const size_t *offsets) {
  uint64_t hash = (bytes ^ count << 32) * UINT64_C(0x9e3779b97f4a7c15);
  for (size_t i = 0; i < count; i++) hash = (hash ^ offsets[i]) * UINT64_C(0xff51afd7ed558ccd) + (hash >> 29);
  return (unsigned)(hash >> 40) % GC__LAYOUT_BUCKETS;
}

static unsigned find_in_bucket(const struct gc__layouts *layouts, unsigned bucket, size_t bytes, size_t count,
                               const size_t *offsets) {
  unsigned number = gc__flag_get(&layouts->buckets[bucket]);
  while (number) {
    const struct gc__layout *layout = gc__layout_numbered(layouts, number);
    bool is_same = layout->bytes == bytes && layout->count == count;
    if (is_same && memcmp(layout->offsets, offsets, count * sizeof *offsets) == 0) return number;
    number = layout->next;
  }
  return 0;
}

unsigned gc__layouts_find(const struct gc__layouts *layouts, size_t bytes, size_t count, const size_t *offsets) {
  return find_in_bucket(layouts, layout_bucket(bytes, count, offsets), bytes, count, offsets);
}

/* Shell's method: offsets are few, and mostly in order. */
static void sort(size_t *offsets, size_t count) {
  size_t gap = 1;
  while (gap < count / 3) gap = gap * 3 + 1;
  for (; gap; gap /= 3)
    for (size_t i = gap; i < count; i++) {
      size_t offset = offsets[i], at = i;
      for (; at >= gap && offsets[at - gap] > offset; at -= gap) offsets[at] = offsets[at - gap];
      offsets[at] = offset;
    }
}

static size_t keep_distinct(size_t *offsets, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    if (!kept || offsets[kept - 1] != offsets[i]) offsets[kept++] = offsets[i];
  return kept;
}

static void complete(struct gc__layout *layout) {
  bool is_regular = layout->bytes % sizeof(void *) == 0;
  layout->step = is_regular ? layout->bytes : FAR;
  layout->mask = 0;
  if (layout->bytes <= GC__LAYOUT_MASK_BYTES)
    for (size_t i = 0; i < layout->count; i++) layout->mask |= (uint64_t)1 << layout->offsets[i] / sizeof(void *);
}

static bool has_fixed_room(const struct gc__layouts *layouts, unsigned number, size_t bytes) {
  return bytes <= layouts->memory.committed_bytes &&
         ((size_t)number + 1) * sizeof(struct gc__layout *) <= layouts->index_memory.committed_bytes;
}

/* The new one is written behind the others, and belongs to them if it turns out to be new. */
size_t gc__layouts_add(struct gc__heap *heap, size_t bytes, size_t count, const size_t *offsets) {
  struct gc__layouts *layouts = &heap->layouts;
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (count > MEMORY_MOST / sizeof *offsets || !open_layouts(heap)) return SIZE_MAX;
  size_t wanted = layouts->used_bytes + sizeof(struct gc__layout) + count * sizeof *offsets;
  unsigned number = layouts->count + 1;
  bool is_full = number > GC__LAYOUTS_MOST || (heap->space.is_fixed && !has_fixed_room(layouts, number, wanted));
  if (heap->space.is_fixed && is_full) return 0;
  if (!gc__region_commit(&layouts->memory, wanted) ||
      (!is_full && !gc__region_commit(&layouts->index_memory, ((size_t)number + 1) * sizeof(struct gc__layout *))))
    return SIZE_MAX;
  struct gc__layout *layout = (void *)(layouts->memory.start + layouts->used_bytes);
  memcpy(layout->offsets, offsets, count * sizeof *offsets);
  sort(layout->offsets, count);
  layout->count = keep_distinct(layout->offsets, count);
  layout->bytes = bytes;
  layout->procedure = 0;
  layout->data = NULL;
  complete(layout);
  unsigned bucket = layout_bucket(bytes, layout->count, layout->offsets);
  unsigned known = find_in_bucket(layouts, bucket, bytes, layout->count, layout->offsets);
  if (known) return known;
  if (is_full) return 0;
  layout->next = layouts->buckets[bucket];
  ((struct gc__layout **)(void *)layouts->index_memory.start)[number] = layout;
  layouts->used_bytes += sizeof *layout + layout->count * sizeof *offsets;
  gc__flag_set(&layouts->count, number);
  gc__flag_set(&layouts->buckets[bucket], number); /* last: readers take no lock */
  return number;
}

size_t gc__layouts_add_procedure(struct gc__heap *heap, gc__mark_fn *fn, void *data) {
  struct gc__layouts *layouts = &heap->layouts;
  GC__CHECK(gc__lock_is_held(&heap->lock));
  unsigned number = layouts->count + 1;
  if (number > GC__LAYOUTS_MOST || !open_layouts(heap) ||
      !gc__region_commit(&layouts->memory, layouts->used_bytes + sizeof(struct gc__layout)) ||
      !gc__region_commit(&layouts->index_memory, ((size_t)number + 1) * sizeof(struct gc__layout *)))
    return SIZE_MAX;
  struct gc__layout *layout = (void *)(layouts->memory.start + layouts->used_bytes);
  *layout = (struct gc__layout){.step = FAR, .procedure = (size_t)fn, .data = data};
  ((struct gc__layout **)(void *)layouts->index_memory.start)[number] = layout;
  layouts->used_bytes += sizeof *layout;
  gc__flag_set(&layouts->count, number);
  return number;
}

/* ---- The table ---- */

static char *part_of(const struct gc__heap *heap, size_t block) {
  const struct gc__layouts *layouts = &heap->layouts;
  if (layouts->parts) return (char *)layouts->parts[block];
  return (char *)layouts->cells + block * part_bytes(&heap->space);
}

/* Of a block's part, what its cells need. */
static size_t used_bytes(unsigned cell_count) {
  return gc__round_up(cell_count * sizeof(uint16_t), GC__PAGE_BYTES);
}

/* The part is that of the block from before its entry says that it has typed cells. */
static bool cover_fixed(struct gc__heap *heap, uint32_t block, unsigned cell_count) {
  const struct gc__supply *supply = heap->buffer.locked_budget.supply;
  size_t bytes = cell_count * sizeof(uint16_t);
  if (!open_layouts(heap)) return false;
  char *part = gc__supply_take(supply, bytes);
  if (part) heap->layouts.parts[block] = (size_t)part;
  return part != NULL;
}

/* Accessible is what the span has, in one piece; memory comes with the first number. */
bool gc__layouts_cover(struct gc__heap *heap, uint32_t block, unsigned cell_count) {
  struct gc__layouts *layouts = &heap->layouts;
  size_t bytes = part_bytes(&heap->space);
  size_t wanted = gc__round_up(gc__block_count(&heap->space) * bytes, GC__HUGE_PAGE_BYTES);
  if (heap->space.is_fixed) return cover_fixed(heap, block, cell_count);
  if (!open_layouts(heap)) return false;
  if (((size_t)block + 1) * bytes > layouts->usable_bytes) {
    if (!gc__os_commit((char *)layouts->cells + layouts->usable_bytes, wanted - layouts->usable_bytes)) return false;
    layouts->usable_bytes = wanted;
  }
  if (!gc__budget_take(heap->budget, used_bytes(cell_count))) return false;
  layouts->charged_bytes += used_bytes(cell_count);
  return true;
}

void gc__layouts_uncover(struct gc__heap *heap, uint32_t block, unsigned cell_count) {
  const struct gc__supply *supply = heap->buffer.locked_budget.supply;
  if (heap->space.is_fixed) {
    supply->give(supply->owner, part_of(heap, block), cell_count * sizeof(uint16_t));
    return;
  }
  gc__os_discard(part_of(heap, block), used_bytes(cell_count));
  gc__budget_give(heap->budget, used_bytes(cell_count));
  heap->layouts.charged_bytes -= used_bytes(cell_count);
}

static uint16_t *cell_at(const struct gc__heap *heap, size_t granule) {
  return gc__layout_cell(&heap->layouts, &heap->space, granule);
}

void gc__layouts_note(struct gc__heap *heap, size_t granule, unsigned layout) {
  *cell_at(heap, granule) = (uint16_t)layout;
}

unsigned gc__layout_number_of(const struct gc__heap *heap, size_t granule) {
  struct gc__block_entry entry = gc__entry_at(&heap->space, gc__block_of(&heap->space, granule));
  if (entry.shape & GC__SHAPE_PAGES) {
    const struct gc__run *run = &heap->space.runs[granule / GC__PAGE_GRANULES];
    return run->kind == GC__KIND_TYPED ? run->layout : 0;
  }
  return gc__entry_kind(entry) == GC__KIND_TYPED ? *cell_at(heap, granule) : 0;
}

const struct gc__layout *gc__layout_of(const struct gc__heap *heap, size_t granule) {
  return gc__layout_numbered(&heap->layouts, gc__layout_number_of(heap, granule));
}

/* ---- Words ---- */

bool gc__layout_declares(const struct gc__layout *layout, size_t offset) {
  if (!layout) return true;
  offset %= layout->step;
  if (layout->bytes <= GC__LAYOUT_MASK_BYTES)
    return offset < layout->bytes && (layout->mask >> offset / sizeof(void *) & 1);
  size_t low = 0, high = layout->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (layout->offsets[middle] < offset) low = middle + 1;
    else high = middle;
  }
  return low < layout->count && layout->offsets[low] == offset;
}

bool gc__layouts_declare(const struct gc__heap *heap, size_t offset) {
  size_t granule = gc__space_granule_of(&heap->space, offset);
  if (granule == SIZE_MAX) return true;
  return gc__layout_declares(gc__layout_of(heap, granule), offset - granule * GC__GRANULE_BYTES);
}
