/* os/report.c - see report.h. */
#include "os/report.h"
#include "base/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES 512

static void write_line(const char *format, va_list arguments) {
  static const char prefix[] = "trefoil: ";
  char line[LINE_BYTES];
  int saved = errno;
  size_t length = sizeof prefix - 1;
  for (size_t i = 0; i < length; i++) line[i] = prefix[i];
  int more = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
  if (more > 0) length += (size_t)more < sizeof line - length - 1 ? (size_t)more : sizeof line - length - 2;
  line[length++] = '\n';
  for (size_t done = 0; done < length;) {
    ssize_t n = write(STDERR_FILENO, line + done, length - done);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) done += (size_t)n;
  }
  errno = saved;
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
