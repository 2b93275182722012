/* tests/model/garbage.c - what a minor collection reclaims, and what it leaves to a full one: [model.young] and
 * [model.old] of model.h. Only for a world that is alone: another thread's new object may take the place of a dead one.
 */
#include "model.h"
#include <stdlib.h>
#include <string.h>
#include <trefoil/gc.h>
#include <trefoil/stats.h>

enum {
  SAMPLE = 48,     /* objects */
  STRAY_MOST = 12, /* of them, that stale words may keep; sanitizers leave more of those */
  LARGEST = 20000  /* bytes */
};

static uintptr_t hidden[SAMPLE]; /* complements of addresses */

struct counts {
  uint64_t minor, full;
};

static NOT_INLINED struct counts count_collections(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return (struct counts){stats.collections_minor, stats.collections_full};
}

/* Nothing holds the objects afterwards but the slots, if there are any. Stays clear of the frames that collect. */
static NOT_INLINED void make_objects(struct world *world, void **slots, size_t bytes) {
  volatile char gap[4096];
  __asm__ volatile("" : : "r"(gap) : "memory");
  for (int i = 0; i < SAMPLE; i++) {
    char *object = i % 4 == 3 ? gc_alloc_leaf(bytes) : gc_alloc(bytes);
    if (!object) fail(world, "no memory for %zu bytes of garbage", bytes);
    hidden[i] = ~(uintptr_t)object;
    if (slots) gc_write(&slots[i], (void *)object);
  }
}

static NOT_INLINED int count_found(void) {
  volatile char gap[4096];
  __asm__ volatile("" : : "r"(gap) : "memory");
  int found = 0;
  for (int i = 0; i < SAMPLE; i++) found += gc_base((void *)~hidden[i]) == (void *)~hidden[i];
  return found;
}

static NOT_INLINED void collect_minor(void) {
  clear_stack();
  gc_collect(GC_COLLECT_MINOR);
}

static void require_gone(struct world *world, const char *which, int most, size_t bytes) {
  int found = count_found();
  if (found > most)
    fail(world, "garbage stays: %d of %d %s objects of %zu bytes are found", found, SAMPLE, which, bytes);
}

void do_young_garbage(struct world *world) {
  size_t bytes = choose_bytes(world) % LARGEST;
  if (!world->is_alone || getenv("TREFOIL_STRESS")) return; /* which makes objects old as they are born */
  struct counts before = count_collections();
  make_objects(world, NULL, bytes);
  struct counts after = count_collections();
  if (after.minor != before.minor || after.full != before.full) return; /* some are old */
  collect_minor();
  require_gone(world, "young", STRAY_MOST, bytes);
}

void do_old_garbage(struct world *world) {
  size_t bytes = choose_bytes(world) % LARGEST;
  if (!world->is_alone) return;
  void **holder = gc_alloc_root(SAMPLE * sizeof *holder);
  if (!holder) fail(world, "no memory for a root object");
  make_objects(world, holder, bytes);
  collect_minor();
  if (count_found() != SAMPLE) fail(world, "a root object lost some of %d objects of %zu bytes", SAMPLE, bytes);
  gc_free(holder);
  struct counts before = count_collections();
  collect_minor();
  if (gc_mode() == GC_GENERATIONAL && count_collections().full == before.full && count_found() != SAMPLE)
    fail(world, "a minor collection took old objects");
  for (int round = 0; round < GONE_WITHIN && count_found() > STRAY_MOST; round++) live_bytes_after_collections();
  require_gone(world, "old", STRAY_MOST, bytes);
}
