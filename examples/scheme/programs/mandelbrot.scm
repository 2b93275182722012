; The Mandelbrot set in characters: flonums, most of which are garbage at once.

(define (escape-time cx cy limit)
  (let loop ((x 0.0) (y 0.0) (n 0))
    (if (or (= n limit) (> (+ (* x x) (* y y)) 4.0))
        n
        (loop (+ (- (* x x) (* y y)) cx)
              (+ (* 2.0 (* x y)) cy)
              (+ n 1)))))

(define shades " .:-=+*#%@")

(define (shade n limit)
  (string-ref shades (if (= n limit) 9 (modulo n 9))))

(define (draw columns rows limit)
  (do ((row 0 (+ row 1)))
      ((= row rows))
    (do ((column 0 (+ column 1)))
        ((= column columns))
      (write-char (shade (escape-time (- (/ (* 3.0 column) columns) 2.2)
                                      (- (/ (* 2.4 row) rows) 1.2)
                                      limit)
                         limit)))
    (newline)))

(draw 72 25 60)
