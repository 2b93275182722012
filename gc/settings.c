/* settings.c - see settings.h. */
#include "settings.h"
#include "collect/trace.h"
#include "os/report.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* ---- The program's options ---- */

static int check_ranges(const struct gc_options *options) {
  if ((int)options->mode < GC_MODE_DEFAULT || options->mode > GC_REFCOUNT) return EINVAL;
  if ((int)options->tracking < GC_TRACK_AUTO || options->tracking > GC_TRACK_NONE) return EINVAL;
  if ((int)options->finalize < GC_FINALIZE_THREAD || options->finalize > GC_FINALIZE_MANUAL) return EINVAL;
  if (options->markers > GC__MARKERS_MOST || options->guard_freed_percent > 100) return EINVAL;
  if (options->limit_bytes && options->initial_bytes > options->limit_bytes) return EINVAL;
  if (!options->buffer != !options->buffer_bytes) return EINVAL;
  if (options->buffer_bytes > UINTPTR_MAX - (uintptr_t)options->buffer) return EINVAL;
  if (options->stop_signal < 0 || options->stop_signal > SIGRTMAX) return EINVAL;
  if (options->swap_path && !*options->swap_path) return EINVAL;
  if (options->stop_signal == SIGKILL || options->stop_signal == SIGSTOP) return EINVAL;
  return 0;
}

/* The pages of a buffer are the program's. */
static int check_supported(const struct gc_options *options) {
  return options->buffer && (options->swap_path || options->guard_freed_percent) ? ENOTSUP : 0;
}

static int read_options(struct gc_options *wanted, const struct gc_options *options) {
  static const struct gc_options defaults = GC_OPTIONS_INIT;
  *wanted = defaults;
  if (!options) return 0;
  if (options->struct_bytes != sizeof *options) return EINVAL;
  *wanted = *options;
  int error = check_ranges(options);
  return error ? error : check_supported(options);
}

/* ---- The environment ---- */

static void reject(const char *name, const char *value, const char *accepted) {
  gc__report("%s=%s: not taken; accepted: %s", name, value, accepted);
}

/* A number with an optional suffix K, M or G; false: it is none, or out of range. */
static bool parse_number(const char *text, size_t *value) {
  char *end;
  if (*text < '0' || *text > '9') return false;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  unsigned shift = *end == 'K' || *end == 'k'   ? 10
                   : *end == 'M' || *end == 'm' ? 20
                   : *end == 'G' || *end == 'g' ? 30
                                                : 0;
  if (shift) end++;
  if (errno || *end || number > SIZE_MAX >> shift) return false;
  *value = (size_t)number << shift;
  return true;
}

static void read_size(const char *name, size_t *value, size_t most, const char *accepted) {
  const char *text = getenv(name);
  size_t number;
  if (!text || !*text) return;
  if (parse_number(text, &number) && number <= most) *value = number;
  else reject(name, text, accepted);
}

static void read_count(const char *name, unsigned *value, size_t most, const char *accepted) {
  size_t number = *value;
  read_size(name, &number, most, accepted);
  *value = (unsigned)number;
}

/* A switch with one possible value. */
static bool read_switch(const char *name, const char *word) {
  const char *text = getenv(name);
  if (!text || !*text) return false;
  if (!strcmp(text, word)) return true;
  reject(name, text, word);
  return false;
}

/* One of two words, or both with a comma between them. */
static void read_words(const char *name, const char *const words[2], bool *const found[2], const char *accepted) {
  const char *text = getenv(name), *word = text;
  bool has[2] = {false, false};
  for (; word && *word; word += *word == ',') {
    size_t length = strcspn(word, ",");
    unsigned i = 0;
    while (i < 2 && (strlen(words[i]) != length || memcmp(word, words[i], length) != 0)) i++;
    if (i == 2) return reject(name, text, accepted);
    has[i] = true;
    word += length;
  }
  for (unsigned i = 0; i < 2; i++) *found[i] = has[i];
}

static void read_checks(struct gc__settings *settings) {
  static const char *const checks[] = {"heap", "barriers"}, *const stresses[] = {"alloc", "swap"};
  read_words("TREFOIL_CHECK", checks, (bool *[]){&settings->check_heap, &settings->check_barriers},
             "heap, barriers, or both with a comma between them");
  read_words("TREFOIL_STRESS", stresses, (bool *[]){&settings->stress_allocation, &settings->stress_swap},
             "alloc, swap, or both with a comma between them");
}

static void read_mode(struct gc_options *options) {
  static const enum gc_mode modes[] = {GC_MARK_SWEEP, GC_GENERATIONAL, GC_REFCOUNT};
  const char *text = getenv("TREFOIL_MODE");
  if (!text || !*text) return;
  for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    if (strcmp(text, gc_mode_name(modes[i]))) continue;
    options->mode = modes[i];
    return;
  }
  reject("TREFOIL_MODE", text, "mark-sweep, generational, refcount");
}

/* Barriers are the program's promise: the environment cannot make it. */
static void read_tracking(struct gc__settings *settings) {
  struct gc_options *options = &settings->options;
  static const char *const names[] = {"auto", "pages", "protect", "barrier", "none"};
  const char *text = getenv("TREFOIL_TRACKING");
  if (!text || !*text) return;
  bool promised = options->tracking == GC_TRACK_BARRIER;
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) || (i == GC_TRACK_BARRIER && !promised)) continue;
    options->tracking = (enum gc_tracking)i;
    settings->tracking_is_wish = true;
    return;
  }
  reject("TREFOIL_TRACKING", text,
         promised ? "auto, pages, protect, barrier, none"
                  : "auto, pages, protect, none (barrier is for programs that ask for it)");
}

static void read_swap(struct gc__settings *settings) {
  const char *path = getenv("TREFOIL_SWAP");
  if (path && *path && !settings->options.buffer) {
    settings->options.swap_path = path;
    settings->swap_is_wish = true;
  }
  read_size("TREFOIL_SWAP_BYTES", &settings->options.swap_bytes, SIZE_MAX, "a number of bytes, with K, M or G");
}

static void read_environment(struct gc__settings *settings) {
  static const char sizes[] = "a number of bytes, with K, M or G";
  struct gc_options *options = &settings->options;
  read_mode(options);
  read_tracking(settings);
  read_size("TREFOIL_LIMIT", &options->limit_bytes, SIZE_MAX, sizes);
  read_size("TREFOIL_INITIAL", &options->initial_bytes, SIZE_MAX, sizes);
  read_size("TREFOIL_NURSERY", &options->nursery_bytes, SIZE_MAX, sizes);
  read_swap(settings);
  read_count("TREFOIL_GROWTH", &options->growth_percent, 100000, "a number of percent up to 100000");
  read_count("TREFOIL_MARKERS", &options->markers, GC__MARKERS_MOST,
             "a number of threads up to 128; 0: one a processor");
  if (!options->buffer) /* whose pages are the program's */
    read_count("TREFOIL_GUARD_FREED", &options->guard_freed_percent, 100, "a number of percent up to 100");
  settings->log_collections = read_switch("TREFOIL_LOG", "gc");
  read_checks(settings);
  settings->statistics_path = getenv("TREFOIL_STATS");
  if (settings->statistics_path && !*settings->statistics_path) settings->statistics_path = NULL;
#if defined(TREFOIL_CHECKS) && TREFOIL_CHECKS
  read_size("TREFOIL_FAIL_COMMIT", &settings->fail_request, SIZE_MAX, "a number of requests for memory");
#endif
  if (options->limit_bytes && options->initial_bytes > options->limit_bytes) {
    gc__report("TREFOIL_INITIAL is above the limit: not taken");
    options->initial_bytes = 0;
  }
}

/* What a heap in the program's memory means for other options. Tracking by page has to be asked of the system, for
 * memory that is not ours; what the environment wishes gives way. */
static int apply_buffer(struct gc__settings *settings) {
  struct gc_options *options = &settings->options;
  if (!options->buffer) return 0;
  bool has_pages = options->tracking == GC_TRACK_PAGES || options->tracking == GC_TRACK_PROTECT;
  if (has_pages && !settings->tracking_is_wish) {
    gc__report("tracking %s cannot be had: the heap is in a buffer",
               options->tracking == GC_TRACK_PAGES ? "pages" : "protect");
    return ENOTSUP;
  }
  if (options->tracking != GC_TRACK_BARRIER) options->tracking = GC_TRACK_NONE;
  if (options->limit_bytes && options->limit_bytes < options->buffer_bytes)
    options->buffer_bytes = options->limit_bytes;
  options->limit_bytes = 0;
  options->markers = 1;
  options->finalize = GC_FINALIZE_MANUAL;
  return 0;
}

static struct {
  bool is_set;
  enum gc_mode mode, instead;
  const char *reason;
} excluded;

void gc__settings_exclude(enum gc_mode mode, const char *reason, enum gc_mode instead) {
  excluded.is_set = true;
  excluded.mode = mode;
  excluded.reason = reason;
  excluded.instead = instead;
}

static void replace_excluded(struct gc_options *options) {
  bool is_meant = options->mode == excluded.mode || excluded.mode == GC_MODE_DEFAULT;
  if (!excluded.is_set || !is_meant || options->mode == excluded.instead) return;
  options->mode = excluded.instead;
  if (excluded.reason)
    gc__report("mode %s cannot serve this program: %s; %s is taken", gc_mode_name(excluded.mode), excluded.reason,
               gc_mode_name(excluded.instead));
}

int gc__settings_read(struct gc__settings *settings, const struct gc_options *options) {
  *settings = (struct gc__settings){0};
  int error = read_options(&settings->options, options);
  if (error) return error;
  if (!getauxval(AT_SECURE)) read_environment(settings);
  error = apply_buffer(settings);
  if (error) return error;
  if (settings->options.mode == GC_MODE_DEFAULT) settings->options.mode = GC_GENERATIONAL;
  replace_excluded(&settings->options);
  return 0;
}
