"""Which mode to choose for a program, and under which tracking, from its rows, and why.

The rule: the fastest mode; where others are as fast within noise (their ranges of times overlap, and the medians are
less than 5 % apart), of these the one with the shortest longest pause; where these are alike, that with the lowest
99th percentile of pauses (many minor ones and a few full ones are told by neither alone), or with less memory.
What is better elsewhere is named beside it, with its price.
"""
from . import figures as f
from .table import significant

AS_FAST = 1.05
MUCH_SHORTER = 0.8  # a difference in pauses or memory that is worth naming
HIGH_PAUSE_SHARE = 0.25
PAUSES, MOST_PAUSES, MEMORY = "longest pause", "99th percentile of pauses", "peak memory"
WISHES = {PAUSES: "short pauses matter", MOST_PAUSES: "short pauses matter", MEMORY: "memory matters"}


def longest_pause_ns(row):
    return max(row.pauses_ns, default=0)


def measure(row, what):
    if what == MOST_PAUSES:
        return f.percentile(row.pauses_ns, 99) if row.pauses_ns else 0
    return longest_pause_ns(row) if what == PAUSES else row.peak.median


def written(value, what):
    return f"{significant(value / 1e6)} {'MB' if what == MEMORY else 'ms'}"


def as_fast_as(fastest, row):
    return row.time.low <= fastest.time.high and row.time.median <= fastest.time.median * AS_FAST


def choose(candidates):
    """(row, what decided between it and rows as fast: None or one of WISHES)."""
    fastest = min(candidates, key=lambda row: row.time.median)
    near = [row for row in candidates if as_fast_as(fastest, row)]
    for what in WISHES:
        best = min(near, key=lambda row: measure(row, what))
        if any(measure(best, what) < measure(row, what) * MUCH_SHORTER for row in near if row is not best):
            return best, what
    return fastest, None


def label(row):
    return row.configuration.label(with_markers=False)


def reason(chosen, what, candidates):
    others = [row for row in candidates if row is not chosen]
    if what:
        other = max(others, key=lambda row: measure(row, what) if as_fast_as(chosen, row) else -1)
        return (f"as fast as {label(other)} within noise, and its {what} is {written(measure(chosen, what), what)} "
                f"against {written(measure(other, what), what)}")
    next_best = min(others, key=lambda row: row.time.median)
    if as_fast_as(chosen, next_best):
        return f"the fastest, if only just: {label(next_best)} does equally well by every measure here"
    return (f"the fastest: {significant(chosen.time.median / 1e9)} s against "
            f"{significant(next_best.time.median / 1e9)} s of {label(next_best)}")


def alternatives(chosen, candidates):
    told = set()
    for what, wish in WISHES.items():
        best = min(candidates, key=lambda row: measure(row, what))
        is_better = measure(best, what) < measure(chosen, what) * MUCH_SHORTER
        if best is chosen or not is_better or (wish, best.configuration) in told:
            continue
        told.add((wish, best.configuration))
        price = (best.time.median / chosen.time.median - 1) * 100
        yield (f"If {wish} more than time: {label(best)}: {what} "
               f"{written(measure(best, what), what)} against {written(measure(chosen, what), what)}, "
               f"for {price:.0f} % more time.")


def pauses_text(row):
    """Minor and full pauses apart."""
    kinds = [f"{name} pauses up to {written(max(lengths_ns), PAUSES)} (p99 "
             f"{written(f.percentile(lengths_ns, 99), PAUSES)})"
             for name, lengths_ns in (("minor", row.minor_pauses_ns), ("full", row.full_pauses_ns)) if lengths_ns]
    return ", ".join(kinds + [f"{pause_share(row) * 100:.0f} % of its time in pauses"]) if kinds else "no pause"


def pause_share(row):
    return sum(row.pauses_ns) / (row.time.median * row.time.count)


def remarks(row):
    share = pause_share(row)
    if not row.collections or row.collections.high == 0:
        yield "It never collected: the program ends before the collector matters."
    elif share >= HIGH_PAUSE_SHARE:
        yield (f"Pauses take {share * 100:.0f} % of its time. More memory makes them rarer: try TREFOIL_GROWTH=300 "
               f"(growth_percent), or more processors for TREFOIL_MARKERS.")


def setting(configuration):
    parts = [f"TREFOIL_MODE={configuration.mode}"]
    if configuration.tracking:
        parts.append(f"TREFOIL_TRACKING={configuration.tracking}")
    if configuration.nursery_bytes:
        parts.append(f"TREFOIL_NURSERY={configuration.nursery_bytes}")
    return " ".join(parts)


def lines(rows):
    candidates = [row for row in rows if row.time and not row.failure]
    if not candidates:
        yield "No recommendation: no mode ran without a failure."
        return
    if len(candidates) == 1:
        chosen = candidates[0]
        why = "the only mode that " + ("ran without a failure" if len(rows) > 1 else "there is to choose")
    else:
        chosen, what = choose(candidates)
        why = reason(chosen, what, candidates)
    yield f"Recommendation: {label(chosen)}: {why}."
    yield (f"  {setting(chosen.configuration)}: {significant(chosen.time.median / 1e9)} s, peak memory "
           f"{written(chosen.peak.median, MEMORY)}, {pauses_text(chosen)}.")
    yield from (f"  {text}" for text in alternatives(chosen, candidates))
    yield from (f"  {text}" for text in remarks(chosen))
