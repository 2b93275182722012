/* table: see table.h. */
#include "table.h"

#include <trefoil/gc.h>

#include "equality.h"

enum { FIRST_BUCKET_COUNT = 16 };

struct table *table_new(enum table_kind by) {
  struct table *table = object_new(KIND_TABLE, sizeof *table);
  table->by = by;
  table->bucket_count = FIRST_BUCKET_COUNT;
  table->buckets = gc_new_array(struct table_entry *, FIRST_BUCKET_COUNT);
  return table;
}

static uint32_t hash_key(const struct table *table, value key) {
  return table->by == TABLE_EQ ? hash_eq(key) : hash_equal(key);
}

/* The pointer that leads to the entry of a key, or to the end of its bucket. */
static struct table_entry **find(const struct table *table, value key, uint32_t hash) {
  struct table_entry **link = &table->buckets[hash & (table->bucket_count - 1)];
  for (; *link; link = &(*link)->next)
    if ((*link)->hash == hash && (table->by == TABLE_EQ ? (*link)->key == key : is_equal((*link)->key, key))) break;
  return link;
}

static void double_buckets(struct table *table) {
  size_t new_count = 2 * table->bucket_count;
  struct table_entry **grown = gc_new_array(struct table_entry *, new_count);
  for (size_t i = 0; i < table->bucket_count; i++)
    for (struct table_entry *entry = table->buckets[i], *next; entry; entry = next) {
      struct table_entry **head = &grown[entry->hash & (new_count - 1)];
      next = entry->next;
      entry->next = *head;
      *head = entry;
    }
  table->buckets = grown;
  table->bucket_count = new_count;
}

value table_get(const struct table *table, value key) {
  struct table_entry *entry = *find(table, key, hash_key(table, key));
  return entry ? entry->datum : NULL;
}

void table_put(struct table *table, value key, value datum) {
  uint32_t hash = hash_key(table, key);
  struct table_entry **link = find(table, key, hash);
  if (*link) {
    (*link)->datum = datum;
    return;
  }
  struct table_entry *entry = gc_new(struct table_entry);
  *entry = (struct table_entry){key, datum, NULL, hash};
  *link = entry;
  if (++table->count > 2 * table->bucket_count) double_buckets(table);
}

bool table_remove(struct table *table, value key) {
  struct table_entry **link = find(table, key, hash_key(table, key));
  if (!*link) return false;
  *link = (*link)->next;
  table->count--;
  return true;
}

value table_as_list(const struct table *table) {
  value list = value_nil;
  for (size_t i = 0; i < table->bucket_count; i++)
    for (struct table_entry *entry = table->buckets[i]; entry; entry = entry->next)
      list = cons(cons(entry->key, entry->datum), list);
  return list;
}
