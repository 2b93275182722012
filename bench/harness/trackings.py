"""What noticing stores costs: every workload under each tracking, beside mark-sweep, which needs none of them.

All have the same number of markers and the same settings, so that the peak memory of the two modes can be compared
here, too. Where the trackings were named, the rows of the suite are what is told of; else these are runs of their own,
fewer than there.
"""
import math

from . import catalog, figures as f, options as option, results, rows, table
from .schedule import Progress, Series, tasks

COMPARED = ("pages", "protect", "barrier", "none")
COUNTED = ("pages", "barrier", "none")  # the same of refcount mode
SWEEP, GENERATIONAL, REFCOUNT = "mark-sweep", "generational", "refcount"
ROUNDS, QUICK_ROUNDS = 2, 1


class Costs:
    """outcome: {workload: (parameters, rows)}; left_out: {tracking: why}."""

    def __init__(self, outcome, left_out):
        self.outcome, self.left_out = outcome, left_out

    def failures(self):
        return [(name, row) for name, (_, found) in self.outcome.items() for row in found
                if row.failure and row.configuration.peer == "trefoil"]


def find(found, tracking, mode=GENERATIONAL):
    """The row of that mode under this tracking, or of mark-sweep for None: that with the most markers."""
    mode = mode if tracking else SWEEP
    matching = [row for row in found if row.configuration.peer == "trefoil" and row.configuration.mode == mode and
                row.configuration.tracking == tracking and not row.configuration.nursery_bytes]
    return max(matching, key=lambda row: row.configuration.markers, default=None)


def ratio(found, tracking, values, mode=GENERATIONAL):
    """Of a row to mark-sweep, in the middle of all rounds; None where one of the two is absent.

    values: row -> {round: value}
    """
    row, sweep = find(found, tracking, mode), find(found, None)
    spread = f.paired_ratio(values(row), values(sweep)) if row and sweep else None
    return spread.median if spread else None


def time_ratio(found, tracking, mode=GENERATIONAL):
    return ratio(found, tracking, lambda row: row.times, mode)


def peak_ratio(found):
    """The largest under any tracking."""
    ratios = [ratio(found, tracking, lambda row: row.peaks) for tracking in COMPARED]
    return max((value for value in ratios if value), default=None)


def mean(values):
    """Geometric; None of no values."""
    known = [value for value in values if value]
    return math.exp(sum(map(math.log, known)) / len(known)) if known else None


# ---- Runs ----

def is_wanted(options):
    has_both = SWEEP in options.modes and GENERATIONAL in options.modes
    return options.tracking_costs and not options.trackings_named and has_both


def parameters(options, workload):
    shorter = None if options.quick else workload.trackings_full
    return shorter or option.parameters(options, workload)


def series(options, absent):
    """A Series for each workload."""
    markers = max(options.markers or (options.processors,))
    trackings = [tracking for tracking in COMPARED if tracking not in absent]
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    found = []
    for name in options.only:
        workload = catalog.WORKLOADS[name]
        configurations = option.trefoil(SWEEP, markers, ()) + option.trefoil(GENERATIONAL, markers, trackings)
        if REFCOUNT in options.modes:
            counted = [tracking for tracking in COUNTED if tracking in trackings]
            configurations += option.trefoil(REFCOUNT, markers, counted[:1] if options.quick else counted)
        found.append(Series(workload, [c for c in configurations if option.can_run(workload, c)],
                            min(rounds, option.rounds(options, workload)), parameters(options, workload)))
    return found


def measure(runner, document, absent):
    """Result: Costs. absent: {tracking: why}, of those that this machine has not."""
    options, outcome = runner.options, {}
    all_series = series(options, absent)
    runner.progress = Progress(tasks(options, all_series))
    for one in all_series:
        runs = runner.run_series(one)
        document["trackings"]["workloads"].append(results.workload_entry(one.workload, one.parameters, runs))
        outcome[one.workload.name] = (one.parameters, rows.make_rows(runs))
    document["trackings"]["left_out"] = absent
    return Costs(outcome, absent)


def from_suite(options, outcome):
    """Costs out of the rows of the suite, or None if there is no tracking among them to tell of."""
    named = [tracking for tracking in COMPARED if tracking in options.trackings]
    return Costs(outcome, {}) if options.trackings_named and named and SWEEP in options.modes else None


def from_saved(document, only):
    """Costs of a file of results, which has them beside the suite's rows or among them; None if it has none."""
    saved = document.get("trackings", {"left_out": {}, "workloads": []})
    outcome = {entry["name"]: results.from_entry(entry) for entry in saved["workloads"] or document["workloads"]
               if entry["name"] in only}
    has_rows = any(find(found, tracking) for _, found in outcome.values() for tracking in COMPARED)
    return Costs(outcome, saved["left_out"]) if has_rows else None


# ---- The table ----

def cells(costs):
    """Lines of cells, the heading first, the means over all workloads last."""
    counted = [tracking for tracking in COUNTED
               if any(find(found, tracking, REFCOUNT) for _, found in costs.outcome.values())]
    lines = [["", "mark-sweep, s"] + list(COMPARED) + ["largest peak"] + [f"{REFCOUNT}, {t}" for t in counted]]
    ratios = []
    for name, (_, found) in costs.outcome.items():
        sweep = find(found, None)
        values = [time_ratio(found, tracking) for tracking in COMPARED] + [peak_ratio(found)]
        values += [time_ratio(found, tracking, REFCOUNT) for tracking in counted]
        ratios.append(values)
        seconds = sweep.time.median / 1e9 if sweep and sweep.time else None
        lines.append([name] + [table.number_cell(value) for value in [seconds] + values])
    if len(ratios) > 1:
        lines.append(["geometric mean", ""] + [table.number_cell(mean(column)) for column in zip(*ratios)])
    return lines


HEADING = "Cost of the trackings"
TITLE = ("time of generational mode under each, as a multiple of mark-sweep's; its largest peak memory likewise; the "
         "time of refcount mode, where it ran")


def note_lines(costs):
    for name, row in costs.failures():
        yield f"{name}: {row.configuration.label()}: FAILED: {row.failure}"
    for tracking, why in costs.left_out.items():
        yield f"left out: {tracking}: {why}"
    if any(catalog.WORKLOADS[name].program for name in costs.outcome if name in catalog.WORKLOADS):
        yield f"no barrier for an example program: {catalog.PLAIN_STORES}"


def table_lines(costs):
    if costs is None:
        return
    yield f"{HEADING}: {TITLE}"
    yield from ("  " + line for line in table.align(cells(costs), left=1))
    yield from ("  " + line for line in note_lines(costs))
