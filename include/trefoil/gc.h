/* trefoil/gc.h - a garbage-collected heap for C programs.
 *
 *     #include <trefoil/gc.h>
 *     struct node *n = gc_new(struct node);      // never freed by hand
 *
 * The collector starts at the first call, finds pointers in stacks, registers, thread-local and static data and in
 * other objects by itself, and reclaims what cannot be reached any more.
 *
 * Rules for every function here, unless its comment says otherwise:
 *  - It may be called from any thread; a thread that calls in for the first time is attached. Nothing here may be
 *    called from a signal handler.
 *  - Sizes are in bytes, times in nanoseconds.
 *  - Failure is NULL, false, or an errno value as the result, and errno is set as well. The library never ends the
 *    program for want of memory.
 *  - Misuse that would corrupt memory (a double free, freeing what is no object) ends the program by abort() with one
 *    line on standard error that names the function, the address and what is known of it. These checks are always on.
 *
 * What keeps an object alive: a word that holds an address inside it, in the stack or registers of an attached
 * thread, in its thread-local variables, in the writable data of the program or of a loaded library, in a range given
 * to gc_roots_add, in a root object, or in another live object that is not a leaf. Such a word must be aligned like a
 * pointer. A word in a root (not one in an object) that points exactly one past the end of an object keeps it too.
 *
 * Not roots: memory from malloc and mmap, pthread_setspecific values, and the argument of a plain pthread_create until
 * the new thread attaches. Give such memory to gc_roots_add, or use gc_thread_create.
 */
#ifndef TREFOIL_GC_H
#define TREFOIL_GC_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREFOIL_VERSION_MAJOR 0
#define TREFOIL_VERSION_MINOR 1
#define TREFOIL_VERSION_PATCH 0

#if defined(__GNUC__)
#define GC_PUBLIC        __attribute__((visibility("default")))
#define GC_MALLOC_LIKE   __attribute__((malloc, warn_unused_result))
#define GC_SIZED_BY(...) __attribute__((alloc_size(__VA_ARGS__)))
#define GC_PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))
#else
#define GC_PUBLIC
#define GC_MALLOC_LIKE
#define GC_SIZED_BY(...)
#define GC_PRINTF_LIKE(string, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Life cycle -------------------------------------------------------------------------------------------- */

/* How memory is reclaimed. GC_MODE_DEFAULT is generational. */
enum gc_mode { GC_MODE_DEFAULT, GC_MARK_SWEEP, GC_GENERATIONAL, GC_REFCOUNT };

/* How writes to old objects are noticed. Mark-sweep mode needs none of it and reports GC_TRACK_NONE. */
enum gc_tracking {
  GC_TRACK_AUTO,    /* pages where the machine has it, else none; plain C stores are enough */
  GC_TRACK_PAGES,   /* the kernel records written pages; plain C stores are enough */
  GC_TRACK_PROTECT, /* page protection and SIGSEGV; see gc_will_write */
  GC_TRACK_BARRIER, /* the program promises gc_write() for every pointer that it stores into an object */
  GC_TRACK_NONE     /* assume that every page was written: always right, never fast */
};

/* Where finalizers run: in a thread of the library, or only inside gc_finalizers_run(). */
enum gc_finalize { GC_FINALIZE_THREAD, GC_FINALIZE_MANUAL };

/* Settings, read once by gc_init. Start from GC_OPTIONS_INIT; zero always means "let the library choose". The
 * environment variables named here win over the program's values; sizes there take a suffix K, M or G. */
struct gc_options {
  size_t struct_bytes;          /* set by GC_OPTIONS_INIT */
  enum gc_mode mode;            /* TREFOIL_MODE: generational, mark-sweep, refcount */
  enum gc_tracking tracking;    /* TREFOIL_TRACKING: auto, pages, protect, barrier, none */
  size_t limit_bytes;           /* TREFOIL_LIMIT: all memory that the library commits, its tables included; only what a
                                   collection or a new thread cannot do without may pass it, by some KiB. 0: the
                                   container's or machine's memory less what the rest of the process uses, read again at
                                   each collection, less 5 % */
  size_t initial_bytes;         /* TREFOIL_INITIAL: heap that is taken and touched at the start, with its tables: see
                                   gc_init */
  size_t nursery_bytes;         /* TREFOIL_NURSERY: allocation between two minor collections or epochs; unused by
                                   mark-sweep */
  unsigned growth_percent;      /* TREFOIL_GROWTH: the live heap may grow by this much before a full collection */
  unsigned markers;             /* TREFOIL_MARKERS: threads that mark, the collecting one included; 0: one for each
                                   processor that the process may use */
  void *buffer;                 /* the whole heap inside this memory: see gc_init. Both or neither */
  size_t buffer_bytes;
  const char *swap_path;        /* TREFOIL_SWAP: a directory, or a name that nothing has yet: cold parts of the heap go to
                                   a file there that is unlinked at once (protect.h); limit_bytes then bounds what is in
                                   memory, tables included. NULL: none. A file system in memory (tmpfs) gains nothing */
  size_t swap_bytes;            /* TREFOIL_SWAP_BYTES: of that file at most; 0: what its file system has free */
  enum gc_finalize finalize;
  bool finalize_at_shutdown;
  bool interior_in_heap;        /* words in objects that point inside an object keep it (default true) */
  int stop_signal;              /* signal that stops threads; 0: SIGPWR. It must not be used by the program otherwise.
                                   Threads that block it cannot be stopped and are named on standard error */
  unsigned guard_freed_percent; /* TREFOIL_GUARD_FREED: share of the objects above 8 KiB that gc_free makes inaccessible,
                                   so that a later use of one faults and is told (trefoil/protect.h); up to 100, 0: none.
                                   They lose their memory at once. The last 1,024 that were freed are kept so, and at most
                                   256 MiB of addresses or a quarter of the limit, whichever is less; the oldest go first */
};

/* Positional, so that C++ takes it: struct gc_options o = GC_OPTIONS_INIT; o.markers = 1; */
#define GC_OPTIONS_INIT                                                                                                \
  {                                                                                                                    \
    sizeof(struct gc_options), GC_MODE_DEFAULT, GC_TRACK_AUTO, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, GC_FINALIZE_THREAD,    \
        false, true, 0, 0                                                                                              \
  }

/* Starts the collector; NULL takes all defaults. Every other function does the same with defaults if it comes first.
 * Result: 0; EINVAL (a value out of range, a struct of unknown size); ENOMEM (no address space or memory);
 * ENOTSUP (something that this machine or version cannot do, asked for by the program); EALREADY (is running);
 * for swap_path EEXIST (something has that name) and what open(2) says, with a line on standard error.
 * A wrong environment value is named on standard error and ignored. In a set-user-id program the environment is not
 * read. Further variables: TREFOIL_LOG=gc (a line for each collection on standard error), TREFOIL_STATS=FILE (all
 * statistics and pauses as JSON at exit), TREFOIL_STRESS=alloc (collect at every allocation; swap: gc_swap_out
 * takes everything for cold), TREFOIL_CHECK=heap (verify
 * the heap after each collection), TREFOIL_CHECK=barriers (under GC_TRACK_BARRIER: name each pointer that was stored into
 * an old object without gc_write or its relatives; takes as much memory again as the heap; words are compared at
 * collections, beside other threads a word is named at the one after).
 *
 * A heap in a buffer: the collector and all its tables lie in that memory, and the system is never asked for any after
 * gc_init. The buffer may be static data, memory of malloc or mmap (private, where the program forks), or lie on the
 * stack of a function that calls gc_shutdown before it returns; it has any alignment and contents, and belongs to the
 * library from gc_init to gc_shutdown, which leaves it alone from then on. It is no root, wherever it lies. Blocks have
 * 4 KiB where it is smaller than 16 MiB: objects of more than 2048 bytes take whole pages there. Of 1 MiB about 85 %
 * are for objects, about 40 % in refcount mode, which keeps a shadow of the heap; each attached thread takes 28 KiB
 * (gc_thread_attach: ENOMEM), weak references, finalizers and typed objects take tables when they are first used. A
 * full one is ENOMEM, as any limit; limit_bytes makes it use the front of the buffer only. No thread is created: one
 * marker, and finalizers run in gc_finalizers_run. Tracking is none, or barriers where the program asks for them; pages
 * and protect asked for by name are ENOTSUP, and so are swap_path and guard_freed_percent
 * (from the environment they are not taken) and guarded objects. TREFOIL_STATS has no list of pauses. EINVAL: too small
 * to start in; a line on standard error says how many bytes it takes there.
 *
 * With initial_bytes no page fault comes later while the heap stays within them and its threads are those that were
 * attached when they began: heap, tables, and what a thread has are touched. What comes on top are the faults by which
 * pages and protect notice writes, the tables of the first weak reference, finalizer or typed object, and those of a
 * collection that needs more than 1 MiB for its stack. */
GC_PUBLIC int gc_init(const struct gc_options *options);

/* Frees the whole heap: every object is gone. gc_init may follow, with other options. Result: 0; EBUSY while another
 * thread of the program is attached; EINVAL if the collector is not running. The calling thread is detached. */
GC_PUBLIC int gc_shutdown(void);

GC_PUBLIC enum gc_mode gc_mode(void);         /* the mode in use; starts the collector */
GC_PUBLIC enum gc_tracking gc_tracking(void); /* what GC_TRACK_AUTO came to; starts the collector */

/* "mark-sweep", "generational", "refcount"; "default" and "unknown" for values that name no mode. Static storage. */
GC_PUBLIC const char *gc_mode_name(enum gc_mode mode);
GC_PUBLIC const char *gc_version(void); /* "major.minor.patch" of the library that is loaded */

/* ---- Allocation --------------------------------------------------------------------------------------------- */

/* All of these return memory that is zeroed and 16-aligned, or NULL with ENOMEM after a full collection and the
 * out-of-memory handler could not help. A request of 0 bytes gives a distinct minimal object. No header, no padding:
 * 16 bytes take 16 bytes, and gc_size() tells what a request was rounded up to. */
GC_PUBLIC void *gc_alloc(size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(1);      /* every word may hold a pointer */
GC_PUBLIC void *gc_alloc_leaf(size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(1); /* never scanned: text, numbers, pixels */

/* count elements of the given size; NULL and ENOMEM if the product overflows. */
GC_PUBLIC void *gc_alloc_array(size_t count, size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(1, 2);
GC_PUBLIC void *gc_alloc_leaf_array(size_t count, size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(1, 2);

/* The pointer fields of a type. Offsets, and bytes where count > 1, are multiples of sizeof(void *). */
struct gc_layout {
  size_t bytes;                  /* of one element, not 0 */
  size_t pointer_count;          /* may be 0 */
  const size_t *pointer_offsets; /* each at most bytes - sizeof(void *) */
};

/* count elements in a row, of which only the layout's pointer fields are scanned: a pointer anywhere else in them keeps
 * nothing. The layout is read during the call only; of two with the same content the second takes no memory. It is
 * repeated to the end of the object (gc_size). NULL and EINVAL: no layout, or one that breaks its rules. An object whose
 * layout has no pointers is a leaf. After 65,535 different layouts objects of further ones are scanned whole. */
GC_PUBLIC void *gc_alloc_typed(const struct gc_layout *layout, size_t count) GC_MALLOC_LIKE;

/* alignment: a power of two, else EINVAL. */
GC_PUBLIC void *gc_alloc_aligned(size_t alignment, size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(2);

/* A scanned object that is a root itself: it lives until gc_free. */
GC_PUBLIC void *gc_alloc_root(size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(1);

/* Resizes, in place where it can, else by moving (the old object is freed then). New bytes are zero; leaf and root
 * objects stay so, and an object keeps the alignment or the layout that it was made with. NULL is gc_alloc; 0 bytes give
 * a minimal object. On failure: NULL, and the old object stays; EINVAL: bytes is no multiple of what one element of a
 * typed object takes; ENOMEM. Anything but NULL or the start of an object is misuse. */
GC_PUBLIC void *gc_realloc(void *object, size_t bytes) __attribute__((warn_unused_result)) GC_SIZED_BY(2);
GC_PUBLIC void *gc_realloc_array(void *object, size_t count, size_t bytes)
    __attribute__((warn_unused_result)) GC_SIZED_BY(2, 3);

/* Optional: gives an object back at once. NULL is fine. A pointer that is not the start of a live object is misuse; a
 * double free is reported until the cell has a new tenant. */
GC_PUBLIC void gc_free(void *object);

/* Leaf objects. gc_strdup(NULL) and gc_memdup(NULL, 0) give NULL without an error. */
GC_PUBLIC char *gc_strdup(const char *s) GC_MALLOC_LIKE;
GC_PUBLIC char *gc_strndup(const char *s, size_t n) GC_MALLOC_LIKE; /* at most n bytes of s, and a terminator */
GC_PUBLIC char *gc_asprintf(const char *format, ...) GC_MALLOC_LIKE GC_PRINTF_LIKE(1, 2);
GC_PUBLIC char *gc_vasprintf(const char *format, va_list arguments) GC_MALLOC_LIKE GC_PRINTF_LIKE(1, 0);

/* A copy that may hold pointers: its memory is scanned. */
GC_PUBLIC void *gc_memdup(const void *from, size_t bytes) GC_MALLOC_LIKE GC_SIZED_BY(2);

/* The object is reachable up to this call, however well the compiler optimizes. Costs nothing. */
static inline void gc_keep(const void *object) { __asm__ volatile("" : : "g"(object) : "memory"); }

#define gc_new(T)          ((T *)gc_alloc(sizeof(T)))
#define gc_new_array(T, n) ((T *)gc_alloc_array((n), sizeof(T)))

/* For any address: usable bytes of the object that starts there (0: none does), and the start of the object that it
 * points into (NULL: none). Objects that died but were not reclaimed yet may still be answered for. */
GC_PUBLIC size_t gc_size(const void *object);
GC_PUBLIC void *gc_base(const void *pointer);

/* Called without a lock when memory for a request is not to be had; its result becomes that of the allocation. It may
 * free, collect and allocate, and it may leave by longjmp or a C++ exception. NULL: none. Result: the one before. */
typedef void *gc_oom_fn(size_t bytes);
GC_PUBLIC gc_oom_fn *gc_set_oom_handler(gc_oom_fn *handler);

/* GC_LAYOUT_DEFINE(node_layout, struct node, left, right); - a static const struct gc_layout with 1 to 32 fields. */
#define GC_LAYOUT_DEFINE(name, T, ...)                                                                                 \
  static const size_t name##_offsets[] = {GC_LAYOUT_EACH_(GC_LAYOUT_COUNT_(__VA_ARGS__), T, __VA_ARGS__)};             \
  static const struct gc_layout name = {sizeof(T), sizeof name##_offsets / sizeof name##_offsets[0], name##_offsets}

/* ---- Stores ------------------------------------------------------------------------------------------------- */

/* Plain stores are right under every tracking but GC_TRACK_BARRIER. A program that promises barriers stores each
 * pointer into an object through one of these; stores to static data, added roots, thread-local data and the stack need
 * none. Under any other tracking they are plain stores and a test.
 *
 * gc_write(slot, value): *slot = value, noticed. Each argument is evaluated once; the result is the value. A const slot
 * does not compile, a volatile one does, an _Atomic one is rejected (use the atomic, then gc_written). */

/* Where gc_write notes a store: a byte for each 512 bytes of the heap, and one for each 64 KiB. Part of the binary
 * interface, since the code below is compiled into programs; not for use by hand. bytes is 0 unless the tracking is
 * GC_TRACK_BARRIER. */
struct gc_barrier {
  unsigned char *cards, *blocks;
  uintptr_t minus_base; /* what makes an offset of an address */
  uintptr_t bytes;      /* of the heap */
};
GC_PUBLIC extern struct gc_barrier gc_barrier;

static inline void gc_mark_card_(const volatile void *slot) {
  uintptr_t gc_offset_ = (uintptr_t)slot + gc_barrier.minus_base;
  if (gc_offset_ < gc_barrier.bytes) {
    __atomic_store_n(&gc_barrier.cards[gc_offset_ >> 9], 1, __ATOMIC_RELAXED);
    __atomic_store_n(&gc_barrier.blocks[gc_offset_ >> 16], 1, __ATOMIC_RELAXED);
  }
}

#ifndef __cplusplus
/* The first asm keeps the store before the marks; the second keeps the value at hand until after them. */
#define gc_write(slot, value)                                                                                          \
  __extension__({                                                                                                      \
    _Static_assert(!GC_IS_ATOMIC_(slot), "gc_write: the slot is _Atomic: store to it, then call gc_written()");        \
    __typeof__(*(slot)) *gc_slot_ = (slot);                                                                            \
    __typeof__((void)0, *(slot)) gc_value_ = (value);                                                                  \
    *gc_slot_ = gc_value_;                                                                                             \
    __asm__ volatile("" : : : "memory");                                                                               \
    gc_mark_card_((const volatile void *)gc_slot_);                                                                    \
    __asm__ volatile("" : : "g"(gc_value_) : "memory");                                                                \
    gc_value_;                                                                                                         \
  })
/* The comma strips the qualifiers of the slot, _Atomic among them. */
#define GC_IS_ATOMIC_(slot)                                                                                            \
  (__builtin_types_compatible_p(__typeof__(&*(slot)), _Atomic(__typeof__((void)0, *(slot))) *) ||                      \
   __builtin_types_compatible_p(__typeof__(&*(slot)), volatile _Atomic(__typeof__((void)0, *(slot))) *))
#endif

/* memmove of bytes from one place to another, noticed. Under GC_TRACK_BARRIER it is done in pieces of 4 KiB, each with
 * its marks, that a stop waits for, so that an overlapping move never hides a pointer. */
GC_PUBLIC void gc_write_range(void *to, const void *from, size_t bytes);

/* After any other write of pointers: compare-and-swap, struct assignment, qsort, memset, read(2). The new values must
 * still be reachable otherwise (in a local variable, say) when this is called. */
GC_PUBLIC void gc_written(const void *start, size_t bytes);

/* Before a system call writes into objects; needed under GC_TRACK_PROTECT only, where the call would fail with EFAULT
 * else. The pages that hold the range stay open until the next collection. (Under GC_TRACK_PROTECT a store needs the system
 * too: a page that it makes writable again counts against RLIMIT_DATA, and a program that is at that limit dies.) */
GC_PUBLIC void gc_will_write(void *start, size_t bytes);

/* ---- Collecting, roots, threads ----------------------------------------------------------------------------- */

/* GC_COLLECT_MINOR: of the young objects, in generational mode; now and then it is a full one all the same, when the old
 * ones have grown enough. In mark-sweep mode both are a full collection. In refcount mode MINOR is an epoch, after which
 * all that it found dead is freed; FULL finds cycles, too. Works while collection is disabled, too. */
enum gc_collection { GC_COLLECT_MINOR, GC_COLLECT_FULL };
GC_PUBLIC void gc_collect(enum gc_collection kind);

/* No automatic collection between the two; calls nest, and one counter serves the whole process. gc_enable without a
 * gc_disable is misuse. */
GC_PUBLIC void gc_disable(void);
GC_PUBLIC void gc_enable(void);

/* Words in [start, start + bytes) count as roots until the range is removed by its start. The range must stay readable.
 * gc_roots_add: 0; EINVAL (NULL, 0 bytes, the end wraps); EEXIST (overlaps a range that was added); ENOMEM.
 * gc_roots_remove: 0; ENOENT (no range starts there). */
GC_PUBLIC int gc_roots_add(const void *start, size_t bytes);
GC_PUBLIC int gc_roots_remove(const void *start);

/* For threads that hold objects before they call anything here; calls nest not. A thread that is attached detaches by
 * itself when it ends. gc_thread_attach: 0, also if it is attached; ENOMEM (where a heap is full, it collects first,
 * if the thread has 128 KiB of stack left). gc_thread_detach: 0; EINVAL (is not attached); from then on the thread's
 * stack is not scanned until it calls in again. */
GC_PUBLIC int gc_thread_attach(void);
GC_PUBLIC int gc_thread_detach(void);

/* pthread_create for a thread that is attached from its first instruction, and whose argument and result count as
 * roots until it has taken them. Results as pthread_create. */
GC_PUBLIC int gc_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                               void *argument);

/* gc_blocked calls fn(argument) and returns its result; meanwhile the collector neither stops nor waits for this thread,
 * so fn must not touch objects, nor let a system call such as read(2) write into one (the argument and what the caller
 * holds stay reachable). gc_unblocked, inside it, calls a function that may touch objects again. Both nest; outside
 * gc_blocked, gc_unblocked is a plain call. fn must return; leaving gc_blocked by longjmp or an exception is not
 * supported. */
GC_PUBLIC void *gc_blocked(void *(*fn)(void *), void *argument);
GC_PUBLIC void *gc_unblocked(void *(*fn)(void *), void *argument);

/* ---- Helpers of GC_LAYOUT_DEFINE ---------------------------------------------------------------------------- */
#define GC_LAYOUT_COUNT_(...) GC_LAYOUT_COUNT2_(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define GC_LAYOUT_COUNT2_(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, n, ...) n
#define GC_LAYOUT_EACH_(n, T, ...) GC_LAYOUT_EACH2_(n, T, __VA_ARGS__)
#define GC_LAYOUT_EACH2_(n, T, ...) GC_LAYOUT_##n##_(T, __VA_ARGS__)
#define GC_LAYOUT_1_(T, f) offsetof(T, f)
#define GC_LAYOUT_2_(T, f, ...) offsetof(T, f), GC_LAYOUT_1_(T, __VA_ARGS__)
#define GC_LAYOUT_3_(T, f, ...) offsetof(T, f), GC_LAYOUT_2_(T, __VA_ARGS__)
#define GC_LAYOUT_4_(T, f, ...) offsetof(T, f), GC_LAYOUT_3_(T, __VA_ARGS__)
#define GC_LAYOUT_5_(T, f, ...) offsetof(T, f), GC_LAYOUT_4_(T, __VA_ARGS__)
#define GC_LAYOUT_6_(T, f, ...) offsetof(T, f), GC_LAYOUT_5_(T, __VA_ARGS__)
#define GC_LAYOUT_7_(T, f, ...) offsetof(T, f), GC_LAYOUT_6_(T, __VA_ARGS__)
#define GC_LAYOUT_8_(T, f, ...) offsetof(T, f), GC_LAYOUT_7_(T, __VA_ARGS__)
#define GC_LAYOUT_9_(T, f, ...) offsetof(T, f), GC_LAYOUT_8_(T, __VA_ARGS__)
#define GC_LAYOUT_10_(T, f, ...) offsetof(T, f), GC_LAYOUT_9_(T, __VA_ARGS__)
#define GC_LAYOUT_11_(T, f, ...) offsetof(T, f), GC_LAYOUT_10_(T, __VA_ARGS__)
#define GC_LAYOUT_12_(T, f, ...) offsetof(T, f), GC_LAYOUT_11_(T, __VA_ARGS__)
#define GC_LAYOUT_13_(T, f, ...) offsetof(T, f), GC_LAYOUT_12_(T, __VA_ARGS__)
#define GC_LAYOUT_14_(T, f, ...) offsetof(T, f), GC_LAYOUT_13_(T, __VA_ARGS__)
#define GC_LAYOUT_15_(T, f, ...) offsetof(T, f), GC_LAYOUT_14_(T, __VA_ARGS__)
#define GC_LAYOUT_16_(T, f, ...) offsetof(T, f), GC_LAYOUT_15_(T, __VA_ARGS__)
#define GC_LAYOUT_17_(T, f, ...) offsetof(T, f), GC_LAYOUT_16_(T, __VA_ARGS__)
#define GC_LAYOUT_18_(T, f, ...) offsetof(T, f), GC_LAYOUT_17_(T, __VA_ARGS__)
#define GC_LAYOUT_19_(T, f, ...) offsetof(T, f), GC_LAYOUT_18_(T, __VA_ARGS__)
#define GC_LAYOUT_20_(T, f, ...) offsetof(T, f), GC_LAYOUT_19_(T, __VA_ARGS__)
#define GC_LAYOUT_21_(T, f, ...) offsetof(T, f), GC_LAYOUT_20_(T, __VA_ARGS__)
#define GC_LAYOUT_22_(T, f, ...) offsetof(T, f), GC_LAYOUT_21_(T, __VA_ARGS__)
#define GC_LAYOUT_23_(T, f, ...) offsetof(T, f), GC_LAYOUT_22_(T, __VA_ARGS__)
#define GC_LAYOUT_24_(T, f, ...) offsetof(T, f), GC_LAYOUT_23_(T, __VA_ARGS__)
#define GC_LAYOUT_25_(T, f, ...) offsetof(T, f), GC_LAYOUT_24_(T, __VA_ARGS__)
#define GC_LAYOUT_26_(T, f, ...) offsetof(T, f), GC_LAYOUT_25_(T, __VA_ARGS__)
#define GC_LAYOUT_27_(T, f, ...) offsetof(T, f), GC_LAYOUT_26_(T, __VA_ARGS__)
#define GC_LAYOUT_28_(T, f, ...) offsetof(T, f), GC_LAYOUT_27_(T, __VA_ARGS__)
#define GC_LAYOUT_29_(T, f, ...) offsetof(T, f), GC_LAYOUT_28_(T, __VA_ARGS__)
#define GC_LAYOUT_30_(T, f, ...) offsetof(T, f), GC_LAYOUT_29_(T, __VA_ARGS__)
#define GC_LAYOUT_31_(T, f, ...) offsetof(T, f), GC_LAYOUT_30_(T, __VA_ARGS__)
#define GC_LAYOUT_32_(T, f, ...) offsetof(T, f), GC_LAYOUT_31_(T, __VA_ARGS__)

#ifdef __cplusplus
} /* extern "C" */

#include <type_traits>
template <class T, class V> static inline T gc_write(T *slot, V value) {
  static_assert(std::is_scalar<T>::value, "gc_write: the slot holds no plain pointer or number");
  T stored = static_cast<T>(value);
  *slot = stored;
  __asm__ volatile("" : : : "memory");
  gc_mark_card_(slot);
  __asm__ volatile("" : : "g"(stored) : "memory");
  return stored;
}
#endif

#include <trefoil/inline.h>

#endif
