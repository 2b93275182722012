/* concordance: an index of every identifier in files and folders, built by several threads.
 *
 * An example of a threaded program on trefoil, and a load to measure it with: file contents, paths, words, hash tables
 * and lists of occurrences all come from the collector, and nothing is ever freed. This file reads the command line and
 * answers; index, scanner, crawler and report do the work.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trefoil/gc.h>

#include "crawler.h"
#include "index.h"
#include "report.h"

enum { EXIT_ALL_READ = 0, EXIT_UNREADABLE = 1, EXIT_USAGE = 2, EXIT_TROUBLE = 3, MOST_THREADS = 1024 };

static const char program_name[] = "concordance";

static const char help_text[] =
    "usage: concordance [OPTION]... FILE-OR-FOLDER...\n"
    "Indexes every identifier, [A-Za-z_][A-Za-z0-9_]*, in files and folders and answers questions about them.\n"
    "\n"
    "  -q, --query WORD    print file:line of each occurrence of WORD; may be given several times;\n"
    "                      `-q -` reads words from standard input, one a line\n"
    "  -d, --dump          print file:line:identifier of every occurrence, sorted by file, line, identifier\n"
    "  -s, --summary       print counts\n"
    "  -t, --threads N     index with N threads, 1 to 1024 (default: one for each processor)\n"
    "  -h, --help          print this\n"
    "\n"
    "Without -q, -d and -s it asks for words if standard input is a terminal, else it prints the summary. Folders are\n"
    "searched with all that is below them; symbolic links in them are not followed.\n"
    "Exit status: 0; 1 if a file or folder could not be read (the rest is indexed); 2 for a wrong command line; 3 for\n"
    "other trouble.\n";

struct options {
  unsigned thread_count;
  bool wants_dump, wants_summary, wants_help;
  const char **queries; /* room for one an argument */
  size_t query_count;
};

static unsigned usable_processors(void) {
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof processors, &processors)) return 1;
  return (unsigned)CPU_COUNT(&processors);
}

static bool parse_thread_count(const char *text, unsigned *count) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno || end == text || *end || value < 1 || value > MOST_THREADS) {
    fprintf(stderr, "%s: --threads takes a number from 1 to %d, not \"%s\"\n", program_name, MOST_THREADS, text);
    return false;
  }
  *count = (unsigned)value;
  return true;
}

/* False after a message. Leaves optind at the first path. */
static bool parse_options(int argument_count, char **arguments, struct options *options) {
  static const struct option names[] = {
      {"query", required_argument, NULL, 'q'},   {"dump", no_argument, NULL, 'd'}, {"summary", no_argument, NULL, 's'},
      {"threads", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  int letter;
  while ((letter = getopt_long(argument_count, arguments, "q:dst:h", names, NULL)) != -1) {
    switch (letter) {
    case 'q': options->queries[options->query_count++] = optarg; break;
    case 'd': options->wants_dump = true; break;
    case 's': options->wants_summary = true; break;
    case 'h': options->wants_help = true; break;
    case 't':
      if (!parse_thread_count(optarg, &options->thread_count)) return false;
      break;
    default: return false;
    }
  }
  if (optind < argument_count || options->wants_help) return true;
  fprintf(stderr, "%s: no file or folder given\n", program_name);
  return false;
}

static void answer(struct index *index, const char *word) {
  if (report_word(index, word)) return;
  fflush(stdout);
  fprintf(stderr, "%s: no occurrence of \"%s\"\n", program_name, word);
}

/* One word a line; blanks around it do not count. */
static void answer_lines(struct index *index, FILE *in) {
  bool is_terminal = isatty(fileno(in));
  char *line = NULL; /* getline's, from malloc */
  size_t capacity_bytes = 0;
  for (;;) {
    if (is_terminal) fputs("word? ", stderr);
    fflush(stdout);
    if (getline(&line, &capacity_bytes, in) < 0) break;
    char *position;
    const char *word = strtok_r(line, " \t\r\n", &position);
    if (word) answer(index, word);
  }
  if (is_terminal) fputc('\n', stderr);
  free(line);
}

static void answer_all(struct index *index, const struct crawl_counts *counts, const struct options *options) {
  bool wants_any = options->wants_dump || options->wants_summary || options->query_count > 0;
  for (size_t i = 0; i < options->query_count; i++) {
    if (strcmp(options->queries[i], "-") == 0) answer_lines(index, stdin);
    else answer(index, options->queries[i]);
  }
  if (options->wants_dump) report_all(index);
  if (!wants_any && isatty(STDIN_FILENO)) answer_lines(index, stdin);
  else if (options->wants_summary || !wants_any) report_summary(index, counts);
}

static int close_output(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
  fprintf(stderr, "%s: cannot write to standard output: %s\n", program_name, strerror(errno));
  return EXIT_TROUBLE;
}

static void *end_without_memory(size_t bytes) {
  fprintf(stderr, "%s: out of memory: no room for %zu bytes\n", program_name, bytes);
  _Exit(EXIT_TROUBLE);
}

int main(int argument_count, char **arguments) {
  gc_set_oom_handler(end_without_memory);
  struct options options = {.thread_count = usable_processors()};
  options.queries = gc_new_array(const char *, (size_t)argument_count);
  if (!parse_options(argument_count, arguments, &options)) {
    fprintf(stderr, "Try `%s --help`.\n", program_name);
    return EXIT_USAGE;
  }
  if (options.wants_help) {
    fputs(help_text, stdout);
    return close_output();
  }
  struct index *index = index_new();
  struct crawler *crawler = crawler_new(index, program_name);
  for (int i = optind; i < argument_count; i++) crawler_add(crawler, arguments[i]);
  int error = crawler_run(crawler, options.thread_count);
  if (error) {
    fprintf(stderr, "%s: cannot start a thread: %s\n", program_name, strerror(error));
    return EXIT_TROUBLE;
  }
  index_finish(index);
  answer_all(index, crawler_counts(crawler), &options);
  if (close_output()) return EXIT_TROUBLE;
  return crawler_counts(crawler)->unreadable > 0 ? EXIT_UNREADABLE : EXIT_ALL_READ;
}
