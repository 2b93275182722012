/* builtins_control: procedures that call procedures, errors, and what the program can ask of the interpreter. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <trefoil/gc.h>

#include "builtins.h"
#include "compiler.h"
#include "error.h"
#include "evaluator.h"
#include "printer.h"

static value test_procedure(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(is_procedure(arguments[0]));
}

static value test_boolean(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(arguments[0] == value_true || arguments[0] == value_false);
}

static value not(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(!is_true(arguments[0]));
}

/* (apply procedure argument ... list) */
static value apply(const struct builtin *self, value *arguments, size_t count) {
  want_list(self, arguments[count - 1]);
  return tail_call(want_procedure(self, arguments[0]), list_from_array(arguments + 1, count - 2, arguments[count - 1]));
}

/* Moves the first element of each list to `heads`; false once a list is at its end. */
static bool take_heads(value *lists, value *heads, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!is_pair(lists[i])) return false;
  for (size_t i = 0; i < count; i++) {
    heads[i] = car(lists[i]);
    lists[i] = cdr(lists[i]);
  }
  return true;
}

static value *want_lists(const struct builtin *self, value *arguments, size_t count) {
  want_procedure(self, arguments[0]);
  for (size_t i = 1; i < count; i++) want_list(self, arguments[i]);
  return gc_new_array(value, count - 1);
}

static value map(const struct builtin *self, value *arguments, size_t count) {
  value *heads = want_lists(self, arguments, count), *lists = arguments + 1;
  value results = value_nil;
  while (take_heads(lists, heads, count - 1)) results = cons(apply_procedure(arguments[0], heads, count - 1), results);
  return list_reverse(results);
}

static value for_each(const struct builtin *self, value *arguments, size_t count) {
  value *heads = want_lists(self, arguments, count), *lists = arguments + 1;
  while (take_heads(lists, heads, count - 1)) apply_procedure(arguments[0], heads, count - 1);
  return value_unspecified;
}

static value vector_map(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  want_procedure(self, arguments[0]);
  const struct vector *vector = want_vector(self, arguments[1]);
  value result = vector_new(vector->length, value_false);
  for (size_t i = 0; i < vector->length; i++) {
    value item = vector->items[i];
    vector_of(result)->items[i] = apply_procedure(arguments[0], &item, 1);
  }
  return result;
}

static value vector_for_each(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  want_procedure(self, arguments[0]);
  const struct vector *vector = want_vector(self, arguments[1]);
  for (size_t i = 0; i < vector->length; i++) {
    value item = vector->items[i];
    apply_procedure(arguments[0], &item, 1);
  }
  return value_unspecified;
}

static value call_cc(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return call_with_escape(want_procedure(self, arguments[0]));
}

static value eval(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  struct source source = {error_location->file, table_new(TABLE_EQ)};
  return evaluate(compile_program(arguments[0], &source), NULL);
}

/* (error message irritant ...): the message is displayed, the others are written. */
static value error(const struct builtin *self, value *arguments, size_t count) {
  (void)self;
  struct text text = {0};
  print_value(&text, arguments[0], PRINT_DISPLAY);
  for (size_t i = 1; i < count; i++) {
    text_add_byte(&text, ' ');
    print_value(&text, arguments[i], PRINT_WRITE);
  }
  raise_error("%.*s", (int)text.length_bytes, text.bytes);
}

static value assert_true(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  if (!is_true(arguments[0])) raise_error("assertion failed");
  return value_unspecified;
}

/* (exit), (exit #t): 0; (exit #f): 1; (exit n): n */
static value leave(const struct builtin *self, value *arguments, size_t count) {
  int status = EXIT_SUCCESS;
  if (count > 0 && arguments[0] == value_false) status = EXIT_FAILURE;
  if (count > 0 && is_fixnum(arguments[0])) status = (int)want_index(self, arguments[0], 255);
  exit(status);
}

static value processor_milliseconds(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)arguments, (void)count;
  return fixnum((int64_t)clock() / (CLOCKS_PER_SEC / 1000));
}

static value collect_garbage(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)arguments, (void)count;
  gc_collect(GC_COLLECT_FULL);
  return value_unspecified;
}

const struct builtin_definition control_builtins[] = {
    {"procedure?", test_procedure, 1, 1, 0},
    {"boolean?", test_boolean, 1, 1, 0},
    {"not", not, 1, 1, 0},
    {"apply", apply, 2, ANY_COUNT, 0},
    {"map", map, 2, ANY_COUNT, 0},
    {"for-each", for_each, 2, ANY_COUNT, 0},
    {"vector-map", vector_map, 2, 2, 0},
    {"vector-for-each", vector_for_each, 2, 2, 0},
    {"call/cc", call_cc, 1, 1, 0},
    {"call-with-current-continuation", call_cc, 1, 1, 0},
    {"eval", eval, 1, 1, 0},
    {"error", error, 1, ANY_COUNT, 0},
    {"assert", assert_true, 1, 1, 0},
    {"exit", leave, 0, 1, 0},
    {"processor-milliseconds", processor_milliseconds, 0, 0, 0},
    {"collect-garbage", collect_garbage, 0, 0, 0},
    {NULL, NULL, 0, 0, 0},
};
