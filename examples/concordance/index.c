/* index: see index.h. */
#include "index.h"

#include <stdlib.h>
#include <string.h>

#include <trefoil/gc.h>

enum { FIRST_SLOT_COUNT = 256, FIRST_FILE_CAPACITY = 1024 };

struct index *index_new(void) {
  struct index *index = gc_alloc_aligned(_Alignof(struct index), sizeof *index);
  for (unsigned i = 0; i < SHARD_COUNT; i++) {
    struct shard *shard = &index->shards[i];
    pthread_mutex_init(&shard->lock, NULL);
    shard->slot_count = FIRST_SLOT_COUNT;
    shard->slots = gc_new_array(struct slot, FIRST_SLOT_COUNT);
  }
  pthread_mutex_init(&index->files_lock, NULL);
  index->file_capacity = FIRST_FILE_CAPACITY;
  index->paths = gc_new_array(const char *, FIRST_FILE_CAPACITY);
  return index;
}

uint32_t index_add_file(struct index *index, const char *path) {
  pthread_mutex_lock(&index->files_lock);
  if (index->file_count == index->file_capacity) {
    index->file_capacity *= 2;
    index->paths = gc_realloc_array(index->paths, index->file_capacity, sizeof *index->paths);
  }
  uint32_t file = index->file_count++;
  index->paths[file] = path;
  pthread_mutex_unlock(&index->files_lock);
  return file;
}

uint32_t index_hash(const char *text, size_t length_bytes) {
  uint32_t hash = HASH_SEED;
  for (size_t i = 0; i < length_bytes; i++) hash = index_hash_step(hash, (unsigned char)text[i]);
  return index_hash_end(hash);
}

/* The slot where the word is, or the empty one where it belongs. */
static struct slot *find_slot(const struct shard *shard, uint32_t hash, const char *text, size_t length_bytes) {
  size_t mask = shard->slot_count - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    struct slot *slot = &shard->slots[i];
    if (!slot->word) return slot;
    if (slot->hash == hash && slot->word->length_bytes == length_bytes &&
        memcmp(slot->word->text, text, length_bytes) == 0)
      return slot;
  }
}

static void double_slots(struct shard *shard) {
  struct slot *old = shard->slots;
  size_t old_count = shard->slot_count, mask = 2 * old_count - 1;
  struct slot *slots = gc_new_array(struct slot, 2 * old_count);
  for (size_t i = 0; i < old_count; i++) {
    if (!old[i].word) continue;
    size_t at = old[i].hash & mask;
    while (slots[at].word) at = (at + 1) & mask;
    slots[at] = old[i];
  }
  shard->slots = slots;
  shard->slot_count = 2 * old_count;
}

static struct word *intern(struct shard *shard, const struct token *token) {
  struct slot *slot = find_slot(shard, token->hash, token->text, token->length_bytes);
  if (slot->word) return slot->word;
  if (2 * (shard->word_count + 1) > shard->slot_count) {
    double_slots(shard);
    slot = find_slot(shard, token->hash, token->text, token->length_bytes);
  }
  struct word *word = gc_new(struct word);
  word->text = gc_strndup(token->text, token->length_bytes);
  word->length_bytes = token->length_bytes;
  word->hash = token->hash;
  slot->hash = token->hash;
  slot->word = word;
  shard->word_count++;
  return word;
}

/* The array is full whenever the count is a power of two, from two up: that saves a field for its capacity. */
static void append_occurrence(struct word *word, struct occurrence at) {
  size_t count = word->occurrence_count;
  if (count == 0) word->occurrences = gc_alloc_leaf(2 * sizeof at);
  else if (count > 1 && (count & (count - 1)) == 0)
    word->occurrences = gc_realloc_array(word->occurrences, 2 * count, sizeof at);
  word->occurrences[word->occurrence_count++] = at;
}

void index_add_tokens(struct index *index, unsigned shard_number, const struct token *tokens, size_t token_count) {
  struct shard *shard = &index->shards[shard_number];
  pthread_mutex_lock(&shard->lock);
  for (size_t i = 0; i < token_count; i++) append_occurrence(intern(shard, &tokens[i]), tokens[i].at);
  pthread_mutex_unlock(&shard->lock);
}

struct numbered_path {
  const char *path;
  uint32_t file;
};

static int compare_paths(const void *a, const void *b) {
  const struct numbered_path *left = a, *right = b;
  return strcmp(left->path, right->path);
}

/* Puts the paths in order; the result says which new number an old one became. */
static uint32_t *sort_files(struct index *index) {
  uint32_t *new_number = gc_alloc_leaf_array(index->file_count, sizeof *new_number);
  struct numbered_path *order = gc_new_array(struct numbered_path, index->file_count);
  for (uint32_t file = 0; file < index->file_count; file++)
    order[file] = (struct numbered_path){index->paths[file], file};
  qsort(order, index->file_count, sizeof *order, compare_paths);
  for (uint32_t rank = 0; rank < index->file_count; rank++) {
    index->paths[rank] = order[rank].path;
    new_number[order[rank].file] = rank;
  }
  return new_number;
}

void index_finish(struct index *index) {
  const uint32_t *new_number = sort_files(index);
  for (unsigned i = 0; i < SHARD_COUNT; i++) {
    const struct shard *shard = &index->shards[i];
    for (size_t j = 0; j < shard->slot_count; j++) {
      struct word *word = shard->slots[j].word;
      for (size_t k = 0; word && k < word->occurrence_count; k++)
        word->occurrences[k].file = new_number[word->occurrences[k].file];
    }
  }
}

static int compare_occurrences(const void *a, const void *b) {
  const struct occurrence *left = a, *right = b;
  if (left->file != right->file) return left->file < right->file ? -1 : 1;
  return left->line < right->line ? -1 : left->line > right->line;
}

const struct word *index_find(struct index *index, const char *text) {
  size_t length_bytes = strlen(text);
  uint32_t hash = index_hash(text, length_bytes);
  struct word *word = find_slot(&index->shards[index_shard_of(hash)], hash, text, length_bytes)->word;
  if (word) qsort(word->occurrences, word->occurrence_count, sizeof *word->occurrences, compare_occurrences);
  return word;
}

size_t index_word_count(const struct index *index) {
  size_t count = 0;
  for (unsigned i = 0; i < SHARD_COUNT; i++) count += index->shards[i].word_count;
  return count;
}

static int compare_words(const void *a, const void *b) {
  const struct word *const *left = a, *const *right = b;
  return strcmp((*left)->text, (*right)->text);
}

const struct word **index_sorted_words(const struct index *index) {
  size_t count = 0;
  const struct word **words = gc_new_array(const struct word *, index_word_count(index));
  for (unsigned i = 0; i < SHARD_COUNT; i++)
    for (size_t j = 0; j < index->shards[i].slot_count; j++)
      if (index->shards[i].slots[j].word) words[count++] = index->shards[i].slots[j].word;
  qsort(words, count, sizeof *words, compare_words);
  return words;
}

uint64_t index_occurrence_count(const struct index *index) {
  uint64_t count = 0;
  for (unsigned i = 0; i < SHARD_COUNT; i++)
    for (size_t j = 0; j < index->shards[i].slot_count; j++)
      if (index->shards[i].slots[j].word) count += index->shards[i].slots[j].word->occurrence_count;
  return count;
}
