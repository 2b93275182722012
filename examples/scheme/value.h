/* value: what a Scheme variable can hold.
 *
 * A value is one word. Its two low bits tell a pointer to an object with a header, a fixnum of 62 bits, an immediate
 * (character, boolean, empty list and the like), and a pointer to a pair, which has no header and takes 16 bytes.
 * A tagged pointer points inside its object, which is all that the collector needs to keep it. The type is a pointer
 * so that it does not mix with numbers; only a value with TAG_OBJECT may be followed as it is. A word of 0 is no value:
 * it stands for "unassigned" in frames and globals.
 *
 * Objects are never freed by hand, and nothing here looks at the result of an allocation: error.c sets a handler that
 * makes a Scheme error of an empty heap.
 */
#ifndef SCHEME_VALUE_H
#define SCHEME_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum object_kind {
  KIND_FLONUM,
  KIND_STRING,
  KIND_SYMBOL,
  KIND_VECTOR,
  KIND_CLOSURE,
  KIND_BUILTIN,
  KIND_CONTINUATION,
  KIND_TABLE,
  KIND_RECORD_TYPE,
  KIND_RECORD
};

/* First in every object that has a header. */
struct object {
  enum object_kind kind;
};

typedef struct object *value;

enum tag { TAG_OBJECT = 0, TAG_FIXNUM = 1, TAG_IMMEDIATE = 2, TAG_PAIR = 3, TAG_MASK = 3 };

static inline enum tag tag_of(value v) { return (enum tag)((uintptr_t)v & TAG_MASK); }

/* ---- Immediates: a number above 8 low bits, of which bit 2 tells characters from constants ---- */

enum { CONSTANT_BITS = TAG_IMMEDIATE, CHARACTER_BITS = 4 | TAG_IMMEDIATE, IMMEDIATE_BITS = 8 };

static const value value_false = (value)(uintptr_t)(0 << IMMEDIATE_BITS | CONSTANT_BITS);
static const value value_true = (value)(uintptr_t)(1 << IMMEDIATE_BITS | CONSTANT_BITS);
static const value value_nil = (value)(uintptr_t)(2 << IMMEDIATE_BITS | CONSTANT_BITS);
static const value value_unspecified = (value)(uintptr_t)(3 << IMMEDIATE_BITS | CONSTANT_BITS);
static const value value_eof = (value)(uintptr_t)(4 << IMMEDIATE_BITS | CONSTANT_BITS);
static const value value_tail_call = (value)(uintptr_t)(5 << IMMEDIATE_BITS | CONSTANT_BITS); /* see evaluator.h */

static inline bool is_true(value v) { return v != value_false; }
static inline value boolean(bool claim) { return claim ? value_true : value_false; }

/* Strings are made of bytes, so a character is a byte. */
static inline bool is_character(value v) {
  return ((uintptr_t)v & (((uintptr_t)1 << IMMEDIATE_BITS) - 1)) == CHARACTER_BITS;
}
static inline value character(unsigned char byte) {
  return (value)((uintptr_t)byte << IMMEDIATE_BITS | CHARACTER_BITS);
}
static inline unsigned char character_byte(value v) { return (unsigned char)((uintptr_t)v >> IMMEDIATE_BITS); }

/* ---- Fixnums ---- */

#define FIXNUM_MAX (INT64_MAX >> 2)
#define FIXNUM_MIN (INT64_MIN >> 2)

static inline bool is_fixnum(value v) { return tag_of(v) == TAG_FIXNUM; }
static inline value fixnum(int64_t number) { return (value)((uintptr_t)number << 2 | TAG_FIXNUM); }
static inline int64_t fixnum_number(value v) { return (int64_t)(uintptr_t)v >> 2; }
static inline bool fits_fixnum(int64_t number) { return number >= FIXNUM_MIN && number <= FIXNUM_MAX; }

/* ---- Pairs ---- */

struct pair {
  value car, cdr;
};

static inline bool is_pair(value v) { return tag_of(v) == TAG_PAIR; }
static inline struct pair *pair_of(value v) { return (struct pair *)((char *)v - TAG_PAIR); }
static inline value car(value v) { return pair_of(v)->car; }
static inline value cdr(value v) { return pair_of(v)->cdr; }
value cons(value head, value tail);

/* How many elements a list has; -1 if it does not end with the empty list, or never ends. */
ptrdiff_t list_length(value list);
value list_reverse(value list);

/* ---- Objects with a header ---- */

static inline bool is_kind(value v, enum object_kind kind) { return tag_of(v) == TAG_OBJECT && v->kind == kind; }

/* Zeroed but for the header. */
void *object_new(enum object_kind kind, size_t bytes);

struct flonum {
  struct object object;
  double number;
};

static inline bool is_flonum(value v) { return is_kind(v, KIND_FLONUM); }
static inline double flonum_number(value v) { return ((const struct flonum *)v)->number; }
value flonum(double number);

struct string {
  struct object object;
  size_t length_bytes;
  char *bytes; /* a leaf object of its own, with a NUL after the last byte */
};

static inline bool is_string(value v) { return is_kind(v, KIND_STRING); }
static inline struct string *string_of(value v) { return (struct string *)v; }
value string_new(size_t length_bytes); /* filled with NUL */
value string_from(const char *bytes, size_t length_bytes);

struct vector {
  struct object object;
  size_t length;
  value items[];
};

static inline bool is_vector(value v) { return is_kind(v, KIND_VECTOR); }
static inline struct vector *vector_of(value v) { return (struct vector *)v; }
value vector_new(size_t length, value fill);
value vector_from_list(value list); /* a proper one */
value list_from_array(const value *items, size_t count, value tail);

#endif
