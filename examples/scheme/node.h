/* node: a compiled expression.
 *
 * The compiler turns each datum once into a tree of nodes, in which variables are resolved to a frame and a slot or to
 * the symbol that holds a global, and derived forms are reduced to few kinds. A node is never changed once it is made.
 */
#ifndef SCHEME_NODE_H
#define SCHEME_NODE_H

#include "error.h"
#include "symbol.h"
#include "value.h"

enum node_kind {
  NODE_CONSTANT,
  NODE_LOCAL, /* a variable of the innermost frame */
  NODE_OUTER, /* a variable of a frame further out */
  NODE_GLOBAL,
  NODE_SET_LOCAL,
  NODE_SET_OUTER,
  NODE_SET_GLOBAL,
  NODE_DEFINE,
  NODE_IF,
  NODE_OR,
  NODE_SEQUENCE,
  NODE_CASE,
  NODE_LET,
  NODE_LAMBDA,
  NODE_CALL
};

/* First in every node. */
struct node {
  struct location location;
  enum node_kind kind;
};

struct constant {
  struct node node;
  value datum;
};

/* NODE_LOCAL (depth 0) and NODE_OUTER. */
struct variable {
  struct node node;
  uint32_t depth; /* frames to go out */
  uint32_t slot;
  const struct symbol *name; /* NULL: made by the compiler */
};

struct global {
  struct node node;
  struct symbol *symbol;
};

/* NODE_SET_LOCAL and NODE_SET_OUTER. */
struct assignment {
  struct node node;
  uint32_t depth, slot; /* as in struct variable */
  const struct node *source;
};

/* NODE_SET_GLOBAL and NODE_DEFINE. */
struct global_assignment {
  struct node node;
  struct symbol *symbol;
  const struct node *source;
};

struct conditional {
  struct node node;
  const struct node *test, *then, *otherwise;
};

struct disjunction {
  struct node node;
  const struct node *first, *rest;
};

struct sequence {
  struct node node;
  size_t count; /* at least 1 */
  const struct node *parts[];
};

struct case_clause {
  value data; /* a list */
  const struct node *body;
};

struct case_dispatch {
  struct node node;
  const struct node *key, *otherwise;
  size_t count;
  struct case_clause clauses[];
};

/* A new frame whose first slots get the values of the sources, which are evaluated outside it. */
struct let {
  struct node node;
  size_t slot_count;
  const struct node *body;
  size_t count;
  const struct node *sources[];
};

struct lambda {
  struct node node;
  uint32_t required_count;
  bool has_rest; /* the slot after the required ones takes a list of the other arguments */
  size_t slot_count;
  const struct node *body;
  const struct symbol *name; /* NULL: anonymous */
};

struct call {
  struct node node;
  const struct node *procedure;
  size_t count;
  const struct node *arguments[];
};

#endif
