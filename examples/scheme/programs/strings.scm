; Builds strings and sorts them: merge sort, word counts, a rot13, a justified paragraph.

(define text
  "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness,
   it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of
   Darkness, it was the spring of hope, it was the winter of despair.")

; The words of a string, in lower case.
(define (split string)
  (define end (string-length string))
  (define (letter? i) (and (< i end) (char-alphabetic? (string-ref string i))))
  (define (word-end i) (if (letter? i) (word-end (+ i 1)) i))
  (let loop ((i 0) (words '()))
    (cond ((= i end) (reverse words))
          ((letter? i)
           (let ((j (word-end i)))
             (loop j (cons (lower (substring string i j)) words))))
          (else (loop (+ i 1) words)))))

(define (lower string) (list->string (map char-downcase (string->list string))))

(define (merge a b before?)
  (cond ((null? a) b)
        ((null? b) a)
        ((before? (car b) (car a)) (cons (car b) (merge a (cdr b) before?)))
        (else (cons (car a) (merge (cdr a) b before?)))))

(define (sort items before?)
  (define (take items n) (if (= n 0) '() (cons (car items) (take (cdr items) (- n 1)))))
  (let ((n (length items)))
    (if (< n 2)
        items
        (let ((half (quotient n 2)))
          (merge (sort (take items half) before?)
                 (sort (list-tail items half) before?)
                 before?)))))

(define (count-words words)
  (let ((counts (make-hash-table)))
    (for-each (lambda (word) (hash-table-update!/default counts word (lambda (n) (+ n 1)) 0)) words)
    (hash-table->alist counts)))

(define (more-often? a b)
  (or (> (cdr a) (cdr b))
      (and (= (cdr a) (cdr b)) (string<? (car a) (car b)))))

(define (first-of items n) (if (or (= n 0) (null? items)) '() (cons (car items) (first-of (cdr items) (- n 1)))))

(define words (split text))
(display (length words)) (display " words") (newline)
(for-each (lambda (entry) (display (car entry)) (display " ") (display (cdr entry)) (newline))
          (first-of (sort (count-words words) more-often?) 8))

(define (rot13 string)
  (define (turn c base)
    (integer->char (+ base (modulo (+ 13 (- (char->integer c) base)) 26))))
  (list->string
   (map (lambda (c)
          (cond ((char-lower-case? c) (turn c (char->integer #\a)))
                ((char-upper-case? c) (turn c (char->integer #\A)))
                (else c)))
        (string->list string))))

(display (rot13 "Gersbvy unf guerr yrnirf.")) (newline)
(display (string=? text (rot13 (rot13 text)))) (newline)

; Lines of exactly this many characters, by blanks between the words; the last line stays short.
(define (join words gap)
  (if (null? (cdr words))
      (car words)
      (string-append (car words) (make-string gap #\space) (join (cdr words) gap))))

(define (width words) (apply + (map string-length words)))

(define (justify-line words columns)
  (let loop ((words words) (blanks (- columns (width words))) (line ""))
    (if (null? (cdr words))
        (string-append line (car words))
        (let ((gap (quotient (+ blanks (- (length words) 2)) (- (length words) 1))))
          (loop (cdr words) (- blanks gap) (string-append line (car words) (make-string gap #\space)))))))

(define (fill-lines words columns)
  (let loop ((words words) (line '()))
    (cond ((null? words) (if (pair? line) (begin (display (join (reverse line) 1)) (newline))))
          ((> (+ (width line) (length line) (string-length (car words))) columns)
           (display (justify-line (reverse line) columns))
           (newline)
           (loop words '()))
          (else (loop (cdr words) (cons (car words) line))))))

(fill-lines words 40)

; A string of a million characters by doubling, and its digits summed.
(define (double string n) (if (= n 0) string (double (string-append string string) (- n 1))))
(define long-string (double "0123456789" 15))
(display (string-length long-string)) (newline)
(define (sum-digits string)
  (do ((i 0 (+ i 1))
       (sum 0 (+ sum (- (char->integer (string-ref string i)) (char->integer #\0)))))
      ((= i (string-length string)) sum)))
(display (sum-digits long-string)) (newline)

(define (iota n) (let loop ((i n) (list '())) (if (= i 0) list (loop (- i 1) (cons i list)))))
(define sorted (sort (map (lambda (i) (number->string (modulo (* i 7919) 10007))) (iota 2000)) string<?))
(display (list (car sorted) (list-ref sorted 1000) (list-ref sorted 1999))) (newline)
