/* heap/block.h - blocks: 64 KiB (or 4 KiB: [space.block]) of cells of one size class and kind.
 *
 * [block.young] A cell is allocated if its liveness byte is the current epoch, or if the block's stamp is the current
 * one and the cell's young bit is set. Young bits are set for whole ranges when cells are handed to a thread, and
 * cleared for a cell that is freed by hand; a stop makes all of them stale at once, by moving on to the next stamp. So
 * allocation stores nothing per object.
 * [block.owner] A block with an owner is in no list, and only the owner hands out its cells. Others may free cells in
 * it. [block.listed] A block in a list of available blocks has a state that says so, its class and kind are the list's.
 * There is a list for each tier.
 */
#ifndef GC_HEAP_BLOCK_H
#define GC_HEAP_BLOCK_H

#include "heap/heap.h"

enum gc__block_state {
  GC__BLOCK_NONE,    /* not a block of cells */
  GC__BLOCK_IDLE,    /* nobody hands out its cells: full, or not swept yet */
  GC__BLOCK_LISTED,  /* in a list of available blocks; after a trace, until it is swept: was in one */
  GC__BLOCK_CLAIMED, /* is being swept by some thread */
  GC__BLOCK_OWNED
};

/* A new block from free pages (no growth), owned. Lock held. The grant as from gc__pages_take. */
struct gc__page_grant gc__block_make(struct gc__heap *heap, enum gc__kind kind, unsigned size_class);

/* Objects with a procedure may be in this block of typed ones: [layout.procedure]. Lock held. */
void gc__block_note_procedures(struct gc__heap *heap, uint32_t block);

/* Gives an unlisted block without allocated cells back to the pages. Lock held. */
void gc__block_release(struct gc__heap *heap, uint32_t block);

/* Lists an unlisted block as available, unless its unit is away ([swap.idle]), or takes one from a list, owned;
 * GC__NONE: the list is empty. Lock held. */
void gc__block_list(struct gc__heap *heap, uint32_t block);
uint32_t gc__block_unlist(struct gc__heap *heap, enum gc__kind kind, unsigned size_class, enum gc__tier tier);

/* Takes this block out of the list that it is in. Lock held. */
void gc__block_withdraw(struct gc__heap *heap, uint32_t block);

/* By what was old when it was looked at last. */
enum gc__tier gc__block_tier(const struct gc__heap *heap, uint32_t block);

/* Which cells cannot be handed out: a bit at each such cell's first granule, no other bits. As many words are set as
 * blocks have here. */
void gc__block_read_occupied(const struct gc__heap *heap, uint32_t block, uint64_t occupied[GC__BLOCK_WORDS]);

/* How many cells are live, by the liveness bytes alone: for blocks from which nothing was handed out since the last
 * trace. */
unsigned gc__block_count_live(const struct gc__heap *heap, uint32_t block);

/* How many cells cannot be handed out, young ones included: at any time. */
unsigned gc__block_count_occupied(const struct gc__heap *heap, uint32_t block);

/* Makes the block's young bits count from now on; they are all 0 then, unless they counted already. By the owner, or
 * with the world stopped. */
void gc__block_stamp(struct gc__heap *heap, uint32_t block);

/* Sets the young bits of [start, end), addresses in one block that bears the current stamp. */
void gc__block_set_young(struct gc__heap *heap, size_t start, size_t end);

/* Clears them. */
void gc__block_clear_young(struct gc__heap *heap, size_t start, size_t end);

/* Clears one cell's bit; whether it was set. */
bool gc__block_clear_young_cell(struct gc__heap *heap, size_t granule);

/* How many cells are freed by hand before the block is looked at again. */
unsigned gc__block_relook_cells(const struct gc__heap *heap, uint32_t block);

/* A cell of this block was freed by hand, and nobody keeps it: once there are enough, or the block may be empty, it is
 * looked at. In a mode that counts, for whatever reason it became free: the block is touched (heap/sweep.h). The byte
 * was cleared. */
void gc__block_note_freed(struct gc__heap *heap, uint32_t block);

/* The block may be listed again: in a mode that counts it is touched, in others the next sweep comes by. Lock held. */
void gc__block_offer(struct gc__heap *heap, uint32_t block);

/* A thread that has just freed a block's last cell may still ask, while the block is released and made anew with
 * another class: then either answer will do. */
static inline const struct gc__size_class *gc__block_class(const struct gc__heap *heap, uint32_t block) {
  return &gc__size_classes[gc__byte_peek(&heap->space.blocks[block].size_class)];
}

#endif
