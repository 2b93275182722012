/* text.c - copies of strings and memory. */
#include <trefoil/gc.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

char *gc_strdup(const char *s) {
  return s ? gc_strndup(s, SIZE_MAX) : NULL;
}

char *gc_strndup(const char *s, size_t n) {
  if (!s) return NULL;
  size_t length = strnlen(s, n);
  char *copy = gc_alloc_leaf(length + 1);
  return copy ? memcpy(copy, s, length) : NULL; /* the terminator is there: new memory is zero */
}

void *gc_memdup(const void *from, size_t bytes) {
  if (!from) return NULL;
  void *copy = gc_alloc(bytes);
  if (!copy) return NULL;
  memcpy(copy, from, bytes);
  gc_written(copy, bytes); /* a collection since it was made has made it old */
  return copy;
}

char *gc_vasprintf(const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) return NULL;
  char *text = gc_alloc_leaf((size_t)length + 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, arguments);
  return text;
}

char *gc_asprintf(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = gc_vasprintf(format, arguments);
  va_end(arguments);
  return text;
}
