/* tests/model/model.h - random operations on the heap beside a shadow graph that knows what is reachable.
 *
 * A world is one thread's part: a table of shadow entries, one for each object that the model may still name, and a
 * set of roots of every kind. The shadow lives in malloc memory and keeps addresses only in a hidden form, so that it
 * never keeps an object alive. Operations name objects only by paths from roots, as a program would; what no path
 * leads to is garbage, and the shadow forgets it at the next verification.
 *
 * Each object begins with a tag, then its links (pointers to the start or the inside of other objects), then a pattern
 * that depends on its number. [model.whole] Whatever is reachable has its tag, links and pattern at every verification.
 * [model.gone] When everything was dropped, hardly anything is live after GONE_WITHIN rounds of full collections. At
 * other verifications a bound is loose only: an address of an object's start in a root also keeps the object before it,
 * and what that leads to, which the shadow has forgotten.
 *
 * Choices come from a chooser: a random generator with a seed, or a string of bytes (a fuzzer's, or a recording).
 */
#ifndef TREFOIL_TESTS_MODEL_MODEL_H
#define TREFOIL_TESTS_MODEL_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
  TABLE_ROOTS = 24,  /* malloc memory under gc_roots_add */
  STATIC_ROOTS = 24, /* static data; a world owns a row of it */
  THREAD_ROOTS = 16, /* thread-local */
  STACK_ROOTS = 24,  /* in the frame that runs the operations */
  ENDING_ROOTS = 16, /* in that frame too, as addresses one past the end */
  OBJECT_ROOTS = 16, /* links of a root object */
  ROOT_COUNT = TABLE_ROOTS + STATIC_ROOTS + THREAD_ROOTS + STACK_ROOTS + ENDING_ROOTS + OBJECT_ROOTS,
  LINK_LIMIT = 12,
  WORLD_LIMIT = 16,
  WEAK_SLOTS = 32,
  FINALIZER_LIMIT = 1 << 16,
  GONE_WITHIN = 4
};

/* What an object was made by; it decides whether links are allowed and what gc_realloc must keep. */
enum kind {
  KIND_SCANNED,
  KIND_LEAF,
  KIND_TYPED,
  KIND_ALIGNED,
  KIND_ARRAY,
  KIND_LEAF_ARRAY,
  KIND_COMMON,
  KIND_GUARDED = KIND_COMMON
};

struct entry {
  uintptr_t hidden_address; /* complement of the address; 0: the entry is unused */
  size_t bytes;             /* as requested */
  size_t alignment;
  uint64_t number;
  enum kind kind;
  unsigned link_count;
  unsigned references;             /* from roots and links */
  bool is_reached;                 /* during a verification */
  int links[LINK_LIMIT];           /* entry, or -1 */
  size_t link_offsets[LINK_LIMIT]; /* how far inside the target the pointer points */
  int value;                       /* entry that the world's weak map has for this key, or -1 */
  int finalizer;                   /* record of its finalizer, plus 1; 0: it has none */
};

/* A weak reference that the world holds, and what it stands for. */
struct weak_slot {
  struct gc_weak *weak;
  int entry;
  uint64_t number;
};

/* What a finalizer is given: whose it is, and what must be true when it runs. */
struct finalizer {
  const struct world *world; /* may have ended, if there are several */
  uint64_t number;
  bool is_alone;
  atomic_size_t bytes;
  atomic_bool is_lost; /* no path leads to the object */
  atomic_bool is_done; /* it ran, or never shall */
};

struct chooser {
  uint64_t state;       /* of the generator, if bytes is NULL */
  const uint8_t *bytes; /* recorded choices */
  size_t byte_count, next_byte;
  FILE *record; /* where the choices go as well, or NULL */
};

struct world {
  struct chooser chooser;
  int number;
  bool is_alone; /* no other thread uses the heap */
  int pipe[2];   /* read(2) writes into objects */
  struct entry *entries;
  int *free_entries;
  int entry_count, free_count, entry_limit;
  uint64_t next_number;
  size_t bytes_limit;    /* the sum of bytes that the model tries to stay under */
  size_t bytes;          /* in entries that are in use */
  int roots[ROOT_COUNT]; /* entry, or -1 */
  size_t root_offsets[ROOT_COUNT];
  void **table_roots, **static_roots, **thread_roots, **object_roots;
  void *volatile *stack_roots;
  void *volatile *ending_roots;
  struct weak_slot weak_slots[WEAK_SLOTS];
  char *map_inside; /* an address of its start would keep the object before it as well */
  struct finalizer *finalizers;
  int finalizer_count;
  uint64_t operations_done;
  const char *operation; /* for reports */
  uint64_t digest;       /* of what verifications reached, with model_digests */
};

/* ---- chooser.c ---- */

uint8_t choose_byte(struct chooser *chooser);
unsigned choose(struct chooser *chooser, unsigned below); /* 0 .. below - 1; below: 1 to 65536 */
bool chooser_is_empty(const struct chooser *chooser);     /* recorded choices only */

/* ---- model.c ---- */

struct world_limits {
  int entries;  /* objects that the shadow may know at a time */
  size_t bytes; /* in them */
};

/* The thread that calls must be the one that runs; number: below WORLD_LIMIT, one world each. */
void world_start(struct world *world, int number, struct chooser chooser, struct world_limits limits, bool is_alone);

/* Runs operations until count are done or the choices end, then drops everything and verifies. The stack roots live in
 * its frame. */
void world_run(struct world *world, uint64_t count);
void world_end(struct world *world);

/* ---- stores.c ---- */

extern bool model_announces; /* the program promised barriers: every store of a pointer into an object is announced */

void stores_open(struct world *world);
void stores_close(struct world *world);

/* Writes count values into the words of an object, in a way of the chooser's. The values are reachable otherwise. */
void store_links(struct world *world, void **slots, void *const *values, unsigned count);

/* Moves count words of an object by one place up or down. */
void shift_links(struct world *world, void **slots, unsigned count, bool is_up);

/* ---- garbage.c ---- */

void do_young_garbage(struct world *world); /* [model.young] */
void do_old_garbage(struct world *world);   /* [model.old] */

/* ---- ties.c: weak references, a weak map, finalizers ---- */

/* [model.weak] A weak reference gives its object while that is reachable, and NULL once it was freed. [model.map] A key
 * that is reachable has its value, which counts as reachable from it. [model.final] A finalizer runs once, with its
 * object whole, when no path leads to that, and is not lost. Finalizers run where the model calls for them. */
void ties_open(struct world *world);
void ties_close(struct world *world);
void ties_forget_slots(struct world *world);                     /* lets go of the weak references */
void ties_check(struct world *world, const struct entry *entry); /* [model.map] of one object */
void ties_check_weak(struct world *world);                       /* after a verification */
void ties_drop(struct world *world, struct entry *entry);        /* the object ends, or changes hands */
void ties_forget(struct world *world, struct entry *entry);      /* no path leads to it */
void ties_check_gone(struct world *world);                       /* no lost finalizer is left, or nearly none */

void do_make_weak(struct world *world);
void do_put_in_map(struct world *world);
void do_set_finalizer(struct world *world);
void do_run_finalizers(struct world *world);

int walk(struct world *world); /* model.c: a reachable entry, some links away from a root; -1 if nothing is */
uint64_t entry_tag(uint64_t number);

/* ---- mailbox.c: objects without links change hands between worlds ---- */

/* Takes what lies in the box into a free entry; NULL: nothing, or no room. Only the result holds the object then. */
void *mailbox_take(struct world *world, unsigned box, int *index);

/* Puts an object into an empty box, which holds it from then on; the entry stays. */
bool mailbox_put(struct world *world, unsigned box, int entry);
uint64_t mailbox_bytes(void); /* in the cells of what lies in the boxes */
void mailbox_clear(void);
enum { BOX_COUNT = 64 };

void entry_release(struct world *world, int index); /* the shadow forgets it; its links are NULL */

/* ---- shadow.c ---- */

void *entry_address(const struct entry *entry);
void entry_fill(struct entry *entry);                             /* writes tag and pattern into a new object */
void entry_check(struct world *world, const struct entry *entry); /* [model.whole] of one object */
void **entry_link_slot(const struct entry *entry, unsigned link);
void entry_check_bytes_from(struct world *world, const struct entry *entry, size_t from); /* zero after a resize */

/* Checks [model.whole] for everything that is reachable and lets go of the rest. Result: bytes in reachable cells. */
uint64_t world_verify(struct world *world);
extern bool model_swaps;      /* cold parts of the heap go to a file, again and again: gc_swap_out */
extern bool model_has_buffer; /* the heap lies in a buffer, where no object is guarded */
extern bool model_digests;    /* every verification mixes all that is reachable into the world's digest */

/* Collects until garbage must be gone, and verifies; a world that is alone in the heap checks what else is live. */
void world_collect_and_verify(struct world *world);
void world_check_gone(struct world *world); /* [model.gone]; all roots are NULL, the boxes empty */
uint64_t live_bytes_after_collections(void);
void clear_stack(void); /* dead words below the caller's frame would keep garbage alive */
size_t choose_bytes(struct world *world);

#ifdef __clang__
#define NOT_INLINED __attribute__((noinline))
#else
#define NOT_INLINED __attribute__((noinline, noclone))
#endif

__attribute__((noreturn, format(printf, 2, 3))) void fail(const struct world *world, const char *format, ...);

#endif
