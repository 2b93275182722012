/* error: see error.h. */
#include "error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trefoil/gc.h>

#include "printer.h"

enum { MESSAGE_BYTES = 1024, CULPRIT_BYTES = 200 };

struct catcher {
  jmp_buf escape;
  struct catcher *outer;
};

static const struct location nowhere;
const struct location *error_location = &nowhere;
const char *stack_limit;

static struct catcher *innermost;
static char message[MESSAGE_BYTES];
static const char **file_names;
static uint16_t file_count;

uint16_t error_add_file(const char *name) {
  if (file_count == UINT16_MAX) return UINT16_MAX - 1;
  file_names = gc_realloc_array(file_names, (size_t)file_count + 1, sizeof *file_names);
  file_names[file_count] = name;
  return file_count++;
}

/* Runs out of memory like any error; the request that failed does not return. */
static void *raise_out_of_memory(size_t bytes) { raise_error("out of memory: no room for %zu bytes", bytes); }

void error_init(void) { gc_set_oom_handler(raise_out_of_memory); }

/* Without a catcher, which can only be for want of memory, the program ends. */
static _Noreturn void leave(void) {
  if (innermost) longjmp(innermost->escape, 1);
  fprintf(stderr, "scheme: %s\n", message);
  exit(EXIT_FAILURE);
}

/* Puts "file:line: " and the formatted message into place and returns its length. */
static size_t format_message(const char *format, va_list arguments) {
  int used = 0;
  if (error_location->line > 0)
    used = snprintf(message, sizeof message, "%s:%u: ", file_names[error_location->file], error_location->line);
  if (used >= MESSAGE_BYTES) used = MESSAGE_BYTES - 1;
  vsnprintf(message + used, sizeof message - (size_t)used, format, arguments);
  return strlen(message);
}

void raise_error(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_message(format, arguments);
  va_end(arguments);
  leave();
}

void raise_about(value culprit, const char *format, ...) {
  struct text written = {0};
  va_list arguments;
  print_value(&written, culprit, PRINT_WRITE);
  va_start(arguments, format);
  size_t used = format_message(format, arguments);
  va_end(arguments);
  bool is_cut = written.length_bytes > CULPRIT_BYTES;
  snprintf(message + used, sizeof message - used, ": %.*s%s", is_cut ? CULPRIT_BYTES : (int)written.length_bytes,
           written.bytes, is_cut ? "..." : "");
  leave();
}

void raise_too_deep(void) { raise_error("recursion is too deep"); }

bool error_catch(void (*fn)(void *), void *argument) {
  struct catcher catcher;
  catcher.outer = innermost;
  const struct location *location = error_location;
  bool is_fine = false;
  if (setjmp(catcher.escape) == 0) {
    innermost = &catcher;
    fn(argument);
    is_fine = true;
  }
  innermost = catcher.outer;
  error_location = location;
  return is_fine;
}

const char *error_text(void) { return message; }
