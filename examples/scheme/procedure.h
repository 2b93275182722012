/* procedure: what can be called: closures, builtins, and continuations that escape. */
#ifndef SCHEME_PROCEDURE_H
#define SCHEME_PROCEDURE_H

#include <setjmp.h>

#include "value.h"

struct frame;  /* see evaluator.h */
struct lambda; /* see node.h */

struct closure {
  struct object object;
  const struct lambda *lambda;
  struct frame *frame; /* where the lambda expression was evaluated */
};

static inline bool is_closure(value v) { return is_kind(v, KIND_CLOSURE); }
static inline struct closure *closure_of(value v) { return (struct closure *)v; }

struct builtin;

/* The count of arguments was checked. The array may be changed and lies where the caller likes. */
typedef value builtin_fn(const struct builtin *self, value *arguments, size_t count);

enum { ANY_COUNT = UINT16_MAX };

struct builtin {
  struct object object;
  uint16_t least, most; /* arguments; most may be ANY_COUNT */
  const char *name;
  builtin_fn *fn;
  size_t selector;  /* for a function that serves several builtins */
  void *attachment; /* likewise; an object */
};

static inline bool is_builtin(value v) { return is_kind(v, KIND_BUILTIN); }
static inline struct builtin *builtin_of(value v) { return (struct builtin *)v; }
value builtin_new(const char *name, builtin_fn *fn, size_t least, size_t most);

/* Made by call/cc; calling it returns from that call/cc, as long as that has not returned. */
struct continuation {
  struct object object;
  bool is_active;
  struct continuation *outer; /* the next active one */
  value result;
  jmp_buf escape;
};

static inline bool is_continuation(value v) { return is_kind(v, KIND_CONTINUATION); }
static inline struct continuation *continuation_of(value v) { return (struct continuation *)v; }

static inline bool is_procedure(value v) { return is_closure(v) || is_builtin(v) || is_continuation(v); }

/* For messages; "anonymous" where a closure has no name. */
const char *procedure_name(value procedure);

#endif
