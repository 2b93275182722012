#!/bin/sh
# static_heap.sh STATIC_HEAP: the program's figures come out right, in a heap that stays within its 1 MiB.
. "$(dirname "$0")/checks.sh"
static_heap=$(absolute "$1")

check_status "static_heap succeeds" 0 "$static_heap"
cat >"$work/expected" <<'END'
sensor 3: 50 readings, mean 509; 6349450 bytes of reports were made
then it took more than 200 objects of 1000 bytes to fill the heap, and it goes on: sensor 5: 50 readings, mean 515
END
sed 2q "$work/out" >"$work/figures"
check_same "static_heap prints its figures" "$work/figures" "$work/expected"
sed -n 's/^mode [a-z-]*: \([0-9]*\) KiB were allocated in a heap of 1024, [0-9]* KiB of which are live$/\1/p' \
  "$work/out" >"$work/allocated"
check_status "it allocates more than ten times the heap" 0 test "$(cat "$work/allocated")" -gt 10240
finish
