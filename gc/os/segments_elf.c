/* os/segments_elf.c - segments.h over dl_iterate_phdr (glibc, musl, the BSDs). */
#include "os/segments.h"
#include "base/bits.h"
#include "os/tsan.h"

#include <link.h>

/* Room for this many entries is reserved; more libraries than that do not fit a process. */
#define RANGES_MOST  ((size_t)1 << 20)
#define MODULES_MOST ((size_t)1 << 20)

/* Where the library itself is instrumented, for tests of the library, a report of ThreadSanitizer can come from a
 * section that a collection waits for, and asks the loader what lies at the address of the race: it would hang instead
 * of being printed. There a lock of ours takes the place of the loader's, and libraries must not come and go during
 * collections. */
#define HOLDS_LOADER (!GC__TSAN_INSTRUMENTED)
static pthread_mutex_t instead_of_loader = PTHREAD_MUTEX_INITIALIZER;

struct visit {
  struct gc__segments *segments;
  void (*fn)(void *);
  void *argument;
  bool has_begun, failed;
};

bool gc__segments_open(struct gc__segments *segments, struct gc__budget *budget) {
  *segments = (struct gc__segments){0};
  return gc__region_open_most(&segments->range_memory, budget, RANGES_MOST * sizeof(struct gc__range)) &&
         gc__region_open_most(&segments->module_memory, budget, MODULES_MOST * sizeof(struct gc__tls_module));
}

void gc__segments_close(struct gc__segments *segments) {
  gc__region_close(&segments->range_memory);
  gc__region_close(&segments->module_memory);
  *segments = (struct gc__segments){0};
}

static bool append_range(struct gc__segments *segments, uintptr_t start, uintptr_t end) {
  if (start >= end) return true;
  size_t count = segments->range_count;
  if (!gc__region_commit_needed(&segments->range_memory, (count + 1) * sizeof(struct gc__range))) return false;
  ((struct gc__range *)(void *)segments->range_memory.start)[count] = (struct gc__range){start, end};
  segments->range_count++;
  return true;
}

static bool append_module(struct gc__segments *segments, size_t id, size_t bytes) {
  size_t count = segments->module_count;
  if (!gc__region_commit_needed(&segments->module_memory, (count + 1) * sizeof(struct gc__tls_module))) return false;
  ((struct gc__tls_module *)(void *)segments->module_memory.start)[count] = (struct gc__tls_module){id, bytes};
  segments->module_count++;
  return true;
}

/* What the loader made read-only after relocation holds no heap pointers and is cut out, in whole pages. */
static struct gc__range find_relro(const struct dl_phdr_info *object) {
  size_t page_bytes = gc__os_page_bytes();
  for (size_t i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &object->dlpi_phdr[i];
    if (header->p_type != PT_GNU_RELRO) continue;
    uintptr_t start = object->dlpi_addr + header->p_vaddr;
    return (struct gc__range){gc__round_up(start, page_bytes), gc__round_down(start + header->p_memsz, page_bytes)};
  }
  return (struct gc__range){0, 0};
}

static bool append_writable(struct gc__segments *segments, uintptr_t start, uintptr_t end, struct gc__range relro) {
  start = gc__round_up(start, sizeof(void *));
  if (relro.start >= relro.end || relro.end <= start || relro.start >= end) return append_range(segments, start, end);
  return append_range(segments, start, relro.start) && append_range(segments, relro.end, end);
}

/* The lists change only in here: the loader's lock is held from the first object to the last, so that no other thread
 * meets half a list, or empties one that a collection is using. */
static int note_object(struct dl_phdr_info *object, size_t size, void *argument) {
  struct visit *visit = argument;
  struct gc__segments *segments = visit->segments;
  struct gc__range relro = find_relro(object);
  (void)size;
  if (!visit->has_begun) segments->range_count = segments->module_count = 0;
  visit->has_begun = true;
  for (size_t i = 0; i < object->dlpi_phnum && !visit->failed; i++) {
    const ElfW(Phdr) *header = &object->dlpi_phdr[i];
    uintptr_t start = object->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_LOAD && (header->p_flags & PF_W))
      visit->failed = !append_writable(segments, start, start + header->p_memsz, relro);
    else if (header->p_type == PT_TLS)
      visit->failed = !append_module(segments, object->dlpi_tls_modid, header->p_memsz);
  }
  segments->opened = object->dlpi_adds;
  segments->closed = object->dlpi_subs;
  segments->is_known = !visit->failed;
  return visit->failed;
}

static int run_if_current(struct dl_phdr_info *object, size_t size, void *argument) {
  struct visit *visit = argument;
  struct gc__segments *segments = visit->segments;
  (void)size;
  if (!segments->is_known || segments->opened != object->dlpi_adds || segments->closed != object->dlpi_subs) return 2;
  if (HOLDS_LOADER) visit->fn(visit->argument);
  return 1;
}

static bool hold(struct visit *visit) {
  while (dl_iterate_phdr(run_if_current, visit) != 1) {
    visit->has_begun = false;
    dl_iterate_phdr(note_object, visit);
    if (visit->failed) return false;
  }
  if (!HOLDS_LOADER) visit->fn(visit->argument);
  return true;
}

bool gc__segments_hold(struct gc__segments *segments, void (*fn)(void *), void *argument) {
  struct visit visit = {.segments = segments, .fn = fn, .argument = argument};
  if (!HOLDS_LOADER) pthread_mutex_lock(&instead_of_loader);
  bool is_done = hold(&visit);
  if (!HOLDS_LOADER) pthread_mutex_unlock(&instead_of_loader);
  return is_done;
}
