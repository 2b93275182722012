/* builtins: see builtins.h. */
#include "builtins.h"

#include "error.h"
#include "number.h"

static void define(const struct builtin_definition *definition) {
  value procedure = builtin_new(definition->name, definition->fn, definition->least, definition->most);
  builtin_of(procedure)->selector = definition->selector;
  symbol_of(symbol_named(definition->name))->global = procedure;
}

void builtins_init(void) {
  const struct builtin_definition *const all[] = {number_builtins, real_builtins,      list_builtins,
                                                  string_builtins, character_builtins, vector_builtins,
                                                  table_builtins,  control_builtins,   output_builtins};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    for (const struct builtin_definition *definition = all[i]; definition->name; definition++) define(definition);
}

static _Noreturn void raise_unwanted(const struct builtin *self, const char *wanted, value argument) {
  raise_about(argument, "%s: not %s", self->name, wanted);
}

int64_t want_fixnum(const struct builtin *self, value argument) {
  if (!is_fixnum(argument)) raise_unwanted(self, "an integer", argument);
  return fixnum_number(argument);
}

size_t want_index(const struct builtin *self, value argument, size_t most) {
  int64_t index = want_fixnum(self, argument);
  if (index < 0 || (uint64_t)index > most) raise_unwanted(self, "an index in range", argument);
  return (size_t)index;
}

struct string *want_string(const struct builtin *self, value argument) {
  if (!is_string(argument)) raise_unwanted(self, "a string", argument);
  return string_of(argument);
}

unsigned char want_character(const struct builtin *self, value argument) {
  if (!is_character(argument)) raise_unwanted(self, "a character", argument);
  return character_byte(argument);
}

struct symbol *want_symbol(const struct builtin *self, value argument) {
  if (!is_symbol(argument)) raise_unwanted(self, "a symbol", argument);
  return symbol_of(argument);
}

struct vector *want_vector(const struct builtin *self, value argument) {
  if (!is_vector(argument)) raise_unwanted(self, "a vector", argument);
  return vector_of(argument);
}

struct table *want_table(const struct builtin *self, value argument) {
  if (!is_table(argument)) raise_unwanted(self, "a hash table", argument);
  return table_of(argument);
}

value want_number(const struct builtin *self, value argument) {
  if (!is_number(argument)) raise_unwanted(self, "a number", argument);
  return argument;
}

value want_pair(const struct builtin *self, value argument) {
  if (!is_pair(argument)) raise_unwanted(self, "a pair", argument);
  return argument;
}

value want_procedure(const struct builtin *self, value argument) {
  if (!is_procedure(argument)) raise_unwanted(self, "a procedure", argument);
  return argument;
}

size_t want_list(const struct builtin *self, value argument) {
  ptrdiff_t length = list_length(argument);
  if (length < 0) raise_unwanted(self, "a list", argument);
  return (size_t)length;
}

struct range want_range(const struct builtin *self, const value *bounds, size_t bound_count, size_t length) {
  struct range range = {0, length};
  if (bound_count > 0) range.start = want_index(self, bounds[0], length);
  if (bound_count > 1) range.end = want_index(self, bounds[1], length);
  if (range.start > range.end) raise_unwanted(self, "an index in range", bounds[0]);
  return range;
}
