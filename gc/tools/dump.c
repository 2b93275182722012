/* tools/dump.c - gc_dump: a page for people about the heap as it is now. */
#include "tools/dump.h"
#include "heap/block.h"

#include <string.h>

struct class_row {
  size_t blocks, live_cells;
};

static const char *const kind_names[GC__KIND_COUNT] = {"scanned", "leaf", "root", "aligned", "typed"};

/* Counts by the last trace: cells allocated since are not among them. */
static void count_classes(const struct gc__heap *heap, struct class_row rows[GC__KIND_COUNT][GC__CLASS_COUNT]) {
  for (uint32_t block = 0; block < gc__block_count(&heap->space); block++) {
    const struct gc__block *facts = &heap->space.blocks[block];
    if (facts->state == GC__BLOCK_NONE) continue;
    rows[facts->kind][facts->size_class].blocks++;
    rows[facts->kind][facts->size_class].live_cells += gc__block_count_live(heap, block);
  }
}

static void print_classes(FILE *out, const struct gc__heap *heap) {
  struct class_row rows[GC__KIND_COUNT][GC__CLASS_COUNT];
  memset(rows, 0, sizeof rows);
  count_classes(heap, rows);
  fprintf(out, "  %-8s %8s %8s %12s %8s\n", "kind", "bytes", "blocks", "live cells", "used");
  for (unsigned kind = 0; kind < GC__KIND_COUNT; kind++)
    for (unsigned class = 0; class < GC__CLASS_COUNT; class ++) {
      const struct class_row *row = &rows[kind][class];
      if (!row->blocks) continue;
      size_t cells = row->blocks * gc__block_cells(&heap->space, &gc__size_classes[class]);
      fprintf(out, "  %-8s %8u %8zu %12zu %7zu%%\n", kind_names[kind], gc__size_classes[class].cell_bytes, row->blocks,
              row->live_cells, row->live_cells * 100 / cells);
    }
}

static void print_large(FILE *out, const struct gc__heap *heap) {
  size_t count = 0, bytes = 0;
  const uint32_t lists[] = {heap->large, heap->root_large};
  for (unsigned i = 0; i < 2; i++)
    for (uint32_t first = lists[i]; first != GC__NONE; first = heap->space.runs[first].next) {
      count++;
      bytes += (size_t)heap->space.runs[first].page_count * GC__PAGE_BYTES;
    }
  fprintf(out, "  large objects: %zu, %zu bytes\n", count, bytes);
  fprintf(out, "  free pages: %zu, of them %zu with memory; span %zu of %zu bytes reserved\n", heap->pages.free_pages,
          heap->pages.dirty_free_pages, heap->space.span_bytes, heap->space.reserved_bytes);
}

void gc__dump_heap(FILE *out, const struct gc__heap *heap) {
  print_classes(out, heap);
  print_large(out, heap);
}
