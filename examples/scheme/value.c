/* value: see value.h. */
#include "value.h"

#include <string.h>

#include <trefoil/gc.h>

value cons(value head, value tail) {
  struct pair *pair = gc_new(struct pair);
  pair->car = head;
  pair->cdr = tail;
  return (value)((char *)pair + TAG_PAIR);
}

/* The second pointer goes half as fast and is met again on a circle (Floyd). */
ptrdiff_t list_length(value list) {
  ptrdiff_t length = 0;
  for (value slow = list; is_pair(list); slow = length % 2 ? slow : cdr(slow)) {
    list = cdr(list);
    length++;
    if (list == slow && is_pair(list)) return -1;
  }
  return list == value_nil ? length : -1;
}

value list_reverse(value list) {
  value reversed = value_nil;
  for (; is_pair(list); list = cdr(list)) reversed = cons(car(list), reversed);
  return reversed;
}

void *object_new(enum object_kind kind, size_t bytes) {
  struct object *object = gc_alloc(bytes);
  object->kind = kind;
  return object;
}

value flonum(double number) {
  struct flonum *flonum = gc_alloc_leaf(sizeof *flonum);
  flonum->object.kind = KIND_FLONUM;
  flonum->number = number;
  return &flonum->object;
}

value string_new(size_t length_bytes) {
  struct string *string = object_new(KIND_STRING, sizeof *string);
  string->length_bytes = length_bytes;
  string->bytes = gc_alloc_leaf(length_bytes + 1);
  return &string->object;
}

value string_from(const char *bytes, size_t length_bytes) {
  value string = string_new(length_bytes);
  if (length_bytes > 0) memcpy(string_of(string)->bytes, bytes, length_bytes);
  return string;
}

value vector_new(size_t length, value fill) {
  struct vector *vector = object_new(KIND_VECTOR, sizeof *vector + length * sizeof(value));
  vector->length = length;
  for (size_t i = 0; i < length; i++) vector->items[i] = fill;
  return &vector->object;
}

value vector_from_list(value list) {
  value vector = vector_new((size_t)list_length(list), value_nil);
  for (size_t i = 0; is_pair(list); list = cdr(list)) vector_of(vector)->items[i++] = car(list);
  return vector;
}

value list_from_array(const value *items, size_t count, value tail) {
  while (count > 0) tail = cons(items[--count], tail);
  return tail;
}
