/* scanner: see scanner.h. */
#include "scanner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <trefoil/gc.h>

enum { BATCH_TOKENS = 256, LEAST_CAPACITY_BYTES = 4096 };

enum byte_class { OTHER, NEWLINE, DIGIT, LETTER }; /* from DIGIT on: goes on with an identifier */

struct batch {
  size_t token_count;
  struct token tokens[BATCH_TOKENS];
};

struct scanner {
  unsigned char class_of[256]; /* enum byte_class */
  struct index *index;
  struct batch *batches[SHARD_COUNT];
};

struct scanner *scanner_new(struct index *index) {
  struct scanner *scanner = gc_new(struct scanner);
  scanner->index = index;
  scanner->class_of['\n'] = NEWLINE;
  scanner->class_of['_'] = LETTER;
  for (const char *c = "0123456789"; *c; c++) scanner->class_of[(unsigned char)*c] = DIGIT;
  for (const char *c = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"; *c; c++)
    scanner->class_of[(unsigned char)*c] = LETTER;
  for (unsigned i = 0; i < SHARD_COUNT; i++) scanner->batches[i] = gc_new(struct batch);
  return scanner;
}

/* The batch is cleared so that its old tokens do not keep the contents of their files. */
static void flush_batch(struct scanner *scanner, unsigned shard) {
  struct batch *batch = scanner->batches[shard];
  index_add_tokens(scanner->index, shard, batch->tokens, batch->token_count);
  memset(batch, 0, sizeof *batch);
}

void scanner_flush(struct scanner *scanner) {
  for (unsigned i = 0; i < SHARD_COUNT; i++) flush_batch(scanner, i);
}

static void add_token(struct scanner *scanner, const struct token *token) {
  unsigned shard = index_shard_of(token->hash);
  struct batch *batch = scanner->batches[shard];
  batch->tokens[batch->token_count++] = *token;
  if (batch->token_count == BATCH_TOKENS) flush_batch(scanner, shard);
}

struct content {
  const unsigned char *bytes; /* a leaf object, with a NUL after the last byte */
  size_t length_bytes;
};

/* Reads up to the end of the file, which may have grown or shrunk since fstat. */
static int read_rest(int descriptor, size_t expected_bytes, struct content *content) {
  size_t capacity_bytes = expected_bytes < LEAST_CAPACITY_BYTES ? LEAST_CAPACITY_BYTES : expected_bytes + 1;
  size_t used_bytes = 0;
  unsigned char *bytes = gc_alloc_leaf(capacity_bytes);
  for (;;) {
    if (used_bytes == capacity_bytes) bytes = gc_realloc(bytes, capacity_bytes *= 2);
    ssize_t got = read(descriptor, bytes + used_bytes, capacity_bytes - used_bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) break;
    used_bytes += (size_t)got;
    if (used_bytes > UINT32_MAX) return EFBIG;
  }
  bytes[used_bytes] = 0; /* there is room: the last read came back empty */
  *content = (struct content){bytes, used_bytes};
  return 0;
}

static int read_file(const char *path, struct content *content) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return errno;
  struct stat status;
  int error = fstat(descriptor, &status) ? errno : 0;
  if (!error && status.st_size > UINT32_MAX) error = EFBIG;
  if (!error) error = read_rest(descriptor, (size_t)status.st_size, content);
  close(descriptor);
  return error;
}

/* The NUL after the content ends an identifier that reaches to its end, so that the inner loop needs no bound. */
static void tokenize(struct scanner *scanner, const struct content *content, uint32_t file, struct scanned *out) {
  const unsigned char *class_of = scanner->class_of;
  const unsigned char *at = content->bytes, *end = content->bytes + content->length_bytes;
  uint32_t line = 1;
  while (at < end) {
    if (class_of[*at] != LETTER) {
      line += class_of[*at++] == NEWLINE;
      continue;
    }
    const unsigned char *start = at;
    uint32_t hash = HASH_SEED;
    do hash = index_hash_step(hash, *at++);
    while (class_of[*at] >= DIGIT);
    struct token token = {(const char *)start, (uint32_t)(at - start), index_hash_end(hash), {file, line}};
    add_token(scanner, &token);
    out->identifier_count++;
  }
  bool is_last_line_open = content->length_bytes > 0 && end[-1] != '\n';
  out->line_count = line - 1 + is_last_line_open;
}

int scanner_scan_file(struct scanner *scanner, const char *path, struct scanned *out) {
  struct content content = {NULL, 0};
  int error = read_file(path, &content);
  if (error) return error;
  *out = (struct scanned){.file_bytes = content.length_bytes};
  tokenize(scanner, &content, index_add_file(scanner->index, path), out);
  return 0;
}
