/* tests/api/barriers.c - TREFOIL_CHECK=barriers: a store that breaks the promise is named, once; nothing else is. */
#include "support.h"
#include <sys/wait.h>

struct node {
  struct node *next;
  uint64_t tag;
};

static char text[100000];

struct program {
  void (*run)(void);
  const char *check, *tracking, *limit;
};

static void run_program(void *argument) {
  const struct program *program = argument;
  struct gc_options options = GC_OPTIONS_INIT;
  forget_environment();
  setenv("TREFOIL_CHECK", program->check, 1);
  setenv("TREFOIL_MODE", "generational", 1);
  if (program->tracking) setenv("TREFOIL_TRACKING", program->tracking, 1);
  if (program->limit) setenv("TREFOIL_LIMIT", program->limit, 1);
  options.tracking = GC_TRACK_BARRIER;
  if (gc_init(&options) != 0) _exit(1);
  program->run();
}

/* What it wrote to standard error is in text then. */
static void run_checked(struct program program) {
  int status = run_in_child(run_program, &program, text, sizeof text);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x: %s", (unsigned)status, text);
}

static void minor(void) {
  gc_collect(GC_COLLECT_MINOR);
}

/* Old, tracked, and in the copy. */
static void **old_holder(size_t bytes) {
  void **holder = gc_alloc_root(bytes);
  minor();
  minor();
  return holder;
}

/* ---- What is named ---- */

static void forget_three(void) {
  void **holder = old_holder(64);
  struct node *young = gc_new(struct node), *other = gc_new(struct node);
  fprintf(stderr, "object %p word 24 was 0x0 is %p\n", (void *)holder, (void *)young);
  holder[3] = young;
  minor();
  minor();
  fprintf(stderr, "object %p word 24 was %p is %p\n", (void *)holder, (void *)young, (void *)other);
  holder[3] = other; /* old by now */
  gc_collect(GC_COLLECT_FULL);
  minor();
  void **large = old_holder(200000);
  fprintf(stderr, "object %p word 199992 was 0x0 is %p\n", (void *)large, (void *)((char *)young + 8));
  large[24999] = (char *)young + 8;
  minor();
  gc_collect(GC_COLLECT_FULL);
  gc_keep(young);
}

START_TEST(stores_without_announcement_are_named_once) {
  run_checked((struct program){.run = forget_three, .check = "barriers"});
  ck_assert_msg(count_lines(text) == 6, "%s", text);
  char *line = strtok(text, "\n");
  for (int i = 0; i < 3; i++) {
    char object[40], before[40], now[40], expected[300];
    size_t offset;
    ck_assert_msg(sscanf(line, "object %39s word %zu was %39s is %39s", object, &offset, before, now) == 4, "%s", line);
    snprintf(expected, sizeof expected,
             "trefoil: barrier missing: object %s + %zu: was %s, is %s, not announced by gc_write", object, offset,
             before, now);
    line = strtok(NULL, "\n");
    ck_assert_str_eq(line, expected);
    line = strtok(NULL, "\n");
  }
}
END_TEST

static atomic_bool finished;

static void *wait_attached(void *unused) {
  gc_thread_attach();
  while (!atomic_load(&finished)) usleep(100);
  return unused;
}

/* Beside other threads, who may have a store under way, some stops later. */
static void forget_beside_a_thread(void) {
  pthread_t thread;
  if (gc_thread_create(&thread, NULL, wait_attached, NULL) != 0) _exit(2);
  void **holder = old_holder(64);
  struct node *young = gc_new(struct node);
  holder[0] = young;
  for (int i = 0; i < 40; i++) minor();
  gc_keep(young);
  atomic_store(&finished, true);
  pthread_join(thread, NULL);
}

START_TEST(beside_threads_they_are_named_too) {
  run_checked((struct program){.run = forget_beside_a_thread, .check = "barriers"});
  ck_assert_msg(count_lines(text) == 1 && strstr(text, "barrier missing: object 0x"), "%s", text);
}
END_TEST

/* ---- What is not ---- */

static void keep_the_promise(void) {
  void **holder = old_holder(64), **large = old_holder(100000);
  struct node *node = gc_new(struct node), *copy[2] = {node, NULL};
  char *leaf = gc_alloc_leaf(64);
  minor();
  gc_write(&holder[0], (void *)node);
  gc_write_range(&holder[2], copy, sizeof copy);
  memcpy(&large[12000], copy, sizeof copy);
  gc_written(&large[12000], sizeof copy);
  *(uintptr_t *)&holder[4] = 12345; /* numbers, not pointers */
  *(uintptr_t *)&large[50] = ~(uintptr_t)node;
  memcpy(leaf, &node, sizeof node); /* is not looked at */
  struct node *young = gc_new(struct node);
  young->next = node; /* nothing was between its birth and the store */
  gc_write(&holder[5], (void *)young);
  minor();
  holder[0] = (char *)node + 8; /* the same object as before */
  holder[2] = NULL;
  gc_collect(GC_COLLECT_FULL);
  for (int round = 0; round < 40; round++) { /* cells and pages with new tenants */
    void **cell = gc_alloc(64), **run = gc_alloc(20000 + (size_t)round * 4096);
    cell[0] = run[1] = node;
    gc_write(&holder[6], (void *)run);
    minor();
    run = gc_realloc(run, 400000);
    gc_write(&run[49999], (void *)node);
    gc_write(&holder[6], (void *)run);
    if (round % 4 == 0) gc_collect(GC_COLLECT_FULL);
    if (round % 2) {
      gc_write(&holder[6], (void *)NULL);
      gc_free(run);
    }
    gc_free(cell);
  }
  gc_keep(leaf);
}

START_TEST(a_kept_promise_is_silent) {
  run_checked((struct program){.run = keep_the_promise, .check = "heap,barriers"});
  ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(other_trackings_are_not_checked) {
  run_checked((struct program){.run = forget_three, .check = "barriers", .tracking = "none"});
  ck_assert_msg(count_lines(text) == 4 && strstr(text, "TREFOIL_CHECK=barriers") && !strstr(text, "missing"), "%s",
                text);
}
END_TEST

/* ---- No memory for the copy ---- */

static void fill_and_forget(void) {
  void **holder = old_holder(64);
  void *most = gc_alloc(14 << 20);
  if (!most) _exit(2);
  for (int i = 0; i < 3; i++) {
    holder[i] = gc_new(struct node);
    if (!holder[i]) _exit(3);
    minor();
  }
  gc_keep(most);
}

START_TEST(without_memory_the_check_ends) {
  run_checked((struct program){.run = fill_and_forget, .check = "barriers", .limit = "24M"});
  ck_assert_msg(count_lines(text) == 1 && strstr(text, "TREFOIL_CHECK=barriers: no "), "%s", text);
}
END_TEST

int main(void) {
  TCase *tests = suite_begin("barriers");
  tcase_add_test(tests, stores_without_announcement_are_named_once);
  tcase_add_test(tests, beside_threads_they_are_named_too);
  tcase_add_test(tests, a_kept_promise_is_silent);
  tcase_add_test(tests, other_trackings_are_not_checked);
  tcase_add_test(tests, without_memory_the_check_ends);
  return suite_end();
}
