"""What this project promises, against what was measured: printed after the tables of a run at full size.

A claim is about one workload with certain parameters; it is left out when the workload did not run with them or one
of the two sides is absent.
"""
from dataclasses import dataclass
from typing import Callable

from . import catalog, figures as f

MODE = "mark-sweep"
GIB = 1 << 30


@dataclass(frozen=True)
class Claim:
    text: str
    workload: str
    parameters: dict
    limit: float
    value: Callable  # rows of the workload -> number, or None if it cannot be told
    is_floor: bool = False

    def holds(self, value):
        return value >= self.limit if self.is_floor else value <= self.limit


def find(rows, peer, markers=None):
    for row in rows:
        c = row.configuration
        if c.peer == peer and (markers is None or c.markers == markers) and c.mode in (MODE, None) and row.time:
            return row
    return None


def time_ratio(rows):
    row = find(rows, "trefoil")
    ratio = row and row.time_ratio.get("bdwgc")
    return ratio.median if ratio else None


def peak_ratio(rows):
    row = find(rows, "trefoil")
    ratio = row and row.peak_ratio.get("bdwgc")
    return ratio.median if ratio else None


def pause_ratio(markers):
    """Of the medians of full collections, pooled over the rounds."""
    def value(rows):
        ours, theirs = find(rows, "trefoil", markers), find(rows, "bdwgc", markers)
        if not ours or not theirs or not ours.full_pauses_ns or not theirs.full_pauses_ns:
            return None
        return f.median(ours.full_pauses_ns) / f.median(theirs.full_pauses_ns)
    return value


def figure(name, divisor=1):
    """The median of one of the workload's own figures."""
    def value(rows):
        row = find(rows, "trefoil")
        spread = row and row.figures.get(name)
        return spread.median / divisor if spread else None
    return value


LIVE = {"size": GIB}
CLAIMS = (
    Claim("time of bdwgc", "binary-trees", {"depth": 18}, 0.33, time_ratio),
    Claim("peak memory of bdwgc", "binary-trees", {"depth": 18}, 1.0, peak_ratio),
    Claim("median full pause of bdwgc, two markers each", "live", LIVE, 0.25, pause_ratio(2)),
    Claim("median full pause of bdwgc, one marker each", "live", LIVE, 0.42, pause_ratio(1)),
    Claim("peak memory of bdwgc", "live", LIVE, 0.65, peak_ratio),
    Claim("ns to mark an object, one marker", "live-random", LIVE, 16, figure("mark_ns_per_object")),
    Claim("MB above the empty program", "list16", {"count": 10000000}, 1.12 * 160,
          figure("above_empty_bytes", divisor=1e6)),
    Claim("times as fast with two threads", "two-threads", {}, 1.8, figure("scaling"), is_floor=True),
    Claim("memory after round 100 over round 10", "false-roots",
          {"size": 256 << 20, "decoys": 1000000, "rounds": 100}, 1.1, figure("growth")),
)


def check(results):
    """[(claim, value)] of what can be told. results: {workload: (parameters, rows)}."""
    told = []
    for claim in CLAIMS:
        parameters, rows = results.get(claim.workload, ({}, []))
        if any(parameters.get(key) != value for key, value in claim.parameters.items()):
            continue
        value = claim.value(rows)
        if value is not None:
            told.append((claim, value))
    return told


def cells(claim, value):
    bound = f"{'at least' if claim.is_floor else 'at most'} {claim.limit:.4g}"
    return [claim.workload, claim.text, f"{value:.3g}", bound, "holds" if claim.holds(value) else "DOES NOT HOLD"]


assert all(claim.workload in catalog.WORKLOADS for claim in CLAIMS)
