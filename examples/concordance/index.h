/* index: which identifier stands where.
 *
 * Built by any number of threads, then finished and read by one. The words are spread over shards
 * by their hash, each with its own lock and open-addressed table, and arrive in batches, so that a lock is taken once
 * for some hundred occurrences. While the index is built a file is known by the number that index_add_file gave it;
 * index_finish renumbers the files in the order of their paths. All memory comes from the collector, and what is not
 * reachable from the index any more (outgrown tables, the contents of files) is simply dropped. Nothing here looks at
 * the result of an allocation: main.c sets a handler that ends the program when there is no memory left.
 */
#ifndef CONCORDANCE_INDEX_H
#define CONCORDANCE_INDEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARD_COUNT_LOG2 = 6, SHARD_COUNT = 1 << SHARD_COUNT_LOG2 };

struct occurrence {
  uint32_t file; /* see above */
  uint32_t line; /* from 1 */
};

struct word {
  const char *text; /* terminated */
  uint32_t length_bytes;
  uint32_t hash;
  /* In order of arrival. The array has room for the next power of two, and for two at least. */
  struct occurrence *occurrences;
  size_t occurrence_count;
};

/* An occurrence on its way into the index. The text points into the file's content and keeps it alive. */
struct token {
  const char *text;
  uint32_t length_bytes;
  uint32_t hash;
  struct occurrence at;
};

struct slot {
  uint32_t hash;
  struct word *word; /* NULL: empty */
};

struct shard {
  _Alignas(64) pthread_mutex_t lock; /* on a cache line of its own; guards the rest */
  size_t word_count;
  size_t slot_count; /* a power of two, at least twice word_count */
  struct slot *slots;
};

struct index {
  struct shard shards[SHARD_COUNT];
  pthread_mutex_t files_lock; /* guards the three below */
  const char **paths;         /* by file number */
  uint32_t file_count;
  uint32_t file_capacity;
};

struct index *index_new(void);

/* The number for a file that was read. Any thread. */
uint32_t index_add_file(struct index *index, const char *path);

/* Which shard a hash belongs to, and the hash of an identifier that is not at hand as a token. */
static inline unsigned index_shard_of(uint32_t hash) { return hash >> (32 - SHARD_COUNT_LOG2); }
uint32_t index_hash(const char *text, size_t length_bytes);

/* One step of index_hash and its end, for a scanner that hashes while it reads. Start from HASH_SEED. */
enum { HASH_SEED = 0x1d872b41 };
static inline uint32_t index_hash_step(uint32_t hash, unsigned char byte) { return (hash ^ byte) * 0x01000193u; }
static inline uint32_t index_hash_end(uint32_t hash) { return (hash ^ hash >> 15) * 0x9e3779b1u; }

/* Adds occurrences whose hashes all belong to this shard. Any thread. */
void index_add_tokens(struct index *index, unsigned shard, const struct token *tokens, size_t token_count);

/* Ends the building: renumbers the files. No other thread may use the index, here and in what follows. */
void index_finish(struct index *index);

/* The word with this text, its occurrences sorted by file and line, or NULL. */
const struct word *index_find(struct index *index, const char *text);

/* All words in byte order of their text, with their occurrences in any order; and the sums over all words. */
const struct word **index_sorted_words(const struct index *index);
size_t index_word_count(const struct index *index);
uint64_t index_occurrence_count(const struct index *index);

#endif
