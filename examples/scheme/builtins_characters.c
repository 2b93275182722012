/* builtins_characters: characters, which are bytes; letters are those of ASCII. */
#include "builtins.h"
#include "error.h"

static value test_character(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(is_character(arguments[0]));
}

static value to_integer(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return fixnum(want_character(self, arguments[0]));
}

static value from_integer(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return character((unsigned char)want_index(self, arguments[0], UINT8_MAX));
}

static bool is_upper(unsigned char byte) { return byte >= 'A' && byte <= 'Z'; }
static bool is_lower(unsigned char byte) { return byte >= 'a' && byte <= 'z'; }
static bool is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }
static bool is_blank(unsigned char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

enum { CLASS_LETTER, CLASS_DIGIT, CLASS_BLANK, CLASS_UPPER, CLASS_LOWER };

static value has_class(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  unsigned char byte = want_character(self, arguments[0]);
  switch (self->selector) {
  case CLASS_LETTER: return boolean(is_upper(byte) || is_lower(byte));
  case CLASS_DIGIT: return boolean(is_digit(byte));
  case CLASS_BLANK: return boolean(is_blank(byte));
  case CLASS_UPPER: return boolean(is_upper(byte));
  default: return boolean(is_lower(byte));
  }
}

static value to_upper(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  unsigned char byte = want_character(self, arguments[0]);
  return character(is_lower(byte) ? (unsigned char)(byte - 'a' + 'A') : byte);
}

static value to_lower(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  unsigned char byte = want_character(self, arguments[0]);
  return character(is_upper(byte) ? (unsigned char)(byte - 'A' + 'a') : byte);
}

/* The selector is a set of accepted orders: bit 0 for less, 1 for equal, 2 for greater. */
static value compare(const struct builtin *self, value *arguments, size_t count) {
  bool is_in_order = true;
  want_character(self, arguments[0]);
  for (size_t i = 1; i < count; i++) {
    unsigned char left = character_byte(arguments[i - 1]), right = want_character(self, arguments[i]);
    unsigned order = left < right ? 0 : left == right ? 1 : 2;
    if (!(self->selector >> order & 1)) is_in_order = false;
  }
  return boolean(is_in_order);
}

const struct builtin_definition character_builtins[] = {
    {"char?", test_character, 1, 1, 0},
    {"char->integer", to_integer, 1, 1, 0},
    {"integer->char", from_integer, 1, 1, 0},
    {"char-alphabetic?", has_class, 1, 1, CLASS_LETTER},
    {"char-numeric?", has_class, 1, 1, CLASS_DIGIT},
    {"char-whitespace?", has_class, 1, 1, CLASS_BLANK},
    {"char-upper-case?", has_class, 1, 1, CLASS_UPPER},
    {"char-lower-case?", has_class, 1, 1, CLASS_LOWER},
    {"char-upcase", to_upper, 1, 1, 0},
    {"char-downcase", to_lower, 1, 1, 0},
    {"char=?", compare, 1, ANY_COUNT, 2},
    {"char<?", compare, 1, ANY_COUNT, 1},
    {"char>?", compare, 1, ANY_COUNT, 4},
    {"char<=?", compare, 1, ANY_COUNT, 3},
    {"char>=?", compare, 1, ANY_COUNT, 6},
    {NULL, NULL, 0, 0, 0},
};
