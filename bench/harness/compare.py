"""bench/run --compare OLD.json: what changed since then, beyond noise.

The programs of the old run (see kept) and those of this build run in pairs on this machine, now, in turn and each time
in the other order: nothing is compared with a figure that was measured on another day. The test of one measure of one
row is Wilcoxon's signed-rank test of the logarithms of new over old, pair by pair; of all workloads together it is
the same test over all their pairs. It counts as a change when the p value, after Holm's correction for all tests of
the run, is below LEVEL, and the estimated effect (Hodges and Lehmann) is at least SMALLEST.
"""
import math
import os
import time
from typing import NamedTuple

from . import catalog, figures as f, results, schedule, signed_rank, table

LEVEL = 0.01
SMALLEST = 0.03
LEAST_PAIRS = 12
SPARE_PAIRS = 2  # that may go the other way, by a little
ALL = "all workloads"
MEASURES = {
    "time": lambda run: run["report"]["wall_ns"],
    "cpu": lambda run: run["report"]["cpu_ns"],
    "peak": lambda run: run["peak_bytes"],
}


class Nothing(Exception):
    """There is nothing to compare; the message says why."""


class Key(NamedTuple):
    """One row of the comparison."""
    workload: str
    configuration: catalog.Configuration


class Finding(NamedTuple):
    name: str
    label: str
    measure: str
    effect: signed_rank.Effect  # of logarithms
    p: float  # adjusted

    @property
    def is_change(self):
        return self.p < LEVEL and abs(math.expm1(self.effect.estimate)) >= SMALLEST


def check(document, path):
    """Raises Nothing for a run of programs: they are none of a build."""
    if results.kind_of(document) != "suite":
        raise Nothing(f"{path}: has runs of programs, not of the suite, which is what --compare compares")


def rows_of(document, options):
    """{Key: parameters} of what the old run measured of trefoil and this one can: (rows, what is absent here)."""
    found, absent = {}, []
    for entry in document["workloads"]:
        name = entry["name"]
        if name not in catalog.WORKLOADS:
            absent.append(name)
            continue
        for saved in entry["configurations"]:
            configuration = catalog.from_saved(saved)
            is_wanted = configuration.peer == "trefoil" and configuration.mode in options.modes and name in options.only
            if is_wanted and (not options.markers or configuration.markers in options.markers):
                found[Key(name, configuration)] = entry["parameters"]
    return found, absent


def pairs_of(options, rows):
    """Enough that a difference in nearly every pair counts, whatever the number of tests."""
    tests = (len(rows) + 1) * len(MEASURES)
    return options.repeat or max(LEAST_PAIRS, signed_rank.pairs_needed(tests, LEVEL) + SPARE_PAIRS)


class Pairs:
    """Runs both builds, pair by pair, from where builds are kept: not even the lengths of their paths differ."""

    def __init__(self, old_folder, new_folder, launcher, options, rows):
        self.rows = rows
        self.count = pairs_of(options, rows)
        guess_s = 0.15 if options.quick else 1
        self.progress = schedule.Progress([(key, guess_s, 2 * self.count) for key in rows])
        self.runners = [schedule.Runner(os.path.join(folder, "bench"), options, self.progress, launcher)
                        for folder in (old_folder, new_folder)]
        self.warm_bytes = {}

    def run_one(self, key, side):
        workload = catalog.WORKLOADS[key.workload]
        start_s = time.monotonic()
        run = self.runners[side].run_once(workload, key.configuration, self.warm_bytes.get(key, 0), self.rows[key])
        self.warm_bytes[key] = max(self.warm_bytes.get(key, 0), run.get("peak_bytes", 0))
        self.progress.finished(key, time.monotonic() - start_s)
        return run

    def run_key(self, key):
        """[(old run, new run), ...]; stops at the second failure of a side."""
        pairs = []
        for number in range(self.count):
            self.progress.show(f"{key.workload}: {key.configuration.label()}, pair {number + 1} of {self.count}")
            pair = {side: self.run_one(key, side) for side in ((0, 1) if number % 2 == 0 else (1, 0))}
            pairs.append((pair[0], pair[1]))
            if max(sum(run[side]["failure"] is not None for run in pairs) for side in (0, 1)) >= 2:
                self.progress.drop(key)
                break
        return pairs

    def run_all(self):
        """{Key: pairs}"""
        try:
            return {key: self.run_key(key) for key in self.rows}
        finally:
            self.progress.clear()


def logarithms(pairs, measure):
    """Of new over old, of the pairs in which both succeeded."""
    values = [(measure(old), measure(new)) for old, new in pairs if not old["failure"] and not new["failure"]]
    return [math.log(new / old) for old, new in values if old > 0 and new > 0]


def failures(all_pairs):
    """[(Key, which build, reason)], one for each side of a row that failed."""
    found = []
    for key, pairs in all_pairs.items():
        for side, build in enumerate(("old", "new")):
            reasons = [pair[side]["failure"] for pair in pairs if pair[side]["failure"]]
            if reasons:
                found.append((key, build, reasons[0]))
    return found


def findings(all_pairs):
    """A Finding for each measure of each row, and for each measure of all together."""
    tests = []
    for measure, value in MEASURES.items():
        together = []
        for key, pairs in all_pairs.items():
            differences = logarithms(pairs, value)
            together += differences
            if differences:
                tests.append((key.workload, key.configuration.label(), measure, signed_rank.effect(differences)))
        if len(all_pairs) > 1 and together:
            tests.append((ALL, "", measure, signed_rank.effect(thinned(together))))
    adjusted = signed_rank.holm([test[3].p for test in tests])
    return [Finding(*test, p) for test, p in zip(tests, adjusted)]


def thinned(values, most=600):
    """The estimate looks at all pairs of values: a part of very many of them, evenly taken, says the same."""
    step = math.ceil(len(values) / most)
    return values[::step]


def percent(logarithm):
    return f"{math.expm1(logarithm) * 100:+.1f}"


def effect_cells(finding):
    if finding is None:
        return ["-", ""]
    mark = " *" if finding.is_change else ""
    return [percent(finding.effect.estimate) + mark,
            f"{percent(finding.effect.low)} to {percent(finding.effect.high)}"]


def table_lines(found):
    """Each row with the effect on each measure and its 95 % interval; a star where it is a change."""
    names = dict.fromkeys((finding.name, finding.label) for finding in found)
    by_place = {(finding.name, finding.label, finding.measure): finding for finding in found}
    heading = ["new against old, %", ""]
    for measure in MEASURES:
        heading += [measure, "95 % interval"]
    lines = [heading]
    for name, label in names:
        lines.append([name, label] + [cell for measure in MEASURES
                                      for cell in effect_cells(by_place.get((name, label, measure)))])
    return table.align(lines, left=2)


def verdict_lines(found, pairs):
    changes = [finding for finding in found if finding.is_change]
    test = (f"Wilcoxon signed-rank test of {pairs} pairs a row, Holm's correction for {len(found)} tests: "
            f"p < {LEVEL}, and at least {SMALLEST * 100:.0f} %")
    if not changes:
        yield f"No change beyond noise ({test})."
        return
    yield f"Changed beyond noise ({test}):"
    for finding in changes:
        kind = "more" if finding.effect.estimate > 0 else "less"
        share = abs(math.expm1(finding.effect.estimate)) * 100
        where = f"{finding.name}, {finding.label}" if finding.label else finding.name
        yield f"  {where}: {share:.1f} % {kind} {finding.measure} (p = {finding.p:.2g})"


def is_worse(found):
    return any(finding.is_change and finding.effect.estimate > 0 for finding in found)


def median_noise(found):
    """Half the width of the intervals of time, in the middle of all rows: how small a change could be seen."""
    widths = [(finding.effect.high - finding.effect.low) / 2 for finding in found
              if finding.measure == "time" and finding.name != ALL]
    return f.median(widths) if widths else None
