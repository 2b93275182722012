/* builtins_tables: hash tables, with the names of SRFI 69; keys are compared by equal?. */
#include "builtins.h"
#include "error.h"
#include "evaluator.h"

static value make_table(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)arguments, (void)count;
  return &table_new(TABLE_EQUAL)->object;
}

static value test_table(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(is_table(arguments[0]));
}

/* (hash-table-ref table key [thunk]) */
static value ref(const struct builtin *self, value *arguments, size_t count) {
  value datum = table_get(want_table(self, arguments[0]), arguments[1]);
  if (datum) return datum;
  if (count < 3) raise_about(arguments[1], "%s: no such key", self->name);
  return tail_call(want_procedure(self, arguments[2]), value_nil);
}

static value ref_default(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value datum = table_get(want_table(self, arguments[0]), arguments[1]);
  return datum ? datum : arguments[2];
}

static value set(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  table_put(want_table(self, arguments[0]), arguments[1], arguments[2]);
  return value_unspecified;
}

/* (hash-table-update!/default table key procedure default) */
static value update(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  struct table *table = want_table(self, arguments[0]);
  value key = arguments[1], datum = table_get(table, key);
  value old = datum ? datum : arguments[3];
  table_put(table, key, apply_procedure(want_procedure(self, arguments[2]), &old, 1));
  return value_unspecified;
}

static value remove_key(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  table_remove(want_table(self, arguments[0]), arguments[1]);
  return value_unspecified;
}

static value test_key(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return boolean(table_get(want_table(self, arguments[0]), arguments[1]) != NULL);
}

static value count_keys(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return fixnum((int64_t)want_table(self, arguments[0])->count);
}

static value to_list(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return table_as_list(want_table(self, arguments[0]));
}

static value list_keys(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value keys = value_nil;
  for (value rest = table_as_list(want_table(self, arguments[0])); is_pair(rest); rest = cdr(rest))
    keys = cons(car(car(rest)), keys);
  return keys;
}

const struct builtin_definition table_builtins[] = {
    {"make-hash-table", make_table, 0, 0, 0},
    {"hash-table?", test_table, 1, 1, 0},
    {"hash-table-ref", ref, 2, 3, 0},
    {"hash-table-ref/default", ref_default, 3, 3, 0},
    {"hash-table-set!", set, 3, 3, 0},
    {"hash-table-update!/default", update, 4, 4, 0},
    {"hash-table-delete!", remove_key, 2, 2, 0},
    {"hash-table-contains?", test_key, 2, 2, 0},
    {"hash-table-count", count_keys, 1, 1, 0},
    {"hash-table->alist", to_list, 1, 1, 0},
    {"hash-table-keys", list_keys, 1, 1, 0},
    {NULL, NULL, 0, 0, 0},
};
