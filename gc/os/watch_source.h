/* os/watch_source.h - what a source of watch.h provides. For watch.c and the sources alone. */
#ifndef GC_OS_WATCH_SOURCE_H
#define GC_OS_WATCH_SOURCE_H

#include "os/watch.h"

struct gc__watch_source {
  /* As gc__watch_open; after an error everything that the source took is given back. */
  int (*open)(struct gc__watch *watch, struct gc__budget *budget, const char **missing);
  void (*close)(struct gc__watch *watch);
  bool (*add)(struct gc__watch *watch, struct gc__range range);
  void (*renew)(struct gc__watch *watch, struct gc__range range); /* NULL: nothing is to be done */
  void (*remove)(struct gc__watch *watch, struct gc__range range);
  void (*arm)(struct gc__watch *watch, struct gc__range range);
  void (*open_pages)(struct gc__watch *watch, struct gc__range range);
  void (*lend)(struct gc__watch *watch, struct gc__range range); /* NULL, and the next: nothing is to be done */
  void (*take_back)(struct gc__watch *watch, struct gc__range range);
  void (*take)(struct gc__watch *watch, struct gc__range range, void (*fn)(void *, struct gc__range), void *argument);
  bool (*after_fork)(struct gc__watch *watch); /* false: nothing can be noticed any more; still to be closed */
  bool takes_system_calls;                     /* a system call may write into armed pages */
};

extern const struct gc__watch_source gc__watch_kernel, gc__watch_protect;

#endif
