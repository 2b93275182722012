/* printer: values as text. Nesting deeper than PRINTER_DEPTH prints as "..."; a circular list never ends. */
#ifndef SCHEME_PRINTER_H
#define SCHEME_PRINTER_H

#include "text.h"
#include "value.h"

enum { PRINTER_DEPTH = 1000 };

enum print_style {
  PRINT_DISPLAY, /* strings and characters as they are */
  PRINT_WRITE    /* in a form that the reader takes */
};

void print_value(struct text *out, value v, enum print_style style);

#endif
