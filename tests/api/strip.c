/* tests/api/strip.c - blocks that threads own, taken back from them where memory is short: that they are, and that a
 * thread that is in the middle of an allocation then keeps what it was about to take.
 */
#include "support.h"
#include <sys/mman.h>

enum { BUFFER_BYTES = 24 << 20, PIECE_BYTES = 256 << 10, LARGEST_BYTES = 8192 };

static void start(void) {
  struct gc_options options = GC_OPTIONS_INIT;
  options.buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  options.buffer_bytes = BUFFER_BYTES;
  ck_assert_ptr_ne(options.buffer, MAP_FAILED);
  ck_assert_int_eq(gc_init(&options), 0);
}

/* A list of large objects, as long as there is room for. */
static NOT_INLINED void **take_pieces(unsigned *count) {
  void **list = NULL, **piece;
  STAY_DEEP();
  for (*count = 0; (piece = gc_alloc(PIECE_BYTES)); list = piece, ++*count) gc_write((void **)&piece[0], (void *)list);
  ck_assert_int_eq(errno, ENOMEM);
  return list;
}

static NOT_INLINED unsigned count_pieces(void) {
  unsigned count;
  STAY_DEEP();
  ck_assert_ptr_nonnull(take_pieces(&count));
  return count;
}

/* A word that still leads to one of them holds that one only. */
static NOT_INLINED void cut_each_from(void **piece, unsigned index) {
  for (unsigned i = 0; piece; i++) {
    void **next = piece[0];
    if (i >= index) gc_write(&piece[0], NULL);
    piece = next;
  }
}

/* ---- That they are ---- */

static atomic_int step;

static void reach(int value) {
  while (atomic_load(&step) < value) usleep(100);
}

/* An object of each size: cells that have not been used yet are all zero, whatever was in them. */
static NOT_INLINED void take_some_of_each(size_t most_bytes) {
  STAY_DEEP();
  for (size_t bytes = 16; bytes <= most_bytes; bytes += bytes < 256 ? 16 : bytes / 16) {
    char *scanned = gc_alloc(bytes), *leaf = gc_alloc_leaf(bytes);
    require(scanned && leaf);
    require(all_zero(scanned, bytes) && all_zero(leaf, bytes));
    memset(scanned, 0xff, bytes);
    memset(leaf, 0xff, bytes);
  }
}

static void *own_blocks(void *unused) {
  take_some_of_each(LARGEST_BYTES);
  stack_clear();
  atomic_store(&step, 1);
  reach(2);
  for (int i = 0; i < 20; i++) take_some_of_each(LARGEST_BYTES);
  return unused;
}

START_TEST(empty_blocks_of_another_thread_are_no_reason_for_null) {
  pthread_t thread;
  start();
  unsigned most = count_pieces();
  stack_clear();
  ck_assert_int_eq(gc_thread_create(&thread, NULL, own_blocks, NULL), 0);
  reach(1);
  unsigned beside = count_pieces();
  ck_assert_msg(beside + most / 8 >= most, "%u large objects, %u beside a thread that owns blocks", most, beside);
  stack_clear();
  gc_collect(GC_COLLECT_FULL);
  atomic_store(&step, 2);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* ---- What a thread was about to take ---- */

struct node {
  struct node *next;
  uint64_t number, check;
};

static uint64_t check_of(uint64_t number) {
  return number * 0x9e3779b97f4a7c15ull + 1;
}

/* Were a cell of a stripped block given to two threads, or freed under the one that is taking it, a list would be
 * broken. The sizes are known here: the allocations are in line where that is compiled. */
static NOT_INLINED void build_and_check(uint64_t from) {
  struct node *list = NULL;
  STAY_DEEP();
  for (uint64_t i = from; i < from + 300; i++) {
    struct node *node = i % 3 ? gc_alloc(sizeof *node) : gc_alloc(2 * sizeof *node);
    if (!node) continue; /* the other thread has it all */
    require(!node->next && !node->number && !node->check);
    node->number = i;
    node->check = check_of(i);
    gc_write(&node->next, list);
    list = node;
  }
  for (uint64_t last = from + 300; list; list = list->next) {
    require(list->number < last && list->number >= from && list->check == check_of(list->number));
    last = list->number;
  }
}

static void *build_lists(void *number) {
  uint64_t from = (uint64_t)(uintptr_t)number << 40;
  while (atomic_load(&step) == 0) build_and_check(from += 300);
  return NULL;
}

START_TEST(a_thread_keeps_the_cell_that_it_is_taking) {
  enum { THREADS = 3 };
  pthread_t threads[THREADS];
  unsigned rounds = repetitions(1500), most;
  start();
  atomic_store(&step, 0);
  for (uintptr_t i = 0; i < THREADS; i++)
    ck_assert_int_eq(gc_thread_create(&threads[i], NULL, build_lists, (void *)(i + 1)), 0);
  void **held = take_pieces(&most); /* there was room for them once; half of them stay */
  cut_each_from(held, most / 2);
  size_t too_much = (size_t)most * PIECE_BYTES / 4 * 3;
  for (unsigned i = 0; i < rounds; i++) { /* none of them is to be had: a collection that strips each time */
    take_some_of_each(128);
    ck_assert_ptr_null(gc_alloc_leaf(too_much));
  }
  atomic_store(&step, 1);
  for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  struct gc_stats stats;
  gc_stats(&stats);
  ck_assert_uint_ge(stats.collections_full, rounds);
  ck_assert_ptr_nonnull(held);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("strip");
  tcase_add_test(tests, empty_blocks_of_another_thread_are_no_reason_for_null);
  tcase_add_test(tests, a_thread_keeps_the_cell_that_it_is_taking);
  return suite_end();
}
