/* builtins_reals: kinds of numbers and what goes between them, roots, logarithms and angles, numbers as strings. */
#include <math.h>

#include "builtins.h"
#include "error.h"
#include "number.h"

enum { KIND_NUMBER, KIND_INTEGER, KIND_EXACT, KIND_INEXACT, KIND_NAN };

static bool is_integral(double number) { return isfinite(number) && trunc(number) == number; }

static value has_kind(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value number = arguments[0];
  if (self->selector == KIND_NUMBER) return boolean(is_number(number));
  if (self->selector == KIND_INTEGER)
    return boolean(is_fixnum(number) || (is_flonum(number) && is_integral(flonum_number(number))));
  want_number(self, number);
  if (self->selector == KIND_EXACT) return boolean(is_fixnum(number));
  if (self->selector == KIND_INEXACT) return boolean(is_flonum(number));
  return boolean(is_flonum(number) && isnan(flonum_number(number)));
}

static value to_inexact(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value number = want_number(self, arguments[0]);
  return is_fixnum(number) ? flonum(number_as_double(number)) : number;
}

/* The limits are powers of two, and so are exact as doubles. */
static value to_exact(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value number = want_number(self, arguments[0]);
  if (is_fixnum(number)) return number;
  double real = flonum_number(number);
  if (!is_integral(real)) raise_about(number, "%s: not an integer", self->name);
  if (real < -0x1p61 || real >= 0x1p61) raise_about(number, "%s: integer overflow", self->name);
  return fixnum((int64_t)real);
}

enum { ROUND_DOWN, ROUND_UP, ROUND_TO_ZERO, ROUND_NEAREST /* ties to even */ };

static value round_number(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value number = want_number(self, arguments[0]);
  if (is_fixnum(number)) return number;
  double real = flonum_number(number);
  switch (self->selector) {
  case ROUND_DOWN: return flonum(floor(real));
  case ROUND_UP: return flonum(ceil(real));
  case ROUND_TO_ZERO: return flonum(trunc(real));
  default: return flonum(nearbyint(real));
  }
}

/* Exact for squares of integers. */
static value square_root(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value number = want_number(self, arguments[0]);
  double root = sqrt(number_as_double(number));
  if (is_fixnum(number) && root >= 0) {
    int64_t integer = (int64_t)root;
    if (integer * integer == fixnum_number(number)) return fixnum(integer);
  }
  return flonum(root);
}

enum { FUNCTION_EXP, FUNCTION_LOG, FUNCTION_SIN, FUNCTION_COS, FUNCTION_TAN, FUNCTION_ATAN };

static value apply_function(const struct builtin *self, value *arguments, size_t count) {
  double argument = number_as_double(want_number(self, arguments[0]));
  switch (self->selector) {
  case FUNCTION_EXP: return flonum(exp(argument));
  case FUNCTION_LOG: return flonum(log(argument));
  case FUNCTION_SIN: return flonum(sin(argument));
  case FUNCTION_COS: return flonum(cos(argument));
  case FUNCTION_TAN: return flonum(tan(argument));
  default:
    if (count == 1) return flonum(atan(argument));
    return flonum(atan2(argument, number_as_double(want_number(self, arguments[1]))));
  }
}

static int want_radix(const struct builtin *self, const value *arguments, size_t count) {
  if (count < 2) return 10;
  int64_t radix = want_fixnum(self, arguments[1]);
  if (radix < 2 || radix > 16) raise_about(arguments[1], "%s: not a radix from 2 to 16", self->name);
  return (int)radix;
}

static value to_string(const struct builtin *self, value *arguments, size_t count) {
  struct text text = {0};
  number_print(&text, want_number(self, arguments[0]), want_radix(self, arguments, count));
  return string_from(text.bytes, text.length_bytes);
}

static value from_string(const struct builtin *self, value *arguments, size_t count) {
  const struct string *string = want_string(self, arguments[0]);
  value number;
  enum number_syntax syntax =
      number_parse(string->bytes, string->length_bytes, want_radix(self, arguments, count), &number);
  if (syntax == NUMBER_TOO_LARGE) raise_about(arguments[0], "%s: integer overflow", self->name);
  return syntax == NUMBER_FINE ? number : value_false;
}

const struct builtin_definition real_builtins[] = {
    {"number?", has_kind, 1, 1, KIND_NUMBER},
    {"real?", has_kind, 1, 1, KIND_NUMBER},
    {"integer?", has_kind, 1, 1, KIND_INTEGER},
    {"exact?", has_kind, 1, 1, KIND_EXACT},
    {"inexact?", has_kind, 1, 1, KIND_INEXACT},
    {"nan?", has_kind, 1, 1, KIND_NAN},
    {"inexact", to_inexact, 1, 1, 0},
    {"exact->inexact", to_inexact, 1, 1, 0},
    {"exact", to_exact, 1, 1, 0},
    {"inexact->exact", to_exact, 1, 1, 0},
    {"floor", round_number, 1, 1, ROUND_DOWN},
    {"ceiling", round_number, 1, 1, ROUND_UP},
    {"truncate", round_number, 1, 1, ROUND_TO_ZERO},
    {"round", round_number, 1, 1, ROUND_NEAREST},
    {"sqrt", square_root, 1, 1, 0},
    {"exp", apply_function, 1, 1, FUNCTION_EXP},
    {"log", apply_function, 1, 1, FUNCTION_LOG},
    {"sin", apply_function, 1, 1, FUNCTION_SIN},
    {"cos", apply_function, 1, 1, FUNCTION_COS},
    {"tan", apply_function, 1, 1, FUNCTION_TAN},
    {"atan", apply_function, 1, 2, FUNCTION_ATAN},
    {"number->string", to_string, 1, 2, 0},
    {"string->number", from_string, 1, 2, 0},
    {NULL, NULL, 0, 0, 0},
};
