; Tail calls of every kind, each a million times or so: none may use up the stack.

(define (is-even? n) (if (= n 0) #t (is-odd? (- n 1))))
(define (is-odd? n) (if (= n 0) #f (is-even? (- n 1))))
(display (is-even? 1000000)) (newline)

(define (through-cond n) (cond ((= n 0) 'cond) (else (through-cond (- n 1)))))
(define (through-case n) (case n ((0) 'case) (else (through-case (- n 1)))))
(define (through-and n) (and #t (if (= n 0) 'and (through-and (- n 1)))))
(define (through-or n) (or #f (if (= n 0) 'or (through-or (- n 1)))))
(define (through-when n) (if (= n 0) 'when (when #t (through-when (- n 1)))))
(define (through-unless n) (if (= n 0) 'unless (unless #f (through-unless (- n 1)))))
(define (through-let n) (let ((m (- n 1))) (if (< m 0) 'let (through-let m))))
(define (through-let* n) (let* ((m n) (k (- m 1))) (if (< k 0) 'let* (through-let* k))))
(define (through-letrec n) (letrec ((m (lambda () (- n 1)))) (if (= n 0) 'letrec (through-letrec (m)))))
(define (through-begin n) (begin n (if (= n 0) 'begin (through-begin (- n 1)))))
(define (through-apply n) (if (= n 0) 'apply (apply through-apply (list (- n 1)))))
(define (through-arrow n) (cond ((= n 0) 'arrow) ((- n 1) => through-arrow)))
(define (through-rest n . more) (if (= n 0) 'rest (through-rest (- n 1) n)))

(for-each
 (lambda (f) (display (f 200000)) (newline))
 (list through-cond through-case through-and through-or through-when through-unless through-let through-let*
       through-letrec through-begin through-apply through-arrow through-rest))

; Continuation-passing style: every call is a tail call, and the continuations are garbage on the heap.
(define (sum-cps list k)
  (if (null? list) (k 0) (sum-cps (cdr list) (lambda (rest) (k (+ (car list) rest))))))
(define (iota n) (do ((i n (- i 1)) (list '() (cons i list))) ((= i 0) list)))
(display (sum-cps (iota 100000) (lambda (total) total))) (newline)

; A machine whose states call each other: counts the words of a string.
(define (count-words string)
  (define end (string-length string))
  (define (blank i words)
    (cond ((= i end) words)
          ((char-whitespace? (string-ref string i)) (blank (+ i 1) words))
          (else (word (+ i 1) (+ words 1)))))
  (define (word i words)
    (cond ((= i end) words)
          ((char-whitespace? (string-ref string i)) (blank (+ i 1) words))
          (else (word (+ i 1) words))))
  (blank 0 0))
(display (count-words "  tail calls   are jumps that pass arguments ")) (newline)

; Recursion that is no tail call, a hundred thousand deep.
(define (depth n) (if (= n 0) 0 (+ 1 (depth (- n 1)))))
(display (depth 100000)) (newline)
