/* tests/model/mailbox.c - boxes through which worlds hand objects to each other; see model.h. A box is static data, so
 * an object in it is held by nothing but the box.
 */
#include "model.h"
#include <pthread.h>
#include <string.h>
#include <trefoil/gc.h>

struct box {
  void *object;
  struct entry entry;
};

static struct box boxes[BOX_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *mailbox_take(struct world *world, unsigned box, int *index) {
  void *object = NULL;
  pthread_mutex_lock(&lock);
  struct box *from = &boxes[box];
  if (from->object && world->free_count > 0) {
    object = from->object;
    from->object = NULL;
    *index = world->free_entries[--world->free_count];
    world->entries[*index] = from->entry;
    world->entries[*index].references = 0;
    world->bytes += from->entry.bytes;
  }
  pthread_mutex_unlock(&lock);
  return object;
}

bool mailbox_put(struct world *world, unsigned box, int entry) {
  pthread_mutex_lock(&lock);
  bool is_free = boxes[box].object == NULL;
  if (is_free) {
    boxes[box].entry = world->entries[entry];
    boxes[box].object = (void *)~world->entries[entry].hidden_address;
  }
  pthread_mutex_unlock(&lock);
  return is_free;
}

uint64_t mailbox_bytes(void) {
  uint64_t bytes = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < BOX_COUNT; i++) bytes += gc_size(boxes[i].object);
  pthread_mutex_unlock(&lock);
  return bytes;
}

void mailbox_clear(void) {
  pthread_mutex_lock(&lock);
  memset(boxes, 0, sizeof boxes);
  pthread_mutex_unlock(&lock);
}
