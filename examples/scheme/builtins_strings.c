/* builtins_strings: strings of bytes, and symbols. */
#include <string.h>

#include "builtins.h"
#include "error.h"
#include "text.h"

static value test_string(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(is_string(arguments[0]));
}

static value make_string(const struct builtin *self, value *arguments, size_t count) {
  size_t length_bytes = want_index(self, arguments[0], SIZE_MAX / 2);
  value string = string_new(length_bytes);
  memset(string_of(string)->bytes, count > 1 ? want_character(self, arguments[1]) : ' ', length_bytes);
  return string;
}

static value string_of_characters(const struct builtin *self, value *arguments, size_t count) {
  value string = string_new(count);
  for (size_t i = 0; i < count; i++) string_of(string)->bytes[i] = (char)want_character(self, arguments[i]);
  return string;
}

static value length(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return fixnum((int64_t)want_string(self, arguments[0])->length_bytes);
}

/* The place of an existing character. */
static char *byte_at(const struct builtin *self, value string, value index) {
  size_t length_bytes = want_string(self, string)->length_bytes;
  size_t at = want_index(self, index, length_bytes);
  if (at == length_bytes) raise_about(index, "%s: not an index in range", self->name);
  return string_of(string)->bytes + at;
}

static value ref(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return character((unsigned char)*byte_at(self, arguments[0], arguments[1]));
}

static value set(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  *byte_at(self, arguments[0], arguments[1]) = (char)want_character(self, arguments[2]);
  return value_unspecified;
}

/* (substring s start [end]), (string-copy s [start [end]]) */
static value copy(const struct builtin *self, value *arguments, size_t count) {
  const struct string *string = want_string(self, arguments[0]);
  struct range range = want_range(self, arguments + 1, count - 1, string->length_bytes);
  return string_from(string->bytes + range.start, range.end - range.start);
}

static value append(const struct builtin *self, value *arguments, size_t count) {
  size_t length_bytes = 0;
  for (size_t i = 0; i < count; i++) length_bytes += want_string(self, arguments[i])->length_bytes;
  value whole = string_new(length_bytes);
  char *end = string_of(whole)->bytes;
  for (size_t i = 0; i < count; i++) {
    const struct string *part = string_of(arguments[i]);
    memcpy(end, part->bytes, part->length_bytes);
    end += part->length_bytes;
  }
  return whole;
}

static int order_of_strings(const struct string *left, const struct string *right) {
  size_t common_bytes = left->length_bytes < right->length_bytes ? left->length_bytes : right->length_bytes;
  int order = memcmp(left->bytes, right->bytes, common_bytes);
  if (order != 0) return order < 0 ? -1 : 1;
  return left->length_bytes < right->length_bytes ? -1 : left->length_bytes > right->length_bytes;
}

/* The selector is a set of accepted orders: bit 0 for less, 1 for equal, 2 for greater. */
static value compare(const struct builtin *self, value *arguments, size_t count) {
  bool is_in_order = true;
  want_string(self, arguments[0]);
  for (size_t i = 1; i < count; i++) {
    int order = order_of_strings(string_of(arguments[i - 1]), want_string(self, arguments[i]));
    if (!(self->selector >> (order + 1) & 1)) is_in_order = false;
  }
  return boolean(is_in_order);
}

static value to_list(const struct builtin *self, value *arguments, size_t count) {
  const struct string *string = want_string(self, arguments[0]);
  struct range range = want_range(self, arguments + 1, count - 1, string->length_bytes);
  value list = value_nil;
  for (size_t i = range.end; i > range.start; i--) list = cons(character((unsigned char)string->bytes[i - 1]), list);
  return list;
}

static value from_list(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value list = arguments[0], string = string_new(want_list(self, list));
  for (size_t i = 0; is_pair(list); i++, list = cdr(list))
    string_of(string)->bytes[i] = (char)want_character(self, car(list));
  return string;
}

/* (string-search pattern string [start]): the index of the first match, or #f */
static value search(const struct builtin *self, value *arguments, size_t count) {
  const struct string *pattern = want_string(self, arguments[0]), *string = want_string(self, arguments[1]);
  size_t start = count > 2 ? want_index(self, arguments[2], string->length_bytes) : 0;
  for (size_t i = start; i + pattern->length_bytes <= string->length_bytes; i++)
    if (memcmp(string->bytes + i, pattern->bytes, pattern->length_bytes) == 0) return fixnum((int64_t)i);
  return value_false;
}

static value test_symbol(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(is_symbol(arguments[0]));
}

static value symbol_to_string(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  const struct string *name = string_of(want_symbol(self, arguments[0])->name);
  return string_from(name->bytes, name->length_bytes);
}

static value string_to_symbol(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  const struct string *name = want_string(self, arguments[0]);
  return &symbol_intern(name->bytes, name->length_bytes)->object;
}

const struct builtin_definition string_builtins[] = {
    {"string?", test_string, 1, 1, 0},
    {"make-string", make_string, 1, 2, 0},
    {"string", string_of_characters, 0, ANY_COUNT, 0},
    {"string-length", length, 1, 1, 0},
    {"string-ref", ref, 2, 2, 0},
    {"string-set!", set, 3, 3, 0},
    {"substring", copy, 2, 3, 0},
    {"string-copy", copy, 1, 3, 0},
    {"string-append", append, 0, ANY_COUNT, 0},
    {"string=?", compare, 1, ANY_COUNT, 2},
    {"string<?", compare, 1, ANY_COUNT, 1},
    {"string>?", compare, 1, ANY_COUNT, 4},
    {"string<=?", compare, 1, ANY_COUNT, 3},
    {"string>=?", compare, 1, ANY_COUNT, 6},
    {"string->list", to_list, 1, 3, 0},
    {"list->string", from_list, 1, 1, 0},
    {"string-search", search, 2, 3, 0},
    {"symbol?", test_symbol, 1, 1, 0},
    {"symbol->string", symbol_to_string, 1, 1, 0},
    {"string->symbol", string_to_symbol, 1, 1, 0},
    {NULL, NULL, 0, 0, 0},
};
