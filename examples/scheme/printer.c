/* printer: see printer.h. */
#include "printer.h"

#include "number.h"
#include "procedure.h"
#include "record.h"
#include "symbol.h"
#include "table.h"

struct printer {
  struct text *out;
  enum print_style style;
  int depth;
};

static void print(struct printer *printer, value v);

static void write_string(struct text *out, const struct string *string) {
  text_add_byte(out, '"');
  for (size_t i = 0; i < string->length_bytes; i++) {
    char byte = string->bytes[i];
    if (byte == '"' || byte == '\\') text_add_format(out, "\\%c", byte);
    else if (byte == '\n') text_add_string(out, "\\n");
    else if (byte == '\t') text_add_string(out, "\\t");
    else if ((unsigned char)byte < ' ') text_add_format(out, "\\x%x;", (unsigned)byte);
    else text_add_byte(out, byte);
  }
  text_add_byte(out, '"');
}

static void write_character(struct text *out, unsigned char byte) {
  text_add_string(out, "#\\");
  if (byte == ' ') text_add_string(out, "space");
  else if (byte == '\n') text_add_string(out, "newline");
  else if (byte == '\t') text_add_string(out, "tab");
  else if (byte < ' ' || byte == 0x7f) text_add_format(out, "x%x", (unsigned)byte);
  else text_add_byte(out, (char)byte);
}

/* 'x for (quote x) and its kin; NULL if the list is none of them. */
static const char *abbreviation(value list) {
  static const char *const names[][2] = {
      {"quote", "'"}, {"quasiquote", "`"}, {"unquote", ","}, {"unquote-splicing", ",@"}};
  if (!is_symbol(car(list)) || !is_pair(cdr(list)) || cdr(cdr(list)) != value_nil) return NULL;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (car(list) == symbol_named(names[i][0])) return names[i][1];
  return NULL;
}

static void print_list(struct printer *printer, value list) {
  const char *prefix = abbreviation(list);
  if (prefix) {
    text_add_string(printer->out, prefix);
    print(printer, car(cdr(list)));
    return;
  }
  text_add_byte(printer->out, '(');
  print(printer, car(list));
  for (list = cdr(list); is_pair(list); list = cdr(list)) {
    text_add_byte(printer->out, ' ');
    print(printer, car(list));
  }
  if (list != value_nil) {
    text_add_string(printer->out, " . ");
    print(printer, list);
  }
  text_add_byte(printer->out, ')');
}

static void print_vector(struct printer *printer, const struct vector *vector) {
  text_add_string(printer->out, "#(");
  for (size_t i = 0; i < vector->length; i++) {
    if (i > 0) text_add_byte(printer->out, ' ');
    print(printer, vector->items[i]);
  }
  text_add_byte(printer->out, ')');
}

static void print_record(struct printer *printer, const struct record *record) {
  text_add_format(printer->out, "#<%s", symbol_name(record->type->name));
  for (size_t i = 0; i < record->type->field_count; i++) {
    text_add_format(printer->out, " %s: ", symbol_name(record->type->fields[i]));
    print(printer, record->fields[i]);
  }
  text_add_byte(printer->out, '>');
}

static void print_object(struct printer *printer, value v) {
  struct text *out = printer->out;
  switch (v->kind) {
  case KIND_FLONUM: number_print(out, v, 10); break;
  case KIND_STRING:
    if (printer->style == PRINT_WRITE) write_string(out, string_of(v));
    else text_add(out, string_of(v)->bytes, string_of(v)->length_bytes);
    break;
  case KIND_SYMBOL: text_add(out, symbol_name(symbol_of(v)), string_of(symbol_of(v)->name)->length_bytes); break;
  case KIND_VECTOR: print_vector(printer, vector_of(v)); break;
  case KIND_CLOSURE:
  case KIND_BUILTIN:
  case KIND_CONTINUATION: text_add_format(out, "#<procedure %s>", procedure_name(v)); break;
  case KIND_TABLE: text_add_format(out, "#<hash-table of %zu>", table_of(v)->count); break;
  case KIND_RECORD_TYPE: text_add_format(out, "#<record-type %s>", symbol_name(record_type_of(v)->name)); break;
  case KIND_RECORD: print_record(printer, record_of(v)); break;
  }
}

static void print_immediate(struct printer *printer, value v) {
  if (is_character(v) && printer->style == PRINT_WRITE) write_character(printer->out, character_byte(v));
  else if (is_character(v)) text_add_byte(printer->out, (char)character_byte(v));
  else
    text_add_string(printer->out, v == value_false  ? "#f"
                                  : v == value_true ? "#t"
                                  : v == value_nil  ? "()"
                                  : v == value_eof  ? "#<eof>"
                                                    : "#<unspecified>");
}

static void print(struct printer *printer, value v) {
  if (printer->depth >= PRINTER_DEPTH) {
    text_add_string(printer->out, "...");
    return;
  }
  printer->depth++;
  switch (tag_of(v)) {
  case TAG_FIXNUM: number_print(printer->out, v, 10); break;
  case TAG_IMMEDIATE: print_immediate(printer, v); break;
  case TAG_PAIR: print_list(printer, v); break;
  default: print_object(printer, v); break;
  }
  printer->depth--;
}

void print_value(struct text *out, value v, enum print_style style) {
  struct printer printer = {out, style, 0};
  print(&printer, v);
}
