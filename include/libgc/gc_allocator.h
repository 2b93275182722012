/* gc_allocator.h - allocators for containers of C++.
 *
 * gc_allocator: memory of the collector. traceable_allocator: memory that is scanned and freed by the container, for
 * containers in memory that is not. Elements of arithmetic types, and types that are declared so, are not scanned:
 * GC_DECLARE_PTRFREE(T).
 */
#ifndef GC_ALLOCATOR_H
#define GC_ALLOCATOR_H

#include <cstddef>
#include <limits>
#include <new>

#include "gc.h"

struct GC_true_type {};
struct GC_false_type {};
template <class T> struct GC_type_traits { GC_false_type GC_is_ptr_free; };
#define GC_DECLARE_PTRFREE(T)                                                                                          \
  template <> struct GC_type_traits<T> { GC_true_type GC_is_ptr_free; }
GC_DECLARE_PTRFREE(char);
GC_DECLARE_PTRFREE(signed char);
GC_DECLARE_PTRFREE(unsigned char);
GC_DECLARE_PTRFREE(signed short);
GC_DECLARE_PTRFREE(unsigned short);
GC_DECLARE_PTRFREE(signed int);
GC_DECLARE_PTRFREE(unsigned int);
GC_DECLARE_PTRFREE(signed long);
GC_DECLARE_PTRFREE(unsigned long);
GC_DECLARE_PTRFREE(float);
GC_DECLARE_PTRFREE(double);
GC_DECLARE_PTRFREE(long double);

template <class IsPtrFree> inline void *GC_selective_alloc(std::size_t bytes, IsPtrFree, bool) {
  void *object = GC_MALLOC(bytes);
  if (!object) throw std::bad_alloc();
  return object;
}
template <> inline void *GC_selective_alloc<GC_true_type>(std::size_t bytes, GC_true_type, bool) {
  void *object = GC_MALLOC_ATOMIC(bytes);
  if (!object) throw std::bad_alloc();
  return object;
}

#define GC_ALLOCATOR_MEMBERS_(name)                                                                                    \
  typedef std::size_t size_type;                                                                                       \
  typedef std::ptrdiff_t difference_type;                                                                              \
  typedef T *pointer;                                                                                                  \
  typedef const T *const_pointer;                                                                                      \
  typedef T &reference;                                                                                                \
  typedef const T &const_reference;                                                                                    \
  typedef T value_type;                                                                                                \
  template <class U> struct rebind { typedef name<U> other; };                                                         \
  name() throw() {}                                                                                                    \
  name(const name &) throw() {}                                                                                        \
  template <class U> name(const name<U> &) throw() {}                                                                  \
  ~name() throw() {}                                                                                                   \
  name &operator=(const name &) = default;                                                                             \
  pointer address(reference x) const {                                                                                 \
    return &x;                                                                                                         \
  }                                                                                                                    \
  const_pointer address(const_reference x) const {                                                                     \
    return &x;                                                                                                         \
  }                                                                                                                    \
  size_type max_size() const throw() {                                                                                 \
    return std::numeric_limits<size_type>::max() / sizeof(T);                                                          \
  }                                                                                                                    \
  void construct(pointer p, const T &value) {                                                                          \
    new (p) T(value);                                                                                                  \
  }                                                                                                                    \
  void destroy(pointer p) {                                                                                            \
    p->~T();                                                                                                           \
  }

template <class T> class gc_allocator {
public:
  GC_ALLOCATOR_MEMBERS_(gc_allocator)
  T *allocate(size_type n, const void * = nullptr) {
    GC_type_traits<T> traits;
    return static_cast<T *>(GC_selective_alloc(n * sizeof(T), traits.GC_is_ptr_free, false));
  }
  void deallocate(pointer p, size_type) throw() { GC_FREE(p); }
};

template <class T> class gc_allocator_ignore_off_page {
public:
  GC_ALLOCATOR_MEMBERS_(gc_allocator_ignore_off_page)
  T *allocate(size_type n, const void * = nullptr) {
    GC_type_traits<T> traits;
    return static_cast<T *>(GC_selective_alloc(n * sizeof(T), traits.GC_is_ptr_free, true));
  }
  void deallocate(pointer p, size_type) throw() { GC_FREE(p); }
};

template <class T> class traceable_allocator {
public:
  GC_ALLOCATOR_MEMBERS_(traceable_allocator)
  T *allocate(size_type n, const void * = nullptr) {
    void *object = GC_MALLOC_UNCOLLECTABLE(n * sizeof(T));
    if (!object) throw std::bad_alloc();
    return static_cast<T *>(object);
  }
  void deallocate(pointer p, size_type) throw() { GC_FREE(p); }
};

#define GC_ALLOCATOR_EQUALITY_(name)                                                                                   \
  template <class A, class B> inline bool operator==(const name<A> &, const name<B> &) {                               \
    return true;                                                                                                       \
  }                                                                                                                    \
  template <class A, class B> inline bool operator!=(const name<A> &, const name<B> &) {                               \
    return false;                                                                                                      \
  }
GC_ALLOCATOR_EQUALITY_(gc_allocator)
GC_ALLOCATOR_EQUALITY_(gc_allocator_ignore_off_page)
GC_ALLOCATOR_EQUALITY_(traceable_allocator)

#endif
