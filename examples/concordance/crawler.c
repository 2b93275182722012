/* crawler: see crawler.h. */
#include "crawler.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <trefoil/gc.h>

#include "scanner.h"

enum { PROGRESS_INTERVAL_MS = 200, QUIET_INTERVALS = 3 /* short work shows no progress line */ };

struct item {
  const char *path;
  bool is_folder;
  struct item *next;
};

struct crawler {
  struct index *index;
  const char *program_name;
  bool shows_progress;
  struct crawl_counts counts;

  pthread_mutex_t lock;    /* guards the rest */
  pthread_cond_t changed;  /* there is work, or there will be none any more */
  pthread_cond_t finished; /* working_count fell to 0 */
  struct item *waiting;
  unsigned busy_count;    /* threads that hold an item and may add more */
  unsigned working_count; /* threads that have not ended */
};

static void init_conditions(struct crawler *crawler) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&crawler->changed, &attributes);
  pthread_cond_init(&crawler->finished, &attributes);
  pthread_condattr_destroy(&attributes);
}

struct crawler *crawler_new(struct index *index, const char *program_name) {
  struct crawler *crawler = gc_new(struct crawler);
  crawler->index = index;
  crawler->program_name = program_name;
  crawler->shows_progress = isatty(STDERR_FILENO);
  pthread_mutex_init(&crawler->lock, NULL);
  init_conditions(crawler);
  return crawler;
}

const struct crawl_counts *crawler_counts(const struct crawler *crawler) { return &crawler->counts; }

static void report_unreadable(struct crawler *crawler, const char *path, const char *reason) {
  atomic_fetch_add(&crawler->counts.unreadable, 1);
  const char *line_start = crawler->shows_progress ? "\r\033[K" : "";
  fprintf(stderr, "%s%s: %s: %s\n", line_start, crawler->program_name, path, reason);
}

static struct item *item_new(const char *path, bool is_folder, struct item *next) {
  struct item *item = gc_new(struct item);
  *item = (struct item){path, is_folder, next};
  return item;
}

void crawler_add(struct crawler *crawler, const char *path) {
  struct stat status;
  if (stat(path, &status)) {
    report_unreadable(crawler, path, strerror(errno));
  } else if (S_ISDIR(status.st_mode)) {
    size_t length_bytes = strlen(path);
    while (length_bytes > 1 && path[length_bytes - 1] == '/') length_bytes--;
    crawler->waiting = item_new(gc_strndup(path, length_bytes), true, crawler->waiting);
  } else if (S_ISREG(status.st_mode)) {
    crawler->waiting = item_new(path, false, crawler->waiting);
  } else {
    report_unreadable(crawler, path, "neither a regular file nor a folder");
  }
}

/* The kind of a folder's entry, in d_type's terms, without following links. */
static unsigned char type_of_entry(const struct dirent *entry, const char *path) {
  if (entry->d_type != DT_UNKNOWN) return entry->d_type;
  struct stat status;
  if (lstat(path, &status)) return DT_REG; /* reading it will say what is wrong */
  return S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_LNK;
}

static bool is_dot_or_dot_dot(const char *name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

/* Puts the entries of a folder before the list and returns the new list. */
static struct item *list_folder(struct crawler *crawler, const char *folder, struct item *list) {
  DIR *stream = opendir(folder);
  if (!stream) {
    report_unreadable(crawler, folder, strerror(errno));
    return list;
  }
  const char *separator = folder[strlen(folder) - 1] == '/' ? "" : "/";
  const struct dirent *entry;
  while ((errno = 0, entry = readdir(stream))) {
    if (is_dot_or_dot_dot(entry->d_name)) continue;
    const char *path = gc_asprintf("%s%s%s", folder, separator, entry->d_name);
    unsigned char type = type_of_entry(entry, path);
    if (type == DT_DIR || type == DT_REG) list = item_new(path, type == DT_DIR, list);
  }
  if (errno) report_unreadable(crawler, folder, strerror(errno));
  closedir(stream);
  atomic_fetch_add(&crawler->counts.folders, 1);
  return list;
}

static void scan_file(struct crawler *crawler, struct scanner *scanner, const char *path) {
  struct scanned scanned;
  int error = scanner_scan_file(scanner, path, &scanned);
  if (error) {
    report_unreadable(crawler, path, strerror(error));
    return;
  }
  atomic_fetch_add(&crawler->counts.files, 1);
  atomic_fetch_add(&crawler->counts.bytes, scanned.file_bytes);
  atomic_fetch_add(&crawler->counts.lines, scanned.line_count);
  atomic_fetch_add(&crawler->counts.identifiers, scanned.identifier_count);
}

/* The next item, or NULL when nothing waits and no thread may add anything. */
static struct item *take_item(struct crawler *crawler) {
  pthread_mutex_lock(&crawler->lock);
  while (!crawler->waiting && crawler->busy_count > 0) pthread_cond_wait(&crawler->changed, &crawler->lock);
  struct item *item = crawler->waiting;
  if (item) {
    crawler->waiting = item->next;
    crawler->busy_count++;
  }
  pthread_mutex_unlock(&crawler->lock);
  return item;
}

/* Ends the work on an item and adds what was found in it: a list that ends with NULL. */
static void end_item(struct crawler *crawler, struct item *found) {
  struct item *last = found;
  while (last && last->next) last = last->next;
  pthread_mutex_lock(&crawler->lock);
  if (last) {
    last->next = crawler->waiting;
    crawler->waiting = found;
  }
  crawler->busy_count--;
  if (found || crawler->busy_count == 0) pthread_cond_broadcast(&crawler->changed);
  pthread_mutex_unlock(&crawler->lock);
}

static void *work(void *argument) {
  struct crawler *crawler = argument;
  struct scanner *scanner = scanner_new(crawler->index);
  for (struct item *item = take_item(crawler); item; item = take_item(crawler)) {
    struct item *found = NULL;
    if (item->is_folder) found = list_folder(crawler, item->path, NULL);
    else scan_file(crawler, scanner, item->path);
    end_item(crawler, found);
  }
  scanner_flush(scanner);
  pthread_mutex_lock(&crawler->lock);
  if (--crawler->working_count == 0) pthread_cond_signal(&crawler->finished);
  pthread_mutex_unlock(&crawler->lock);
  return NULL;
}

static void show_progress(const struct crawl_counts *counts) {
  fprintf(stderr, "\r\033[K%" PRIuFAST64 " files, %" PRIuFAST64 " MB, %" PRIuFAST64 " identifiers", counts->files,
          counts->bytes / 1000000, counts->identifiers);
}

static struct timespec time_in_ms(long ms) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_nsec += ms * 1000000;
  time.tv_sec += time.tv_nsec / 1000000000;
  time.tv_nsec %= 1000000000;
  return time;
}

static void wait_until_finished(struct crawler *crawler) {
  unsigned interval_count = 0;
  pthread_mutex_lock(&crawler->lock);
  while (crawler->working_count > 0) {
    struct timespec until = time_in_ms(PROGRESS_INTERVAL_MS);
    int error = pthread_cond_timedwait(&crawler->finished, &crawler->lock, &until);
    if (error == ETIMEDOUT && crawler->shows_progress && ++interval_count > QUIET_INTERVALS)
      show_progress(&crawler->counts);
  }
  pthread_mutex_unlock(&crawler->lock);
  if (interval_count > QUIET_INTERVALS) fputs("\r\033[K", stderr);
}

int crawler_run(struct crawler *crawler, unsigned thread_count) {
  pthread_t *threads = gc_alloc_leaf_array(thread_count, sizeof *threads);
  unsigned started_count = 0;
  int error = 0;
  crawler->working_count = thread_count;
  while (started_count < thread_count && !error) {
    error = gc_thread_create(&threads[started_count], NULL, work, crawler);
    if (!error) started_count++;
  }
  pthread_mutex_lock(&crawler->lock);
  crawler->working_count -= thread_count - started_count;
  pthread_mutex_unlock(&crawler->lock);
  wait_until_finished(crawler);
  for (unsigned i = 0; i < started_count; i++) pthread_join(threads[i], NULL);
  if (started_count == 0) return error;
  if (error)
    fprintf(stderr, "%s: went on with %u threads: %s\n", crawler->program_name, started_count, strerror(error));
  return 0;
}
