/* tests/model/shadow.c - the shadow graph: contents of objects and what can be reached. The checks of [model.whole] and
 * [model.gone] are here; see model.h.
 */
#include "model.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <trefoil/gc.h>
#include <trefoil/stats.h>
#include <trefoil/weak.h>

enum {
  COLLECTIONS = 3,      /* so many full collections reclaim what was dropped, in every mode */
  ALLOWED_BYTES = 65536 /* that stray words may keep */
};

void fail(const struct world *world, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "model: world %d, operation %llu (%s): ", world->number, (unsigned long long)world->operations_done,
          world->operation ? world->operation : "none");
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  abort();
}

/* ---- Contents ---- */

void *entry_address(const struct entry *entry) { return (void *)~entry->hidden_address; }

void **entry_link_slot(const struct entry *entry, unsigned link) { return (void **)entry_address(entry) + 1 + link; }

static size_t payload_start(const struct entry *entry) { return (1 + entry->link_count) * sizeof(uint64_t); }

/* No eight bytes of a pattern are an address of user space, and no two neighbouring words are alike. */
static uint64_t pattern_word(uint64_t number, size_t at) {
  uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (at + 1) * UINT64_C(0xff51afd7ed558ccd);
  return mixed | UINT64_C(0x8080808080808080);
}

uint64_t entry_tag(uint64_t number) { return pattern_word(number, SIZE_MAX / 2); }

void entry_fill(struct entry *entry) {
  char *object = entry_address(entry);
  if (entry->bytes < sizeof(uint64_t)) return;
  *(uint64_t *)object = pattern_word(entry->number, SIZE_MAX / 2);
  for (size_t at = payload_start(entry); at < entry->bytes; at += sizeof(uint64_t)) {
    uint64_t word = pattern_word(entry->number, at);
    size_t rest = entry->bytes - at;
    memcpy(object + at, &word, rest < sizeof word ? rest : sizeof word);
  }
}

static void check_payload(struct world *world, const struct entry *entry) {
  const char *object = entry_address(entry);
  for (size_t at = payload_start(entry); at < entry->bytes; at += sizeof(uint64_t)) {
    uint64_t word = pattern_word(entry->number, at);
    size_t rest = entry->bytes - at;
    if (memcmp(object + at, &word, rest < sizeof word ? rest : sizeof word) != 0)
      fail(world, "object %llu at %p (%zu bytes, kind %d) is damaged at byte %zu", (unsigned long long)entry->number,
           (const void *)object, entry->bytes, (int)entry->kind, at);
  }
}

static void check_links(struct world *world, const struct entry *entry) {
  for (unsigned i = 0; i < entry->link_count; i++) {
    void *expected = NULL;
    if (entry->links[i] >= 0)
      expected = (char *)entry_address(&world->entries[entry->links[i]]) + entry->link_offsets[i];
    if (*entry_link_slot(entry, i) != expected)
      fail(world, "link %u of object %llu at %p is %p, should be %p", i, (unsigned long long)entry->number,
           entry_address(entry), *entry_link_slot(entry, i), expected);
  }
}

void entry_check(struct world *world, const struct entry *entry) {
  void *object = entry_address(entry);
  if (gc_base(object) != object || gc_size(object) < entry->bytes)
    fail(world, "object %llu at %p (%zu bytes, kind %d) is not in the heap: base %p, %zu bytes",
         (unsigned long long)entry->number, object, entry->bytes, (int)entry->kind, gc_base(object), gc_size(object));
  if ((uintptr_t)object % entry->alignment != 0)
    fail(world, "object %llu at %p is not aligned to %zu", (unsigned long long)entry->number, object, entry->alignment);
  ties_check(world, entry);
  if (entry->bytes < sizeof(uint64_t)) return;
  if (*(uint64_t *)object != pattern_word(entry->number, SIZE_MAX / 2))
    fail(world, "object %llu at %p (%zu bytes, kind %d) has lost its tag", (unsigned long long)entry->number, object,
         entry->bytes, (int)entry->kind);
  check_payload(world, entry);
  check_links(world, entry);
}

void entry_check_bytes_from(struct world *world, const struct entry *entry, size_t from) {
  const char *object = entry_address(entry);
  for (size_t at = from; at < entry->bytes; at++)
    if (object[at] != 0)
      fail(world, "new byte %zu of %zu at %p is not zero", at, entry->bytes, (const void *)object);
}

/* ---- Reachability ---- */

bool model_digests;

/* Order of what was reached, numbers, kinds, sizes and links as they stand in memory: the same in every mode. */
static void mix(struct world *world, uint64_t value) {
  world->digest = (world->digest ^ value) * UINT64_C(0x100000001b3);
  world->digest ^= world->digest >> 29;
}

static void digest_object(struct world *world, const struct entry *entry) {
  const char *object = entry_address(entry);
  uint64_t word = 0;
  mix(world, entry->number);
  mix(world, (uint64_t)entry->kind << 32 | entry->link_count);
  mix(world, gc_size(object));
  for (size_t at = 0; at < entry->bytes; at += sizeof word) {
    size_t rest = entry->bytes - at;
    bool is_link = at >= sizeof word && at / sizeof word <= entry->link_count;
    if (is_link) continue;
    memcpy(&word, object + at, rest < sizeof word ? rest : sizeof word);
    mix(world, word);
  }
  for (unsigned i = 0; i < entry->link_count; i++) {
    const char *link = *entry_link_slot(entry, i);
    const struct entry *target = entry->links[i] < 0 ? NULL : &world->entries[entry->links[i]];
    mix(world, link && target ? target->number : UINT64_MAX);
    mix(world, link && target ? (uint64_t)(link - (char *)entry_address(target)) : 0);
  }
}

/* Marks what the roots lead to and checks it; pending holds entries that are reached but not looked at. */
static uint64_t reach_and_check(struct world *world, int *pending) {
  int pending_count = 0;
  uint64_t reached_bytes = 0;
  for (int i = 0; i < world->entry_count; i++) world->entries[i].is_reached = false;
  for (int root = 0; root < ROOT_COUNT; root++) {
    int target = world->roots[root];
    if (target < 0 || world->entries[target].is_reached) continue;
    world->entries[target].is_reached = true;
    pending[pending_count++] = target;
  }
  while (pending_count > 0) {
    struct entry *entry = &world->entries[pending[--pending_count]];
    entry_check(world, entry);
    if (model_digests) digest_object(world, entry);
    reached_bytes += gc_size(entry_address(entry));
    for (unsigned i = 0; i <= entry->link_count; i++) {
      int target = i < entry->link_count ? entry->links[i] : entry->value;
      if (target < 0 || world->entries[target].is_reached) continue;
      world->entries[target].is_reached = true;
      pending[pending_count++] = target;
    }
  }
  return reached_bytes;
}

static void forget_unreached(struct world *world) {
  for (int i = 0; i < world->entry_count; i++) {
    struct entry *entry = &world->entries[i];
    if (entry->hidden_address == 0 || entry->is_reached) continue;
    for (unsigned link = 0; link < entry->link_count; link++)
      if (entry->links[link] >= 0) world->entries[entry->links[link]].references--;
    ties_forget(world, entry);
    entry_release(world, i);
  }
}

void entry_release(struct world *world, int index) {
  world->bytes -= world->entries[index].bytes;
  world->entries[index].hidden_address = 0;
  world->free_entries[world->free_count++] = index;
}

NOT_INLINED uint64_t world_verify(struct world *world) {
  int *pending = malloc((size_t)world->entry_count * sizeof *pending + 1);
  if (!pending) fail(world, "no memory for the shadow");
  uint64_t reached_bytes = reach_and_check(world, pending);
  free(pending);
  forget_unreached(world);
  ties_check_weak(world);
  return reached_bytes;
}

/* ---- Garbage ---- */

NOT_INLINED void clear_stack(void) {
  volatile uint64_t dead[4096];
  for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++) dead[i] = 0;
  __asm__ volatile("" : : "r"(dead) : "memory");
}

static NOT_INLINED uint64_t live_bytes(void) {
  struct gc_stats stats;
  gc_stats(&stats);
  return stats.live_bytes;
}

uint64_t live_bytes_after_collections(void) { /* keeps its own frame small: what lies in there is not cleared */
  for (int i = 0; i < COLLECTIONS; i++) {
    clear_stack();
    gc_collect(GC_COLLECT_FULL);
  }
  return live_bytes();
}

void world_collect_and_verify(struct world *world) {
  uint64_t live = live_bytes_after_collections();
  uint64_t reached = world_verify(world) + mailbox_bytes();
  if (!world->is_alone) return;
  if (live < reached)
    fail(world, "%llu bytes are live, but %llu are reachable", (unsigned long long)live, (unsigned long long)reached);
  if (live > reached + world->bytes_limit)
    fail(world, "garbage stays: %llu bytes are live, %llu are reachable", (unsigned long long)live,
         (unsigned long long)reached);
}

/* A word that was left in a dead frame may keep some garbage for a while. */
void world_check_gone(struct world *world) {
  uint64_t live = 0;
  world_verify(world);
  for (int round = 0; round < GONE_WITHIN; round++) {
    live_bytes_after_collections();
    gc_finalizers_run(); /* what is queued is kept */
    live = live_bytes_after_collections();
    if (live <= ALLOWED_BYTES || !world->is_alone) return;
  }
  fail(world, "garbage stays: everything was dropped, but %llu bytes are live", (unsigned long long)live);
}
