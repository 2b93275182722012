; All ways to put n queens on a board of n by n so that none attacks another.

(define (range from to)
  (if (> from to) '() (cons from (range (+ from 1) to))))

; Is a queen in this column, in front of the placed ones, safe from them?
(define (safe? column placed)
  (let loop ((placed placed) (distance 1))
    (or (null? placed)
        (and (not (= (car placed) column))
             (not (= (abs (- (car placed) column)) distance))
             (loop (cdr placed) (+ distance 1))))))

(define (append-map f list)
  (apply append (map f list)))

(define (filter keep? list)
  (cond ((null? list) '())
        ((keep? (car list)) (cons (car list) (filter keep? (cdr list))))
        (else (filter keep? (cdr list)))))

(define (queens n)
  (let place ((rows n))
    (if (= rows 0)
        '(())
        (append-map
         (lambda (placed)
           (map (lambda (column) (cons column placed))
                (filter (lambda (column) (safe? column placed)) (range 1 n))))
         (place (- rows 1))))))

(define (print-board placed n)
  (for-each
   (lambda (queen)
     (for-each (lambda (column) (display (if (= column queen) "Q " ". "))) (range 1 n))
     (newline))
   placed))

(for-each
 (lambda (n)
   (display n) (display " queens: ") (display (length (queens n))) (newline))
 (range 1 8))
(print-board (car (queens 8)) 8)
