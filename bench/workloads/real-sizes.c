/* real-sizes - allocates as real programs do: sizes and lifetimes are drawn from what was recorded of each of them (see
 * sizes/programs.h, which names them), one program after the other. Objects hold no pointers to each other.
 *
 * An object waits in the ring of its lifetime: it dies once as many objects of that lifetime came after it as come,
 * on average, while it lives.
 * Verified: the first and the last word of each object when it dies.
 */
#include "shim.h"
#include "sizes/programs.h"

enum { DRAWS = 8192 };

/* Of each lifetime, in allocations: about the geometric middle of its range. */
static const double lifetime_allocations[SIZE_LIFETIMES] = {16, 256, 4096, 65536, 524288};

struct draw {
  uint8_t row, lifetime;
};

struct ring {
  uint64_t **objects; /* an object of the heap under test */
  uint64_t capacity, at;
};

static struct draw draws[DRAWS]; /* each kind of object as often as it was recorded */
static struct ring rings[SIZE_LIFETIMES];

static double total_count(const struct size_program *program, unsigned lifetime) {
  double sum = 0;
  for (unsigned r = 0; r < SIZE_ROWS_MAX; r++)
    for (unsigned l = 0; l < SIZE_LIFETIMES; l++)
      if (lifetime == SIZE_LIFETIMES || l == lifetime) sum += program->rows[r].counts[l];
  return sum;
}

static void fill_draws(const struct size_program *program) {
  double total = total_count(program, SIZE_LIFETIMES), sum = 0;
  unsigned filled = 0;
  for (unsigned r = 0; r < SIZE_ROWS_MAX; r++)
    for (unsigned l = 0; l < SIZE_LIFETIMES; l++) {
      sum += program->rows[r].counts[l];
      while (filled < DRAWS && filled < sum / total * DRAWS) draws[filled++] = (struct draw){(uint8_t)r, (uint8_t)l};
    }
}

static void make_rings(const struct size_program *program) {
  double total = total_count(program, SIZE_LIFETIMES);
  for (unsigned l = 0; l < SIZE_LIFETIMES; l++) {
    uint64_t capacity = (uint64_t)(total_count(program, l) / total * lifetime_allocations[l]) + 1;
    rings[l] = (struct ring){bench_alloc(capacity * sizeof(uint64_t *)), capacity, 0};
    for (uint64_t i = 0; i < capacity; i++) rings[l].objects[i] = NULL;
  }
}

static unsigned draw_words(const struct size_program *program, unsigned row, struct bench_random *random) {
  unsigned low = row == 0 ? 2 : program->rows[row - 1].bytes / 8 + 1, high = program->rows[row].bytes / 8;
  return low + bench_random_below(random, high - low + 1);
}

/* A stamp knows the object's size; it is odd and small, so that it is never mistaken for a pointer. */
static uint64_t *object_new(uint64_t number, unsigned words) {
  uint64_t *object = bench_alloc(words * sizeof *object);
  uint64_t stamp = (number << 16 | words << 1 | 1) & 0xffffffff;
  object[0] = stamp;
  object[words - 1] = ~stamp;
  return object;
}

static void object_drop(uint64_t *object) {
  if (object == NULL) return;
  uint64_t words = object[0] >> 1 & 0x7fff;
  if (words < 2 || object[words - 1] != ~object[0]) bench_fail("an object was overwritten");
  bench_free(object);
}

static void drop_rings(void) {
  for (unsigned l = 0; l < SIZE_LIFETIMES; l++) {
    for (uint64_t i = 0; i < rings[l].capacity; i++) object_drop(rings[l].objects[i]);
    bench_free(rings[l].objects);
    rings[l].objects = NULL;
  }
}

static void run_program(const struct size_program *program, uint64_t operations) {
  struct bench_random random = {1};
  for (uint64_t i = 0; i < operations; i++) {
    struct draw draw = draws[bench_random_below(&random, DRAWS)];
    struct ring *ring = &rings[draw.lifetime];
    object_drop(ring->objects[ring->at]);
    bench_store(&ring->objects[ring->at], object_new(i, draw_words(program, draw.row, &random)));
    if (++ring->at == ring->capacity) ring->at = 0;
  }
}

int main(int argc, char **argv) {
  static char figures[SIZE_PROGRAMS][32];
  bench_start("real-sizes", argc, argv);
  uint64_t operations = bench_parameter("operations", 4000000);

  bench_time_start();
  for (unsigned p = 0; p < SIZE_PROGRAMS; p++) {
    uint64_t start_ns = bench_now_ns();
    fill_draws(&size_programs[p]);
    make_rings(&size_programs[p]);
    run_program(&size_programs[p], operations);
    drop_rings();
    snprintf(figures[p], sizeof figures[p], "%s_ns", size_programs[p].name);
    bench_figure(figures[p], (double)(bench_now_ns() - start_ns) / (double)operations);
  }
  bench_time_stop();
  return bench_finish(SIZE_PROGRAMS * operations);
}
