/* os/report.h - what the library says on standard error, and how it ends a program that corrupts memory.
 *
 * A line is put together on the stack and leaves by one write(2): no lock of stdio is taken, so that this works while
 * other threads are stopped.
 */
#ifndef GC_OS_REPORT_H
#define GC_OS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line "trefoil: ..." of at most 500 bytes; the newline is added. */
void gc__report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, then abort(): the program did what would corrupt memory. */
_Noreturn void gc__misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for handlers of signals, where printf's functions may not be called: a line is begun, added to and written.
 */
struct gc__line {
  char text[512];
  size_t length;
};
void gc__line_begin(struct gc__line *line);
void gc__line_add(struct gc__line *line, const char *words);
void gc__line_add_number(struct gc__line *line, size_t number);
void gc__line_add_address(struct gc__line *line, uintptr_t address); /* as %p does */
void gc__line_write(struct gc__line *line);

/* Reports a broken invariant by its name and aborts. For TREFOIL_CHECK=heap and tests: in every build. */
static inline void gc__verify(bool holds, const char *invariant) {
  if (!holds) gc__misuse("the heap is damaged: [%s] does not hold", invariant);
}

#endif
