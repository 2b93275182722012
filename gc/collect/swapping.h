/* collect/swapping.h - moving cold parts of the heap out of memory (heap/swap.h), and when that is due without a call.
 *
 * [swapping.stop] Units are saved while the program runs, and each stop takes at most GC__SWAP_STOP_UNITS of them: its
 * length does not follow the size of the heap, nor how much is to be moved.
 */
#ifndef GC_COLLECT_SWAPPING_H
#define GC_COLLECT_SWAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gc__collector;

struct gc__swapping {
  uint64_t failed_ns; /* when nothing could be moved last; 0: it could */
  uint64_t stops, stop_total_ns, stop_most_ns;
  uint64_t moved_bytes; /* in all */
};

/* Gives back at least that many bytes of memory, if so much is cold and the file takes it: how many it were, the shadow
 * of what went included. is_urgent: else a request for memory fails, so that what is not cold goes as well. The calling thread is attached and in no section. */
size_t gc__collector_swap_out(struct gc__collector *collector, size_t bytes, bool is_urgent);

/* What allocation may count on beyond the limit, before it is worth a collection. Collector lock held. */
size_t gc__swapping_room_bytes(const struct gc__collector *collector);

/* After a collection: what was written of what is away counts as memory again, and while more is in use than is
 * allowed, other units go. Collector lock held, in a section. */
void gc__swapping_settle(struct gc__collector *collector);

/* The same because the system says that memory is short: some of what is cold goes. */
void gc__swapping_relieve(struct gc__collector *collector);

#endif
