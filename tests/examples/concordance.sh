#!/bin/sh
# concordance.sh CONCORDANCE: the index of a folder with odd files is what grep finds; queries; wrong input.
. "$(dirname "$0")/checks.sh"
. "$folder/reference.sh"
concordance=$(absolute "$1")

# dump_matches WHAT OPTION... -- PATH...
dump_matches() {
  what=$1
  options=
  shift
  while [ "$1" != -- ]; do
    options="$options $1"
    shift
  done
  shift
  reference "$@" >"$work/reference"
  # shellcheck disable=SC2086 # options are words
  check_status "$what: succeeds" 0 "$concordance" $options --dump "$@"
  LC_ALL=C sort "$work/out" >"$work/sorted"
  check_same "$what: $(wc -l <"$work/reference") occurrences as grep finds them" "$work/sorted" "$work/reference"
}

cd "$work" || exit 1
make_odd_folder odd
cp "$concordance" odd/sub/program
for threads in 1 2 7; do dump_matches "$threads threads" --threads $threads -- odd; done
dump_matches "default threads, slash at the end" -- odd/
dump_matches "files and a link by name" -- odd/sub/link odd/bytes odd/nul
dump_matches "the same folder twice" -t 2 -- odd/sub odd/sub
[ -d /usr/include/linux ] && dump_matches "many small files" -t 2 -- /usr/include/linux

# Sorted by file, line as a number, identifier.
printf 'b a\n' >order
i=0
while [ $((i += 1)) -le 11 ]; do printf 'x\n'; done >>order
check_status "dump in order" 0 "$concordance" --dump order
{
  printf 'order:1:a\norder:1:b\n'
  i=1
  while [ $((i += 1)) -le 12 ]; do echo "order:$i:x"; done
} >expected
check_same "dump is sorted by line as a number, then by identifier" out expected

printf 'odd/bytes:1\nodd/sub/main.c:1\nodd/sub/main.c:1\nodd/sub/main.c:1\n' >expected
rm odd/sub/program odd/nul
printf 'x\n' >odd/bytes
check_status "a query succeeds" 0 "$concordance" --query x odd
check_same "a query names each occurrence" out expected

printf 'x\n  no_newline \n\nnowhere\n' >words
check_status "queries from standard input succeed" 0 sh -c '"$1" --query - odd <words' sh "$concordance"
echo "odd/name with:colon and blank:1" >>expected
check_same "queries from standard input are answered in turn" out expected
check_line "an unknown word is named" err 'concordance: no occurrence of "nowhere"'

check_status "a summary is what it prints without a question" 0 sh -c '"$1" odd/sub </dev/null' sh "$concordance"
for line in "files 4" "folders 2" "unreadable 0" "occurrences $(reference odd/sub | wc -l | tr -d ' ')" \
  "identifiers $(reference odd/sub | sed 's/.*://' | sort -u | wc -l | tr -d ' ')"; do
  check_line "summary: $line" out "$line"
done

check_status "a missing file and a pipe: status 1" 1 "$concordance" --summary odd/sub/main.c missing odd/sub/pipe
check_line "the missing file is named" err "concordance: missing: No such file or directory"
check_line "the pipe is named" err "concordance: odd/sub/pipe: neither a regular file nor a folder"
check_line "both are counted" out "unreadable 2"
check_line "the rest is indexed" out "files 1"
if [ "$(id -u)" -ne 0 ]; then
  chmod 0 odd/bytes odd/sub/deep
  check_status "a forbidden file and folder: status 1" 1 "$concordance" --summary odd
  check_line "the forbidden file is named" err "concordance: odd/bytes: Permission denied"
  check_line "both are counted" out "unreadable 2"
  chmod 700 odd/bytes odd/sub/deep
fi

check_status "no path: status 2" 2 "$concordance" --dump
check_line "no path: said so" err "concordance: no file or folder given"
check_status "an unknown option: status 2" 2 "$concordance" --nonsense odd
for threads in 0 -1 1025 two 2x ''; do
  check_status "--threads '$threads': status 2" 2 "$concordance" --threads "$threads" odd
  check_line "--threads '$threads': says what it takes" err \
    "concordance: --threads takes a number from 1 to 1024, not \"$threads\""
done
check_status "--help succeeds" 0 "$concordance" --help
for option in query dump summary threads help; do check "--help names --$option" grep -q -e "--$option" out; done

check_status "out of memory: status 3" 3 env TREFOIL_LIMIT=12M "$concordance" --summary /usr/include
check "out of memory: said so" grep -q "concordance: out of memory" err
finish
