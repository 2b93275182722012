; An evaluator for a small Scheme, in Scheme; it runs a factorial, a loop in continuation-passing style, and an
; evaluator's favourite: a sort.

(define (lookup name environment)
  (let ((binding (assq name environment)))
    (if binding (cdr binding) (error "unbound in the inner world:" name))))

(define (extend names values environment)
  (cond ((null? names) environment)
        ((symbol? names) (cons (cons names values) environment))
        (else (cons (cons (car names) (car values))
                    (extend (cdr names) (cdr values) environment)))))

(define (evaluate e environment)
  (cond ((symbol? e) (lookup e environment))
        ((not (pair? e)) e)
        (else
         (case (car e)
           ((quote) (cadr e))
           ((if) (if (evaluate (cadr e) environment)
                     (evaluate (caddr e) environment)
                     (evaluate (cadddr e) environment)))
           ((lambda) (list 'closure (cadr e) (caddr e) environment))
           ((letrec) (evaluate-letrec (cadr e) (caddr e) environment))
           ((let) (call (list 'closure (map car (cadr e)) (caddr e) environment)
                        (evaluate-all (map cadr (cadr e)) environment)))
           (else (call (evaluate (car e) environment)
                       (evaluate-all (cdr e) environment)))))))

(define (evaluate-all es environment)
  (map (lambda (e) (evaluate e environment)) es))

(define (call f arguments)
  (if (procedure? f)
      (apply f arguments)
      (evaluate (caddr f) (extend (cadr f) arguments (cadddr f)))))

(define (evaluate-letrec bindings body environment)
  (let* ((names (map car bindings))
         (inner (extend names (map (lambda (name) #f) names) environment)))
    (for-each (lambda (binding)
                (set-cdr! (assq (car binding) inner) (evaluate (cadr binding) inner)))
              bindings)
    (evaluate body inner)))

(define world
  (list (cons '+ +) (cons '- -) (cons '* *) (cons '< <) (cons '= =)
        (cons 'car car) (cons 'cdr cdr) (cons 'cons cons) (cons 'null? null?) (cons 'list list)))

(define (run e) (write (evaluate e world)) (newline))

(run '(letrec ((factorial (lambda (n) (if (= n 0) 1 (* n (factorial (- n 1)))))))
        (factorial 18)))

(run '(letrec ((count (lambda (n total done) (if (= n 0) (done total) (count (- n 1) (+ total n) done)))))
        (count 10000 0 (lambda (total) (list 'total total)))))

(run '(letrec ((insert (lambda (x sorted)
                         (if (null? sorted)
                             (list x)
                             (if (< x (car sorted))
                                 (cons x sorted)
                                 (cons (car sorted) (insert x (cdr sorted)))))))
               (sort (lambda (numbers)
                       (if (null? numbers) numbers (insert (car numbers) (sort (cdr numbers)))))))
        (sort (quote (31 41 59 26 53 58 97 93 23 84 62 64 33 83 27 95)))))

(run '(letrec ((fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))))
        (fib 15)))

(run '((lambda all all) 1 2 3))

; The inner world evaluates an evaluator's own beginning: a closure that is passed to itself.
(run '((lambda (f n) (f f n))
       (lambda (self n) (if (= n 0) (quote ()) (cons n (self self (- n 1)))))
       5))
