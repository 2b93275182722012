/* compiler: data to nodes.
 *
 * compile_program is for the program around it. The rest is shared by compiler.c (calls, bodies, lambda), nodes.c
 * (constructors), forms.c (special forms of one node) and forms_derived.c (those that are made of others). Special
 * forms build nodes, not data, so a program that binds `if` or `cons` to something else does not upset them.
 */
#ifndef SCHEME_COMPILER_H
#define SCHEME_COMPILER_H

#include "node.h"
#include "reader.h"
#include "scope.h"

/* After the builtins are defined: quasiquotation uses some of them. */
void compiler_init(void);

const struct node *compile_program(value datum, const struct source *source);

/* ---- For the special forms ---- */

/* The form is a list (a proper one) that starts with the form's name. */
typedef const struct node *compile_fn(value form, struct scope *scope);

struct special_form {
  const char *name;
  compile_fn *compile;
  int least, most; /* elements of the list, the name included; most -1: any number */
};

void forms_define(const struct special_form *forms); /* up to one without a name */
extern const struct special_form basic_forms[], derived_forms[];
void derived_forms_init(void);

const struct node *compile(value datum, struct scope *scope);

/* The same for what becomes the value of a variable: a lambda expression gets its name. */
const struct node *compile_source(const struct symbol *name, value datum, struct scope *scope);

/* A list of at least one expression, evaluated in turn. */
const struct node *compile_sequence(value data, struct scope *scope);

/* The same where definitions may stand first: the scope's frame gets them. */
const struct node *compile_body(value data, struct scope *scope);

const struct node *compile_lambda(const struct symbol *name, value parameters, value body, struct scope *scope);

/* Is this datum a list whose first element means this special form here? */
bool is_form(value datum, const char *form_name, const struct scope *scope);

/* What a definition defines; the datum is a `define` form. */
const struct symbol *defined_name(value form);

/* ---- Making nodes, at error_location ---- */

const struct node *node_constant(value datum);
const struct node *node_variable(const struct scope *scope, const struct symbol *name);
const struct node *node_slot(uint32_t depth, uint32_t slot, const struct symbol *name);
const struct node *node_set_slot(uint32_t depth, uint32_t slot, const struct node *source);
const struct node *node_set_global(enum node_kind kind, const struct symbol *name, const struct node *source);
const struct node *node_if(const struct node *test, const struct node *then, const struct node *otherwise);
const struct node *node_or(const struct node *first, const struct node *rest);

/* These are for the caller to fill in: parts; slot_count, body, sources; arguments; all; all but the name. */
struct sequence *node_sequence(size_t count);
struct let *node_let(size_t count);
struct call *node_call(const struct node *procedure, size_t count);
struct case_dispatch *node_case(size_t clause_count);
struct lambda *node_lambda(const struct symbol *name);

#endif
