/* evaluator: runs nodes.
 *
 * A call in tail position replaces the node and frame that evaluate works on, so that loops written as tail calls use
 * neither C stack nor heap beyond one frame a round, which is garbage as soon as the next round has begun. Any other
 * nesting is recursion in C, and ends with an error when the stack is used up.
 */
#ifndef SCHEME_EVALUATOR_H
#define SCHEME_EVALUATOR_H

#include "node.h"
#include "value.h"

/* The variables of one call or let. A slot of NULL is a variable without a value yet. */
struct frame {
  struct frame *outer;
  value slots[];
};

/* At top level the frame is NULL. */
value evaluate(const struct node *node, struct frame *frame);

/* Calls a procedure from C. The arguments are copied. */
value apply_procedure(value procedure, value *arguments, size_t count);

/* What a builtin returns to have a procedure called in its place, in tail position; the list of arguments is proper. */
value tail_call(value procedure, value argument_list);

/* call/cc: calls the procedure with a continuation that escapes from this call. */
value call_with_escape(value procedure);

/* After an error has ended everything: no continuation can be called any more. */
void evaluator_forget_continuations(void);

#endif
