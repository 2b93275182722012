/* table: a hash table from values to values, by eq? or by equal?. */
#ifndef SCHEME_TABLE_H
#define SCHEME_TABLE_H

#include "value.h"

enum table_kind { TABLE_EQ, TABLE_EQUAL };

struct table_entry {
  value key, datum;
  struct table_entry *next; /* in its bucket */
  uint32_t hash;
};

struct table {
  struct object object;
  enum table_kind by;
  size_t count;
  size_t bucket_count; /* a power of two */
  struct table_entry **buckets;
};

static inline bool is_table(value v) { return is_kind(v, KIND_TABLE); }
static inline struct table *table_of(value v) { return (struct table *)v; }

struct table *table_new(enum table_kind by);
value table_get(const struct table *table, value key); /* NULL: not there */
void table_put(struct table *table, value key, value datum);
bool table_remove(struct table *table, value key); /* false: was not there */

/* A list of (key . datum) pairs in no particular order. */
value table_as_list(const struct table *table);

#endif
