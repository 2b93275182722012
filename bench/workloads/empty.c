/* empty - starts the peer and ends. Its peak memory is what a program of the same build takes before it holds anything;
 * with modes=1 it prints instead the modes that this build of the library has, one a line.
 */
#include "shim.h"

#if BENCH_COLLECTS && defined(GC_OPTIONS_INIT)

static int print_modes(void) {
  static const enum gc_mode known[] = {GC_MARK_SWEEP, GC_GENERATIONAL, GC_REFCOUNT};
  gc_shutdown();
  for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
    struct gc_options options = GC_OPTIONS_INIT;
    options.mode = known[i];
    if (gc_init(&options) != 0) continue;
    printf("%s\n", gc_mode_name(known[i]));
    gc_shutdown();
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
#else
static int print_modes(void) {
  return 0;
}
#endif

int main(int argc, char **argv) {
  bench_start("empty", argc, argv);
  if (bench_parameter("modes", 0) != 0) return print_modes();
  bench_time_start();
  bench_free(bench_alloc(16));
  bench_time_stop();
  return bench_finish(1);
}
