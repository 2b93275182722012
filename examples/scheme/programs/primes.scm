; Primes in three ways: a sieve in a vector, a filter over lists, and an endless stream of closures.

(define (sieve n)
  (let ((composite (make-vector (+ n 1) #f)))
    (do ((i 2 (+ i 1)))
        ((> (* i i) n))
      (if (not (vector-ref composite i))
          (do ((j (* i i) (+ j i)))
              ((> j n))
            (vector-set! composite j #t))))
    (let loop ((i n) (primes '()))
      (cond ((< i 2) primes)
            ((vector-ref composite i) (loop (- i 1) primes))
            (else (loop (- i 1) (cons i primes)))))))

(define (range from to) (if (> from to) '() (cons from (range (+ from 1) to))))

(define (remove-multiples p numbers)
  (cond ((null? numbers) '())
        ((= 0 (remainder (car numbers) p)) (remove-multiples p (cdr numbers)))
        (else (cons (car numbers) (remove-multiples p (cdr numbers))))))

(define (filter-primes numbers)
  (if (null? numbers)
      '()
      (cons (car numbers) (filter-primes (remove-multiples (car numbers) (cdr numbers))))))

; A stream is a pair of its head and a procedure that makes the rest.
(define (integers-from n) (cons n (lambda () (integers-from (+ n 1)))))
(define (rest stream) ((cdr stream)))

(define (filter-stream keep? stream)
  (if (keep? (car stream))
      (cons (car stream) (lambda () (filter-stream keep? (rest stream))))
      (filter-stream keep? (rest stream))))

(define (prime-stream stream)
  (let ((p (car stream)))
    (cons p
          (lambda ()
            (prime-stream (filter-stream (lambda (n) (not (= 0 (remainder n p)))) (rest stream)))))))

(define (take stream n)
  (if (= n 0) '() (cons (car stream) (take (rest stream) (- n 1)))))

(display (sieve 60)) (newline)
(display (length (sieve 200000))) (newline)
(display (equal? (sieve 2000) (filter-primes (range 2 2000)))) (newline)
(define first-primes (take (prime-stream (integers-from 2)) 200))
(display (list-tail first-primes 190)) (newline)
