/* tests/model/model.c - the operations; see model.h. Each is a function that is not inlined, so that the addresses it
 * used do not stay behind in the frame of the loop.
 */
#include "model.h"
#include <stdlib.h>
#include <string.h>
#include <trefoil/gc.h>
#include <trefoil/protect.h>

enum { FIRST_STATIC = TABLE_ROOTS,
       FIRST_THREAD = FIRST_STATIC + STATIC_ROOTS,
       FIRST_STACK = FIRST_THREAD + THREAD_ROOTS,
       FIRST_ENDING = FIRST_STACK + STACK_ROOTS,
       FIRST_OBJECT = FIRST_ENDING + ENDING_ROOTS };

static void *static_rows[WORLD_LIMIT][STATIC_ROOTS];
static _Thread_local void *thread_row[THREAD_ROOTS];

/* ---- Roots ---- */

static void *volatile *root_slot(struct world *world, int root) {
  if (root >= FIRST_OBJECT) return &world->object_roots[root - FIRST_OBJECT];
  if (root >= FIRST_ENDING) return &world->ending_roots[root - FIRST_ENDING];
  if (root >= FIRST_STACK) return &world->stack_roots[root - FIRST_STACK];
  if (root >= FIRST_THREAD) return &world->thread_roots[root - FIRST_THREAD];
  if (root >= FIRST_STATIC) return &world->static_roots[root - FIRST_STATIC];
  return &world->table_roots[root];
}

/* What the slot of a root holds: an address inside its object, or the address one past its end. */
static void *root_value(struct world *world, int root) {
  if (world->roots[root] < 0) return NULL;
  char *object = entry_address(&world->entries[world->roots[root]]);
  if (root >= FIRST_ENDING && root < FIRST_OBJECT) return object + gc_size(object);
  return object + world->root_offsets[root];
}

static NOT_INLINED void root_set(struct world *world, int root, int entry, size_t offset) {
  int before = world->roots[root];
  if (entry >= 0) world->entries[entry].references++;
  world->roots[root] = entry;
  world->root_offsets[root] = offset;
  gc_write(root_slot(world, root), root_value(world, root));
  if (before >= 0) world->entries[before].references--;
}

static int any_root(struct world *world) { return (int)choose(&world->chooser, ROOT_COUNT); }

/* A root that is not NULL, by search from a chosen one; -1 if there is none. */
static int used_root(struct world *world) {
  int first = any_root(world);
  for (int i = 0; i < ROOT_COUNT; i++) {
    int root = (first + i) % ROOT_COUNT;
    if (world->roots[root] < 0) continue;
    if (*root_slot(world, root) != root_value(world, root))
      fail(world, "root %d is %p, should be %p", root, *root_slot(world, root), root_value(world, root));
    return root;
  }
  return -1;
}

/* A reachable entry, some links away from a root; -1 if nothing is. */
int walk(struct world *world) {
  int root = used_root(world);
  if (root < 0) return -1;
  int at = world->roots[root];
  for (unsigned steps = choose(&world->chooser, 4); steps > 0; steps--) {
    struct entry *entry = &world->entries[at];
    if (entry->link_count == 0) break;
    int next = entry->links[choose(&world->chooser, entry->link_count)];
    if (next >= 0) at = next;
  }
  return at;
}

static size_t offset_inside(struct world *world, const struct entry *entry) {
  if (entry->bytes < 2 || choose(&world->chooser, 4) != 0) return 0;
  return choose(&world->chooser, 65536) % entry->bytes;
}

/* ---- Allocation ---- */

size_t choose_bytes(struct world *world) {
  struct chooser *chooser = &world->chooser;
  unsigned class = choose(chooser, 100);
  if (class < 60) return choose(chooser, 129);
  if (class < 85) return choose(chooser, 1025);
  if (class < 95) return choose(chooser, 9000);
  if (class < 99) return choose(chooser, 50000);
  return (size_t)choose(chooser, 1000) * 1000;
}

static void *allocate(const struct entry *entry) {
  size_t offsets[LINK_LIMIT];
  for (unsigned i = 0; i < entry->link_count; i++) offsets[i] = (1 + i) * sizeof(void *);
  struct gc_layout layout = {entry->bytes ? entry->bytes : 1, entry->link_count, offsets};
  switch (entry->kind) {
  case KIND_SCANNED: return gc_alloc(entry->bytes);
  case KIND_LEAF: return gc_alloc_leaf(entry->bytes);
  case KIND_TYPED: return gc_alloc_typed(&layout, 1);
  case KIND_ALIGNED: return gc_alloc_aligned(entry->alignment, entry->bytes);
  case KIND_GUARDED: return gc_alloc_guarded(entry->bytes);
  case KIND_ARRAY: return gc_alloc_array(entry->bytes / 8, 8);
  default: return gc_alloc_leaf_array(entry->bytes, 1);
  }
}

static bool kind_is_leaf(enum kind kind) { return kind == KIND_LEAF || kind == KIND_LEAF_ARRAY; }

static unsigned links_that_fit(const struct entry *entry, unsigned wanted) {
  size_t words = entry->bytes / sizeof(void *);
  if (kind_is_leaf(entry->kind) || words < 2) return 0;
  return wanted < words - 1 ? wanted : (unsigned)(words - 1);
}

/* One object in so many is guarded: the system has to grant mappings for all at a time. None is in a buffer. */
enum { GUARDED_SHARE = 60 };

/* The result is the object, which nothing else holds: the shadow knows it in hidden form only. NULL: no room. */
static NOT_INLINED void *entry_new(struct world *world, int *index) {
  if (world->free_count == 0) return NULL;
  struct entry draft = {.number = world->next_number++, .alignment = 16, .value = -1};
  draft.kind = choose(&world->chooser, KIND_COMMON);
  if (choose(&world->chooser, GUARDED_SHARE) == 0 && !model_has_buffer) draft.kind = KIND_GUARDED;
  draft.bytes = choose_bytes(world);
  if (draft.kind == KIND_ARRAY) draft.bytes &= ~(size_t)7;
  if (draft.kind == KIND_ALIGNED) draft.alignment = (size_t)16 << choose(&world->chooser, 10);
  draft.link_count = links_that_fit(&draft, choose(&world->chooser, LINK_LIMIT + 1));
  for (int i = 0; i < LINK_LIMIT; i++) draft.links[i] = -1;
  if (world->bytes + draft.bytes > world->bytes_limit) return NULL;

  void *object = allocate(&draft);
  if (!object) fail(world, "no memory for %zu bytes", draft.bytes);
  draft.hidden_address = ~(uintptr_t)object;
  entry_check_bytes_from(world, &draft, 0);
  entry_fill(&draft);
  *index = world->free_entries[--world->free_count];
  world->entries[*index] = draft;
  world->bytes += draft.bytes;
  return object;
}

/* ---- Operations ---- */

static NOT_INLINED void do_allocate(struct world *world) {
  int entry;
  void *object = entry_new(world, &entry);
  if (object) root_set(world, any_root(world), entry, offset_inside(world, &world->entries[entry]));
  gc_keep(object);
}

static NOT_INLINED void set_link(struct world *world, struct entry *holder, unsigned link, int target, size_t offset) {
  int before = holder->links[link];
  if (target >= 0) world->entries[target].references++;
  holder->links[link] = target;
  holder->link_offsets[link] = offset;
  void *value = target < 0 ? NULL : (char *)entry_address(&world->entries[target]) + offset;
  store_links(world, entry_link_slot(holder, link), &value, 1);
  if (before >= 0) world->entries[before].references--;
}

/* A new object that only an old one refers to. */
static NOT_INLINED void do_allocate_into_link(struct world *world) {
  int holder = walk(world);
  if (holder < 0 || world->entries[holder].link_count == 0) return;
  unsigned link = choose(&world->chooser, world->entries[holder].link_count);
  int target;
  void *object = entry_new(world, &target);
  if (object) set_link(world, &world->entries[holder], link, target, 0);
  gc_keep(object);
}

static NOT_INLINED void do_link(struct world *world) {
  int holder = walk(world), target = walk(world);
  if (holder < 0 || world->entries[holder].link_count == 0) return;
  unsigned link = choose(&world->chooser, world->entries[holder].link_count);
  set_link(world, &world->entries[holder], link, target, offset_inside(world, &world->entries[target]));
}

static NOT_INLINED void do_unlink(struct world *world) {
  int holder = walk(world);
  if (holder < 0 || world->entries[holder].link_count == 0) return;
  set_link(world, &world->entries[holder], choose(&world->chooser, world->entries[holder].link_count), -1, 0);
}

/* All links of an object in one store, as read(2) or a structure's assignment writes them; often to NULL. */
static NOT_INLINED void do_relink(struct world *world) {
  int index = walk(world);
  if (index < 0 || world->entries[index].link_count == 0) return;
  struct entry *holder = &world->entries[index];
  void *values[LINK_LIMIT] = {NULL};
  bool is_clearing = choose(&world->chooser, 4) == 0;
  for (unsigned i = 0; i < holder->link_count; i++) {
    int target = is_clearing ? -1 : walk(world), before = holder->links[i];
    size_t offset = target < 0 ? 0 : offset_inside(world, &world->entries[target]);
    if (target >= 0) {
      world->entries[target].references++;
      values[i] = (char *)entry_address(&world->entries[target]) + offset;
    }
    if (before >= 0) world->entries[before].references--;
    holder->links[i] = target;
    holder->link_offsets[i] = offset;
  }
  store_links(world, entry_link_slot(holder, 0), values, holder->link_count);
}

/* What falls out at one end comes in at the other: for a moment only a local variable holds it. */
static NOT_INLINED void do_rotate_links(struct world *world) {
  int index = walk(world);
  if (index < 0 || world->entries[index].link_count < 2) return;
  struct entry *holder = &world->entries[index];
  bool is_up = choose(&world->chooser, 2) == 0;
  unsigned last = holder->link_count - 1, from = is_up ? last : 0, to = last - from;
  void *rest = *entry_link_slot(holder, from);
  int link = holder->links[from];
  size_t offset = holder->link_offsets[from];
  shift_links(world, entry_link_slot(holder, 0), holder->link_count, is_up);
  memmove(holder->links + is_up, holder->links + !is_up, last * sizeof holder->links[0]);
  memmove(holder->link_offsets + is_up, holder->link_offsets + !is_up, last * sizeof holder->link_offsets[0]);
  holder->links[to] = link;
  holder->link_offsets[to] = offset;
  store_links(world, entry_link_slot(holder, to), &rest, 1);
  gc_keep(rest);
}

static NOT_INLINED void do_copy_to_root(struct world *world) {
  int target = walk(world);
  if (target >= 0) root_set(world, any_root(world), target, offset_inside(world, &world->entries[target]));
}

static NOT_INLINED void do_clear_roots(struct world *world) {
  int first = any_root(world);
  unsigned count = 1u << choose(&world->chooser, 7);
  for (unsigned i = 0; i < count; i++) root_set(world, (first + (int)i) % ROOT_COUNT, -1, 0);
}

/* A root object that was resized may be large, and its address keeps whatever ends there: a small one takes its place. */
static NOT_INLINED void renew_root_object(struct world *world) {
  gc_free(world->object_roots);
  world->object_roots = gc_alloc_root(OBJECT_ROOTS * sizeof(void *));
  if (!world->object_roots) fail(world, "no memory for a root object");
}

static NOT_INLINED void do_drop_everything(struct world *world) {
  for (int i = 0; i < ROOT_COUNT; i++) root_set(world, i, -1, 0);
  renew_root_object(world);
  ties_forget_slots(world);
  if (world->is_alone) mailbox_clear();
  world_check_gone(world);
}

static NOT_INLINED void do_check_one(struct world *world) {
  int entry = walk(world);
  if (entry >= 0) entry_check(world, &world->entries[entry]);
}

static void unlink_all(struct world *world, struct entry *entry) {
  for (unsigned i = 0; i < entry->link_count; i++) set_link(world, entry, i, -1, 0);
  ties_drop(world, entry);
}

/* Only what nothing else refers to, as a correct program would. */
static NOT_INLINED void do_free(struct world *world) {
  int root = used_root(world);
  if (root < 0) return;
  int index = world->roots[root];
  struct entry *entry = &world->entries[index];
  if (entry->references != 1) return;
  entry_check(world, entry);
  unlink_all(world, entry);
  void *object = entry_address(entry);
  root_set(world, root, -1, 0);
  gc_free(object);
  if (world->is_alone && gc_base(object)) fail(world, "%p was freed, but is found", object);
  entry_release(world, index);
}

static NOT_INLINED void do_resize(struct world *world) {
  int root = used_root(world);
  size_t bytes = choose_bytes(world);
  if (root < 0) return;
  int index = world->roots[root];
  struct entry *entry = &world->entries[index];
  if (entry->references != 1 || entry->kind == KIND_TYPED || world->bytes - entry->bytes + bytes > world->bytes_limit)
    return;
  entry_check(world, entry);
  size_t old_bytes = entry->bytes;
  struct entry resized = *entry;
  resized.bytes = bytes;
  resized.link_count = links_that_fit(&resized, entry->link_count);
  for (unsigned i = resized.link_count; i < entry->link_count; i++) set_link(world, entry, i, -1, 0);
  void *object = gc_realloc(entry_address(entry), bytes);
  if (!object) fail(world, "no memory to resize %zu bytes to %zu", old_bytes, bytes);
  resized.hidden_address = ~(uintptr_t)object;

  entry->hidden_address = resized.hidden_address;
  entry->bytes = bytes < old_bytes ? bytes : old_bytes;
  if (resized.link_count == entry->link_count) entry_check(world, entry); /* else NULLs lie in the pattern */
  entry->bytes = bytes;
  entry->link_count = resized.link_count;
  entry_check_bytes_from(world, entry, old_bytes);
  entry_fill(entry);
  world->bytes += bytes - old_bytes;
  root_set(world, root, index, 0);
  gc_keep(object); /* until here the root may hold the address from before */
}

static NOT_INLINED void do_resize_root_object(struct world *world) {
  size_t count = OBJECT_ROOTS + choose(&world->chooser, 1000);
  void **resized = gc_realloc_array(world->object_roots, count, sizeof *resized);
  if (!resized) fail(world, "no memory to resize a root object");
  for (size_t i = OBJECT_ROOTS; i < count; i++)
    if (resized[i]) fail(world, "word %zu of a root object of %zu is not zero", i, count);
  world->object_roots = resized;
}

/* A guarded object is closed to the program for a collection, which looks into it all the same. */
static NOT_INLINED void do_protect(struct world *world) {
  int root = any_root(world);
  for (int i = 0; i < ROOT_COUNT; i++, root = (root + 1) % ROOT_COUNT)
    if (world->roots[root] >= 0 && world->entries[world->roots[root]].kind == KIND_GUARDED) break;
  if (world->roots[root] < 0 || world->entries[world->roots[root]].kind != KIND_GUARDED) return;
  const struct entry *entry = &world->entries[world->roots[root]];
  enum gc_protection protection = choose(&world->chooser, 3) ? GC_PROTECT_NONE : GC_PROTECT_READ;
  if (gc_protect(entry_address(entry), protection) != 0) fail(world, "object %d cannot be protected", world->roots[root]);
  gc_collect(choose(&world->chooser, 8) ? GC_COLLECT_MINOR : GC_COLLECT_FULL);
  if (gc_protect(entry_address(entry), GC_PROTECT_READ_WRITE) != 0) fail(world, "an object stays protected");
  entry_check(world, entry);
}

static NOT_INLINED void do_garbage(struct world *world) {
  unsigned count = choose(&world->chooser, 256);
  size_t bytes = choose_bytes(world) % 10000;
  for (unsigned i = 0; i < count; i++) {
    char *object = i % 2 ? gc_alloc(bytes) : gc_alloc_leaf(bytes);
    if (!object) fail(world, "no memory for %zu bytes of garbage", bytes);
    if (bytes > 0) object[0] = object[bytes - 1] = 1;
  }
}

static NOT_INLINED void do_exchange(struct world *world) {
  unsigned box = choose(&world->chooser, BOX_COUNT);
  int index = -1;
  void *taken = mailbox_take(world, box, &index);
  if (taken) {
    entry_check(world, &world->entries[index]);
    root_set(world, any_root(world), index, 0);
    gc_keep(taken);
    return;
  }
  int root = used_root(world);
  if (root < 0 || world->entries[world->roots[root]].references != 1) return;
  index = world->roots[root];
  unlink_all(world, &world->entries[index]);
  if (mailbox_put(world, box, index)) {
    root_set(world, root, -1, 0);
    entry_release(world, index);
  }
}

bool model_swaps, model_has_buffer;

/* What nobody wrote since the collection before goes. */
static void collect_and_swap(enum gc_collection kind) {
  gc_collect(kind);
  if (model_swaps) gc_swap_out(SIZE_MAX);
}

static NOT_INLINED void do_collect_minor(struct world *world) {
  (void)world;
  collect_and_swap(GC_COLLECT_MINOR);
}

static NOT_INLINED void do_collect_full(struct world *world) {
  (void)world;
  collect_and_swap(GC_COLLECT_FULL);
}

static NOT_INLINED void do_collect_minor_and_verify(struct world *world) {
  collect_and_swap(GC_COLLECT_MINOR);
  world_verify(world);
}

static NOT_INLINED void do_verify(struct world *world) { world_verify(world); }

/* How often each is chosen, in 1,000. */
static const struct operation {
  const char *name;
  unsigned weight;
  void (*run)(struct world *);
} operations[] = {
    {"allocate", 270, do_allocate},
    {"allocate into a link", 165, do_allocate_into_link},
    {"make a weak reference", 20, do_make_weak},
    {"put in a weak map", 20, do_put_in_map},
    {"set a finalizer", 18, do_set_finalizer},
    {"run finalizers", 2, do_run_finalizers},
    {"link", 100, do_link},
    {"unlink", 50, do_unlink},
    {"relink", 35, do_relink},
    {"rotate links", 18, do_rotate_links},
    {"copy to a root", 90, do_copy_to_root},
    {"clear roots", 12, do_clear_roots},
    {"drop everything", 1, do_drop_everything},
    {"check one", 30, do_check_one},
    {"free", 50, do_free},
    {"resize", 50, do_resize},
    {"resize the root object", 2, do_resize_root_object},
    {"protect", 6, do_protect},
    {"garbage", 10, do_garbage},
    {"young garbage", 4, do_young_garbage},
    {"old garbage", 2, do_old_garbage},
    {"exchange", 20, do_exchange},
    {"collect minor", 11, do_collect_minor},
    {"collect minor and verify", 8, do_collect_minor_and_verify},
    {"collect full", 1, do_collect_full},
    {"verify", 2, do_verify},
    {"collect and verify", 3, world_collect_and_verify},
};

static void run_one(struct world *world) {
  unsigned chosen = choose(&world->chooser, 1000);
  const struct operation *operation = operations;
  for (; chosen >= operation->weight; operation++) chosen -= operation->weight;
  world->operation = operation->name;
  operation->run(world);
  world->operations_done++;
}

/* ---- Worlds ---- */

void world_start(struct world *world, int number, struct chooser chooser, struct world_limits limits, bool is_alone) {
  *world = (struct world){.chooser = chooser, .number = number, .is_alone = is_alone};
  world->entry_count = limits.entries;
  world->bytes_limit = limits.bytes;
  world->next_number = (uint64_t)number << 40; /* tells whose an object is that came through a box */
  world->entries = calloc((size_t)limits.entries, sizeof *world->entries);
  world->free_entries = calloc((size_t)limits.entries, sizeof *world->free_entries);
  world->table_roots = calloc(TABLE_ROOTS, sizeof *world->table_roots);
  if (!world->entries || !world->free_entries || !world->table_roots) fail(world, "no memory for the shadow");
  while (world->free_count < limits.entries) {
    world->free_entries[world->free_count] = world->free_count;
    world->free_count++;
  }
  for (int i = 0; i < ROOT_COUNT; i++) world->roots[i] = -1;
  if (gc_roots_add(world->table_roots, TABLE_ROOTS * sizeof(void *)) != 0) fail(world, "cannot add roots");
  world->static_roots = static_rows[number];
  world->thread_roots = thread_row;
  world->object_roots = gc_alloc_root(OBJECT_ROOTS * sizeof(void *));
  if (!world->object_roots) fail(world, "no memory for a root object");
  stores_open(world);
  ties_open(world);
}

NOT_INLINED void world_run(struct world *world, uint64_t count) {
  void *volatile stack_roots[STACK_ROOTS] = {NULL};
  void *volatile ending_roots[ENDING_ROOTS] = {NULL};
  world->stack_roots = stack_roots;
  world->ending_roots = ending_roots;
  while (world->operations_done < count && !chooser_is_empty(&world->chooser)) run_one(world);
  world->operation = "last verification";
  world_collect_and_verify(world);
  do_drop_everything(world);
  ties_check_gone(world);
  world->stack_roots = world->ending_roots = NULL;
}

void world_end(struct world *world) {
  if (gc_roots_remove(world->table_roots) != 0) fail(world, "cannot remove roots");
  gc_free(world->object_roots);
  stores_close(world);
  ties_close(world);
  free(world->table_roots);
  free(world->free_entries);
  free(world->entries);
}
