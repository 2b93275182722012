/* builtins_output: text to standard output. */
#include <stdio.h>

#include "builtins.h"
#include "printer.h"

/* The selector is an enum print_style. */
static value print(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  struct text text = {0};
  print_value(&text, arguments[0], (enum print_style)self->selector);
  if (text.length_bytes > 0) fwrite(text.bytes, 1, text.length_bytes, stdout);
  return value_unspecified;
}

static value write_string(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  const struct string *string = want_string(self, arguments[0]);
  fwrite(string->bytes, 1, string->length_bytes, stdout);
  return value_unspecified;
}

static value write_character(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  putchar(want_character(self, arguments[0]));
  return value_unspecified;
}

static value newline(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)arguments, (void)count;
  putchar('\n');
  return value_unspecified;
}

const struct builtin_definition output_builtins[] = {
    {"display", print, 1, 1, PRINT_DISPLAY},
    {"write", print, 1, 1, PRINT_WRITE},
    {"write-string", write_string, 1, 1, 0},
    {"write-char", write_character, 1, 1, 0},
    {"newline", newline, 0, 0, 0},
    {NULL, NULL, 0, 0, 0},
};
