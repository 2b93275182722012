/* scheme: a small Scheme interpreter whose every object is trefoil's.
 *
 * Pairs, numbers, strings, frames, closures, compiled code and even the texts of scripts come from the collector, and
 * nothing is freed. The files in reading order: value, symbol, number, text (data); printer, error, equality, table;
 * reader (text to data); node, scope, compiler, nodes, forms, forms_derived (data to code); procedure, record,
 * evaluator (code to values); builtins and builtins_*; this file (command line and dialogue).
 *
 * The interpreter runs in a thread of its own, because the stack of a new thread can be as large as deep recursion
 * wants it: the main thread's is set by whoever started the program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trefoil/gc.h>

#include "builtins.h"
#include "compiler.h"
#include "error.h"
#include "evaluator.h"
#include "printer.h"
#include "reader.h"
#include "text.h"

enum { STACK_MIB = 256, LEAST_STACK_MIB = 1, EXIT_USAGE = 2 };

static const char help_text[] =
    "usage: scheme [SCRIPT | -e EXPRESSION]...\n"
    "Runs scripts and expressions in the order in which they are given, in one world of globals.\n"
    "\n"
    "  SCRIPT         a file; - is standard input\n"
    "  -e EXPRESSION  evaluates the text and prints the value of each expression in it\n"
    "  -h, --help     prints this\n"
    "\n"
    "Without arguments it holds a dialogue on a terminal, else it runs standard input.\n"
    "The language: integers of 62 bits (overflow is an error), flonums, strings of bytes, characters, symbols, lists,\n"
    "vectors, hash tables, records; proper tail calls; call/cc that escapes only; no macros, no ports. Recursion that\n"
    "is no tail call may nest some hundred thousand deep.\n"
    "Exit status: 0; 1 after an error, which ends everything; 2 for a wrong command line.\n";

/* Some text to run. */
struct job {
  struct reader *reader;
  bool prints_values;
  size_t read_bytes; /* of the text, in whole data */
};

static void print_result(value result) {
  struct text text = {0};
  if (result == value_unspecified) return;
  print_value(&text, result, PRINT_WRITE);
  text_add_byte(&text, '\n');
  fwrite(text.bytes, 1, text.length_bytes, stdout);
}

static void run_job(void *argument) {
  struct job *job = argument;
  struct reader *reader = job->reader;
  const char *start = reader->at;
  value datum;
  while (reader_next(reader, &datum)) {
    job->read_bytes = (size_t)(reader->at - start);
    value result = evaluate(compile_program(datum, &reader->source), NULL);
    if (job->prints_values) print_result(result);
  }
}

static void report_error(void) {
  fflush(stdout);
  fprintf(stderr, "%s\n", error_text());
  evaluator_forget_continuations();
}

static bool run_text(const char *name, const char *text, size_t length_bytes, bool prints_values) {
  struct job job = {reader_new(error_add_file(name), 1, text, length_bytes), prints_values, 0};
  if (error_catch(run_job, &job)) return true;
  report_error();
  return false;
}

static bool read_stream(FILE *stream, struct text *text) {
  char block[BUFSIZ];
  size_t got;
  while ((got = fread(block, 1, sizeof block, stream)) > 0) text_add(text, block, got);
  return !ferror(stream);
}

static bool run_script(const char *path) {
  struct text text = {0};
  bool is_standard_input = strcmp(path, "-") == 0;
  FILE *stream = is_standard_input ? stdin : fopen(path, "r");
  bool is_read = stream && read_stream(stream, &text);
  int error = errno;
  if (stream && !is_standard_input) fclose(stream);
  if (is_read) return run_text(path, text.bytes, text.length_bytes, false);
  fprintf(stderr, "scheme: %s: %s\n", path, strerror(error));
  return false;
}

/* ---- The dialogue ---- */

struct dialogue {
  uint16_t file;
  uint32_t line;       /* of the first pending byte */
  struct text pending; /* lines that are not run yet: the beginning of an expression */
};

static void drop_pending(struct dialogue *dialogue, size_t count_bytes) {
  struct text rest = {0};
  const struct text *pending = &dialogue->pending;
  for (size_t i = 0; i < count_bytes; i++) dialogue->line += pending->bytes[i] == '\n';
  text_add(&rest, pending->bytes + count_bytes, pending->length_bytes - count_bytes);
  dialogue->pending = rest;
}

/* Runs what is complete. After an error that is not the lack of a closing parenthesis or quote the rest is dropped. */
static void run_pending(struct dialogue *dialogue) {
  const struct text *pending = &dialogue->pending;
  struct job job = {reader_new(dialogue->file, dialogue->line, pending->bytes, pending->length_bytes), true, 0};
  bool is_fine = error_catch(run_job, &job);
  bool is_incomplete = !is_fine && job.reader->is_incomplete;
  if (!is_fine && !is_incomplete) report_error();
  drop_pending(dialogue, is_incomplete ? job.read_bytes : pending->length_bytes);
}

static void hold_dialogue(void) {
  char *line = NULL; /* getline's, from malloc */
  size_t capacity_bytes = 0;
  struct dialogue dialogue = {error_add_file("input"), 1, {0}};
  for (;;) {
    fputs(dialogue.pending.length_bytes > 0 ? "... " : "> ", stdout);
    fflush(stdout);
    ssize_t got = getline(&line, &capacity_bytes, stdin);
    if (got < 0) break;
    text_add(&dialogue.pending, line, (size_t)got);
    run_pending(&dialogue);
  }
  putchar('\n');
  free(line);
}

/* ---- The command line ---- */

struct command {
  char **arguments; /* ends with NULL; without the program's name */
  size_t stack_bytes;
  int status;
};

static bool run_arguments(char **arguments) {
  for (; *arguments; arguments++) {
    if (strcmp(*arguments, "-e") == 0) {
      arguments++;
      if (!run_text("-e", *arguments, strlen(*arguments), true)) return false;
    } else if (!run_script(*arguments)) {
      return false;
    }
  }
  return true;
}

/* The eighth of the stack beyond the limit is for what does not check, such as printing a value in an error. */
static void *interpret(void *argument) {
  struct command *command = argument;
  stack_limit = (const char *)__builtin_frame_address(0) - command->stack_bytes / 8 * 7;
  error_init();
  builtins_init();
  compiler_init();
  bool is_fine = true;
  if (*command->arguments) is_fine = run_arguments(command->arguments);
  else if (isatty(STDIN_FILENO)) hold_dialogue();
  else is_fine = run_script("-");
  if (fflush(stdout) || ferror(stdout)) {
    fprintf(stderr, "scheme: cannot write to standard output: %s\n", strerror(errno));
    is_fine = false;
  }
  command->status = is_fine ? EXIT_SUCCESS : EXIT_FAILURE;
  return NULL;
}

/* Where address space is short, a smaller stack has to do. */
static int run_with_large_stack(struct command *command) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int error = EAGAIN;
  for (size_t mib = STACK_MIB; error && mib >= LEAST_STACK_MIB; mib /= 2) {
    command->stack_bytes = mib << 20;
    error = pthread_attr_setstacksize(&attributes, command->stack_bytes);
    if (!error) error = gc_thread_create(&thread, &attributes, interpret, command);
  }
  pthread_attr_destroy(&attributes);
  if (!error) error = pthread_join(thread, NULL);
  return error;
}

/* False after a message. */
static bool check_arguments(char **arguments) {
  for (; *arguments; arguments++) {
    const char *argument = *arguments;
    if (strcmp(argument, "-e") == 0) {
      if (!*++arguments) {
        fputs("scheme: -e takes an expression\n", stderr);
        return false;
      }
    } else if (argument[0] == '-' && argument[1]) {
      fprintf(stderr, "scheme: unknown option %s\n", argument);
      return false;
    }
  }
  return true;
}

int main(int argument_count, char **arguments) {
  (void)argument_count;
  if (arguments[1] && (strcmp(arguments[1], "-h") == 0 || strcmp(arguments[1], "--help") == 0)) {
    fputs(help_text, stdout);
    return EXIT_SUCCESS;
  }
  if (!check_arguments(arguments + 1)) {
    fputs("Try `scheme --help`.\n", stderr);
    return EXIT_USAGE;
  }
  struct command command = {arguments + 1, 0, EXIT_FAILURE};
  int error = run_with_large_stack(&command);
  if (error) fprintf(stderr, "scheme: cannot start a thread: %s\n", strerror(error));
  return command.status;
}
