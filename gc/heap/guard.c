/* heap/guard.c - see guard.h. */
#include "heap/guard.h"
#include "base/check.h"
#include "heap/large.h"
#include "heap/object.h"
#include "heap/swap.h"
#include "os/fault.h"
#include "os/report.h"

#include <errno.h>
#include <string.h>

#define GUARDS_MOST 65535u /* a run has two bytes for the number */

/* Its top bit is set, so that no eight bytes of it are an address of a program. */
#define PATTERN 0xb7

#define MAPPINGS_SHARE  4
#define LIVE_MAPPINGS   3
#define CLOSED_MAPPINGS 2

/* Kept pages have no memory, but the tables beside them do: about a twelfth of what they span. */
#define KEPT_BYTES_MOST ((size_t)256 << 20)
#define KEPT_SHARE      4 /* of the limit of memory */

static struct gc__guard *guard_numbered(const struct gc__guards *guards, size_t number) {
  return (struct gc__guard *)(void *)guards->memory.start + number;
}

static size_t number_of(const struct gc__guards *guards, const struct gc__guard *guard) {
  return (size_t)(guard - guard_numbered(guards, 0));
}

static char *page_address(const struct gc__heap *heap, size_t page) {
  return (char *)heap->space.base + page * GC__PAGE_BYTES;
}

static char *object_of(const struct gc__heap *heap, const struct gc__guard *guard) {
  return page_address(heap, guard->first) + guard->lead_bytes;
}

static size_t run_bytes(const struct gc__guard *guard) {
  return guard->page_count * GC__PAGE_BYTES;
}

static uint32_t all_pages(const struct gc__guard *guard) {
  return guard->page_count + guard->end_pages;
}

/* The run's pages, and all of them. */
static struct gc__range run_range(const struct gc__heap *heap, const struct gc__guard *guard) {
  uintptr_t start = (uintptr_t)page_address(heap, guard->first);
  return (struct gc__range){start, start + run_bytes(guard)};
}
static struct gc__range whole_range(const struct gc__heap *heap, const struct gc__guard *guard) {
  uintptr_t start = (uintptr_t)page_address(heap, guard->first);
  return (struct gc__range){start, start + all_pages(guard) * GC__PAGE_BYTES};
}

bool gc__guards_meet(const struct gc__heap *heap, size_t first_page, size_t page_count) {
  const struct gc__guards *guards = &heap->guards;
  for (size_t number = 0, count = gc__word_peek(&guards->count); number < count; number++) {
    const struct gc__guard *guard = guard_numbered(guards, number);
    if (guard->state == GC__GUARD_UNUSED) continue;
    if (guard->first < first_page + page_count && first_page < guard->first + all_pages(guard)) return true;
  }
  return false;
}

/* What the system protects at once. */
static size_t unit_bytes(void) {
  size_t page_bytes = gc__os_page_bytes();
  return page_bytes > GC__PAGE_BYTES ? page_bytes : GC__PAGE_BYTES;
}

/* ---- Telling of a fault ---- */

static void tell_place(struct gc__line *line, uintptr_t address, uintptr_t object, size_t bytes) {
  size_t past = address - (object + bytes);
  if (address < object) gc__line_add_number(line, object - address);
  else gc__line_add_number(line, address < object + bytes ? address - object : past);
  gc__line_add(line, address < object           ? " bytes before the "
                     : address < object + bytes ? " bytes into the "
                                                : " bytes past the end of the ");
}

static void tell_guard(const struct gc__heap *heap, const struct gc__guard *guard, uintptr_t address) {
  struct gc__line line;
  uintptr_t object = (uintptr_t)object_of(heap, guard);
  bool is_live = guard->state == GC__GUARD_LIVE, is_in_run = address < run_range(heap, guard).end;
  gc__line_begin(&line);
  gc__line_add(&line, "fault at ");
  gc__line_add_address(&line, address);
  gc__line_add(&line, ": ");
  tell_place(&line, address, object, guard->bytes);
  gc__line_add(&line, is_live ? "guarded object " : "object ");
  gc__line_add_address(&line, object);
  gc__line_add(&line, " of ");
  gc__line_add_number(&line, guard->bytes);
  gc__line_add(&line, " bytes");
  if (!is_live) gc__line_add(&line, ", which was freed");
  else if (is_in_run && guard->access == GC__ACCESS_READ) gc__line_add(&line, ", which is read-only");
  else if (is_in_run && guard->access == GC__ACCESS_NONE) gc__line_add(&line, ", which may not be accessed");
  gc__line_write(&line);
}

/* In a handler, without the lock: records do not move, and one that changes just now makes a wrong line at worst. */
static bool tell_fault(void *argument, uintptr_t address) {
  const struct gc__heap *heap = argument;
  const struct gc__guards *guards = &heap->guards;
  if (!gc__space_contains(&heap->space, (const void *)address)) return false;
  for (size_t number = 0, count = gc__word_get(&guards->count); number < count; number++) {
    const struct gc__guard *guard = guard_numbered(guards, number);
    struct gc__range range = whole_range(heap, guard);
    if (guard->state == GC__GUARD_UNUSED || address < range.start || address >= range.end) continue;
    tell_guard(heap, guard, address);
    return true;
  }
  return false;
}

/* ---- Records ---- */

void gc__guards_open(struct gc__guards *guards) {
  *guards = (struct gc__guards){.unused = GC__NONE, .oldest = GC__NONE, .newest = GC__NONE, .random = 1};
}

void gc__guards_close(struct gc__heap *heap) {
  gc__fault_tell_no_more(heap);
  gc__region_close(&heap->guards.memory);
}

/* With the first record: the handler of faults is installed for those who need it. */
static bool prepare(struct gc__heap *heap) {
  struct gc__guards *guards = &heap->guards;
  if (guards->mappings_most) return true;
  size_t limit = gc__word_peek(&heap->budget->limit_bytes) / KEPT_SHARE;
  if (!guards->memory.start &&
      !gc__region_open_most(&guards->memory, heap->budget, GUARDS_MOST * sizeof(struct gc__guard)))
    return false;
  (void)gc__fault_tell_with(tell_fault, heap); /* a program may do without the line */
  guards->kept_pages_most = (limit < KEPT_BYTES_MOST ? limit : KEPT_BYTES_MOST) / GC__PAGE_BYTES;
  guards->mappings_most = gc__os_mappings_most() / MAPPINGS_SHARE;
  return true;
}

/* A record, and the mappings for it; NULL: too many, or no memory. Nobody sees it before its state is set. */
static struct gc__guard *new_guard(struct gc__heap *heap, size_t mappings) {
  struct gc__guards *guards = &heap->guards;
  if (!prepare(heap)) return NULL;
  if (guards->mappings + mappings > guards->mappings_most) (void)gc__guards_release_kept(heap);
  if (guards->mappings + mappings > guards->mappings_most) return NULL;
  struct gc__guard *guard;
  if (guards->unused != GC__NONE) {
    guard = guard_numbered(guards, guards->unused);
    guards->unused = guard->next;
  } else {
    size_t count = guards->count;
    bool has_room = count < GUARDS_MOST && gc__region_commit(&guards->memory, (count + 1) * sizeof *guard);
    if (!has_room) return NULL;
    guard = guard_numbered(guards, count);
    guard->state = GC__GUARD_UNUSED;
    gc__word_set(&guards->count, count + 1);
  }
  guards->mappings += mappings;
  return guard;
}

static void drop_guard(struct gc__heap *heap, struct gc__guard *guard, size_t mappings) {
  struct gc__guards *guards = &heap->guards;
  guard->state = GC__GUARD_UNUSED;
  guard->next = guards->unused;
  guards->unused = (uint32_t)number_of(guards, guard);
  guards->mappings -= mappings;
}

/* Of a run that is guarded or closed. */
static struct gc__guard *guard_of(const struct gc__heap *heap, uint32_t first) {
  const struct gc__run *run = &heap->space.runs[first];
  if (run->is_guarded) return guard_numbered(&heap->guards, run->guard);
  for (size_t number = 0; number < heap->guards.count; number++) {
    struct gc__guard *guard = guard_numbered(&heap->guards, number);
    if (guard->state == GC__GUARD_FREED && guard->first == first) return guard;
  }
  return NULL;
}

struct gc__guard *gc__guard_at(struct gc__heap *heap, const void *object) {
  size_t granule = gc__object_start(heap, object);
  if (granule == SIZE_MAX || !gc__space_is_guarded(&heap->space, granule)) return NULL;
  struct gc__guard *guard = guard_of(heap, (uint32_t)(granule / GC__PAGE_GRANULES));
  return guard->state == GC__GUARD_LIVE ? guard : NULL;
}

bool gc__guard_was_freed(const struct gc__heap *heap, const void *object) {
  for (size_t number = 0; number < heap->guards.count; number++) {
    const struct gc__guard *guard = guard_numbered(&heap->guards, number);
    bool is_closed = guard->state == GC__GUARD_FREED || guard->state == GC__GUARD_KEPT;
    if (is_closed && object_of(heap, guard) == object) return true;
  }
  return false;
}

/* ---- Patterns ---- */

static char *slack_of(const struct gc__heap *heap, const struct gc__guard *guard) {
  return object_of(heap, guard) + guard->bytes;
}

static void write_pattern(const struct gc__heap *heap, const struct gc__guard *guard) {
  char *start = page_address(heap, guard->first), *slack = slack_of(heap, guard);
  memset(start, PATTERN, guard->lead_bytes);
  memset(slack, PATTERN, (size_t)(start + run_bytes(guard) - slack));
}

/* The first byte that is not as it was. */
static const char *find_damage(const char *at, const char *end) {
  while (at < end && (unsigned char)*at == PATTERN) at++;
  return at < end ? at : NULL;
}

/* The pages are readable. The byte nearest to the object is named, in front of it. */
static void check_pattern(const struct gc__heap *heap, const struct gc__guard *guard, const char *function) {
  const char *start = page_address(heap, guard->first), *object = object_of(heap, guard);
  const char *slack = slack_of(heap, guard), *damage = find_damage(slack, start + run_bytes(guard));
  if (damage)
    gc__misuse("%s: %p: the guarded object of %zu bytes was written %zu bytes past its end", function,
               (const void *)object, guard->bytes, (size_t)(damage - slack));
  if (!find_damage(start, object)) return;
  for (damage = object - 1; (unsigned char)*damage == PATTERN;) damage--;
  gc__misuse("%s: %p: the guarded object of %zu bytes was written %zu bytes before its start", function,
             (const void *)object, guard->bytes, (size_t)(object - damage));
}

static bool protect_run(const struct gc__heap *heap, const struct gc__guard *guard, enum gc__access access) {
  return gc__os_protect(page_address(heap, guard->first), run_bytes(guard), access);
}

/* What cannot be opened cannot be checked. */
void gc__guard_check(struct gc__heap *heap, struct gc__guard *guard, const char *function) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  bool is_closed = guard->access == GC__ACCESS_NONE;
  if (is_closed && !protect_run(heap, guard, GC__ACCESS_READ)) return;
  check_pattern(heap, guard, function);
  if (is_closed) (void)protect_run(heap, guard, GC__ACCESS_NONE);
}

void gc__guards_check(struct gc__heap *heap) {
  for (size_t number = 0; number < heap->guards.count; number++) {
    const struct gc__guard *guard = guard_numbered(&heap->guards, number);
    if (guard->state == GC__GUARD_LIVE) check_pattern(heap, guard, "full collection");
  }
}

/* ---- Guarded objects ---- */

static bool close_end(struct gc__heap *heap, const struct gc__guard *guard) {
  char *end = page_address(heap, guard->first + guard->page_count);
  return gc__os_close(end, guard->end_pages * GC__PAGE_BYTES);
}

/* Lent pages that are not accessible become free ones. False: the system refuses; they are as they were. */
static bool free_pages_of(struct gc__heap *heap, const struct gc__guard *guard) {
  struct gc__range range = whole_range(heap, guard);
  if (!gc__os_reopen((void *)range.start, range.end - range.start)) return false;
  gc__watch_return(&heap->log.watch, range);
  if (gc__heap_has_counts(heap)) gc__shadow_discard(&heap->counts.shadow, guard->first, all_pages(guard));
  gc__pages_give(&heap->pages, guard->first, all_pages(guard));
  return true;
}

/* Pages for an object whose record says how many; false: none, or they cannot be protected. */
static bool take_guarded_pages(struct gc__heap *heap, struct gc__guard *guard, bool *is_clean) {
  uint32_t alignment_pages = (uint32_t)(unit_bytes() / GC__PAGE_BYTES);
  struct gc__page_grant grant = gc__large_find_pages(heap, all_pages(guard), alignment_pages);
  if (grant.first == GC__NONE) return false;
  guard->first = grant.first;
  *is_clean = grant.dirty_pages == 0;
  gc__watch_lend(&heap->log.watch, whole_range(heap, guard));
  if (close_end(heap, guard) || (gc__guards_release_kept(heap) && close_end(heap, guard))) return true;
  gc__watch_return(&heap->log.watch, whole_range(heap, guard));
  gc__pages_give(&heap->pages, guard->first, all_pages(guard));
  return false;
}

static void adopt_guarded(struct gc__heap *heap, struct gc__guard *guard) {
  size_t number = number_of(&heap->guards, guard);
  struct gc__run run = {.page_count = guard->page_count, .kind = GC__KIND_SCANNED, .guard = (uint16_t)number};
  run.is_guarded = true;
  write_pattern(heap, guard);
  guard->access = GC__ACCESS_WRITE;
  guard->state = GC__GUARD_LIVE;
  gc__word_poke(&heap->guards.live_count, heap->guards.live_count + 1);
  gc__large_adopt(heap, guard->first, run);
}

char *gc__guard_take(struct gc__heap *heap, size_t bytes, bool *is_clean) {
  size_t unit = unit_bytes();
  if (bytes > heap->space.reserved_bytes) return NULL;
  size_t rounded = gc__round_up(bytes, GC__GRANULE_BYTES), whole = gc__round_up(rounded, unit);
  gc__lock_take(&heap->lock);
  struct gc__guard *guard = new_guard(heap, LIVE_MAPPINGS);
  if (guard) {
    guard->page_count = (uint32_t)(whole / GC__PAGE_BYTES);
    guard->end_pages = (uint32_t)(unit / GC__PAGE_BYTES);
    guard->bytes = bytes;
    guard->lead_bytes = whole - rounded;
    bool done = take_guarded_pages(heap, guard, is_clean);
    if (done) adopt_guarded(heap, guard);
    else drop_guard(heap, guard, LIVE_MAPPINGS);
    if (!done) guard = NULL;
  }
  char *object = guard ? object_of(heap, guard) : NULL;
  gc__lock_give(&heap->lock);
  if (!object) return NULL;
  gc__word_add(&heap->handed_since_bytes, whole);
  gc__word_add(&heap->large_bytes, whole);
  gc__word_add(&heap->large_objects, 1);
  return object;
}

/* A refusal may have changed some of the pages. */
int gc__guard_protect(struct gc__heap *heap, struct gc__guard *guard, enum gc__access access) {
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (!protect_run(heap, guard, access)) {
    (void)protect_run(heap, guard, (enum gc__access)guard->access);
    return ENOMEM;
  }
  guard->access = (uint8_t)access;
  return 0;
}

/* ---- Freed objects ---- */

/* xorshift32: Marsaglia, "Xorshift RNGs", 2003. */
static bool is_its_turn(struct gc__guards *guards) {
  if (GC__LIKELY(!guards->freed_percent) || gc__os_page_bytes() > GC__PAGE_BYTES) return false;
  guards->random ^= guards->random << 13;
  guards->random ^= guards->random >> 17;
  guards->random ^= guards->random << 5;
  return guards->random % 100 < guards->freed_percent;
}

static struct gc__guard *new_closed(struct gc__heap *heap, uint32_t first) {
  struct gc__guard *guard = new_guard(heap, CLOSED_MAPPINGS);
  if (!guard) return NULL;
  guard->first = first;
  guard->page_count = heap->space.runs[first].page_count;
  guard->end_pages = 0;
  guard->bytes = run_bytes(guard);
  guard->lead_bytes = 0;
  gc__watch_lend(&heap->log.watch, run_range(heap, guard));
  return guard;
}

/* Whether pages of the run are those of a unit that is mapped from the swap file (heap/swap.h): what is free there goes
 * by other rules, so that they are not dropped here. */
static bool is_partly_mapped(const struct gc__heap *heap, uint32_t first, uint32_t count) {
  for (size_t page = first; page < (size_t)first + count; page += GC__CHUNK_PAGES)
    if (gc__swap_is_mapped(heap->space.swap, page)) return true;
  return gc__swap_is_mapped(heap->space.swap, (size_t)first + count - 1);
}

/* A run that cannot be closed, or is too long to be kept, ends as others do. */
void gc__guard_close_freed(struct gc__heap *heap, uint32_t first) {
  struct gc__run *run = &heap->space.runs[first];
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (!run->is_guarded && !(is_its_turn(&heap->guards) && prepare(heap))) return;
  if (run->page_count >= heap->guards.kept_pages_most) return;
  if (is_partly_mapped(heap, first, run->is_guarded ? all_pages(guard_of(heap, first)) : run->page_count)) return;
  struct gc__guard *guard = run->is_guarded ? guard_of(heap, first) : new_closed(heap, first);
  if (!guard) return;
  if (!gc__os_close(page_address(heap, first), run_bytes(guard))) {
    if (run->is_guarded) return;
    gc__watch_return(&heap->log.watch, run_range(heap, guard));
    drop_guard(heap, guard, CLOSED_MAPPINGS);
    return;
  }
  gc__pages_drop(&heap->pages, first, all_pages(guard));
  if (run->is_guarded) {
    gc__word_poke(&heap->guards.live_count, heap->guards.live_count - 1);
    heap->guards.mappings -= LIVE_MAPPINGS - CLOSED_MAPPINGS;
  }
  guard->access = GC__ACCESS_NONE;
  guard->state = GC__GUARD_FREED;
  run->is_closed = true;
}

void gc__guard_check_freed(struct gc__heap *heap, uint32_t first) {
  const struct gc__run *run = &heap->space.runs[first];
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (run->state == GC__RUN_LARGE && run->is_guarded && !run->is_closed)
    gc__guard_check(heap, guard_of(heap, first), "gc_free");
}

/* ---- What is kept ---- */

static void keep(struct gc__heap *heap, struct gc__guard *guard) {
  struct gc__guards *guards = &heap->guards;
  uint32_t number = (uint32_t)number_of(guards, guard);
  guard->state = GC__GUARD_KEPT;
  guard->next = GC__NONE;
  if (guards->newest != GC__NONE) guard_numbered(guards, guards->newest)->next = number;
  else guards->oldest = number;
  guards->newest = number;
  guards->kept_count++;
  guards->kept_pages += all_pages(guard);
}

/* The oldest; what the system refuses to open is kept for longer. False: there is none, or it refused. */
static bool release_oldest(struct gc__heap *heap) {
  struct gc__guards *guards = &heap->guards;
  if (guards->oldest == GC__NONE) return false;
  struct gc__guard *guard = guard_numbered(guards, guards->oldest);
  uint32_t next = guard->next;
  if (!free_pages_of(heap, guard)) return false;
  guards->kept_count--;
  guards->kept_pages -= all_pages(guard);
  guards->oldest = next;
  if (next == GC__NONE) guards->newest = GC__NONE;
  drop_guard(heap, guard, CLOSED_MAPPINGS);
  return true;
}

void gc__guard_end(struct gc__heap *heap, uint32_t first) {
  struct gc__guards *guards = &heap->guards;
  struct gc__guard *guard = guard_of(heap, first);
  GC__CHECK(gc__lock_is_held(&heap->lock));
  if (guard->state == GC__GUARD_LIVE) {
    gc__word_poke(&guards->live_count, guards->live_count - 1);
    if (free_pages_of(heap, guard)) {
      drop_guard(heap, guard, LIVE_MAPPINGS);
      return;
    }
    guards->mappings -= LIVE_MAPPINGS - CLOSED_MAPPINGS;
  }
  keep(heap, guard);
  while (guards->kept_count > GC__KEPT_MOST || guards->kept_pages > guards->kept_pages_most)
    if (!release_oldest(heap)) break;
}

bool gc__guards_release_kept(struct gc__heap *heap) {
  bool any = false;
  while (release_oldest(heap)) any = true;
  return any;
}

/* ---- Stops ---- */

/* Gives all objects that are closed to the program this access instead; the number of the first that refused. */
static size_t set_closed(struct gc__heap *heap, size_t end, enum gc__access access) {
  for (size_t number = 0; number < end; number++) {
    const struct gc__guard *guard = guard_numbered(&heap->guards, number);
    if (guard->state != GC__GUARD_LIVE || guard->access != GC__ACCESS_NONE) continue;
    if (!protect_run(heap, guard, access) && access != GC__ACCESS_NONE) return number;
  }
  return end;
}

bool gc__guards_begin_stop(struct gc__heap *heap) {
  size_t count = heap->guards.live_count ? heap->guards.count : 0, done = set_closed(heap, count, GC__ACCESS_READ);
  if (done == count) return true;
  set_closed(heap, done, GC__ACCESS_NONE);
  return false;
}

/* What the system refuses to close here is closed by the next stop. */
void gc__guards_end_stop(struct gc__heap *heap) {
  if (heap->guards.live_count) set_closed(heap, heap->guards.count, GC__ACCESS_NONE);
}

void gc__guards_each_old(struct gc__heap *heap, void (*fn)(void *, struct gc__range), void *argument) {
  for (size_t number = 0; heap->guards.live_count && number < heap->guards.count; number++) {
    const struct gc__guard *guard = guard_numbered(&heap->guards, number);
    if (guard->state != GC__GUARD_LIVE) continue;
    if (gc__heap_is_old_object(heap, (size_t)guard->first * GC__PAGE_GRANULES)) fn(argument, run_range(heap, guard));
  }
}

/* ---- Checking ---- */

static void verify_guard(const struct gc__heap *heap, size_t number) {
  const struct gc__guard *guard = guard_numbered(&heap->guards, number);
  const struct gc__run *run = &heap->space.runs[guard->first];
  bool has_run = guard->state != GC__GUARD_KEPT;
  uint32_t head = has_run ? guard->first + 1 : 0;
  for (uint32_t page = guard->first; page < guard->first + guard->page_count; page++)
    gc__verify(heap->space.run_heads[page] == head, "guard.end");
  for (uint32_t page = guard->first + guard->page_count; page < guard->first + all_pages(guard); page++)
    gc__verify(heap->space.run_heads[page] == 0, "guard.end");
  if (!has_run) return;
  gc__verify(run->state == GC__RUN_LARGE && run->page_count == guard->page_count, "guard.end");
  gc__verify(!run->is_guarded || run->guard == number, "guard.end");
  gc__verify(run->is_closed == (guard->state == GC__GUARD_FREED), "guard.end");
}

void gc__guards_verify(struct gc__heap *heap) {
  const struct gc__guards *guards = &heap->guards;
  size_t mappings = 0, live = 0, kept = 0, kept_pages = 0;
  for (size_t number = 0; number < guards->count; number++) {
    const struct gc__guard *guard = guard_numbered(guards, number);
    if (guard->state == GC__GUARD_UNUSED) continue;
    verify_guard(heap, number);
    live += guard->state == GC__GUARD_LIVE;
    kept += guard->state == GC__GUARD_KEPT;
    kept_pages += guard->state == GC__GUARD_KEPT ? all_pages(guard) : 0;
    mappings += guard->state == GC__GUARD_LIVE ? LIVE_MAPPINGS : CLOSED_MAPPINGS;
  }
  gc__verify(mappings == guards->mappings && live == guards->live_count, "guard.mappings");
  gc__verify(kept == guards->kept_count && kept_pages == guards->kept_pages, "guard.kept");
}
