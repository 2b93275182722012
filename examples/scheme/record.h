/* record: objects with named fields, made by define-record-type. */
#ifndef SCHEME_RECORD_H
#define SCHEME_RECORD_H

#include "symbol.h"
#include "value.h"

struct record_type {
  struct object object;
  const struct symbol *name;
  size_t field_count;
  const struct symbol *fields[];
};

static inline struct record_type *record_type_of(value v) { return (struct record_type *)v; }

struct record {
  struct object object;
  const struct record_type *type;
  value fields[];
};

static inline bool is_record(value v) { return is_kind(v, KIND_RECORD); }
static inline struct record *record_of(value v) { return (struct record *)v; }

struct record_type *record_type_new(const struct symbol *name, size_t field_count);

/* The procedures of a type: a constructor that takes values for these fields, a predicate, and for a field by its index
 * what reads and what sets it. The name is for messages. */
value record_constructor(const struct record_type *type, const char *name, const size_t *fields, size_t field_count);
value record_predicate(const struct record_type *type, const char *name);
value record_getter(const struct record_type *type, const char *name, size_t field);
value record_setter(const struct record_type *type, const char *name, size_t field);

#endif
