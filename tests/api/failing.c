/* tests/api/failing.c - the k-th request for memory to the system fails, for k = 1, 2, ... until the program runs
 * through: each failure shows as NULL or ENOMEM and loses nothing.
 *
 * TREFOIL_FAIL_COMMIT=k is read by builds with -Dchecks=true. Each k has a child process of its own, whose exit status
 * says how it went.
 */
#include "support.h"
#include <sys/wait.h>
#include <trefoil/pool.h>
#include <trefoil/protect.h>
#include <trefoil/weak.h>

enum {
  RAN_THROUGH = 0,
  SAW_FAILURE = 3,
  BROKEN = 4,
  QUIET_RUNS = 40, /* so many in a row without a failure: no request is left to fail */
  MOST_REQUESTS = 5000
};

static bool has_failed, is_broken;

static void broken(const char *what) {
  is_broken = true;
  fprintf(stderr, "failing: %s\n", what);
}

static void *note(void *object) {
  if (!object) {
    has_failed = true;
    if (errno != ENOMEM) broken("NULL, but errno is not ENOMEM");
  }
  return object;
}

static void note_error(int error) {
  if (error == 0) return;
  has_failed = true;
  if (error != ENOMEM && error != EAGAIN) broken("an error that is not for want of memory");
}

struct node {
  struct node *next;
  uint64_t number;
};
static struct node *list;
static unsigned list_length;

static NOT_INLINED void extend_list(unsigned count, size_t bytes) {
  for (unsigned i = 0; i < count; i++) {
    struct node *node = note(gc_alloc(bytes));
    if (!node) continue;
    *node = (struct node){list, list_length++};
    list = node;
  }
}

static void check_list(void) {
  unsigned number = list_length;
  for (const struct node *node = list; node; node = node->next)
    if (node->number != --number) broken("a wrong node in the list");
  if (number != 0) broken("the list is too short");
}

static NOT_INLINED void try_kinds(void) {
  static const size_t sizes[] = {16, 200, 5000, 8192, 60000, 2000000};
  GC_LAYOUT_DEFINE(layout, struct node, next);
  for (int i = 0; i < 6; i++) {
    char *leaf = note(gc_alloc_leaf(sizes[i]));
    if (leaf) pattern_fill(leaf, sizes[i], 1);
    char *root = note(gc_alloc_root(sizes[i]));
    gc_keep(note(gc_alloc_aligned((size_t)64 << i, sizes[i])));
    gc_keep(note(gc_alloc_typed(&layout, sizes[i] / sizeof(struct node))));
    char *resized = leaf ? note(gc_realloc(leaf, sizes[i] * 3)) : NULL;
    char *whole = resized ? resized : leaf;
    if (whole && !pattern_matches(whole, sizes[i], 1)) broken("a leaf is damaged");
    gc_free(root);
  }
}

static NOT_INLINED void try_guards(void) {
  struct node *guarded[8] = {NULL};
  for (unsigned i = 0; i < 8; i++) {
    struct node *node = guarded[i] = note(gc_alloc_guarded(i * 1000 + sizeof *node));
    if (!node) continue;
    *node = (struct node){note(gc_alloc(sizeof *node)), i};
    if (node->next) node->next->number = 2 * i;
    note_error(gc_protect(node, (enum gc_protection)(i % 3)));
  }
  gc_collect(GC_COLLECT_MINOR);
  gc_collect(GC_COLLECT_FULL);
  for (unsigned i = 0; i < 8; i++) {
    struct node *node = guarded[i];
    if (!node) continue;
    int error = gc_protect(node, GC_PROTECT_READ_WRITE);
    if (error && (error = gc_protect(node, GC_PROTECT_READ_WRITE))) broken("an object cannot be opened");
    if (node->number != i || (node->next && node->next->number != 2 * i)) broken("a guarded object is damaged");
    struct node *resized = note(gc_realloc(node, i * 1500 + sizeof *node));
    if (resized ? resized->number != i : node->number != i) broken("resizing damages a guarded object");
    gc_free(resized ? resized : node);
  }
  for (unsigned i = 0; i < 6; i++) gc_free(note(gc_alloc_leaf(20000)));
}

enum { TIED = 3000 };

static unsigned finalized, to_finalize;

static void count_finalized(void *object, void *data) {
  if (((struct node *)object)->number != (uintptr_t)data) broken("a finalizer gets another object");
  finalized++;
}

/* What hangs on objects stays what it was, whether the next one could be made or not. */
static NOT_INLINED void try_ties(void) {
  static struct node *keys[TIED];
  static struct gc_weak *weak[TIED];
  static bool is_in_map[TIED];
  struct gc_weak_map *map = note(gc_weak_map_new());
  size_t in_map = 0;
  for (unsigned i = 0; i < TIED; i++) {
    if (!(keys[i] = note(gc_alloc(sizeof **keys)))) continue;
    keys[i]->number = i;
    weak[i] = note(gc_weak_new(keys[i]));
    int error = map ? gc_weak_map_put(map, keys[i], note(gc_alloc(32))) : ENOMEM;
    note_error(error);
    in_map += is_in_map[i] = error == 0;
    error = gc_finalizer_set(keys[i], count_finalized, (void *)(uintptr_t)i);
    note_error(error);
    to_finalize += error == 0;
  }
  gc_collect(GC_COLLECT_MINOR);
  gc_collect(GC_COLLECT_FULL);
  if (map && gc_weak_map_count(map) != in_map) broken("a map has another number of entries");
  for (unsigned i = 0; i < TIED; i++) {
    if (weak[i] && gc_weak_get(weak[i]) != keys[i]) broken("a weak reference was lost");
    if (is_in_map[i] && keys[i]->number != i) broken("a key was lost");
    keys[i] = NULL;
    weak[i] = NULL;
  }
  if (finalized) broken("an object was finalized in use");
}

static NOT_INLINED void try_pools(void) {
  static struct node *blocks[2][5000];
  for (unsigned leaf = 0; leaf < 2; leaf++) {
    struct gc_pool *pool = note(gc_pool_new(sizeof(struct node), 100, leaf ? GC_POOL_LEAF : 0));
    if (!pool) continue;
    size_t used = 0;
    for (unsigned i = 0; i < 5000; i++) {
      struct node *block = blocks[leaf][i] = note(gc_pool_alloc(pool));
      if (!block) continue;
      if (block->number) broken("a block is not zero");
      block->number = i + 1;
      used++;
    }
    struct gc_pool_usage usage;
    gc_pool_usage(pool, &usage);
    if (usage.used_blocks != used) broken("a pool counts other blocks");
    gc_collect(GC_COLLECT_FULL);
    for (unsigned i = 0; i < 5000; i++) {
      if (!blocks[leaf][i]) continue;
      if (blocks[leaf][i]->number != i + 1) broken("a block is damaged");
      gc_pool_free(pool, blocks[leaf][i]);
      blocks[leaf][i] = NULL;
    }
    gc_pool_destroy(pool);
  }
}

/* Finalizers that were set run in the end, however many requests fail in between. */
static void check_finalized(void) {
  for (int i = 0; i < 10 && finalized < to_finalize - to_finalize / 50; i++) {
    stack_clear();
    gc_collect(GC_COLLECT_FULL);
    gc_finalizers_run();
  }
  if (finalized < to_finalize - to_finalize / 50 || finalized > to_finalize) broken("finalizers were lost");
}

static void *extend_in_thread(void *unused) {
  (void)unused;
  struct node *mine = NULL;
  for (unsigned i = 0; i < 3000; i++) {
    struct node *node = note(gc_alloc(48));
    if (!node) continue;
    *node = (struct node){mine, i};
    mine = node;
  }
  for (; mine && mine->next; mine = mine->next)
    if (mine->number <= mine->next->number) broken("a thread's list is damaged");
  return NULL;
}

static void use_threads(void) {
  for (int i = 0; i < 2; i++) {
    pthread_t thread;
    int error = gc_thread_create(&thread, NULL, extend_in_thread, NULL);
    note_error(error);
    if (!error) pthread_join(thread, NULL);
  }
}

static void run_everything(void *argument) {
  char k[32];
  snprintf(k, sizeof k, "%u", *(unsigned *)argument);
  setenv("TREFOIL_FAIL_COMMIT", k, 1);
  struct gc_options options = GC_OPTIONS_INIT;
  options.markers = 2;
  options.initial_bytes = 1 << 20;
  options.guard_freed_percent = 100;
  options.finalize = GC_FINALIZE_MANUAL;
  int error = gc_init(&options);
  note_error(error);
  unsetenv("TREFOIL_FAIL_COMMIT"); /* each start reads it anew: the next one shall succeed */
  if (error && gc_init(&options) != 0) broken("gc_init fails twice, though no request failed any more");
  static void *ranges[200];
  for (int i = 0; i < 200; i += 2) note_error(gc_roots_add(&ranges[i], sizeof(void *)));
  try_ties();
  try_pools();
  extend_list(20000, sizeof(struct node));
  gc_collect(GC_COLLECT_FULL);
  try_kinds();
  try_guards();
  use_threads();
  extend_list(3000, 1000);
  check_list();
  gc_collect(GC_COLLECT_FULL);
  check_list();
  for (int i = 0; i < 40; i++) gc_keep(note(gc_alloc_leaf(1 << 20)));
  list = NULL;
  collect();
  check_finalized();
  if (!gc_alloc(100000)) broken("no memory, long after the one failure");
  _exit(is_broken ? BROKEN : has_failed ? SAW_FAILURE : RAN_THROUGH);
}

START_TEST(each_request_for_memory_may_fail) {
  static char text[10000];
  unsigned failures = 0, quiet = 0, k = 1;
  for (; k < MOST_REQUESTS && quiet < QUIET_RUNS; k++) {
    int status = run_in_child(run_everything, &k, text, sizeof text);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != RAN_THROUGH && WEXITSTATUS(status) != SAW_FAILURE))
      ck_abort_msg("TREFOIL_FAIL_COMMIT=%u: wait status %#x: %s", k, (unsigned)status, text);
    bool is_quiet = WEXITSTATUS(status) == RAN_THROUGH;
    quiet = is_quiet ? quiet + 1 : 0;
    failures += !is_quiet;
  }
  ck_assert_uint_lt(k, MOST_REQUESTS);
  if (failures == 0) SKIP_TEST("the library was built without -Dchecks=true, which has TREFOIL_FAIL_COMMIT");
  printf("failing: %u of %u requests that failed were seen by the program\n", failures, k - 1 - QUIET_RUNS);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("failing");
  tcase_set_timeout(tests, 4 * TEST_SECONDS);
  tcase_add_test(tests, each_request_for_memory_may_fail);
  return suite_end();
}
