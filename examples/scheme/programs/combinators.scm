; Functions of functions: the fixed point of Curry, numbers of Church, pairs without pairs.

(define Y
  (lambda (f)
    ((lambda (x) (f (lambda (n) ((x x) n))))
     (lambda (x) (f (lambda (n) ((x x) n)))))))

(define factorial
  (Y (lambda (self) (lambda (n) (if (= n 0) 1 (* n (self (- n 1))))))))

(define fibonacci
  (Y (lambda (self) (lambda (n) (if (< n 2) n (+ (self (- n 1)) (self (- n 2))))))))

(display (map factorial '(0 1 5 10 19))) (newline)
(display (map fibonacci '(0 1 2 3 10 20))) (newline)

(define zero (lambda (f) (lambda (x) x)))
(define (successor n) (lambda (f) (lambda (x) (f ((n f) x)))))
(define (plus a b) (lambda (f) (lambda (x) ((a f) ((b f) x)))))
(define (times a b) (lambda (f) (a (b f))))
(define (power a b) (b a))
(define (church n) (if (= n 0) zero (successor (church (- n 1)))))
(define (number n) ((n (lambda (i) (+ i 1))) 0))

(define three (church 3))
(define four (church 4))
(display (map number (list zero (plus three four) (times three four) (power three four) (power four (church 6)))))
(newline)

(define (pair a b) (lambda (choose) (choose a b)))
(define (first p) (p (lambda (a b) a)))
(define (second p) (p (lambda (a b) b)))
; The predecessor, by Kleene: count pairs (n-1, n) up from (0, 0).
(define (predecessor n)
  (first ((n (lambda (p) (pair (second p) (successor (second p))))) (pair zero zero))))
(display (number (predecessor (church 40)))) (newline)

(define (compose . functions)
  (if (null? functions)
      (lambda (x) x)
      (lambda (x) ((car functions) ((apply compose (cdr functions)) x)))))
(display ((compose (lambda (x) (* x 2)) (lambda (x) (+ x 1)) abs) -20)) (newline)

; S and K: SKK is the identity.
(define S (lambda (x) (lambda (y) (lambda (z) ((x z) (y z))))))
(define K (lambda (x) (lambda (y) x)))
(display (((S K) K) 'same)) (newline)
