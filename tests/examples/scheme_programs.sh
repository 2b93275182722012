#!/bin/sh
# scheme_programs.sh SCHEME: each of the classic programs prints what is in scheme/NAME.out.
. "$(dirname "$0")/checks.sh"
scheme=$(absolute "$1")
programs=$folder/../../examples/scheme/programs

cd "$programs" || exit 1
for program in *.scm; do
  check_status "$program succeeds" 0 "$scheme" "$program"
  check_same "$program prints what it should" "$work/out" "$folder/scheme/${program%.scm}.out"
done
for output in "$folder"/scheme/*.out; do
  name=$(basename "$output" .out)
  [ -f "$name.scm" ] || fail "$name.out has no program"
done
check_status "several scripts run in order" 0 "$scheme" hanoi.scm combinators.scm
cat "$folder/scheme/hanoi.out" "$folder/scheme/combinators.out" >"$work/expected"
check_same "several scripts print one after the other" "$work/out" "$work/expected"
finish
