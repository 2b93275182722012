; Takeuchi's function, three times: with numbers, with lists for numbers, and returning through continuations.

(define (tak x y z)
  (if (not (< y x))
      z
      (tak (tak (- x 1) y z)
           (tak (- y 1) z x)
           (tak (- z 1) x y))))

(define (list-below n)
  (if (= n 0) '() (cons n (list-below (- n 1)))))

(define (shorter? a b)
  (and (not (null? b))
       (or (null? a) (shorter? (cdr a) (cdr b)))))

(define (takl x y z)
  (if (not (shorter? y x))
      z
      (takl (takl (cdr x) y z)
            (takl (cdr y) z x)
            (takl (cdr z) x y))))

(define (ctak x y z)
  (define (inner k x y z)
    (if (not (< y x))
        (k z)
        (inner k
               (call/cc (lambda (k) (inner k (- x 1) y z)))
               (call/cc (lambda (k) (inner k (- y 1) z x)))
               (call/cc (lambda (k) (inner k (- z 1) x y))))))
  (call/cc (lambda (k) (inner k x y z))))

(display (tak 18 12 6)) (newline)
(display (length (takl (list-below 14) (list-below 10) (list-below 5)))) (newline)
(display (ctak 12 8 4)) (newline)
