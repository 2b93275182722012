"""From the runs of one workload to the rows of its table.

A row has the spread of each measure over the rounds, pauses pooled over them, and ratios against the reference peers
of the same rounds (bdwgc with as many markers, and malloc).
"""
from dataclasses import dataclass, field
from typing import Optional

from . import figures as f

REFERENCES = ("bdwgc", "malloc")
MINOR, FULL = 0, 1  # kinds of pauses in a report


@dataclass
class Row:
    configuration: object
    failure: Optional[str] = None
    failed_count: int = 0
    time: Optional[f.Spread] = None  # ns, of the timed part
    peak: Optional[f.Spread] = None  # bytes, of the process
    collections: Optional[f.Spread] = None
    pauses_ns: list = field(default_factory=list)
    full_pauses_ns: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)  # name: Spread
    time_ratio: dict = field(default_factory=dict)  # reference peer: Spread
    peak_ratio: dict = field(default_factory=dict)


def good(runs):
    """{round: run} of those that succeeded."""
    return {number: run for number, run in enumerate(runs) if run["failure"] is None}


def times_ns(runs):
    return {number: run["report"]["wall_ns"] for number, run in good(runs).items()}


def peaks_bytes(runs):
    return {number: run["peak_bytes"] for number, run in good(runs).items()}


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
    row.time = f.spread(times_ns(runs).values())
    row.peak = f.spread(peaks_bytes(runs).values())
    row.collections = f.spread(collections_of(run["report"]) for run in good(runs).values())
    row.pauses_ns = pauses_ns(runs)
    row.full_pauses_ns = pauses_ns(runs, (FULL,))
    row.figures = figure_spreads(runs)
    for peer in REFERENCES:
        reference = reference_of(peer, configuration, all_runs)
        if reference is None:
            continue
        row.time_ratio[peer] = f.paired_ratio(times_ns(runs), times_ns(all_runs[reference]))
        row.peak_ratio[peer] = f.paired_ratio(peaks_bytes(runs), peaks_bytes(all_runs[reference]))
    return row


def make_rows(all_runs):
    return [make_row(configuration, all_runs) for configuration in all_runs]
