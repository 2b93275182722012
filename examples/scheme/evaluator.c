/* evaluator: see evaluator.h. */
#include "evaluator.h"

#include <trefoil/gc.h>

#include "equality.h"
#include "procedure.h"

enum { STACK_ARGUMENTS = 4 /* more are put into a vector on the heap */ };

/* What a call comes to: a value, or a node and a frame to go on with. */
struct step {
  const struct node *node; /* NULL: it is a value */
  union {
    struct frame *frame;
    value result;
  };
};

/* Set by tail_call, taken by finish_call. */
static struct {
  value procedure, argument_list;
} pending_call;

static struct continuation *innermost_continuation;

/* The common simple nodes are done here, without a call. */
static inline value operand(const struct node *node, struct frame *frame) {
  if (node->kind == NODE_LOCAL) {
    value datum = frame->slots[((const struct variable *)node)->slot];
    if (datum) return datum;
  } else if (node->kind == NODE_CONSTANT) {
    return ((const struct constant *)node)->datum;
  }
  return evaluate(node, frame);
}

static struct frame *frame_new(struct frame *outer, size_t slot_count) {
  struct frame *frame = gc_alloc(sizeof *frame + slot_count * sizeof frame->slots[0]);
  frame->outer = outer;
  return frame;
}

static struct frame *go_out(struct frame *frame, uint32_t depth) {
  while (depth-- > 0) frame = frame->outer;
  return frame;
}

static value read_variable(const struct variable *variable, struct frame *frame) {
  value datum = go_out(frame, variable->depth)->slots[variable->slot];
  if (datum) return datum;
  error_location = &variable->node.location;
  raise_error("%s is used before it has a value", variable->name ? symbol_name(variable->name) : "a variable");
}

static value read_global(const struct global *global) {
  if (global->symbol->global) return global->symbol->global;
  error_location = &global->node.location;
  raise_error("unbound variable: %s", symbol_name(global->symbol));
}

static void assign(const struct assignment *assignment, struct frame *frame) {
  value datum = operand(assignment->source, frame);
  go_out(frame, assignment->depth)->slots[assignment->slot] = datum;
}

static void assign_global(const struct global_assignment *assignment, struct frame *frame) {
  value datum = operand(assignment->source, frame);
  error_location = &assignment->node.location;
  if (assignment->node.kind == NODE_SET_GLOBAL && !assignment->symbol->global)
    raise_error("set!: unbound variable: %s", symbol_name(assignment->symbol));
  assignment->symbol->global = datum;
}

static value closure_new(const struct lambda *lambda, struct frame *frame) {
  struct closure *closure = object_new(KIND_CLOSURE, sizeof *closure);
  closure->lambda = lambda;
  closure->frame = frame;
  return &closure->object;
}

static const struct node *select_clause(const struct case_dispatch *dispatch, struct frame *frame) {
  value key = operand(dispatch->key, frame);
  for (size_t i = 0; i < dispatch->count; i++)
    for (value data = dispatch->clauses[i].data; is_pair(data); data = cdr(data))
      if (is_eqv(car(data), key)) return dispatch->clauses[i].body;
  return dispatch->otherwise;
}

static struct frame *enter_let(const struct let *let, struct frame *frame) {
  struct frame *inner = frame_new(frame, let->slot_count);
  for (size_t i = 0; i < let->count; i++) inner->slots[i] = operand(let->sources[i], frame);
  return inner;
}

/* ---- Calls ---- */

static _Noreturn void raise_wrong_count(value procedure, size_t count, size_t least, size_t most) {
  const char *name = procedure_name(procedure);
  if (least == most) raise_error("%s: takes %zu argument%s, got %zu", name, least, least == 1 ? "" : "s", count);
  if (most != ANY_COUNT) raise_error("%s: takes %zu to %zu arguments, got %zu", name, least, most, count);
  raise_error("%s: takes at least %zu argument%s, got %zu", name, least, least == 1 ? "" : "s", count);
}

static _Noreturn void raise_wrong_count_for_lambda(value procedure, size_t count) {
  const struct lambda *lambda = closure_of(procedure)->lambda;
  raise_wrong_count(procedure, count, lambda->required_count, lambda->has_rest ? ANY_COUNT : lambda->required_count);
}

static struct step enter_closure(value procedure, const value *arguments, size_t count) {
  const struct closure *closure = closure_of(procedure);
  const struct lambda *lambda = closure->lambda;
  size_t required_count = lambda->required_count;
  if (count < required_count || (count > required_count && !lambda->has_rest))
    raise_wrong_count_for_lambda(procedure, count);
  struct frame *frame = frame_new(closure->frame, lambda->slot_count);
  for (size_t i = 0; i < required_count; i++) frame->slots[i] = arguments[i];
  if (lambda->has_rest)
    frame->slots[required_count] = list_from_array(arguments + required_count, count - required_count, value_nil);
  return (struct step){lambda->body, {.frame = frame}};
}

/* Escapes to a continuation, and through all that are further in. */
static _Noreturn void escape_to(struct continuation *target, const value *arguments, size_t count) {
  if (count != 1) raise_error("a continuation takes 1 argument, got %zu", count);
  if (!target->is_active) raise_error("a continuation was called after its call/cc had returned");
  while (innermost_continuation != target) {
    innermost_continuation->is_active = false;
    innermost_continuation = innermost_continuation->outer;
  }
  target->result = arguments[0];
  longjmp(target->escape, 1);
}

static value *array_from_list(value list, size_t *count) {
  *count = (size_t)list_length(list);
  value *array = gc_new_array(value, *count);
  for (size_t i = 0; i < *count; i++, list = cdr(list)) array[i] = car(list);
  return array;
}

static struct step start_call(value procedure, value *arguments, size_t count);

/* The step for what a builtin returned. */
static inline struct step finish_call(value result) {
  if (result != value_tail_call) return (struct step){NULL, {.result = result}};
  size_t count;
  value procedure = pending_call.procedure;
  value *arguments = array_from_list(pending_call.argument_list, &count);
  return start_call(procedure, arguments, count);
}

static struct step start_call(value procedure, value *arguments, size_t count) {
  if (is_closure(procedure)) return enter_closure(procedure, arguments, count);
  if (is_continuation(procedure)) escape_to(continuation_of(procedure), arguments, count);
  if (!is_builtin(procedure)) raise_about(procedure, "not a procedure");
  const struct builtin *builtin = builtin_of(procedure);
  if (count < builtin->least || (count > builtin->most && builtin->most != ANY_COUNT))
    raise_wrong_count(procedure, count, builtin->least, builtin->most);
  return finish_call(builtin->fn(builtin, arguments, count));
}

/* Calls whatever is not a closure with as many parameters as there are arguments. */
static struct step call_with_array(value procedure, const struct call *call, struct frame *frame) {
  value few[STACK_ARGUMENTS], *arguments = few;
  if (call->count > STACK_ARGUMENTS) arguments = gc_new_array(value, call->count);
  for (size_t i = 0; i < call->count; i++) arguments[i] = operand(call->arguments[i], frame);
  error_location = &call->node.location;
  return start_call(procedure, arguments, call->count);
}

/* The arguments of a plain closure go straight into its frame. */
static struct step evaluate_call(const struct call *call, struct frame *frame) {
  value procedure = call->procedure->kind == NODE_GLOBAL ? read_global((const struct global *)call->procedure)
                                                         : operand(call->procedure, frame);
  if (!is_closure(procedure)) return call_with_array(procedure, call, frame);
  const struct closure *closure = closure_of(procedure);
  const struct lambda *lambda = closure->lambda;
  if (lambda->has_rest) return call_with_array(procedure, call, frame);
  if (lambda->required_count != call->count) {
    error_location = &call->node.location;
    raise_wrong_count_for_lambda(procedure, call->count);
  }
  struct frame *callee = frame_new(closure->frame, lambda->slot_count);
  for (size_t i = 0; i < call->count; i++) callee->slots[i] = operand(call->arguments[i], frame);
  return (struct step){lambda->body, {.frame = callee}};
}

/* ---- The loop ---- */

/* Evaluates all parts but the last, which is the result. */
static const struct node *run_sequence(const struct sequence *sequence, struct frame *frame) {
  for (size_t i = 0; i + 1 < sequence->count; i++) evaluate(sequence->parts[i], frame);
  return sequence->parts[sequence->count - 1];
}

value evaluate(const struct node *node, struct frame *frame) {
  stack_check();
  for (;;) {
    switch (node->kind) {
    case NODE_CONSTANT: return ((const struct constant *)node)->datum;
    case NODE_LOCAL:
    case NODE_OUTER: return read_variable((const struct variable *)node, frame);
    case NODE_GLOBAL: return read_global((const struct global *)node);
    case NODE_SET_LOCAL:
    case NODE_SET_OUTER: assign((const struct assignment *)node, frame); return value_unspecified;
    case NODE_SET_GLOBAL:
    case NODE_DEFINE: assign_global((const struct global_assignment *)node, frame); return value_unspecified;
    case NODE_LAMBDA: return closure_new((const struct lambda *)node, frame);
    case NODE_IF: {
      const struct conditional *conditional = (const struct conditional *)node;
      node = is_true(operand(conditional->test, frame)) ? conditional->then : conditional->otherwise;
      continue;
    }
    case NODE_OR: {
      value first = operand(((const struct disjunction *)node)->first, frame);
      if (is_true(first)) return first;
      node = ((const struct disjunction *)node)->rest;
      continue;
    }
    case NODE_SEQUENCE: node = run_sequence((const struct sequence *)node, frame); continue;
    case NODE_CASE: node = select_clause((const struct case_dispatch *)node, frame); continue;
    case NODE_LET:
      frame = enter_let((const struct let *)node, frame);
      node = ((const struct let *)node)->body;
      continue;
    case NODE_CALL: {
      struct step step = evaluate_call((const struct call *)node, frame);
      if (!step.node) return step.result;
      node = step.node;
      frame = step.frame;
      continue;
    }
    }
  }
}

value apply_procedure(value procedure, value *arguments, size_t count) {
  struct step step = start_call(procedure, arguments, count);
  return step.node ? evaluate(step.node, step.frame) : step.result;
}

value tail_call(value procedure, value argument_list) {
  pending_call.procedure = procedure;
  pending_call.argument_list = argument_list;
  return value_tail_call;
}

/* The variables that are used after the longjmp are not changed after the setjmp, so they are sure to be whole. */
value call_with_escape(value procedure) {
  struct continuation *continuation = object_new(KIND_CONTINUATION, sizeof *continuation);
  continuation->is_active = true;
  continuation->outer = innermost_continuation;
  innermost_continuation = continuation;
  if (setjmp(continuation->escape) == 0) {
    value argument = &continuation->object;
    continuation->result = apply_procedure(procedure, &argument, 1);
  }
  continuation->is_active = false;
  innermost_continuation = continuation->outer;
  return continuation->result;
}

void evaluator_forget_continuations(void) {
  for (; innermost_continuation; innermost_continuation = innermost_continuation->outer)
    innermost_continuation->is_active = false;
}
