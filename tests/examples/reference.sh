# shellcheck shell=sh
# Sourced after checks.sh by the tests of concordance: what grep finds, and a folder with odd files.

grep --version 2>/dev/null | head -n 1 | grep -q GNU || skip "the reference needs GNU grep"

# reference PATH...: file:line:identifier of every occurrence, sorted.
reference() { LC_ALL=C grep -aonHr '[A-Za-z_][A-Za-z0-9_]*' "$@" | LC_ALL=C sort; }

# make_odd_folder FOLDER: files with NUL bytes, without an end of line, empty ones, links, odd names, a pipe.
make_odd_folder() {
  mkdir -p "$1/sub/deep" "$1/.hidden" "$1/empty folder"
  printf 'a b\000c 0x1F 12abc _z__9 \377\376q\n\n\nlast' >"$1/bytes"
  printf '\000\000\000\n\000x\000\n' >"$1/nul"
  printf '' >"$1/empty"
  printf '\n' >"$1/newline"
  printf 'no_newline' >"$1/name with:colon and blank"
  printf 'one\r\ntwo\rthree\n' >"$1/sub/deep/returns"
  printf 'hidden here\n' >"$1/.hidden/file"
  printf 'int main(void) { return x + x * x; }\n' >"$1/sub/main.c"
  awk 'BEGIN { while (i++ < 3000) printf "long%d%s", i % 7, i % 5 ? "_" : " " }' >"$1/sub/long line"
  awk 'BEGIN { while (i++ < 3000) print "w" i % 1000, "common" }' >"$1/sub/lines"
  ln -s ../bytes "$1/sub/link"
  ln -s . "$1/sub/loop"
  mkfifo "$1/sub/pipe"
}
