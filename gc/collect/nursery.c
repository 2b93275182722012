/* collect/nursery.c - see nursery.h. */
#include "collect/nursery.h"

#define FIRST_BYTES    ((size_t)4 << 20)
#define LEAST_BYTES    ((size_t)256 << 10)
#define KNEE_BYTES     ((size_t)8 << 20)
#define MOST_BYTES     ((size_t)64 << 20)
#define PAUSE_NS       UINT64_C(1000000)
#define SURVIVOR_NS    7
#define PAGE_NS        700  /* a written page: reading it and looking at its words */
#define FAULT_NS       1200 /* its first write, and arming it again */
#define MANY_PERCENT   20
#define HARDLY_PERCENT 2

/* A minor collection that costs four times as much as full ones do is enough for a rest, of others it takes four. */
#define COSTLY_MOST  4
#define FIRST_REST   4
#define LONGEST_REST 64

/* Full collections that take no longer, or not much longer than minor ones, are as good as these. */
#define SHORT_NS    UINT64_C(2000000)
#define SHORT_TIMES 4

/* What a full collection is expected to take before there was one: 8 ns for 32 bytes. */
#define EXPECTED_BYTES_PER_NS 4

/* Allocated between two full collections at most, in heaps. */
#define FULL_EVERY 8

static uint64_t predict_ns(const struct gc__nursery_sample *sample) {
  return (uint64_t)sample->survived_objects * SURVIVOR_NS + (uint64_t)sample->written_pages * PAGE_NS;
}

static uint64_t short_ns(const struct gc__nursery_sample *minor) {
  uint64_t bound_ns = minor->work_ns * SHORT_TIMES;
  return bound_ns > SHORT_NS ? bound_ns : SHORT_NS;
}

/* How many times as much as full collections, for a byte allocated, noticing and rereading what was written costs.
 * Where full ones are short all of a minor collection counts: generations are there for pauses that nobody would have.
 * One may have taken long because of what else the machine did to its caches, so that it takes two of them to say so.
 */
static unsigned relative_cost(const struct gc__nursery *nursery, const struct gc__nursery_sample *sample,
                              bool *is_for_short) {
  uint64_t full_ns = nursery->full_ns ? nursery->full_ns : sample->live_bytes / EXPECTED_BYTES_PER_NS;
  double full_cost = (double)full_ns * (double)sample->handed_bytes;
  if (full_cost <= 0) return 0;
  double share = (double)nursery->full_room_bytes / full_cost;
  double cost = (double)sample->written_pages * (FAULT_NS + PAGE_NS) * share;
  if (cost >= 1) return cost >= COSTLY_MOST ? COSTLY_MOST : (unsigned)cost;
  *is_for_short = nursery->full_ns && nursery->full_ns <= short_ns(sample) && (double)sample->work_ns * share >= 1;
  return *is_for_short ? COSTLY_MOST / 2 : 0;
}

/* A collection that somebody asked for before its time measures nothing. */
static void judge(struct gc__nursery *nursery, const struct gc__nursery_sample *sample) {
  bool is_for_short = false;
  unsigned cost = relative_cost(nursery, sample, &is_for_short);
  bool is_measure = !nursery->has_rested && sample->handed_bytes >= nursery->bytes / 2;
  nursery->has_rested = false;
  if (!is_measure) return;
  if (!cost) {
    nursery->costly_minors = 0;
    nursery->next_rest /= 2;
  }
  nursery->costly_minors += cost;
  if (nursery->costly_minors < COSTLY_MOST) return;
  nursery->costly_minors = 0;
  nursery->rest_most_ns = is_for_short ? short_ns(sample) : UINT64_MAX;
  nursery->rest_fulls = nursery->next_rest ? nursery->next_rest : FIRST_REST;
  nursery->next_rest = nursery->rest_fulls < LONGEST_REST ? nursery->rest_fulls * 2 : LONGEST_REST;
  nursery->has_rested = true;
}

static void adapt(struct gc__nursery *nursery, const struct gc__nursery_sample *sample) {
  size_t percent = sample->handed_bytes ? sample->survived_bytes * 100 / sample->handed_bytes : 0;
  uint64_t predicted_ns = predict_ns(sample);
  size_t knee = gc__nursery_thrifty(nursery, KNEE_BYTES), most = gc__nursery_thrifty(nursery, MOST_BYTES);
  bool may_double = sample->work_ns * 2 < PAUSE_NS && sample->handed_bytes >= nursery->bytes / 2;
  if (predicted_ns > PAUSE_NS && nursery->bytes > knee) nursery->bytes /= 2;
  else if (may_double && percent > MANY_PERCENT && nursery->bytes < most) nursery->bytes *= 2;
  else if (may_double && percent <= HARDLY_PERCENT && nursery->bytes < knee) nursery->bytes *= 2;
}

void gc__nursery_note(struct gc__nursery *nursery, const struct gc__nursery_sample *sample) {
  if (!nursery->bytes)
    nursery->bytes = nursery->wanted_bytes ? nursery->wanted_bytes : gc__nursery_thrifty(nursery, FIRST_BYTES);
  nursery->since_full_bytes += sample->handed_bytes;
  nursery->old_bytes = sample->live_bytes;
  if (sample->is_full) {
    nursery->since_full_bytes = 0;
    nursery->full_ns = sample->work_ns;
    nursery->costly_minors = 0;
    if (nursery->rest_fulls)
      nursery->rest_fulls = sample->work_ns > nursery->rest_most_ns ? 0 : nursery->rest_fulls - 1;
    return;
  }
  if (!nursery->wanted_bytes) adapt(nursery, sample);
  judge(nursery, sample);
}

/* Until the first full collection of a rest no more than until the one that would have come: the old objects may have
 * grown already. */
static size_t resting_bytes(const struct gc__nursery *nursery) {
  size_t before = nursery->full_live_bytes, room = nursery->full_room_bytes;
  size_t grown = nursery->old_bytes > before ? nursery->old_bytes - before : 0;
  size_t left = room > grown ? room - grown : 0;
  return left > nursery->bytes ? left : nursery->bytes;
}

size_t gc__nursery_allowance(struct gc__nursery *nursery, size_t room_bytes) {
  size_t bytes = nursery->bytes;
  if (!bytes) bytes = nursery->wanted_bytes ? nursery->wanted_bytes : gc__nursery_thrifty(nursery, FIRST_BYTES);
  if (nursery->rest_fulls) bytes = resting_bytes(nursery);
  nursery->is_tight = bytes > room_bytes;
  if (bytes > room_bytes) bytes = room_bytes;
  return bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
}

bool gc__nursery_wants_full(const struct gc__nursery *nursery, size_t live_bytes, bool is_crowded) {
  if (nursery->is_tight || nursery->rest_fulls) return true;
  if (nursery->since_full_bytes / FULL_EVERY >= nursery->full_live_bytes + nursery->full_room_bytes) return true;
  size_t grown_bytes = live_bytes > nursery->full_live_bytes ? live_bytes - nursery->full_live_bytes : 0;
  return grown_bytes >= (is_crowded ? nursery->full_room_bytes / 4 : nursery->full_room_bytes);
}
