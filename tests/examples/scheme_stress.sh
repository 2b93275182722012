#!/bin/sh
# scheme_stress.sh SCHEME: programs while every allocation collects, and with the heap verified after each collection.
. "$(dirname "$0")/checks.sh"
scheme=$(absolute "$1")
programs=$folder/../../examples/scheme/programs

cd "$programs" || exit 1
for program in eliza escapes selftest; do
  check_status "TREFOIL_STRESS=alloc: $program.scm succeeds" 0 env TREFOIL_STRESS=alloc "$scheme" $program.scm
  check_same "TREFOIL_STRESS=alloc: $program.scm prints what it should" "$work/out" "$folder/scheme/$program.out"
done
for program in trees strings deriv metacircular; do
  check_status "TREFOIL_CHECK=heap: $program.scm succeeds" 0 env TREFOIL_CHECK=heap "$scheme" $program.scm
  check_same "TREFOIL_CHECK=heap: $program.scm prints what it should" "$work/out" "$folder/scheme/$program.out"
done
finish
