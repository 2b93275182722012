/* os/watch.h - which pages of memory were written.
 *
 * A page is armed or open. [watch.open] A page that is not armed counts as written: a take reports every page that was
 * written since it was armed, and may report others; whatever fails leaves pages open. Nothing here loses a write that
 * an instruction of the program makes, at any time, with any number of threads.
 *
 * Sources:
 * NONE     always right: everything is open at any time.
 * KERNEL   Linux 6.7: userfaultfd with asynchronous write protection notes the writes, PAGEMAP_SCAN reads them out and
 *          arms in the same step. System calls may write into armed pages.
 * PROTECT  armed pages are read-only, and a handler of SIGSEGV opens them. A system call that writes into an armed page
 *          fails with EFAULT, and a thread that writes to one while it blocks SIGSEGV is killed: for programs that
 *          know. One watch at a time.
 *
 * Pages may be lent to somebody who protects them himself, and counts them as written (heap/guard.h). [watch.lent]
 * Nothing here changes the protection of lent pages. For KERNEL that is nothing: arming changes no protection, and
 * protection changes nothing that is armed.
 *
 * Dropping the contents of armed pages (gc__os_discard) is no write, and a take may or may not report it. Committing
 * armed pages again (gc__os_commit) would undo what PROTECT did: do it to pages that were not added yet.
 *
 * Locks: none. Open, close, add, remove: one thread at a time. Arm and take: with the world stopped, one thread at a
 * time. Open pages: any thread, where a stop would wait for it. A watch that is open stays where it is in memory.
 */
#ifndef GC_OS_WATCH_H
#define GC_OS_WATCH_H

#include "os/memory.h"
#include "os/thread.h"

enum gc__watch_kind { GC__WATCH_NONE, GC__WATCH_KERNEL, GC__WATCH_PROTECT };

struct gc__watch_source;

struct gc__watch {
  enum gc__watch_kind kind;
  const struct gc__watch_source *source; /* NULL: NONE */
  struct gc__range heap;
  struct gc__region added; /* the ranges, for KERNEL: what the child of a fork has to register anew */
  size_t added_count;

  /* KERNEL */
  struct gc__region found; /* room for one answer of the kernel */
  int faults, pagemap;     /* descriptors: of userfaultfd, and of /proc/self/pagemap */

  /* PROTECT */
  struct gc__region states;     /* one byte a page of the heap */
  volatile size_t page_count;   /* pages that have a state: set after the states are there */
  volatile size_t edge_count;   /* places where armed pages meet others: about the mappings that they cost */
  volatile unsigned is_inexact; /* the handler met the limit: count the edges again at the next stop */
  volatile unsigned openers;    /* threads that are opening pages right now */
  size_t edge_limit;
};

/* heap: the addresses, reserved and not necessarily accessible, in which ranges will be added; whole pages. 0; ENOTSUP:
 * the machine cannot, and *missing (not NULL) says what is missing, a static string; ENOMEM. Tries before it answers 0
 * whether the source really notices writes. After an error *watch is closed. */
int gc__watch_open(struct gc__watch *watch, enum gc__watch_kind kind, struct gc__range heap, struct gc__budget *budget,
                   const char **missing);
void gc__watch_close(struct gc__watch *watch); /* all pages are open; a watch that is all zero is fine */

/* Ranges are whole pages, here and below. These pages, which are accessible and were not added yet, can be armed from
 * now on; all of them are open. Add a range next to another one before it is touched: Linux then merges the two
 * mappings, and keeps them apart for good where both had pages of their own before. False: refused, and nothing
 * changed. Ranges outside the heap (large static segments, also private file mappings) are for KERNEL alone. */
bool gc__watch_add(struct gc__watch *watch, struct gc__range range);

/* Something else was mapped at these pages, which were added and are open: they can be armed again from now on. Where
 * that fails they count as written from now on. One thread at a time, as add. */
void gc__watch_renew(struct gc__watch *watch, struct gc__range range);

/* Takes back ranges outside the heap, as when a library was unloaded; they need not be mapped any more. */
void gc__watch_remove(struct gc__watch *watch, struct gc__range range);

/* From now on a write to these pages, which were added, is noticed. They should have been touched: arming pages that
 * never were costs page tables and rules out huge pages. What cannot be armed stays open. */
void gc__watch_arm(struct gc__watch *watch, struct gc__range range);

/* The opposite: all these pages count as written, and writing to them costs nothing. */
void gc__watch_open_pages(struct gc__watch *watch, struct gc__range range);

/* These pages, which were added, are readable and writable afterwards and lent ([watch.lent]), until they are readable
 * and writable again and are returned. No take or arm of a lent page. One thread at a time; not in a stop. */
void gc__watch_lend(struct gc__watch *watch, struct gc__range range);
void gc__watch_return(struct gc__watch *watch, struct gc__range range);

/* Calls fn for each longest run of open pages in the range, in the order of addresses, armed before fn sees it: what a
 * system call that is still going on writes meanwhile is then read by fn or reported by the next take. KERNEL: pages of
 * the range that were not added are reported as open, or not at all where nothing is mapped; memory that nobody
 * touched need not be reported. No take, add or remove within fn. */
void gc__watch_take(struct gc__watch *watch, struct gc__range range, void (*fn)(void *, struct gc__range),
                    void *argument);

/* In the child of a fork, before anything else is asked: async-signal-safe. What the parent had armed is armed no more
 * (KERNEL) or still (PROTECT). False: the watch has become NONE. */
bool gc__watch_after_fork(struct gc__watch *watch);

#endif
