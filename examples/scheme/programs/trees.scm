; Binary trees that live for different times, after GCBench (Ellis, Kovac, Boehm): one long-lived tree and one
; long-lived vector stay while short-lived trees are built top down and bottom up.

(define-record-type node (make-node left right) node? (left left-of set-left!) (right right-of set-right!))

(define (build-bottom-up depth)
  (if (= depth 0)
      (make-node #f #f)
      (make-node (build-bottom-up (- depth 1)) (build-bottom-up (- depth 1)))))

(define (populate! depth node)
  (if (> depth 0)
      (begin
        (set-left! node (make-node #f #f))
        (set-right! node (make-node #f #f))
        (populate! (- depth 1) (left-of node))
        (populate! (- depth 1) (right-of node)))))

(define (build-top-down depth)
  (let ((node (make-node #f #f)))
    (populate! depth node)
    node))

(define (count-nodes node)
  (if node (+ 1 (count-nodes (left-of node)) (count-nodes (right-of node))) 0))

(define long-lived (build-bottom-up 12))
(define long-lived-vector (make-vector 10000 0.0))
(do ((i 1 (+ i 1))) ((= i 10000)) (vector-set! long-lived-vector i (/ 1.0 i)))

(define (build-many depth times)
  (let loop ((i 0) (total 0))
    (if (= i times)
        (begin (display times) (display " trees of depth ") (display depth)
               (display ", nodes ") (display total) (newline))
        (loop (+ i 1)
              (+ total (count-nodes (build-bottom-up depth)) (count-nodes (build-top-down depth)))))))

(do ((depth 4 (+ depth 2)))
    ((> depth 10))
  (build-many depth (quotient 8192 (expt 2 depth))))

(collect-garbage)
(display (count-nodes long-lived)) (newline)
(display (vector-ref long-lived-vector 1000)) (newline)
