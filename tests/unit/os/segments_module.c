/* tests/unit/os/segments_module.c - a library that the test of os/segments.h opens and closes. */
#include <stddef.h>

static size_t module_data[64] = {1};
static size_t module_bss[8192];
static _Thread_local size_t module_local[32] = {7};

size_t *module_data_address(void);
size_t *module_bss_address(void);
size_t *module_local_address(void);

size_t *module_data_address(void) {
  return module_data;
}
size_t *module_bss_address(void) {
  return &module_bss[8191];
}
size_t *module_local_address(void) {
  return &module_local[31];
}
