/* drift-freed - sizes that drift (drift.h) for many rounds, with gc_free wherever a malloc program frees. */
#define BENCH_FREE
#include "drift.h"

int main(int argc, char **argv) {
  return run_drift("drift-freed", argc, argv);
}
