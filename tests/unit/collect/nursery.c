/* tests/unit/collect/nursery.c - how the nursery follows what minor collections cost, and when a full one is due. */
#include "../unit.h"
#include "collect/nursery.h"

#define MIB ((size_t)1 << 20)

static struct gc__nursery nursery;

static void begin(size_t wanted_bytes) {
  nursery = (struct gc__nursery){.wanted_bytes = wanted_bytes, .full_room_bytes = 64 * MIB};
}

static void note_full(uint64_t work_ns) {
  gc__nursery_note(&nursery, &(struct gc__nursery_sample){.is_full = true, .work_ns = work_ns});
}

/* A minor one after a whole nursery of objects of 64 bytes, of which some percent survived. */
static void note_minor(unsigned percent, uint64_t work_ns, size_t written_pages) {
  size_t handed = nursery.bytes ? nursery.bytes : 4 * MIB, survived = handed / 100 * percent;
  gc__nursery_note(&nursery, &(struct gc__nursery_sample){.work_ns = work_ns,
                                                          .handed_bytes = handed,
                                                          .survived_bytes = survived,
                                                          .survived_objects = survived / 64,
                                                          .written_pages = written_pages});
}

START_TEST(it_starts_at_four_mebibytes_or_as_wanted) {
  begin(0);
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, SIZE_MAX), 4 * MIB);
  note_full(1000);
  ck_assert_uint_eq(nursery.bytes, 4 * MIB);
  begin(3 * MIB);
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, SIZE_MAX), 3 * MIB);
  for (int i = 0; i < 20; i++) note_minor(i * 5 % 100, 100, 0);
  ck_assert_uint_eq(nursery.bytes, 3 * MIB); /* as wanted, for good */
}
END_TEST

START_TEST(it_grows_while_much_survives_and_pauses_are_short) {
  begin(0);
  note_minor(30, 100000, 0);
  ck_assert_uint_eq(nursery.bytes, 8 * MIB);
  note_minor(30, 200000, 0);
  ck_assert_uint_eq(nursery.bytes, 16 * MIB);
  note_minor(10, 100000, 0); /* neither much nor hardly anything */
  ck_assert_uint_eq(nursery.bytes, 16 * MIB);
  note_minor(30, 600000, 0); /* twice that is too long */
  ck_assert_uint_eq(nursery.bytes, 16 * MIB);
  for (int i = 0; i < 20; i++) {
    struct gc__nursery_sample sample = {
        .work_ns = 1000, .handed_bytes = nursery.bytes, .survived_bytes = nursery.bytes};
    gc__nursery_note(&nursery, &sample); /* one object */
  }
  ck_assert_uint_eq(nursery.bytes, 64 * MIB);
}
END_TEST

START_TEST(it_grows_to_the_knee_where_hardly_anything_survives) {
  begin(0);
  for (int i = 0; i < 5; i++) note_minor(1, 1000, 0);
  ck_assert_uint_eq(nursery.bytes, 8 * MIB);
}
END_TEST

START_TEST(it_shrinks_where_survivors_and_pages_alone_take_too_long) {
  begin(0);
  nursery.bytes = 32 * MIB;
  note_minor(90, 5000000, 0); /* 471,859 survivors */
  ck_assert_uint_eq(nursery.bytes, 16 * MIB);
  note_minor(0, 5000000, 0); /* a long pause for other reasons */
  ck_assert_uint_eq(nursery.bytes, 16 * MIB);
  nursery.full_ns = UINT64_MAX / 2; /* no rest */
  note_minor(0, 100, 2000);
  ck_assert_uint_eq(nursery.bytes, 8 * MIB);
  for (int i = 0; i < 5; i++) note_minor(0, 100, 2000);
  ck_assert_uint_eq(nursery.bytes, 8 * MIB); /* and no further: the knee */
}
END_TEST

/* One that came early, because someone asked for it, says nothing about a whole nursery. */
START_TEST(early_collections_do_not_grow_it) {
  begin(0);
  note_full(1000);
  for (int i = 0; i < 10; i++) {
    struct gc__nursery_sample sample = {.work_ns = 1000, .handed_bytes = MIB, .survived_bytes = MIB};
    gc__nursery_note(&nursery, &sample);
    gc__nursery_note(&nursery, &(struct gc__nursery_sample){.work_ns = 1000});
  }
  ck_assert_uint_eq(nursery.bytes, 4 * MIB);
}
END_TEST

/* [nursery.rest] Full collections: 10 ms for 64 MiB; minor ones: 4 MiB each, so that up to 625 us a minor one pay. */
START_TEST(it_rests_where_writing_costs_more_than_full_collections) {
  begin(4 * MIB);
  note_full(10000000);
  for (int i = 0; i < 50; i++) note_minor(5, 300000, 300); /* 570 us */
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
  for (int i = 0; i < 3; i++) note_minor(5, 300000, 360); /* 684 us */
  note_minor(5, 300000, 300);                             /* not in a row */
  for (int i = 0; i < 3; i++) note_minor(5, 300000, 360);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
  note_full(10000000); /* starts the count anew */
  for (int i = 0; i < 3; i++) note_minor(5, 300000, 360);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
  note_minor(5, 300000, 360);
  unsigned fulls = 0;
  while (gc__nursery_wants_full(&nursery, 0, false)) {
    ck_assert_uint_eq(gc__nursery_allowance(&nursery, SIZE_MAX), 64 * MIB); /* as the mark-sweep mode would have it */
    note_full(10000000);
    ck_assert_uint_le(++fulls, 100);
  }
  ck_assert_uint_gt(fulls, 1);
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, SIZE_MAX), 4 * MIB); /* another try */
}
END_TEST

/* What the old objects have grown by before a rest is not left for its first full collection: memory would peak. */
START_TEST(a_rest_begins_with_what_is_left_of_the_room) {
  begin(4 * MIB);
  note_full(10000000);
  struct gc__nursery_sample costly = {
      .work_ns = 300000, .live_bytes = 40 * MIB, .handed_bytes = 4 * MIB, .written_pages = 100000};
  gc__nursery_note(&nursery, &costly);
  ck_assert(gc__nursery_wants_full(&nursery, 40 * MIB, false));
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, SIZE_MAX), 24 * MIB);
  note_full(10000000);
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, SIZE_MAX), 64 * MIB);
  begin(4 * MIB);
  note_full(10000000);
  costly.live_bytes = 63 * MIB;
  gc__nursery_note(&nursery, &costly);
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, SIZE_MAX), 4 * MIB); /* what would have come anyway */
}
END_TEST

START_TEST(without_a_full_collection_to_compare_with_it_does_not_rest) {
  begin(4 * MIB);
  for (int i = 0; i < 20; i++) note_minor(5, 300000, 100000);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
}
END_TEST

/* Before the first one its pause is guessed from what is live: 64 MiB take 16 ms, so that 4 MiB are worth 1 ms. */
START_TEST(one_minor_collection_that_is_far_too_costly_is_enough) {
  begin(4 * MIB);
  unsigned rests[4] = {0};
  for (int i = 0; i < 4; i++) {
    struct gc__nursery_sample sample = {
        .work_ns = 9000000, .live_bytes = 64 * MIB, .handed_bytes = 4 * MIB, .written_pages = 10000};
    if (i) gc__nursery_note(&nursery, &sample); /* sees what was written meanwhile: no measure */
    ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
    gc__nursery_note(&nursery, &sample);
    for (; gc__nursery_wants_full(&nursery, 0, false); rests[i]++) note_full(16000000);
    ck_assert_uint_ge(rests[i], 2);
    if (i) ck_assert_uint_eq(rests[i], 2 * rests[i - 1]);
  }
}
END_TEST

/* Full ones take 1 ms for 64 MiB: minor ones of 200 us for 4 MiB are no gain. */
START_TEST(it_rests_where_full_collections_are_short_and_cost_less) {
  begin(4 * MIB);
  note_full(1000000);
  for (int i = 0; i < 20; i++) note_minor(5, 60000, 0);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
  for (int i = 0; i < 2; i++) note_minor(40, 200000, 0);
  ck_assert(gc__nursery_wants_full(&nursery, 0, false));
}
END_TEST

/* Full ones take 7 ms for 64 MiB, minor ones 2 ms for 4 MiB, since nearly all survives. */
START_TEST(it_rests_where_full_collections_take_hardly_longer) {
  begin(4 * MIB);
  note_full(7000000);
  note_minor(90, 2000000, 0); /* once it may be another process that had the processor */
  note_minor(5, 300000, 0);
  note_minor(90, 2000000, 0);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
  note_minor(90, 2000000, 0);
  ck_assert(gc__nursery_wants_full(&nursery, 0, false));
}
END_TEST

/* A heap that grows has minor collections in which all survives, and soon no short full ones any more. */
START_TEST(a_rest_ends_where_full_collections_get_long) {
  begin(4 * MIB);
  note_full(3000000);
  for (int i = 0; i < 2; i++) note_minor(100, 1000000, 0);
  ck_assert(gc__nursery_wants_full(&nursery, 0, false));
  note_full(3900000);
  ck_assert(gc__nursery_wants_full(&nursery, 0, false));
  note_full(4100000);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
}
END_TEST

/* As above, but for the length of the full ones: pauses are what generations are for. */
START_TEST(it_does_not_rest_for_long_collections) {
  begin(4 * MIB);
  note_full(9000000);
  for (int i = 0; i < 20; i++) note_minor(90, 2000000, 0);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
}
END_TEST

START_TEST(a_crowded_heap_is_collected_earlier) {
  begin(0);
  note_full(1000);
  nursery.full_live_bytes = 100 * MIB;
  gc__nursery_allowance(&nursery, SIZE_MAX);
  ck_assert(!gc__nursery_wants_full(&nursery, 116 * MIB - 1, true));
  ck_assert(gc__nursery_wants_full(&nursery, 116 * MIB, true));
}
END_TEST

START_TEST(much_allocation_makes_a_full_one) {
  begin(4 * MIB);
  note_full(10000000);
  nursery.full_live_bytes = 36 * MIB; /* and 64 MiB of room: 800 MiB */
  for (int i = 0; i < 199; i++) note_minor(0, 100000, 0);
  ck_assert(!gc__nursery_wants_full(&nursery, 36 * MIB, false));
  note_minor(0, 100000, 0);
  ck_assert(gc__nursery_wants_full(&nursery, 36 * MIB, false));
  note_full(10000000);
  ck_assert(!gc__nursery_wants_full(&nursery, 36 * MIB, false));
}
END_TEST

START_TEST(old_objects_may_grow_by_their_room) {
  begin(0);
  note_full(10000000);
  nursery.full_live_bytes = 100 * MIB;
  gc__nursery_allowance(&nursery, SIZE_MAX);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false)); /* the program freed by hand */
  ck_assert(!gc__nursery_wants_full(&nursery, 100 * MIB, false));
  ck_assert(!gc__nursery_wants_full(&nursery, 164 * MIB - 1, false));
  ck_assert(gc__nursery_wants_full(&nursery, 164 * MIB, false));
}
END_TEST

START_TEST(short_memory_makes_the_next_one_full) {
  begin(0);
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, 4 * MIB), 4 * MIB);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
  ck_assert_uint_eq(gc__nursery_allowance(&nursery, 4 * MIB - 1), 4 * MIB - 1);
  ck_assert(gc__nursery_wants_full(&nursery, 0, false));
  size_t least = gc__nursery_allowance(&nursery, 0);
  ck_assert(least > 0 && least <= MIB); /* some, so that the program gets on */
  ck_assert(gc__nursery_wants_full(&nursery, 0, false));
  gc__nursery_allowance(&nursery, SIZE_MAX);
  ck_assert(!gc__nursery_wants_full(&nursery, 0, false));
}
END_TEST

UNIT_MAIN("collect/nursery", it_starts_at_four_mebibytes_or_as_wanted,
          it_grows_while_much_survives_and_pauses_are_short, it_grows_to_the_knee_where_hardly_anything_survives,
          it_shrinks_where_survivors_and_pages_alone_take_too_long, early_collections_do_not_grow_it,
          it_rests_where_writing_costs_more_than_full_collections, a_rest_begins_with_what_is_left_of_the_room,
          without_a_full_collection_to_compare_with_it_does_not_rest,
          one_minor_collection_that_is_far_too_costly_is_enough,
          it_rests_where_full_collections_are_short_and_cost_less, it_rests_where_full_collections_take_hardly_longer,
          a_rest_ends_where_full_collections_get_long, it_does_not_rest_for_long_collections,
          a_crowded_heap_is_collected_earlier, much_allocation_makes_a_full_one, old_objects_may_grow_by_their_room,
          short_memory_makes_the_next_one_full)
