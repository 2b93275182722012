#!/bin/sh
# concordance_stress.sh CONCORDANCE: a small folder while every allocation collects, and with the heap verified.
. "$(dirname "$0")/checks.sh"
. "$folder/reference.sh"
concordance=$(absolute "$1")

cd "$work" || exit 1
make_odd_folder odd
reference odd >reference
for threads in 1 2; do
  check_status "TREFOIL_STRESS=alloc, $threads threads: succeeds" 0 \
    env TREFOIL_STRESS=alloc "$concordance" --threads $threads --dump odd
  LC_ALL=C sort out >sorted
  check_same "TREFOIL_STRESS=alloc, $threads threads: as grep finds them" sorted reference
done
check_status "TREFOIL_STRESS=alloc TREFOIL_CHECK=heap: succeeds" 0 \
  env TREFOIL_STRESS=alloc TREFOIL_CHECK=heap "$concordance" --threads 2 --dump odd
LC_ALL=C sort out >sorted
check_same "TREFOIL_STRESS=alloc TREFOIL_CHECK=heap: as grep finds them" sorted reference
finish
