"""From the runs of one workload to the rows of its table.

A row has the spread of each measure over the rounds, pauses pooled over them, and ratios against the reference peers
of the same rounds (bdwgc with as many markers, and malloc).

Overhead over the distilled lower bound (Cai et al. 2022): what a program costs with this configuration, over the least
that it can cost without any collection. The least is taken over all configurations of the workload, each with the time
in its pauses subtracted; what cannot be measured (barriers, allocation, the cache) stays in, so that the true overhead
is larger, never smaller. Processor time has the same pauses subtracted once, however many markers ran in them, and
only in the share of time in which the program had a processor at all.
"""
from dataclasses import dataclass, field
from typing import Optional

from . import figures as f, utilisation

REFERENCES = ("bdwgc", "malloc")
MINOR, FULL = 0, 1  # kinds of pauses in a report


@dataclass
class Row:
    configuration: object
    failure: Optional[str] = None
    failed_count: int = 0
    time: Optional[f.Spread] = None  # ns, of the timed part
    cpu: Optional[f.Spread] = None  # ns, of the timed part
    peak: Optional[f.Spread] = None  # bytes, of the process
    mean: Optional[f.Spread] = None  # bytes resident, over the time of the process
    shadow: Optional[f.Spread] = None  # bytes of these, of a mode that counts, beside the heap at the end
    collections: Optional[f.Spread] = None
    pauses_ns: list = field(default_factory=list)  # of both kinds
    minor_pauses_ns: list = field(default_factory=list)
    full_pauses_ns: list = field(default_factory=list)
    tracking: Optional[str] = None  # what stores were noticed by, as the library told
    times: dict = field(default_factory=dict)  # round: ns
    peaks: dict = field(default_factory=dict)  # round: bytes
    figures: dict = field(default_factory=dict)  # name: Spread
    time_ratio: dict = field(default_factory=dict)  # reference peer: Spread
    peak_ratio: dict = field(default_factory=dict)
    utilisation: list = field(default_factory=list)  # (window_ns, share): the curve
    table_utilisation: list = field(default_factory=list)  # the same for the windows of the table
    time_overhead: Optional[float] = None  # over the lower bound; 1: nothing above it
    cpu_overhead: Optional[float] = None


def good(runs):
    """{round: run} of those that succeeded."""
    return {number: run for number, run in enumerate(runs) if run["failure"] is None}


def times_ns(runs):
    return {number: run["report"]["wall_ns"] for number, run in good(runs).items()}


def peaks_bytes(runs):
    return {number: run["peak_bytes"] for number, run in good(runs).items()}


def cpu_times_ns(runs):
    return {number: run["report"]["cpu_ns"] for number, run in good(runs).items()}


def means_bytes(runs):
    return {number: run["mean_bytes"] for number, run in good(runs).items()}


def shadows_bytes(runs):
    return {number: run["report"].get("shadow_bytes", 0) for number, run in good(runs).items()}


def timelines(runs):
    return [utilisation.Timeline([(start, length) for _, start, length in run["report"]["pauses"]],
                                 run["report"]["wall_ns"]) for run in good(runs).values()]


def collection_ns(run):
    """Time in pauses of the timed part."""
    wall_ns = run["report"]["wall_ns"]
    return sum(min(length, wall_ns - start) for _, start, length in run["report"]["pauses"] if start < wall_ns)


def processor_share(run, cost):
    """What a pause costs at least, of its length: all of it in time, less in processor time on a busy machine."""
    report = run["report"]
    return min(1, report["cpu_ns"] / report["wall_ns"]) if cost == "cpu_ns" and report["wall_ns"] else 1


def least_cost_ns(all_runs, cost):
    """The distilled cost: the smallest median, over all configurations, of a cost less the collections in it."""
    candidates = [f.median([run["report"][cost] - collection_ns(run) * processor_share(run, cost)
                            for run in good(runs).values()])
                  for runs in all_runs.values() if good(runs)]
    positive = [candidate for candidate in candidates if candidate > 0]
    return min(positive) if positive else None


def overhead(spread, least_ns):
    return spread.median / least_ns if spread and least_ns else None


def pauses_ns(runs, kinds=(MINOR, FULL)):
    return [length for run in good(runs).values() for kind, _, length in run["report"]["pauses"] if kind in kinds]


def figure_spreads(runs):
    succeeded = list(good(runs).values())
    names = dict.fromkeys(name for run in succeeded for name in run["figures"])
    return {name: f.spread(run["figures"][name] for run in succeeded if name in run["figures"]) for name in names}


def reference_of(peer, configuration, all_runs):
    """The configuration of this peer to compare with: as many markers, else the most."""
    candidates = [c for c in all_runs if c.peer == peer]
    same = [c for c in candidates if c.markers == configuration.markers]
    return (same or sorted(candidates, key=lambda c: -c.markers) or [None])[0]


def collections_of(report):
    return report["minor_collections"] + report["full_collections"]


def make_row(configuration, all_runs):
    runs = all_runs[configuration]
    failures = [run["failure"] for run in runs if run["failure"]]
    row = Row(configuration, failures[0] if failures else None, len(failures))
    row.times, row.peaks = times_ns(runs), peaks_bytes(runs)
    row.time = f.spread(row.times.values())
    row.cpu = f.spread(cpu_times_ns(runs).values())
    row.peak = f.spread(row.peaks.values())
    row.mean = f.spread(means_bytes(runs).values())
    row.shadow = f.spread(value for value in shadows_bytes(runs).values() if value)
    row.collections = f.spread(collections_of(run["report"]) for run in good(runs).values())
    row.pauses_ns = pauses_ns(runs)
    row.minor_pauses_ns = pauses_ns(runs, (MINOR,))
    row.full_pauses_ns = pauses_ns(runs, (FULL,))
    row.tracking = next((run["report"].get("tracking") for run in good(runs).values()), None)
    row.figures = figure_spreads(runs)
    row.utilisation = utilisation.curve(timelines(runs))
    row.table_utilisation = utilisation.curve(timelines(runs), utilisation.TABLE_WINDOWS_NS)
    row.time_overhead = overhead(row.time, least_cost_ns(all_runs, "wall_ns"))
    row.cpu_overhead = overhead(row.cpu, least_cost_ns(all_runs, "cpu_ns"))
    for peer in REFERENCES:
        reference = reference_of(peer, configuration, all_runs)
        if reference is None:
            continue
        row.time_ratio[peer] = f.paired_ratio(row.times, times_ns(all_runs[reference]))
        row.peak_ratio[peer] = f.paired_ratio(row.peaks, peaks_bytes(all_runs[reference]))
    return row


def make_rows(all_runs):
    return [make_row(configuration, all_runs) for configuration in all_runs]
