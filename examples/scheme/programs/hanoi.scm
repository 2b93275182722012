; The towers of Hanoi: the moves for three disks, and the count for more; the towers are kept and checked.

(define (make-tower n) (let loop ((i n) (tower '())) (if (= i 0) tower (loop (- i 1) (cons i tower)))))

(define towers (make-vector 3 '()))
(define moves 0)

(define (move! from to)
  (let ((disk (car (vector-ref towers from))))
    (if (and (pair? (vector-ref towers to)) (< (car (vector-ref towers to)) disk))
        (error "a disk lies on a smaller one:" disk))
    (vector-set! towers from (cdr (vector-ref towers from)))
    (vector-set! towers to (cons disk (vector-ref towers to)))
    (set! moves (+ moves 1))))

(define (hanoi n from to over report)
  (if (> n 0)
      (begin
        (hanoi (- n 1) from over to report)
        (move! from to)
        (report n from to)
        (hanoi (- n 1) over to from report))))

(define (play n report)
  (vector-set! towers 0 (make-tower n))
  (vector-set! towers 1 '())
  (vector-set! towers 2 '())
  (set! moves 0)
  (hanoi n 0 2 1 report)
  (display n) (display " disks: ") (display moves) (display " moves, ")
  (display (if (equal? (vector-ref towers 2) (make-tower n)) "done" "wrong"))
  (newline))

(define (name-of peg) (string (string-ref "ABC" peg)))

(play 3 (lambda (disk from to)
          (for-each display (list "disk " disk ": " (name-of from) " to " (name-of to) "\n"))))
(play 10 (lambda (disk from to) #f))
(play 14 (lambda (disk from to) #f))
