/* settings.h - what gc_init works with: the program's options, checked, and the environment, which wins.
 *
 * This is the only place that reads the environment.
 */
#ifndef GC_SETTINGS_H
#define GC_SETTINGS_H

#include <trefoil/gc.h>

struct gc__settings {
  struct gc_options options;
  bool tracking_is_wish;       /* it came from the environment: where the machine cannot, another one is taken */
  bool swap_is_wish;           /* likewise: without it where the file cannot be made */
  bool log_collections;        /* TREFOIL_LOG=gc */
  bool stress_allocation;      /* TREFOIL_STRESS=alloc */
  bool stress_swap;            /* TREFOIL_STRESS=swap; both: with a comma between them */
  bool check_heap;             /* TREFOIL_CHECK=heap */
  bool check_barriers;         /* TREFOIL_CHECK=barriers; both: with a comma between them */
  const char *statistics_path; /* TREFOIL_STATS; NULL: none */
  size_t fail_request;         /* TREFOIL_FAIL_COMMIT, builds with checks: the k-th request for memory fails */
};

/* trefoil/layer.h: another mode than this is taken in its place. For the next gc__settings_read. */
void gc__settings_exclude(enum gc_mode mode, const char *reason, enum gc_mode instead);

/* options: NULL for the defaults. 0; EINVAL or ENOTSUP for what the program asked for. Wrong environment values are
 * named on standard error and change nothing. */
int gc__settings_read(struct gc__settings *settings, const struct gc_options *options);

#endif
