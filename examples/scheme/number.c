/* number: see number.h. */
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_FLONUM_BYTES = 400 };

static int digit_of(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return 16;
}

static enum number_syntax parse_integer(const char *bytes, size_t length_bytes, int radix, value *out) {
  size_t i = bytes[0] == '-' || bytes[0] == '+';
  bool is_too_large = false;
  int64_t number = 0;
  if (i == length_bytes) return NUMBER_NONE;
  for (; i < length_bytes; i++) {
    int digit = digit_of(bytes[i]);
    if (digit >= radix) return NUMBER_NONE;
    if (bytes[0] == '-') digit = -digit;
    is_too_large = is_too_large || __builtin_mul_overflow(number, radix, &number) ||
                   __builtin_add_overflow(number, digit, &number) || !fits_fixnum(number);
  }
  if (is_too_large) return NUMBER_TOO_LARGE;
  *out = fixnum(number);
  return NUMBER_FINE;
}

static bool is_same_text(const char *bytes, size_t length_bytes, const char *text) {
  return length_bytes == strlen(text) && memcmp(bytes, text, length_bytes) == 0;
}

static enum number_syntax parse_flonum(const char *bytes, size_t length_bytes, value *out) {
  double number;
  if (is_same_text(bytes, length_bytes, "+inf.0")) {
    number = INFINITY;
  } else if (is_same_text(bytes, length_bytes, "-inf.0")) {
    number = -INFINITY;
  } else if (is_same_text(bytes, length_bytes, "+nan.0")) {
    number = NAN;
  } else {
    char copy[LONGEST_FLONUM_BYTES + 1], *end;
    if (length_bytes > LONGEST_FLONUM_BYTES) return NUMBER_NONE;
    memcpy(copy, bytes, length_bytes);
    copy[length_bytes] = 0;
    size_t sign_bytes = copy[0] == '-' || copy[0] == '+';
    /* strtod takes more than Scheme does: names of infinities, hexadecimal, leading blanks. */
    if (strspn(copy + sign_bytes, "0123456789.eE+-") != length_bytes - sign_bytes) return NUMBER_NONE;
    number = strtod(copy, &end);
    if (end != copy + length_bytes || !strpbrk(copy, "0123456789")) return NUMBER_NONE;
  }
  *out = flonum(number);
  return NUMBER_FINE;
}

enum number_syntax number_parse(const char *bytes, size_t length_bytes, int radix, value *out) {
  if (length_bytes == 0) return NUMBER_NONE;
  enum number_syntax syntax = parse_integer(bytes, length_bytes, radix, out);
  return syntax == NUMBER_NONE && radix == 10 ? parse_flonum(bytes, length_bytes, out) : syntax;
}

static void print_integer(struct text *out, int64_t number, int radix) {
  char digits[64];
  size_t count = 0;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do digits[count++] = "0123456789abcdef"[rest % (unsigned)radix];
  while (rest /= (unsigned)radix);
  if (number < 0) text_add_byte(out, '-');
  while (count > 0) text_add_byte(out, digits[--count]);
}

static void print_flonum(struct text *out, double number) {
  char digits[40];
  if (isnan(number) || isinf(number)) {
    text_add_string(out, isnan(number) ? "+nan.0" : number > 0 ? "+inf.0" : "-inf.0");
    return;
  }
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (strtod(digits, NULL) == number) break;
  }
  text_add_string(out, digits);
  if (!strpbrk(digits, ".e")) text_add_string(out, ".0");
}

void number_print(struct text *out, value number, int radix) {
  if (is_fixnum(number)) print_integer(out, fixnum_number(number), radix);
  else print_flonum(out, flonum_number(number));
}

static enum number_order order_of_integers(int64_t left, int64_t right) {
  return left < right ? NUMBER_LESS : left > right ? NUMBER_GREATER : NUMBER_EQUAL;
}

static enum number_order order_of_doubles(double left, double right) {
  if (isnan(left) || isnan(right)) return NUMBER_UNORDERED;
  return left < right ? NUMBER_LESS : left > right ? NUMBER_GREATER : NUMBER_EQUAL;
}

/* A double has 53 bits, a fixnum 62: past 2^53 the fixnum must not be rounded, and such a double is an integer. */
static enum number_order compare_mixed(int64_t left, double right) {
  if (isnan(right)) return NUMBER_UNORDERED;
  if (fabs(right) < 0x1p53) return order_of_doubles((double)left, right);
  if (fabs(right) >= 0x1p62) return right > 0 ? NUMBER_LESS : NUMBER_GREATER;
  return order_of_integers(left, (int64_t)right);
}

enum number_order number_compare(value left, value right) {
  if (is_fixnum(left) && is_fixnum(right)) return order_of_integers(fixnum_number(left), fixnum_number(right));
  if (is_fixnum(left)) return compare_mixed(fixnum_number(left), flonum_number(right));
  if (is_fixnum(right)) {
    enum number_order order = compare_mixed(fixnum_number(right), flonum_number(left));
    return order == NUMBER_LESS ? NUMBER_GREATER : order == NUMBER_GREATER ? NUMBER_LESS : order;
  }
  return order_of_doubles(flonum_number(left), flonum_number(right));
}
