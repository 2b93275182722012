#!/bin/sh
# concordance_usr_include.sh CONCORDANCE: everything under /usr/include, as grep finds it. The lists are compared by
# their checksums, because they may have many hundred megabytes.
. "$(dirname "$0")/checks.sh"
. "$folder/reference.sh"
concordance=$(absolute "$1")

[ -d /usr/include/linux ] || skip "there are no C headers in /usr/include"
reference /usr/include | cksum >"$work/reference"
for threads in 1 2; do
  "$concordance" --threads $threads --dump /usr/include >"$work/dump" || fail "$threads threads: status $?"
  cksum <"$work/dump" >"$work/dump$threads"
done
LC_ALL=C sort "$work/dump" | cksum >"$work/sorted"
echo "checksum and bytes: $(cat "$work/reference"), $(wc -l <"$work/dump") occurrences"
check_same "two threads find what grep finds" "$work/sorted" "$work/reference"
check_same "one thread prints what two print" "$work/dump1" "$work/dump2"

# More threads than processors, so that they meet in the middle of anything.
"$concordance" --threads 1 --summary /usr/include >"$work/summary"
for round in 1 2 3 4; do
  check_status "eight threads, round $round: succeeds" 0 "$concordance" --threads 8 --summary /usr/include
  check_same "eight threads, round $round: the counts of one thread" "$work/out" "$work/summary"
done
finish
