/* builtins: the procedures that every program finds, defined by tables; and how they check their arguments. */
#ifndef SCHEME_BUILTINS_H
#define SCHEME_BUILTINS_H

#include "procedure.h"
#include "symbol.h"
#include "table.h"
#include "value.h"

struct builtin_definition {
  const char *name;
  builtin_fn *fn;
  uint16_t least, most; /* arguments; most may be ANY_COUNT */
  size_t selector;      /* see struct builtin */
};

/* Each ends with an entry without a name. */
extern const struct builtin_definition number_builtins[], real_builtins[], list_builtins[], string_builtins[],
    character_builtins[], vector_builtins[], table_builtins[], control_builtins[], output_builtins[];

/* Defines all of them as globals. */
void builtins_init(void);

/* The argument as what it should be; an error that names the builtin if it is not that. */
int64_t want_fixnum(const struct builtin *self, value argument);
size_t want_index(const struct builtin *self, value argument, size_t most);
struct string *want_string(const struct builtin *self, value argument);
unsigned char want_character(const struct builtin *self, value argument);
struct symbol *want_symbol(const struct builtin *self, value argument);
struct vector *want_vector(const struct builtin *self, value argument);
struct table *want_table(const struct builtin *self, value argument);
value want_number(const struct builtin *self, value argument);
value want_pair(const struct builtin *self, value argument);
value want_procedure(const struct builtin *self, value argument);
size_t want_list(const struct builtin *self, value argument); /* its length */

/* Optional arguments `start` and `end` from the third on, in a sequence of this length. */
struct range {
  size_t start, end;
};
struct range want_range(const struct builtin *self, const value *bounds, size_t bound_count, size_t length);

#endif
