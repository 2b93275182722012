;;; compile.scm - compiles one file of Scheme: guile compile.scm SOURCE PRODUCT. What guild does, which is in a package of
;;; its own together with Guile's headers.
(use-modules (system base compile) (ice-9 match))

(match (command-line)
  ((_ source product) (display (compile-file source #:output-file product)) (newline)))
