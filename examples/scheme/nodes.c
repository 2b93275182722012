/* nodes: the constructors of compiler.h. */
#include <trefoil/gc.h>

#include "compiler.h"

static void *node_new(enum node_kind kind, size_t bytes) {
  struct node *node = gc_alloc(bytes);
  node->location = *error_location;
  node->kind = kind;
  return node;
}

const struct node *node_constant(value datum) {
  struct constant *constant = node_new(NODE_CONSTANT, sizeof *constant);
  constant->datum = datum;
  return &constant->node;
}

const struct node *node_slot(uint32_t depth, uint32_t slot, const struct symbol *name) {
  struct variable *variable = node_new(depth == 0 ? NODE_LOCAL : NODE_OUTER, sizeof *variable);
  variable->depth = depth;
  variable->slot = slot;
  variable->name = name;
  return &variable->node;
}

const struct node *node_variable(const struct scope *scope, const struct symbol *name) {
  uint32_t depth, slot;
  if (scope_find(scope, name, &depth, &slot)) return node_slot(depth, slot, name);
  struct global *global = node_new(NODE_GLOBAL, sizeof *global);
  global->symbol = (struct symbol *)name;
  return &global->node;
}

const struct node *node_set_slot(uint32_t depth, uint32_t slot, const struct node *source) {
  struct assignment *assignment = node_new(depth == 0 ? NODE_SET_LOCAL : NODE_SET_OUTER, sizeof *assignment);
  assignment->depth = depth;
  assignment->slot = slot;
  assignment->source = source;
  return &assignment->node;
}

const struct node *node_set_global(enum node_kind kind, const struct symbol *name, const struct node *source) {
  struct global_assignment *assignment = node_new(kind, sizeof *assignment);
  assignment->symbol = (struct symbol *)name;
  assignment->source = source;
  return &assignment->node;
}

const struct node *node_if(const struct node *test, const struct node *then, const struct node *otherwise) {
  struct conditional *conditional = node_new(NODE_IF, sizeof *conditional);
  conditional->test = test;
  conditional->then = then;
  conditional->otherwise = otherwise;
  return &conditional->node;
}

const struct node *node_or(const struct node *first, const struct node *rest) {
  struct disjunction *disjunction = node_new(NODE_OR, sizeof *disjunction);
  disjunction->first = first;
  disjunction->rest = rest;
  return &disjunction->node;
}

struct sequence *node_sequence(size_t count) {
  struct sequence *sequence = node_new(NODE_SEQUENCE, sizeof *sequence + count * sizeof sequence->parts[0]);
  sequence->count = count;
  return sequence;
}

struct let *node_let(size_t count) {
  struct let *let = node_new(NODE_LET, sizeof *let + count * sizeof let->sources[0]);
  let->count = count;
  return let;
}

struct call *node_call(const struct node *procedure, size_t count) {
  struct call *call = node_new(NODE_CALL, sizeof *call + count * sizeof call->arguments[0]);
  call->procedure = procedure;
  call->count = count;
  return call;
}

struct case_dispatch *node_case(size_t clause_count) {
  struct case_dispatch *dispatch = node_new(NODE_CASE, sizeof *dispatch + clause_count * sizeof dispatch->clauses[0]);
  dispatch->count = clause_count;
  return dispatch;
}

struct lambda *node_lambda(const struct symbol *name) {
  struct lambda *lambda = node_new(NODE_LAMBDA, sizeof *lambda);
  lambda->name = name;
  return lambda;
}
