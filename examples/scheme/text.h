/* text: bytes that grow at the end, in a leaf object. Start from {0}. */
#ifndef SCHEME_TEXT_H
#define SCHEME_TEXT_H

#include <stddef.h>

struct text {
  char *bytes; /* not terminated; NULL while empty */
  size_t length_bytes, capacity_bytes;
};

void text_add(struct text *text, const char *bytes, size_t length_bytes);
void text_add_byte(struct text *text, char byte);
void text_add_string(struct text *text, const char *string);
void text_add_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
