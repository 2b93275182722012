"""Time against heap size: a workload in heaps of 1.25 to 5 times its live size, with each collector.

The live size is the most that any collection finds reachable when the heap may grow by 5 % only between two; what lives
for less time than passes between two may be missed, so that small heaps come out smaller than they are. A heap of
F times that is given to trefoil as TREFOIL_LIMIT, with growth up to it (TREFOIL_GROWTH), and to bdwgc as
GC_MAXIMUM_HEAP_SIZE, taken at once (GC_INITIAL_HEAP_SIZE) and used before collecting (GC_FREE_SPACE_DIVISOR=1). The
limits hold for all that the library commits, tables included; what does not fit fails, and is shown so.
"""
import time

from . import catalog, figures as f, launch, options as option, rows, table
from .schedule import Progress

FACTORS = (1.25, 1.5, 2, 3, 5)
LIVE_GROWTH_PERCENT = 5


def parameters(options, workload):
    return workload.heap_sizes_quick if options.quick else workload.heap_sizes_full


def chosen(options):
    """The workloads of this run that are measured in several heaps, if any collector is there to do it."""
    return [catalog.WORKLOADS[name] for name in options.only if catalog.WORKLOADS[name].heap_sizes_full]


def rounds(options):
    return min(options.repeat or 99, 1 if options.quick else 3)


def configurations(options, live_bytes):
    """[(factor, configuration)], collectors side by side."""
    found = []
    for factor in FACTORS:
        heap_bytes, growth_percent = int(live_bytes * factor), round((factor - 1) * 100)
        for configuration in option.collectors(options, options.processors):
            found.append((factor, configuration._replace(heap_bytes=heap_bytes, growth_percent=growth_percent)))
    return found


def measure_live_bytes(runner, workload, values):
    """The live size, or None with the reason why it is unknown."""
    configuration = catalog.Configuration("trefoil", "mark-sweep", runner.options.processors,
                                          growth_percent=LIVE_GROWTH_PERCENT)
    run = launch.run(runner.launcher, runner.command(workload.name, configuration, values), configuration, 0,
                     runner.options.limit, extra={"BENCH_LIVE": "1"})
    if run["failure"]:
        return None, run["failure"]
    live_bytes = run["report"].get("live_bytes", 0)
    return (live_bytes, None) if live_bytes else (None, "no collection told the size of the live heap")


class Measurement:
    """Of one workload: live_bytes, or failure; runs: {(factor, configuration): [run, ...]}."""

    def __init__(self, workload, values):
        self.workload, self.parameters = workload, values
        self.live_bytes, self.failure, self.runs = None, None, {}

    def median_s(self, factor, configuration):
        spread = f.spread(rows.times_ns(self.runs[factor, configuration]).values())
        return spread.median / 1e9 if spread else None

    def lines(self):
        """{label: [(factor, seconds or None)]}, a line of the plot each."""
        found = {}
        for factor, configuration in self.runs:
            points = found.setdefault(configuration.label(), [])
            points.append((factor, self.median_s(factor, configuration)))
        return found


def measure(runner, workload, progress):
    options, values = runner.options, parameters(runner.options, workload)
    result = Measurement(workload, values)
    progress.show(f"{workload.name}: its live size")
    result.live_bytes, result.failure = measure_live_bytes(runner, workload, values)
    if result.failure:
        return result
    wanted = configurations(options, result.live_bytes)
    result.runs = {key: [] for key in wanted}
    for number in range(rounds(options)):
        for factor, configuration in wanted:
            progress.show(f"{workload.name}: {configuration.label()} in {factor} times its live size")
            start_s = time.monotonic()
            run = launch.run(runner.launcher, runner.command(workload.name, configuration, values), configuration,
                             configuration.heap_bytes, options.limit)
            result.runs[factor, configuration].append(run)
            progress.finished((workload.name, configuration.peer), time.monotonic() - start_s)
    return result


def measure_all(runner):
    """Every chosen workload. Result: [Measurement, ...]."""
    options = runner.options
    peers = [configuration.peer for configuration in option.collectors(options, options.processors)]
    progress = Progress([((workload.name, peer), workload.seconds * (0.1 if options.quick else 0.7),
                          len(FACTORS) * rounds(options) * peers.count(peer))
                         for workload in chosen(options) for peer in set(peers)])
    try:
        return [measure(runner, workload, progress) for workload in chosen(options)]
    finally:
        progress.clear()


def table_lines(measurements):
    """The table of all of them: seconds, a column for each factor."""
    if not measurements:
        return
    yield "Time in s against heap size, as a multiple of the live size (-: does not fit)"
    lines = [["", "live MB", ""] + [str(factor) for factor in FACTORS]]
    for measurement in measurements:
        name = measurement.workload.name
        if measurement.failure:
            lines.append([name, "-", f"FAILED: {measurement.failure}"] + ["-"] * len(FACTORS))
            continue
        live = f"{measurement.live_bytes / 1e6:.1f}"
        for label, points in measurement.lines().items():
            lines.append([name, live, label] + [table.number_cell(seconds) for _, seconds in points])
            name = live = ""
    yield from ("  " + line for line in table.align(lines, left=3))


def from_json(saved):
    """A Measurement as as_json has written it, or None for a workload that is not in the catalogue any more."""
    if saved["name"] not in catalog.WORKLOADS:
        return None
    result = Measurement(catalog.WORKLOADS[saved["name"]], saved["parameters"])
    result.live_bytes, result.failure = saved["live_bytes"], saved["failure"]
    result.runs = {(entry["factor"], catalog.from_saved(entry)): entry["runs"] for entry in saved["configurations"]}
    return result


def as_json(measurement):
    return {
        "name": measurement.workload.name,
        "parameters": measurement.parameters,
        "live_bytes": measurement.live_bytes,
        "failure": measurement.failure,
        "configurations": [{**configuration._asdict(), "factor": factor, "runs": runs}
                           for (factor, configuration), runs in measurement.runs.items()],
    }
