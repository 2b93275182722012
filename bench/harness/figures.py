"""Arithmetic on measurements: no input, no output, no knowledge of benchmarks."""
import math
from typing import NamedTuple


class Spread(NamedTuple):
    """The median of some values, the smallest and the largest, and how many there were."""
    median: float
    low: float
    high: float
    count: int


def median(values):
    ordered = sorted(values)
    if not ordered:
        raise ValueError("median of nothing")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, percent):
    """The smallest value that at least this share of all values does not exceed (nearest rank)."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("percentile of nothing")
    if not 0 < percent <= 100:
        raise ValueError(f"{percent} is no percentage")
    return ordered[max(0, math.ceil(len(ordered) * percent / 100 - 1e-9) - 1)]


def spread(values):
    """None of no values."""
    values = list(values)
    if not values:
        return None
    return Spread(median(values), min(values), max(values), len(values))


def paired_ratio(values, references):
    """Spread of value over reference, round by round; both map a round to its value.

    Rounds in which one of the two is absent or the reference is zero do not count. Runs of one round lie close
    together in time, so that their ratio is steadier than the ratio of two medians on a machine whose speed drifts.
    """
    return spread(values[r] / references[r] for r in values if references.get(r))
