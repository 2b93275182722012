/* heap/swap.c - see swap.h. */
#include "heap/swap.h"
#include "base/check.h"
#include "heap/block.h"
#include "os/report.h"

#include <errno.h>
#include <string.h>

/* A unit with fewer pages of its own than this is not worth a move: an eighth. */
#define SWAP_WORTH_PAGES (GC__CHUNK_PAGES / 8)

/* The system grants a process 65,530 mappings by default; others need them, too. */
#define EDGES_MOST 32768u

/* Beside one for each unit: a unit that is moved anew has two for a while. No memory is to be had when one is needed.
 */
#define SLOTS_SPARE 64u

/* A unit that came back was a wrong choice: for so many turns it is not cold. */
#define BACK_TURNS 8u

/* ---- Life ---- */

bool gc__swap_extend(struct gc__swap *swap, size_t span_bytes) {
  size_t chunks = span_bytes / GC__CHUNK_BYTES, known = swap->unit_memory.committed_bytes / sizeof *swap->units;
  if (!gc__region_commit(&swap->away_memory, chunks * GC__CHUNK_WORDS * sizeof *swap->away)) return false;
  if (!gc__region_commit(&swap->unit_memory, chunks * sizeof *swap->units)) return false;
  if (!gc__region_commit(&swap->used_memory, (chunks + SLOTS_SPARE) / 8)) return false;
  size_t end = swap->unit_memory.committed_bytes / sizeof *swap->units;
  for (size_t unit = known; unit < end; unit++)
    swap->units[unit] = (struct gc__swap_unit){.slot = GC__NONE, .changed_at = swap->turn - 1};
  return true;
}

static bool open_tables(struct gc__heap *heap) {
  struct gc__swap *swap = &heap->swap;
  size_t chunks = heap->space.reserved_bytes / GC__CHUNK_BYTES;
  if (!gc__region_open(&swap->unit_memory, heap->budget, chunks * sizeof *swap->units)) return false;
  if (!gc__region_open(&swap->away_memory, heap->budget, chunks * GC__CHUNK_WORDS * sizeof *swap->away)) return false;
  if (!gc__region_open(&swap->used_memory, heap->budget, (chunks + SLOTS_SPARE) / 8)) return false;
  swap->units = (void *)swap->unit_memory.start;
  swap->away = (void *)swap->away_memory.start;
  swap->used = (void *)swap->used_memory.start;
  return gc__swap_extend(swap, heap->space.span_bytes);
}

int gc__swap_open(struct gc__heap *heap, const char *path, size_t bytes) {
  struct gc__swap *swap = &heap->swap;
  size_t most = heap->space.reserved_bytes / GC__CHUNK_BYTES;
  if (bytes && bytes / GC__CHUNK_BYTES < most) most = bytes / GC__CHUNK_BYTES;
  swap->slots_most = (uint32_t)most;
  swap->file.file = -1;
  int error = gc__swap_file_name(swap->path, path);
  if (!error) error = gc__swap_file_open(&swap->file, swap->path);
  if (!error && !open_tables(heap)) error = ENOMEM;
  if (error) {
    gc__swap_close(heap);
    return error;
  }
  swap->has_record = heap->log.is_on && (heap->log.has_cards || heap->log.watch.kind != GC__WATCH_NONE);
  swap->is_on = true;
  heap->space.swap = swap;
  return 0;
}

/* The heap's memory goes at the same time. */
void gc__swap_close(struct gc__heap *heap) {
  struct gc__swap *swap = &heap->swap;
  if (swap->path[0]) gc__swap_file_close(&swap->file);
  heap->space.swap = NULL;
  gc__region_close(&swap->unit_memory);
  gc__region_close(&swap->away_memory);
  gc__region_close(&swap->used_memory);
  swap->is_on = false;
}

/* What is in use of the file stays as it is from now on. */
static void seal_file(struct gc__swap *swap) {
  size_t units = swap->unit_memory.committed_bytes / sizeof *swap->units;
  for (size_t unit = 0; unit < units && swap->slots_used; unit++) {
    if (swap->units[unit].slot >= GC__SLOT_SEALED) continue;
    swap->units[unit].slot = GC__SLOT_SEALED;
    swap->slots_sealed++;
  }
  memset(swap->used, 0, (swap->slots_end + 63) / 64 * sizeof *swap->used);
  swap->slots_used = swap->slots_end = 0;
  gc__swap_file_close(&swap->file);
}

void gc__swap_after_fork(struct gc__swap *swap) {
  if (swap->is_on) seal_file(swap);
}

/* After a fork, or when the program closed our descriptor. */
static int renew_file(struct gc__swap *swap) {
  if (gc__swap_file_is_there(&swap->file)) return 0;
  seal_file(swap);
  return gc__swap_file_open(&swap->file, swap->path);
}

/* ---- Slots ---- */

static uint64_t offset_of(uint32_t slot) {
  return (uint64_t)slot * GC__CHUNK_BYTES;
}

/* The lowest free one, so that neighbours in the heap are neighbours in the file: such mappings are one. GC__NONE:
 * there may be no more. */
static uint32_t reserve_slot(struct gc__swap *swap) {
  uint32_t slot = 0;
  if (swap->slots_used + swap->slots_sealed >= swap->slots_most) return GC__NONE;
  for (uint32_t words = swap->slots_end / 64, word = 0; word < words && !~swap->used[word]; word++) slot += 64;
  while (slot < swap->slots_end && gc__bit_test(swap->used, slot)) slot++;
  if (slot / 8 >= swap->used_memory.committed_bytes) return GC__NONE;
  if (slot == swap->slots_end) swap->slots_end++;
  gc__bit_set(swap->used, slot);
  swap->slots_used++;
  return slot;
}

static void free_slot(struct gc__swap *swap, uint32_t slot) {
  if (slot == GC__NONE) return;
  if (slot == GC__SLOT_SEALED) {
    swap->slots_sealed--;
    return;
  }
  swap->used[slot / 64] &= ~((uint64_t)1 << slot % 64);
  swap->slots_used--;
}

uint64_t gc__swap_room_bytes(const struct gc__swap *swap) {
  if (!swap->is_on || swap->slots_used + swap->slots_sealed >= swap->slots_most) return 0;
  uint64_t room = offset_of(swap->slots_most - swap->slots_used - swap->slots_sealed);
  if (swap->file.file < 0) return room;
  uint64_t unused = gc__swap_file_free_bytes(&swap->file) + offset_of(swap->slots_end - swap->slots_used);
  return unused < room ? unused : room;
}

/* ---- Pages of a unit ---- */

static char *unit_start(const struct gc__heap *heap, uint32_t unit) {
  return (char *)heap->space.base + (size_t)unit * GC__CHUNK_BYTES;
}

static bool is_page_taken(const struct gc__space *space, size_t page) {
  uint32_t head = space->run_heads[page];
  return head && space->runs[head - 1].state == GC__RUN_LARGE;
}

/* A bit for each page that belongs to a block of cells or to a large object. Heap's lock held. */
static void find_taken(const struct gc__heap *heap, uint32_t unit, uint64_t taken[GC__CHUNK_WORDS]) {
  const struct gc__space *space = &heap->space;
  memset(taken, 0, GC__CHUNK_WORDS * sizeof *taken);
  for (uint32_t i = 0; i < GC__CHUNK_BLOCKS; i++) {
    uint32_t block = unit * (uint32_t)GC__CHUNK_BLOCKS + i;
    bool has_cells = space->blocks[block].state != GC__BLOCK_NONE;
    bool has_runs = gc__entry_at(space, block).shape & GC__SHAPE_PAGES;
    if (!has_cells && !has_runs) continue;
    for (size_t page = 0; page < GC__BLOCK_PAGES; page++)
      if (has_cells || is_page_taken(space, block * GC__BLOCK_PAGES + page))
        gc__bit_set(taken, i * GC__BLOCK_PAGES + page);
  }
}

static size_t count_bits(const uint64_t *bits) {
  size_t count = 0;
  for (size_t word = 0; word < GC__CHUNK_WORDS; word++) count += gc__bit_count(bits[word]);
  return count;
}

/* ---- Choosing ---- */

/* Whether a large object with a page in this block is new: it may be zeroed right now. */
static bool has_new_run(const struct gc__heap *heap, uint32_t block) {
  const struct gc__space *space = &heap->space;
  for (size_t page = block * GC__BLOCK_PAGES; page < (block + 1) * GC__BLOCK_PAGES; page++)
    if (is_page_taken(space, page) && space->runs[space->run_heads[page] - 1].stamp == heap->stamp) return true;
  return false;
}

static bool is_block_quiet(const struct gc__heap *heap, uint32_t block) {
  const struct gc__block *facts = &heap->space.blocks[block];
  struct gc__block_entry entry = gc__entry_at(&heap->space, block);
  if (facts->state == GC__BLOCK_NONE) return !(entry.shape & GC__SHAPE_PAGES) || !has_new_run(heap, block);
  if (facts->state == GC__BLOCK_OWNED || facts->state == GC__BLOCK_CLAIMED || facts->is_pending) return false;
  return entry.stamp != heap->stamp && !(heap->log.is_on && facts->is_open);
}

static bool is_quiet(const struct gc__heap *heap, uint32_t unit) {
  if (heap->swap.is_eager) return true;
  for (uint32_t i = 0; i < GC__CHUNK_BLOCKS; i++)
    if (!is_block_quiet(heap, unit * (uint32_t)GC__CHUNK_BLOCKS + i)) return false;
  return true;
}

/* Whether a full collection reads no word of the unit. */
static bool has_leaves_only(const struct gc__heap *heap, uint32_t unit) {
  const struct gc__space *space = &heap->space;
  for (uint32_t i = 0; i < GC__CHUNK_BLOCKS; i++) {
    uint32_t block = unit * (uint32_t)GC__CHUNK_BLOCKS + i;
    if (space->blocks[block].state != GC__BLOCK_NONE && space->blocks[block].kind != GC__KIND_LEAF) return false;
    if (space->blocks[block].state != GC__BLOCK_NONE || !(gc__entry_at(space, block).shape & GC__SHAPE_PAGES)) continue;
    for (size_t page = block * GC__BLOCK_PAGES; page < (block + 1) * GC__BLOCK_PAGES; page++)
      if (is_page_taken(space, page) && space->runs[space->run_heads[page] - 1].kind != GC__KIND_LEAF) return false;
  }
  return true;
}

/* Protection belongs to mappings: what is guarded stays where it is. */
static bool has_guards(const struct gc__heap *heap, uint32_t unit) {
  return gc__guards_meet(heap, unit * GC__CHUNK_PAGES, GC__CHUNK_PAGES);
}

/* The lower the colder; UINT64_MAX: not cold. */
static uint64_t rank_unit(struct gc__heap *heap, uint32_t unit, bool is_urgent) {
  struct gc__swap *swap = &heap->swap;
  struct gc__swap_unit *facts = &swap->units[unit];
  uint64_t taken[GC__CHUNK_WORDS];
  int32_t age = (int32_t)(swap->turn - facts->changed_at);
  if (has_guards(heap, unit)) return UINT64_MAX;
  if (!is_quiet(heap, unit)) {
    if (age > 0) facts->changed_at = swap->turn;
    return UINT64_MAX;
  }
  find_taken(heap, unit, taken);
  size_t first = unit * GC__CHUNK_WORDS;
  for (size_t word = 0; word < GC__CHUNK_WORDS; word++)
    taken[word] &= gc__swap_charged_word(&heap->space, first + word);
  bool is_cold = age > 0 || swap->is_eager;
  size_t worth_pages = swap->is_eager ? 1 : SWAP_WORTH_PAGES;
  if (!(is_cold || is_urgent) || count_bits(taken) < worth_pages) return UINT64_MAX;
  uint64_t group = !is_cold ? 2 : !has_leaves_only(heap, unit);
  return (group << 32) + ((uint32_t)INT32_MAX - (uint32_t)age);
}

uint32_t gc__swap_choose(struct gc__heap *heap, bool is_urgent, uint32_t *units, uint32_t most) {
  uint64_t ranks[GC__SWAP_CHOICES_MOST];
  uint32_t count = 0, end = (uint32_t)(gc__word_get(&heap->space.span_bytes) / GC__CHUNK_BYTES);
  GC__CHECK(most && most <= GC__SWAP_CHOICES_MOST);
  for (uint32_t unit = 0; unit < end; unit++) {
    gc__lock_take(&heap->lock);
    uint64_t rank = rank_unit(heap, unit, is_urgent);
    gc__lock_give(&heap->lock);
    if (rank == UINT64_MAX || (count == most && rank >= ranks[most - 1])) continue;
    uint32_t at = count < most ? count++ : most - 1;
    for (; at && ranks[at - 1] > rank; at--) {
      ranks[at] = ranks[at - 1];
      units[at] = units[at - 1];
    }
    ranks[at] = rank;
    units[at] = unit;
  }
  return count;
}

/* ---- Moving ---- */

static int write_pages(const struct gc__heap *heap, const struct gc__swap_move *move, const uint64_t *taken) {
  const char *start = unit_start(heap, move->unit);
  const struct gc__swap_file *file = &heap->swap.file;
  int error = gc__swap_file_reserve(file, offset_of(move->slot), GC__CHUNK_BYTES);
  for (size_t page = 0, end; !error && (page = gc__bit_next(taken, page, GC__CHUNK_PAGES)) < GC__CHUNK_PAGES;
       page = end) {
    for (end = page; end < GC__CHUNK_PAGES && gc__bit_test(taken, end);) end++;
    size_t at = page * GC__PAGE_BYTES;
    error = gc__swap_file_write(file, offset_of(move->slot) + at, start + at, (end - page) * GC__PAGE_BYTES);
  }
  return error ? error : gc__swap_file_settle(file, offset_of(move->slot), GC__CHUNK_BYTES);
}

int gc__swap_save(struct gc__heap *heap, uint32_t unit, struct gc__swap_move *move) {
  struct gc__swap *swap = &heap->swap;
  uint64_t taken[GC__CHUNK_WORDS];
  int error = renew_file(swap);
  if (!error) {
    *move = (struct gc__swap_move){unit, reserve_slot(swap)};
    error = move->slot == GC__NONE ? ENOSPC : 0;
  }
  if (!error) {
    gc__lock_take(&heap->lock);
    find_taken(heap, unit, taken);
    gc__lock_give(&heap->lock);
    error = write_pages(heap, move, taken);
    if (error) free_slot(swap, move->slot);
  }
  swap->error = error == EFAULT ? 0 : error;
  if (error == EFAULT) swap->units[unit].changed_at = swap->turn + BACK_TURNS;
  return error;
}

/* Pages that are taken since they were saved are compared like the others. */
static bool is_saved(const struct gc__heap *heap, const struct gc__swap_move *move, const uint64_t *taken) {
  const char *start = unit_start(heap, move->unit);
  if (has_guards(heap, move->unit)) return false; /* since then */
  for (size_t page = 0, end; (page = gc__bit_next(taken, page, GC__CHUNK_PAGES)) < GC__CHUNK_PAGES; page = end) {
    for (end = page; end < GC__CHUNK_PAGES && gc__bit_test(taken, end);) end++;
    size_t at = page * GC__PAGE_BYTES;
    if (!gc__swap_file_equals(&heap->swap.file, offset_of(move->slot) + at, start + at, (end - page) * GC__PAGE_BYTES))
      return false;
  }
  return true;
}

/* Whether one mapping could serve this unit and the next. */
static bool units_meet(const struct gc__heap *heap, size_t unit) {
  const struct gc__swap_unit *units = heap->swap.units;
  if (unit + 1 >= heap->space.span_bytes / GC__CHUNK_BYTES) return !units[unit].is_mapped;
  if (!units[unit].is_mapped || !units[unit + 1].is_mapped) return units[unit].is_mapped == units[unit + 1].is_mapped;
  return units[unit].mapped_to + 1 == units[unit + 1].mapped_to;
}

static uint32_t count_map_edges(const struct gc__heap *heap, uint32_t unit) {
  uint32_t before = unit ? !units_meet(heap, unit - 1) : 0;
  return before + !units_meet(heap, unit);
}

static void set_mapped(struct gc__heap *heap, uint32_t unit, bool is_mapped, uint32_t slot) {
  struct gc__swap *swap = &heap->swap;
  swap->edges -= count_map_edges(heap, unit);
  swap->units[unit].is_mapped = is_mapped;
  swap->units[unit].mapped_to = slot;
  swap->edges += count_map_edges(heap, unit);
}

/* Lists of available blocks lose those of the unit: [swap.idle]. After a trace the lists are empty, and unswept blocks
 * only say that they were in one. */
static void withdraw_blocks(struct gc__heap *heap, uint32_t unit) {
  for (uint32_t i = 0; i < GC__CHUNK_BLOCKS; i++) {
    uint32_t block = unit * (uint32_t)GC__CHUNK_BLOCKS + i;
    struct gc__block *facts = &heap->space.blocks[block];
    if (facts->state != GC__BLOCK_LISTED) continue;
    if (facts->swept_epoch == heap->epoch) gc__block_withdraw(heap, block);
    facts->state = GC__BLOCK_IDLE;
  }
}

static void lose_dirty_free(struct gc__pages *pages, size_t count) {
  pages->dirty_free_pages -= count;
  if (pages->idle_pages > pages->dirty_free_pages) pages->idle_pages = pages->dirty_free_pages;
}

/* All pages of the unit are away now. The bytes that are not charged any more. */
static size_t send_away(struct gc__heap *heap, uint32_t unit, const uint64_t *taken) {
  struct gc__swap *swap = &heap->swap;
  size_t charged = 0, charged_free = 0, fresh = 0;
  for (size_t i = 0; i < GC__CHUNK_WORDS; i++) {
    size_t word = unit * GC__CHUNK_WORDS + i;
    uint64_t bits = gc__swap_charged_word(&heap->space, word);
    charged += gc__bit_count(bits);
    charged_free += gc__bit_count(bits & ~taken[i]);
    fresh += gc__bit_count(taken[i] & ~swap->away[word]);
    heap->space.dirty_pages[word] = swap->away[word] = ~(uint64_t)0;
  }
  lose_dirty_free(&heap->pages, charged_free);
  gc__budget_give(heap->budget, charged * GC__PAGE_BYTES);
  gc__word_add(&swap->away_bytes, fresh * GC__PAGE_BYTES);
  return charged * GC__PAGE_BYTES;
}

size_t gc__swap_finish(struct gc__heap *heap, const struct gc__swap_move *move) {
  struct gc__swap *swap = &heap->swap;
  struct gc__swap_unit *facts = &swap->units[move->unit];
  uint64_t taken[GC__CHUNK_WORDS];
  size_t moved = 0;
  gc__lock_take(&heap->lock);
  find_taken(heap, move->unit, taken);
  if (is_quiet(heap, move->unit) && swap->edges < EDGES_MOST && is_saved(heap, move, taken)) {
    gc__log_begin_remap(heap, move->unit);
    bool done = gc__swap_file_map(&swap->file, offset_of(move->slot), unit_start(heap, move->unit), GC__CHUNK_BYTES);
    if (done) gc__log_end_remap(heap, move->unit);
    if (done) moved = send_away(heap, move->unit, taken);
    if (!done) swap->error = ENOMEM;
  }
  if (moved) {
    withdraw_blocks(heap, move->unit);
    free_slot(swap, facts->slot);
    facts->slot = move->slot;
    facts->is_suspect = false;
    set_mapped(heap, move->unit, true, move->slot);
  } else {
    free_slot(swap, move->slot);
    facts->changed_at = swap->turn;
  }
  gc__lock_give(&heap->lock);
  return moved;
}

/* ---- Coming back ---- */

void gc__swap_note_written(struct gc__heap *heap, uintptr_t start, uintptr_t end) {
  struct gc__swap *swap = &heap->swap;
  if (!swap->is_on || !swap->has_record) return;
  size_t first = (start - heap->space.base) / GC__CHUNK_BYTES, last = (end - 1 - heap->space.base) / GC__CHUNK_BYTES;
  for (size_t unit = first; unit <= last; unit++) {
    if ((int32_t)(swap->turn - swap->units[unit].changed_at) > 0) swap->units[unit].changed_at = swap->turn;
    swap->units[unit].is_suspect = true;
  }
}

/* Taken pages that were written are memory again; they are charged whatever the limit says. */
static size_t charge_written(struct gc__heap *heap, uint32_t unit, const uint64_t *taken, const uint64_t *written) {
  struct gc__swap *swap = &heap->swap;
  size_t back = 0;
  for (size_t i = 0; i < GC__CHUNK_WORDS; i++) {
    uint64_t bits = written[i] & taken[i] & swap->away[unit * GC__CHUNK_WORDS + i];
    swap->away[unit * GC__CHUNK_WORDS + i] &= ~bits;
    back += gc__bit_count(bits);
  }
  gc__word_add(&swap->away_bytes, -(back * GC__PAGE_BYTES));
  gc__budget_charge(heap->budget, back * GC__PAGE_BYTES);
  return back;
}

/* Free pages that were written though nobody has them: by a program that uses what it freed. */
static void drop_strays(struct gc__heap *heap, uint32_t unit, const uint64_t *taken, const uint64_t *written) {
  for (size_t page = 0; page < GC__CHUNK_PAGES; page++) {
    bool is_stray = gc__bit_test(written, page) && !gc__bit_test(taken, page);
    if (is_stray && gc__swap_is_away(&heap->swap, unit * GC__CHUNK_PAGES + page))
      (void)gc__os_discard(unit_start(heap, unit) + page * GC__PAGE_BYTES, GC__PAGE_BYTES);
  }
}

/* Nothing of the unit is in use: zeroed memory, none of it charged. */
static void empty_unit(struct gc__heap *heap, uint32_t unit) {
  struct gc__swap *swap = &heap->swap;
  size_t charged = 0;
  gc__log_begin_remap(heap, unit);
  if (!gc__swap_file_unmap(unit_start(heap, unit), GC__CHUNK_BYTES)) return;
  gc__log_end_remap(heap, unit);
  for (size_t word = unit * GC__CHUNK_WORDS; word < (unit + 1) * GC__CHUNK_WORDS; word++) {
    charged += gc__bit_count(gc__swap_charged_word(&heap->space, word));
    heap->space.dirty_pages[word] = swap->away[word] = 0;
  }
  lose_dirty_free(&heap->pages, charged);
  gc__budget_give(heap->budget, charged * GC__PAGE_BYTES);
  set_mapped(heap, unit, false, GC__NONE);
}

/* Heap's lock held. */
static void take_back_unit(struct gc__heap *heap, uint32_t unit) {
  struct gc__swap *swap = &heap->swap;
  struct gc__swap_unit *facts = &swap->units[unit];
  uint64_t taken[GC__CHUNK_WORDS], written[GC__CHUNK_WORDS], left = 0;
  find_taken(heap, unit, taken);
  if (gc__swap_file_find_written(unit_start(heap, unit), GC__CHUNK_PAGES, written)) {
    facts->is_suspect = false;
    if (charge_written(heap, unit, taken, written)) facts->changed_at = swap->turn + BACK_TURNS;
    drop_strays(heap, unit, taken, written);
  }
  for (size_t i = 0; i < GC__CHUNK_WORDS; i++) left |= taken[i] & swap->away[unit * GC__CHUNK_WORDS + i];
  if (!left && facts->slot != GC__NONE) {
    free_slot(swap, facts->slot);
    facts->slot = GC__NONE;
    for (uint32_t i = 0; i < GC__CHUNK_BLOCKS; i++) gc__block_offer(heap, unit * (uint32_t)GC__CHUNK_BLOCKS + i);
  }
  if (!count_bits(taken)) empty_unit(heap, unit);
}

void gc__swap_take_back(struct gc__heap *heap, bool is_full) {
  struct gc__swap *swap = &heap->swap;
  uint32_t end = (uint32_t)(gc__word_get(&heap->space.span_bytes) / GC__CHUNK_BYTES);
  if (!swap->is_on || !swap->edges) return;
  for (uint32_t unit = 0; unit < end; unit++) {
    if (!swap->units[unit].is_mapped || !(is_full || swap->units[unit].is_suspect)) continue;
    gc__lock_take(&heap->lock);
    take_back_unit(heap, unit);
    gc__lock_give(&heap->lock);
  }
}

/* ---- Checks ---- */

/* How many pages of a unit are taken and away. */
static size_t verify_unit(const struct gc__heap *heap, uint32_t unit) {
  const struct gc__swap *swap = &heap->swap;
  const struct gc__swap_unit *facts = &swap->units[unit];
  uint64_t taken[GC__CHUNK_WORDS];
  size_t away = 0, away_taken = 0;
  find_taken(heap, unit, taken);
  for (size_t i = 0; i < GC__CHUNK_WORDS; i++) {
    size_t word = unit * GC__CHUNK_WORDS + i;
    gc__verify((swap->away[word] & ~heap->space.dirty_pages[word]) == 0, "swap.away");
    away += gc__bit_count(swap->away[word]);
    away_taken += gc__bit_count(swap->away[word] & taken[i]);
    bool has_shadow = gc__heap_has_counts(heap) && (swap->away[word] & heap->counts.shadow.pages[word]);
    gc__verify(!has_shadow, "swap.uncounted");
  }
  gc__verify(facts->is_mapped || !away, "swap.away");
  gc__verify(facts->slot != GC__NONE || !away_taken, "swap.slot");
  bool has_slot = facts->slot < GC__SLOT_SEALED;
  gc__verify(!has_slot || (facts->mapped_to == facts->slot && gc__bit_test(swap->used, facts->slot)), "swap.slot");
  for (uint32_t block = unit * GC__CHUNK_BLOCKS; block < (unit + 1) * GC__CHUNK_BLOCKS; block++)
    gc__verify(facts->slot == GC__NONE || heap->space.blocks[block].state != GC__BLOCK_LISTED, "swap.idle");
  return away_taken;
}

void gc__swap_verify(const struct gc__heap *heap) {
  const struct gc__swap *swap = &heap->swap;
  size_t away_taken = 0, slots = 0, sealed = 0;
  for (uint32_t unit = 0; unit < heap->space.span_bytes / GC__CHUNK_BYTES; unit++) {
    away_taken += verify_unit(heap, unit);
    slots += swap->units[unit].slot < GC__SLOT_SEALED;
    sealed += swap->units[unit].slot == GC__SLOT_SEALED;
  }
  gc__verify(away_taken * GC__PAGE_BYTES == swap->away_bytes, "swap.away");
  gc__verify(slots == swap->slots_used && sealed == swap->slots_sealed, "swap.slot");
}
