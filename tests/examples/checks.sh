# shellcheck shell=sh
# Sourced by the test scripts of this folder: a temporary folder $work that is removed at the end, and ways to check.
# After a failed check the script goes on; finish, its last line, turns the count into the exit status.

# shellcheck disable=SC2034 # used by the scripts
folder=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/trefoil-examples.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failed_count=0

# The program's path for after a cd.
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }

skip() {
  printf 'skipped: %s\n' "$1"
  exit 77
}

pass() { printf 'ok: %s\n' "$1"; }

fail() {
  printf 'FAILED: %s\n' "$1"
  failed_count=$((failed_count + 1))
}

# check WHAT COMMAND...: the command succeeds.
check() {
  what=$1
  shift
  if "$@"; then pass "$what"; else fail "$what"; fi
}

# check_same WHAT FILE EXPECTED-FILE
check_same() {
  if diff "$3" "$2" >"$work/difference"; then
    pass "$1"
  else
    fail "$1 (< expected, > got)"
    head -n 20 "$work/difference"
  fi
}

# check_status WHAT STATUS COMMAND...: the command ends with this status. Its output goes to $work/out and $work/err.
check_status() {
  what=$1
  expected_status=$2
  shift 2
  status=0
  "$@" >"$work/out" 2>"$work/err" || status=$?
  if [ "$status" -eq "$expected_status" ]; then
    pass "$what"
  else
    fail "$what: exit status $status, expected $expected_status"
    head -n 20 "$work/err"
  fi
}

# check_line WHAT FILE LINE: the file has exactly this line.
check_line() {
  if grep -qxF -e "$3" "$2"; then
    pass "$1"
  else
    fail "$1: the line is missing: $3"
    head -n 20 "$2"
  fi
}

finish() {
  [ "$failed_count" -eq 0 ] && exit 0
  echo "$failed_count checks failed"
  exit 1
}
