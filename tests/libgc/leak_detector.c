/* tests/libgc/leak_detector.c - a program that names malloc and its relatives and means the collector's functions. */
#include "support.h"

#include <leak_detector.h>

START_TEST(relatives_of_malloc_are_the_collectors) {
  GC_set_find_leak(1);
  GC_INIT();
  char *object = malloc(10);
  ck_assert_ptr_eq(GC_base(object), object);
  ck_assert_uint_ge(malloc_usable_size(object), 10);
  memset(object, 'x', malloc_usable_size(object));
  ck_assert_ptr_nonnull(object = realloc(object, 1000));
  ck_assert_ptr_nonnull(object = reallocarray(object, 10, 200));
  ck_assert_uint_ge(malloc_usable_size(object), 2000);
  ck_assert_int_eq(object[9], 'x');
  ck_assert_ptr_null(reallocarray(object, SIZE_MAX / 2, 4));
  free(object);
  int *zeroed = calloc(100, sizeof *zeroed);
  for (unsigned i = 0; i < 100; i++) ck_assert_int_eq(zeroed[i], 0);
  ck_assert_ptr_null(calloc(SIZE_MAX / 2, 4));
  free_sized(zeroed, 100 * sizeof *zeroed);
  char *text = strdup("text"), *start = strndup("text", 2);
  ck_assert(GC_base(text) == text && !strcmp(text, "text") && !strcmp(start, "te"));
  free(text);
  cfree(start);
  free(NULL);
}
END_TEST

START_TEST(alignment_is_kept) {
  GC_INIT();
  void *object = memalign(256, 10), *other = aligned_alloc(64, 128), *third = _aligned_malloc(70, 128), *fourth = NULL;
  ck_assert_uint_eq((uintptr_t)object % 256, 0);
  ck_assert_uint_eq((uintptr_t)other % 64, 0);
  ck_assert_uint_eq((uintptr_t)third % 128, 0);
  ck_assert_int_eq(posix_memalign(&fourth, 512, 10), 0);
  ck_assert_uint_eq((uintptr_t)fourth % 512, 0);
  free(object);
  free_aligned_sized(other, 64, 128);
  _aligned_free(third);
  free(fourth);
}
END_TEST

static NOT_INLINED void forget_all(void) {
  DEEP();
  for (unsigned i = 0; i < COUNT; i++) watch(i, malloc(1 + i));
}

START_TEST(what_is_forgotten_is_collected) {
  links = (calloc)(COUNT, sizeof *links);
  GC_set_find_leak(1);
  forget_all();
  for (unsigned i = 0; i < 3; i++) {
    clear_stack();
    CHECK_LEAKS();
  }
  ck_assert_uint_le(count_alive(), STRAY);
}
END_TEST

static void add_cases(TCase *tests) {
  tcase_add_test(tests, relatives_of_malloc_are_the_collectors);
  tcase_add_test(tests, alignment_is_kept);
  tcase_add_test(tests, what_is_forgotten_is_collected);
}

int main(void) {
  return run_cases("leak_detector", add_cases);
}
