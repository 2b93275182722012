/* compiler: see compiler.h. */
#include "compiler.h"

#include <string.h>

static const struct source *source; /* of what is being compiled */

void forms_define(const struct special_form *forms) {
  for (; forms->name; forms++) symbol_of(symbol_named(forms->name))->syntax = forms;
}

/* The special form that a name means here, or NULL. */
static const struct special_form *find_form(value name, const struct scope *scope) {
  uint32_t depth, slot;
  if (!is_symbol(name) || !symbol_of(name)->syntax || scope_find(scope, symbol_of(name), &depth, &slot)) return NULL;
  return symbol_of(name)->syntax;
}

bool is_form(value datum, const char *form_name, const struct scope *scope) {
  const struct special_form *form = is_pair(datum) ? find_form(car(datum), scope) : NULL;
  return form && strcmp(form->name, form_name) == 0;
}

static const struct node *compile_call(value list, struct scope *scope) {
  struct call *call = node_call(compile(car(list), scope), (size_t)list_length(cdr(list)));
  list = cdr(list);
  for (size_t i = 0; i < call->count; i++, list = cdr(list)) call->arguments[i] = compile(car(list), scope);
  return &call->node;
}

static const struct node *compile_list(value list, struct scope *scope) {
  ptrdiff_t length = list_length(list);
  if (length < 0) raise_about(list, "not an expression");
  const struct special_form *form = find_form(car(list), scope);
  if (!form) return compile_call(list, scope);
  if (length < form->least || (form->most >= 0 && length > form->most)) raise_about(list, "%s: bad syntax", form->name);
  return form->compile(list, scope);
}

/* While a list is compiled, error_location is its line, and nodes take theirs from there. */
const struct node *compile(value datum, struct scope *scope) {
  stack_check();
  if (is_symbol(datum)) {
    if (find_form(datum, scope)) raise_about(datum, "the name of a special form is no expression");
    return node_variable(scope, symbol_of(datum));
  }
  if (datum == value_nil) raise_error("() is no expression");
  if (!is_pair(datum)) return node_constant(datum);
  const struct location *outer = error_location;
  struct location here = *outer;
  value line = table_get(source->lines, datum);
  if (line) here.line = (uint32_t)fixnum_number(line);
  error_location = &here;
  const struct node *node = compile_list(datum, scope);
  error_location = outer;
  return node;
}

const struct node *compile_source(const struct symbol *name, value datum, struct scope *scope) {
  if (is_form(datum, "lambda", scope) && list_length(datum) >= 3)
    return compile_lambda(name, car(cdr(datum)), cdr(cdr(datum)), scope);
  return compile(datum, scope);
}

const struct node *compile_sequence(value data, struct scope *scope) {
  ptrdiff_t count = list_length(data);
  if (count <= 0) raise_about(data, "a list of expressions is wanted");
  if (count == 1) return compile(car(data), scope);
  struct sequence *sequence = node_sequence((size_t)count);
  for (size_t i = 0; i < sequence->count; i++, data = cdr(data)) sequence->parts[i] = compile(car(data), scope);
  return &sequence->node;
}

const struct symbol *defined_name(value form) {
  value name = list_length(form) >= 3 ? car(cdr(form)) : value_nil;
  if (is_pair(name)) name = car(name);
  if (!is_symbol(name)) raise_about(form, "define: bad syntax");
  return symbol_of(name);
}

/* Makes slots for what a body defines, so that its parts see each other. */
static void add_definitions(value data, struct scope *scope) {
  for (; is_pair(data); data = cdr(data)) {
    if (is_form(car(data), "define", scope)) scope_add(scope, defined_name(car(data)));
    else if (is_form(car(data), "begin", scope)) add_definitions(cdr(car(data)), scope);
  }
}

const struct node *compile_body(value data, struct scope *scope) {
  add_definitions(data, scope);
  return compile_sequence(data, scope);
}

static void add_parameter(value name, value all, struct scope *scope) {
  if (!is_symbol(name)) raise_about(all, "lambda: a parameter is not a symbol");
  if (scope_has(scope, symbol_of(name))) raise_about(all, "lambda: a parameter appears twice");
  scope_add(scope, symbol_of(name));
}

const struct node *compile_lambda(const struct symbol *name, value parameters, value body, struct scope *scope) {
  struct lambda *lambda = node_lambda(name);
  struct scope *inner = scope_new(scope);
  value rest = parameters;
  for (; is_pair(rest); rest = cdr(rest)) {
    add_parameter(car(rest), parameters, inner);
    lambda->required_count++;
  }
  lambda->has_rest = rest != value_nil;
  if (lambda->has_rest) add_parameter(rest, parameters, inner);
  lambda->body = compile_body(body, inner);
  lambda->slot_count = inner->count;
  return &lambda->node;
}

void compiler_init(void) {
  forms_define(basic_forms);
  forms_define(derived_forms);
  derived_forms_init();
}

const struct node *compile_program(value datum, const struct source *program_source) {
  source = program_source;
  return compile(datum, NULL);
}
