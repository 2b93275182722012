/* symbol: a name, of which there is only one object, with its global variable inside. */
#ifndef SCHEME_SYMBOL_H
#define SCHEME_SYMBOL_H

#include "value.h"

struct special_form; /* see compiler.h */

struct symbol {
  struct object object;
  uint32_t hash;
  value name;                        /* a string */
  value global;                      /* NULL: unbound */
  const struct special_form *syntax; /* NULL: an ordinary name */
  struct symbol *next;               /* in its bucket */
};

static inline bool is_symbol(value v) { return is_kind(v, KIND_SYMBOL); }
static inline struct symbol *symbol_of(value v) { return (struct symbol *)v; }
static inline const char *symbol_name(const struct symbol *symbol) { return string_of(symbol->name)->bytes; }

/* The symbol of that name, made at the first call. */
struct symbol *symbol_intern(const char *name, size_t length_bytes);
value symbol_named(const char *name);

/* FNV-1a over bytes, for all hash tables. */
uint32_t hash_bytes(const char *bytes, size_t length_bytes);

#endif
