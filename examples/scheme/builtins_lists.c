/* builtins_lists: pairs and lists, equality, and the searches that use it. */
#include "builtins.h"
#include "equality.h"
#include "error.h"

static value make_pair(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return cons(arguments[0], arguments[1]);
}

/* car, cdr and what is made of them. The selector is a path, last step first in the low bits: 2 for car, 3 for cdr. */
static value follow_path(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value v = arguments[0];
  for (size_t path = self->selector; path; path >>= 2) v = path & 1 ? cdr(want_pair(self, v)) : car(want_pair(self, v));
  return v;
}

enum { PATH_A = 2, PATH_D = 3 };
#define PATH_2(x, y)       (PATH_##x << 2 | PATH_##y)
#define PATH_3(x, y, z)    (PATH_2(x, y) << 2 | PATH_##z)
#define PATH_4(w, x, y, z) (PATH_3(w, x, y) << 2 | PATH_##z)

static value set_car(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  pair_of(want_pair(self, arguments[0]))->car = arguments[1];
  return value_unspecified;
}

static value set_cdr(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  pair_of(want_pair(self, arguments[0]))->cdr = arguments[1];
  return value_unspecified;
}

static value test_pair(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(is_pair(arguments[0]));
}

static value test_null(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(arguments[0] == value_nil);
}

static value test_list(const struct builtin *self, value *arguments, size_t count) {
  (void)self, (void)count;
  return boolean(list_length(arguments[0]) >= 0);
}

static value make_list(const struct builtin *self, value *arguments, size_t count) {
  (void)self;
  return list_from_array(arguments, count, value_nil);
}

/* (cons* a b list) */
static value make_list_with_tail(const struct builtin *self, value *arguments, size_t count) {
  (void)self;
  return list_from_array(arguments, count - 1, arguments[count - 1]);
}

static value length(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return fixnum((int64_t)want_list(self, arguments[0]));
}

/* A copy of the list with this tail. */
static value append_two(const struct builtin *self, value list, value tail) {
  want_list(self, list);
  value first = tail, last = value_nil;
  for (; is_pair(list); list = cdr(list)) {
    value next = cons(car(list), tail);
    if (is_pair(last)) pair_of(last)->cdr = next;
    else first = next;
    last = next;
  }
  return first;
}

static value append(const struct builtin *self, value *arguments, size_t count) {
  if (count == 0) return value_nil;
  value result = arguments[count - 1];
  for (size_t i = count - 1; i-- > 0;) result = append_two(self, arguments[i], result);
  return result;
}

static value copy_list(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return append_two(self, arguments[0], value_nil);
}

static value reverse(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  want_list(self, arguments[0]);
  return list_reverse(arguments[0]);
}

static value tail_at(const struct builtin *self, value list, value index) {
  value rest = list;
  for (size_t i = want_index(self, index, SIZE_MAX); i > 0; i--) {
    if (!is_pair(rest)) raise_about(index, "%s: the list is too short for index", self->name);
    rest = cdr(rest);
  }
  return rest;
}

static value list_tail(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return tail_at(self, arguments[0], arguments[1]);
}

static value list_ref(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  value rest = tail_at(self, arguments[0], arguments[1]);
  if (!is_pair(rest)) raise_about(arguments[1], "%s: the list is too short for index", self->name);
  return car(rest);
}

/* ---- Equality and searches ---- */

enum { BY_EQ, BY_EQV, BY_EQUAL };

static bool are_same(size_t by, value left, value right) {
  return by == BY_EQ ? left == right : by == BY_EQV ? is_eqv(left, right) : is_equal(left, right);
}

static value test_same(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  return boolean(are_same(self->selector, arguments[0], arguments[1]));
}

static value find_member(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  want_list(self, arguments[1]);
  for (value rest = arguments[1]; is_pair(rest); rest = cdr(rest))
    if (are_same(self->selector, arguments[0], car(rest))) return rest;
  return value_false;
}

static value find_association(const struct builtin *self, value *arguments, size_t count) {
  (void)count;
  want_list(self, arguments[1]);
  for (value rest = arguments[1]; is_pair(rest); rest = cdr(rest))
    if (are_same(self->selector, arguments[0], car(want_pair(self, car(rest))))) return car(rest);
  return value_false;
}

const struct builtin_definition list_builtins[] = {
    {"cons", make_pair, 2, 2, 0},
    {"car", follow_path, 1, 1, PATH_A},
    {"cdr", follow_path, 1, 1, PATH_D},
    {"caar", follow_path, 1, 1, PATH_2(A, A)},
    {"cadr", follow_path, 1, 1, PATH_2(A, D)},
    {"cdar", follow_path, 1, 1, PATH_2(D, A)},
    {"cddr", follow_path, 1, 1, PATH_2(D, D)},
    {"caaar", follow_path, 1, 1, PATH_3(A, A, A)},
    {"caadr", follow_path, 1, 1, PATH_3(A, A, D)},
    {"cadar", follow_path, 1, 1, PATH_3(A, D, A)},
    {"caddr", follow_path, 1, 1, PATH_3(A, D, D)},
    {"cdaar", follow_path, 1, 1, PATH_3(D, A, A)},
    {"cdadr", follow_path, 1, 1, PATH_3(D, A, D)},
    {"cddar", follow_path, 1, 1, PATH_3(D, D, A)},
    {"cdddr", follow_path, 1, 1, PATH_3(D, D, D)},
    {"caddar", follow_path, 1, 1, PATH_4(A, D, D, A)},
    {"cadddr", follow_path, 1, 1, PATH_4(A, D, D, D)},
    {"cddddr", follow_path, 1, 1, PATH_4(D, D, D, D)},
    {"set-car!", set_car, 2, 2, 0},
    {"set-cdr!", set_cdr, 2, 2, 0},
    {"pair?", test_pair, 1, 1, 0},
    {"null?", test_null, 1, 1, 0},
    {"list?", test_list, 1, 1, 0},
    {"list", make_list, 0, ANY_COUNT, 0},
    {"cons*", make_list_with_tail, 1, ANY_COUNT, 0},
    {"length", length, 1, 1, 0},
    {"append", append, 0, ANY_COUNT, 0},
    {"list-copy", copy_list, 1, 1, 0},
    {"reverse", reverse, 1, 1, 0},
    {"list-tail", list_tail, 2, 2, 0},
    {"list-ref", list_ref, 2, 2, 0},
    {"eq?", test_same, 2, 2, BY_EQ},
    {"eqv?", test_same, 2, 2, BY_EQV},
    {"equal?", test_same, 2, 2, BY_EQUAL},
    {"memq", find_member, 2, 2, BY_EQ},
    {"memv", find_member, 2, 2, BY_EQV},
    {"member", find_member, 2, 2, BY_EQUAL},
    {"assq", find_association, 2, 2, BY_EQ},
    {"assv", find_association, 2, 2, BY_EQV},
    {"assoc", find_association, 2, 2, BY_EQUAL},
    {NULL, NULL, 0, 0, 0},
};
