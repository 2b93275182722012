/* forms_derived: special forms that are made of others: cond, case, do, quasiquote, define-record-type. */
#include <string.h>

#include <trefoil/gc.h>

#include "compiler.h"
#include "record.h"

static value second(value list) { return car(cdr(list)); }
static value after_second(value list) { return cdr(cdr(list)); }

/* Is this datum the name, and not a variable here? For else, =>, unquote. */
static bool is_keyword(value datum, const char *name, const struct scope *scope) {
  uint32_t depth, slot;
  return is_symbol(datum) && datum == symbol_named(name) && !scope_find(scope, symbol_of(datum), &depth, &slot);
}

/* ---- cond ---- */

static const struct node *compile_clauses(value clauses, struct scope *scope);

/* (test => receiver): a frame with one nameless slot keeps the value of the test. */
static const struct node *compile_arrow_clause(value clause, value other_clauses, struct scope *scope) {
  if (list_length(clause) != 3) raise_about(clause, "cond: one expression follows =>");
  struct scope *inner = scope_new(scope);
  uint32_t slot = scope_add(inner, NULL);
  struct let *let = node_let(1);
  let->sources[0] = compile(car(clause), scope);
  struct call *call = node_call(compile(car(after_second(clause)), inner), 1);
  call->arguments[0] = node_slot(0, slot, NULL);
  let->body = node_if(node_slot(0, slot, NULL), &call->node, compile_clauses(other_clauses, inner));
  let->slot_count = inner->count;
  return &let->node;
}

static const struct node *compile_clauses(value clauses, struct scope *scope) {
  stack_check();
  if (clauses == value_nil) return node_constant(value_unspecified);
  value clause = car(clauses);
  if (list_length(clause) < 1) raise_about(clause, "cond: bad clause");
  if (is_keyword(car(clause), "else", scope)) {
    if (cdr(clauses) != value_nil) raise_about(clause, "cond: a clause follows else");
    return compile_sequence(cdr(clause), scope);
  }
  if (is_pair(cdr(clause)) && is_keyword(second(clause), "=>", scope))
    return compile_arrow_clause(clause, cdr(clauses), scope);
  const struct node *test = compile(car(clause), scope);
  if (cdr(clause) == value_nil) return node_or(test, compile_clauses(cdr(clauses), scope));
  return node_if(test, compile_sequence(cdr(clause), scope), compile_clauses(cdr(clauses), scope));
}

static const struct node *compile_cond(value form, struct scope *scope) { return compile_clauses(cdr(form), scope); }

/* ---- case ---- */

static const struct node *compile_case(value form, struct scope *scope) {
  value clauses = after_second(form);
  struct case_dispatch *dispatch = node_case((size_t)list_length(clauses));
  dispatch->key = compile(second(form), scope);
  dispatch->otherwise = node_constant(value_unspecified);
  for (size_t i = 0; is_pair(clauses); i++, clauses = cdr(clauses)) {
    value clause = car(clauses);
    bool is_else = is_pair(clause) && is_keyword(car(clause), "else", scope);
    if (list_length(clause) < 2 || (!is_else && list_length(car(clause)) < 0) || (is_else && is_pair(cdr(clauses))))
      raise_about(clause, "case: bad clause");
    const struct node *body = compile_sequence(cdr(clause), scope);
    if (is_else) dispatch->otherwise = body;
    else dispatch->clauses[i] = (struct case_clause){car(clause), body};
  }
  if (dispatch->count > 0 && !dispatch->clauses[dispatch->count - 1].body) dispatch->count--; /* that was else */
  return &dispatch->node;
}

/* ---- do: a procedure of the loop's variables that calls itself ---- */

/* (name first [step]) */
static bool is_loop_variable(value datum) {
  ptrdiff_t length = list_length(datum);
  return (length == 2 || length == 3) && is_symbol(car(datum));
}

/* The call that starts the next round, inside the loop's procedure, which is one frame further out. */
static const struct node *compile_next_round(value variables, struct scope *scope) {
  struct call *call = node_call(node_slot(1, 0, NULL), (size_t)list_length(variables));
  for (size_t i = 0; i < call->count; i++, variables = cdr(variables)) {
    value variable = car(variables);
    call->arguments[i] = compile(list_length(variable) == 3 ? car(after_second(variable)) : car(variable), scope);
  }
  return &call->node;
}

static const struct node *compile_loop(value variables, value ending, value commands, struct scope *scope) {
  struct lambda *lambda = node_lambda(NULL);
  struct scope *inner = scope_new(scope);
  for (value rest = variables; is_pair(rest); rest = cdr(rest)) scope_add(inner, symbol_of(car(car(rest))));
  lambda->required_count = (uint32_t)inner->count;
  const struct node *test = compile(car(ending), inner);
  bool has_result = is_pair(cdr(ending));
  const struct node *result = has_result ? compile_sequence(cdr(ending), inner) : node_constant(value_unspecified);
  struct sequence *round = node_sequence(is_pair(commands) ? 2 : 1);
  if (is_pair(commands)) round->parts[0] = compile_sequence(commands, inner);
  round->parts[round->count - 1] = compile_next_round(variables, inner);
  lambda->body = node_if(test, result, &round->node);
  lambda->slot_count = inner->count;
  return &lambda->node;
}

static const struct node *compile_do(value form, struct scope *scope) {
  value variables = second(form), ending = car(after_second(form)), commands = cdr(after_second(form));
  bool is_fine = list_length(variables) >= 0 && list_length(ending) >= 1;
  for (value rest = variables; is_fine && is_pair(rest); rest = cdr(rest)) is_fine = is_loop_variable(car(rest));
  if (!is_fine) raise_about(form, "do: bad syntax");
  struct scope *inner = scope_new(scope);
  uint32_t slot = scope_add(inner, NULL);
  struct sequence *sequence = node_sequence(2);
  sequence->parts[0] = node_set_slot(0, slot, compile_loop(variables, ending, commands, inner));
  sequence->parts[1] = node_slot(0, slot, NULL);
  struct let *let = node_let(0);
  let->slot_count = inner->count;
  let->body = &sequence->node;
  struct call *call = node_call(&let->node, (size_t)list_length(variables));
  for (size_t i = 0; i < call->count; i++, variables = cdr(variables))
    call->arguments[i] = compile(second(car(variables)), scope);
  return &call->node;
}

/* ---- quasiquote ---- */

static const struct node *quote_cons, *quote_append, *quote_list_to_vector;

static const struct node *constant_of_global(const char *name) {
  return node_constant(symbol_of(symbol_named(name))->global);
}

void derived_forms_init(void) {
  quote_cons = constant_of_global("cons");
  quote_append = constant_of_global("append");
  quote_list_to_vector = constant_of_global("list->vector");
}

static const struct node *call_with(const struct node *procedure, const struct node *first, const struct node *rest) {
  struct call *call = node_call(procedure, rest ? 2 : 1);
  call->arguments[0] = first;
  if (rest) call->arguments[1] = rest;
  return &call->node;
}

/* (name datum), where the name means unquote and its kin */
static bool is_quotation(value template, const char *name, const struct scope *scope) {
  return is_pair(template) && is_keyword(car(template), name, scope) && list_length(template) == 2;
}

static const struct node *compile_template(value template, int level, struct scope *scope);

static const struct node *compile_pair_template(value template, int level, struct scope *scope) {
  value head = car(template);
  if (level == 1 && is_quotation(head, "unquote-splicing", scope))
    return call_with(quote_append, compile(second(head), scope), compile_template(cdr(template), level, scope));
  int inner_level = level;
  if (is_quotation(template, "quasiquote", scope)) inner_level++;
  if (is_quotation(template, "unquote", scope) || is_quotation(template, "unquote-splicing", scope)) inner_level--;
  const struct node *first = compile_template(head, level, scope);
  return call_with(quote_cons, first, compile_template(cdr(template), inner_level, scope));
}

static bool has_unquote(value template, const struct scope *scope) {
  stack_check();
  for (; is_pair(template); template = cdr(template)) {
    if (is_quotation(template, "unquote", scope) || is_quotation(template, "unquote-splicing", scope)) return true;
    if (has_unquote(car(template), scope)) return true;
  }
  for (size_t i = 0; is_vector(template) && i < vector_of(template)->length; i++)
    if (has_unquote(vector_of(template)->items[i], scope)) return true;
  return false;
}

static const struct node *compile_template(value template, int level, struct scope *scope) {
  stack_check();
  if (!has_unquote(template, scope)) return node_constant(template);
  if (level == 1 && is_quotation(template, "unquote", scope)) return compile(second(template), scope);
  if (is_pair(template)) return compile_pair_template(template, level, scope);
  const struct vector *vector = vector_of(template);
  value list = list_from_array(vector->items, vector->length, value_nil);
  return call_with(quote_list_to_vector, compile_template(list, level, scope), NULL);
}

static const struct node *compile_quasiquote(value form, struct scope *scope) {
  return compile_template(second(form), 1, scope);
}

static const struct node *compile_stray_unquote(value form, struct scope *scope) {
  (void)scope;
  raise_about(form, "%s: outside a quasiquote", symbol_name(symbol_of(car(form))));
}

/* ---- define-record-type ---- */

static size_t field_index(const struct record_type *type, value name, value form) {
  for (size_t i = 0; i < type->field_count; i++)
    if (&type->fields[i]->object == name) return i;
  raise_about(form, "define-record-type: an unknown field is named");
}

static value make_constructor(const struct record_type *type, value description, value form) {
  size_t count = (size_t)list_length(cdr(description));
  size_t *fields = gc_alloc_leaf_array(count, sizeof *fields);
  value rest = cdr(description);
  for (size_t i = 0; i < count; i++, rest = cdr(rest)) fields[i] = field_index(type, car(rest), form);
  return record_constructor(type, symbol_name(symbol_of(car(description))), fields, count);
}

/* (name constructor predicate field ...), where a constructor is (name field ...) and a field (name getter [setter]) */
static bool is_record_description(value parts) {
  if (!is_symbol(car(parts)) || !is_pair(second(parts)) || !is_symbol(car(second(parts)))) return false;
  if (list_length(second(parts)) < 0 || !is_symbol(car(after_second(parts)))) return false;
  for (value fields = cdr(after_second(parts)); is_pair(fields); fields = cdr(fields)) {
    ptrdiff_t length = list_length(car(fields));
    if (length != 2 && length != 3) return false;
    for (value rest = car(fields); is_pair(rest); rest = cdr(rest))
      if (!is_symbol(car(rest))) return false;
  }
  return true;
}

static struct record_type *make_record_type(value parts) {
  value fields = cdr(after_second(parts));
  struct record_type *type = record_type_new(symbol_of(car(parts)), (size_t)list_length(fields));
  for (size_t i = 0; i < type->field_count; i++, fields = cdr(fields)) type->fields[i] = symbol_of(car(car(fields)));
  return type;
}

static const struct node *define_global(value name, value procedure) {
  return node_set_global(NODE_DEFINE, symbol_of(name), node_constant(procedure));
}

static const char *name_text(value name) { return symbol_name(symbol_of(name)); }

static const struct node *compile_record_type(value form, struct scope *scope) {
  value parts = cdr(form);
  if (scope) raise_about(form, "define-record-type: allowed at top level only");
  if (!is_record_description(parts)) raise_about(form, "define-record-type: bad syntax");
  const struct record_type *type = make_record_type(parts);
  value predicate = car(after_second(parts)), fields = cdr(after_second(parts));
  size_t next = 0;
  struct sequence *sequence = node_sequence(2 + 2 * type->field_count);
  value constructor = second(parts);
  sequence->parts[next++] = define_global(car(constructor), make_constructor(type, constructor, form));
  sequence->parts[next++] = define_global(predicate, record_predicate(type, name_text(predicate)));
  for (size_t i = 0; i < type->field_count; i++, fields = cdr(fields)) {
    value names = cdr(car(fields));
    sequence->parts[next++] = define_global(car(names), record_getter(type, name_text(car(names)), i));
    if (cdr(names) == value_nil) continue;
    value setter = second(names);
    sequence->parts[next++] = define_global(setter, record_setter(type, name_text(setter), i));
  }
  sequence->count = next;
  return &sequence->node;
}

const struct special_form derived_forms[] = {
    {"cond", compile_cond, 2, -1},
    {"case", compile_case, 2, -1},
    {"do", compile_do, 3, -1},
    {"quasiquote", compile_quasiquote, 2, 2},
    {"unquote", compile_stray_unquote, 1, -1},
    {"unquote-splicing", compile_stray_unquote, 1, -1},
    {"define-record-type", compile_record_type, 4, -1},
    {NULL, NULL, 0, 0},
};
