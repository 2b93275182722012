/* os/valgrind.h - telling Valgrind what a conservative collector does.
 *
 * Scanning reads every word of a stack, also those that the program never wrote, and branches on them: for Memcheck
 * that is an error each time. While a thread scans, its errors are not reported; nothing that scanning computes reaches
 * the program, but for the sums of what was found, which are trusted. Where the header is not installed this is
 * nothing.
 */
#ifndef GC_OS_VALGRIND_H
#define GC_OS_VALGRIND_H

#include <stdbool.h>
#include <stddef.h>

#if defined(TREFOIL_VALGRIND) && TREFOIL_VALGRIND
#include <valgrind/memcheck.h>

static inline bool gc__valgrind_is_there(void) {
  return RUNNING_ON_VALGRIND != 0;
}
static inline void gc__valgrind_hush(void) {
  VALGRIND_DISABLE_ERROR_REPORTING;
}
static inline void gc__valgrind_speak(void) {
  VALGRIND_ENABLE_ERROR_REPORTING;
}
static inline void gc__valgrind_trust(void *memory, size_t bytes) {
  (void)VALGRIND_MAKE_MEM_DEFINED(memory, bytes);
}

#else

static inline bool gc__valgrind_is_there(void) {
  return false;
}
static inline void gc__valgrind_hush(void) {}
static inline void gc__valgrind_speak(void) {}
static inline void gc__valgrind_trust(void *memory, size_t bytes) {
  (void)memory, (void)bytes;
}

#endif
#endif
