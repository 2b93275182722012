#!/bin/sh
# concordance_usr_include.sh CONCORDANCE: everything under /usr/include, as grep finds it, in every mode. The lists are
# compared by their checksums, because they may have many hundred megabytes.
. "$(dirname "$0")/checks.sh"
. "$folder/reference.sh"
concordance=$(absolute "$1")

[ -d /usr/include/linux ] || skip "there are no C headers in /usr/include"
reference /usr/include | cksum >"$work/reference"
for mode in mark-sweep generational refcount; do
  export TREFOIL_MODE=$mode
  for threads in 1 2; do
    "$concordance" --threads $threads --dump /usr/include >"$work/dump" || fail "$mode, $threads threads: status $?"
    cksum <"$work/dump" >"$work/dump-$mode-$threads"
    [ -e "$work/sorted" ] || LC_ALL=C sort "$work/dump" | cksum >"$work/sorted"
  done
  check_same "$mode: one thread prints what two print" "$work/dump-$mode-1" "$work/dump-$mode-2"
  check_same "$mode: it prints what the first mode prints" "$work/dump-$mode-1" "$work/dump-mark-sweep-1"

  # More threads than processors, so that they meet in the middle of anything.
  [ -e "$work/summary" ] || "$concordance" --threads 1 --summary /usr/include >"$work/summary"
  for round in 1 2; do
    check_status "$mode, eight threads, round $round: succeeds" 0 "$concordance" --threads 8 --summary /usr/include
    check_same "$mode, eight threads, round $round: the counts of one thread" "$work/out" "$work/summary"
  done
done
echo "checksum and bytes: $(cat "$work/reference"), $(wc -l <"$work/dump") occurrences"
check_same "concordance finds what grep finds" "$work/sorted" "$work/reference"
finish
