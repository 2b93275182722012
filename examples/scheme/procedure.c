/* procedure: see procedure.h. */
#include "procedure.h"

#include "node.h"

value builtin_new(const char *name, builtin_fn *fn, size_t least, size_t most) {
  struct builtin *builtin = object_new(KIND_BUILTIN, sizeof *builtin);
  builtin->name = name;
  builtin->fn = fn;
  builtin->least = (uint16_t)least;
  builtin->most = (uint16_t)most;
  return &builtin->object;
}

const char *procedure_name(value procedure) {
  if (is_builtin(procedure)) return builtin_of(procedure)->name;
  if (is_continuation(procedure)) return "continuation";
  const struct symbol *name = closure_of(procedure)->lambda->name;
  return name ? symbol_name(name) : "anonymous";
}
