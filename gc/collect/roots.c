/* collect/roots.c - see roots.h. */
#include "collect/roots.h"
#include "base/check.h"
#include "heap/block.h"

#include <errno.h>
#include <string.h>

#define ADDED_MOST ((size_t)1 << 22)
#define LIST_MOST  ((size_t)1 << 24)

/* Segments from this length on are watched: reading 256 KiB takes 20 us, asking the kernel about them 2. */
#define WATCH_FROM_BYTES ((size_t)256 << 10)
#define WATCHED_MOST     ((size_t)1 << 16)

bool gc__roots_open(struct gc__roots *roots, struct gc__budget *budget, struct gc__range own, struct gc__range buffer) {
  *roots = (struct gc__roots){.own = own, .buffer = buffer};
  gc__lock_open(&roots->lock, GC__RANK_ROOTS);
  if (gc__segments_open(&roots->segments, budget) &&
      gc__region_open_most(&roots->added_memory, budget, ADDED_MOST * sizeof(struct gc__range)) &&
      gc__region_open_most(&roots->watched_memory, budget, WATCHED_MOST * sizeof(struct gc__range)) &&
      gc__region_open_most(&roots->list_memory, budget, LIST_MOST * sizeof(struct gc__root_range)))
    return true;
  gc__roots_close(roots);
  return false;
}

void gc__roots_close(struct gc__roots *roots) {
  gc__segments_close(&roots->segments);
  gc__region_close(&roots->added_memory);
  gc__region_close(&roots->watched_memory);
  gc__region_close(&roots->list_memory);
  gc__lock_close(&roots->lock);
}

/* ---- Added ranges ---- */

static struct gc__range *added_ranges(const struct gc__roots *roots) {
  return (struct gc__range *)(void *)roots->added_memory.start;
}

/* The number of the first range that does not lie wholly below an address. */
static size_t find_added(const struct gc__roots *roots, uintptr_t address) {
  size_t low = 0, high = roots->added_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (added_ranges(roots)[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

static int insert_added(struct gc__roots *roots, struct gc__range range) {
  size_t at = find_added(roots, range.start), count = roots->added_count;
  if (at < count && added_ranges(roots)[at].start < range.end) return EEXIST;
  if (!gc__region_commit(&roots->added_memory, (count + 1) * sizeof range)) return ENOMEM;
  struct gc__range *ranges = added_ranges(roots);
  memmove(&ranges[at + 1], &ranges[at], (count - at) * sizeof range);
  ranges[at] = range;
  roots->added_count++;
  return 0;
}

static int delete_added(struct gc__roots *roots, uintptr_t start) {
  size_t at = find_added(roots, start), count = roots->added_count;
  struct gc__range *ranges = added_ranges(roots);
  if (at == count || ranges[at].start != start) return ENOENT;
  memmove(&ranges[at], &ranges[at + 1], (count - at - 1) * sizeof ranges[0]);
  roots->added_count--;
  return 0;
}

/* The caller cannot be stopped in the middle: a stop would find the array half moved. */
int gc__roots_add(struct gc__roots *roots, struct gc__range range) {
  if (range.start >= range.end) return EINVAL;
  gc__lock_take(&roots->lock);
  int error = insert_added(roots, range);
  gc__lock_give(&roots->lock);
  return error;
}

int gc__roots_remove(struct gc__roots *roots, uintptr_t start) {
  gc__lock_take(&roots->lock);
  int error = delete_added(roots, start);
  gc__lock_give(&roots->lock);
  return error;
}

/* ---- Watched segments ---- */

static struct gc__range *watched_segments(const struct gc__roots *roots) {
  return (struct gc__range *)(void *)roots->watched_memory.start;
}

static struct gc__range whole_pages(struct gc__range range) {
  size_t page_bytes = gc__os_page_bytes();
  return (struct gc__range){gc__round_up(range.start, page_bytes), gc__round_down(range.end, page_bytes)};
}

static bool is_segment(const struct gc__roots *roots, struct gc__range watched) {
  const struct gc__range *segments = gc__segments_ranges(&roots->segments);
  for (size_t i = 0; i < roots->segments.range_count; i++) {
    struct gc__range pages = whole_pages(segments[i]);
    if (pages.start == watched.start && pages.end == watched.end) return true;
  }
  return false;
}

static bool is_watched(const struct gc__roots *roots, struct gc__range pages) {
  for (size_t i = 0; i < roots->watched_count; i++)
    if (watched_segments(roots)[i].start == pages.start && watched_segments(roots)[i].end == pages.end) return true;
  return false;
}

static void watch_segment(struct gc__roots *roots, struct gc__watch *watch, struct gc__range pages) {
  if (pages.end < pages.start + WATCH_FROM_BYTES || is_watched(roots, pages)) return;
  if (!gc__region_commit(&roots->watched_memory, (roots->watched_count + 1) * sizeof pages)) return;
  if (gc__watch_add(watch, pages)) watched_segments(roots)[roots->watched_count++] = pages;
}

/* Libraries come and go: what is not among the segments any more is forgotten first. */
static void watch_segments(struct gc__roots *roots, struct gc__watch *watch) {
  const struct gc__range *segments = gc__segments_ranges(&roots->segments);
  struct gc__range *watched = watched_segments(roots);
  size_t kept = 0;
  for (size_t i = 0; i < roots->watched_count; i++) {
    if (is_segment(roots, watched[i])) watched[kept++] = watched[i];
    else gc__watch_remove(watch, watched[i]);
  }
  roots->watched_count = kept;
  for (size_t i = 0; i < roots->segments.range_count; i++) watch_segment(roots, watch, whole_pages(segments[i]));
}

/* ---- The list ---- */

/* Room for what is added between asking and the stop. */
#define MORE       1024u
#define MORE_FIXED 128u /* which threads that attach later use up: a full heap has no memory for a longer list */

bool gc__roots_reserve(struct gc__roots *roots, const struct gc__world *world, struct gc__heap *heap) {
  size_t for_thread = GC__STACK_PARTS_MOST + roots->segments.module_count + 1; /* one of them lies around the buffer */
  gc__lock_take(&roots->lock);
  size_t added_count = roots->added_count;
  gc__lock_give(&roots->lock);
  /* Ranges may be added until the stop: room for as many again, and some. */
  size_t more = heap->space.is_fixed ? MORE_FIXED : MORE;
  size_t most = world->thread_count * for_thread + roots->segments.range_count * 4 + added_count * 2 + more +
                roots->layer_count * 2;
  if (heap->log.is_on && heap->log.watch.kind == GC__WATCH_KERNEL && !roots->reads_whole_segments)
    watch_segments(roots, &heap->log.watch);
  if (!gc__region_commit_needed(&roots->list_memory, most * sizeof(struct gc__root_range)) &&
      !(heap->space.is_fixed && gc__region_commit(&roots->list_memory, (most - more) * sizeof(struct gc__root_range))))
    return false;
  /* For what the write log will tell more room is better, and not needed. */
  size_t written = gc__word_peek(&heap->guards.live_count) + roots->written_count * 2;
  size_t wish = most + (heap->log.is_on ? gc__flag_get(&heap->log.open_count) + written : 0);
  (void)gc__region_commit(&roots->list_memory, wish * sizeof(struct gc__root_range));
  return true;
}

static void append_whole(struct gc__roots *roots, struct gc__range range, enum gc__root_source source) {
  range.start = gc__round_up(range.start, sizeof(void *));
  range.end = gc__round_down(range.end, sizeof(void *));
  if (range.start >= range.end) return;
  roots->is_short |= (roots->count + 1) * sizeof(struct gc__root_range) > roots->list_memory.committed_bytes;
  if (roots->is_short) return;
  ((struct gc__root_range *)(void *)roots->list_memory.start)[roots->count++] = (struct gc__root_range){range, source};
}

/* But for the buffer, which may lie on a stack, in static data or in an added range. */
static void append_root(struct gc__roots *roots, struct gc__range range, enum gc__root_source source) {
  struct gc__range buffer = roots->buffer;
  if (GC__LIKELY(buffer.end <= range.start || buffer.start >= range.end)) {
    append_whole(roots, range, source);
    return;
  }
  append_whole(roots, (struct gc__range){range.start, buffer.start}, source);
  append_whole(roots, (struct gc__range){buffer.end, range.end}, source);
}

void gc__roots_push(struct gc__roots *roots, struct gc__range range) {
  roots->layer_count++;
  append_root(roots, range, GC__ROOT_LAYER);
}

static void gather_layer(struct gc__roots *roots) {
  roots->layer_count = 0;
  roots->main_stack_end = 0;
  roots->skips_static = roots->is_refused = false;
  if (roots->layer) roots->layer(roots, roots->layer_argument);
}

/* No stack that a program made for itself is longer than this. */
#define FIBER_MOST_BYTES ((size_t)1 << 30)

/* The first thread of a program with fibers runs on one of its stacks, and the layer knows where that ends. */
static bool gather_fiber(struct gc__roots *roots, const struct gc__thread *thread) {
  uintptr_t at = gc__round_down(thread->stopped_at, sizeof(void *)), end = roots->main_stack_end;
  if (!end || thread->id != gc__os_process_id() || at >= end || end - at > FIBER_MOST_BYTES) return false;
  append_root(roots, (struct gc__range){at, end}, GC__ROOT_STACK);
  return true;
}

static void gather_thread(struct gc__roots *roots, const struct gc__thread *thread) {
  struct gc__range parts[GC__STACK_PARTS_MOST];
  unsigned count = gather_fiber(roots, thread) ? 0 : gc__world_stack_parts(thread, parts);
  for (unsigned i = 0; i < count; i++) append_root(roots, parts[i], GC__ROOT_STACK);
  const struct gc__tls_module *modules = gc__segments_modules(&roots->segments);
  for (size_t i = 0; i < roots->segments.module_count; i++) {
    struct gc__range local = gc__os_thread_local(thread->thread_pointer, modules[i].id, modules[i].bytes);
    bool is_on_stack = local.start >= thread->stack.start && local.end <= thread->stack.end;
    if (local.start < local.end && !is_on_stack) append_root(roots, local, GC__ROOT_THREAD_LOCAL);
  }
}

static void append_static(struct gc__roots *roots, struct gc__range range) {
  struct gc__range own = roots->own;
  if (own.end <= range.start || own.start >= range.end) {
    append_root(roots, range, GC__ROOT_STATIC);
    return;
  }
  append_root(roots, (struct gc__range){range.start, own.start}, GC__ROOT_STATIC);
  append_root(roots, (struct gc__range){own.end, range.end}, GC__ROOT_STATIC);
}

static void gather_static(struct gc__roots *roots, struct gc__range segment, bool is_minor) {
  struct gc__range pages = whole_pages(segment);
  if (!is_minor || pages.start >= pages.end || !is_watched(roots, pages)) {
    append_static(roots, segment);
    return;
  }
  append_static(roots, (struct gc__range){segment.start, pages.start});
  append_static(roots, (struct gc__range){pages.end, segment.end});
}

/* How many items each watched segment has for sure: two, since one may lie around the library's own state. */
#define SEGMENT_ITEMS 2

static size_t list_room(const struct gc__roots *roots) {
  return roots->list_memory.committed_bytes / sizeof(struct gc__root_range) - roots->count;
}

/* For what gc__roots_gather_written has to note at least; the rest it can stretch. */
static bool has_written_room(const struct gc__roots *roots) {
  return list_room(roots) >= SEGMENT_ITEMS * roots->watched_count + 1;
}

bool gc__roots_gather(struct gc__roots *roots, const struct gc__world *world, bool is_minor) {
  roots->count = 0;
  roots->is_short = false;
  gather_layer(roots);
  for (const struct gc__thread *thread = world->first; thread; thread = thread->next) gather_thread(roots, thread);
  const struct gc__range *segments = gc__segments_ranges(&roots->segments);
  size_t segment_count = roots->skips_static ? 0 : roots->segments.range_count;
  for (size_t i = 0; i < segment_count; i++) gather_static(roots, segments[i], is_minor);
  for (size_t i = 0; i < roots->added_count; i++) append_root(roots, added_ranges(roots)[i], GC__ROOT_ADDED);
  return !roots->is_short && !roots->is_refused && has_written_room(roots);
}

/* ---- Old objects that were written ---- */

/* Where the list has no room for another range, the last one is stretched over this one: what lies between was not
 * written, and looking at it is only work. */
static void append_written(void *argument, struct gc__range range) {
  struct gc__roots *roots = argument;
  struct gc__root_range *list = (void *)roots->list_memory.start, *last = &list[roots->count - 1];
  bool is_first = roots->written_count++ == 0;
  bool has_room = (roots->count + 1) * sizeof *last <= roots->list_memory.committed_bytes;
  if (is_first || (has_room && last->range.end != range.start)) {
    append_whole(roots, range, GC__ROOT_WRITTEN);
    return;
  }
  if (range.start < last->range.start) last->range.start = range.start;
  if (range.end > last->range.end) last->range.end = range.end;
}

/* An open block has an item of its own, since most have few old cells; without room for it, it counts as written. */
static void append_open(struct gc__roots *roots, const struct gc__space *space, uint32_t block) {
  uintptr_t start = space->base + gc__block_offset(space, block);
  struct gc__range range = {start, start + gc__block_bytes(space)};
  const struct gc__block *facts = &space->blocks[block];
  if (facts->state == GC__BLOCK_NONE || facts->kind == GC__KIND_LEAF || !facts->may_have_old) return;
  bool has_room = (roots->count + 2) * sizeof(struct gc__root_range) <= roots->list_memory.committed_bytes;
  if (has_room) append_whole(roots, range, GC__ROOT_OPEN);
  else append_written(roots, range);
}

/* A run of written pages of a watched segment; without room for it, the segment's last one is stretched over it. */
static void append_written_static(void *argument, struct gc__range range) {
  struct gc__roots *roots = argument;
  struct gc__root_range *list = (void *)roots->list_memory.start;
  bool is_first = roots->count == roots->segment_from;
  if (is_first || list_room(roots) > SEGMENT_ITEMS * (roots->watched_count + 1)) append_static(roots, range);
  else list[roots->count - 1].range.end = range.end;
}

static void gather_written_static(struct gc__roots *roots, struct gc__watch *watch) {
  size_t count = roots->skips_static ? 0 : roots->watched_count;
  for (size_t i = 0; i < count; i++) {
    roots->segment_from = roots->count;
    gc__watch_take(watch, watched_segments(roots)[i], append_written_static, roots);
  }
}

/* The log forgets what it tells of: gc__roots_gather has left room for the least of answers. */
void gc__roots_gather_written(struct gc__roots *roots, struct gc__heap *heap) {
  GC__CHECK(has_written_room(roots));
  roots->written_count = 0;
  gather_written_static(roots, &heap->log.watch);
  for (uint32_t i = 0; i < heap->log.open_count; i++) append_open(roots, &heap->space, heap->space.open_blocks[i]);
  gc__guards_each_old(heap, append_written, roots);
  gc__log_take(heap, append_written, roots);
}
