/* malloc/side.c - memory from the side: what malloc returns while the library cannot serve it [malloc.side].
 *
 * Few and small blocks, as a rule: the dynamic linker's at the start, and a thread's vector of thread-local data. Sizes
 * are powers of two, each with a list of free blocks; new ones are cut from static memory first, then from mappings,
 * which stay. The collector sees all of it as roots, like any other data of the program's.
 */
#include "malloc/malloc.h"

#include <sched.h>
#include <sys/mman.h>

#define FIRST_CHUNK_BYTES ((size_t)128 << 10)
#define CHUNK_BYTES       ((size_t)1 << 20)
#define SIZE_LOG2_LEAST   5u
#define SIZE_COUNT        48u

/* In front of each block that is handed out: where its memory begins and how much it is. */
struct side_block {
  union {
    struct side_block *next; /* of those that are free */
    char *start;
  };
  size_t log2;
};
_Static_assert(sizeof(struct side_block) == GC__GRANULE_BYTES, "blocks behind it are aligned");

struct side_chunk {
  struct side_chunk *next;
  char *end;
};

static _Alignas(64) char first_chunk[FIRST_CHUNK_BYTES];
static struct {
  volatile unsigned is_held;
  char *free_start, *free_end; /* of the newest chunk */
  struct side_chunk *volatile chunks;
  struct side_block *free[SIZE_COUNT];
} side = {.free_start = first_chunk, .free_end = first_chunk + FIRST_CHUNK_BYTES};

/* Held for some instructions, and never while the world is being stopped. A lock of the C library's would do, but this
 * one works before that is initialized. */
static void hold_side(void) {
  while (!gc__flag_swap_if(&side.is_held, 0, 1)) sched_yield();
}

static void let_side_go(void) {
  gc__flag_set(&side.is_held, 0);
}

void gc__side_open(void) {
  pthread_atfork(hold_side, let_side_go, let_side_go);
}

static bool add_chunk(size_t bytes) {
  size_t wanted = gc__round_up(bytes + GC__GRANULE_BYTES, CHUNK_BYTES);
  char *start = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return false;
  struct side_chunk *chunk = (struct side_chunk *)(void *)start;
  *chunk = (struct side_chunk){side.chunks, start + wanted};
  __atomic_store_n(&side.chunks, chunk, __ATOMIC_RELEASE); /* read without the lock: gc__side_has */
  side.free_start = start + GC__GRANULE_BYTES;
  side.free_end = start + wanted;
  return true;
}

static char *take_block(unsigned log2) {
  struct side_block *block = side.free[log2];
  if (block) {
    side.free[log2] = block->next;
    return (char *)block;
  }
  size_t bytes = (size_t)1 << log2;
  if ((size_t)(side.free_end - side.free_start) < bytes && !add_chunk(bytes)) return NULL;
  char *start = side.free_start;
  side.free_start += bytes;
  return start;
}

void *gc__side_take(size_t bytes, size_t alignment) {
  size_t more = sizeof(struct side_block) + (alignment > GC__GRANULE_BYTES ? alignment : 0);
  if (bytes > PTRDIFF_MAX || alignment > PTRDIFF_MAX / 4 || bytes + more > (size_t)1 << (SIZE_COUNT - 1)) return NULL;
  unsigned log2 = SIZE_LOG2_LEAST;
  while ((size_t)1 << log2 < bytes + more) log2++;
  hold_side();
  char *start = take_block(log2);
  let_side_go();
  if (!start) return NULL;
  char *block = (char *)gc__round_up((uintptr_t)start + sizeof(struct side_block), alignment);
  ((struct side_block *)(void *)block)[-1] = (struct side_block){.start = start, .log2 = log2};
  return block;
}

void gc__side_give(void *block) {
  struct side_block facts = ((struct side_block *)block)[-1];
  struct side_block *freed = (struct side_block *)(void *)facts.start;
  hold_side();
  freed->next = side.free[facts.log2];
  side.free[facts.log2] = freed;
  let_side_go();
}

bool gc__side_has(const void *address) {
  const char *at = address;
  if (at >= first_chunk && at < first_chunk + FIRST_CHUNK_BYTES) return true;
  const struct side_chunk *chunk = __atomic_load_n(&side.chunks, __ATOMIC_ACQUIRE);
  for (; chunk; chunk = chunk->next)
    if (at >= (const char *)chunk && at < chunk->end) return true;
  return false;
}

size_t gc__side_bytes(const void *block) {
  const struct side_block *facts = (const struct side_block *)block - 1;
  return (size_t)(facts->start + ((size_t)1 << facts->log2) - (const char *)block);
}
