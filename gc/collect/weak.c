/* collect/weak.c - see weak.h. */
#include "collect/weak.h"
#include "base/check.h"
#include "collect/order.h"

static struct gc__tie *tie_of(const struct gc__reach *reach, uint32_t number) {
  return gc__tie_at(&reach->heap->ties, number);
}

static size_t address_word(const struct gc__reach *reach, size_t granule) {
  return (size_t)gc__space_address(&reach->heap->space, granule);
}

static bool is_object_reached(const struct gc__reach *reach, const struct gc__tie *tie) {
  return reach->is_reached(reach->context, tie->granule);
}

/* ---- Keeping ---- */

/* In a mode that counts each tie counts its value once. */
static void keep_value(const struct gc__reach *reach, struct gc__tie *tie) {
  bool is_kept = reach->keep(reach->context, tie->value, tie->is_counted);
  tie->is_counted = reach->is_count && is_kept;
}

static void keep_object(const struct gc__reach *reach, struct gc__tie *tie) {
  bool is_kept = reach->keep(reach->context, address_word(reach, tie->granule), tie->counts_object);
  tie->counts_object = reach->is_count && is_kept;
}

/* Calls fn for the ties that matter: all, or the young ones. It may make none. */
static void each_tie(const struct gc__reach *reach, void (*fn)(const struct gc__reach *, struct gc__tie *, uint32_t)) {
  const struct gc__ties *ties = &reach->heap->ties;
  uint32_t count = reach->is_all ? ties->count : ties->young_count;
  for (uint32_t i = reach->is_all; i < count; i++) {
    uint32_t number = reach->is_all ? i : ties->young[i];
    fn(reach, gc__tie_at(ties, number), number);
  }
}

static void keep_held(const struct gc__reach *reach, struct gc__tie *tie, uint32_t number) {
  (void)number;
  bool is_queued = tie->kind == GC__TIE_QUEUED && tie->other;
  if (is_queued) keep_object(reach, tie);
  if (is_queued || tie->kind == GC__TIE_FINALIZER) keep_value(reach, tie);
}

static void keep_queue(const struct gc__reach *reach) {
  for (uint32_t number = reach->heap->ties.first_queued; number; number = tie_of(reach, number)->link)
    keep_held(reach, tie_of(reach, number), number);
}

/* One that runs is held by a stack; where counts are kept, its count is as well. */
static void keep_running(const struct gc__reach *reach, struct gc__tie *tie, uint32_t number) {
  (void)number;
  if (tie->kind != GC__TIE_RUNNING) return;
  keep_object(reach, tie);
  keep_value(reach, tie);
}

/* ---- [weak.ephemeron] ---- */

struct passing {
  uint32_t *waiting; /* entries whose map or key is not reached yet */
  uint32_t count;
  bool has_changed;
};

/* Keeps the value, or lets the entry wait. */
static bool settle_entry(const struct gc__reach *reach, struct gc__tie *entry, struct passing *passing) {
  const struct gc__tie *map = tie_of(reach, gc__tie_map(entry));
  if (!is_object_reached(reach, map) || !is_object_reached(reach, entry)) return false;
  size_t offset = entry->value - reach->heap->space.base;
  if (offset >= reach->heap->space.span_bytes) return true;
  size_t target = gc__space_granule_of(&reach->heap->space, offset);
  bool is_settled = entry->is_counted || !reach->is_count;
  if (target == SIZE_MAX || (is_settled && reach->is_reached(reach->context, target))) return true;
  keep_value(reach, entry);
  passing->has_changed = true;
  return true;
}

static void pass_once(const struct gc__reach *reach, struct passing *passing, bool is_up) {
  uint32_t kept = 0, count = passing->count;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t at = is_up ? i : count - 1 - i, number = passing->waiting[at];
    if (!settle_entry(reach, tie_of(reach, number), passing)) continue;
    passing->waiting[at] = 0;
  }
  for (uint32_t i = 0; i < count; i++)
    if (passing->waiting[i]) passing->waiting[kept++] = passing->waiting[i];
  passing->count = kept;
}

/* Passes go up and down in turn: a chain in either order takes two. Its ties may be in any order; then a pass settles
 * those that stand in order in it. */
static void keep_values(const struct gc__reach *reach) {
  struct gc__ties *ties = &reach->heap->ties;
  struct passing passing = {.waiting = ties->scratch};
  if (!ties->entry_count) return;
  uint32_t count = reach->is_all ? ties->count : ties->young_count;
  for (uint32_t i = reach->is_all; i < count; i++) {
    uint32_t number = reach->is_all ? i : ties->young[i];
    struct gc__tie *tie = gc__tie_at(ties, number);
    if (tie->kind == GC__TIE_ENTRY && !settle_entry(reach, tie, &passing)) passing.waiting[passing.count++] = number;
  }
  for (bool is_up = false; passing.has_changed && passing.count; is_up = !is_up) {
    passing.has_changed = false;
    pass_once(reach, &passing, is_up);
  }
}

/* ---- Tied objects that are not reached ---- */

struct search_pages {
  const struct gc__reach *reach;
  void (*fn)(const struct gc__reach *, size_t);
};

static bool search_page(void *argument, size_t granule) {
  const struct search_pages *search = argument;
  struct gc__ties *ties = &search->reach->heap->ties;
  uint64_t rest = 0;
  for (size_t at = granule; at < granule + GC__PAGE_GRANULES; at += 64) {
    uint64_t tied = ties->bits[at / 64];
    uint64_t dead = tied ? tied & ~search->reach->reached_bits(search->reach->context, at) : 0;
    for (; dead; dead &= dead - 1) search->fn(search->reach, at + gc__lowest_bit(dead));
    rest |= ties->bits[at / 64];
  }
  return rest != 0;
}

/* Calls fn for each; it may end their ties. */
static void each_dead(const struct gc__reach *reach, void (*fn)(const struct gc__reach *, size_t)) {
  struct gc__ties *ties = &reach->heap->ties;
  struct search_pages search = {reach, fn};
  if (reach->is_all) {
    gc__page_set_take(&ties->pages, search_page, &search);
    return;
  }
  for (uint32_t i = 0; i < ties->young_count; i++) {
    const struct gc__tie *tie = gc__tie_at(ties, ties->young[i]);
    bool has_object = tie->kind != GC__TIE_FREE && tie->kind != GC__TIE_RUNNING && tie->kind != GC__TIE_RETIRED;
    if (has_object && !is_object_reached(reach, tie)) fn(reach, tie->granule);
  }
}

static void clear_dead(const struct gc__reach *reach, size_t granule) {
  gc__ties_drop(reach->heap, granule);
}

static void clear_dead_links(const struct gc__reach *reach, size_t granule) {
  gc__ties_clear_links(reach->heap, granule);
}

/* ---- Finalizers ---- */

static void add_candidate(struct gc__ties *ties, uint32_t *count, uint32_t number) {
  ties->scratch[(*count)++] = number;
}

/* The list of candidates has the room of the waiting entries: those are settled. */
static void add_dead(const struct gc__reach *reach, size_t granule) {
  struct gc__ties *ties = &reach->heap->ties;
  uint32_t number = gc__ties_find(ties, granule, GC__TIE_FINALIZER);
  if (!number || gc__tie_at(ties, number)->is_candidate) return;
  gc__tie_at(ties, number)->is_candidate = 1;
  add_candidate(ties, &ties->candidate_count, number);
}

static void queue_candidates(const struct gc__reach *reach, uint32_t count) {
  struct gc__ties *ties = &reach->heap->ties;
  uint32_t first = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t number = ties->scratch[i];
    gc__tie_at(ties, number)->is_candidate = 0;
    gc__ties_clear_weak(reach->heap, gc__tie_at(ties, number)->granule);
    gc__ties_queue(ties, number);
    if (!first) first = number;
  }
  for (uint32_t number = first; number; number = gc__tie_at(ties, number)->link)
    keep_held(reach, gc__tie_at(ties, number), number);
}

static bool is_never_reached(void *context, size_t granule) {
  (void)context, (void)granule;
  return false;
}

static void queue_all(const struct gc__reach *reach) {
  struct gc__ties *ties = &reach->heap->ties;
  struct gc__order order = {reach->heap, NULL, is_never_reached, reach->interior_in_heap};
  uint32_t count = 0;
  for (uint32_t number = 1; number < ties->count; number++)
    if (gc__tie_at(ties, number)->kind == GC__TIE_FINALIZER) add_candidate(ties, &count, number);
  gc__order_candidates(&order, ties->scratch, count);
  queue_candidates(reach, count);
  ties->finalizes_all = false;
}

static bool is_leading(const struct gc__tie *tie) {
  return tie->order == GC__ORDER_LEADERS || tie->order == GC__ORDER_LEADERS_IGNORE_SELF;
}

GC__UNINSTRUMENTED static void keep_words_of(const struct gc__reach *reach, const struct gc__tie *tie) {
  const struct gc__heap *heap = reach->heap;
  struct gc__place place = gc__space_place(&heap->space, tie->granule * GC__GRANULE_BYTES);
  const struct gc__layout *layout = gc__layout_of(heap, tie->granule);
  const char *start = gc__space_address(&heap->space, tie->granule);
  size_t bytes = place.kind == GC__KIND_LEAF ? 0 : place.bytes;
  for (size_t at = 0; at < bytes; at += sizeof(size_t)) {
    size_t word = *(const volatile size_t *)(const void *)(start + at);
    bool is_to_self = word - (size_t)start < place.bytes && tie->order == GC__ORDER_LEADERS_IGNORE_SELF;
    if (!is_to_self && gc__layout_declares(layout, at)) reach->keep(reach->context, word, false);
  }
}

/* [weak.leaders] */
static void keep_what_leaders_lead_to(const struct gc__reach *reach) {
  struct gc__ties *ties = &reach->heap->ties;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < ties->candidate_count; i++)
    if (is_leading(tie_of(reach, ties->scratch[i]))) keep_words_of(reach, tie_of(reach, ties->scratch[i]));
  for (uint32_t i = 0; i < ties->candidate_count; i++) {
    struct gc__tie *tie = tie_of(reach, ties->scratch[i]);
    bool waits = tie->order != GC__ORDER_ALWAYS && is_object_reached(reach, tie);
    tie->is_candidate = !waits;
    if (!waits) ties->scratch[kept++] = ties->scratch[i];
  }
  ties->candidate_count = kept;
}

/* Whether the order among the candidates is nobody's concern: finding it means a search of all that they lead to. */
static bool has_order(const struct gc__ties *ties) {
  for (uint32_t i = 0; i < ties->candidate_count; i++)
    if (gc__tie_at(ties, ties->scratch[i])->order != GC__ORDER_NONE) return true;
  return false;
}

static void queue_dead(const struct gc__reach *reach) {
  struct gc__ties *ties = &reach->heap->ties;
  struct gc__order order = {reach->heap, reach->context, reach->is_reached, reach->interior_in_heap};
  if (!ties->finalizer_count) return;
  ties->candidate_count = 0;
  each_dead(reach, add_dead);
  if (!ties->candidate_count) return;
  if (ties->leader_count && !reach->is_count) keep_what_leaders_lead_to(reach);
  if (has_order(ties)) gc__order_candidates(&order, ties->scratch, ties->candidate_count);
  queue_candidates(reach, ties->candidate_count);
  keep_values(reach);
}

/* ---- The steps ---- */

static void forget_young(struct gc__ties *ties) {
  for (uint32_t i = 0; i < ties->young_count; i++) gc__tie_at(ties, ties->young[i])->is_listed = 0;
  ties->young_count = 0;
}

void gc__weak_settle(const struct gc__reach *reach) {
  struct gc__ties *ties = &reach->heap->ties;
  if (ties->count == 1) return;
  if (!reach->is_all || ties->data_count) each_tie(reach, keep_held);
  else keep_queue(reach);
  if (reach->is_count && reach->is_all && ties->running_count) each_tie(reach, keep_running);
  keep_values(reach);
  if (ties->link_count) each_dead(reach, clear_dead_links);
  if (reach->is_all && ties->finalizes_all) queue_all(reach);
  queue_dead(reach);
  each_dead(reach, clear_dead);
  forget_young(ties);
}

/* ---- For a mode that counts ---- */

void gc__weak_forget_counts(struct gc__heap *heap) {
  struct gc__ties *ties = &heap->ties;
  for (uint32_t number = 1; number < ties->count; number++)
    gc__tie_at(ties, number)->is_counted = gc__tie_at(ties, number)->counts_object = 0;
  for (uint32_t number; (number = ties->retired);) {
    ties->retired = gc__tie_at(ties, number)->link;
    gc__tie_retire(ties, number);
  }
}

void gc__weak_release_retired(struct gc__heap *heap, void (*fn)(void *, size_t word), void *context) {
  struct gc__ties *ties = &heap->ties;
  for (uint32_t number; (number = ties->retired);) {
    struct gc__tie *tie = gc__tie_at(ties, number);
    ties->retired = tie->link;
    if (tie->is_counted) fn(context, tie->value);
    if (tie->counts_object) fn(context, (size_t)gc__space_address(&heap->space, tie->granule));
    tie->is_counted = tie->counts_object = 0;
    gc__tie_retire(ties, number);
  }
}

bool gc__weak_decide(struct gc__heap *heap, size_t granule, uint32_t *decided_count) {
  struct gc__ties *ties = &heap->ties;
  uint32_t number = gc__ties_find(ties, granule, GC__TIE_FINALIZER);
  if (number) add_candidate(ties, decided_count, number);
  else gc__ties_drop(heap, granule);
  return !number;
}

void gc__weak_queue_decided(const struct gc__reach *reach, uint32_t decided_count) {
  if (decided_count) queue_candidates(reach, decided_count);
}
