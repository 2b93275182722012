/* equality: eqv? and equal?, and a hash that goes with each. eq? is == on values. */
#ifndef SCHEME_EQUALITY_H
#define SCHEME_EQUALITY_H

#include "value.h"

/* The same object, or equal numbers of the same kind. */
bool is_eqv(value left, value right);

/* The same contents: pairs, vectors and strings are compared piece by piece. */
bool is_equal(value left, value right);

uint32_t hash_eq(value v);
uint32_t hash_equal(value v);

#endif
