/* gc_cpp.h - collected objects in C++.
 *
 *     class A : public gc { ... };           // new A is collected, its destructor never runs
 *     class B : public gc_cleanup { ... };   // the destructor runs when the object is found unreachable
 *     int *p = new (UseGC) int[10];          // or GC; NoGC: never collected; PointerFreeGC: never scanned
 */
#ifndef GC_CPP_H
#define GC_CPP_H

#include <new>

#include "gc.h"

#define GC_NS_QUALIFY(T) T /* no namespace */
#define GC_ATTR_EXPLICIT explicit
#define GC_NOEXCEPT      noexcept
#define GC_OP_NEW_OOM_CHECK(p)                                                                                         \
  do {                                                                                                                 \
    if (!(p)) throw std::bad_alloc();                                                                                  \
  } while (0)

enum GCPlacement { UseGC, GC = UseGC, NoGC, PointerFreeGC };
typedef void (*GCCleanUpFunc)(void *object, void *data);

GC_API void GC_throw_bad_alloc();

namespace gc_cpp_detail {
inline void *must(void *object) {
  if (!object) throw std::bad_alloc();
  return object;
}
} // namespace gc_cpp_detail

inline void *operator new(std::size_t bytes, GCPlacement where, GCCleanUpFunc fn = nullptr, void *data = nullptr) {
  if (where == NoGC) return gc_cpp_detail::must(GC_MALLOC_UNCOLLECTABLE(bytes));
  if (where == PointerFreeGC) return gc_cpp_detail::must(GC_MALLOC_ATOMIC(bytes));
  void *object = gc_cpp_detail::must(GC_MALLOC(bytes));
  if (fn) GC_REGISTER_FINALIZER_IGNORE_SELF(object, fn, data, nullptr, nullptr);
  return object;
}
inline void operator delete(void *object, GCPlacement, GCCleanUpFunc, void *) noexcept {
  GC_FREE(object);
}
inline void *operator new[](std::size_t bytes, GCPlacement where, GCCleanUpFunc fn = nullptr, void *data = nullptr) {
  return ::operator new(bytes, where, fn, data);
}
inline void operator delete[](void *object, GCPlacement, GCCleanUpFunc, void *) noexcept {
  GC_FREE(object);
}

class gc {
public:
  void *operator new(std::size_t bytes) { return gc_cpp_detail::must(GC_MALLOC(bytes)); }
  void *operator new(std::size_t bytes, GCPlacement where) { return ::operator new(bytes, where, nullptr, nullptr); }
  void *operator new(std::size_t, void *place) noexcept { return place; }
  void operator delete(void *object) noexcept { GC_FREE(object); }
  void operator delete(void *object, GCPlacement) noexcept { GC_FREE(object); }
  void operator delete(void *, void *) noexcept {}
  void *operator new[](std::size_t bytes) { return gc_cpp_detail::must(GC_MALLOC(bytes)); }
  void *operator new[](std::size_t bytes, GCPlacement where) { return ::operator new(bytes, where, nullptr, nullptr); }
  void *operator new[](std::size_t, void *place) noexcept { return place; }
  void operator delete[](void *object) noexcept { GC_FREE(object); }
  void operator delete[](void *object, GCPlacement) noexcept { GC_FREE(object); }
  void operator delete[](void *, void *) noexcept {}
};

/* An object of it that lies inside another one, or on a stack, is not registered. A destructor that is called by delete
 * takes the finalizer back. */
class gc_cleanup : virtual public gc {
public:
  gc_cleanup() {
    void *base = GC_base(static_cast<void *>(this));
    GC_finalization_proc old_fn = nullptr;
    void *old_data = nullptr;
    if (!base) return;
    std::ptrdiff_t offset = reinterpret_cast<char *>(this) - static_cast<char *>(base);
    GC_REGISTER_FINALIZER_IGNORE_SELF(base, &gc_cleanup::cleanup, reinterpret_cast<void *>(offset), &old_fn, &old_data);
    if (old_fn) GC_REGISTER_FINALIZER_IGNORE_SELF(base, old_fn, old_data, nullptr, nullptr);
  }
  virtual ~gc_cleanup() {
    void *base = GC_base(static_cast<void *>(this));
    if (base) GC_REGISTER_FINALIZER_IGNORE_SELF(base, nullptr, nullptr, nullptr, nullptr);
  }

private:
  static void cleanup(void *object, void *offset) {
    gc_cleanup *self =
        reinterpret_cast<gc_cleanup *>(static_cast<char *>(object) + reinterpret_cast<std::ptrdiff_t>(offset));
    self->~gc_cleanup();
  }
};

#endif
