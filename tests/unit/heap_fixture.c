/* tests/unit/heap_fixture.c - see heap_fixture.h. */
#include "heap_fixture.h"

#include <errno.h>
#include <sys/mman.h>

enum { MAP_FREE, MAP_FIRST, MAP_REST };

void heap_fixture_open(struct heap_fixture *fixture, unsigned local_count) {
  *fixture = (struct heap_fixture){.budget = {.limit_bytes = FIXTURE_LIMIT_BYTES}, .local_count = local_count};
  ck_assert(gc__heap_open(&fixture->heap, &fixture->budget, FIXTURE_RESERVE_BYTES, 0));
  fixture->heap.allowance_bytes = FIXTURE_LIMIT_BYTES; /* nothing is given back to the system unless a test wants it */
  fixture->map_bytes = fixture->heap.space.reserved_bytes / GC__GRANULE_BYTES;
  fixture->map = mmap(NULL, fixture->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert((void *)fixture->map != MAP_FAILED);
  size_t bytes = gc__round_up(sizeof(struct gc__local) + sizeof(struct gc__local_tail), _Alignof(struct gc__local));
  for (unsigned i = 0; i < local_count; i++) {
    fixture->locals[i] = aligned_alloc(_Alignof(struct gc__local), bytes);
    ck_assert_ptr_nonnull(fixture->locals[i]);
    memset(fixture->locals[i], 0, bytes);
    gc__local_open(&fixture->heap.space, fixture->locals[i], fixture->locals[i] + 1);
  }
}

void heap_fixture_close(struct heap_fixture *fixture) {
  for (unsigned i = 0; i < fixture->local_count; i++) {
    gc__local_close(&fixture->heap, fixture->locals[i]);
    free(fixture->locals[i]);
  }
  gc__pages_verify(&fixture->heap.pages);
  gc__heap_close(&fixture->heap);
  munmap((void *)fixture->map, fixture->map_bytes);
  ck_assert_uint_eq(fixture->budget.used_bytes, 0);
}

/* ---- Allocation ---- */

/* Atomic, so that of two threads that are given the same memory one notices. */
static void note_taken(struct heap_fixture *fixture, const void *object, size_t bytes) {
  size_t granule = fixture_granule(fixture, object);
  for (size_t i = 0; i < bytes / GC__GRANULE_BYTES; i++)
    require(gc__byte_swap_if(&fixture->map[granule + i], MAP_FREE, i ? MAP_REST : MAP_FIRST));
}

static void note_free(struct heap_fixture *fixture, size_t granule) {
  require(gc__byte_peek(&fixture->map[granule]) == MAP_FIRST);
  do gc__byte_poke(&fixture->map[granule++], MAP_FREE);
  while (granule < fixture->map_bytes && gc__byte_peek(&fixture->map[granule]) == MAP_REST);
}

/* As in allocate.c: the least class whose cells all lie at multiples of the alignment. */
static unsigned find_class(size_t bytes, size_t alignment) {
  if (bytes > GC__SMALL_MAX_BYTES) return GC__CLASS_COUNT;
  unsigned size_class = gc__class_of(bytes);
  while (size_class < GC__CLASS_COUNT && gc__size_classes[size_class].cell_bytes % alignment) size_class++;
  return size_class;
}

static void *take_cell(struct heap_fixture *fixture, unsigned local, enum gc__kind kind, unsigned size_class) {
  struct gc__cursor *cursor = gc__local_cursor(fixture->locals[local], kind, size_class);
  void *cell;
  while (!(cell = gc__cursor_bump(cursor)))
    if (!gc__local_refill(&fixture->heap, fixture->locals[local], kind, size_class)) return NULL;
  require(unit_all_zero(cell, cursor->cell_bytes));
  note_taken(fixture, cell, cursor->cell_bytes);
  return cell;
}

static void *take_large(struct heap_fixture *fixture, enum gc__kind kind, size_t bytes, size_t alignment) {
  bool is_clean;
  size_t run_bytes = gc__round_up(bytes ? bytes : 1, GC__PAGE_BYTES);
  char *object = gc__large_take(&fixture->heap, bytes, alignment, kind, 0, &is_clean);
  if (!object) return NULL;
  if (is_clean) require(unit_all_zero(object, run_bytes));
  else memset(object, 0, run_bytes);
  note_taken(fixture, object, run_bytes);
  return object;
}

void *heap_fixture_take_aligned(struct heap_fixture *fixture, unsigned local, enum gc__kind kind, size_t bytes,
                                size_t alignment) {
  unsigned size_class = find_class(bytes, alignment);
  void *object = size_class < GC__CLASS_COUNT ? take_cell(fixture, local, kind, size_class)
                                              : take_large(fixture, kind, bytes, alignment);
  require((uintptr_t)object % alignment == 0);
  return object;
}

void *heap_fixture_take(struct heap_fixture *fixture, unsigned local, enum gc__kind kind, size_t bytes) {
  return heap_fixture_take_aligned(fixture, local, kind, bytes, GC__GRANULE_BYTES);
}

/* The map first: once the heap knows, another thread may be given the memory. */
void heap_fixture_free(struct heap_fixture *fixture, unsigned local, void *object) {
  note_free(fixture, fixture_granule(fixture, object));
  require(gc__object_free(&fixture->heap, fixture->locals[local], object));
}

/* ---- Traces ---- */

uint8_t heap_fixture_stop(struct heap_fixture *fixture) {
  gc__sweep_finish(&fixture->heap);
  for (unsigned i = 0; i < fixture->local_count; i++) gc__local_before_stop(&fixture->heap, fixture->locals[i]);
  return gc__heap_next_epoch(&fixture->heap);
}

void heap_fixture_mark(struct heap_fixture *fixture, uint8_t epoch, const void *object) {
  size_t granule = fixture_granule(fixture, object);
  require(fixture->map[granule] == MAP_FIRST);
  require(gc__heap_is_given(&fixture->heap, granule) || fixture->heap.space.live[granule] == epoch);
  fixture->heap.space.live[granule] = epoch;
}

static void drop_dead(struct heap_fixture *fixture, uint8_t epoch) {
  for (size_t granule = 0; granule < fixture->heap.space.span_bytes / GC__GRANULE_BYTES; granule++)
    if (fixture->map[granule] == MAP_FIRST && fixture->heap.space.live[granule] != epoch) note_free(fixture, granule);
}

void heap_fixture_restart(struct heap_fixture *fixture, uint8_t epoch) {
  gc__heap_end_trace(&fixture->heap, epoch);
  for (unsigned i = 0; i < fixture->local_count; i++) gc__local_after_stop(&fixture->heap, fixture->locals[i]);
  gc__sweep_large(&fixture->heap, true);
  drop_dead(fixture, epoch);
}

void heap_fixture_trace(struct heap_fixture *fixture, void *const *survivors, size_t count) {
  uint8_t epoch = heap_fixture_stop(fixture);
  for (size_t i = 0; i < count; i++) heap_fixture_mark(fixture, epoch, survivors[i]);
  heap_fixture_restart(fixture, epoch);
}

uint8_t heap_fixture_stop_minor(struct heap_fixture *fixture) {
  for (unsigned i = 0; i < fixture->local_count; i++) gc__local_before_stop(&fixture->heap, fixture->locals[i]);
  return fixture->heap.epoch;
}

void heap_fixture_restart_minor(struct heap_fixture *fixture) {
  gc__heap_end_minor(&fixture->heap);
  for (unsigned i = 0; i < fixture->local_count; i++) gc__local_after_stop(&fixture->heap, fixture->locals[i]);
  gc__sweep_large(&fixture->heap, false);
  drop_dead(fixture, fixture->heap.epoch);
}

void heap_fixture_trace_minor(struct heap_fixture *fixture, void *const *survivors, size_t count) {
  uint8_t epoch = heap_fixture_stop_minor(fixture);
  for (size_t i = 0; i < count; i++) heap_fixture_mark(fixture, epoch, survivors[i]);
  heap_fixture_restart_minor(fixture);
}

/* ---- The write log ---- */

bool heap_fixture_open_log(struct heap_fixture *fixture, bool has_cards, enum gc__watch_kind kind) {
  const char *missing = NULL;
  int error = gc__log_open(&fixture->heap, has_cards, kind, &missing);
  if (!error) return true;
  ck_assert_int_eq(error, ENOTSUP);
  ck_assert_ptr_nonnull(missing);
  heap_fixture_close(fixture);
  return false;
}

void heap_fixture_note_write(struct heap_fixture *fixture, const void *word) {
  const struct gc__space *space = &fixture->heap.space;
  size_t offset = gc__space_offset(space, word);
  if (!space->has_cards) return;
  space->cards[offset / GC__CARD_BYTES] = 1;
  space->card_blocks[offset / GC__BLOCK_BYTES] = 1;
}

/* ---- Sweeping ---- */

void heap_fixture_sweep(struct heap_fixture *fixture) {
  gc__sweep_finish(&fixture->heap);
}

/* ---- Questions ---- */

/* Answers for each address alike, so that one inside each granule is enough. */
void heap_fixture_verify(struct heap_fixture *fixture) {
  const struct gc__space *space = &fixture->heap.space;
  size_t first = 0;
  for (size_t granule = 0; granule < space->span_bytes / GC__GRANULE_BYTES; granule++) {
    struct gc__place place = gc__object_find(&fixture->heap, gc__space_address(space, granule) + granule % 16);
    uint8_t mapped = fixture->map[granule];
    if (mapped == MAP_FIRST) first = granule;
    require(gc__place_is_none(place) == (mapped == MAP_FREE));
    if (mapped == MAP_FREE) continue;
    require(place.granule == first);
    require(granule - first < place.bytes / GC__GRANULE_BYTES);
  }
  gc__lock_take(&fixture->heap.lock);
  gc__pages_verify(&fixture->heap.pages);
  gc__lock_give(&fixture->heap.lock);
}

bool heap_fixture_is_taken(const struct heap_fixture *fixture, const void *object) {
  return fixture->map[fixture_granule(fixture, object)] == MAP_FIRST;
}

bool heap_fixture_resolves(const struct heap_fixture *fixture, const void *address) {
  return !gc__place_is_none(gc__object_find(&fixture->heap, address));
}

uint32_t heap_fixture_block_of(const struct heap_fixture *fixture, const void *address) {
  return (uint32_t)(gc__space_offset(&fixture->heap.space, address) / GC__BLOCK_BYTES);
}
