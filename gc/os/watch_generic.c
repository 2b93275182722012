/* os/watch_generic.c - the sources of watch.h where the system has none: only NONE can be opened. */
#include "os/watch_source.h"

#include <errno.h>

static int refuse_watch(struct gc__watch *watch, struct gc__budget *budget, const char **missing) {
  (void)watch, (void)budget;
  *missing = "this build has no source of written pages";
  return ENOTSUP;
}

const struct gc__watch_source gc__watch_kernel = {.open = refuse_watch};
const struct gc__watch_source gc__watch_protect = {.open = refuse_watch};
