/* error: Scheme errors, which end what is running and name the place in the source.
 *
 * Raising is a longjmp to the innermost error_catch; no C function on the way has anything to undo, because all memory
 * is the collector's. The text of an error lies in static memory, so that "out of memory" can be raised as well.
 */
#ifndef SCHEME_ERROR_H
#define SCHEME_ERROR_H

#include "value.h"

struct location {
  uint32_t line; /* 0: none */
  uint16_t file; /* see error_add_file */
};

/* What is read, compiled or called at the moment; set by the reader, the compiler and the evaluator. error_catch puts
 * back what it found. */
extern const struct location *error_location;

/* The number of a file name, for struct location. Names after the 65,535th share one number. */
uint16_t error_add_file(const char *name);

/* Installs the handler for lack of memory. */
void error_init(void);

_Noreturn void raise_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with ": " and the value in written form at the end. */
_Noreturn void raise_about(value culprit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls fn(argument). False if it raised an error, whose text, "file:line: message", error_text then returns. */
bool error_catch(void (*fn)(void *), void *argument);
const char *error_text(void);

/* ---- The C stack ---- */

extern const char *stack_limit; /* recursion below this address is an error */
_Noreturn void raise_too_deep(void);

/* First in every function whose recursion follows the program's. */
static inline void stack_check(void) {
  if ((const char *)__builtin_frame_address(0) < stack_limit) raise_too_deep();
}

#endif
