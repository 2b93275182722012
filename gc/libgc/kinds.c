/* libgc/kinds.c - kinds of objects and descriptors of what they hold.
 *
 * [libgc.descriptors] A descriptor of GC_make_descriptor has in the bits above GC_DS_BITMAP one for each of the first
 * 62 words; that of a longer object is the number of a bitmap that is kept, above GC_DS_PER_OBJECT.
 */
#include "libgc/libgc.h"
#include "os/report.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

#define KINDS_MOST       256u
#define BITMAP_WORDS     62u
#define TYPED_WORDS_MOST 4096u
#define BITMAPS_MOST     4096u
#define LIST_BYTES       4096u

EXPORT const size_t GC_debug_header_size = 0;

enum kind_use { OF_NOTHING, OF_KIND, OF_PROCEDURE, OF_DESCRIPTOR };

static struct kind {
  enum kind_use use;
  enum gc__kind kind;
  unsigned marked; /* the library's number of a kind with a procedure; 0: not asked for yet */
  GC_word descriptor;
} kinds[KINDS_MOST] = {
    {OF_KIND, GC__KIND_LEAF, 0, 0}, {OF_KIND, GC__KIND_SCANNED, 0, 0}, {OF_KIND, GC__KIND_ROOT, 0, 0}};

#define FIRST_KIND           4u
#define ATOMIC_UNCOLLECTABLE 3

static unsigned kind_count = FIRST_KIND, procedure_count = GC_RESERVED_MARK_PROCS;
static GC_mark_proc procedures[GC_MAX_MARK_PROCS];
static pthread_mutex_t kinds_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- Mark procedures ---- */

/* What a procedure is given as the top of a stack: it hands it on, and looks at nothing. */
static struct GC_ms_entry no_stack[2];

static void call_procedure(void *object, size_t bytes, void *data) {
  const struct kind *kind = data;
  GC_word rest = kind->descriptor >> GC_DS_TAG_BITS;
  GC_mark_proc procedure = procedures[rest & (GC_MAX_MARK_PROCS - 1)];
  (void)bytes;
  if (procedure) procedure(object, no_stack, no_stack + 1, rest >> GC_LOG_MAX_MARK_PROCS);
}

EXPORT struct GC_ms_entry *GC_mark_and_push(void *object, struct GC_ms_entry *top, struct GC_ms_entry *limit,
                                            void **source) {
  (void)limit, (void)source;
  gc_mark(object);
  return top;
}

EXPORT unsigned GC_new_proc(GC_mark_proc procedure) {
  pthread_mutex_lock(&kinds_lock);
  unsigned number = procedure_count;
  if (number < GC_MAX_MARK_PROCS) procedures[procedure_count++] = procedure;
  pthread_mutex_unlock(&kinds_lock);
  if (number == GC_MAX_MARK_PROCS) gc__misuse("GC_new_proc: there are %u procedures already", number);
  if (!gc__libgc_has_begun()) gc__libgc_settings.needs_tracing = true;
  else if (gc_mode() == GC_REFCOUNT)
    gc__misuse("GC_new_proc: refcount mode cannot count what mark procedures keep: use TREFOIL_MODE=generational");
  return number;
}
EXPORT unsigned GC_new_proc_inner(GC_mark_proc procedure) {
  return GC_new_proc(procedure);
}

/* ---- Kinds ---- */

EXPORT void **GC_new_free_list(void) {
  return GC_malloc_uncollectable(sizeof(void *));
}
EXPORT void **GC_new_free_list_inner(void) {
  return GC_new_free_list();
}

static struct kind describe(GC_word descriptor, int adds_size) {
  struct kind kind = {OF_DESCRIPTOR, GC__KIND_SCANNED, 0, descriptor};
  GC_word tag = descriptor & GC_DS_TAGS;
  if (tag == GC_DS_PROC) kind.use = OF_PROCEDURE;
  else if (tag == GC_DS_LENGTH && adds_size) kind.use = OF_KIND;
  else if (tag == GC_DS_LENGTH && !descriptor) kind = (struct kind){OF_KIND, GC__KIND_LEAF, 0, 0};
  return kind;
}

/* All memory is cleared, and nobody looks at the list. */
EXPORT unsigned GC_new_kind(void **free_list, GC_word descriptor, int adds_size, int clears) {
  (void)free_list, (void)clears;
  pthread_mutex_lock(&kinds_lock);
  unsigned number = kind_count;
  if (number < KINDS_MOST) kinds[kind_count++] = describe(descriptor, adds_size);
  pthread_mutex_unlock(&kinds_lock);
  if (number == KINDS_MOST) gc__misuse("GC_new_kind: there are %u kinds already", number);
  return number;
}
EXPORT unsigned GC_new_kind_inner(void **free_list, GC_word descriptor, int adds_size, int clears) {
  return GC_new_kind(free_list, descriptor, adds_size, clears);
}

static GC__NOINLINE unsigned open_kind(struct kind *kind) {
  pthread_mutex_lock(&kinds_lock);
  if (!kind->marked) kind->marked = gc_kind_new(call_procedure, kind);
  pthread_mutex_unlock(&kinds_lock);
  return kind->marked;
}

static struct kind *kind_at(int number) {
  if (number < 0 || (unsigned)number >= kind_count) gc__misuse("GC_generic_malloc: %d: is no kind", number);
  return &kinds[number];
}

static void *allocate_marked(struct kind *kind, size_t bytes) {
  if (!gc__libgc_begin()) return NULL;
  unsigned marked = kind->marked ? kind->marked : open_kind(kind);
  void *object = marked ? gc_alloc_kind(marked, bytes) : NULL;
  gc__libgc_settle();
  gc_keep(object);
  return object;
}

EXPORT void *GC_generic_malloc(size_t bytes, int number) {
  if (number == GC_I_NORMAL) return GC_malloc(bytes);
  if (number == GC_I_PTRFREE) return GC_malloc_atomic(bytes);
  if (number == ATOMIC_UNCOLLECTABLE) return GC_malloc_atomic_uncollectable(bytes);
  struct kind *kind = kind_at(number);
  if (kind->use == OF_PROCEDURE) return allocate_marked(kind, bytes);
  if (kind->use == OF_DESCRIPTOR) return GC_malloc_explicitly_typed(bytes, kind->descriptor);
  if (kind->kind == GC__KIND_LEAF) return GC_malloc_atomic(bytes);
  return kind->kind == GC__KIND_ROOT ? GC_malloc_uncollectable(bytes) : GC_malloc(bytes);
}
EXPORT void *GC_generic_malloc_ignore_off_page(size_t bytes, int kind) {
  return GC_generic_malloc(bytes, kind);
}
EXPORT void *GC_malloc_kind(size_t bytes, int kind) {
  return GC_generic_malloc(bytes, kind);
}
EXPORT void *GC_malloc_kind_global(size_t bytes, int kind) {
  return GC_generic_malloc(bytes, kind);
}
EXPORT void *GC_generic_or_special_malloc(size_t bytes, int kind) {
  return GC_generic_malloc(bytes, kind);
}
EXPORT void *GC_debug_generic_or_special_malloc(size_t bytes, int kind, const char *file, int line) {
  (void)file, (void)line;
  return GC_generic_malloc(bytes, kind);
}
EXPORT void *GC_generic_malloc_uncollectable(size_t bytes, int kind) {
  return kind == GC_I_PTRFREE || kind == ATOMIC_UNCOLLECTABLE ? GC_malloc_atomic_uncollectable(bytes)
                                                              : GC_malloc_uncollectable(bytes);
}

/* About a page of them, first in memory first in the list. */
EXPORT void GC_generic_malloc_many(size_t bytes, int kind, void **list) {
  size_t count = LIST_BYTES / (bytes < GC__GRANULE_BYTES ? GC__GRANULE_BYTES : bytes);
  void *first = GC_generic_malloc(bytes, kind), *last = first;
  for (size_t i = 1; last && i < count; i++) {
    void *next = GC_generic_malloc(bytes, kind);
    if (!next) break;
    GC_NEXT(last) = next;
    last = next;
  }
  *list = first;
}

EXPORT int GC_get_kind_and_size(const void *object, size_t *bytes) {
  if (bytes) *bytes = GC_size(object);
  const struct gc__space *space = &gc__runtime.collector.heap.space;
  if (!gc__space_contains(space, object)) return GC_I_PTRFREE;
  enum gc__kind kind = gc__space_place(space, gc__space_offset(space, object)).kind;
  return kind == GC__KIND_LEAF ? GC_I_PTRFREE : kind == GC__KIND_ROOT ? 2 : GC_I_NORMAL;
}
EXPORT size_t GC_get_debug_header_size(void) {
  return 0;
}
EXPORT void *GC_clear_stack(void *argument) {
  return argument;
}
EXPORT void GC_register_describe_type_fn(int kind, GC_describe_type_fn fn) {
  (void)kind, (void)fn;
}

/* ---- Typed objects ---- */

/* Of the descriptors of long objects, in objects that stay. Written once each, under the lock, before anybody has the
 * number. */
static struct bitmap {
  size_t words;
  GC_word bits[];
} * bitmaps[BITMAPS_MOST];
static size_t bitmap_count;

static bool bit_at(const GC_word *bits, size_t i) {
  return bits[i / GC_WORDSZ] >> i % GC_WORDSZ & 1;
}

/* Without room for another one, or memory, all words up to the last that it declares are scanned. */
static GC_descr keep_bitmap(const GC_word *bits, size_t words) {
  size_t bytes = (words + GC_WORDSZ - 1) / GC_WORDSZ * sizeof(GC_word);
  struct bitmap *bitmap = GC_malloc_atomic_uncollectable(sizeof *bitmap + bytes);
  GC_descr descriptor = words * sizeof(GC_word) | GC_DS_LENGTH;
  if (!bitmap) return descriptor;
  bitmap->words = words;
  memcpy(bitmap->bits, bits, bytes);
  pthread_mutex_lock(&kinds_lock);
  if (bitmap_count < BITMAPS_MOST) {
    bitmaps[bitmap_count] = bitmap;
    descriptor = (GC_descr)bitmap_count++ << GC_DS_TAG_BITS | GC_DS_PER_OBJECT;
  }
  pthread_mutex_unlock(&kinds_lock);
  return descriptor;
}

EXPORT GC_descr GC_make_descriptor(const GC_word *bitmap, size_t words) {
  while (words && !bit_at(bitmap, words - 1)) words--;
  if (!words) return GC_DS_LENGTH;
  if (words > BITMAP_WORDS) return keep_bitmap(bitmap, words);
  GC_word bits = words == GC_WORDSZ ? bitmap[0] : bitmap[0] & (((GC_word)1 << words) - 1);
  return bits << GC_DS_TAG_BITS | GC_DS_BITMAP;
}

/* How many words from the start a descriptor tells of. */
static size_t words_of(GC_descr descriptor) {
  switch (descriptor & GC_DS_TAGS) {
  case GC_DS_LENGTH:
    return descriptor / sizeof(void *);
  case GC_DS_PER_OBJECT:
    return bitmaps[descriptor >> GC_DS_TAG_BITS]->words;
  default:
    return BITMAP_WORDS;
  }
}

/* The offsets that a descriptor declares below a number of words; how many. */
static size_t read_descriptor(GC_descr descriptor, size_t words, size_t *offsets) {
  GC_word tag = descriptor & GC_DS_TAGS, rest = descriptor >> GC_DS_TAG_BITS;
  const GC_word *bits = tag == GC_DS_PER_OBJECT ? bitmaps[rest]->bits : &rest;
  size_t count = 0, most = words_of(descriptor);
  if (most > words) most = words;
  for (size_t i = 0; i < most; i++)
    if (tag == GC_DS_LENGTH || bit_at(bits, i)) offsets[count++] = i * sizeof(void *);
  return count;
}

/* The number of the layout that a descriptor means for objects of that length. Interning takes a walk over the words,
 * and programs ask for the same again and again. */
static size_t intern(GC_descr descriptor, size_t bytes) {
  static _Thread_local struct {
    GC_descr descriptor;
    size_t bytes, number;
  } last __attribute__((tls_model("initial-exec")));
  size_t offsets[TYPED_WORDS_MOST], words = bytes / sizeof(void *);
  if (last.bytes == bytes && last.descriptor == descriptor) return last.number;
  struct gc_layout layout = {bytes, read_descriptor(descriptor, words, offsets), offsets};
  size_t number = gc__intern(gc__self, &layout);
  if (number == SIZE_MAX) return number;
  last.descriptor = descriptor;
  last.bytes = bytes;
  return last.number = number;
}

/* What descriptors longer than that tell of is scanned whole. */
static void *allocate_typed(size_t bytes, GC_descr descriptor, size_t count) {
  size_t total, number;
  if (!gc__libgc_begin() || __builtin_mul_overflow(bytes, count, &total)) return NULL;
  if (descriptor == 0) return GC_malloc_atomic(total);
  bytes = gc__round_up(bytes ? bytes : 1, sizeof(void *));
  if ((descriptor & GC_DS_TAGS) == GC_DS_PROC || words_of(descriptor) > TYPED_WORDS_MOST) return GC_malloc(total);
  number = intern(descriptor, bytes);
  if (number == SIZE_MAX) return NULL;
  void *object = number ? gc__allocate_typed(bytes * count, (unsigned)number) : GC_malloc(total);
  gc__libgc_settle();
  gc_keep(object);
  return object;
}

EXPORT void *GC_malloc_explicitly_typed(size_t bytes, GC_descr descriptor) {
  return allocate_typed(bytes, descriptor, 1);
}
EXPORT void *GC_malloc_explicitly_typed_ignore_off_page(size_t bytes, GC_descr descriptor) {
  return allocate_typed(bytes, descriptor, 1);
}
EXPORT void *GC_calloc_explicitly_typed(size_t count, size_t bytes, GC_descr descriptor) {
  return allocate_typed(bytes, descriptor, count);
}
