/* tests/unit/heap/size_class.c - the tables of heap/size_class.h hold what the header claims of them. */
#include "../unit.h"
#include "heap/size_class.h"

#include <trefoil/inline.h>

START_TEST(the_facts_of_a_class_agree) {
  for (unsigned i = 0; i < GC__CLASS_COUNT; i++) {
    const struct gc__size_class *class = &gc__size_classes[i];
    require(class->cell_bytes % GC__GRANULE_BYTES == 0 && class->cell_bytes > 0);
    require(class->cell_granules * GC__GRANULE_BYTES == class->cell_bytes);
    require(class->cell_count == GC__BLOCK_BYTES / class->cell_bytes);
    if (i) require(class->cell_bytes > gc__size_classes[i - 1].cell_bytes);
  }
  ck_assert_uint_eq(gc__size_classes[0].cell_bytes, GC__GRANULE_BYTES);
  ck_assert_uint_eq(gc__size_classes[GC__CLASS_COUNT - 1].cell_bytes, GC__SMALL_MAX_BYTES);
}
END_TEST

START_TEST(a_request_gets_the_least_class_that_fits) {
  for (size_t bytes = 0; bytes <= GC__SMALL_MAX_BYTES; bytes++) {
    unsigned class = gc__class_of(bytes);
    require(class < GC__CLASS_COUNT);
    require(gc__size_classes[class].cell_bytes >= bytes);
    if (class) require(gc__size_classes[class - 1].cell_bytes < bytes);
  }
}
END_TEST

/* As trefoil/inline.h has it. */
START_TEST(small_classes_go_up_in_granules) {
  ck_assert_uint_eq(GC_INLINE_SIZES, GC__CLASS_COUNT);
  for (unsigned i = 0; i < GC_INLINE_MAX_BYTES / GC__GRANULE_BYTES; i++)
    ck_assert_uint_eq(gc__size_classes[i].cell_bytes, (i + 1) * GC__GRANULE_BYTES);
}
END_TEST

START_TEST(rounding_wastes_an_eighth_at_most) {
  for (size_t bytes = 1; bytes <= GC__SMALL_MAX_BYTES; bytes++) {
    size_t cell_bytes = gc__size_classes[gc__class_of(bytes)].cell_bytes, waste_bytes = cell_bytes - bytes;
    require(bytes > 128 ? waste_bytes * 8 <= cell_bytes : waste_bytes < GC__GRANULE_BYTES);
  }
}
END_TEST

START_TEST(eight_classes_make_a_doubling) {
  for (unsigned i = 0; i + 8 < GC__CLASS_COUNT; i++)
    if (gc__size_classes[i].cell_bytes >= 128)
      require(gc__size_classes[i + 8].cell_bytes <= 2 * gc__size_classes[i].cell_bytes + 2 * GC__GRANULE_BYTES);
  for (unsigned i = 7; i < GC__CLASS_COUNT; i += 8) require(gc__size_classes[i].cell_bytes == 128u << (i / 8));
}
END_TEST

START_TEST(little_is_left_at_the_end_of_a_block) {
  for (unsigned i = 0; i < GC__CLASS_COUNT; i++) {
    const struct gc__size_class *class = &gc__size_classes[i];
    size_t tail_bytes = GC__BLOCK_BYTES - (size_t) class->cell_count * class->cell_bytes;
    size_t largest = GC__BLOCK_BYTES / class->cell_count / GC__GRANULE_BYTES * GC__GRANULE_BYTES;
    if (class->cell_bytes >= 1024) require(class->cell_bytes == largest);
    require(tail_bytes * 50 <= GC__BLOCK_BYTES);
  }
}
END_TEST

START_TEST(reciprocals_divide_exactly) {
  for (unsigned i = 0; i < GC__CLASS_COUNT; i++)
    for (unsigned granule = 0; granule < GC__BLOCK_GRANULES; granule++)
      require(gc__cell_of(granule, gc__size_classes[i].reciprocal) == granule / gc__size_classes[i].cell_granules);
}
END_TEST

UNIT_MAIN("heap/size_class", the_facts_of_a_class_agree, a_request_gets_the_least_class_that_fits,
          small_classes_go_up_in_granules, rounding_wastes_an_eighth_at_most, eight_classes_make_a_doubling,
          little_is_left_at_the_end_of_a_block, reciprocals_divide_exactly)
