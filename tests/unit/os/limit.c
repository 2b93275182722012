/* tests/unit/os/limit.c - the memory limit and the resident size of the process, as far as any machine allows to know
 * them. */
#include "../unit.h"
#include "os/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#define TOUCHED_BYTES ((size_t)64 << 20)
#define NOISE_BYTES   ((size_t)8 << 20)

static size_t physical_bytes(void) {
  return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(the_limit_is_at_most_physical_memory) {
  size_t limit = gc__os_memory_limit_bytes();
  ck_assert_uint_le(limit, physical_bytes());
  ck_assert_uint_ge(limit, (size_t)1 << 20);
  ck_assert_uint_gt(limit, gc__os_resident_bytes(&(size_t){0}));
  ck_assert_uint_eq(gc__os_memory_limit_bytes(), limit);
}
END_TEST

/* The least of the limits that the first and simplest control groups of both kinds state, where they can be read. */
START_TEST(the_limit_is_at_most_that_of_the_top_control_group) {
  static const char *const paths[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
  size_t limit = gc__os_memory_limit_bytes();
  for (unsigned i = 0; i < COUNT_OF(paths); i++) {
    size_t stated;
    FILE *file = fopen(paths[i], "r");
    if (!file) continue;
    if (fscanf(file, "%zu", &stated) == 1) ck_assert_uint_le(limit, stated);
    fclose(file);
  }
}
END_TEST

START_TEST(resident_bytes_follow_what_is_touched) {
  size_t before = gc__os_resident_bytes(&(size_t){0});
  if (!before) SKIP_TEST("the resident size is not known here");
  char *memory = mmap(NULL, TOUCHED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  size_t mapped = gc__os_resident_bytes(&(size_t){0});
  ck_assert_uint_lt(mapped, before + NOISE_BYTES);
  memset(memory, 1, TOUCHED_BYTES);
  size_t touched = gc__os_resident_bytes(&(size_t){0});
  ck_assert_uint_gt(touched, mapped + TOUCHED_BYTES - NOISE_BYTES);
  if (!UNDER_TSAN) ck_assert_uint_lt(touched, mapped + TOUCHED_BYTES + 4 * NOISE_BYTES); /* which keeps shadows */
  munmap(memory, TOUCHED_BYTES);
  ck_assert_uint_lt(gc__os_resident_bytes(&(size_t){0}), touched - TOUCHED_BYTES + NOISE_BYTES);
}
END_TEST

UNIT_MAIN("os/limit", the_limit_is_at_most_physical_memory, the_limit_is_at_most_that_of_the_top_control_group,
          resident_bytes_follow_what_is_touched)
