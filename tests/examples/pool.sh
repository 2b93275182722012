#!/bin/sh
# pool.sh POOL: the program prints a line of figures for each of its three ways.
. "$(dirname "$0")/checks.sh"
pool=$(absolute "$1")

printf '%s\n' pool gc_free collected >"$work/expected"
check_status "pool succeeds" 0 "$pool"
sed -n 's/^\([a-z_]*\)  *[0-9.]* ns a block,  *[0-9.]* bytes taken for a byte in use$/\1/p' "$work/out" >"$work/names"
check_same "pool prints its three ways" "$work/names" "$work/expected"
finish
