#!/bin/sh
# hello.sh HELLO: the program prints its ten lines, and does with far less memory than it asks for.
. "$(dirname "$0")/checks.sh"
hello=$(absolute "$1")

round=1
while [ "$round" -le 10 ]; do
  echo "round $round: 50000 items, the last is \"item 50000\""
  round=$((round + 1))
done >"$work/expected"

check_status "hello succeeds" 0 "$hello"
check_same "hello prints ten rounds" "$work/out" "$work/expected"

# A million objects take 48 MB with their texts if nothing is reclaimed.
check_status "hello succeeds within 24 MB" 0 env TREFOIL_LIMIT=24M "$hello"
check_same "hello prints ten rounds within 24 MB" "$work/out" "$work/expected"
finish
