/* libgc/cplusplus.cc - libgctba.so.1, and with GC_REPLACES_NEW libgccpp.so.1: operator new and delete of a whole
 * program over memory that is scanned and stays until it is deleted. */
#include <libgc/gc_cpp.h>

GC_API void GC_throw_bad_alloc() {
  throw std::bad_alloc();
}

#ifdef GC_REPLACES_NEW
#define EXPORT __attribute__((visibility("default")))

static void *allocate(std::size_t bytes) {
  void *object = GC_MALLOC_UNCOLLECTABLE(bytes);
  if (!object) GC_throw_bad_alloc();
  return object;
}

EXPORT void *operator new(std::size_t bytes) {
  return allocate(bytes);
}
EXPORT void *operator new[](std::size_t bytes) {
  return allocate(bytes);
}
EXPORT void operator delete(void *object) noexcept {
  GC_FREE(object);
}
EXPORT void operator delete[](void *object) noexcept {
  GC_FREE(object);
}
EXPORT void operator delete(void *object, std::size_t) noexcept {
  GC_FREE(object);
}
EXPORT void operator delete[](void *object, std::size_t) noexcept {
  GC_FREE(object);
}
#endif
