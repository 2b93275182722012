/* heap/ties.c - see ties.h. */
#include "heap/ties.h"
#include "base/check.h"
#include "heap/heap.h"

#include <string.h>

#define TIES_MOST  ((size_t)1 << 31)
#define ORDER_MOST ((size_t)1 << 36) /* bytes of addresses */

void gc__ties_open(struct gc__ties *ties) {
  *ties = (struct gc__ties){.count = 1};
  gc__lock_open(&ties->lock, GC__RANK_TIES);
}

void gc__ties_close(struct gc__ties *ties) {
  gc__region_close(&ties->memory);
  gc__region_close(&ties->young_memory);
  gc__region_close(&ties->scratch_memory);
  gc__region_close(&ties->head_memory);
  gc__region_close(&ties->bit_memory);
  gc__region_close(&ties->slot_memory);
  for (unsigned i = 0; i < 4; i++) gc__region_close(&ties->order_memory[i]);
  gc__page_set_close(&ties->pages);
  gc__lock_close(&ties->lock);
}

/* ---- Room ---- */

static bool reserve_region(struct gc__region *region, struct gc__budget *budget, size_t bytes) {
  return region->start || gc__region_open_most(region, budget, bytes);
}

/* What has to have its size comes first: the rest takes what addresses are left, which are few under Valgrind. */
static bool reserve_addresses(struct gc__heap *heap) {
  struct gc__ties *ties = &heap->ties;
  struct gc__budget *budget = heap->budget;
  size_t granules = heap->space.reserved_bytes / GC__GRANULE_BYTES;
  if (ties->ties) return true;
  if (!ties->head_memory.start &&
      !gc__region_open(&ties->head_memory, budget, (granules >> GC__TIE_CARD_LOG2) * sizeof *ties->heads))
    return false;
  if (!ties->bit_memory.start && !gc__region_open(&ties->bit_memory, budget, granules / 8)) return false;
  if (!ties->pages.masks &&
      !gc__page_set_open(&ties->pages, budget, gc__block_at(&heap->space, heap->space.reserved_bytes))) {
    gc__page_set_close(&ties->pages);
    return false;
  }
  for (unsigned i = 0; i < 4; i++)
    if (!reserve_region(&ties->order_memory[i], budget, ORDER_MOST)) return false;
  if (!reserve_region(&ties->memory, budget, TIES_MOST * sizeof *ties->ties) ||
      !reserve_region(&ties->young_memory, budget, TIES_MOST * sizeof *ties->young) ||
      !reserve_region(&ties->scratch_memory, budget, TIES_MOST * sizeof *ties->scratch))
    return false;
  ties->heads = (void *)ties->head_memory.start;
  ties->bits = (void *)ties->bit_memory.start;
  return true;
}

/* Memory of a supply moves when it grows; then scratch has room for two numbers a tie, so that it need not grow in a
 * stop (collect/order.c). */
static bool commit_ties(struct gc__heap *heap, size_t count) {
  struct gc__ties *ties = &heap->ties;
  size_t scratch_count = heap->budget->supply ? 2 * count : count;
  bool done = gc__region_commit(&ties->memory, count * sizeof *ties->ties) &&
              gc__region_commit(&ties->young_memory, count * sizeof *ties->young) &&
              gc__region_commit(&ties->scratch_memory, scratch_count * sizeof *ties->scratch);
  ties->ties = (void *)ties->memory.start;
  ties->young = (void *)ties->young_memory.start;
  ties->scratch = (void *)ties->scratch_memory.start;
  return done;
}

static bool cover_span(struct gc__heap *heap) {
  struct gc__ties *ties = &heap->ties;
  size_t span_bytes = gc__word_get(&heap->space.span_bytes), granules = span_bytes / GC__GRANULE_BYTES;
  if (GC__LIKELY(granules == ties->covered_granules)) return true;
  if (!gc__region_commit(&ties->head_memory, (granules >> GC__TIE_CARD_LOG2) * sizeof *ties->heads)) return false;
  if (!gc__region_commit(&ties->bit_memory, granules / 8)) return false;
  if (!gc__page_set_extend(&ties->pages, gc__block_at(&heap->space, span_bytes))) return false;
  gc__word_set(&ties->covered_granules, granules); /* last: readers take no lock */
  return true;
}

/* Whether there are so many free ones behind the first. */
static bool has_free(const struct gc__ties *ties, uint32_t count) {
  uint32_t free = ties->free;
  for (; free && count; count--) free = gc__tie_at(ties, free)->link;
  return !count;
}

bool gc__ties_reserve(struct gc__heap *heap, uint32_t count) {
  struct gc__ties *ties = &heap->ties;
  if (!reserve_addresses(heap) || !cover_span(heap)) return false;
  if (has_free(ties, count)) return true;
  size_t wanted = (size_t)ties->count + count;
  return commit_ties(heap, wanted);
}

/* ---- Ties ---- */

static uint32_t *head_of(const struct gc__ties *ties, size_t granule) {
  return &ties->heads[granule >> GC__TIE_CARD_LOG2];
}

/* [ties.before]; 0: it is the first. */
static bool knows_before(const struct gc__tie *tie) {
  return tie->kind == GC__TIE_LINK || tie->kind == GC__TIE_HOLDER;
}

static void note_before(struct gc__ties *ties, uint32_t number, uint32_t before) {
  struct gc__tie *tie = gc__tie_at(ties, number);
  if (number && knows_before(tie)) tie->other = (size_t)before << 32 | (uint32_t)tie->other;
}

void gc__tie_hang(struct gc__ties *ties, uint32_t number, size_t granule) {
  struct gc__tie *tie = gc__tie_at(ties, number);
  volatile size_t *bits = (volatile size_t *)&ties->bits[granule / 64];
  GC__CHECK(granule < ties->covered_granules);
  tie->granule = granule;
  tie->next = *head_of(ties, granule);
  *head_of(ties, granule) = number;
  note_before(ties, number, 0);
  note_before(ties, tie->next, number);
  gc__word_poke(bits, gc__word_peek(bits) | (size_t)1 << granule % 64);
  gc__page_set_add(&ties->pages, granule);
  if (tie->is_listed) return;
  tie->is_listed = 1;
  ties->young[ties->young_count++] = number;
}

void gc__tie_unhang(struct gc__ties *ties, uint32_t number) {
  const struct gc__tie *tie = gc__tie_at(ties, number);
  uint32_t *head = head_of(ties, tie->granule), before = 0;
  if (knows_before(tie)) before = (uint32_t)(tie->other >> 32);
  else
    for (uint32_t at = *head; at != number; at = gc__tie_at(ties, at)->next) before = at;
  if (before) gc__tie_at(ties, before)->next = tie->next;
  else *head = tie->next;
  note_before(ties, tie->next, before);
}

static bool is_leader(const struct gc__tie *tie) {
  return tie->order == GC__ORDER_LEADERS || tie->order == GC__ORDER_LEADERS_IGNORE_SELF;
}

static void count_kind(struct gc__ties *ties, const struct gc__tie *tie, size_t one) {
  if (tie->kind == GC__TIE_ENTRY) ties->entry_count += one;
  if (tie->kind == GC__TIE_FINALIZER) ties->finalizer_count += one;
  if (tie->kind == GC__TIE_FINALIZER && is_leader(tie)) ties->leader_count += one;
}

uint32_t gc__tie_make(struct gc__ties *ties, enum gc__tie_kind kind, size_t granule, size_t value, size_t other) {
  uint32_t number = ties->free;
  if (number) ties->free = gc__tie_at(ties, number)->link;
  else number = ties->count++;
  struct gc__tie *tie = gc__tie_at(ties, number);
  bool is_listed = tie->is_listed; /* by a tie that was here before: once is enough */
  *tie = (struct gc__tie){.kind = kind, .is_listed = is_listed, .value = value, .other = other};
  count_kind(ties, tie, 1);
  gc__tie_hang(ties, number, granule);
  return number;
}

static void release_tie(struct gc__ties *ties, uint32_t number) {
  struct gc__tie *tie = gc__tie_at(ties, number);
  tie->kind = GC__TIE_FREE;
  tie->is_counted = tie->counts_object = 0;
  tie->link = ties->free;
  ties->free = number;
}

void gc__tie_retire(struct gc__ties *ties, uint32_t number) {
  struct gc__tie *tie = gc__tie_at(ties, number);
  count_kind(ties, tie, (size_t)-1);
  if (!tie->is_counted && !tie->counts_object) {
    release_tie(ties, number);
    return;
  }
  tie->kind = GC__TIE_RETIRED;
  tie->link = ties->retired;
  ties->retired = number;
}

uint32_t gc__ties_next(const struct gc__ties *ties, uint32_t number) {
  size_t granule = gc__tie_at(ties, number)->granule;
  do number = gc__tie_at(ties, number)->next;
  while (number && gc__tie_at(ties, number)->granule != granule);
  return number;
}

uint32_t gc__ties_first(const struct gc__ties *ties, size_t granule) {
  if (!gc__ties_has(ties, granule)) return 0;
  uint32_t number = *head_of(ties, granule);
  while (number && gc__tie_at(ties, number)->granule != granule) number = gc__tie_at(ties, number)->next;
  return number;
}

uint32_t gc__ties_find(const struct gc__ties *ties, size_t granule, enum gc__tie_kind kind) {
  uint32_t number = gc__ties_first(ties, granule);
  while (number && gc__tie_at(ties, number)->kind != kind) number = gc__ties_next(ties, number);
  return number;
}

/* ---- Maps ---- */

uint32_t gc__ties_find_entry(const struct gc__ties *ties, uint32_t map, size_t granule) {
  uint32_t number = gc__ties_first(ties, granule);
  for (; number; number = gc__ties_next(ties, number)) {
    const struct gc__tie *tie = gc__tie_at(ties, number);
    if (tie->kind == GC__TIE_ENTRY && gc__tie_map(tie) == map) break;
  }
  return number;
}

static void set_before(struct gc__ties *ties, uint32_t entry, uint32_t before) {
  struct gc__tie *tie = gc__tie_at(ties, entry);
  tie->other = (size_t)before << 32 | gc__tie_map(tie);
}

uint32_t gc__ties_add_entry(struct gc__ties *ties, uint32_t map, size_t granule, size_t value) {
  uint32_t entry = gc__tie_make(ties, GC__TIE_ENTRY, granule, value, map);
  struct gc__tie *of_map = gc__tie_at(ties, map);
  gc__tie_at(ties, entry)->link = of_map->link;
  if (of_map->link) set_before(ties, of_map->link, entry);
  of_map->link = entry;
  of_map->value++;
  return entry;
}

void gc__ties_drop_entry(struct gc__ties *ties, uint32_t entry) {
  struct gc__tie *tie = gc__tie_at(ties, entry), *map = gc__tie_at(ties, gc__tie_map(tie));
  uint32_t before = (uint32_t)(tie->other >> 32);
  if (before) gc__tie_at(ties, before)->link = tie->link;
  else map->link = tie->link;
  if (tie->link) set_before(ties, tie->link, before);
  map->value--;
  gc__tie_unhang(ties, entry);
  gc__tie_retire(ties, entry);
}

/* ---- Links ---- */

#define FIRST_LINK_SLOTS ((size_t)1024)

static size_t link_home(const struct gc__ties *ties, size_t slot) {
  return (slot / sizeof(size_t) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (ties->slot_count - 1);
}

/* Where the link of that word is, or belongs. */
static size_t find_link_slot(const struct gc__ties *ties, size_t slot) {
  size_t at = link_home(ties, slot);
  while (ties->slots[at] && gc__tie_at(ties, ties->slots[at])->value != slot) at = (at + 1) & (ties->slot_count - 1);
  return at;
}

uint32_t gc__links_find(const struct gc__ties *ties, size_t slot) {
  return ties->link_count ? ties->slots[find_link_slot(ties, slot)] : 0;
}

/* Built anew from the ties: they are all that is needed. */
static bool grow_link_slots(struct gc__heap *heap) {
  struct gc__ties *ties = &heap->ties;
  size_t count = ties->slot_count ? ties->slot_count * 2 : FIRST_LINK_SLOTS;
  if (!reserve_region(&ties->slot_memory, heap->budget, 4 * TIES_MOST * sizeof *ties->slots)) return false;
  if (!gc__region_commit(&ties->slot_memory, count * sizeof *ties->slots)) return false;
  ties->slots = (void *)ties->slot_memory.start;
  ties->slot_count = count;
  memset(ties->slots, 0, count * sizeof *ties->slots);
  for (uint32_t number = 1; number < ties->count; number++)
    if (gc__tie_at(ties, number)->kind == GC__TIE_LINK)
      ties->slots[find_link_slot(ties, gc__tie_at(ties, number)->value)] = number;
  return true;
}

bool gc__links_reserve(struct gc__heap *heap) {
  struct gc__ties *ties = &heap->ties;
  return gc__ties_reserve(heap, 2) && ((ties->link_count + 1) * 2 <= ties->slot_count || grow_link_slots(heap));
}

void gc__links_add(struct gc__ties *ties, size_t slot, size_t granule, size_t holder, bool is_long) {
  uint32_t number = gc__tie_make(ties, GC__TIE_LINK, granule, slot, is_long);
  ties->slots[find_link_slot(ties, slot)] = number;
  ties->link_count++;
  if (holder == SIZE_MAX) return;
  uint32_t mate = gc__tie_make(ties, GC__TIE_HOLDER, holder, 0, 0);
  gc__tie_at(ties, number)->link = mate;
  gc__tie_at(ties, mate)->link = number;
}

/* Those behind it move up where the gap would hide them (Knuth, volume 3, 6.4, algorithm R). */
static void remove_link_slot(struct gc__ties *ties, size_t at) {
  size_t mask = ties->slot_count - 1;
  for (size_t next = (at + 1) & mask; ties->slots[next]; next = (next + 1) & mask) {
    size_t home = link_home(ties, gc__tie_at(ties, ties->slots[next])->value);
    if (((next - home) & mask) < ((next - at) & mask)) continue;
    ties->slots[at] = ties->slots[next];
    at = next;
  }
  ties->slots[at] = 0;
}

void gc__links_drop(struct gc__ties *ties, uint32_t number) {
  uint32_t mate = gc__tie_at(ties, number)->link;
  remove_link_slot(ties, find_link_slot(ties, gc__tie_at(ties, number)->value));
  ties->link_count--;
  gc__tie_unhang(ties, number);
  gc__tie_retire(ties, number);
  if (!mate) return;
  gc__tie_unhang(ties, mate);
  gc__tie_retire(ties, mate);
}

/* ---- Objects that end ---- */

static void end_weak(struct gc__heap *heap, uint32_t number) {
  struct gc__ties *ties = &heap->ties;
  uint32_t mate = gc__tie_at(ties, number)->link;
  uint32_t handle = gc__tie_at(ties, number)->kind == GC__TIE_HANDLE ? number : mate;
  char *weak = gc__space_address(&heap->space, gc__tie_at(ties, handle)->granule);
  gc__word_set((volatile size_t *)(void *)weak, 0);
  gc__tie_unhang(ties, number);
  gc__tie_unhang(ties, mate);
  gc__tie_retire(ties, number);
  gc__tie_retire(ties, mate);
}

/* What the program stored there is no pointer for the collector, and may be hidden: it is cleared all the same. */
static void clear_link(struct gc__ties *ties, uint32_t number) {
  gc__word_set((volatile size_t *)gc__tie_at(ties, number)->value, 0);
  gc__links_drop(ties, number);
}

void gc__ties_clear_links(struct gc__heap *heap, size_t granule) {
  struct gc__ties *ties = &heap->ties;
  for (uint32_t number = gc__ties_first(ties, granule), next; number; number = next) {
    const struct gc__tie *tie = gc__tie_at(ties, number);
    next = gc__ties_next(ties, number);
    bool is_short = tie->kind == GC__TIE_LINK && !gc__link_is_long(tie);
    if (!is_short) continue;
    if (next && next == tie->link) next = gc__ties_next(ties, next); /* an object with a link to itself */
    clear_link(ties, number);
  }
}

void gc__ties_clear_weak(struct gc__heap *heap, size_t granule) {
  for (uint32_t number; (number = gc__ties_find(&heap->ties, granule, GC__TIE_WEAK));) end_weak(heap, number);
  if (heap->ties.link_count) gc__ties_clear_links(heap, granule);
}

static void end_map(struct gc__ties *ties, uint32_t map) {
  while (gc__tie_at(ties, map)->link) gc__ties_drop_entry(ties, gc__tie_at(ties, map)->link);
  gc__tie_unhang(ties, map);
  gc__tie_retire(ties, map);
}

/* Whether the data of a finalizer may be an object. */
static bool has_data(const struct gc__heap *heap, const struct gc__tie *tie) {
  return tie->value - heap->space.base < heap->space.reserved_bytes;
}

void gc__ties_add_finalizer(struct gc__heap *heap, size_t granule, size_t data, size_t fn, enum gc__order_kind order) {
  struct gc__ties *ties = &heap->ties;
  uint32_t number = gc__tie_make(ties, GC__TIE_FINALIZER, granule, data, fn);
  gc__tie_at(ties, number)->order = order;
  ties->leader_count += is_leader(gc__tie_at(ties, number));
  gc__tie_at(ties, number)->link = ties->next_order++;
  ties->data_count += has_data(heap, gc__tie_at(ties, number));
}

void gc__ties_end_finalizer(struct gc__heap *heap, uint32_t number) {
  heap->ties.data_count -= has_data(heap, gc__tie_at(&heap->ties, number));
  gc__tie_unhang(&heap->ties, number);
  gc__tie_retire(&heap->ties, number);
}

/* It stays in the queue, where nothing but its turn takes it out. */
static void cancel_queued(struct gc__ties *ties, uint32_t number) {
  struct gc__tie *tie = gc__tie_at(ties, number);
  gc__tie_unhang(ties, number);
  if (tie->other) gc__word_poke(&ties->queued_count, ties->queued_count - 1);
  tie->other = 0;
}

void gc__ties_drop(struct gc__heap *heap, size_t granule) {
  struct gc__ties *ties = &heap->ties;
  for (uint32_t number; (number = gc__ties_first(ties, granule));) {
    switch ((enum gc__tie_kind)gc__tie_at(ties, number)->kind) {
    case GC__TIE_WEAK:
    case GC__TIE_HANDLE:
      end_weak(heap, number);
      break;
    case GC__TIE_MAP:
      end_map(ties, number);
      break;
    case GC__TIE_ENTRY:
      gc__ties_drop_entry(ties, number);
      break;
    case GC__TIE_FINALIZER:
      gc__ties_end_finalizer(heap, number);
      break;
    case GC__TIE_QUEUED:
      cancel_queued(ties, number);
      break;
    case GC__TIE_LINK:
      clear_link(ties, number);
      break;
    case GC__TIE_HOLDER:
      gc__links_drop(ties, gc__tie_at(ties, number)->link);
      break;
    case GC__TIE_FREE:
    case GC__TIE_RUNNING:
    case GC__TIE_RETIRED:
      GC__CHECK(false); /* [ties.found] */
    }
  }
  if (!gc__ties_has(ties, granule)) return;
  volatile size_t *bits = (volatile size_t *)&ties->bits[granule / 64];
  gc__word_poke(bits, gc__word_peek(bits) & ~((size_t)1 << granule % 64));
}

/* One that is queued counts the object that it had before until the next stop. */
static void leave_object_behind(struct gc__ties *ties, uint32_t number) {
  struct gc__tie *tie = gc__tie_at(ties, number);
  if (!tie->counts_object) return;
  size_t granule = tie->granule;
  uint32_t left = gc__tie_make(ties, GC__TIE_RETIRED, granule, 0, 0);
  gc__tie_unhang(ties, left);
  gc__tie_at(ties, left)->counts_object = 1;
  gc__tie_retire(ties, left);
  gc__tie_at(ties, number)->counts_object = 0;
}

bool gc__ties_move(struct gc__heap *heap, size_t from, size_t to) {
  struct gc__ties *ties = &heap->ties;
  uint32_t queued = 0;
  for (uint32_t number = gc__ties_first(ties, from); number; number = gc__ties_next(ties, number))
    queued += gc__tie_at(ties, number)->kind == GC__TIE_QUEUED;
  if (!gc__ties_reserve(heap, queued)) return false;
  for (uint32_t number; (number = gc__ties_first(ties, from));) {
    struct gc__tie *tie = gc__tie_at(ties, number);
    if (tie->kind == GC__TIE_WEAK) {
      char *weak = gc__space_address(&heap->space, gc__tie_at(ties, tie->link)->granule);
      gc__word_set((volatile size_t *)(void *)weak, (size_t)gc__heap_address(heap, to));
    }
    if (tie->kind == GC__TIE_HOLDER) { /* the word is not where it was */
      gc__links_drop(ties, tie->link);
      continue;
    }
    if (tie->kind == GC__TIE_QUEUED) leave_object_behind(ties, number);
    gc__tie_unhang(ties, number);
    gc__tie_hang(ties, number, to);
  }
  return true;
}

/* ---- Finalizers ---- */

void gc__ties_queue(struct gc__ties *ties, uint32_t number) {
  struct gc__tie *tie = gc__tie_at(ties, number);
  count_kind(ties, tie, (size_t)-1);
  tie->kind = GC__TIE_QUEUED;
  tie->link = 0;
  if (ties->last_queued) gc__tie_at(ties, ties->last_queued)->link = number;
  else ties->first_queued = number;
  ties->last_queued = number;
  gc__word_poke(&ties->queued_count, ties->queued_count + 1);
}

uint32_t gc__ties_take_queued(struct gc__heap *heap) {
  struct gc__ties *ties = &heap->ties;
  uint32_t number;
  while ((number = ties->first_queued)) {
    struct gc__tie *tie = gc__tie_at(ties, number);
    ties->first_queued = tie->link;
    if (!ties->first_queued) ties->last_queued = 0;
    ties->data_count -= has_data(heap, tie);
    if (tie->other) {
      gc__tie_unhang(ties, number);
      tie->kind = GC__TIE_RUNNING;
      ties->running_count++;
      gc__word_poke(&ties->queued_count, ties->queued_count - 1);
      break;
    }
    gc__tie_retire(ties, number);
  }
  return number;
}

void gc__ties_after_fork(struct gc__ties *ties, uint32_t running) {
  for (uint32_t number = 1; ties->running_count > (running != 0) && number < ties->count; number++) {
    if (gc__tie_at(ties, number)->kind != GC__TIE_RUNNING || number == running) continue;
    ties->running_count--;
    gc__tie_retire(ties, number);
  }
}
