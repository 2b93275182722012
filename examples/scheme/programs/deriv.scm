; Symbolic derivatives, simplified a little.

(define (sum a b)
  (cond ((and (number? a) (number? b)) (+ a b))
        ((eqv? a 0) b)
        ((eqv? b 0) a)
        ((equal? a b) (product 2 a))
        (else `(+ ,a ,b))))

(define (product a b)
  (cond ((and (number? a) (number? b)) (* a b))
        ((or (eqv? a 0) (eqv? b 0)) 0)
        ((eqv? a 1) b)
        ((eqv? b 1) a)
        ((number? b) (product b a))
        ((and (number? a) (pair? b) (eq? (car b) '*) (number? (cadr b)))
         (product (* a (cadr b)) (caddr b)))
        (else `(* ,a ,b))))

(define (power base exponent)
  (cond ((eqv? exponent 0) 1)
        ((eqv? exponent 1) base)
        (else `(expt ,base ,exponent))))

(define (derive e x)
  (cond ((number? e) 0)
        ((symbol? e) (if (eq? e x) 1 0))
        (else
         (case (car e)
           ((+) (sum (derive (cadr e) x) (derive (caddr e) x)))
           ((*) (sum (product (cadr e) (derive (caddr e) x))
                     (product (derive (cadr e) x) (caddr e))))
           ((expt) (product (product (caddr e) (power (cadr e) (- (caddr e) 1)))
                            (derive (cadr e) x)))
           ((sin) (product `(cos ,(cadr e)) (derive (cadr e) x)))
           ((cos) (product -1 (product `(sin ,(cadr e)) (derive (cadr e) x))))
           ((exp) (product e (derive (cadr e) x)))
           (else (error "derive: unknown operator" (car e)))))))

(define (show e)
  (display e) (display " -> ") (display (derive e 'x)) (newline))

(for-each show
          '(5
            x
            y
            (+ x 3)
            (* x y)
            (+ (* 3 (* x x)) (* 2 x))
            (expt x 5)
            (expt (+ (* 2 x) 1) 3)
            (sin (* 2 x))
            (* (sin x) (cos x))
            (exp (expt x 2))))

; The tenth derivative of x to the tenth is 10!.
(define (derive-times e n) (if (= n 0) e (derive-times (derive e 'x) (- n 1))))
(display (derive-times '(expt x 10) 10)) (newline)

; Work for the collector: many derivatives of a large product.
(define (chain n) (if (= n 0) 'x `(* (+ x ,n) ,(chain (- n 1)))))
(define (size e) (if (pair? e) (+ (size (car e)) (size (cdr e))) (if (null? e) 0 1)))
(define (repeat n last) (if (= n 0) last (repeat (- n 1) (size (derive (chain 30) 'x)))))
(display (repeat 200 0)) (newline)
