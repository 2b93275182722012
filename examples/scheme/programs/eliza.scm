; A conversation in the manner of Weizenbaum's ELIZA (1966): patterns with variables over lists of words.

; A pattern is a list of words and of variables (? name), which match any number of words. The result is a list of
; (name . words), or #f.
(define (match pattern words bindings)
  (cond ((null? pattern) (and (null? words) bindings))
        ((pair? (car pattern)) (match-variable (cadr (car pattern)) (cdr pattern) words '() bindings))
        ((null? words) #f)
        ((eq? (car pattern) (car words)) (match (cdr pattern) (cdr words) bindings))
        (else #f)))

; Tries the shortest run of words first; `taken` is reversed.
(define (match-variable name pattern words taken bindings)
  (or (match pattern words (cons (cons name (reverse taken)) bindings))
      (and (pair? words)
           (match-variable name pattern (cdr words) (cons (car words) taken) bindings))))

(define swaps '((i . you) (me . you) (my . your) (am . are) (you . i) (your . my)))

(define (swap word)
  (let ((found (assq word swaps)))
    (if found (cdr found) word)))

(define (fill template bindings)
  (apply append
         (map (lambda (part)
                (if (pair? part)
                    (map swap (cdr (assq (cadr part) bindings)))
                    (list part)))
              template)))

(define rules
  '((((? a) hello (? b)) (good day "." what brings you here ?))
    (((? a) because (? b)) (are there other reasons ?))
    (((? a) i want (? b)) (why do you want (? b) ?))
    (((? a) i am (? b)) (since when are you (? b) ?))
    (((? a) my (? b) me (? c)) (tell me how your (? b) you (? c) "."))
    (((? a) you (? b) me) (do you think that i (? b) you ?))
    (((? a) no (? b)) (why not ?))
    (((? a)) (go on "," please "."))))

(define (answer words)
  (let loop ((rules rules))
    (let ((bindings (match (car (car rules)) words '())))
      (if bindings
          (fill (cadr (car rules)) bindings)
          (loop (cdr rules))))))

(define (punctuation? word) (or (string? word) (eq? word '?)))

(define (say words)
  (for-each (lambda (word)
              (if (not (punctuation? word)) (display " "))
              (display word))
            words)
  (newline))

(for-each
 (lambda (line)
   (display ">") (say line)
   (display " ") (say (answer line)))
 '((hello there)
   (i want a garbage collector)
   (because i am tired of calling free)
   (i am tired of my bugs)
   (my mother made me come here)
   (you do not understand me)
   (no not at all)
   (the weather is fine)))
