/* tests/model/stores.c - the ways in which a program writes pointers into an object, which is old as often as not:
 * plain stores, memcpy, memset, a system call, and the functions of trefoil/gc.h. See model.h.
 */
#include "model.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <trefoil/gc.h>

enum way { WAY_STORE, WAY_WRITE, WAY_COPY, WAY_RANGE, WAY_READ, WAY_COUNT };

/* A stop between the announcement and the call closes the pages again: then the call is tried anew. */
enum { TRIES = 1000 };

bool model_announces;

void stores_open(struct world *world) {
  if (pipe(world->pipe) != 0) fail(world, "no pipe");
}

void stores_close(struct world *world) {
  close(world->pipe[0]);
  close(world->pipe[1]);
}

static void announce(void *start, size_t bytes) {
  if (model_announces) gc_written(start, bytes);
}

static void store_words(void **slots, void *const *values, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    if (model_announces) gc_write(&slots[i], values[i]);
    else slots[i] = values[i];
  }
}

/* The pipe is empty before and after. */
static void read_words(struct world *world, void **slots, void *const *values, size_t bytes) {
  size_t done = 0;
  if (write(world->pipe[1], values, bytes) != (ssize_t)bytes) fail(world, "cannot write to a pipe");
  for (int tries = 0; done < bytes; tries++) {
    gc_will_write((char *)slots + done, bytes - done);
    ssize_t read_bytes = read(world->pipe[0], (char *)slots + done, bytes - done);
    if (read_bytes > 0) done += (size_t)read_bytes;
    else if ((errno != EFAULT && errno != EINTR) || tries == TRIES) fail(world, "read(2): %s", strerror(errno));
  }
}

static bool all_null(void *const *values, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    if (values[i]) return false;
  return true;
}

NOT_INLINED void store_links(struct world *world, void **slots, void *const *values, unsigned count) {
  size_t bytes = count * sizeof *slots;
  enum way way = choose(&world->chooser, WAY_COUNT);
  switch (way) {
  case WAY_STORE:
    store_words(slots, values, count);
    return;
  case WAY_WRITE:
    for (unsigned i = 0; i < count; i++) gc_write(&slots[i], values[i]);
    return;
  case WAY_COPY:
    if (all_null(values, count)) memset(slots, 0, bytes);
    else memcpy(slots, values, bytes);
    break;
  case WAY_RANGE:
    gc_write_range(slots, values, bytes);
    return;
  default:
    read_words(world, slots, values, bytes);
  }
  announce(slots, bytes);
}

NOT_INLINED void shift_links(struct world *world, void **slots, unsigned count, bool is_up) {
  void **to = slots + is_up, **from = slots + !is_up;
  size_t bytes = (count - 1) * sizeof *slots;
  if (choose(&world->chooser, 2) == 0) {
    gc_write_range(to, from, bytes);
    return;
  }
  void *copy[LINK_LIMIT]; /* the values must be somewhere until they are announced */
  memcpy(copy, from, bytes);
  memmove(to, from, bytes);
  announce(to, bytes);
  gc_keep(copy);
}
