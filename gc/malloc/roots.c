/* malloc/roots.c - what is a root where free is ignored: every writable private mapping that is not the library's
 * [malloc.ignored].
 *
 * With the world stopped the kernel is asked for the mappings of the process, and for each of them which pages it has
 * ever had: one that was never touched is not read, which would make it exist, or fault behind the end of a file.
 * Static data is among them, and so are the stacks of threads that the library does not know. Of those that it knows,
 * it is the collector that reads the part in use.
 *
 * Where the kernel does not tell, nothing is collected at that stop. What is used here is not malloc's, nor the C
 * library's streams: system calls and static memory.
 */
#include "malloc/malloc.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bits of an entry of /proc/self/pagemap. */
#define PAGE_PRESENT ((uint64_t)1 << 63)
#define PAGE_SWAPPED ((uint64_t)1 << 62)

static struct {
  struct gc_root_sink *sink;
  int maps, pages; /* files */
  bool failed;
  uint64_t entries[512]; /* of pages that are looked at */
  char text[8192];       /* of the list of mappings */
} look;

static int open_file(const char *path) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

static bool open_files(void) {
  look.maps = open_file("/proc/self/maps");
  look.pages = look.maps < 0 ? -1 : open_file("/proc/self/pagemap");
  return look.pages >= 0;
}

static void close_files(void) {
  if (look.maps >= 0) syscall(SYS_close, look.maps);
  if (look.pages >= 0) syscall(SYS_close, look.pages);
}

bool gc__malloc_can_push_roots(void) {
  bool done = open_files();
  close_files();
  return done;
}

/* ---- Pages ---- */

static void push(struct gc__range range) {
  gc_root_push(look.sink, (void *)range.start, (void *)range.end);
}

/* Names the runs of pages that there are. */
static void push_pages(struct gc__range range) {
  size_t page_bytes = gc__os_page_bytes(), most = sizeof look.entries / sizeof look.entries[0];
  uintptr_t first = range.start / page_bytes, end = range.end / page_bytes;
  struct gc__range run = {range.start, range.start};
  for (uintptr_t page = first; page < end && !look.failed;) {
    size_t wanted = (end - page < most ? end - page : most) * sizeof(uint64_t);
    long got = syscall(SYS_pread64, look.pages, look.entries, wanted, page * sizeof(uint64_t));
    look.failed = got <= 0 || (size_t)got % sizeof(uint64_t);
    for (size_t i = 0; !look.failed && i < (size_t)got / sizeof(uint64_t); i++, page++) {
      bool is_there = (look.entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0;
      if (!is_there || run.end != page * page_bytes) {
        push(run);
        run.start = page * page_bytes;
      }
      run.end = is_there ? (page + 1) * page_bytes : run.start;
    }
  }
  push(run);
}

/* ---- What is left out ---- */

static struct gc__range below(struct gc__range range, uintptr_t end) {
  return (struct gc__range){range.start, end < range.end ? end : range.end};
}
static struct gc__range above(struct gc__range range, uintptr_t start) {
  return (struct gc__range){start > range.start ? start : range.start, range.end};
}

/* The stack of a thread that was stopped on it. The first thread's may reach down to where other mappings are: what is
 * not the mapping that it was stopped in is no stack of its. */
static bool is_stack_of(const struct gc__thread *thread, struct gc__range range) {
  bool is_own = thread->stopped_at >= thread->stack.start && thread->stopped_at < thread->stack.end;
  return is_own && thread->stopped_at >= range.start && thread->stopped_at < range.end;
}

static void push_but_stacks(struct gc__range range) {
  const struct gc__thread *thread = gc__runtime.collector.world.first;
  for (; thread && range.start < range.end; thread = thread->next) {
    if (!is_stack_of(thread, range)) continue;
    push_but_stacks(below(range, thread->stack.start));
    range = above(range, thread->stack.end);
  }
  if (range.start < range.end) push_pages(range);
}

struct reserved_from {
  uintptr_t from;         /* looked for: the first that ends behind this */
  struct gc__range first; /* found; SIZE_MAX: none */
};

static void note_first(void *argument, void *start, size_t bytes) {
  struct reserved_from *wanted = argument;
  uintptr_t at = (uintptr_t)start;
  if (at + bytes > wanted->from && at < wanted->first.start) wanted->first = (struct gc__range){at, at + bytes};
}

static void push_but_reserved(struct gc__range range) {
  while (range.start < range.end && !look.failed) {
    struct reserved_from next = {range.start, {SIZE_MAX, SIZE_MAX}};
    look.failed |= !gc__os_each_reserved(note_first, &next);
    struct gc__range part = below(range, next.first.start);
    if (part.start < part.end) push_but_stacks(part);
    range = above(range, next.first.end);
  }
}

/* The library's own state holds addresses, too, and keeps nothing. */
static void push_mapping(struct gc__range range) {
  struct gc__range own = {gc__round_down((uintptr_t)&gc__runtime, sizeof(void *)), (uintptr_t)(&gc__runtime + 1)};
  if (own.end <= range.start || own.start >= range.end) {
    push_but_reserved(range);
    return;
  }
  size_t page_bytes = gc__os_page_bytes();
  struct gc__range first = {gc__round_down(own.start, page_bytes), own.start};
  struct gc__range last = {own.end, gc__round_up(own.end, page_bytes)};
  push_but_reserved(below(range, first.start));
  push(first); /* of the two pages that it shares: they are there */
  push(last);
  push_but_reserved(above(range, last.end));
}

/* ---- The list of mappings ---- */

/* "5581a000-5581c000 rw-p ...": as far as it was read. */
struct mapping_line {
  struct gc__range range;
  unsigned field; /* 0, 1: the addresses; 2: access; 3: the rest */
  unsigned place; /* in the third one */
  bool is_root;
};

static unsigned digit_of(char c) {
  return c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
}

static void read_character(struct mapping_line *line, char c) {
  static const char wanted[] = "rw?p";
  if (c == '\n') {
    if (line->is_root && line->place >= 4) push_mapping(line->range);
    *line = (struct mapping_line){.is_root = true};
  } else if (line->field == 2 && line->place < 4) {
    char needed = wanted[line->place++];
    line->is_root &= needed == '?' || c == needed;
  } else if (line->field < 2 && (c == '-' || c == ' ')) {
    line->field++;
  } else if (line->field == 0) {
    line->range.start = line->range.start << 4 | digit_of(c);
  } else if (line->field == 1) {
    line->range.end = line->range.end << 4 | digit_of(c);
  }
}

static void read_mappings(void) {
  struct mapping_line line = {.is_root = true};
  long got;
  while (!look.failed && (got = syscall(SYS_read, look.maps, look.text, sizeof look.text)) != 0) {
    look.failed |= got < 0;
    for (long i = 0; i < got; i++) read_character(&line, look.text[i]);
  }
}

void gc__malloc_push_roots(struct gc_root_sink *sink, void *unused) {
  (void)unused;
  look.sink = sink;
  look.failed = !open_files();
  gc_root_skip_static(sink);
  read_mappings();
  close_files();
  if (look.failed) gc_root_refuse(sink);
}
