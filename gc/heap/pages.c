/* heap/pages.c - see pages.h. */
#include "heap/pages.h"
#include "base/check.h"
#include "heap/counts.h"
#include "heap/swap.h"
#include "os/report.h"

#define EXACT_BINS   32u
#define BIN_SUB_LOG2 3u

/* How many runs of a list are looked at for the best fit before the first that fits is taken. */
#define PROBES_MOST 32

static unsigned bin_of(uint32_t page_count) {
  if (page_count <= EXACT_BINS) return page_count - 1;
  unsigned log2 = gc__highest_bit(page_count);
  unsigned sub = (page_count >> (log2 - BIN_SUB_LOG2)) & ((1u << BIN_SUB_LOG2) - 1);
  return EXACT_BINS + ((log2 - 5) << BIN_SUB_LOG2) + sub;
}

void gc__pages_open(struct gc__pages *pages, struct gc__space *space) {
  *pages = (struct gc__pages){.space = space};
  for (unsigned i = 0; i < GC__RUN_BIN_COUNT; i++) pages->bins[i] = GC__NONE;
}

static struct gc__run *run_at(const struct gc__pages *pages, uint32_t first) {
  return &pages->space->runs[first];
}

static void link_free(struct gc__pages *pages, uint32_t first, uint32_t count) {
  struct gc__space *space = pages->space;
  unsigned bin = bin_of(count);
  uint32_t next = pages->bins[bin];
  space->runs[first] = (struct gc__run){.page_count = count, .next = next, .before = GC__NONE, .state = GC__RUN_FREE};
  if (next != GC__NONE) run_at(pages, next)->before = first;
  pages->bins[bin] = first;
  gc__bit_set(pages->filled, bin);
  space->run_heads[first] = space->run_heads[first + count - 1] = first + 1;
}

static void unlink_free(struct gc__pages *pages, uint32_t first) {
  struct gc__run *run = run_at(pages, first);
  unsigned bin = bin_of(run->page_count);
  GC__CHECK(run->state == GC__RUN_FREE);
  if (run->next != GC__NONE) run_at(pages, run->next)->before = run->before;
  if (run->before != GC__NONE) run_at(pages, run->before)->next = run->next;
  else pages->bins[bin] = run->next;
  if (pages->bins[bin] == GC__NONE) pages->filled[bin / 64] &= ~((uint64_t)1 << bin % 64);
  run->state = GC__RUN_NONE;
  pages->space->run_heads[first] = pages->space->run_heads[first + run->page_count - 1] = 0;
}

static size_t count_dirty(const struct gc__space *space, uint32_t first, uint32_t count) {
  size_t end = (size_t)first + count, dirty = 0;
  for (size_t word = first / 64; word * 64 < end; word++)
    dirty += gc__bit_count(space->dirty_pages[word] & gc__bits_of_range(word, first, end));
  return dirty;
}

/* Those of them that are charged to the budget. */
static size_t count_charged(const struct gc__space *space, uint32_t first, uint32_t count) {
  size_t end = (size_t)first + count, charged = 0;
  for (size_t word = first / 64; word * 64 < end; word++)
    charged += gc__bit_count(gc__swap_charged_word(space, word) & gc__bits_of_range(word, first, end));
  return charged;
}

static void set_dirty(struct gc__space *space, uint32_t first, uint32_t count, bool dirty) {
  size_t end = (size_t)first + count;
  for (size_t word = first / 64; word * 64 < end; word++) {
    uint64_t mask = gc__bits_of_range(word, first, end);
    if (dirty) space->dirty_pages[word] |= mask;
    else space->dirty_pages[word] &= ~mask;
  }
}

/* ---- Taking ---- */

/* The first page from this one on whose address is a multiple of the alignment: the space itself begins at one of 2 MiB
 * only. */
static size_t align_page(const struct gc__pages *pages, size_t page, size_t alignment_pages) {
  size_t base_page = pages->space->base / GC__PAGE_BYTES;
  return gc__round_up(base_page + page, alignment_pages) - base_page;
}

/* The first page of [first, end) from which count pages carry no mark of this epoch, or GC__NONE. */
static size_t skip_black(const struct gc__pages *pages, size_t first, uint32_t count, uint32_t alignment, size_t end,
                         uint8_t epoch) {
  for (size_t page = first; page < first + count; page++) {
    if (pages->space->black_pages[page] != epoch) continue;
    first = align_page(pages, page + 1, alignment);
    if (first + count > end) return GC__NONE;
    page = first - 1;
  }
  return first;
}

/* Where in a free run the request would lie, or GC__NONE. shy_epoch 0: black pages are fine. */
static uint32_t fit(const struct gc__pages *pages, uint32_t run_first, uint32_t count, uint32_t alignment,
                    uint8_t shy_epoch) {
  size_t end = (size_t)run_first + run_at(pages, run_first)->page_count;
  size_t first = align_page(pages, run_first, alignment);
  if (first + count > end) return GC__NONE;
  return (uint32_t)(shy_epoch ? skip_black(pages, first, count, alignment, end, shy_epoch) : first);
}

struct choice {
  uint32_t run, first;
};

/* The shortest fitting run of a list, among those that are probed. */
static struct choice choose_in_bin(const struct gc__pages *pages, unsigned bin, uint32_t count, uint32_t alignment,
                                   uint8_t shy_epoch) {
  struct choice best = {GC__NONE, GC__NONE};
  uint32_t best_count = UINT32_MAX;
  int probes = PROBES_MOST;
  for (uint32_t run = pages->bins[bin]; run != GC__NONE && (probes-- > 0 || best.run == GC__NONE);
       run = run_at(pages, run)->next) {
    uint32_t run_count = run_at(pages, run)->page_count;
    if (run_count >= best_count) continue;
    uint32_t first = fit(pages, run, count, alignment, shy_epoch);
    if (first == GC__NONE) continue;
    best = (struct choice){run, first};
    best_count = run_count;
    if (run_count == count) break;
  }
  return best;
}

static struct choice choose(const struct gc__pages *pages, uint32_t count, uint32_t alignment, uint8_t shy_epoch) {
  struct choice choice = {GC__NONE, GC__NONE};
  unsigned bin = bin_of(count);
  while (choice.run == GC__NONE) {
    bin = (unsigned)gc__bit_next(pages->filled, bin, GC__RUN_BIN_COUNT);
    if (bin == GC__RUN_BIN_COUNT) break;
    choice = choose_in_bin(pages, bin++, count, alignment, shy_epoch);
  }
  return choice;
}

/* Cuts [first, first + count) out of the free run that contains it; what is left on both sides stays free. */
static void cut(struct gc__pages *pages, uint32_t run_first, uint32_t first, uint32_t count) {
  uint32_t run_end = run_first + run_at(pages, run_first)->page_count;
  unlink_free(pages, run_first);
  if (first > run_first) link_free(pages, run_first, first - run_first);
  if (run_end > first + count) link_free(pages, first + count, run_end - first - count);
  pages->free_pages -= count;
}

/* The blocks of these pages whose liveness bytes were given back; they are there again if is_taken. */
static size_t count_returned(struct gc__space *space, uint32_t first, uint32_t count, bool is_taken) {
  size_t returned = 0;
  size_t last = gc__block_of_page(space, (size_t)first + count - 1);
  for (size_t block = gc__block_of_page(space, first); block <= last; block++) {
    if (!space->blocks[block].has_no_bytes) continue;
    returned++;
    if (is_taken) space->blocks[block].has_no_bytes = false;
  }
  if (is_taken) gc__word_add(&space->returned_pages, -returned);
  return returned;
}

/* What is handed out is not away any more; or it was, and is given back. */
static void forget_away(struct gc__space *space, uint32_t first, uint32_t count, bool is_taken) {
  size_t end = (size_t)first + count;
  if (!space->swap) return;
  for (size_t word = first / 64; word * 64 < end; word++) {
    uint64_t bits = space->swap->away[word] & gc__bits_of_range(word, first, end);
    if (is_taken) space->swap->away[word] &= ~bits;
    else gc__word_add(&space->swap->away_bytes, -(gc__bit_count(bits) * GC__PAGE_BYTES));
  }
}

/* Free pages that have to lose their memory for so many others to be charged, liveness bytes included (a page a block
 * at most, and they may begin and end within one), though these are among them. */
static size_t pages_in_exchange(const struct gc__pages *pages, uint32_t count) {
  return count + count / GC__BLOCK_PAGES + 2 + gc__budget_over_bytes(pages->space->budget) / GC__PAGE_BYTES + 1;
}

/* Charges those of these free pages that are not charged yet. Where the budget is short, free pages lose their memory
 * first. */
static bool charge(struct gc__pages *pages, uint32_t first, uint32_t count, size_t *dirty_pages) {
  for (bool again = false;; again = true) {
    size_t charged = count_charged(pages->space, first, count);
    size_t more = count - charged + count_returned(pages->space, first, count, false);
    if (gc__budget_take(pages->space->budget, more * GC__PAGE_BYTES)) {
      count_returned(pages->space, first, count, true);
      *dirty_pages = count_dirty(pages->space, first, count);
      set_dirty(pages->space, first, count, true);
      forget_away(pages->space, first, count, true);
      pages->dirty_free_pages -= charged;
      if (pages->idle_pages > pages->dirty_free_pages) pages->idle_pages = pages->dirty_free_pages;
      return true;
    }
    if (again || !gc__pages_discard(pages, pages_in_exchange(pages, count))) return false;
  }
}

struct gc__page_grant gc__pages_take(struct gc__pages *pages, uint32_t count, uint32_t alignment_pages,
                                     uint8_t shy_epoch) {
  struct gc__page_grant grant = {.first = GC__NONE};
  struct choice choice = choose(pages, count, alignment_pages, shy_epoch);
  if (choice.run == GC__NONE) return grant;
  grant.is_refused = !charge(pages, choice.first, count, &grant.dirty_pages);
  if (grant.is_refused) return grant;
  cut(pages, choice.run, choice.first, count);
  grant.first = choice.first;
  return grant;
}

bool gc__pages_take_after(struct gc__pages *pages, uint32_t first, uint32_t count, uint32_t more, size_t *dirty_pages) {
  uint32_t next = first + count;
  if ((size_t)next * GC__PAGE_BYTES >= pages->space->span_bytes) return false;
  if (pages->space->run_heads[next] != next + 1 || run_at(pages, next)->state != GC__RUN_FREE) return false;
  if (run_at(pages, next)->page_count < more || !charge(pages, next, more, dirty_pages)) return false;
  cut(pages, next, next, more);
  return true;
}

/* ---- Giving back ---- */

/* The free run that ends just before a page, or GC__NONE. */
static uint32_t free_run_before(const struct gc__pages *pages, uint32_t first) {
  uint32_t head = first ? pages->space->run_heads[first - 1] : 0;
  return head && run_at(pages, head - 1)->state == GC__RUN_FREE ? head - 1 : GC__NONE;
}

static uint32_t free_run_at(const struct gc__pages *pages, uint32_t first) {
  if ((size_t)first * GC__PAGE_BYTES >= pages->space->span_bytes) return GC__NONE;
  bool is_free = pages->space->run_heads[first] == first + 1 && run_at(pages, first)->state == GC__RUN_FREE;
  return is_free ? first : GC__NONE;
}

/* The caller cleared run_heads of the pages, unless they never had any. */
static void join_and_link(struct gc__pages *pages, uint32_t first, uint32_t count) {
  uint32_t before = free_run_before(pages, first), after = free_run_at(pages, first + count);
  pages->free_pages += count;
  if (after != GC__NONE) {
    count += run_at(pages, after)->page_count;
    unlink_free(pages, after);
  }
  if (before != GC__NONE) {
    count += run_at(pages, before)->page_count;
    unlink_free(pages, before);
    first = before;
  }
  link_free(pages, first, count);
}

void gc__pages_give(struct gc__pages *pages, uint32_t first, uint32_t count) {
  pages->dirty_free_pages += count_charged(pages->space, first, count);
  forget_away(pages->space, first, count, false);
  join_and_link(pages, first, count);
}

void gc__pages_give_fixed(struct gc__pages *pages) {
  uint32_t count = (uint32_t)(pages->space->span_bytes / GC__PAGE_BYTES);
  set_dirty(pages->space, 0, count, true);
  gc__pages_give(pages, 0, count);
}

bool gc__pages_grow(struct gc__pages *pages, uint32_t count, uint32_t alignment_pages) {
  struct gc__space *space = pages->space;
  size_t first = space->span_bytes / GC__PAGE_BYTES;
  size_t start = first;
  uint32_t tail = free_run_before(pages, (uint32_t)first);
  if (tail != GC__NONE) start = tail;
  if (align_page(pages, start, alignment_pages) + count <= first) start = first; /* fits, but is black */
  size_t end = align_page(pages, start, alignment_pages) + count;
  if (end > GC__NONE / 2) return false;
  if (!gc__space_extend(space, (end - first) * GC__PAGE_BYTES)) return false;
  join_and_link(pages, (uint32_t)first, (uint32_t)(space->span_bytes / GC__PAGE_BYTES - first));
  return true;
}

/* ---- Returning memory to the system ---- */

/* The pages lost their memory: they are clean, or away ([swap.free]). */
static void note_discarded(struct gc__space *space, size_t first, size_t end) {
  for (size_t page = first; page < end; page++) {
    if (gc__swap_is_mapped(space->swap, page)) gc__bit_set(space->swap->away, page);
    else space->dirty_pages[page / 64] &= ~((uint64_t)1 << page % 64);
  }
}

static bool is_charged(const struct gc__space *space, size_t page) {
  return gc__swap_charged_word(space, page / 64) >> page % 64 & 1;
}

/* Whether the block lies in the free run [first, end), none of its pages is charged, and none of its bytes says that a
 * false root word points there. */
static bool is_bare(const struct gc__space *space, size_t block, size_t first, size_t end) {
  if (block * GC__BLOCK_PAGES < first || (block + 1) * GC__BLOCK_PAGES > end) return false;
  return !space->blocks[block].has_no_bytes && !space->blocks[block].black_epoch &&
         !count_charged(space, (uint32_t)(block * GC__BLOCK_PAGES), (uint32_t)GC__BLOCK_PAGES);
}

/* Gives the liveness bytes back of what was discarded in a free run: [pages.bytes]. Only whole pages of the system can
 * be: those of ordinary blocks, and nothing of a fixed space goes back. */
static void return_bytes(struct gc__space *space, size_t page, size_t stop, size_t first, size_t end) {
  size_t blocks_end = (stop - 1) / GC__BLOCK_PAGES + 1;
  for (size_t block = page / GC__BLOCK_PAGES, next; block < blocks_end; block = next + 1) {
    for (next = block; next < blocks_end && is_bare(space, next, first, end);) next++;
    size_t bytes = (next - block) * GC__BLOCK_GRANULES;
    if (!bytes || !gc__os_discard(space->live + block * GC__BLOCK_GRANULES, bytes)) continue;
    for (size_t i = block; i < next; i++) space->blocks[i].has_no_bytes = true;
    gc__word_add(&space->returned_pages, next - block);
    gc__budget_give(space->budget, bytes);
  }
}

/* Discards the charged ones of these pages, at most that many; how many it were. is_free: of a free run, whose shadow
 * and liveness bytes go as well. */
static size_t discard_charged(struct gc__pages *pages, uint32_t first, uint32_t count, size_t most, bool is_free) {
  struct gc__space *space = pages->space;
  size_t end = (size_t)first + count, done = 0;
  for (size_t page = first; page < end && done < most;) {
    page = gc__bit_next(space->dirty_pages, page, end);
    if (page < end && !is_charged(space, page)) {
      page++;
      continue;
    }
    size_t stop = page;
    while (stop < end && stop - page < most - done && is_charged(space, stop)) stop++;
    if (stop == page) break;
    if (!gc__os_discard((char *)space->base + page * GC__PAGE_BYTES, (stop - page) * GC__PAGE_BYTES)) break;
    note_discarded(space, page, stop);
    if (is_free) return_bytes(space, page, stop, first, end);
    if (is_free && space->counts) gc__shadow_discard(&space->counts->shadow, page, stop - page);
    done += stop - page;
    page = stop;
  }
  gc__budget_give(space->budget, done * GC__PAGE_BYTES);
  return done;
}

/* [sweep.punched] What is mapped to the swap file stays: discarded, it would be what the file has, and away. The shadow
 * of cells that hold nothing is zero, and goes, too. */
size_t gc__pages_punch(struct gc__pages *pages, uint32_t first, uint32_t count) {
  struct gc__space *space = pages->space;
  if (space->is_fixed || gc__swap_is_mapped(space->swap, first)) return 0;
  size_t done = discard_charged(pages, first, count, count, false);
  if (done && space->counts) gc__shadow_discard(&space->counts->shadow, first, count);
  return done;
}

/* No page of a block that may be taken is away ([swap.idle]): what is dirty of it is charged. */
bool gc__pages_mend(struct gc__pages *pages, uint32_t first, uint32_t count, size_t *mended_pages) {
  size_t clean = count - count_dirty(pages->space, first, count);
  *mended_pages = 0;
  if (GC__LIKELY(!clean)) return true;
  if (!gc__budget_take(pages->space->budget, clean * GC__PAGE_BYTES)) return false;
  *mended_pages = clean;
  set_dirty(pages->space, first, count, true);
  return true;
}

static size_t discard_in_run(struct gc__pages *pages, uint32_t first, uint32_t count, size_t most) {
  size_t done = discard_charged(pages, first, count, most, true);
  pages->dirty_free_pages -= done;
  if (pages->idle_pages > pages->dirty_free_pages) pages->idle_pages = pages->dirty_free_pages;
  return done;
}

void gc__pages_drop(struct gc__pages *pages, uint32_t first, uint32_t count) {
  (void)discard_charged(pages, first, count, count, false);
}

size_t gc__pages_discard(struct gc__pages *pages, size_t count) {
  size_t done = 0;
  if (pages->space->is_fixed) return 0;
  for (unsigned bin = GC__RUN_BIN_COUNT; bin-- > 0 && done < count && pages->dirty_free_pages;)
    for (uint32_t run = pages->bins[bin]; run != GC__NONE && done < count; run = run_at(pages, run)->next)
      done += discard_in_run(pages, run, run_at(pages, run)->page_count, count - done);
  return done;
}

size_t gc__pages_discard_idle(struct gc__pages *pages, size_t kept_pages) {
  size_t free_pages = pages->dirty_free_pages, idle = pages->idle_pages;
  if (free_pages < kept_pages + idle) idle = free_pages > kept_pages ? free_pages - kept_pages : 0;
  size_t done = gc__pages_discard(pages, idle - idle / 8);
  pages->idle_pages = pages->dirty_free_pages;
  return done;
}

void gc__pages_verify(const struct gc__pages *pages) {
  size_t free_pages = 0, dirty = 0;
  for (unsigned bin = 0; bin < GC__RUN_BIN_COUNT; bin++)
    for (uint32_t run = pages->bins[bin]; run != GC__NONE; run = run_at(pages, run)->next) {
      uint32_t count = run_at(pages, run)->page_count;
      gc__verify(run_at(pages, run)->state == GC__RUN_FREE && bin_of(count) == bin, "pages.heads");
      gc__verify(pages->space->run_heads[run] == run + 1 && pages->space->run_heads[run + count - 1] == run + 1,
                 "pages.heads");
      gc__verify(free_run_before(pages, run) == GC__NONE && free_run_at(pages, run + count) == GC__NONE, "pages.whole");
      free_pages += count;
      dirty += count_charged(pages->space, run, count);
    }
  size_t returned = 0;
  for (size_t block = 0; block < gc__block_count(pages->space); block++)
    returned += pages->space->blocks[block].has_no_bytes;
  gc__verify(returned == pages->space->returned_pages, "pages.bytes");
  gc__verify(free_pages == pages->free_pages && dirty == pages->dirty_free_pages, "pages.counts");
}
