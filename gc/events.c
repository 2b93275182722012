/* events.c - telling the program what the collector did.
 *
 * Functions run on the thread that caused an event, with no lock held, after the world was restarted. The list of
 * functions is ordinary static data: the data pointers in it are roots ([runtime.own]).
 */
#include "runtime.h"
#include "os/clock.h"

#include <errno.h>

#define FUNCTIONS_MOST 8u

static struct {
  struct gc__lock lock;
  volatile unsigned count;
  struct {
    gc_event_fn *fn;
    void *data;
  } functions[FUNCTIONS_MOST];
} listeners = {.lock = GC__LOCK_INIT(GC__RANK_EVENTS)};

static _Thread_local bool is_delivering;

int gc_on_event(gc_event_fn *fn, void *data) {
  int error = fn ? 0 : EINVAL;
  if (!gc__attach()) return ENOMEM;
  gc__lock_take(&listeners.lock);
  unsigned count = listeners.count;
  if (!error && count == FUNCTIONS_MOST) error = ENOSPC;
  if (!error && !count) { /* nobody was told of what was before: it is no news */
    struct gc__runtime *runtime = &gc__runtime;
    gc__word_set(&runtime->grown_bytes_seen, gc__word_get(&runtime->collector.heap.grown_bytes));
    gc__word_set(&runtime->returned_bytes_seen, gc__word_get(&runtime->collector.heap.returned_bytes));
  }
  if (!error) {
    listeners.functions[count].fn = fn;
    listeners.functions[count].data = data;
    gc__flag_set(&listeners.count, count + 1);
  }
  gc__lock_give(&listeners.lock);
  if (error) errno = error;
  return error;
}

void gc__events_forget(void) {
  for (unsigned i = 0; i < FUNCTIONS_MOST; i++) listeners.functions[i].data = NULL;
  gc__flag_set(&listeners.count, 0);
}

static void tell(const struct gc_event *event) {
  unsigned count = gc__flag_get(&listeners.count);
  if (!count || is_delivering) return;
  is_delivering = true;
  for (unsigned i = 0; i < count; i++) listeners.functions[i].fn(event, listeners.functions[i].data);
  is_delivering = false;
}

/* The difference to what was told before; only one of several threads gets it. */
static size_t take_news(const volatile size_t *total, volatile size_t *seen) {
  size_t now = gc__word_get(total), before = gc__word_get(seen);
  return now != before && gc__word_swap_if(seen, before, now) ? now - before : 0;
}

void gc__events_deliver(void) {
  struct gc__runtime *runtime = &gc__runtime;
  if (GC__LIKELY(!gc__flag_get(&listeners.count))) return;
  size_t grown = take_news(&runtime->collector.heap.grown_bytes, &runtime->grown_bytes_seen);
  size_t returned = take_news(&runtime->collector.heap.returned_bytes, &runtime->returned_bytes_seen);
  if (grown) tell(&(struct gc_event){.kind = GC_EVENT_GROWN, .time_ns = gc__clock_ns(), .bytes = grown});
  if (returned) tell(&(struct gc_event){.kind = GC_EVENT_RETURNED, .time_ns = gc__clock_ns(), .bytes = returned});
}

void gc__events_collection(const struct gc__collection *made) {
  if (GC__LIKELY(!gc__flag_get(&listeners.count))) return;
  size_t limit = gc__word_peek(&gc__runtime.budget.limit_bytes);
  size_t away = gc__word_peek(&gc__runtime.collector.heap.swap.away_bytes);
  struct gc_event event = {.kind = GC_EVENT_COLLECTION_START,
                           .collection = made->is_full ? GC_COLLECT_FULL : GC_COLLECT_MINOR,
                           .time_ns = made->start_ns};
  tell(&event);
  event.kind = GC_EVENT_COLLECTION_END;
  event.time_ns = made->start_ns + made->pause_ns;
  event.pause_ns = made->pause_ns;
  event.bytes = made->live_bytes;
  tell(&event);
  event.kind = GC_EVENT_LIMIT_NEAR;
  if (made->live_bytes > away && made->live_bytes - away > limit / 8 * 7) tell(&event);
}
