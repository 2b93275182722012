/* symbol: see symbol.h. All symbols hang in one chained hash table, whose static pointer is a root by itself. */
#include "symbol.h"

#include <string.h>

#include <trefoil/gc.h>

enum { FIRST_BUCKET_COUNT = 512 };

static struct symbol **buckets;
static size_t bucket_count; /* a power of two */
static size_t symbol_count;

uint32_t hash_bytes(const char *bytes, size_t length_bytes) {
  uint32_t hash = 0x811c9dc5u;
  for (size_t i = 0; i < length_bytes; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x01000193u;
  return hash;
}

static void grow(void) {
  size_t new_count = bucket_count ? 2 * bucket_count : FIRST_BUCKET_COUNT;
  struct symbol **grown = gc_new_array(struct symbol *, new_count);
  for (size_t i = 0; i < bucket_count; i++)
    for (struct symbol *symbol = buckets[i], *next; symbol; symbol = next) {
      struct symbol **head = &grown[symbol->hash & (new_count - 1)];
      next = symbol->next;
      symbol->next = *head;
      *head = symbol;
    }
  buckets = grown;
  bucket_count = new_count;
}

static struct symbol *find(uint32_t hash, const char *name, size_t length_bytes) {
  if (!bucket_count) return NULL;
  struct symbol *symbol = buckets[hash & (bucket_count - 1)];
  for (; symbol; symbol = symbol->next) {
    const struct string *other = string_of(symbol->name);
    if (symbol->hash == hash && other->length_bytes == length_bytes && memcmp(other->bytes, name, length_bytes) == 0)
      break;
  }
  return symbol;
}

struct symbol *symbol_intern(const char *name, size_t length_bytes) {
  uint32_t hash = hash_bytes(name, length_bytes);
  struct symbol *symbol = find(hash, name, length_bytes);
  if (symbol) return symbol;
  if (symbol_count == bucket_count) grow();
  symbol = object_new(KIND_SYMBOL, sizeof *symbol);
  symbol->hash = hash;
  symbol->name = string_from(name, length_bytes);
  struct symbol **head = &buckets[hash & (bucket_count - 1)];
  symbol->next = *head;
  *head = symbol;
  symbol_count++;
  return symbol;
}

value symbol_named(const char *name) { return &symbol_intern(name, strlen(name))->object; }
