/* reader: see reader.h. */
#include "reader.h"

#include <stdio.h>
#include <string.h>

#include <trefoil/gc.h>

#include "number.h"
#include "symbol.h"
#include "text.h"

/* What read_item may return beside a datum. They are addresses of their own, and so are no values. */
static struct object closing_parenthesis, dot, end_of_text;

static value read_item(struct reader *reader);

struct reader *reader_new(uint16_t file, uint32_t line, const char *text, size_t length_bytes) {
  struct reader *reader = gc_new(struct reader);
  reader->at = text;
  reader->end = text + length_bytes;
  reader->location = (struct location){line, file};
  reader->source.file = file;
  return reader;
}

static _Noreturn void raise_incomplete(struct reader *reader, const char *what, uint32_t line) {
  reader->is_incomplete = true;
  raise_error("the text ends inside a %s that starts in line %u", what, line);
}

static char take(struct reader *reader) {
  if (*reader->at == '\n') reader->location.line++;
  return *reader->at++;
}

static bool is_at(const struct reader *reader, const char *text) {
  size_t length_bytes = strlen(text);
  return (size_t)(reader->end - reader->at) >= length_bytes && memcmp(reader->at, text, length_bytes) == 0;
}

static bool is_blank(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

static bool is_delimiter(char byte) { return is_blank(byte) || (byte != 0 && strchr("()\";'`,", byte)); }

static void skip_block_comment(struct reader *reader) {
  uint32_t start_line = reader->location.line;
  int depth = 0;
  do {
    if (reader->at == reader->end) raise_incomplete(reader, "comment", start_line);
    int change = is_at(reader, "#|") ? 1 : is_at(reader, "|#") ? -1 : 0;
    take(reader);
    if (change) take(reader);
    depth += change;
  } while (depth > 0);
}

static void skip_blanks(struct reader *reader) {
  while (reader->at < reader->end) {
    if (is_blank(*reader->at)) take(reader);
    else if (*reader->at == ';')
      while (reader->at < reader->end && *reader->at != '\n') take(reader);
    else if (is_at(reader, "#|")) skip_block_comment(reader);
    else return;
  }
}

static bool is_datum(value item) { return item != &closing_parenthesis && item != &dot && item != &end_of_text; }

/* A datum that has to come: after a quote, a dot, #;. */
static value read_datum(struct reader *reader, const char *where, uint32_t start_line) {
  value item = read_item(reader);
  if (item == &end_of_text) raise_incomplete(reader, where, start_line);
  if (!is_datum(item)) raise_error("a datum is missing in a %s", where);
  return item;
}

static value read_list(struct reader *reader) {
  uint32_t start_line = reader->location.line;
  value first = value_nil, last = value_nil;
  take(reader);
  for (;;) {
    value item = read_item(reader);
    if (item == &closing_parenthesis) return first;
    if (item == &end_of_text) raise_incomplete(reader, "list", start_line);
    if (item == &dot) break;
    value next = cons(item, value_nil);
    if (is_pair(last)) {
      pair_of(last)->cdr = next;
    } else {
      first = next;
      table_put(reader->source.lines, first, fixnum(start_line));
    }
    last = next;
  }
  if (!is_pair(last)) raise_error("a datum is missing before a dot");
  pair_of(last)->cdr = read_datum(reader, "dotted list", start_line);
  value item = read_item(reader);
  if (item == &end_of_text) raise_incomplete(reader, "list", start_line);
  if (item != &closing_parenthesis) raise_error("only one datum may follow a dot");
  return first;
}

static value read_quote(struct reader *reader) {
  uint32_t start_line = reader->location.line;
  const char *name = *reader->at == '\'' ? "quote" : *reader->at == '`' ? "quasiquote" : "unquote";
  take(reader);
  if (name[0] == 'u' && is_at(reader, "@")) {
    take(reader);
    name = "unquote-splicing";
  }
  value list = cons(symbol_named(name), cons(read_datum(reader, "quotation", start_line), value_nil));
  table_put(reader->source.lines, list, fixnum(start_line));
  return list;
}

/* After \x in a string: a byte in hexadecimal and a semicolon. */
static char read_hexadecimal_escape(struct reader *reader) {
  const char *start = reader->at;
  value code;
  while (reader->at < reader->end && *reader->at != ';' && *reader->at != '"') take(reader);
  if (number_parse(start, (size_t)(reader->at - start), 16, &code) != NUMBER_FINE || !is_at(reader, ";") ||
      fixnum_number(code) < 0 || fixnum_number(code) > UINT8_MAX)
    raise_error("\\x in a string takes a byte in hexadecimal and a semicolon");
  take(reader);
  return (char)fixnum_number(code);
}

static void read_escape(struct reader *reader, struct text *text) {
  char byte = take(reader);
  switch (byte) {
  case 'n': text_add_byte(text, '\n'); break;
  case 't': text_add_byte(text, '\t'); break;
  case 'r': text_add_byte(text, '\r'); break;
  case '0': text_add_byte(text, 0); break;
  case 'x': text_add_byte(text, read_hexadecimal_escape(reader)); break;
  case '"':
  case '\\': text_add_byte(text, byte); break;
  case '\n': /* the line goes on in the next one */
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t')) take(reader);
    break;
  default: raise_error("unknown escape \\%c in a string", byte);
  }
}

static value read_string(struct reader *reader) {
  uint32_t start_line = reader->location.line;
  struct text text = {0};
  take(reader);
  for (;;) {
    if (reader->at == reader->end) raise_incomplete(reader, "string", start_line);
    char byte = take(reader);
    if (byte == '"') return string_from(text.bytes, text.length_bytes);
    if (byte != '\\') text_add_byte(&text, byte);
    else if (reader->at < reader->end) read_escape(reader, &text);
  }
}

/* The bytes up to the next delimiter; at least one. */
static size_t take_token(struct reader *reader) {
  const char *start = reader->at;
  do take(reader);
  while (reader->at < reader->end && !is_delimiter(*reader->at));
  return (size_t)(reader->at - start);
}

static value read_character(struct reader *reader) {
  static const struct {
    const char *name;
    unsigned char byte;
  } names[] = {{"space", ' '},  {"newline", '\n'}, {"tab", '\t'},   {"return", '\r'}, {"null", 0},  {"nul", 0},
               {"altmode", 27}, {"escape", 27},    {"delete", 127}, {"rubout", 127},  {"alarm", 7}, {"backspace", 8}};
  reader->at += 2;
  if (reader->at == reader->end) raise_incomplete(reader, "character", reader->location.line);
  const char *token = reader->at;
  size_t length_bytes = take_token(reader);
  value code;
  if (length_bytes == 1) return character((unsigned char)*token);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (length_bytes == strlen(names[i].name) && memcmp(token, names[i].name, length_bytes) == 0)
      return character(names[i].byte);
  if (*token == 'x' && number_parse(token + 1, length_bytes - 1, 16, &code) == NUMBER_FINE &&
      fixnum_number(code) >= 0 && fixnum_number(code) <= UINT8_MAX)
    return character((unsigned char)fixnum_number(code));
  raise_error("unknown character #\\%.*s", (int)length_bytes, token);
}

static value read_number(const char *token, size_t length_bytes, int radix) {
  value number;
  switch (number_parse(token, length_bytes, radix, &number)) {
  case NUMBER_FINE: return number;
  case NUMBER_TOO_LARGE: raise_error("integer overflow: %.*s has more than 62 bits", (int)length_bytes, token);
  default: return NULL;
  }
}

/* After "#": everything but comments, which are skipped before. */
static value read_hash(struct reader *reader) {
  uint32_t start_line = reader->location.line;
  if (is_at(reader, "#\\")) return read_character(reader);
  if (is_at(reader, "#(")) {
    take(reader);
    value list = read_list(reader);
    if (list_length(list) < 0) raise_error("a vector must not be dotted");
    return vector_from_list(list);
  }
  if (is_at(reader, "#;")) {
    reader->at += 2;
    read_datum(reader, "comment", start_line);
    return read_item(reader);
  }
  const char *token = reader->at;
  size_t length_bytes = take_token(reader);
  if ((length_bytes == 2 && token[1] == 't') || (length_bytes == 5 && memcmp(token, "#true", 5) == 0))
    return value_true;
  if ((length_bytes == 2 && token[1] == 'f') || (length_bytes == 6 && memcmp(token, "#false", 6) == 0))
    return value_false;
  int radix = length_bytes < 2 ? 0 : token[1] == 'x' ? 16 : token[1] == 'o' ? 8 : token[1] == 'b' ? 2 : 0;
  value number = radix ? read_number(token + 2, length_bytes - 2, radix) : NULL;
  if (!number) raise_error("unknown syntax %.*s", (int)length_bytes, token);
  return number;
}

static value read_atom(struct reader *reader) {
  const char *token = reader->at;
  size_t length_bytes = take_token(reader);
  if (length_bytes == 1 && *token == '.') return &dot;
  value number = read_number(token, length_bytes, 10);
  return number ? number : &symbol_intern(token, length_bytes)->object;
}

static value read_item(struct reader *reader) {
  stack_check();
  skip_blanks(reader);
  if (reader->at == reader->end) return &end_of_text;
  switch (*reader->at) {
  case '(': return read_list(reader);
  case ')': take(reader); return &closing_parenthesis;
  case '\'':
  case '`':
  case ',': return read_quote(reader);
  case '"': return read_string(reader);
  case '#': return read_hash(reader);
  default: return read_atom(reader);
  }
}

bool reader_next(struct reader *reader, value *datum) {
  error_location = &reader->location;
  reader->source.lines = table_new(TABLE_EQ);
  value item = read_item(reader);
  if (item == &closing_parenthesis) raise_error("a closing parenthesis too many");
  if (item == &dot) raise_error("a dot outside a list");
  *datum = item;
  return item != &end_of_text;
}
