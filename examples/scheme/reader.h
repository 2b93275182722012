/* reader: text to data, with the line of each list for messages.
 *
 * The syntax: integers, also #x #o #b, flonums, strings, characters, symbols (case counts), lists, dotted pairs,
 * vectors #(...), quotes ' ` , ,@ and comments ; #| |# #;.
 */
#ifndef SCHEME_READER_H
#define SCHEME_READER_H

#include "error.h"
#include "table.h"
#include "value.h"

/* Where data come from. */
struct source {
  uint16_t file;       /* see error_add_file */
  struct table *lines; /* by eq: pair -> fixnum, for the first pair of each list */
};

struct reader {
  const char *at, *end;
  struct location location; /* of `at` */
  struct source source;
  bool is_incomplete; /* the error that was raised is that the text ends inside a datum */
};

struct reader *reader_new(uint16_t file, uint32_t line, const char *text, size_t length_bytes);

/* False at the end of the text. The lines in reader->source are those of this datum. */
bool reader_next(struct reader *reader, value *datum);

#endif
