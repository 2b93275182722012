/* mode/mark_sweep.c - see mark_sweep.h. */
#include "mode/mark_sweep.h"
#include "os/clock.h"

void gc__mark_sweep_collect(struct gc__collector *collector) {
  struct gc__heap *heap = &collector->heap;
  struct gc__thread *first = collector->world.first;
  uint64_t start_ns = gc__clock_ns();
  for (struct gc__thread *thread = first; thread; thread = thread->next) gc__local_before_stop(heap, &thread->local);
  uint8_t epoch = gc__heap_next_epoch(heap);
  collector->last_counts = gc__crew_trace(&collector->crew, &collector->roots, epoch);
  gc__heap_end_trace(heap, epoch);
  for (struct gc__thread *thread = first; thread; thread = thread->next) gc__local_after_stop(heap, &thread->local);
  collector->live_bytes = collector->last_counts.marked_bytes;
  collector->objects_marked += collector->last_counts.marked_objects;
  collector->mark_ns += gc__clock_ns() - start_ns;
  gc__word_set(&collector->number, collector->number + 1);
}
