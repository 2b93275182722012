/* tests/model/ties.c - what hangs on objects without keeping them: see [model.weak], [model.map] and [model.final] in
 * model.h. The slots of weak references and the map are held by the world itself, which lies on its thread's stack.
 */
#include "model.h"
#include <stdlib.h>
#include <string.h>
#include <trefoil/gc.h>
#include <trefoil/weak.h>

enum { LOST_MOST = 64 /* finalizers that stray words may hold back at the end */ };

void ties_open(struct world *world) {
  struct gc_weak_map *map = gc_weak_map_new();
  if (!map) fail(world, "no memory for a weak map");
  world->map_inside = (char *)map + 8;
  world->finalizers = calloc(FINALIZER_LIMIT, sizeof *world->finalizers);
  if (!world->finalizers) fail(world, "no memory for ties");
}

/* Finalizers that were not run may still be, by another world: their records stay. */
void ties_close(struct world *world) {
  world->map_inside = NULL;
  ties_forget_slots(world);
}

void ties_forget_slots(struct world *world) { memset(world->weak_slots, 0, sizeof world->weak_slots); }

static struct gc_weak_map *map_of(const struct world *world) {
  return (struct gc_weak_map *)(void *)(world->map_inside - 8);
}

/* ---- Weak references ---- */

static bool stands_for(const struct world *world, const struct weak_slot *slot) {
  const struct entry *entry = &world->entries[slot->entry];
  return entry->hidden_address && entry->number == slot->number;
}

static NOT_INLINED void check_slot(struct world *world, const struct weak_slot *slot) {
  void *object = gc_weak_get(slot->weak), *expected = entry_address(&world->entries[slot->entry]);
  if (object != expected)
    fail(world, "the weak reference to object %llu gives %p, should give %p", (unsigned long long)slot->number, object,
         expected);
}

void ties_check_weak(struct world *world) {
  for (int i = 0; i < WEAK_SLOTS; i++)
    if (world->weak_slots[i].weak && stands_for(world, &world->weak_slots[i])) check_slot(world, &world->weak_slots[i]);
}

NOT_INLINED void do_make_weak(struct world *world) {
  struct weak_slot *slot = &world->weak_slots[choose(&world->chooser, WEAK_SLOTS)];
  int index = walk(world);
  if (index < 0) return;
  if (slot->weak && choose(&world->chooser, 4) == 0) gc_free(slot->weak);
  *slot = (struct weak_slot){gc_weak_new(entry_address(&world->entries[index])), index, world->entries[index].number};
  if (!slot->weak) fail(world, "no memory for a weak reference");
}

/* ---- The map ---- */

void ties_check(struct world *world, const struct entry *entry) {
  void *expected = entry->value < 0 ? NULL : entry_address(&world->entries[entry->value]);
  void *value = gc_weak_map_get(map_of(world), entry_address(entry));
  if (value != expected)
    fail(world, "the value of object %llu is %p, should be %p", (unsigned long long)entry->number, value, expected);
}

static void set_value(struct world *world, struct entry *entry, int value) {
  if (value >= 0) world->entries[value].references++;
  if (entry->value >= 0) world->entries[entry->value].references--;
  entry->value = value;
}

NOT_INLINED void do_put_in_map(struct world *world) {
  int key = walk(world), value = walk(world);
  if (key < 0) return;
  struct entry *entry = &world->entries[key];
  if (entry->value >= 0 && choose(&world->chooser, 3) == 0) {
    if (!gc_weak_map_remove(map_of(world), entry_address(entry))) fail(world, "a key is not in the map");
    set_value(world, entry, -1);
  } else {
    if (gc_weak_map_put(map_of(world), entry_address(entry), entry_address(&world->entries[value])) != 0)
      fail(world, "no memory for an entry of a map");
    set_value(world, entry, value);
  }
}

/* ---- Finalizers ---- */

static void run_finalizer(void *object, void *data) {
  struct finalizer *finalizer = data;
  if (finalizer->is_done) fail(finalizer->world, "a finalizer runs again, or was taken back");
  if (finalizer->is_alone && !finalizer->is_lost)
    fail(finalizer->world, "object %llu can be reached, and is finalized", (unsigned long long)finalizer->number);
  if (gc_base(object) != object || gc_size(object) < finalizer->bytes)
    fail(finalizer->world, "object %llu is not whole when it is finalized", (unsigned long long)finalizer->number);
  if (finalizer->bytes >= sizeof(uint64_t) && *(uint64_t *)object != entry_tag(finalizer->number))
    fail(finalizer->world, "object %llu has lost its tag when it is finalized", (unsigned long long)finalizer->number);
  finalizer->is_done = true;
}

static struct finalizer *finalizer_of(struct world *world, const struct entry *entry) {
  return entry->finalizer ? &world->finalizers[entry->finalizer - 1] : NULL;
}

NOT_INLINED void do_set_finalizer(struct world *world) {
  int index = walk(world);
  if (index < 0 || world->finalizer_count == FINALIZER_LIMIT) return;
  struct entry *entry = &world->entries[index];
  struct finalizer *before = finalizer_of(world, entry);
  if (before) before->is_done = true;
  struct finalizer *finalizer = &world->finalizers[world->finalizer_count++];
  finalizer->world = world;
  finalizer->number = entry->number;
  finalizer->is_alone = world->is_alone;
  entry->finalizer = world->finalizer_count;
  bool is_set = choose(&world->chooser, 4) != 0;
  if (gc_finalizer_set(entry_address(entry), is_set ? run_finalizer : NULL, finalizer) != 0)
    fail(world, "no memory for a finalizer");
  finalizer->is_done = !is_set;
}

/* What the shadow has not forgotten yet is not lost: so it is forgotten first. */
NOT_INLINED void do_run_finalizers(struct world *world) {
  world_verify(world);
  gc_finalizers_run();
}

void ties_drop(struct world *world, struct entry *entry) {
  struct finalizer *finalizer = finalizer_of(world, entry);
  if (entry->value >= 0 && !gc_weak_map_remove(map_of(world), entry_address(entry))) fail(world, "a key is not in the map");
  if (finalizer && gc_finalizer_set(entry_address(entry), NULL, NULL) != 0) fail(world, "a finalizer is not taken back");
  if (finalizer) finalizer->is_done = true;
  set_value(world, entry, -1);
  entry->finalizer = 0;
}

void ties_forget(struct world *world, struct entry *entry) {
  struct finalizer *finalizer = finalizer_of(world, entry);
  if (entry->value >= 0) world->entries[entry->value].references--;
  if (!finalizer) return;
  finalizer->is_lost = true;
  finalizer->bytes = entry->bytes;
}

void ties_check_gone(struct world *world) {
  int left = 0;
  if (!world->is_alone) return;
  world_verify(world);
  for (int round = 0; round < GONE_WITHIN * 4; round++) {
    live_bytes_after_collections();
    gc_finalizers_run();
  }
  for (int i = 0; i < world->finalizer_count; i++) left += !world->finalizers[i].is_done;
  if (left > LOST_MOST) fail(world, "%d of %d finalizers were not run", left, world->finalizer_count);
}
