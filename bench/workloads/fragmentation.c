/* fragmentation - sizes that drift (drift.h), left to the collector where there is one. */
#include "drift.h"

int main(int argc, char **argv) {
  return run_drift("fragmentation", argc, argv);
}
