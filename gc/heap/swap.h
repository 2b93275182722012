/* heap/swap.h - cold parts of the heap, moved to a file.
 *
 * The heap is moved in units of a chunk (2 MiB). A unit's contents are written to a slot of the file while the program
 * runs; then, with the world stopped, they are compared, and the slot is mapped in the unit's place (os/swap_file.h).
 * What was written meanwhile differs, and stays. So a stop moves at most GC__SWAP_STOP_UNITS units, and does so much:
 * 8 MiB are read twice and unmapped, 2 to 4 ms; it waits for no disk, unless the system has dropped what was written a
 * moment ago. Liveness bytes and all other tables stay in memory.
 *
 * [swap.away] A page that is away has its contents in the file, is dirty, and lies in a mapped unit; it is not charged
 * to the budget. All pages of a unit are away when it was moved. One is back when it is handed out, or when it is found
 * to have been written: then the system has given the process a copy of its own. Writes are looked for after a
 * collection, in the units that the log told of, and in all that are mapped after a full one, so that until then more
 * memory may be in use than the budget knows.
 * [swap.free] A free page of a mapped unit has any contents: discarding it brings back what the file has. It is dirty,
 * and away where it is not charged.
 * [swap.slot] The slot of a unit is used for another one when no page of it that is taken is away.
 * [swap.idle] Blocks of a unit that is away are in no list of available blocks: handing out their cells would bring
 * pages back. The sweeper lists them again when the unit is back.
 * [swap.private] A fork ends the use of a file, since the child sees in it what it has not touched: both processes keep
 * what they have mapped, and make new files for what they move next.
 *
 * [swap.uncounted] In the mode that counts, a page that is away has no shadow (heap/shadow.h), which would take as much
 * memory as the page did: what its words name is stuck, and left to traces. So such a heap, too, may be larger than
 * memory; what cold objects hold is found dead later.
 *
 * Which units are cold: those that no thread hands cells out from and that have no young objects, without a written
 * page since the last collection; longest unwritten first, and of these the ones of leaves, which a full collection
 * does not read. Where there is no log (mark-sweep mode, tracking `none`) only what was found written or handed out
 * counts: the system keeps no record of reads and writes that could be had for less than a write-protection of the
 * whole heap, and a wrong choice costs one fault a page and is not repeated at once, as its unit has changed.
 *
 * All of this is changed under the collector's lock, the bits of pages under the heap's lock or with the world stopped.
 */
#ifndef GC_HEAP_SWAP_H
#define GC_HEAP_SWAP_H

#include "heap/space.h"
#include "os/swap_file.h"

struct gc__heap;

#define GC__SWAP_STOP_UNITS   4u
#define GC__SWAP_CHOICES_MOST 64u
#define GC__CHUNK_PAGES       (GC__CHUNK_BYTES / GC__PAGE_BYTES)
#define GC__CHUNK_WORDS       (GC__CHUNK_PAGES / 64)

/* What a unit has for a slot when its pages that are away lie in a file of before a fork. */
#define GC__SLOT_SEALED (UINT32_MAX - 1)

struct gc__swap_unit {
  uint32_t slot;      /* in which its pages that are away lie; GC__NONE: no taken page of it is away */
  uint32_t mapped_to; /* the slot that is mapped there, still its own or not; where is_mapped */
  uint32_t
      changed_at;  /* the turn in which it was seen written, or handed out, last; one that came back is put forward */
  bool is_mapped;  /* not memory of the process' own */
  bool is_suspect; /* may have been written since it was looked at */
};

/* A unit on its way. */
struct gc__swap_move {
  uint32_t unit, slot;
};

struct gc__swap {
  bool is_on;
  bool has_record; /* of writes: heap/write_log.h */
  bool is_eager;   /* everything counts as cold: for tests */
  struct gc__swap_file file;
  struct gc__swap_unit *units; /* a chunk */
  uint64_t *away;              /* a bit a page: [swap.away] */
  uint64_t *used;              /* a bit a slot */
  struct gc__region unit_memory, away_memory, used_memory;
  uint32_t slots_most, slots_end;    /* [0, slots_end) were used at some time */
  uint32_t slots_used, slots_sealed; /* sealed: units of GC__SLOT_SEALED */
  uint32_t edges;                    /* places where mappings meet that could not be one: about what they cost */
  uint32_t turn;                     /* collections so far */
  int error;                         /* why the last move failed; 0: it did not */
  volatile size_t away_bytes;        /* of pages that are taken and away */
  char path[GC__SWAP_PATH_BYTES];
};

/* Makes the file, for a heap that may have a span. bytes: of the file at most; 0: what the file system has. 0; ENOMEM;
 * as gc__swap_file_open. Swapping is off after an error. */
int gc__swap_open(struct gc__heap *heap, const char *path, size_t bytes);
void gc__swap_close(struct gc__heap *heap);

/* Makes the tables long enough for that span. False: no memory. */
bool gc__swap_extend(struct gc__swap *swap, size_t span_bytes);

/* The coldest units, at most that many; how many there are. is_urgent: others too, if there are too few. In a section,
 * no lock held but the collector's. */
uint32_t gc__swap_choose(struct gc__heap *heap, bool is_urgent, uint32_t *units, uint32_t most);

/* Writes a unit to a free slot, and waits for the disk. 0, or why not, which swap.error says as well: nothing has
 * changed. EFAULT, which it does not say: part of the unit is no memory that can be read, and others may go. As
 * gc__swap_choose.
 */
int gc__swap_save(struct gc__heap *heap, uint32_t unit, struct gc__swap_move *move);

/* Puts the slot in the unit's place: how many bytes of memory that gave back. 0: the unit has changed meanwhile, or the
 * system refused; the slot is free again. World stopped. */
size_t gc__swap_finish(struct gc__heap *heap, const struct gc__swap_move *move);

/* These pages were written. World stopped. */
void gc__swap_note_written(struct gc__heap *heap, uintptr_t start, uintptr_t end);

/* Takes back what was written of mapped units: all of them, or those that are suspect. Units of which nothing is left
 * become memory again. In a section, no lock held. */
void gc__swap_take_back(struct gc__heap *heap, bool is_full);

/* What may still be moved. */
uint64_t gc__swap_room_bytes(const struct gc__swap *swap);

/* For checkers: the invariants in brackets above. World stopped. Aborts where one is broken. */
void gc__swap_verify(const struct gc__heap *heap);

/* In parent and child of a fork: async-signal-safe. */
void gc__swap_after_fork(struct gc__swap *swap);

/* Whether blocks of the unit that this one lies in must not be handed out: [swap.idle]. */
static inline bool gc__swap_keeps_idle(const struct gc__swap *swap, uint32_t block) {
  return swap && swap->units[block / GC__CHUNK_BLOCKS].slot != GC__NONE;
}

/* For heap/pages.c. */
static inline bool gc__swap_is_away(const struct gc__swap *swap, size_t page) {
  return swap && gc__bit_test(swap->away, page);
}
static inline bool gc__swap_is_mapped(const struct gc__swap *swap, size_t page) {
  return swap && swap->units[page / GC__CHUNK_PAGES].is_mapped;
}
/* Those of 64 pages that are charged. */
static inline uint64_t gc__swap_charged_word(const struct gc__space *space, size_t word) {
  return space->dirty_pages[word] & ~(space->swap ? space->swap->away[word] : 0);
}

#endif
