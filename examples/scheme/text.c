/* text: see text.h. */
#include "text.h"

#include <stdarg.h>
#include <string.h>

#include <trefoil/gc.h>

enum { FIRST_CAPACITY_BYTES = 64 };

/* The first memory is asked for as a leaf, and gc_realloc keeps it one. */
static void make_room(struct text *text, size_t more_bytes) {
  if (text->capacity_bytes - text->length_bytes >= more_bytes) return;
  size_t capacity_bytes = text->capacity_bytes ? 2 * text->capacity_bytes : FIRST_CAPACITY_BYTES;
  if (capacity_bytes < text->length_bytes + more_bytes) capacity_bytes = text->length_bytes + more_bytes;
  text->bytes = text->bytes ? gc_realloc(text->bytes, capacity_bytes) : gc_alloc_leaf(capacity_bytes);
  text->capacity_bytes = capacity_bytes;
}

void text_add(struct text *text, const char *bytes, size_t length_bytes) {
  if (length_bytes == 0) return;
  make_room(text, length_bytes);
  memcpy(text->bytes + text->length_bytes, bytes, length_bytes);
  text->length_bytes += length_bytes;
}

void text_add_byte(struct text *text, char byte) { text_add(text, &byte, 1); }

void text_add_string(struct text *text, const char *string) { text_add(text, string, strlen(string)); }

void text_add_format(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *formatted = gc_vasprintf(format, arguments);
  va_end(arguments);
  text_add_string(text, formatted);
}
