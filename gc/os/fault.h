/* os/fault.h - page faults: one handler of SIGSEGV and SIGBUS for all parts of the library that need to see them.
 *
 * Two parts do. The one that opens pages (os/watch_protect_posix.c) is asked first, and the program goes on if it could
 * help. The one that tells (heap/guard.c) writes a line about what it knows of the address. Then the program's own
 * handler gets the fault, or it dies by the signal, as it would have without us.
 *
 * [fault.earlier] Handlers that were there before ours, or were installed over it, are kept in that order, each once. A
 * handler that was handed a fault may call ours again, because it found ours when it was installed: it is then handed
 * to the one before it, and nothing is told a second time.
 */
#ifndef GC_OS_FAULT_H
#define GC_OS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Called in the handler, with all signals blocked: nothing but async-signal-safe calls. The address is what the program
 * touched. True: the instruction may be tried again. */
typedef bool gc__fault_fn(void *argument, uintptr_t address);

/* Faults of SIGSEGV that a page's protection made, other than jumps to the page. Installs the handler, also once the
 * program has installed one over ours; with the world stopped, or before there are threads. False: refused. */
bool gc__fault_open_with(gc__fault_fn *fn, void *argument);
void gc__fault_open_no_more(void);

/* All faults that nothing helped; the result means nothing. Installs the handler if it never was: one that the program
 * installs later is its own business. One teller at a time; by one thread at a time. False: refused. */
bool gc__fault_tell_with(gc__fault_fn *fn, void *argument);
void gc__fault_tell_no_more(const void *argument); /* unless it is another's */

#endif
