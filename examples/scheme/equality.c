/* equality: see equality.h. The collector does not move objects, so an address is a good hash. */
#include "equality.h"

#include <string.h>

#include "error.h"
#include "symbol.h"

enum { HASHED_ELEMENTS = 16, HASHED_DEPTH = 4 /* of lists and vectors; the rest does not count */ };

bool is_eqv(value left, value right) {
  if (left == right) return true;
  return is_flonum(left) && is_flonum(right) && flonum_number(left) == flonum_number(right);
}

static bool are_equal_strings(const struct string *left, const struct string *right) {
  return left->length_bytes == right->length_bytes && memcmp(left->bytes, right->bytes, left->length_bytes) == 0;
}

static bool are_equal_vectors(const struct vector *left, const struct vector *right) {
  if (left->length != right->length) return false;
  for (size_t i = 0; i < left->length; i++)
    if (!is_equal(left->items[i], right->items[i])) return false;
  return true;
}

bool is_equal(value left, value right) {
  stack_check();
  for (; is_pair(left) && is_pair(right) && left != right; left = cdr(left), right = cdr(right))
    if (!is_equal(car(left), car(right))) return false;
  if (is_eqv(left, right)) return true;
  if (is_string(left) && is_string(right)) return are_equal_strings(string_of(left), string_of(right));
  if (is_vector(left) && is_vector(right)) return are_equal_vectors(vector_of(left), vector_of(right));
  return false;
}

static uint32_t mix(uint64_t bits) {
  bits *= 0x9e3779b97f4a7c15u;
  return (uint32_t)(bits >> 32);
}

uint32_t hash_eq(value v) { return mix((uintptr_t)v); }

static uint32_t hash_to_depth(value v, int depth);

static uint32_t hash_pair(value list, int depth) {
  uint32_t hash = 1;
  for (int i = 0; is_pair(list) && i < HASHED_ELEMENTS; i++, list = cdr(list))
    hash = hash * 31 + hash_to_depth(car(list), depth - 1);
  return hash;
}

static uint32_t hash_vector(const struct vector *vector, int depth) {
  uint32_t hash = mix(vector->length);
  for (size_t i = 0; i < vector->length && i < HASHED_ELEMENTS; i++)
    hash = hash * 31 + hash_to_depth(vector->items[i], depth - 1);
  return hash;
}

static uint32_t hash_flonum(double number) {
  uint64_t bits;
  if (number == 0) number = 0; /* both zeros are equal */
  memcpy(&bits, &number, sizeof bits);
  return mix(bits);
}

static uint32_t hash_to_depth(value v, int depth) {
  if (depth == 0) return 0;
  if (is_pair(v)) return hash_pair(v, depth);
  if (is_string(v)) return hash_bytes(string_of(v)->bytes, string_of(v)->length_bytes);
  if (is_vector(v)) return hash_vector(vector_of(v), depth);
  if (is_flonum(v)) return hash_flonum(flonum_number(v));
  return hash_eq(v);
}

uint32_t hash_equal(value v) { return hash_to_depth(v, HASHED_DEPTH); }
