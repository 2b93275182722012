/* libgc/roots.c - roots that the program names: ranges, functions that are called at each stop, leaves that stay.
 *
 * [libgc.ranges] Ranges do not overlap: a new one takes in those that it overlaps. What changes here changes inside
 * gc_locked, so that a stop finds all of it or nothing.
 */
#include "libgc/libgc.h"
#include "os/report.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

#define RANGES_MOST ((size_t)1 << 24)
#define HELD_MOST   ((size_t)1 << 28)
#define FIRST_HELD  ((size_t)512)
#define MARKED_MOST ((size_t)1 << 16)

static struct gc__region range_memory, held_memory, marked_memory;
static size_t range_count;
static size_t held_count, held_room; /* a hash table of addresses, at most half full; 0: free, 1: was taken */
static size_t marked_count;          /* at this stop: objects of GC_set_mark_bit */
static struct gc_root_sink *current_sink;

static bool open_region(struct gc__region *region, size_t bytes) {
  return region->start || gc__region_open_most(region, &gc__runtime.budget, bytes);
}

/* ---- Ranges ---- */

static struct gc__range *ranges(void) {
  return (struct gc__range *)(void *)range_memory.start;
}

static void delete_range(size_t at) {
  ranges()[at] = ranges()[--range_count];
}

static void *add_range(void *argument) {
  struct gc__range *range = argument;
  for (size_t i = 0; i < range_count;) {
    struct gc__range other = ranges()[i];
    if (other.start >= range->end || other.end <= range->start) {
      i++;
      continue;
    }
    if (other.start < range->start) range->start = other.start;
    if (other.end > range->end) range->end = other.end;
    delete_range(i);
  }
  if (!open_region(&range_memory, RANGES_MOST * sizeof *range) ||
      !gc__region_commit(&range_memory, (range_count + 1) * sizeof *range))
    return NULL;
  ranges()[range_count++] = *range;
  return argument;
}

/* What lies in a range that is removed goes; of one that reaches beyond it, what lies beyond stays. */
static void *remove_range(void *argument) {
  const struct gc__range *range = argument;
  for (size_t i = 0; i < range_count; i++) {
    struct gc__range *other = &ranges()[i];
    if (other->start >= range->end || other->end <= range->start) continue;
    struct gc__range behind = {range->end, other->end};
    if (other->start < range->start && behind.start < behind.end &&
        gc__region_commit(&range_memory, (range_count + 1) * sizeof *range))
      ranges()[range_count++] = behind;
    if (other->start < range->start) other->end = range->start;
    else if (other->end > range->end) other->start = range->end;
    else delete_range(i--);
  }
  return NULL;
}

static void *forget_ranges(void *unused) {
  range_count = 0;
  return unused;
}

static struct gc__range words_of(void *low, void *high) {
  return (struct gc__range){gc__round_up((uintptr_t)low, sizeof(void *)),
                            gc__round_down((uintptr_t)high, sizeof(void *))};
}

EXPORT void GC_add_roots(void *low, void *high_plus_1) {
  struct gc__range range = words_of(low, high_plus_1);
  if (range.start >= range.end || !gc__libgc_begin()) return;
  if (!gc_locked(add_range, &range)) gc__misuse("GC_add_roots: no memory for the list of ranges");
}

EXPORT void GC_remove_roots(void *low, void *high_plus_1) {
  struct gc__range range = words_of(low, high_plus_1);
  if (range.start < range.end && gc__libgc_has_begun() && gc__libgc_begin()) gc_locked(remove_range, &range);
}

EXPORT void GC_clear_roots(void) {
  if (gc__libgc_has_begun() && gc__libgc_begin()) gc_locked(forget_ranges, NULL);
}

/* ---- Leaves that stay ---- */

static size_t *held(void) {
  return (size_t *)(void *)held_memory.start;
}

static size_t find_held(size_t address) {
  size_t at = (address / GC__GRANULE_BYTES * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (held_room - 1);
  while (held()[at] && held()[at] != address) at = (at + 1) & (held_room - 1);
  return at;
}

/* A table of twice the size takes the place of the old one, behind which it is put together. */
static bool grow_held(void) {
  size_t room = held_room ? held_room * 2 : FIRST_HELD, before = held_room;
  if (!open_region(&held_memory, HELD_MOST * sizeof(size_t)) ||
      !gc__region_commit(&held_memory, (room + before) * sizeof(size_t)))
    return false;
  memmove(held() + room, held(), before * sizeof(size_t));
  memset(held(), 0, room * sizeof(size_t));
  held_room = room;
  held_count = 0;
  for (size_t i = 0; i < before; i++) {
    size_t address = held()[room + i];
    if (address <= 1) continue;
    held()[find_held(address)] = address;
    held_count++;
  }
  memset(held() + room, 0, before * sizeof(size_t));
  return true;
}

static void *hold(void *object) {
  if ((held_count + 1) * 2 > held_room && !grow_held()) return NULL;
  held()[find_held((size_t)object)] = (size_t)object;
  held_count++;
  return object;
}

static void *let_go(void *object) {
  size_t at = held_room ? find_held((size_t)object) : 0;
  if (!held_room || !held()[at]) return NULL;
  held()[at] = 1; /* those behind it stay where they are found; it is counted until the table grows */
  return object;
}

bool gc__libgc_hold(void *object) {
  return gc_locked(hold, object) != NULL;
}

bool gc__libgc_let_go(void *object) {
  return held_room && gc_locked(let_go, object) != NULL;
}

/* ---- At a stop ---- */

static void push_no_roots(void) {}

EXPORT GC_push_other_roots_proc GC_push_other_roots = push_no_roots;

EXPORT void GC_set_push_other_roots(GC_push_other_roots_proc fn) {
  GC_push_other_roots = fn;
}
EXPORT GC_push_other_roots_proc GC_get_push_other_roots(void) {
  return GC_push_other_roots;
}

static void push_list(struct gc_root_sink *sink, const struct gc__region *words, size_t count) {
  if (count) gc_root_push(sink, words->start, words->start + count * sizeof(size_t));
}

/* World stopped. The variables are the program's, and may have been written at any time. */
void gc__libgc_push_roots(struct gc_root_sink *sink, void *unused) {
  static char *first_bottom;
  (void)unused;
  if (!first_bottom) first_bottom = GC_stackbottom;
  if (GC_stackbottom != first_bottom) gc_root_main_stack(sink, GC_stackbottom);
  if (GC_no_dls) gc_root_skip_static(sink);
  for (size_t i = 0; i < range_count; i++) gc_root_push(sink, (void *)ranges()[i].start, (void *)ranges()[i].end);
  push_list(sink, &held_memory, held_room);
  marked_count = 0;
  current_sink = sink;
  if (GC_push_other_roots) GC_push_other_roots();
  current_sink = NULL;
  push_list(sink, &marked_memory, marked_count);
}

GC__UNINSTRUMENTED static void mark_words(const size_t *low, const size_t *high) {
  for (; low < high; low++) gc_mark((void *)*(const volatile size_t *)low);
}

EXPORT void GC_push_all(void *low, void *high) {
  if (current_sink) gc_root_push(current_sink, low, high);
  else mark_words(low, high);
}
EXPORT void GC_push_all_eager(void *low, void *high) {
  GC_push_all(low, high);
}
EXPORT void GC_push_conditional(void *low, void *high, int all) {
  (void)all;
  GC_push_all(low, high);
}

/* Room was made when the function was set, or it is made now: it is seldom that there is no memory for that. */
EXPORT void GC_set_mark_bit(const void *object) {
  if (!current_sink) {
    gc_mark(object);
    return;
  }
  if (!open_region(&marked_memory, MARKED_MOST * sizeof(size_t)) ||
      !gc__region_commit(&marked_memory, (marked_count + 1) * sizeof(size_t)))
    gc__misuse("GC_set_mark_bit: %p: no memory to note it", object);
  ((size_t *)(void *)marked_memory.start)[marked_count++] = (size_t)object;
}
EXPORT void GC_clear_mark_bit(const void *object) {
  (void)object;
}

EXPORT int GC_is_marked(const void *object) {
  const struct gc__heap *heap = &gc__runtime.collector.heap;
  if (!gc__space_contains(&heap->space, object)) return 0;
  size_t granule = gc__space_offset(&heap->space, object) / GC__GRANULE_BYTES;
  return gc__heap_is_old_object(heap, granule);
}

EXPORT void GC_push_finalizer_structures(void) {}

EXPORT void *GC_is_visible(void *address) {
  return address;
}
EXPORT void *GC_is_valid_displacement(void *address) {
  return address;
}
EXPORT void *GC_same_obj(void *a, void *b) {
  if (GC_base(a) != GC_base(b)) gc__report("GC_same_obj: %p and %p: are not in the same object", a, b);
  return a;
}
EXPORT void *GC_pre_incr(void **p, ptrdiff_t bytes) {
  return *p = (char *)*p + bytes;
}
EXPORT void *GC_post_incr(void **p, ptrdiff_t bytes) {
  void *before = *p;
  *p = (char *)before + bytes;
  return before;
}

static void say_nothing(void *address) {
  (void)address;
}
static void say_nothing_of_two(void *a, void *b) {
  (void)a, (void)b;
}
EXPORT void (*GC_same_obj_print_proc)(void *, void *) = say_nothing_of_two;
EXPORT void (*GC_is_valid_displacement_print_proc)(void *) = say_nothing;
EXPORT void (*GC_is_visible_print_proc)(void *) = say_nothing;
