"""How minor pauses grow with the live heap: the workload 'live' with heaps of several sizes, trefoil alone.

The nursery has a fixed size, so that every pause has the same young objects to look at, and the same amount is
allocated in each run: what differs between two sizes is the old heap. Writes are scattered over it, or fall into a
tenth of it.
"""
import time

from . import catalog, figures as f, machine, options as option, rows, table
from .schedule import Progress

MIB, GIB = 1 << 20, 1 << 30
SIZES, QUICK_SIZES = (256 * MIB, GIB, 4 * GIB), (32 * MIB, 128 * MIB)
ALLOCATED, QUICK_ALLOCATED = GIB, 64 * MIB
NURSERY = 4 * MIB
TRACKINGS = ("barrier", "pages")  # of the generational mode, and of refcount:
COUNTED = "refcount, pages"
PLACES = {"scattered": 100, "in a tenth": 10}  # percent of the old heap that writes fall into
ROUNDS, QUICK_ROUNDS = 2, 1
MEMORY_PERCENT = 150  # of the live heap: what a run may need
LIVE = catalog.WORKLOADS["live"]


def mode_of(name):
    return "refcount" if name == COUNTED else "generational"


def tracking_of(name):
    return name.split(", ")[-1]


class Growth:
    """runs: {(tracking, place, size): [run, ...]}; left_out: {tracking or size: why}."""

    def __init__(self):
        self.runs, self.left_out = {}, {}

    def minor_pauses_ms(self, tracking, place, size):
        lengths_ns = rows.pauses_ns(self.runs.get((tracking, place, size), []), (rows.MINOR,))
        return [length / 1e6 for length in lengths_ns]

    def median_ms(self, tracking, place, size):
        """None where nothing was measured."""
        lengths_ms = self.minor_pauses_ms(tracking, place, size)
        return f.median(lengths_ms) if lengths_ms else None

    def sizes(self):
        return list(dict.fromkeys(size for _, _, size in self.runs))

    def medians_ms(self, tracking, place):
        """{size: median} of those that were measured."""
        found = {size: self.median_ms(tracking, place, size) for size in self.sizes()}
        return {size: value for size, value in found.items() if value is not None}

    def times(self, tracking, place):
        """The largest median over that of the smallest heap; None of fewer than two sizes."""
        medians = self.medians_ms(tracking, place)
        return max(medians.values()) / medians[min(medians)] if len(medians) > 1 else None

    def ms_per_gib(self, tracking, place):
        """From the smallest heap to the largest."""
        medians = self.medians_ms(tracking, place)
        low, high = min(medians, default=0), max(medians, default=0)
        return (medians[high] - medians[low]) / ((high - low) / GIB) if high > low else None

    def failures(self):
        return [(key, run["failure"]) for key, runs in self.runs.items() for run in runs if run["failure"]]


# ---- Runs ----

def is_wanted(options):
    return options.growth and "generational" in options.modes and LIVE.name in options.only


def parameters(size, place, allocated):
    return {"size": size, "churn_percent": allocated * 100 // size, "written_percent": PLACES[place], "collections": 0}


def wanted(options, growth):
    """The keys that are to be run; what is left out is noted."""
    available = machine.memory_bytes("MemAvailable")
    names = [name for name in (*TRACKINGS, COUNTED)
             if tracking_of(name) not in growth.left_out and mode_of(name) in options.modes]
    found = []
    for size in QUICK_SIZES if options.quick else SIZES:
        if available < size * MEMORY_PERCENT // 100:
            growth.left_out[table.readable(size)] = f"only {available / GIB:.1f} GiB of memory are free"
            continue
        found += [(name, place, size) for name in names for place in PLACES]
    return found


def measure(runner, document, absent):
    """Result: Growth. absent: {tracking: why}, of those that this machine has not."""
    options, growth = runner.options, Growth()
    growth.left_out = {tracking: why for tracking, why in absent.items() if tracking in TRACKINGS}
    keys = wanted(options, growth)
    rounds = min(options.repeat or 99, QUICK_ROUNDS if options.quick else ROUNDS)
    allocated = QUICK_ALLOCATED if options.quick else ALLOCATED
    markers = max(options.markers or (options.processors,))
    growth.runs = {key: [] for key in keys}
    runner.progress = Progress([(key, key[2] / GIB * 12 + 0.1, rounds) for key in keys])
    try:
        for key in keys * rounds:
            run_key(runner, growth, key, markers, allocated)
    finally:
        runner.progress.clear()
    document["growth"] = as_json(growth)
    return growth


def run_key(runner, growth, key, markers, allocated):
    tracking, place, size = key
    configuration, = option.trefoil(mode_of(tracking), markers, (tracking_of(tracking),), (NURSERY,))
    runner.progress.show(f"{LIVE.name}: {configuration.label()}, {table.readable(size)} live, writes {place}")
    start_s = time.monotonic()
    growth.runs[key].append(runner.run_once(LIVE, configuration, size * MEMORY_PERCENT // 100,
                                            parameters(size, place, allocated)))
    runner.progress.finished(key, time.monotonic() - start_s)


# ---- Files ----

def as_json(growth):
    return {"left_out": growth.left_out,
            "runs": [{"tracking": tracking, "place": place, "size": size, "runs": runs}
                     for (tracking, place, size), runs in growth.runs.items()]}


def from_json(saved):
    """None of nothing."""
    if not saved:
        return None
    growth = Growth()
    growth.left_out = saved["left_out"]
    growth.runs = {(entry["tracking"], entry["place"], entry["size"]): entry["runs"] for entry in saved["runs"]}
    return growth


# ---- The table ----

HEADING = "Minor pauses against the live heap"
TITLE = (f"p50/p99 in ms of 'live' (nursery {table.readable(NURSERY)}); writes to old objects scattered over all of "
         "it, or in a tenth")


def pause_cell(lengths_ms):
    if not lengths_ms:
        return "-"
    return "/".join(table.significant(f.percentile(lengths_ms, percent)) for percent in (50, 99))


def cells(growth):
    """Lines of cells, the heading first."""
    lines = [["", ""] + [table.readable(size) for size in growth.sizes()] + ["times", "ms/GiB"]]
    for tracking, place in dict.fromkeys((tracking, place) for tracking, place, _ in growth.runs):
        per_gib = growth.ms_per_gib(tracking, place)
        lines.append([tracking, place] +
                     [pause_cell(growth.minor_pauses_ms(tracking, place, size)) for size in growth.sizes()] +
                     [table.number_cell(growth.times(tracking, place)), "-" if per_gib is None else f"{per_gib:.3f}"])
    return lines


def note_lines(growth):
    for (tracking, place, size), failure in growth.failures():
        yield f"{tracking}, {place}, {table.readable(size)}: FAILED: {failure}"
    for what, why in growth.left_out.items():
        yield f"left out: {what}: {why}"


def table_lines(growth):
    if growth is None:
        return
    yield f"{HEADING}: {TITLE}"
    yield from ("  " + line for line in table.align(cells(growth), left=2))
    yield from ("  " + line for line in note_lines(growth))
