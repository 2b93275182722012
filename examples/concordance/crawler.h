/* crawler: walks files and folders with several threads and fills an index.
 *
 * The work is one stack of paths; a folder that is taken from it puts its entries back, a file is scanned. So the
 * threads share the walk as well as the scanning, and there is never more waiting than some folders hold. Below a
 * folder only folders and regular files count, and symbolic links are not followed, as with `grep -r`.
 */
#ifndef CONCORDANCE_CRAWLER_H
#define CONCORDANCE_CRAWLER_H

#include <stdatomic.h>

#include "index.h"

/* What was met so far. Written by all threads, for the progress line and the summary. */
struct crawl_counts {
  atomic_uint_fast64_t files, folders, unreadable, bytes, lines, identifiers;
};

struct crawler;

struct crawler *crawler_new(struct index *index, const char *program_name);

/* Adds a file or folder to start from, before the crawl. What cannot be read is named on standard error and counted. */
void crawler_add(struct crawler *crawler, const char *path);

/* Walks everything with this many threads and returns when all is in the index. Result: 0, or an errno value if not
 * even one thread could be made. */
int crawler_run(struct crawler *crawler, unsigned thread_count);

const struct crawl_counts *crawler_counts(const struct crawler *crawler);

#endif
