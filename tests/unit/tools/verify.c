/* tests/unit/tools/verify.c - each broken invariant is found and named, and a heap in order passes. */
#include "../unit.h"
#include "runtime.h"
#include "tools/verify.h"

#include <sys/wait.h>

static struct gc__collector *const collector = &gc__runtime.collector;
static struct gc__heap *const heap = &gc__runtime.collector.heap;
static void *volatile kept[2000], *volatile dropped;

static void fill_heap(void) {
  for (unsigned i = 0; i < COUNT_OF(kept); i++) {
    size_t bytes = i % 100 == 0 ? 20000 : 16 + i % 7 * 80;
    kept[i] = i % 3 == 0 ? gc_alloc_root(bytes) : i % 3 == 1 ? gc_alloc(bytes) : gc_alloc_leaf(bytes);
    ck_assert_ptr_nonnull(kept[i]);
    dropped = gc_alloc(bytes);
  }
  gc_collect(GC_COLLECT_FULL);
  for (unsigned i = 0; i < 500; i++) ck_assert_ptr_nonnull(gc_alloc(48));
}

static size_t granule_of(const void *object) {
  return gc__space_offset(&heap->space, object) / GC__GRANULE_BYTES;
}
static uint32_t block_of(const void *object) {
  return (uint32_t)(granule_of(object) / GC__BLOCK_GRANULES);
}
static void verify(void *nothing) {
  (void)nothing;
  gc__verify_heap(collector);
}

/* A thread of this program with something pending. */
static struct gc__cursor *pending_cursor(void) {
  struct gc__cursor *cursor = gc__local_cursor(&gc__self->local, GC__KIND_SCANNED, gc__class_of(48));
  while (cursor->next == cursor->limit) dropped = gc_alloc(48);
  return cursor;
}

/* ---- Damage ---- */

static void change_shape(void) {
  uint32_t block = block_of(kept[1]);
  struct gc__block_entry entry = gc__entry_at(&heap->space, block);
  entry.shape++;
  gc__entry_set(&heap->space, block, entry);
}

static void forget_block(void) {
  heap->space.blocks[block_of(kept[1])].state = GC__BLOCK_NONE;
}
static void mark_middle(void) {
  heap->space.live[granule_of(kept[1]) + 1] = heap->epoch;
}

static void forget_owner(void) {
  gc__word_set(&heap->space.blocks[pending_cursor()->block].owner, 0);
}

static void list_in_wrong_place(void) {
  for (unsigned tier = 0; tier < GC__TIER_COUNT; tier++)
    for (unsigned class = 0; class + 1 < GC__CLASS_COUNT; class ++)
      if (heap->available[tier][GC__KIND_SCANNED][class] != GC__NONE)
        heap->available[tier][GC__KIND_LEAF][class + 1] = heap->available[tier][GC__KIND_SCANNED][class];
}

static void forget_head(void) {
  heap->space.run_heads[granule_of(kept[100]) / GC__PAGE_GRANULES + 1] = 0;
}
static void lose_pages(void) {
  heap->pages.free_pages--;
}
static void write_pending(void) {
  *(size_t *)pending_cursor()->next = 1;
}
static void mark_pending(void) {
  heap->space.live[granule_of((void *)pending_cursor()->next)] = heap->epoch;
}

static void free_pending(void) {
  struct gc__cursor *cursor = pending_cursor();
  gc__block_clear_young(heap, cursor->next, cursor->limit);
}

static void damage_and_verify(void *argument) {
  void (*damage)(void);
  memcpy(&damage, argument, sizeof damage);
  damage();
  gc__verify_heap(collector);
}

START_TEST(each_broken_invariant_is_named) {
  static const struct {
    void (*damage)(void);
    const char *words;
  } damages[] = {
      {change_shape, "[space.entry]"},   {forget_block, "[space.entry]"},         {mark_middle, "[space.live]"},
      {forget_owner, "[block.owner]"},   {list_in_wrong_place, "[block.listed]"}, {forget_head, "[pages.heads]"},
      {lose_pages, "[pages.counts]"},    {write_pending, "[local.pending]"},      {mark_pending, "[local.pending]"},
      {free_pending, "[local.pending]"},
  };
  char text[4096];
  fill_heap();
  ck_assert_int_eq(unit_in_child(verify, NULL, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
  for (unsigned i = 0; i < COUNT_OF(damages); i++) {
    void (*damage)(void) = damages[i].damage;
    if (!unit_aborts(damage_and_verify, &damage, damages[i].words)) ck_abort_msg("not found: %s", damages[i].words);
  }
}
END_TEST

/* ---- Damage that a minor trace would leave ---- */

static void forget_coverage(const void *object) {
  uint32_t block = block_of(object);
  heap->space.blocks[block].is_open = false;
  heap->space.tracked[block / GC__CHUNK_BLOCKS] &= ~(UINT32_C(1) << block % GC__CHUNK_BLOCKS);
}
static void forget_coverage_of_cell(void) {
  forget_coverage(kept[1]);
}
static void forget_coverage_of_root_cell(void) {
  forget_coverage(kept[3]);
}
static void forget_coverage_of_large(void) {
  forget_coverage((char *)kept[100] + 19000);
}
static void forget_coverage_of_large_root(void) {
  forget_coverage(kept[300]);
}

/* The only word that leads to a young object is one of an old one, and the trace has ended without marking it. */
static void hide_young_in(void *holder, size_t word, size_t bytes, size_t offset) {
  ((char **)holder)[word] = (char *)gc_alloc(bytes) + offset;
}
static void hide_young_in_cell(void) {
  hide_young_in(kept[1], 0, 48, 0);
}
static void hide_young_in_root(void) {
  hide_young_in(kept[3], 1, 48, 40);
}
static void hide_young_in_large(void) {
  hide_young_in(kept[100], 2499, 48, 0);
}
static void hide_large_young(void) {
  hide_young_in(kept[300], 7, 30000, 29000);
}

static void damage_and_verify_trace(void *argument) {
  void (*damage)(void);
  memcpy(&damage, argument, sizeof damage);
  if (damage) damage();
  collector->last.is_full = false;
  gc__verify_trace(collector);
}

START_TEST(what_a_minor_trace_must_leave_is_named) {
  static void (*const coverage[])(void) = {forget_coverage_of_cell, forget_coverage_of_root_cell,
                                           forget_coverage_of_large, forget_coverage_of_large_root};
  static void (*const hiding[])(void) = {hide_young_in_cell, hide_young_in_root, hide_young_in_large, hide_large_young};
  char text[4096];
  void (*damage)(void) = NULL;
  fill_heap();
  ck_assert_int_eq(gc_mode(), GC_GENERATIONAL);
  ck_assert_int_eq(unit_in_child(damage_and_verify_trace, &damage, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
  for (unsigned i = 0; i < COUNT_OF(coverage); i++) {
    damage = coverage[i];
    if (!unit_aborts(damage_and_verify, &damage, "[log.covered]")) ck_abort_msg("not found: coverage %u", i);
  }
  for (unsigned i = 0; i < COUNT_OF(hiding); i++) {
    damage = hiding[i];
    if (!unit_aborts(damage_and_verify_trace, &damage, "[gen.closed]")) ck_abort_msg("not found: hiding %u", i);
  }
}
END_TEST

/* Leaves lead nowhere, and what old words say of dead or marked objects is nothing to complain of. */
START_TEST(what_is_in_order_is_not_named) {
  char text[4096];
  fill_heap();
  gc_disable();
  *(void **)kept[2] = gc_alloc(48);   /* a leaf */
  *(void **)kept[200] = gc_alloc(48); /* a large one */
  *(void **)kept[1] = kept[4];
  *(size_t *)kept[4] = ~(size_t)gc_alloc(48);
  void (*damage)(void) = NULL;
  ck_assert_int_eq(unit_in_child(damage_and_verify_trace, &damage, text, sizeof text), 0);
  ck_assert_str_eq(text, "");
}
END_TEST

/* ---- What old words named before ---- */

static void verify_after_stale_word(void *argument) {
  const bool *hides = argument;
  gc_disable();
  hide_young_in(kept[1], 0, 48, 0);
  gc__stale_fill(collector);
  if (*hides) hide_young_in(kept[1], 1, 48, 0);
  collector->last.is_full = false;
  gc__verify_trace(collector);
}

/* [stale.none] */
START_TEST(only_what_old_words_named_before_is_excused) {
  static const bool hides[] = {false, true};
  char text[4096];
  setenv("TREFOIL_CHECK", "heap", 1);
  fill_heap();
  ck_assert_int_eq(unit_in_child(verify_after_stale_word, (void *)&hides[0], text, sizeof text), 0);
  ck_assert_str_eq(text, "");
  ck_assert(unit_aborts(verify_after_stale_word, (void *)&hides[1], "[gen.closed]"));
}
END_TEST

UNIT_MAIN("tools/verify", each_broken_invariant_is_named, what_a_minor_trace_must_leave_is_named,
          what_is_in_order_is_not_named, only_what_old_words_named_before_is_excused)
