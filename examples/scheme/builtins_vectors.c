/* builtins_vectors: vectors. */
#include <stdint.h>

#include "builtins.h"
#include "error.h"

static value test_vector(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(is_vector(arguments[0]));
}

static value make_vector(const struct builtin *self, value *arguments, size_t count) {
  size_t length = want_index(self, arguments[0], PTRDIFF_MAX / sizeof(value) / 2);
  return vector_new(length, count > 1 ? arguments[1] : value_false);
}

static value vector_of_arguments(const struct builtin *self, value *arguments, size_t count) {
  (void)self;
  value vector = vector_new(count, value_false);
  for (size_t i = 0; i < count; i++) vector_of(vector)->items[i] = arguments[i];
  return vector;
}

static value length(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return fixnum((int64_t)want_vector(self, arguments[0])->length);
}

/* The place of an existing item. */
static value *item_at(const struct builtin *self, value argument, value index) {
  struct vector *vector = want_vector(self, argument);
  if (!is_fixnum(index) || fixnum_number(index) < 0 || (uint64_t)fixnum_number(index) >= vector->length)
    raise_about(index, "%s: not an index in range", self->name);
  return &vector->items[fixnum_number(index)];
}

static value ref(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return *item_at(self, arguments[0], arguments[1]);
}

static value set(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  *item_at(self, arguments[0], arguments[1]) = arguments[2];
  return value_unspecified;
}

static value to_list(const struct builtin *self, value *arguments, size_t count) {
  const struct vector *vector = want_vector(self, arguments[0]);
  struct range range = want_range(self, arguments + 1, count - 1, vector->length);
  return list_from_array(vector->items + range.start, range.end - range.start, value_nil);
}

static value from_list(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  want_list(self, arguments[0]);
  return vector_from_list(arguments[0]);
}

static value copy(const struct builtin *self, value *arguments, size_t count) {
  const struct vector *vector = want_vector(self, arguments[0]);
  struct range range = want_range(self, arguments + 1, count - 1, vector->length);
  value result = vector_new(range.end - range.start, value_false);
  for (size_t i = range.start; i < range.end; i++) vector_of(result)->items[i - range.start] = vector->items[i];
  return result;
}

static value fill(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  struct vector *vector = want_vector(self, arguments[0]);
  for (size_t i = 0; i < vector->length; i++) vector->items[i] = arguments[1];
  return value_unspecified;
}

const struct builtin_definition vector_builtins[] = {
    {"vector?", test_vector, 1, 1, 0},
    {"make-vector", make_vector, 1, 2, 0},
    {"vector", vector_of_arguments, 0, ANY_COUNT, 0},
    {"vector-length", length, 1, 1, 0},
    {"vector-ref", ref, 2, 2, 0},
    {"vector-set!", set, 3, 3, 0},
    {"vector->list", to_list, 1, 3, 0},
    {"list->vector", from_list, 1, 1, 0},
    {"vector-copy", copy, 1, 3, 0},
    {"vector-fill!", fill, 2, 2, 0},
    {NULL, NULL, 0, 0, 0},
};
