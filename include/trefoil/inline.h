/* trefoil/inline.h - small objects of a size that the compiler knows, allocated without a call. trefoil/gc.h includes
 * it; programs need not.
 *
 * A thread has a piece of zeroed cells for each small size, and takes the next one by moving a pointer. In line that is
 * six instructions, which the compiler fits to what surrounds them: binary trees take 0.65 to 0.8 of the time that they
 * take with calls. Everything else (larger or unknown sizes, an empty piece, the first object of a thread) is a call of
 * the function of the same name. Code that is compiled without optimization, or with GC_NO_INLINE defined, always
 * calls.
 *
 * What is declared here is a part of the binary interface, and no interface for programs. Its name has a number: should
 * it ever change, programs that were compiled before name a symbol that is not there, instead of going wrong.
 */
#ifndef TREFOIL_INLINE_H
#define TREFOIL_INLINE_H

#include <trefoil/gc.h>

/* A piece of cells: the address of the next one, and the end. The rest of the line is the library's. */
struct gc_piece_1 {
  size_t next, limit, reserved[6];
};

/* By size: 16, 32, ... GC_INLINE_MAX_BYTES bytes; and those of larger sizes, which do not go up in steps of 16. */
#define GC_INLINE_MAX_BYTES 256
#define GC_INLINE_SIZES     56
struct gc_pieces_1 {
  struct gc_piece_1 scanned[GC_INLINE_SIZES], leaf[GC_INLINE_SIZES];
};

#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(GC_NO_INLINE)
#ifdef __cplusplus
extern "C" {
#endif

/* The calling thread's; empty ones while it has none. */
GC_PUBLIC extern __thread struct gc_pieces_1 *gc_pieces_1 __attribute__((tls_model("initial-exec")));

GC_PUBLIC void *gc_alloc_by_call_(size_t bytes) __asm__("gc_alloc") GC_MALLOC_LIKE GC_SIZED_BY(1);
GC_PUBLIC void *gc_alloc_leaf_by_call_(size_t bytes) __asm__("gc_alloc_leaf") GC_MALLOC_LIKE GC_SIZED_BY(1);

/* A cell, or NULL. The accesses come in this order, and next is loaded once: a collection that stops the thread between
 * two of them leaves the piece as it is, and finds a cell that was taken in a register. They are atomic since others
 * look at pieces while their owner runs. */
__attribute__((gnu_inline, always_inline)) extern inline void *gc_take_cell_(struct gc_piece_1 *piece, size_t bytes) {
  volatile size_t *at = &piece->next, *limit = &piece->limit;
  size_t next = __atomic_load_n(at, __ATOMIC_RELAXED);
  if (__builtin_expect(next == __atomic_load_n(limit, __ATOMIC_RELAXED), 0)) return NULL;
  if (next == 0) __builtin_unreachable();
  __atomic_store_n(at, next + bytes, __ATOMIC_RELAXED);
  return (void *)next;
}

#define GC_IS_INLINED_(bytes) (__builtin_constant_p(bytes) && (bytes) <= GC_INLINE_MAX_BYTES)
#define GC_CELL_BYTES_(bytes) ((bytes) == 0 ? (size_t)16 : ((bytes) + 15) & ~(size_t)15)

__attribute__((gnu_inline, always_inline)) extern inline void *gc_alloc(size_t bytes) {
  if (GC_IS_INLINED_(bytes)) {
    size_t cell_bytes = GC_CELL_BYTES_(bytes);
    void *cell = gc_take_cell_(&gc_pieces_1->scanned[cell_bytes / 16 - 1], cell_bytes);
    if (__builtin_expect(cell != NULL, 1)) return cell;
  }
  return gc_alloc_by_call_(bytes);
}

__attribute__((gnu_inline, always_inline)) extern inline void *gc_alloc_leaf(size_t bytes) {
  if (GC_IS_INLINED_(bytes)) {
    size_t cell_bytes = GC_CELL_BYTES_(bytes);
    void *cell = gc_take_cell_(&gc_pieces_1->leaf[cell_bytes / 16 - 1], cell_bytes);
    if (__builtin_expect(cell != NULL, 1)) return cell;
  }
  return gc_alloc_leaf_by_call_(bytes);
}

#ifdef __cplusplus
}
#endif
#endif

#endif
