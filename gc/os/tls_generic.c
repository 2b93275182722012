/* os/tls_generic.c - thread-local data where the C library's tables are not known: only what lies with the stack. */
#include "os/thread.h"

const void *gc__os_thread_pointer(void) {
  return NULL;
}

struct gc__range gc__os_thread_local(const void *thread_pointer, size_t module_id, size_t bytes) {
  (void)thread_pointer, (void)module_id, (void)bytes;
  return (struct gc__range){0, 0};
}
