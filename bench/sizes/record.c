/* bench/sizes/record.c - records the sizes and lifetimes of what a program allocates: how programs.h was made.
 *
 *     cc -O2 -shared -fPIC -o record.so bench/sizes/record.c
 *     RECORD_OUT=sizes.txt RECORD_PROGRAM=python3 LD_PRELOAD=./record.so python3 script.py
 *
 * When the process of that name ends, it writes the rows of a distribution in the form of programs.h. A lifetime is
 * counted in allocations by the whole process, from the call that makes an object to the one that frees it; realloc
 * counts as both. Objects of other allocators (memalign, mmap) are not counted. Nothing here calls malloc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BUCKETS = 18, LIFETIMES = 5, TABLE_LOG2 = 24, EARLY_BYTES = 1 << 16 };

static const uint32_t bucket_bytes[BUCKETS] = {16,  24,  32,  48,   64,   96,   128,  192,   256,
                                               384, 512, 768, 1024, 2048, 4096, 8192, 32768, 131072};
static const uint64_t lifetime_limit[LIFETIMES - 1] = {64, 1024, 16384, 262144};

struct entry {
  uintptr_t address; /* 0: empty; 1: was removed */
  uint64_t born : 56, bucket : 8;
};

static struct entry *table;
static uint64_t counts[BUCKETS][LIFETIMES], allocation_count, skipped_count;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t), *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static _Alignas(16) char early[EARLY_BYTES]; /* what dlsym itself allocates */
static size_t early_used_bytes;

static void lock(void) {
  while (atomic_flag_test_and_set(&busy)) continue;
}

static void unlock(void) {
  atomic_flag_clear(&busy);
}

static struct entry *place_of(uintptr_t address) {
  return &table[(address * 0x9e3779b97f4a7c15ull) >> (64 - TABLE_LOG2)];
}

static struct entry *next_place(struct entry *entry) {
  return entry + 1 == table + (1 << TABLE_LOG2) ? table : entry + 1;
}

static void note_birth(void *object, size_t bytes) {
  unsigned bucket = 0;
  if (object == NULL || table == NULL) return;
  lock();
  allocation_count++;
  while (bucket < BUCKETS && bytes > bucket_bytes[bucket]) bucket++;
  if (bucket == BUCKETS) skipped_count++;
  else {
    struct entry *entry = place_of((uintptr_t)object);
    while (entry->address > 1) entry = next_place(entry);
    *entry = (struct entry){(uintptr_t)object, allocation_count, bucket};
  }
  unlock();
}

static void count(const struct entry *entry, unsigned lifetime) {
  counts[entry->bucket][lifetime]++;
}

static void note_death(void *object) {
  if (object == NULL || table == NULL) return;
  lock();
  struct entry *entry = place_of((uintptr_t)object);
  while (entry->address != 0 && entry->address != (uintptr_t)object) entry = next_place(entry);
  if (entry->address != 0) {
    unsigned lifetime = 0;
    while (lifetime < LIFETIMES - 1 && allocation_count - entry->born > lifetime_limit[lifetime]) lifetime++;
    count(entry, lifetime);
    entry->address = 1;
  }
  unlock();
}

static void find_real(void) {
  real_calloc = dlsym(RTLD_NEXT, "calloc");
  real_malloc = dlsym(RTLD_NEXT, "malloc");
  real_realloc = dlsym(RTLD_NEXT, "realloc");
  real_free = dlsym(RTLD_NEXT, "free");
}

static void *early_alloc(size_t bytes) {
  void *object = early + early_used_bytes;
  early_used_bytes += (bytes + 15) / 16 * 16;
  if (early_used_bytes > EARLY_BYTES) abort();
  return object;
}

static int is_early(void *object) {
  return (char *)object >= early && (char *)object < early + EARLY_BYTES;
}

void *malloc(size_t bytes) {
  if (real_malloc == NULL) return early_alloc(bytes);
  void *object = real_malloc(bytes);
  note_birth(object, bytes);
  return object;
}

void *calloc(size_t element_count, size_t bytes) {
  if (real_calloc == NULL) return early_alloc(element_count * bytes);
  void *object = real_calloc(element_count, bytes);
  note_birth(object, element_count * bytes);
  return object;
}

void *realloc(void *object, size_t bytes) {
  if (is_early(object)) return memcpy(malloc(bytes), object, bytes);
  note_death(object);
  object = real_realloc(object, bytes);
  note_birth(object, bytes);
  return object;
}

void free(void *object) {
  if (object == NULL || is_early(object)) return;
  note_death(object);
  real_free(object);
}

__attribute__((constructor)) static void start(void) {
  find_real();
  const char *program = getenv("RECORD_PROGRAM");
  if (program == NULL || strcmp(program, program_invocation_short_name) != 0) return;
  void *mapping = mmap(NULL, sizeof *table << TABLE_LOG2, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping != MAP_FAILED) table = mapping;
}

static void write_rows(FILE *out) {
  fprintf(out, "    /* %llu allocations, %llu of them above 128 KiB and left out */\n",
          (unsigned long long)allocation_count, (unsigned long long)skipped_count);
  for (unsigned b = 0; b < BUCKETS; b++) {
    uint64_t sum = 0;
    for (unsigned l = 0; l < LIFETIMES; l++) sum += counts[b][l];
    if (sum == 0) continue;
    fprintf(out, "    {%u, {", bucket_bytes[b]);
    for (unsigned l = 0; l < LIFETIMES; l++) fprintf(out, "%s%llu", l ? ", " : "", (unsigned long long)counts[b][l]);
    fprintf(out, "}},\n");
  }
}

__attribute__((destructor)) static void finish(void) {
  const char *path = getenv("RECORD_OUT");
  if (table == NULL || path == NULL) return;
  struct entry *entries = table;
  table = NULL; /* fopen's own allocations do not count */
  for (size_t i = 0; i < (size_t)1 << TABLE_LOG2; i++)
    if (entries[i].address > 1) count(&entries[i], LIFETIMES - 1);
  FILE *out = fopen(path, "w");
  if (out == NULL) return;
  write_rows(out);
  fclose(out);
}
