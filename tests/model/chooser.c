/* tests/model/chooser.c - where the model's choices come from: see model.h. Every choice is one or two bytes, so that a
 * run with a seed can be recorded and handed to a fuzzer as a first input.
 */
#include "model.h"

uint8_t choose_byte(struct chooser *chooser) {
  uint8_t byte = 0;
  if (chooser->bytes) {
    if (chooser->next_byte < chooser->byte_count) byte = chooser->bytes[chooser->next_byte++];
  } else { /* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
    uint64_t z = chooser->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    byte = (uint8_t)(z >> 56);
  }
  if (chooser->record) fputc(byte, chooser->record);
  return byte;
}

unsigned choose(struct chooser *chooser, unsigned below) {
  unsigned value = choose_byte(chooser);
  if (below > 256) value = value << 8 | choose_byte(chooser);
  return value % below;
}

bool chooser_is_empty(const struct chooser *chooser) {
  return chooser->bytes && chooser->next_byte >= chooser->byte_count;
}
