; What an escaping continuation is good for: leaving loops, leaving recursion, and a search that gives up.

(define (find-first keep? list)
  (call/cc
   (lambda (return)
     (for-each (lambda (item) (if (keep? item) (return item))) list)
     #f)))

(display (find-first negative? '(3 1 4 -1 5 -9))) (newline)
(display (find-first negative? '(3 1 4))) (newline)

; The product of a list, without a single multiplication if there is a zero.
(define multiplications 0)
(define (product list)
  (call/cc
   (lambda (return)
     (let loop ((list list))
       (cond ((null? list) 1)
             ((= (car list) 0) (return 0))
             (else
              (let ((rest (loop (cdr list))))
                (set! multiplications (+ multiplications 1))
                (* (car list) rest))))))))

(display (product '(1 2 3 4 5))) (display " ") (display multiplications) (newline)
(set! multiplications 0)
(display (product '(1 2 3 0 5))) (display " ") (display multiplications) (newline)

; Escapes through several call/cc at once.
(define (nested n)
  (call/cc
   (lambda (outer)
     (define (go n)
       (call/cc (lambda (inner) (if (= n 0) (outer 'out) (go (- n 1)))))
       'never)
     (go n))))
(display (nested 1000)) (newline)

; A knapsack by search with a failure continuation: numbers from the list that add up to the goal.
(define (choose-sum goal numbers)
  (call/cc
   (lambda (return)
     (define (search goal numbers chosen)
       (cond ((= goal 0) (return (reverse chosen)))
             ((or (< goal 0) (null? numbers)) #f)
             (else
              (search (- goal (car numbers)) (cdr numbers) (cons (car numbers) chosen))
              (search goal (cdr numbers) chosen))))
     (search goal numbers '())
     'none)))
(display (choose-sum 53 '(31 23 19 17 13 11 7 5 3 2))) (newline)
(display (choose-sum 3 '(10 20))) (newline)
