/* number: fixnums and flonums as text and in order. There are no other numbers; arithmetic is in builtins_numbers.c. */
#ifndef SCHEME_NUMBER_H
#define SCHEME_NUMBER_H

#include "text.h"
#include "value.h"

static inline bool is_number(value v) { return is_fixnum(v) || is_flonum(v); }
static inline double number_as_double(value v) { return is_fixnum(v) ? (double)fixnum_number(v) : flonum_number(v); }

enum number_syntax { NUMBER_NONE, NUMBER_FINE, NUMBER_TOO_LARGE };

/* Reads all of the bytes as a number. NUMBER_NONE: they are none. NUMBER_TOO_LARGE: an integer that no fixnum holds.
 * The radix is 2 to 16; flonums are decimal. */
enum number_syntax number_parse(const char *bytes, size_t length_bytes, int radix, value *out);

/* A flonum is printed with the fewest digits that read back as the same number; the radix is for fixnums. */
void number_print(struct text *out, value number, int radix);

enum number_order { NUMBER_LESS, NUMBER_EQUAL, NUMBER_GREATER, NUMBER_UNORDERED /* a NaN is among them */ };

/* Exact also between a fixnum and a flonum. */
enum number_order number_compare(value left, value right);

#endif
