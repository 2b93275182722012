/* os/stop.h - the signal by which threads are stopped. What a stopped thread does is decided in collect/world.c. */
#ifndef GC_OS_STOP_H
#define GC_OS_STOP_H

#include <stdbool.h>

int gc__stop_default_signal(void);

/* Makes the signal call fn in the thread that it reaches, with all other signals blocked, on the stack that the thread
 * is running on; errno is kept and system calls restart where the kernel can. is_in_tsan: the thread was interrupted
 * inside ThreadSanitizer's runtime, which fn must not call then [tsan.outside]. 0 or an errno value. */
int gc__stop_install(int signal, void (*fn)(bool is_in_tsan));
void gc__stop_remove(int signal); /* what was installed before comes back */

void gc__stop_unblock(int signal);            /* in the calling thread */
int gc__stop_send(int thread_id, int signal); /* 0; ESRCH: no such thread any more */

/* The C library copies more of a signal mask than the kernel fills in; the rest is what lay on the stack, which may
 * look like the address of an object. Clears it, for an action that is kept in static data. */
struct sigaction;
void gc__stop_tidy_action(struct sigaction *action);

#endif
