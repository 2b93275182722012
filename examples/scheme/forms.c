/* forms: the special forms that come to one node, and the kinds of let. */
#include "compiler.h"

static value second(value list) { return car(cdr(list)); }
static value after_second(value list) { return cdr(cdr(list)); }

static const struct node *compile_quote(value form, struct scope *scope) {
  (void)scope;
  return node_constant(second(form));
}

static const struct node *compile_if(value form, struct scope *scope) {
  value branches = after_second(form);
  const struct node *test = compile(second(form), scope), *then = compile(car(branches), scope);
  bool has_else = is_pair(cdr(branches));
  return node_if(test, then, has_else ? compile(second(branches), scope) : node_constant(value_unspecified));
}

/* In a body, compile_body has made a slot for each definition before. */
static const struct node *compile_define(value form, struct scope *scope) {
  const struct symbol *name = defined_name(form);
  if (scope && !scope_has(scope, name)) raise_about(form, "define: a definition may not stand here");
  if (!scope && name->syntax) raise_about(form, "define: the name of a special form cannot be defined");
  value target = second(form);
  const struct node *source;
  if (is_pair(target)) source = compile_lambda(name, cdr(target), after_second(form), scope);
  else if (list_length(form) == 3) source = compile_source(name, car(after_second(form)), scope);
  else raise_about(form, "define: bad syntax");
  uint32_t depth, slot;
  if (!scope_find(scope, name, &depth, &slot)) return node_set_global(NODE_DEFINE, name, source);
  return node_set_slot(depth, slot, source);
}

static const struct node *compile_set(value form, struct scope *scope) {
  if (!is_symbol(second(form))) raise_about(form, "set!: bad syntax");
  const struct symbol *name = symbol_of(second(form));
  const struct node *source = compile(car(after_second(form)), scope);
  uint32_t depth, slot;
  if (!scope_find(scope, name, &depth, &slot)) return node_set_global(NODE_SET_GLOBAL, name, source);
  return node_set_slot(depth, slot, source);
}

static const struct node *compile_lambda_form(value form, struct scope *scope) {
  return compile_lambda(NULL, second(form), after_second(form), scope);
}

static const struct node *compile_begin(value form, struct scope *scope) {
  return cdr(form) == value_nil ? node_constant(value_unspecified) : compile_sequence(cdr(form), scope);
}

/* The number of bindings, each of which is (name expression). */
static size_t check_bindings(value form, value bindings) {
  ptrdiff_t count = list_length(bindings);
  for (value rest = bindings; count > 0 && is_pair(rest); rest = cdr(rest))
    if (list_length(car(rest)) != 2 || !is_symbol(car(car(rest)))) count = -1;
  if (count < 0) raise_about(form, "%s: bad syntax", symbol_name(symbol_of(car(form))));
  return (size_t)count;
}

/* A procedure that knows itself by name, called once: ((let (name) (set! name (lambda ...)) name) expression ...). */
static const struct node *compile_named_let(value form, struct scope *scope) {
  const struct symbol *name = symbol_of(second(form));
  value bindings = car(after_second(form)), body = cdr(after_second(form));
  size_t count = check_bindings(form, bindings);
  value parameters = value_nil;
  for (value rest = list_reverse(bindings); is_pair(rest); rest = cdr(rest))
    parameters = cons(car(car(rest)), parameters);
  struct scope *inner = scope_new(scope);
  uint32_t slot = scope_add(inner, name);
  struct sequence *sequence = node_sequence(2);
  sequence->parts[0] = node_set_slot(0, slot, compile_lambda(name, parameters, body, inner));
  sequence->parts[1] = node_slot(0, slot, name);
  struct let *let = node_let(0);
  let->slot_count = inner->count;
  let->body = &sequence->node;
  struct call *call = node_call(&let->node, count);
  for (size_t i = 0; i < count; i++, bindings = cdr(bindings))
    call->arguments[i] = compile(second(car(bindings)), scope);
  return &call->node;
}

static const struct node *compile_let(value form, struct scope *scope) {
  if (is_symbol(second(form)) && list_length(form) >= 4) return compile_named_let(form, scope);
  value bindings = second(form);
  struct let *let = node_let(check_bindings(form, bindings));
  struct scope *inner = scope_new(scope);
  for (size_t i = 0; i < let->count; i++, bindings = cdr(bindings)) {
    const struct symbol *name = symbol_of(car(car(bindings)));
    if (scope_has(inner, name)) raise_about(form, "let: a name appears twice");
    scope_add(inner, name);
    let->sources[i] = compile_source(name, second(car(bindings)), scope);
  }
  let->body = compile_body(after_second(form), inner);
  let->slot_count = inner->count;
  return &let->node;
}

/* One frame a binding; without bindings still one, for definitions in the body. */
static const struct node *compile_nested_lets(value bindings, value body, struct scope *scope) {
  stack_check();
  struct let *let = node_let(is_pair(bindings));
  struct scope *inner = scope_new(scope);
  if (is_pair(bindings)) {
    const struct symbol *name = symbol_of(car(car(bindings)));
    scope_add(inner, name);
    let->sources[0] = compile_source(name, second(car(bindings)), scope);
  }
  bool is_last = !is_pair(bindings) || !is_pair(cdr(bindings));
  let->body = is_last ? compile_body(body, inner) : compile_nested_lets(cdr(bindings), body, inner);
  let->slot_count = inner->count;
  return &let->node;
}

static const struct node *compile_let_star(value form, struct scope *scope) {
  check_bindings(form, second(form));
  return compile_nested_lets(second(form), after_second(form), scope);
}

/* A frame whose slots are set one after the other, seen by all sources and by the body, whose definitions it takes. */
static const struct node *compile_letrec(value form, struct scope *scope) {
  value bindings = second(form);
  size_t count = check_bindings(form, bindings);
  struct scope *inner = scope_new(scope);
  for (value rest = bindings; is_pair(rest); rest = cdr(rest)) scope_add(inner, symbol_of(car(car(rest))));
  struct sequence *sequence = node_sequence(count + 1);
  for (size_t i = 0; i < count; i++, bindings = cdr(bindings)) {
    const struct symbol *name = symbol_of(car(car(bindings)));
    uint32_t slot = scope_add(inner, name);
    sequence->parts[i] = node_set_slot(0, slot, compile_source(name, second(car(bindings)), inner));
  }
  sequence->parts[count] = compile_body(after_second(form), inner);
  struct let *let = node_let(0);
  let->body = &sequence->node;
  let->slot_count = inner->count;
  return &let->node;
}

static const struct node *compile_and_list(value tests, struct scope *scope) {
  if (cdr(tests) == value_nil) return compile(car(tests), scope);
  const struct node *test = compile(car(tests), scope);
  return node_if(test, compile_and_list(cdr(tests), scope), node_constant(value_false));
}

static const struct node *compile_and(value form, struct scope *scope) {
  return cdr(form) == value_nil ? node_constant(value_true) : compile_and_list(cdr(form), scope);
}

static const struct node *compile_or_list(value tests, struct scope *scope) {
  if (cdr(tests) == value_nil) return compile(car(tests), scope);
  const struct node *first = compile(car(tests), scope);
  return node_or(first, compile_or_list(cdr(tests), scope));
}

static const struct node *compile_or(value form, struct scope *scope) {
  return cdr(form) == value_nil ? node_constant(value_false) : compile_or_list(cdr(form), scope);
}

static const struct node *compile_when(value form, struct scope *scope) {
  const struct node *test = compile(second(form), scope);
  return node_if(test, compile_sequence(after_second(form), scope), node_constant(value_unspecified));
}

static const struct node *compile_unless(value form, struct scope *scope) {
  const struct node *test = compile(second(form), scope);
  return node_if(test, node_constant(value_unspecified), compile_sequence(after_second(form), scope));
}

const struct special_form basic_forms[] = {
    {"quote", compile_quote, 2, 2},
    {"if", compile_if, 3, 4},
    {"define", compile_define, 3, -1},
    {"set!", compile_set, 3, 3},
    {"lambda", compile_lambda_form, 3, -1},
    {"begin", compile_begin, 1, -1},
    {"let", compile_let, 3, -1},
    {"let*", compile_let_star, 3, -1},
    {"letrec", compile_letrec, 3, -1},
    {"letrec*", compile_letrec, 3, -1},
    {"and", compile_and, 1, -1},
    {"or", compile_or, 1, -1},
    {"when", compile_when, 3, -1},
    {"unless", compile_unless, 3, -1},
    {NULL, NULL, 0, 0},
};
