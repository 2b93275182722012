/* tools/dump.c - gc_dump: a page for people about the heap as it is now. */
#include "tools/dump.h"
#include "heap/block.h"

#include <string.h>

struct class_row {
  size_t blocks, live_cells;
};

/* Of some rows. */
struct sum {
  size_t bytes, live_bytes;
};

static const char *const kind_names[GC__KIND_COUNT] = {"scanned", "leaf", "root", "aligned", "typed"};

static double in_mib(size_t bytes) {
  return (double)bytes / (1024 * 1024);
}

static unsigned in_percent(size_t part, size_t whole) {
  return whole ? (unsigned)((double)part * 100 / (double)whole + 0.5) : 0;
}

/* Counts by the last trace: cells allocated since are not among them. */
static void count_classes(const struct gc__heap *heap, struct class_row rows[GC__KIND_COUNT][GC__CLASS_COUNT]) {
  for (uint32_t block = 0; block < gc__block_count(&heap->space); block++) {
    const struct gc__block *facts = &heap->space.blocks[block];
    if (facts->state == GC__BLOCK_NONE) continue;
    rows[facts->kind][facts->size_class].blocks++;
    rows[facts->kind][facts->size_class].live_cells += gc__block_count_live(heap, block);
  }
}

static void print_row(FILE *out, const char *kind, const char *bytes, size_t objects, struct sum sum) {
  fprintf(out, "  %-8s %9s %12zu %10.2f %10.2f %6u%%\n", kind, bytes, objects, in_mib(sum.live_bytes),
          in_mib(sum.bytes), in_percent(sum.bytes - sum.live_bytes, sum.bytes));
}

static struct sum print_classes(FILE *out, const struct gc__heap *heap) {
  struct class_row rows[GC__KIND_COUNT][GC__CLASS_COUNT];
  struct sum all = {0, 0};
  memset(rows, 0, sizeof rows);
  count_classes(heap, rows);
  for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++)
    for (unsigned class = 0; class < GC__CLASS_COUNT; class ++) {
      const struct class_row *row = &rows[kind][class];
      char bytes[16];
      if (!row->blocks) continue;
      snprintf(bytes, sizeof bytes, "%u", gc__size_classes[class].cell_bytes);
      struct sum sum = {row->blocks * gc__block_bytes(&heap->space),
                        row->live_cells * gc__size_classes[class].cell_bytes};
      print_row(out, kind_names[kind], bytes, row->live_cells, sum);
      all.bytes += sum.bytes;
      all.live_bytes += sum.live_bytes;
    }
  return all;
}

/* Large objects fill their pages. */
static void print_large(FILE *out, const struct gc__heap *heap, struct sum *all) {
  size_t count = 0, bytes = 0;
  const uint32_t lists[] = {heap->large, heap->root_large};
  for (unsigned i = 0; i < 2; i++)
    for (uint32_t first = lists[i]; first != GC__NONE; first = heap->space.runs[first].next) {
      count++;
      bytes += (size_t)heap->space.runs[first].page_count * GC__PAGE_BYTES;
    }
  if (count) print_row(out, "large", "> 8192", count, (struct sum){bytes, bytes});
  all->bytes += bytes;
  all->live_bytes += bytes;
}

void gc__dump_heap(FILE *out, const struct gc__heap *heap) {
  fprintf(out, "  %-8s %9s %12s %10s %10s %7s\n", "objects", "bytes", "count", "MiB live", "MiB taken", "free");
  struct sum all = print_classes(out, heap);
  print_large(out, heap, &all);
  fprintf(out, "  %-8s %9s %12s %10.2f %10.2f %6u%%\n", "sum", "", "", in_mib(all.live_bytes), in_mib(all.bytes),
          in_percent(all.bytes - all.live_bytes, all.bytes));
  fprintf(out, "  beside: free pages %.2f MiB, tables %.2f MiB; addresses used %.2f MiB of %.0f GiB\n",
          in_mib(heap->pages.dirty_free_pages * GC__PAGE_BYTES), in_mib(gc__space_table_bytes(&heap->space)),
          in_mib(heap->space.span_bytes), in_mib(heap->space.reserved_bytes) / 1024);
}
