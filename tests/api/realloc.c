/* tests/api/realloc.c - resizing in every direction: contents stay, new bytes are zero, an object keeps its kind and
 * alignment, and a failure keeps the old object.
 */
#include "support.h"

static size_t opaque(size_t bytes) {
  volatile size_t value = bytes;
  return value;
}

START_TEST(null_allocates) {
  char *object = gc_realloc(NULL, opaque(100));
  ck_assert_ptr_nonnull(object);
  ck_assert(all_zero(object, 100));
  ck_assert_ptr_nonnull(gc_realloc(NULL, opaque(0)));
  ck_assert_ptr_nonnull(gc_realloc_array(NULL, opaque(10), 10));
}
END_TEST

START_TEST(zero_gives_a_minimal_object) {
  for (size_t bytes = 1; bytes < 100000; bytes = bytes * 3 + 1) {
    char *object = gc_alloc(bytes);
    pattern_fill(object, bytes, 1);
    object = gc_realloc(object, opaque(0));
    ck_assert_ptr_nonnull(object);
    ck_assert_uint_gt(gc_size(object), 0);
    object = gc_realloc(object, opaque(bytes)); /* nothing of the old contents comes back */
    ck_assert(all_zero(object, bytes));
  }
}
END_TEST

/* ---- Random sizes ---- */

enum { SIZED_COUNT = 64 };

struct sized {
  char *object;
  size_t bytes;
};

static size_t any_bytes(uint64_t *state) {
  static const size_t most[] = {40, 600, 9000, 40000, 300000};
  return random_next(state) % most[random_next(state) % 5];
}

/* Fills with a pattern, resizes, checks what must have stayed and what must be zero. */
static NOT_INLINED void resize(struct sized *sized, size_t bytes, uint64_t seed) {
  pattern_fill(sized->object, sized->bytes, seed);
  char *resized = gc_realloc(sized->object, bytes);
  require(resized != NULL);
  size_t kept = bytes < sized->bytes ? bytes : sized->bytes;
  require(pattern_matches(resized, kept, seed));
  require(all_zero(resized + kept, bytes - kept));
  require(gc_size(resized) >= bytes);
  require(gc_base(resized) == resized);
  *sized = (struct sized){resized, bytes};
}

static void resize_at_random(void *allocate(size_t), uint64_t seed) {
  struct sized sized[SIZED_COUNT];
  uint64_t state = seed;
  for (int i = 0; i < SIZED_COUNT; i++) {
    sized[i].bytes = any_bytes(&state);
    sized[i].object = allocate(sized[i].bytes);
  }
  for (unsigned round = 0; round < repetitions(4000); round++)
    resize(&sized[random_next(&state) % SIZED_COUNT], any_bytes(&state), round);
}

START_TEST(scanned_objects) { resize_at_random(gc_alloc, 1); }
END_TEST

START_TEST(leaf_objects) { resize_at_random(gc_alloc_leaf, 2); }
END_TEST

START_TEST(root_objects) { resize_at_random(gc_alloc_root, 3); }
END_TEST

START_TEST(grows_byte_by_byte) {
  struct sized sized = {gc_alloc(1), 1};
  for (size_t bytes = 2; bytes < 3000; bytes++) resize(&sized, bytes, bytes);
  for (size_t bytes = 3000; bytes > 0; bytes--) resize(&sized, bytes, bytes);
}
END_TEST

START_TEST(large_objects_grow_and_shrink) {
  struct sized sized = {gc_alloc_leaf(10000), 10000};
  for (size_t bytes = 10000; bytes < 30000000; bytes = bytes * 3 / 2) {
    resize(&sized, bytes, bytes);
    resize(&sized, bytes * 2 / 3, bytes);
    resize(&sized, bytes, bytes);
  }
  resize(&sized, 10, 1);
  resize(&sized, 1000000, 1);
}
END_TEST

/* ---- What an object keeps ---- */

static const size_t growth[] = {48, 1000, 8192, 20000, 500000, 3000, 16};
enum { GROWTH_COUNT = sizeof growth / sizeof growth[0] };

static void *hidden_holder; /* complement of the address: see hide() */

static NOT_INLINED void resize_hidden(size_t bytes) {
  STAY_DEEP();
  void *resized = gc_realloc(reveal((struct hidden){(uintptr_t)hidden_holder}), bytes);
  require(resized != NULL);
  hidden_holder = (void *)hide(resized).word;
}

START_TEST(root_objects_stay_roots) {
  struct probe **root = gc_alloc_root(16);
  *root = probe_new(8);
  hidden_holder = (void *)hide(root).word;
  root = NULL;
  for (int i = 0; i < GROWTH_COUNT; i++) {
    resize_hidden(growth[i]);
    collect();
    probe_check(*(struct probe **)reveal((struct hidden){(uintptr_t)hidden_holder}), 8);
  }
}
END_TEST

/* Takes and gives an address inside: one of its start would keep the object before it as well. */
static NOT_INLINED char *resize_leaf_with_probe(char *inside, size_t bytes) {
  STAY_DEEP();
  void **holder = gc_realloc(inside - 8, bytes);
  *holder = probe_new(1);
  return (char *)holder + 8;
}

START_TEST(leaf_objects_stay_leaves) {
  uint64_t before = collect();
  char *inside = (char *)gc_alloc_leaf(16) + 8;
  for (int i = 0; i < GROWTH_COUNT; i++) {
    inside = resize_leaf_with_probe(inside, growth[i]);
    ck_assert_uint_eq(ballasts(before, collect()), 0);
    gc_keep(inside);
  }
}
END_TEST

START_TEST(scanned_objects_stay_scanned) {
  struct probe **holder = gc_alloc(16);
  *holder = probe_new(3);
  for (int i = 0; i < GROWTH_COUNT; i++) {
    holder = gc_realloc(holder, growth[i]);
    collect();
    probe_check(*holder, 3);
  }
}
END_TEST

START_TEST(alignment_is_kept) {
  for (size_t alignment = 32; alignment <= (size_t)1 << 20; alignment *= 2) {
    struct sized sized = {gc_alloc_aligned(alignment, 24), 24};
    for (int i = 0; i < GROWTH_COUNT; i++) {
      resize(&sized, growth[i], (uint64_t)i);
      ck_assert_uint_eq((uintptr_t)sized.object % alignment, 0);
    }
  }
}
END_TEST

START_TEST(moved_objects_leave_a_freed_cell) {
  unsigned moves = 0;
  for (size_t bytes = 16; bytes < 100000; bytes *= 2) {
    char *old = gc_alloc(bytes), *resized = gc_realloc(old, bytes * 4);
    if (resized == old) continue;
    moves++;
    ck_assert_ptr_null(gc_base(old));
    ck_assert_uint_eq(gc_size(old), 0);
  }
  ck_assert_uint_gt(moves, 0);
}
END_TEST

START_TEST(resizing_in_place_where_it_fits) {
  char *object = gc_alloc(100);
  ck_assert_ptr_eq(gc_realloc(object, gc_size(object)), object);
  object = gc_alloc_leaf(1000000);
  ck_assert_ptr_eq(gc_realloc(object, 999000), object);
}
END_TEST

/* ---- Failure ---- */

START_TEST(failure_keeps_the_object) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.limit_bytes = 64u << 20;
  ck_assert_int_eq(gc_init(&options), 0);
  static const size_t sizes[] = {100, 20000};
  for (int i = 0; i < 2; i++) {
    char *object = gc_alloc(sizes[i]);
    pattern_fill(object, sizes[i], 6);
    const size_t impossible[] = {(size_t)1 << 30, (size_t)1 << 60, SIZE_MAX};
    for (int k = 0; k < 3; k++) {
      errno = 0;
      ck_assert_ptr_null(gc_realloc(object, opaque(impossible[k])));
      ck_assert_int_eq(errno, ENOMEM);
    }
    errno = 0;
    ck_assert_ptr_null(gc_realloc_array(object, opaque(SIZE_MAX / 2), 3));
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert_ptr_eq(gc_base(object), object);
    ck_assert(pattern_matches(object, sizes[i], 6));
  }
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("realloc");
  tcase_add_test(tests, null_allocates);
  tcase_add_test(tests, zero_gives_a_minimal_object);
  tcase_add_test(tests, scanned_objects);
  tcase_add_test(tests, leaf_objects);
  tcase_add_test(tests, root_objects);
  tcase_add_test(tests, grows_byte_by_byte);
  tcase_add_test(tests, large_objects_grow_and_shrink);
  tcase_add_test(tests, root_objects_stay_roots);
  tcase_add_test(tests, leaf_objects_stay_leaves);
  tcase_add_test(tests, scanned_objects_stay_scanned);
  tcase_add_test(tests, alignment_is_kept);
  tcase_add_test(tests, moved_objects_leave_a_freed_cell);
  tcase_add_test(tests, resizing_in_place_where_it_fits);
  tcase_add_test(tests, failure_keeps_the_object);
  return suite_end();
}
