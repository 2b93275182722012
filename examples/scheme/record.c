/* record: see record.h. Each procedure is a builtin with its type attached. */
#include "record.h"

#include <string.h>

#include <trefoil/gc.h>

#include "error.h"
#include "procedure.h"

struct construction {
  const struct record_type *type;
  size_t fields[]; /* which field each argument fills */
};

struct record_type *record_type_new(const struct symbol *name, size_t field_count) {
  struct record_type *type = object_new(KIND_RECORD_TYPE, sizeof *type + field_count * sizeof type->fields[0]);
  type->name = name;
  type->field_count = field_count;
  return type;
}

static value construct(const struct builtin *self, value *arguments, size_t count) {
  const struct construction *construction = self->attachment;
  size_t field_count = construction->type->field_count;
  struct record *record = object_new(KIND_RECORD, sizeof *record + field_count * sizeof(value));
  record->type = construction->type;
  for (size_t i = 0; i < field_count; i++) record->fields[i] = value_false;
  for (size_t i = 0; i < count; i++) record->fields[construction->fields[i]] = arguments[i];
  return &record->object;
}

static bool is_of_type(const struct builtin *self, value v) {
  return is_record(v) && record_of(v)->type == self->attachment;
}

static struct record *want_record(const struct builtin *self, value v) {
  if (is_of_type(self, v)) return record_of(v);
  const struct record_type *type = self->attachment;
  raise_about(v, "%s: not a record of type %s", self->name, symbol_name(type->name));
}

static value test(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return boolean(is_of_type(self, arguments[0]));
}

static value get(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return want_record(self, arguments[0])->fields[self->selector];
}

static value set(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  want_record(self, arguments[0])->fields[self->selector] = arguments[1];
  return value_unspecified;
}

value record_constructor(const struct record_type *type, const char *name, const size_t *fields, size_t field_count) {
  struct construction *construction = gc_alloc(sizeof *construction + field_count * sizeof *fields);
  construction->type = type;
  if (field_count > 0) memcpy(construction->fields, fields, field_count * sizeof *fields);
  value procedure = builtin_new(name, construct, field_count, field_count);
  builtin_of(procedure)->attachment = construction;
  return procedure;
}

static value attach(value procedure, const struct record_type *type, size_t field) {
  builtin_of(procedure)->attachment = (void *)type;
  builtin_of(procedure)->selector = field;
  return procedure;
}

value record_predicate(const struct record_type *type, const char *name) {
  return attach(builtin_new(name, test, 1, 1), type, 0);
}

value record_getter(const struct record_type *type, const char *name, size_t field) {
  return attach(builtin_new(name, get, 1, 1), type, field);
}

value record_setter(const struct record_type *type, const char *name, size_t field) {
  return attach(builtin_new(name, set, 2, 2), type, field);
}
