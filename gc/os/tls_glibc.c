/* os/tls_glibc.c - thread-local data of any stopped thread, through the dynamic thread vector of glibc.
 *
 * Layout (Drepper, "ELF Handling For Thread-Local Storage", and the public debugging symbols of libthread_db): the
 * thread pointer leads to the vector; entry -1 counts its slots, entry 0 holds its generation, entry m the block of
 * module m, or -1 while the thread has not touched it. Both static and late libraries are found so.
 */
#include "os/thread.h"

#if defined(__x86_64__)
#define VECTOR_WORD 1 /* the second word of the thread control block */
#elif defined(__aarch64__) || defined(__riscv)
#define VECTOR_WORD 0
#else
#error "no layout of the thread control block for this processor: add it to os/tls_glibc.c"
#endif

union vector_entry {
  size_t count;
  struct {
    uintptr_t block;
    void *to_free;
  } module;
};

/* A table that claims more modules than this is in the middle of being replaced. */
#define VECTOR_SLOTS_MOST 65536

const void *gc__os_thread_pointer(void) {
  return __builtin_thread_pointer();
}

__attribute__((no_sanitize("address", "thread"))) struct gc__range gc__os_thread_local(const void *thread_pointer,
                                                                                       size_t module_id, size_t bytes) {
  struct gc__range none = {0, 0};
  const union vector_entry *vector = ((union vector_entry *const *)thread_pointer)[VECTOR_WORD];
  if (!vector || !bytes || module_id == 0) return none;
  size_t slots = vector[-1].count;
  if (module_id > slots || slots > VECTOR_SLOTS_MOST) return none;
  uintptr_t block = vector[module_id].module.block;
  if (block == 0 || block == UINTPTR_MAX) return none;
  return (struct gc__range){block, block + bytes};
}
