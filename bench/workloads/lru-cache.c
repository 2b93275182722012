/* lru-cache - a cache of strings that forgets what was used least recently: a hash table with chains, and a list in
 * the order of use. Some keys are asked for far more often than others; a miss makes a key, a value and an entry, and
 * the entry at the end of the list dies. Every hit moves an old entry to the front, which writes to old objects.
 *
 * Values are texts of 32 to 511 bytes that follow from their key. With fill=1 the cache is full before the clock
 * starts. over_live is the most memory that the process held until the clock stopped, less the shadow of reference
 * counts, over the live size: the cells of what a collection finds reachable then, or, where nobody tells, what was
 * asked for. Verified: each value on a hit; after the clock stopped the same requests run on a model without strings,
 * and the number of hits and the order of the whole list must be the same.
 */
#include "shim.h"

#include <stdlib.h>
#include <string.h>

struct entry {
  struct entry *next; /* of the same bucket */
  struct entry *newer, *older;
  char *key, *value; /* leaves */
  uint32_t bucket, id;
};

struct cache {
  struct entry **buckets;
  struct entry *newest, *oldest;
  uint32_t bucket_mask, count, capacity;
};

static uint64_t allocations;

static uint32_t hash_text(const char *text) {
  uint32_t hash = 2166136261u;
  for (; *text != '\0'; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
  return hash;
}

/* The product of two even draws: of ten requests four go to a tenth of the keys. */
static uint32_t draw_id(struct bench_random *random, uint32_t ids) {
  return bench_random_below(random, bench_random_below(random, ids) + 1);
}

static size_t value_bytes(uint32_t id) {
  return 32 + (id * 2654435761u >> 16) % 480;
}

static char *text_copy(const char *text, size_t bytes) {
  allocations++;
  return memcpy(bench_alloc_leaf(bytes), text, bytes);
}

static char *value_new(uint32_t id) {
  size_t bytes = value_bytes(id);
  char *value = bench_alloc_leaf(bytes);
  allocations++;
  memset(value, 'a' + (int)(id % 26), bytes - 1);
  value[bytes - 1] = '\0';
  return value;
}

static void check_value(const struct entry *entry) {
  char expected = (char)('a' + entry->id % 26);
  size_t bytes = value_bytes(entry->id);
  if (entry->value[0] != expected || entry->value[bytes - 2] != expected || entry->value[bytes - 1] != '\0')
    bench_fail("the value of %s was overwritten", entry->key);
}

static void list_remove(struct cache *cache, struct entry *entry) {
  bench_store(entry->newer == NULL ? &cache->newest : &entry->newer->older, entry->older);
  bench_store(entry->older == NULL ? &cache->oldest : &entry->older->newer, entry->newer);
}

static void list_push(struct cache *cache, struct entry *entry) {
  entry->newer = NULL;
  bench_store(&entry->older, cache->newest);
  bench_store(cache->newest == NULL ? &cache->oldest : &cache->newest->newer, entry);
  cache->newest = entry;
}

static void evict(struct cache *cache) {
  struct entry *entry = cache->oldest, **link = &cache->buckets[entry->bucket];
  list_remove(cache, entry);
  while (*link != NULL && *link != entry) link = &(*link)->next;
  if (*link == NULL) bench_fail("an entry of the list is not in the table: it was overwritten");
  bench_store(link, entry->next);
  cache->count--;
  bench_free(entry->key);
  bench_free(entry->value);
  bench_free(entry);
}

static struct entry *find(const struct cache *cache, uint32_t bucket, const char *key) {
  struct entry *entry = cache->buckets[bucket];
  while (entry != NULL && strcmp(entry->key, key) != 0) entry = entry->next;
  return entry;
}

static void insert(struct cache *cache, uint32_t id, uint32_t bucket, const char *key) {
  if (cache->count == cache->capacity) evict(cache);
  struct entry *entry = bench_alloc(sizeof *entry);
  allocations++;
  *entry = (struct entry){.bucket = bucket, .id = id};
  bench_store(&entry->next, cache->buckets[bucket]);
  bench_store(&cache->buckets[bucket], entry);
  bench_store(&entry->key, text_copy(key, strlen(key) + 1));
  bench_store(&entry->value, value_new(id));
  list_push(cache, entry);
  cache->count++;
}

/* Whether it was there. */
static bool ask(struct cache *cache, uint32_t id) {
  char key[32];
  snprintf(key, sizeof key, "customer/%08x/name", (unsigned)id);
  uint32_t bucket = hash_text(key) & cache->bucket_mask;
  struct entry *entry = find(cache, bucket, key);
  if (entry == NULL) {
    insert(cache, id, bucket, key);
    return false;
  }
  check_value(entry);
  list_remove(cache, entry);
  list_push(cache, entry);
  return true;
}

static struct cache cache_new(uint32_t capacity) {
  struct cache cache = {.capacity = capacity, .bucket_mask = 1};
  while (cache.bucket_mask < capacity) cache.bucket_mask = cache.bucket_mask << 1 | 1;
  cache.buckets = bench_alloc((cache.bucket_mask + 1ull) * sizeof cache.buckets[0]);
  for (uint32_t i = 0; i <= cache.bucket_mask; i++) cache.buckets[i] = NULL;
  return cache;
}

/* ---- The model: the same cache with the id as its own place, in memory from malloc ---- */

struct model {
  uint32_t *newer, *older; /* of an id; place 0 is both ends, so that ids count from 1 */
  uint8_t *is_cached;
  uint32_t count;
};

static void model_remove(struct model *model, uint32_t id) {
  model->older[model->newer[id]] = model->older[id];
  model->newer[model->older[id]] = model->newer[id];
}

static bool model_ask(struct model *model, uint32_t id, uint32_t capacity) {
  bool is_hit = model->is_cached[id];
  if (is_hit) model_remove(model, id);
  else if (model->count == capacity) {
    uint32_t oldest = model->newer[0];
    model_remove(model, oldest);
    model->is_cached[oldest] = 0;
  } else model->count++;
  model->is_cached[id] = 1;
  model->newer[id] = 0;
  model->older[id] = model->older[0];
  model->newer[model->older[0]] = id;
  model->older[0] = id;
  return is_hit;
}

static void check_against_model(const struct cache *cache, uint64_t filling, uint64_t operations, uint32_t ids,
                                uint64_t hits) {
  struct model model = {calloc(ids + 1ull, 4), calloc(ids + 1ull, 4), calloc(ids + 1ull, 1), 0};
  struct bench_random random = {1};
  if (model.newer == NULL || model.older == NULL || model.is_cached == NULL) bench_fail("no memory for the model");
  for (uint64_t i = 0; i < filling; i++) model_ask(&model, draw_id(&random, ids) + 1, cache->capacity);
  for (uint64_t i = 0; i < operations; i++) hits -= model_ask(&model, draw_id(&random, ids) + 1, cache->capacity);
  if (hits != 0) bench_fail("other hits than the model's: a key was overwritten");
  uint32_t id = model.older[0];
  for (const struct entry *entry = cache->newest; entry != NULL; entry = entry->older, id = model.older[id]) {
    if (entry->id + 1 != id) bench_fail("the order of the list was overwritten");
    check_value(entry);
  }
  if (id != 0) bench_fail("fewer entries are left than the model has");
  free(model.newer);
  free(model.older);
  free(model.is_cached);
}

/* ---- What is reported ---- */

static uint64_t asked_bytes(const struct cache *cache) {
  uint64_t bytes = (cache->bucket_mask + 1ull) * sizeof cache->buckets[0];
  for (const struct entry *entry = cache->newest; entry != NULL; entry = entry->older)
    bytes += sizeof *entry + strlen(entry->key) + 1 + value_bytes(entry->id);
  return bytes;
}

static void report_memory(const struct cache *cache) {
  double shadow_bytes = (double)bench_shadow_bytes(), peak_bytes = (double)bench_peak_bytes();
  bench_figure("timed_full", (double)bench_counters_since_start().full_collections);
  bench_collect();
  double asked = (double)asked_bytes(cache), reachable = (double)bench_reachable_bytes();
  double live_bytes = reachable > asked ? reachable : asked;
  bench_figure("asked_bytes", asked);
  bench_figure("live_bytes", live_bytes);
  bench_figure("over_live", (peak_bytes - shadow_bytes) / live_bytes);
}

int main(int argc, char **argv) {
  bench_start("lru-cache", argc, argv);
  uint64_t capacity = bench_parameter("capacity", 200000);
  uint64_t operations = bench_parameter("operations", 4000000);
  bool is_filled = bench_parameter("fill", 0) != 0;
  if (capacity == 0 || capacity > 1u << 28) bench_fail("capacity must be from 1 to 256M");
  uint32_t ids = (uint32_t)(capacity * 4);
  struct cache cache = cache_new((uint32_t)capacity);
  struct bench_random random = {1};
  uint64_t hits = 0, filling = 0;
  for (; is_filled && cache.count < capacity; filling++) ask(&cache, draw_id(&random, ids));
  allocations = 0;

  bench_time_start();
  for (uint64_t i = 0; i < operations; i++) hits += ask(&cache, draw_id(&random, ids));
  bench_time_stop();
  report_memory(&cache);
  bench_figure("operation_ns", (double)bench_elapsed_ns() / (double)operations);
  bench_figure("hits_percent", (double)hits * 100 / (double)operations);
  check_against_model(&cache, filling, operations, ids, hits);
  return bench_finish(allocations);
}
