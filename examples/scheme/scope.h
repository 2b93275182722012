/* scope: the variables of a frame, as the compiler knows them. */
#ifndef SCHEME_SCOPE_H
#define SCHEME_SCOPE_H

#include "symbol.h"

struct scope {
  struct scope *outer; /* NULL: the globals are next */
  size_t count;        /* slots so far */
  size_t capacity;
  const struct symbol **names; /* by slot; NULL: a slot that the program cannot name */
};

/* No scope is the NULL scope: there, names are global. */
struct scope *scope_new(struct scope *outer);

/* The slot for a name, made where the frame has none of that name; a NULL name always makes one. */
uint32_t scope_add(struct scope *scope, const struct symbol *name);
bool scope_has(const struct scope *scope, const struct symbol *name);

/* Where a name is bound, seen from the scope; false: it is global. */
bool scope_find(const struct scope *scope, const struct symbol *name, uint32_t *depth, uint32_t *slot);

#endif
