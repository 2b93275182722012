/* report: see report.h. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <trefoil/gc.h>

/* Millions of lines are printed, so this does without printf and without a lock a call. */
static void print_number(uint32_t number) {
  char digits[10];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while (number /= 10);
  while (count > 0) putchar_unlocked(digits[--count]);
}

static void print_place(const struct index *index, uint32_t file, uint32_t line) {
  for (const char *c = index->paths[file]; *c; c++) putchar_unlocked(*c);
  putchar_unlocked(':');
  print_number(line);
}

bool report_word(struct index *index, const char *text) {
  const struct word *word = index_find(index, text);
  for (size_t i = 0; word && i < word->occurrence_count; i++) {
    print_place(index, word->occurrences[i].file, word->occurrences[i].line);
    putchar_unlocked('\n');
  }
  return word != NULL;
}

/* An occurrence within one file: the line, then the rank of the word among all words. Sorts as a number. */
typedef uint64_t place;

static int compare_places(const void *a, const void *b) {
  place left = *(const place *)a, right = *(const place *)b;
  return left < right ? -1 : left > right;
}

/* Where the places of each file start in an array of all; one more entry says where the last ends. */
static size_t *count_by_file(const struct index *index, const struct word **words, size_t word_count) {
  size_t *starts = gc_alloc_leaf_array((size_t)index->file_count + 1, sizeof *starts);
  for (size_t i = 0; i < word_count; i++)
    for (size_t j = 0; j < words[i]->occurrence_count; j++) starts[words[i]->occurrences[j].file + 1]++;
  for (uint32_t file = 0; file < index->file_count; file++) starts[file + 1] += starts[file];
  return starts;
}

/* All places, file after file, sorted within each. */
static place *sort_places(const struct index *index, const struct word **words, size_t word_count,
                          const size_t *starts) {
  place *places = gc_alloc_leaf_array(starts[index->file_count], sizeof *places);
  size_t *next = gc_alloc_leaf_array(index->file_count, sizeof *next);
  for (uint32_t file = 0; file < index->file_count; file++) next[file] = starts[file];
  for (size_t rank = 0; rank < word_count; rank++)
    for (size_t j = 0; j < words[rank]->occurrence_count; j++) {
      struct occurrence at = words[rank]->occurrences[j];
      places[next[at.file]++] = (place)at.line << 32 | (uint32_t)rank;
    }
  for (uint32_t file = 0; file < index->file_count; file++)
    qsort(places + starts[file], starts[file + 1] - starts[file], sizeof *places, compare_places);
  return places;
}

void report_all(const struct index *index) {
  size_t word_count = index_word_count(index);
  const struct word **words = index_sorted_words(index);
  const size_t *starts = count_by_file(index, words, word_count);
  const place *places = sort_places(index, words, word_count, starts);
  for (uint32_t file = 0; file < index->file_count; file++)
    for (size_t i = starts[file]; i < starts[file + 1]; i++) {
      print_place(index, file, (uint32_t)(places[i] >> 32));
      putchar_unlocked(':');
      for (const char *c = words[(uint32_t)places[i]]->text; *c; c++) putchar_unlocked(*c);
      putchar_unlocked('\n');
    }
}

void report_summary(const struct index *index, const struct crawl_counts *counts) {
  printf("files %" PRIuFAST64 "\n", counts->files);
  printf("folders %" PRIuFAST64 "\n", counts->folders);
  printf("unreadable %" PRIuFAST64 "\n", counts->unreadable);
  printf("bytes %" PRIuFAST64 "\n", counts->bytes);
  printf("lines %" PRIuFAST64 "\n", counts->lines);
  printf("occurrences %" PRIu64 "\n", index_occurrence_count(index));
  printf("identifiers %zu\n", index_word_count(index));
}
