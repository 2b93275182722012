#!/bin/sh
# valgrind.sh HELLO CONCORDANCE SCHEME: each example under Valgrind, without an error and with the right output.
. "$(dirname "$0")/checks.sh"
. "$folder/reference.sh"
hello=$(absolute "$1")
concordance=$(absolute "$2")
scheme=$(absolute "$3")
programs=$folder/../../examples/scheme/programs

command -v valgrind >/dev/null || skip "valgrind is not installed"

# clean WHAT COMMAND...
clean() {
  what=$1
  shift
  check_status "$what under Valgrind" 0 valgrind -q --error-exitcode=99 "$@"
}

clean hello "$hello"
check_line "hello printed its last round" "$work/out" 'round 10: 50000 items, the last is "item 50000"'

cd "$work" || exit 1
make_odd_folder odd
reference odd >reference
for threads in 1 2; do
  clean "concordance with $threads threads" "$concordance" --threads $threads --dump odd
  LC_ALL=C sort out >sorted
  check_same "concordance with $threads threads found what grep finds" sorted reference
done

cd "$programs" || exit 1
for program in selftest escapes eliza strings tak; do
  clean "scheme $program.scm" "$scheme" $program.scm
  check_same "scheme $program.scm printed what it should" "$work/out" "$folder/scheme/$program.out"
done
finish
