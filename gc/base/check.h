/* base/check.h - internal consistency checks.
 *
 * GC__CHECK states what must hold inside the library; it costs nothing unless the build has -Dchecks=true. Misuse by
 * the program is something else: it is checked in every build, by gc__misuse (os/report.h).
 */
#ifndef GC_BASE_CHECK_H
#define GC_BASE_CHECK_H

/* Reports and aborts. Defined where writing to standard error is: os/report.c. */
_Noreturn void gc__check_failed(const char *file, int line, const char *claim);

#if defined(TREFOIL_CHECKS) && TREFOIL_CHECKS
#define GC__CHECK(claim) ((claim) ? (void)0 : gc__check_failed(__FILE__, __LINE__, #claim))
#else
#define GC__CHECK(claim) ((void)sizeof(!(claim)))
#endif

#endif
