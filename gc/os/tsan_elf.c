/* os/tsan_elf.c - where ThreadSanitizer's runtime lies: see tsan.h.
 *
 * With gcc the runtime is a shared library: all of its code. With clang it is linked into the program, between the
 * objects that begin every program and the program's own: from the entry point to the last function that the program
 * exports under one of the runtime's names.
 */
#include "os/tsan.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

struct gc__range gc__tsan_code;

/* ---- Functions that an object exports ---- */

struct exports {
  const ElfW(Sym) * symbols;
  const char *names;
  size_t count;
};

/* The hash table of GNU format does not say how many symbols there are: the last chain's end does. */
static size_t count_symbols(const uint32_t *table) {
  uint32_t bucket_count = table[0], first_hashed = table[1], bloom_words = table[2], last = 0;
  const uint32_t *buckets = table + 4 + bloom_words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t *chains = buckets + bucket_count;
  for (uint32_t i = 0; i < bucket_count; i++)
    if (buckets[i] > last) last = buckets[i];
  if (last < first_hashed) return 0;
  while (!(chains[last - first_hashed] & 1)) last++;
  return last + 1;
}

/* glibc has relocated the addresses in the table on most processors, and leaves them as they are on others. */
static uintptr_t relocate_address(const struct dl_phdr_info *object, uintptr_t address) {
  return address < object->dlpi_addr ? address + object->dlpi_addr : address;
}

static struct exports find_exports(const struct dl_phdr_info *object) {
  struct exports exports = {0};
  const ElfW(Dyn) *entry = NULL;
  for (size_t i = 0; i < object->dlpi_phnum; i++)
    if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
      entry = (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
  for (; entry && entry->d_tag != DT_NULL; entry++) {
    uintptr_t address = relocate_address(object, entry->d_un.d_ptr);
    if (entry->d_tag == DT_SYMTAB) exports.symbols = (const void *)address;
    else if (entry->d_tag == DT_STRTAB) exports.names = (const void *)address;
    else if (entry->d_tag == DT_GNU_HASH) exports.count = count_symbols((const void *)address);
  }
  if (!exports.symbols || !exports.names) exports.count = 0;
  return exports;
}

static bool is_of_runtime(const char *name) {
  static const char *const beginnings[] = {"__tsan_", "__sanitizer_", "__interceptor_", "___interceptor_", "__ubsan_",
                                           "setjmp",  "_setjmp",      "sigsetjmp",      "__sigsetjmp"};
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
    if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0) return true;
  return false;
}

static uintptr_t find_last_export(const struct dl_phdr_info *object) {
  struct exports exports = find_exports(object);
  uintptr_t last = 0;
  for (size_t i = 0; i < exports.count; i++) {
    const ElfW(Sym) *symbol = &exports.symbols[i];
    if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC) continue;
    uintptr_t end = object->dlpi_addr + symbol->st_value + symbol->st_size;
    if (end > last && is_of_runtime(exports.names + symbol->st_name)) last = end;
  }
  return last;
}

/* ---- The runtime ---- */

static int note_runtime(struct dl_phdr_info *object, size_t size, void *argument) {
  uintptr_t entry = getauxval(AT_ENTRY), inside = (uintptr_t)argument;
  (void)size;
  for (size_t i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &object->dlpi_phdr[i];
    uintptr_t start = object->dlpi_addr + header->p_vaddr, end = start + header->p_memsz;
    if (header->p_type != PT_LOAD || !(header->p_flags & PF_X) || inside < start || inside >= end) continue;
    if (entry >= start && entry < inside) {
      uintptr_t last = find_last_export(object);
      start = entry;
      if (last > inside && last < end) end = last;
    }
    gc__tsan_code = (struct gc__range){start, end};
    return 1;
  }
  return 0;
}

/* When the library is loaded and not at its start: asking the loader takes its lock, which comes before all of ours. */
__attribute__((constructor)) static void find_runtime(void) {
  if (__tsan_acquire && __tsan_release) dl_iterate_phdr(note_runtime, (void *)(uintptr_t)__tsan_release);
}
