#!/bin/sh
# scheme_language.sh SCHEME: errors with their places, the command line, depth, limits of memory.
. "$(dirname "$0")/checks.sh"
scheme=$(absolute "$1")
cd "$work" || exit 1

# gives EXPRESSION OUTPUT
gives() {
  check_status "$1" 0 "$scheme" -e "$1"
  printf '%s\n' "$2" >expected
  check_same "$1 gives $2" out expected
}

# raises EXPRESSION MESSAGE
raises() {
  check_status "$1: status 1" 1 "$scheme" -e "$1"
  check_line "$1 raises $2" err "-e:$2"
}

gives '(+ 1 2)' 3
gives '(define x 1) x "a\n" #\a (quote (1 . 2)) (lambda (x) x) car' '1
"a\n"
#\a
(1 . 2)
#<procedure anonymous>
#<procedure car>'
gives '(list 1.0 0.1 100.5 1e21 1e-7 -0.0 (/ 1.0 0) (/ -1.0 0) (sqrt -1))' \
  '(1.0 0.1 100.5 1e+21 1e-07 -0.0 +inf.0 -inf.0 +nan.0)'
gives "'(quote a) '(1 'b \`(c ,d ,@e))" "'a
(1 'b \`(c ,d ,@e))"
gives '(define-record-type point (make-point x y) point? (x px) (y py)) (make-point 1 "b")' '#<point x: 1 y: "b">'

raises 'undefined-name' '1: unbound variable: undefined-name'
raises '(set! undefined-name 1)' '1: set!: unbound variable: undefined-name'
raises '(car 5)' '1: car: not a pair: 5'
raises '

(vector-ref (vector 1 2) 2)' '3: vector-ref: not an index in range: 2'
raises '(let ((f (lambda (x)
 (string-append "a" x)))) (+ 1
 (f (quote b))))' '2: string-append: not a string: b'
raises '(5 6)' '1: not a procedure: 5'
raises '((lambda (x) x))' '1: anonymous: takes 1 argument, got 0'
raises '(define (f x . r) x) (f)' '1: f: takes at least 1 argument, got 0'
raises '(cons 1 2 3)' '1: cons: takes 2 arguments, got 3'
raises '(atan)' '1: atan: takes 1 to 2 arguments, got 0'
raises '(error "went wrong:" 1 "two" (list #\3))' '1: went wrong: 1 "two" (#\3)'
raises '(assert (= 1 2))' '1: assertion failed'
raises '(letrec ((a b) (b 1)) a)' '1: b is used before it has a value'
raises '(if)' '1: if: bad syntax: (if)'
raises '(let ((x 1) (x 2)) x)' '1: let: a name appears twice: (let ((x 1) (x 2)) x)'
raises '(lambda (x x) x)' '1: lambda: a parameter appears twice: (x x)'
raises '(define if 1)' '1: define: the name of a special form cannot be defined: (define if 1)'
raises '(lambda (x) (when x (define q 1)))' '1: define: a definition may not stand here: (define q 1)'
raises '(list else if)' '1: the name of a special form is no expression: if'
raises '()' '1: () is no expression'
raises '(1 . 2)' '1: not an expression: (1 . 2)'
raises ',x' '1: unquote: outside a quasiquote: ,x'
raises '(+ 2305843009213693951 1)' '1: +: integer overflow'
raises '(- -2305843009213693952 1)' '1: -: integer overflow'
raises '(* 4294967296 4294967296)' '1: *: integer overflow'
raises '(* 1152921504606846976 -1152921504606846976 64)' '1: *: integer overflow'
raises '(quotient -2305843009213693952 -1)' '1: quotient: integer overflow'
raises '(abs -2305843009213693952)' '1: abs: integer overflow'
raises '(expt 2 61)' '1: expt: integer overflow'
raises '(exact 1e30)' '1: exact: integer overflow: 1e+30'
raises '(exact 1.5)' '1: exact: not an integer: 1.5'
raises '2305843009213693952' '1: integer overflow: 2305843009213693952 has more than 62 bits'
raises '(quotient 1 0)' '1: quotient: division by zero'
raises '(modulo 1 0)' '1: modulo: division by zero'
raises '(/ 1 0)' '1: /: division by zero'
raises '(substring "abc" 2 1)' '1: substring: not an index in range: 2'
raises '(integer->char 256)' '1: integer->char: not an index in range: 256'
raises '(hash-table-ref (make-hash-table) 1)' '1: hash-table-ref: no such key: 1'
raises '(length (let ((l (list 1))) (set-cdr! l 2) l))' '1: length: not a list: (1 . 2)'
raises '(define k #f) (call/cc (lambda (c) (set! k c))) (k 1)' \
  '1: a continuation was called after its call/cc had returned'
raises '(car
"abc' '2: the text ends inside a string that starts in line 2'
raises '(car (cdr' '1: the text ends inside a list that starts in line 1'
raises '#| #| |#' '1: the text ends inside a comment that starts in line 1'
raises ')' '1: a closing parenthesis too many'
raises '(1 . 2 3)' '1: only one datum may follow a dot'
raises '( . 1)' '1: a datum is missing before a dot'
raises "(quote . 1)" '1: not an expression: (quote . 1)'
raises "(list ')" '1: a datum is missing in a quotation'
raises '#\nonsense' '1: unknown character #\nonsense'
raises '#nonsense' '1: unknown syntax #nonsense'
raises '"\q"' '1: unknown escape \q in a string'

# Everything before the error is done, and nothing after it.
printf '(display "before")\n(newline)\n\n(define (f x)\n  (vector-ref x 0))\n(f 1)\n(display "after")\n' >script.scm
check_status "an error in a script: status 1" 1 "$scheme" script.scm -e '(display "later")'
echo before >expected
check_same "an error in a script ends everything" out expected
check_line "an error in a script names file and line" err "script.scm:5: vector-ref: not a vector: 1"

# Depth: recursion that is no tail call.
gives '(define (f n) (if (= n 0) 0 (+ 1 (f (- n 1))))) (f 100000)' 100000
gives '(define (nest n l) (if (= n 0) l (nest (- n 1) (list l)))) (equal? (nest 100000 1) (nest 100000 1))' '#t'
raises '(define (f n) (+ 1 (f (+ n 1)))) (f 0)' '1: recursion is too deep'
raises '(define (f l) (map f (list l))) (f 1)' '1: recursion is too deep'
raises '(define (nest n l) (if (= n 0) l (nest (- n 1) (list l)))) (equal? (nest 9000000 1) (nest 9000000 1))' \
  '1: recursion is too deep'
awk 'BEGIN { while (i++ < 5000000) printf "(" }' >deep.scm
check_status "a script of open parentheses: status 1" 1 "$scheme" deep.scm
check_line "a script of open parentheses: too deep" err "deep.scm:1: recursion is too deep"

# Memory: garbage is reclaimed, and what is kept ends with an error.
check_status "a loop of five million rounds runs in 64 MB" 0 \
  env TREFOIL_LIMIT=64M "$scheme" \
  -e '(define (loop i l) (if (= i 0) (car l) (loop (- i 1) (list i i i)))) (loop 5000000 #f)'
for keep in '(define (f l) (f (cons 1 l))) (f (list))' '(define (f v) (f (make-vector 100000 v))) (f 0)' \
  '(define (f s) (f (string-append s s))) (f "abc")' '(make-vector 1000000000)'; do
  check_status "$keep: status 1" 1 env TREFOIL_LIMIT=64M "$scheme" -e "$keep"
  check "$keep: out of memory" grep -q '^-e:1: out of memory' err
done

# The command line.
check_status "standard input is run" 0 sh -c 'echo "(display 42)" | "$1"' sh "$scheme"
check "standard input is run as a script" [ "$(cat out)" = 42 ]
check_status "- is standard input" 0 sh -c 'echo "(display x)" | "$1" -e "(define x 7)" -' sh "$scheme"
check "- is run in its turn" [ "$(cat out)" = 7 ]
check_status "(exit 7)" 7 "$scheme" -e '(display "bye") (exit 7) (display "no")'
check "(exit 7) writes what was displayed" [ "$(cat out)" = bye ]
check_status "--help succeeds" 0 "$scheme" --help
check_status "-e without an expression: status 2" 2 "$scheme" -e
check_status "an unknown option: status 2" 2 "$scheme" --nonsense
check_status "a missing script: status 1" 1 "$scheme" missing.scm
check_line "a missing script is named" err "scheme: missing.scm: No such file or directory"
if [ -w /dev/full ]; then
  check_status "a full disk: status 1" 1 sh -c '"$1" -e "(display 1)" >/dev/full' sh "$scheme"
  check "a full disk: said so" grep -q "cannot write to standard output" err
fi
finish
