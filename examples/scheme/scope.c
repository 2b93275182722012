/* scope: see scope.h. */
#include "scope.h"

#include <trefoil/gc.h>

struct scope *scope_new(struct scope *outer) {
  struct scope *scope = gc_new(struct scope);
  scope->outer = outer;
  return scope;
}

static bool find_slot(const struct scope *scope, const struct symbol *name, uint32_t *slot) {
  for (size_t i = 0; i < scope->count; i++) {
    if (scope->names[i] != name) continue;
    *slot = (uint32_t)i;
    return true;
  }
  return false;
}

bool scope_has(const struct scope *scope, const struct symbol *name) {
  uint32_t slot;
  return find_slot(scope, name, &slot);
}

uint32_t scope_add(struct scope *scope, const struct symbol *name) {
  uint32_t slot;
  if (name && find_slot(scope, name, &slot)) return slot;
  if (scope->count == scope->capacity) {
    scope->capacity = scope->capacity ? 2 * scope->capacity : 4;
    scope->names = gc_realloc_array(scope->names, scope->capacity, sizeof *scope->names);
  }
  scope->names[scope->count] = name;
  return (uint32_t)scope->count++;
}

bool scope_find(const struct scope *scope, const struct symbol *name, uint32_t *depth, uint32_t *slot) {
  *depth = 0;
  for (; scope; scope = scope->outer, ++*depth)
    if (find_slot(scope, name, slot)) return true;
  return false;
}
