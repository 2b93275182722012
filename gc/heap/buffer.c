/* heap/buffer.c - see buffer.h. */
#include "heap/buffer.h"
#include "base/check.h"
#include "heap/heap.h"

#define PIECE_LEAST_LOG2 7u
#define PIECE_ALIGNMENT  ((size_t)1 << PIECE_LEAST_LOG2)
_Static_assert(PIECE_ALIGNMENT >= GC__SHARING_BYTES, "markers are aligned so");
#define PIECE_MOST_BYTES ((size_t)1 << (PIECE_LEAST_LOG2 + GC__PIECE_SIZES - 1))

/* ---- Pieces ---- */

static unsigned piece_size_of(size_t bytes) {
  unsigned log2 = bytes > 1 ? gc__highest_bit(bytes - 1) + 1 : 0;
  return log2 > PIECE_LEAST_LOG2 ? log2 - PIECE_LEAST_LOG2 : 0;
}

static size_t piece_bytes(unsigned size) {
  return (size_t)1 << (PIECE_LEAST_LOG2 + size);
}

static void give_piece(struct gc__buffer *buffer, void *piece, unsigned size) {
  *(void **)piece = buffer->pieces[size];
  buffer->pieces[size] = piece;
}

/* What is left of the memory that pieces were cut from is no longer than what is asked for. */
static void give_rest(struct gc__buffer *buffer) {
  for (unsigned size = GC__PIECE_SIZES; size-- > 0;)
    while ((size_t)(buffer->rest_end - buffer->rest) >= piece_bytes(size)) {
      give_piece(buffer, buffer->rest, size);
      buffer->rest += piece_bytes(size);
    }
  buffer->rest = buffer->rest_end = NULL;
}

static void *take_table_pages(struct gc__heap *heap, size_t bytes) {
  struct gc__page_grant grant = gc__pages_take(&heap->pages, (uint32_t)(bytes / GC__PAGE_BYTES), 1, 0);
  return grant.first == GC__NONE ? NULL : (char *)heap->space.base + (size_t)grant.first * GC__PAGE_BYTES;
}

static void *take_piece(struct gc__heap *heap, unsigned size) {
  struct gc__buffer *buffer = &heap->buffer;
  void *piece = buffer->pieces[size];
  if (piece) {
    buffer->pieces[size] = *(void **)piece;
    return piece;
  }
  if ((size_t)(buffer->rest_end - buffer->rest) < piece_bytes(size)) {
    char *page = take_table_pages(heap, GC__PAGE_BYTES);
    if (!page) return NULL;
    give_rest(buffer);
    buffer->rest = page;
    buffer->rest_end = page + GC__PAGE_BYTES;
  }
  piece = buffer->rest;
  buffer->rest += piece_bytes(size);
  return piece;
}

/* ---- The supply ---- */

static void *take_locked(void *owner, size_t *bytes) {
  struct gc__heap *heap = owner;
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (*bytes <= PIECE_MOST_BYTES) {
    unsigned size = piece_size_of(*bytes);
    *bytes = piece_bytes(size);
    return take_piece(heap, size);
  }
  if (*bytes > heap->space.reserved_bytes) return NULL;
  *bytes = gc__round_up(*bytes, GC__PAGE_BYTES);
  return take_table_pages(heap, *bytes);
}

static void give_locked(void *owner, void *start, size_t bytes) {
  struct gc__heap *heap = owner;
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (bytes <= PIECE_MOST_BYTES) give_piece(&heap->buffer, start, piece_size_of(bytes));
  else
    gc__pages_give(&heap->pages, (uint32_t)(gc__space_offset(&heap->space, start) / GC__PAGE_BYTES),
                   (uint32_t)(gc__round_up(bytes, GC__PAGE_BYTES) / GC__PAGE_BYTES));
}

static void *take_supply(void *owner, size_t *bytes) {
  struct gc__heap *heap = owner;
  gc__lock_take(&heap->lock);
  void *start = take_locked(owner, bytes);
  gc__lock_give(&heap->lock);
  return start;
}

static void give_supply(void *owner, void *start, size_t bytes) {
  struct gc__heap *heap = owner;
  gc__lock_take(&heap->lock);
  give_locked(owner, start, bytes);
  gc__lock_give(&heap->lock);
}

/* ---- Opening ---- */

/* What lies between the tables and the first block is good for pieces. */
bool gc__buffer_open(struct gc__heap *heap, struct gc__range memory, bool has_cards, bool has_counts) {
  struct gc__buffer *buffer = &heap->buffer;
  struct gc__space *space = &heap->space;
  size_t bytes = memory.end - memory.start;
  unsigned block_log2 = bytes < GC__BUFFER_LARGE_BYTES ? GC__BLOCK_LOG2_LEAST : GC__BLOCK_LOG2;
  char *tables_end = gc__space_lay_out(space, memory.start, bytes, block_log2, has_cards, has_counts);
  if (!tables_end) return false;
  *buffer = (struct gc__buffer){.memory = memory,
                                .supply = {take_supply, give_supply, heap},
                                .locked = {take_locked, give_locked, heap},
                                .rest = (char *)gc__round_up((uintptr_t)tables_end, PIECE_ALIGNMENT),
                                .rest_end = (char *)space->base};
  if (buffer->rest > buffer->rest_end) buffer->rest = buffer->rest_end;
  if (buffer->rest_end - buffer->rest > (ptrdiff_t)GC__PAGE_BYTES) buffer->rest_end = buffer->rest + GC__PAGE_BYTES;
  buffer->locked_budget = (struct gc__budget){.limit_bytes = SIZE_MAX, .supply = &buffer->locked};
  space->budget = heap->budget;
  heap->budget->supply = &buffer->supply;
  heap->budget->used_bytes = heap->budget->limit_bytes = bytes;
  gc__pages_open(&heap->pages, space);
  gc__pages_give_fixed(&heap->pages);
  return true;
}
