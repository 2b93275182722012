#!/bin/sh
# scheme_dialogue.sh SCHEME: a dialogue on a terminal, which script(1) of util-linux plays.
. "$(dirname "$0")/checks.sh"
scheme=$(absolute "$1")

script --version 2>/dev/null | grep -q util-linux || skip "script from util-linux is not installed"

cat >"$work/input" <<'END'
(define (twice x)
  (* 2 x)) (twice 21) (list
 1 2)
(car 5)
(twice
"four")
(display "still there") (newline)
END
check_status "the dialogue ends well" 0 \
  sh -c 'script -qec "\"$1\"" /dev/null <"$2" | tr -d "\r"' sh "$scheme" "$work/input"
for line in 42 "(1 2)" "input:4: car: not a pair: 5" 'input:2: *: not a number: "four"' "still there"; do
  check "the dialogue answers $line" grep -qF -e "$line" "$work/out"
done
check "unfinished lines are asked on" grep -q '^\.\.\. ' "$work/out"
finish
