"""What this project promises, against what was measured: printed after the tables of a run at full size.

A claim is about one workload with certain parameters; it is left out when the workload did not run with them or one
of the two sides is absent. Those about the trackings are of their tables (see trackings, growth).
"""
from dataclasses import dataclass
from typing import Callable, NamedTuple, Union

from . import catalog, figures as f, growth, trackings

SWEEP, GENERATIONAL, REFCOUNT = "mark-sweep", "generational", "refcount"
GIB = 1 << 30


class Told(NamedTuple):
    """What came of a claim."""
    workload: str
    text: str
    value: float
    limit: float
    is_floor: bool = False

    @property
    def holds(self):
        return self.value >= self.limit if self.is_floor else self.value <= self.limit


@dataclass(frozen=True)
class Claim:
    mode: str
    text: str
    workload: str
    parameters: dict
    limit: Union[float, Callable]  # a number, or rows of the workload -> number
    value: Callable  # rows of the workload -> number, or None if it cannot be told
    is_floor: bool = False


# ---- Rows ----

def find(rows, peer, markers=None, mode=None):
    """The first row of the peer that has a time; of trefoil in this mode, under the tracking that it chose."""
    for row in rows:
        c = row.configuration
        is_wanted = c.peer == peer and (markers is None or c.markers == markers) and not c.tracking
        if is_wanted and (peer != "trefoil" or c.mode == mode) and row.time:
            return row
    return None


def most_markers(rows, peer, mode=None):
    found = [row for row in rows if find([row], peer, mode=mode)]
    return max(found, key=lambda row: row.configuration.markers, default=None)


def middle(row, other, values):
    """Of the ratios of two rows, round by round; None if one is absent. values: row -> {round: value}."""
    spread = f.paired_ratio(values(row), values(other)) if row and other else None
    return spread.median if spread else None


# ---- Values: functions that make functions of rows ----

def time_ratio(mode, peer, peer_mode=None):
    def value(rows):
        return middle(most_markers(rows, "trefoil", mode), most_markers(rows, peer, peer_mode), lambda row: row.times)
    return value


def peak_ratio(mode, peer="bdwgc"):
    def value(rows):
        return middle(most_markers(rows, "trefoil", mode), most_markers(rows, peer), lambda row: row.peaks)
    return value


def median_pause_ratio(mode, markers=None, minor=False):
    """Of medians, pooled over the rounds: our full pauses, or minor ones, to bdwgc's full ones."""
    def value(rows):
        if markers is None:
            ours, theirs = most_markers(rows, "trefoil", mode), most_markers(rows, "bdwgc")
        else:
            ours, theirs = find(rows, "trefoil", markers, mode), find(rows, "bdwgc", markers)
        if not ours or not theirs:
            return None
        lengths_ns = ours.minor_pauses_ns if minor else ours.full_pauses_ns
        if not lengths_ns or not theirs.full_pauses_ns:
            return None
        return f.median(lengths_ns) / f.median(theirs.full_pauses_ns)
    return value


def minor_pause_ms(percent, mode=GENERATIONAL):
    def value(rows):
        row = most_markers(rows, "trefoil", mode)
        return f.percentile(row.minor_pauses_ns, percent) / 1e6 if row and row.minor_pauses_ns else None
    return value


def longest_pause_ms(mode):
    def value(rows):
        row = most_markers(rows, "trefoil", mode)
        return max(row.pauses_ns) / 1e6 if row and row.pauses_ns else None
    return value


def figure(mode, name, divisor=1):
    """The median of one of the workload's own figures."""
    def value(rows):
        row = most_markers(rows, "trefoil", mode)
        spread = row and row.figures.get(name)
        return spread.median / divisor if spread else None
    return value


def at_least_share_of_bdwgc(least, name, share):
    """A limit: the number, or this share of bdwgc's figure, whichever is less strict on the day."""
    def limit(rows):
        row = most_markers(rows, "bdwgc")
        spread = row and row.figures.get(name)
        return max(least, spread.median * share) if spread else least
    return limit


# ---- Claims of workloads ----

LIVE, TREES = {"size": GIB}, {"depth": 18}
CACHE = {"capacity": 1450000, "operations": 20000000, "fill": 1}
DRIFT = {"size": 16 << 20, "phases": 100}
FALSE_ROOTS = {"size": 256 << 20, "decoys": 1000000, "rounds": 100}
CLAIMS = (
    Claim(SWEEP, "time of bdwgc", "binary-trees", TREES, 0.33, time_ratio(SWEEP, "bdwgc")),
    Claim(SWEEP, "peak memory of bdwgc", "binary-trees", TREES, 1.0, peak_ratio(SWEEP)),
    Claim(GENERATIONAL, "time of mark-sweep", "binary-trees", TREES, 1.0,
          time_ratio(GENERATIONAL, "trefoil", SWEEP)),
    Claim(GENERATIONAL, "time of bdwgc", "binary-trees", TREES, 0.20, time_ratio(GENERATIONAL, "bdwgc")),
    Claim(GENERATIONAL, "time of malloc and free", "binary-trees", TREES, 0.40, time_ratio(GENERATIONAL, "malloc")),
    Claim(GENERATIONAL, "time of mimalloc", "binary-trees", TREES, 0.75, time_ratio(GENERATIONAL, "mimalloc")),
    Claim(SWEEP, "median full pause of bdwgc, two markers each", "live", LIVE, 0.25, median_pause_ratio(SWEEP, 2)),
    Claim(SWEEP, "median full pause of bdwgc, one marker each", "live", LIVE, 0.42, median_pause_ratio(SWEEP, 1)),
    Claim(SWEEP, "peak memory of bdwgc", "live", LIVE, 0.65, peak_ratio(SWEEP)),
    Claim(GENERATIONAL, "p99 of minor pauses, ms", "live", LIVE, 1.2, minor_pause_ms(99)),
    Claim(GENERATIONAL, "median minor pause, of bdwgc's median pause", "live", LIVE, 1 / 400,
          median_pause_ratio(GENERATIONAL, minor=True)),
    Claim(GENERATIONAL, "ns an allocation (14, or a quarter of bdwgc's)", "live", LIVE,
          at_least_share_of_bdwgc(14, "allocation_ns", 0.25), figure(GENERATIONAL, "allocation_ns")),
    Claim(GENERATIONAL, "peak memory of bdwgc", "live", LIVE, 0.6, peak_ratio(GENERATIONAL)),
    Claim(SWEEP, "ns to mark an object, one marker", "live-random", LIVE, 16, figure(SWEEP, "mark_ns_per_object")),
    Claim(SWEEP, "MB above the empty program", "list16", {"count": 10000000}, 1.12 * 160,
          figure(SWEEP, "above_empty_bytes", divisor=1e6)),
    Claim(SWEEP, "times as fast with two threads", "two-threads", {}, 1.8, figure(SWEEP, "scaling"), is_floor=True),
    Claim(SWEEP, "memory after round 100 over round 10", "false-roots", FALSE_ROOTS, 1.1, figure(SWEEP, "growth")),
    Claim(SWEEP, "peak memory of jemalloc", "drift-freed", DRIFT, 1.1, peak_ratio(SWEEP, "jemalloc")),
    Claim(GENERATIONAL, "peak memory of jemalloc", "drift-freed", DRIFT, 1.1,
          peak_ratio(GENERATIONAL, "jemalloc")),
    Claim(REFCOUNT, "time of bdwgc", "binary-trees", TREES, 0.25, time_ratio(REFCOUNT, "bdwgc")),
    Claim(REFCOUNT, "time of mimalloc", "binary-trees", TREES, 1.0, time_ratio(REFCOUNT, "mimalloc")),
    Claim(REFCOUNT, "p99 of epochs, ms", "live", LIVE, 3.0, minor_pause_ms(99, REFCOUNT)),
    Claim(REFCOUNT, "memory without the shadow, of what is live", "lru-cache", CACHE, 1.2,
          figure(REFCOUNT, "over_live")),
    Claim(REFCOUNT, "full traces", "lru-cache", CACHE, 0, figure(REFCOUNT, "timed_full")),
    Claim(REFCOUNT, "longest pause, ms", "list-drop", {"count": 10000000}, 5.0, longest_pause_ms(REFCOUNT)),
    Claim(REFCOUNT, "memory in the last two thirds over the first", "rings", {"rings": 2000000}, 1.1,
          figure(REFCOUNT, "growth")),
)


def check_claim(claim, rows):
    """Told, or None."""
    value = claim.value(rows)
    if value is None:
        return None
    limit = claim.limit(rows) if callable(claim.limit) else claim.limit
    return Told(claim.workload, f"{claim.mode}: {claim.text}", value, limit, claim.is_floor)


# ---- Claims of the trackings ----

def is_full(costs):
    """Whether the workloads ran at full size."""
    return all(name in catalog.WORKLOADS and
               parameters in (catalog.WORKLOADS[name].full, catalog.WORKLOADS[name].trackings_full)
               for name, (parameters, _) in costs.outcome.items())


def old_graph_claims(costs):
    _, found = costs.outcome.get("old-graph", ({}, []))
    value = trackings.time_ratio(found, "pages")
    if value is not None:
        yield Told("old-graph", f"{GENERATIONAL} under pages: time of {SWEEP}", value, 1.15)


def suite_claims(costs):
    """Of all workloads together."""
    peaks = {name: trackings.peak_ratio(found) for name, (_, found) in costs.outcome.items()}
    peaks = {name: value for name, value in peaks.items() if value}
    if not peaks:
        return
    worst = max(peaks, key=peaks.get)
    yield Told("all", f"{GENERATIONAL}: peak memory of {SWEEP}, mean (most: {worst} {peaks[worst]:.2f})",
               trackings.mean(peaks.values()), 1.25)
    names = ", ".join(tracking for tracking in trackings.COMPARED if tracking not in costs.left_out)
    yield Told("all", f"{GENERATIONAL}: wrong results under {names}", len(costs.failures()), 0)


def growth_claims(grown):
    """Only of the sizes that the claims are about."""
    if tuple(grown.sizes()) != growth.SIZES:
        return
    for place in growth.PLACES:
        value = grown.times("barrier", place)
        if value is not None:
            yield Told("live", f"barrier: minor pause from 256M to 4G, writes {place}, times", value, 1.3)
    for place, limit in (("scattered", 0.5), ("in a tenth", 0.12)):
        value = grown.ms_per_gib("pages", place)
        if value is not None:
            yield Told("live", f"pages: minor pause, writes {place}, ms more a GiB", value, limit)
        counted = grown.ms_per_gib(growth.COUNTED, place)
        if counted is not None:
            yield Told("live", f"{REFCOUNT}: epoch, writes {place}, ms more a GiB", counted, limit)


def counting_claims(results):
    """Of refcount mode beside the generational one, over the whole suite at full size."""
    is_whole = set(results) == set(catalog.WORKLOADS)
    if is_whole and all(parameters == catalog.WORKLOADS[name].full for name, (parameters, _) in results.items()):
        mean = trackings.mean(time_ratio(REFCOUNT, "trefoil", GENERATIONAL)(found) for _, found in results.values())
        if mean:
            yield Told("all", f"{REFCOUNT}: time of {GENERATIONAL}, mean", mean, 1.25)


def check(results, costs=None, grown=None):
    """[Told, ...] of what can be told. results: {workload: (parameters, rows)}; costs, grown: None is nothing."""
    told = list(counting_claims(results))
    for claim in CLAIMS:
        parameters, rows = results.get(claim.workload, ({}, []))
        if all(parameters.get(key) == value for key, value in claim.parameters.items()):
            told.append(check_claim(claim, rows))
    if costs and is_full(costs):
        told += [*old_graph_claims(costs), *suite_claims(costs)]
    if grown:
        told += growth_claims(grown)
    return [one for one in told if one]


def cells(told):
    bound = f"{'at least' if told.is_floor else 'at most'} {told.limit:.4g}"
    return [told.workload, told.text, f"{told.value:.3g}", bound, "holds" if told.holds else "DOES NOT HOLD"]


assert all(claim.workload in catalog.WORKLOADS for claim in CLAIMS)
