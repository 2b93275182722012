/* builtins_numbers: arithmetic on fixnums and flonums, and the order of numbers.
 *
 * A result that no fixnum holds is an error, not a flonum: a program that counts should not begin to round unnoticed.
 * Only / of two integers that do not divide gives a flonum.
 */
#include <math.h>

#include "builtins.h"
#include "error.h"
#include "number.h"

static value integer(const struct builtin *self, int64_t number) {
  if (!fits_fixnum(number)) raise_error("%s: integer overflow", self->name);
  return fixnum(number);
}

static double real(const struct builtin *self, value argument) { return number_as_double(want_number(self, argument)); }

static bool are_fixnums(value left, value right) { return is_fixnum(left) && is_fixnum(right); }

/* 62-bit numbers neither add nor subtract past 63 bits. */
static value add_two(const struct builtin *self, value left, value right) {
  if (are_fixnums(left, right)) return integer(self, fixnum_number(left) + fixnum_number(right));
  return flonum(real(self, left) + real(self, right));
}

static value subtract_two(const struct builtin *self, value left, value right) {
  if (are_fixnums(left, right)) return integer(self, fixnum_number(left) - fixnum_number(right));
  return flonum(real(self, left) - real(self, right));
}

static value multiply_two(const struct builtin *self, value left, value right) {
  int64_t product;
  if (!are_fixnums(left, right)) return flonum(real(self, left) * real(self, right));
  if (__builtin_mul_overflow(fixnum_number(left), fixnum_number(right), &product))
    raise_error("%s: integer overflow", self->name);
  return integer(self, product);
}

static value divide_two(const struct builtin *self, value left, value right) {
  if (!are_fixnums(left, right)) return flonum(real(self, left) / real(self, right));
  int64_t dividend = fixnum_number(left), divisor = fixnum_number(right);
  if (divisor == 0) raise_error("%s: division by zero", self->name);
  if (dividend % divisor == 0) return integer(self, dividend / divisor);
  return flonum((double)dividend / (double)divisor);
}

static value add(const struct builtin *self, value *arguments, size_t count) {
  if (count == 2) return add_two(self, arguments[0], arguments[1]);
  value sum = fixnum(0);
  for (size_t i = 0; i < count; i++) sum = add_two(self, sum, arguments[i]);
  return sum;
}

static value multiply(const struct builtin *self, value *arguments, size_t count) {
  value product = fixnum(1);
  for (size_t i = 0; i < count; i++) product = multiply_two(self, product, arguments[i]);
  return product;
}

static value subtract(const struct builtin *self, value *arguments, size_t count) {
  if (count == 1) return subtract_two(self, fixnum(0), arguments[0]);
  value difference = arguments[0];
  for (size_t i = 1; i < count; i++) difference = subtract_two(self, difference, arguments[i]);
  return difference;
}

static value divide(const struct builtin *self, value *arguments, size_t count) {
  if (count == 1) return divide_two(self, fixnum(1), arguments[0]);
  value quotient = arguments[0];
  for (size_t i = 1; i < count; i++) quotient = divide_two(self, quotient, arguments[i]);
  return quotient;
}

/* The selector is a set of accepted orders, as bits. */
static value compare(const struct builtin *self, value *arguments, size_t count) {
  bool is_in_order = true;
  want_number(self, arguments[0]);
  for (size_t i = 1; i < count; i++) {
    enum number_order order = number_compare(arguments[i - 1], want_number(self, arguments[i]));
    if (!(self->selector >> order & 1)) is_in_order = false;
  }
  return boolean(is_in_order);
}

enum { DIVIDE_QUOTIENT, DIVIDE_REMAINDER, DIVIDE_MODULO };

static double divide_doubles(double dividend, double divisor, size_t which) {
  if (which == DIVIDE_QUOTIENT) return trunc(dividend / divisor);
  double remainder = fmod(dividend, divisor);
  bool differs = remainder != 0 && (remainder < 0) != (divisor < 0);
  return which == DIVIDE_MODULO && differs ? remainder + divisor : remainder;
}

static value divide_integers(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  if (!are_fixnums(arguments[0], arguments[1])) {
    double dividend = real(self, arguments[0]), divisor = real(self, arguments[1]);
    if (divisor == 0) raise_error("%s: division by zero", self->name);
    return flonum(divide_doubles(dividend, divisor, self->selector));
  }
  int64_t dividend = fixnum_number(arguments[0]), divisor = fixnum_number(arguments[1]);
  if (divisor == 0) raise_error("%s: division by zero", self->name);
  if (self->selector == DIVIDE_QUOTIENT) return integer(self, dividend / divisor);
  int64_t remainder = dividend % divisor;
  bool differs = remainder != 0 && (remainder < 0) != (divisor < 0);
  return integer(self, self->selector == DIVIDE_MODULO && differs ? remainder + divisor : remainder);
}

static int64_t gcd_two(int64_t left, int64_t right) {
  while (right != 0) {
    int64_t rest = left % right;
    left = right;
    right = rest;
  }
  return left < 0 ? -left : left;
}

static value gcd(const struct builtin *self, value *arguments, size_t count) {
  int64_t result = 0;
  for (size_t i = 0; i < count; i++) result = gcd_two(result, want_fixnum(self, arguments[i]));
  return integer(self, result);
}

static value lcm(const struct builtin *self, value *arguments, size_t count) {
  value result = fixnum(1);
  for (size_t i = 0; i < count; i++) {
    int64_t number = want_fixnum(self, arguments[i]);
    if (number == 0) return fixnum(0);
    int64_t factor = number / gcd_two(fixnum_number(result), number);
    result = multiply_two(self, result, integer(self, factor < 0 ? -factor : factor));
  }
  return result;
}

/* The selector is the order in which a candidate replaces the best so far. A flonum among the arguments makes one of
 * the result. */
static value extreme(const struct builtin *self, value *arguments, size_t count) {
  value best = want_number(self, arguments[0]);
  bool has_flonum = is_flonum(best);
  for (size_t i = 1; i < count; i++) {
    if (number_compare(want_number(self, arguments[i]), best) == self->selector) best = arguments[i];
    has_flonum = has_flonum || is_flonum(arguments[i]);
  }
  return has_flonum && is_fixnum(best) ? flonum(number_as_double(best)) : best;
}

static value absolute(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  if (!is_fixnum(arguments[0])) return flonum(fabs(real(self, arguments[0])));
  int64_t number = fixnum_number(arguments[0]);
  return integer(self, number < 0 ? -number : number);
}

/* The selector is the order that the argument should have against 0. */
static value compare_with_zero(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return boolean(number_compare(want_number(self, arguments[0]), fixnum(0)) == self->selector);
}

/* The selector is the remainder by 2. */
static value is_odd_or_even(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return boolean((size_t)(want_fixnum(self, arguments[0]) & 1) == self->selector);
}

static value power_of_integers(const struct builtin *self, int64_t base, int64_t exponent) {
  value result = fixnum(1), square = fixnum(base);
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2) result = multiply_two(self, result, square);
    if (exponent > 1) square = multiply_two(self, square, square);
  }
  return result;
}

static value power(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  if (are_fixnums(arguments[0], arguments[1]) && fixnum_number(arguments[1]) >= 0)
    return power_of_integers(self, fixnum_number(arguments[0]), fixnum_number(arguments[1]));
  return flonum(pow(real(self, arguments[0]), real(self, arguments[1])));
}

const struct builtin_definition number_builtins[] = {
    {"+", add, 0, ANY_COUNT, 0},
    {"-", subtract, 1, ANY_COUNT, 0},
    {"*", multiply, 0, ANY_COUNT, 0},
    {"/", divide, 1, ANY_COUNT, 0},
    {"=", compare, 1, ANY_COUNT, 1 << NUMBER_EQUAL},
    {"<", compare, 1, ANY_COUNT, 1 << NUMBER_LESS},
    {">", compare, 1, ANY_COUNT, 1 << NUMBER_GREATER},
    {"<=", compare, 1, ANY_COUNT, 1 << NUMBER_LESS | 1 << NUMBER_EQUAL},
    {">=", compare, 1, ANY_COUNT, 1 << NUMBER_GREATER | 1 << NUMBER_EQUAL},
    {"quotient", divide_integers, 2, 2, DIVIDE_QUOTIENT},
    {"remainder", divide_integers, 2, 2, DIVIDE_REMAINDER},
    {"modulo", divide_integers, 2, 2, DIVIDE_MODULO},
    {"gcd", gcd, 0, ANY_COUNT, 0},
    {"lcm", lcm, 0, ANY_COUNT, 0},
    {"max", extreme, 1, ANY_COUNT, NUMBER_GREATER},
    {"min", extreme, 1, ANY_COUNT, NUMBER_LESS},
    {"abs", absolute, 1, 1, 0},
    {"zero?", compare_with_zero, 1, 1, NUMBER_EQUAL},
    {"positive?", compare_with_zero, 1, 1, NUMBER_GREATER},
    {"negative?", compare_with_zero, 1, 1, NUMBER_LESS},
    {"odd?", is_odd_or_even, 1, 1, 1},
    {"even?", is_odd_or_even, 1, 1, 0},
    {"expt", power, 2, 2, 0},
    {NULL, NULL, 0, 0, 0},
};
