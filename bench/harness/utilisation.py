"""Minimum mutator utilisation (Cheng and Blelloch 2001): for a window of time, the smallest share of it that the
program had for itself, wherever in the run the window is laid.

Computed exactly, from the list of pauses: the worst window begins where a pause begins or ends where one ends.
"""
import bisect
import itertools

MS = 1000000
# 0.1 ms to 1 s, six steps a decade: what a curve needs.
WINDOWS_NS = tuple(round(10 ** (step / 6) * MS / 10) for step in range(25))
TABLE_WINDOWS_NS = (MS, 10 * MS, 100 * MS, 1000 * MS)


class Timeline:
    """The pauses of one run, [(start_ns, length_ns)], between 0 and its end. They do not overlap."""

    def __init__(self, pauses, wall_ns):
        ordered = sorted(pauses)
        self.starts = [start for start, _ in ordered]
        self.ends = [start + length for start, length in ordered]
        self.sums = [0] + list(itertools.accumulate(length for _, length in ordered))
        self.end_ns = max([wall_ns] + self.ends)

    def paused_ns(self, moment_ns):
        """Time in pauses before this moment."""
        count = bisect.bisect_right(self.starts, moment_ns)
        if count == 0:
            return 0
        return self.sums[count] - max(0, self.ends[count - 1] - moment_ns)

    def utilisation(self, window_ns):
        """Smallest share over all windows of this length; None for one that is longer than the run."""
        if window_ns > self.end_ns:
            return None
        begins = self.starts + [end - window_ns for end in self.ends] + [0]
        worst_ns = 0
        for begin in begins:
            begin = min(max(begin, 0), self.end_ns - window_ns)
            worst_ns = max(worst_ns, self.paused_ns(begin + window_ns) - self.paused_ns(begin))
        return 1 - min(worst_ns, window_ns) / window_ns


def curve(timelines, windows_ns=WINDOWS_NS):
    """[(window_ns, utilisation)]: the worst of all runs; windows that are longer than one of them are left out."""
    points = []
    for window_ns in windows_ns:
        values = [timeline.utilisation(window_ns) for timeline in timelines]
        if values and None not in values:
            points.append((window_ns, min(values)))
    return points
