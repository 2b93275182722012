/* os/report.c - see report.h. */
#include "os/report.h"
#include "base/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void gc__line_begin(struct gc__line *line) {
  line->length = 0;
  gc__line_add(line, "trefoil: ");
}

/* The last byte stays free for the end of the line. */
void gc__line_add(struct gc__line *line, const char *words) {
  while (*words && line->length < sizeof line->text - 1) line->text[line->length++] = *words++;
}

static void add_digits(struct gc__line *line, size_t number, unsigned base) {
  char digits[24];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do digits[--at] = "0123456789abcdef"[number % base];
  while (number /= base);
  gc__line_add(line, digits + at);
}

void gc__line_add_number(struct gc__line *line, size_t number) {
  add_digits(line, number, 10);
}

void gc__line_add_address(struct gc__line *line, uintptr_t address) {
  gc__line_add(line, "0x");
  add_digits(line, address, 16);
}

void gc__line_write(struct gc__line *line) {
  int saved = errno;
  line->text[line->length++] = '\n';
  for (size_t done = 0; done < line->length;) {
    ssize_t n = write(STDERR_FILENO, line->text + done, line->length - done);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) done += (size_t)n;
  }
  errno = saved;
}

static void write_line(const char *format, va_list arguments) {
  struct gc__line line;
  int saved = errno;
  gc__line_begin(&line);
  size_t room = sizeof line.text - 1 - line.length;
  int more = vsnprintf(line.text + line.length, room, format, arguments);
  if (more > 0) line.length += (size_t)more < room ? (size_t)more : room - 1;
  errno = saved;
  gc__line_write(&line);
}

void gc__report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments);
  va_end(arguments);
}

void gc__misuse(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  write_line(format, arguments);
  va_end(arguments);
  abort();
}

void gc__check_failed(const char *file, int line, const char *claim) {
  gc__report("internal check failed: %s:%d: %s", file, line, claim);
  abort();
}
