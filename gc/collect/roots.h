/* collect/roots.h - where a trace starts: a list of ranges of words, each with the name of its source.
 *
 * The list is made anew for each collection, in memory that was reserved before the stop. Root objects in the heap are
 * not in it: the tracer finds them through the heap's own lists.
 */
#ifndef GC_COLLECT_ROOTS_H
#define GC_COLLECT_ROOTS_H

#include "collect/world.h"
#include "os/lock.h"
#include "os/segments.h"

/* What only a layer on top of the library knows is a root, too: a function that is called at each stop and names ranges
 * (trefoil/layer.h). It runs in the middle of gc__roots_gather, and again where the list was too short. */
struct gc__roots;
typedef void gc__roots_layer(struct gc__roots *roots, void *argument);

/* The last two lie in the heap, and only minor collections have them: what was written of tracked blocks, and open
 * blocks (heap/write_log.h). */
enum gc__root_source {
  GC__ROOT_LAYER, /* named by a layer on top, at each stop */
  GC__ROOT_STACK,
  GC__ROOT_THREAD_LOCAL,
  GC__ROOT_STATIC,
  GC__ROOT_ADDED,
  GC__ROOT_WRITTEN,
  GC__ROOT_OPEN
};

struct gc__root_range {
  struct gc__range range;
  enum gc__root_source source;
};

/* [roots.static] Large static segments are not read whole at a minor collection: where the kernel notes writes, it is
 * asked which of their pages were written. A page that was not holds no word that leads to a young object.
 * What pins objects from one stop to the next must be read at each: a mode that counts reads segments whole. */
struct gc__roots {
  struct gc__segments segments;
  struct gc__lock lock;           /* of the added ranges */
  struct gc__region added_memory; /* of struct gc__range, sorted */
  size_t added_count;
  struct gc__region watched_memory; /* of struct gc__range: whole pages of large static segments */
  size_t watched_count;
  size_t segment_from;           /* items of the list before those of the segment that is being asked about */
  struct gc__region list_memory; /* of struct gc__root_range */
  size_t count;
  size_t written_count;      /* ranges of written pages that the last minor collection had */
  bool is_short;             /* the list did not fit */
  bool reads_whole_segments; /* none is watched */
  gc__roots_layer *layer;    /* or NULL */
  void *layer_argument;
  size_t layer_count;       /* ranges that it named last */
  uintptr_t main_stack_end; /* that it named for the stack of the process' first thread; 0: the system's */
  bool skips_static;        /* it said that static data is no root */
  bool is_refused;          /* it could not name them */
  struct gc__range own;     /* the library's own state: no root, although it lies in static data */
  struct gc__range buffer;  /* nor is the heap in memory of the program's, wherever that lies */
};

bool gc__roots_open(struct gc__roots *roots, struct gc__budget *budget, struct gc__range own, struct gc__range buffer);
void gc__roots_close(struct gc__roots *roots);

/* 0, EINVAL, EEXIST, ENOMEM; and 0, ENOENT. The words are roots from the next stop on. */
int gc__roots_add(struct gc__roots *roots, struct gc__range range);
int gc__roots_remove(struct gc__roots *roots, uintptr_t start);

/* Makes room for the list, and has large segments watched. Registry lock held, segments up to date. False: no memory;
 * do not collect. */
bool gc__roots_reserve(struct gc__roots *roots, const struct gc__world *world, struct gc__heap *heap);

/* Makes the list, for a minor collection without what gc__roots_gather_written adds, and leaves room for that. World
 * stopped. False: so much was added since gc__roots_reserve that it does not fit, or the layer refused; nothing was
 * changed, do not trace. */
bool gc__roots_gather(struct gc__roots *roots, const struct gc__world *world, bool is_minor);

/* For the layer's function: one more range. */
void gc__roots_push(struct gc__roots *roots, struct gc__range range);

/* Adds what was written of old objects and of watched segments, after gc__roots_gather. World stopped. */
void gc__roots_gather_written(struct gc__roots *roots, struct gc__heap *heap);

static inline const struct gc__root_range *gc__roots_list(const struct gc__roots *roots) {
  return (const struct gc__root_range *)(const void *)roots->list_memory.start;
}

#endif
