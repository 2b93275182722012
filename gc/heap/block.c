/* heap/block.c - see block.h. */
#include "heap/block.h"
#include "base/bytes.h"
#include "base/check.h"
#include "heap/sweep.h"

/* A block whose cells are freed by hand is looked at again when an eighth of it came free, or as many cells as were
 * live when it was looked at last: then it is listed, or goes back to the pages. */
#define RELOOK_SHARE 8

/* [log.open] */
#define SPARSE_SHARE 4
#define DENSE_SHARE  2

static struct gc__block *block_at(const struct gc__heap *heap, uint32_t block) {
  return &heap->space.blocks[block];
}

static void link_block(struct gc__heap *heap, uint32_t *list, uint32_t block) {
  struct gc__block *facts = block_at(heap, block);
  facts->root_next = *list;
  facts->root_before = GC__NONE;
  if (*list != GC__NONE) block_at(heap, *list)->root_before = block;
  *list = block;
}

static void unlink_block(struct gc__heap *heap, uint32_t *list, uint32_t block) {
  struct gc__block *facts = block_at(heap, block);
  if (facts->root_next != GC__NONE) block_at(heap, facts->root_next)->root_before = facts->root_before;
  if (facts->root_before != GC__NONE) block_at(heap, facts->root_before)->root_next = facts->root_next;
  else *list = facts->root_next;
}

void gc__block_note_procedures(struct gc__heap *heap, uint32_t block) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (block_at(heap, block)->has_procedures) return;
  block_at(heap, block)->has_procedures = true;
  link_block(heap, &heap->procedure_blocks, block);
}

struct gc__page_grant gc__block_make(struct gc__heap *heap, enum gc__kind kind, unsigned size_class) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  const struct gc__space *space = &heap->space;
  uint32_t page_count = gc__block_pages(space);
  struct gc__page_grant grant = gc__pages_take(&heap->pages, page_count, page_count, 0);
  if (grant.first == GC__NONE) return grant;
  uint32_t block = (uint32_t)gc__block_of_page(space, grant.first);
  const struct gc__size_class *class = &gc__size_classes[size_class];
  if (kind == GC__KIND_TYPED && !gc__layouts_cover(heap, block, gc__block_cells(space, class))) {
    gc__pages_give(&heap->pages, grant.first, page_count);
    return (struct gc__page_grant){.first = GC__NONE, .is_refused = true};
  }
  struct gc__block *facts = block_at(heap, block);
  gc__word_poke(&facts->owner, 0); /* readers take no lock: heap/object.c */
  facts->next = GC__NONE;
  gc__flag_set(&facts->freed_cells, 0);
  gc__half_poke(&facts->live_cells, 0);
  facts->counted_epoch = 0;
  facts->may_have_old = false;
  facts->swept_epoch = heap->epoch;
  facts->state = GC__BLOCK_OWNED;
  gc__byte_poke(&facts->size_class, (uint8_t)size_class);
  facts->kind = (uint8_t)kind;
  struct gc__block_entry entry = {.reciprocal = class->reciprocal,
                                  .shape = (uint16_t)(class->cell_granules | kind << GC__SHAPE_KIND_LOG2)};
  gc__entry_set(&heap->space, block, entry);
  if (kind == GC__KIND_ROOT) link_block(heap, &heap->root_blocks, block);
  return grant;
}

void gc__block_release(struct gc__heap *heap, uint32_t block) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  struct gc__block *facts = block_at(heap, block);
  GC__CHECK(facts->state == GC__BLOCK_IDLE || facts->state == GC__BLOCK_OWNED);
  if (facts->kind == GC__KIND_ROOT) unlink_block(heap, &heap->root_blocks, block);
  if (facts->has_procedures) unlink_block(heap, &heap->procedure_blocks, block);
  facts->has_procedures = false;
  if (facts->kind == GC__KIND_TYPED)
    gc__layouts_uncover(heap, block, gc__block_cells(&heap->space, gc__block_class(heap, block)));
  facts->state = GC__BLOCK_NONE;
  gc__word_poke(&facts->owner, 0);
  gc__entry_set(&heap->space, block, (struct gc__block_entry){0});
  gc__pages_give(&heap->pages, (uint32_t)gc__block_page(&heap->space, block), gc__block_pages(&heap->space));
}

enum gc__tier gc__block_tier(const struct gc__heap *heap, uint32_t block) {
  const struct gc__block *facts = block_at(heap, block);
  unsigned cell_count = gc__block_cells(&heap->space, gc__block_class(heap, block));
  if (!heap->log.is_on || facts->kind == GC__KIND_LEAF || facts->live_cells * SPARSE_SHARE <= cell_count)
    return GC__TIER_SPARSE;
  return facts->live_cells * DENSE_SHARE <= cell_count ? GC__TIER_DENSE : GC__TIER_PACKED;
}

void gc__block_list(struct gc__heap *heap, uint32_t block) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  struct gc__block *facts = block_at(heap, block);
  GC__CHECK(facts->state != GC__BLOCK_LISTED);
  if (gc__swap_keeps_idle(heap->space.swap, block)) return;
  enum gc__tier tier = facts->is_open ? GC__TIER_SPARSE : gc__block_tier(heap, block);
  uint32_t *list = &heap->available[tier][facts->kind][facts->size_class];
  facts->state = GC__BLOCK_LISTED;
  facts->tier = (uint8_t)tier;
  facts->next = *list;
  facts->before = GC__NONE;
  if (*list != GC__NONE) block_at(heap, *list)->before = block;
  *list = block;
}

void gc__block_withdraw(struct gc__heap *heap, uint32_t block) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  struct gc__block *facts = block_at(heap, block);
  GC__CHECK(facts->state == GC__BLOCK_LISTED);
  if (facts->next != GC__NONE) block_at(heap, facts->next)->before = facts->before;
  if (facts->before != GC__NONE) block_at(heap, facts->before)->next = facts->next;
  else heap->available[facts->tier][facts->kind][facts->size_class] = facts->next;
  facts->state = GC__BLOCK_IDLE;
}

uint32_t gc__block_unlist(struct gc__heap *heap, enum gc__kind kind, unsigned size_class, enum gc__tier tier) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  uint32_t *list = &heap->available[tier][kind][size_class], block = *list;
  if (block == GC__NONE) return block;
  struct gc__block *facts = block_at(heap, block);
  GC__CHECK(facts->state == GC__BLOCK_LISTED && facts->kind == kind && facts->size_class == size_class);
  gc__block_withdraw(heap, block);
  facts->may_have_old = true;
  facts->state = GC__BLOCK_OWNED;
  gc__flag_set(&facts->freed_cells, 0);
  facts->swept_epoch = heap->epoch;
  return block;
}

/* Keeps, of a bitmap over granules, the bits at the first granules of cells: in each word the same pattern, shifted to
 * the first cell that begins there. */
static void keep_first_granules(uint64_t map[GC__BLOCK_WORDS], unsigned cell_granules, size_t block_granules) {
  unsigned shift = 0, step = 64 % cell_granules;
  uint64_t pattern = 0;
  if (cell_granules == 1) return;
  for (unsigned granule = 0; granule < 64; granule += cell_granules) pattern |= (uint64_t)1 << granule;
  for (size_t word = 0; word < block_granules / 64; word++) {
    map[word] &= shift < 64 ? pattern << shift : 0;
    shift = shift < step ? shift + cell_granules - step : shift - step;
  }
  size_t rest = block_granules % cell_granules, end = block_granules - rest; /* no cell begins in the rest */
  if (rest) map[end / 64] &= ~((uint64_t)1 << end % 64);
}

/* Cells that false root words point to. The bytes may have been written while the memory belonged to no block: then
 * they can lie in the middle of a cell. */
static void add_black(const struct gc__heap *heap, uint32_t block, uint64_t occupied[GC__BLOCK_WORDS]) {
  const struct gc__size_class *class = gc__block_class(heap, block);
  const uint8_t *live = heap->space.live + gc__block_granule(&heap->space, block);
  for (unsigned word = 0; word < gc__block_words(&heap->space); word++) {
    uint64_t black = gc__bytes_equal(live + 64 * word, gc__live_black(heap->black_epoch));
    for (; black; black &= black - 1) {
      unsigned cell = gc__cell_of(64 * word + gc__lowest_bit(black), class->reciprocal);
      if (cell < gc__block_cells(&heap->space, class)) gc__bit_set(occupied, cell * class->cell_granules);
    }
  }
}

void gc__block_read_occupied(const struct gc__heap *heap, uint32_t block, uint64_t occupied[GC__BLOCK_WORDS]) {
  const struct gc__space *space = &heap->space;
  const uint8_t *live = space->live + gc__block_granule(space, block);
  const uint64_t *young = gc__block_young(space, block);
  bool is_stamped = gc__entry_at(space, block).stamp == heap->stamp;
  size_t words = gc__block_words(space);
  for (size_t word = 0; word < words; word++) {
    occupied[word] = gc__heap_live_bits(heap, live + 64 * word);
    if (is_stamped) occupied[word] |= gc__bytes_equal(live + 64 * word, GC__LIVE_RECYCLED);
  }
  if (is_stamped) {
    gc__full_barrier(); /* bytes before bits: heap/local.h [local.recycled] */
    for (size_t word = 0; word < words; word++)
      occupied[word] |= gc__word_get(&young[word]); /* after who freed a cell, as the bytes */
    keep_first_granules(occupied, gc__block_class(heap, block)->cell_granules, gc__block_granules(space));
  }
  if (block_at(heap, block)->black_epoch == heap->black_epoch) add_black(heap, block, occupied);
}

unsigned gc__block_count_live(const struct gc__heap *heap, uint32_t block) {
  const uint8_t *live = heap->space.live + gc__block_granule(&heap->space, block);
  unsigned count = 0;
  for (size_t word = 0; word < gc__block_words(&heap->space); word++)
    count += gc__bit_count(gc__heap_live_bits(heap, live + 64 * word));
  return count;
}

unsigned gc__block_count_occupied(const struct gc__heap *heap, uint32_t block) {
  uint64_t occupied[GC__BLOCK_WORDS];
  unsigned count = 0;
  gc__block_read_occupied(heap, block, occupied);
  for (size_t word = 0; word < gc__block_words(&heap->space); word++) count += gc__bit_count(occupied[word]);
  return count;
}

void gc__block_stamp(struct gc__heap *heap, uint32_t block) {
  struct gc__block_entry entry = gc__entry_at(&heap->space, block);
  if (entry.stamp == heap->stamp) return;
  uint64_t *young = gc__block_young(&heap->space, block);
  for (size_t word = 0; word < gc__block_words(&heap->space); word++) gc__word_poke(&young[word], 0);
  entry.stamp = heap->stamp;
  gc__entry_set(&heap->space, block, entry);
}

/* Whole words of bits belong to this range alone and are stored; at the edges other threads may clear bits of their own
 * cells in the same word. */
void gc__block_set_young(struct gc__heap *heap, size_t start, size_t end) {
  uint64_t *young = heap->space.young;
  size_t first = (start - heap->space.base) / GC__GRANULE_BYTES, last = first + (end - start) / GC__GRANULE_BYTES;
  GC__CHECK(gc__entry_at(&heap->space, gc__block_of(&heap->space, first)).stamp == heap->stamp);
  GC__CHECK(gc__block_of(&heap->space, first) == gc__block_of(&heap->space, last - 1));
  for (size_t word = first / 64; word * 64 < last; word++) {
    uint64_t mask = gc__bits_of_range(word, first, last);
    if (mask == ~(uint64_t)0) gc__word_poke(&young[word], mask);
    else gc__word_or(&young[word], mask);
  }
}

void gc__block_clear_young(struct gc__heap *heap, size_t start, size_t end) {
  size_t first = (start - heap->space.base) / GC__GRANULE_BYTES, last = first + (end - start) / GC__GRANULE_BYTES;
  for (size_t word = first / 64; word * 64 < last; word++)
    gc__word_and_not(&heap->space.young[word], gc__bits_of_range(word, first, last));
}

bool gc__block_clear_young_cell(struct gc__heap *heap, size_t granule) {
  uint64_t mask = (uint64_t)1 << granule % 64;
  return (gc__word_and_not(&heap->space.young[granule / 64], mask) & mask) != 0;
}

/* The exchange orders the cell's byte, which was cleared, before the look at the flag: who clears the flag counts the
 * bytes afterwards, and sees the cell free, or the flag is set anew. */
static void touch(struct gc__heap *heap, uint32_t block) {
  struct gc__block *facts = block_at(heap, block);
  if (!gc__byte_swap_if(&facts->is_touched, 0, 1)) return;
  gc__lock_take(&heap->lock);
  gc__page_set_add_mask(&heap->counts.sets[GC__SET_TOUCHED], block, 1);
  gc__lock_give(&heap->lock);
}

void gc__block_offer(struct gc__heap *heap, uint32_t block) {
  struct gc__block *facts = block_at(heap, block);
  if (!gc__heap_has_counts(heap) || facts->state == GC__BLOCK_NONE) return;
  if (gc__byte_swap_if(&facts->is_touched, 0, 1)) gc__page_set_add_mask(&heap->counts.sets[GC__SET_TOUCHED], block, 1);
}

unsigned gc__block_relook_cells(const struct gc__heap *heap, uint32_t block) {
  return 1u + gc__block_cells(&heap->space, gc__block_class(heap, block)) / RELOOK_SHARE;
}

void gc__block_note_freed(struct gc__heap *heap, uint32_t block) {
  if (gc__heap_has_counts(heap)) {
    touch(heap, block);
    return;
  }
  struct gc__block *facts = block_at(heap, block);
  unsigned freed = gc__flag_add(&facts->freed_cells, 1) + 1;
  if (freed < gc__block_relook_cells(heap, block) && freed != gc__half_peek(&facts->live_cells)) return;
  gc__lock_take(&heap->lock);
  if (facts->swept_epoch == heap->epoch) gc__sweep_left(heap, block);
  gc__lock_give(&heap->lock);
}
