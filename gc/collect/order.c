/* collect/order.c - see order.h. The search keeps its state in lists of its own, since a liveness byte has no room. */
#include "collect/order.h"
#include "base/check.h"

#include <string.h>

/* Nodes are numbered as they are met. low: the least open node that is known to be reached from this one; closed ones
 * have their component behind them. */
struct node {
  size_t granule;
  uint32_t low;
  bool is_closed;
};

struct frame {
  size_t at, end; /* offsets of the words that are left */
  uint32_t node;
};

enum { NODES, SLOTS, OPEN, FRAMES };

struct search {
  const struct gc__order *order;
  struct gc__region *memory;
  struct node *nodes;
  uint32_t *slots; /* a hash table of node numbers, plus 1 */
  uint32_t *open;  /* nodes whose component is not complete */
  struct frame *frames;
  size_t node_count, slot_count, open_count, frame_count;
  const struct gc__layout *layout; /* of the object of the last frame */
  uint32_t *result;                /* filled from its end */
  size_t result_at;
};

#define FIRST_SLOTS ((size_t)4096)
#define NODES_MOST  ((size_t)UINT32_MAX - 1)

static size_t slot_of(const struct search *search, size_t granule) {
  size_t mask = search->slot_count - 1, slot = (granule * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
  while (search->slots[slot] && search->nodes[search->slots[slot] - 1].granule != granule) slot = (slot + 1) & mask;
  return slot;
}

static bool grow_slots(struct search *search) {
  size_t count = search->slot_count ? search->slot_count * 2 : FIRST_SLOTS;
  if (!gc__region_commit(&search->memory[SLOTS], count * sizeof *search->slots)) return false;
  search->slots = (void *)search->memory[SLOTS].start;
  memset(search->slots, 0, count * sizeof *search->slots);
  search->slot_count = count;
  for (size_t i = 0; i < search->node_count; i++)
    search->slots[slot_of(search, search->nodes[i].granule)] = (uint32_t)i + 1;
  return true;
}

/* A new node, open, with a frame for its words. False: no memory. */
static bool enter(struct search *search, size_t granule) {
  if (search->node_count * 2 >= search->slot_count && !grow_slots(search)) return false;
  if (search->node_count >= NODES_MOST ||
      !gc__region_commit(&search->memory[NODES], (search->node_count + 1) * sizeof *search->nodes) ||
      !gc__region_commit(&search->memory[OPEN], (search->open_count + 1) * sizeof *search->open) ||
      !gc__region_commit(&search->memory[FRAMES], (search->frame_count + 1) * sizeof *search->frames))
    return false;
  search->nodes = (void *)search->memory[NODES].start;
  search->open = (void *)search->memory[OPEN].start;
  search->frames = (void *)search->memory[FRAMES].start;
  struct gc__place place = gc__space_place(&search->order->heap->space, granule * GC__GRANULE_BYTES);
  uint32_t node = (uint32_t)search->node_count++;
  size_t start = granule * GC__GRANULE_BYTES;
  search->slots[slot_of(search, granule)] = node + 1;
  search->nodes[node] = (struct node){.granule = granule, .low = node};
  search->open[search->open_count++] = node;
  search->frames[search->frame_count++] =
      (struct frame){.at = start, .end = place.kind == GC__KIND_LEAF ? start : start + place.bytes, .node = node};
  search->layout = gc__layout_of(search->order->heap, granule);
  return true;
}

/* The object that a word leads to, if the search goes on there; SIZE_MAX: none. */
static size_t target_of_word(const struct search *search, size_t word) {
  const struct gc__heap *heap = search->order->heap;
  size_t offset = word - heap->space.base;
  if (offset >= heap->space.span_bytes) return SIZE_MAX;
  size_t granule = gc__space_granule_of(&heap->space, offset);
  if (granule == SIZE_MAX || !gc__heap_is_given(heap, granule)) return SIZE_MAX;
  if (!search->order->interior_in_heap && !gc__space_is_start(&heap->space, offset, granule)) return SIZE_MAX;
  return search->order->is_reached(search->order->context, granule) ? SIZE_MAX : granule;
}

static void lower_node(struct search *search, uint32_t node, uint32_t low) {
  if (low < search->nodes[node].low) search->nodes[node].low = low;
}

/* ---- Components ---- */

/* Shell's method, by number of registration. Numbers start over after 2^32. */
static void sort_by_registration(const struct gc__ties *ties, uint32_t *candidates, size_t count) {
  size_t gap = 1;
  while (gap < count / 3) gap = gap * 3 + 1;
  for (; gap; gap /= 3)
    for (size_t i = gap; i < count; i++) {
      uint32_t candidate = candidates[i], number = gc__tie_at(ties, candidate)->link;
      size_t at = i;
      for (; at >= gap && (int32_t)(gc__tie_at(ties, candidates[at - gap])->link - number) > 0; at -= gap)
        candidates[at] = candidates[at - gap];
      candidates[at] = candidate;
    }
}

/* The component that begins with this node is complete: its candidates go before all that came so far. */
static void close_component(struct search *search, uint32_t node) {
  const struct gc__ties *ties = &search->order->heap->ties;
  size_t end = search->result_at;
  uint32_t member;
  do {
    member = search->open[--search->open_count];
    search->nodes[member].is_closed = true;
    uint32_t candidate = gc__ties_find(ties, search->nodes[member].granule, GC__TIE_FINALIZER);
    if (candidate && search->result_at) search->result[--search->result_at] = candidate;
  } while (member != node);
  sort_by_registration(ties, search->result + search->result_at, end - search->result_at);
}

static void leave(struct search *search) {
  uint32_t node = search->frames[--search->frame_count].node;
  if (search->nodes[node].low == node) close_component(search, node);
  if (!search->frame_count) return;
  uint32_t parent = search->frames[search->frame_count - 1].node;
  if (!search->nodes[node].is_closed) lower_node(search, parent, search->nodes[node].low);
  search->layout = gc__layout_of(search->order->heap, search->nodes[parent].granule);
}

/* Looks at the next word of the last frame. False: no memory. */
GC__UNINSTRUMENTED static bool step(struct search *search) {
  struct frame *frame = &search->frames[search->frame_count - 1];
  size_t at = frame->at, start = search->nodes[frame->node].granule * GC__GRANULE_BYTES;
  frame->at += sizeof(size_t);
  if (search->layout && !gc__layout_declares(search->layout, at - start)) return true;
  size_t word = *(const volatile size_t *)(search->order->heap->space.base + at);
  size_t target = target_of_word(search, word);
  if (target == SIZE_MAX) return true;
  uint32_t known = search->slots[slot_of(search, target)];
  if (!known) return enter(search, target);
  if (!search->nodes[known - 1].is_closed) lower_node(search, frame->node, known - 1);
  return true;
}

static bool search_from(struct search *search, size_t granule) {
  if (search->slot_count && search->slots[slot_of(search, granule)]) return true;
  if (!enter(search, granule)) return false;
  while (search->frame_count) {
    const struct frame *frame = &search->frames[search->frame_count - 1];
    if (frame->at == frame->end) leave(search);
    else if (!step(search)) return false;
  }
  return true;
}

/* From the last to the first, since what is found later comes first. The result lies behind the candidates. */
bool gc__order_candidates(const struct gc__order *order, uint32_t *candidates, uint32_t count) {
  struct gc__ties *ties = &order->heap->ties;
  struct search search = {.order = order, .memory = ties->order_memory, .result_at = count};
  if (count < 2) return true;
  bool done = gc__region_commit(&ties->scratch_memory, ((size_t)ties->count + count) * sizeof *candidates);
  search.result = ties->scratch + ties->count;
  for (uint32_t i = count; done && i-- > 0;) done = search_from(&search, gc__tie_at(ties, candidates[i])->granule);
  if (done) memcpy(candidates, search.result, count * sizeof *candidates);
  else sort_by_registration(ties, candidates, count);
  for (unsigned i = 0; i < 4; i++) gc__region_trim(&search.memory[i], 0);
  return done;
}
