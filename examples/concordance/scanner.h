/* scanner: finds the identifiers of a file and hands them to the index.
 *
 * An identifier is a leftmost-longest match of [A-Za-z_][A-Za-z0-9_]*, byte by byte, like `LC_ALL=C grep -ao` finds it:
 * in 0x1F it is x1F. Any bytes may stand between, NUL too. A line ends at a newline or at the end of the file.
 *
 * Each thread has its own scanner. Tokens wait there in one batch a shard, which goes to the index when it is full;
 * scanner_flush sends the rest. The waiting tokens keep the contents of their files alive by themselves.
 */
#ifndef CONCORDANCE_SCANNER_H
#define CONCORDANCE_SCANNER_H

#include "index.h"

struct scanner;

struct scanner *scanner_new(struct index *index);

/* What a file came to. */
struct scanned {
  uint64_t file_bytes, line_count, identifier_count;
};

/* Reads a regular file and indexes it. Result: 0 or an errno value, in which case nothing of it is in the index. A file
 * of 4 GiB or more is EFBIG, because line numbers have 32 bits. */
int scanner_scan_file(struct scanner *scanner, const char *path, struct scanned *out);

void scanner_flush(struct scanner *scanner);

#endif
