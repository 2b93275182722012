/* report: what a finished index has to say, on standard output. */
#ifndef CONCORDANCE_REPORT_H
#define CONCORDANCE_REPORT_H

#include "crawler.h"
#include "index.h"

/* file:line of each occurrence of a word, by file and line. False if there is none. */
bool report_word(struct index *index, const char *text);

/* file:line:identifier of every occurrence, by file (in byte order), line and identifier (in byte order). */
void report_all(const struct index *index);

/* One count a line. */
void report_summary(const struct index *index, const struct crawl_counts *counts);

#endif
