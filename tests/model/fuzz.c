/* tests/model/fuzz.c - the model test driven by libFuzzer: an input is a string of choices, as `model --record` writes
 * it. The heap goes on from input to input, so that what one leaves behind meets the next.
 */
#include "model.h"
#include <trefoil/gc.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
  static const struct world_limits limits = {500, 4u << 20};
  struct chooser chooser = {.bytes = bytes, .byte_count = byte_count};
  struct world world;
  struct gc_options options = GC_OPTIONS_INIT;
  if (byte_count == 0) return 0;
  options.finalize = GC_FINALIZE_MANUAL;
  gc_init(&options); /* EALREADY but for the first time */
  world_start(&world, 0, chooser, limits, true);
  world_run(&world, UINT64_MAX);
  world_end(&world);
  mailbox_clear();
  return 0;
}
