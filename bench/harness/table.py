"""The tables of bench/run, as text: one for each workload, aligned, with a note under it where one is due."""
from . import figures as f, utilisation
from .catalog import readable
from .rows import REFERENCES

BUSY_SHARE = 0.1  # of all processors, taken by others: from there on measurements are called disturbed


def align(lines, left=1):
    """Columns as wide as their widest cell; the first ones flush left, the others flush right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) if column < left else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        yield "  ".join(cells).rstrip()


def significant(value):
    """Three digits that say something, without an exponent."""
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.0995 or value == 0 else f"{value:.3f}"


def span(spread, divisor):
    """Median and (min-max); the range is left out of a single value."""
    if spread is None:
        return "-", ""
    low, high = significant(spread.low / divisor), significant(spread.high / divisor)
    return significant(spread.median / divisor), f"{low}-{high}" if spread.count > 1 else ""


def pauses_ms(row):
    """[p50, p99, longest] of minor pauses, then of full ones; None where there are none.

    Never of both together: the many would hide the few.
    """
    return [f.percentile(lengths_ns, percent) / 1e6 if lengths_ns else None
            for lengths_ns in (row.minor_pauses_ns, row.full_pauses_ns) for percent in (50, 99, 100)]


def number_cell(value):
    return "-" if value is None else significant(value)


def ratio_cell(ratios, peer):
    spread = ratios.get(peer)
    return significant(spread.median) if spread else "-"


def column_cell(row, column):
    spread = row.figures.get(column.figure)
    return f"{spread.median / column.divisor:.{column.decimals}f}" if spread else "-"


def shadow_cell(row):
    return "-" if row.shadow is None else significant(row.shadow.median / 1e6)


def row_cells(row, columns, with_markers, references, with_shadow=False):
    time, time_range = span(row.time, 1e9)
    peak, _ = span(row.peak, 1e6)
    cpu, _ = span(row.cpu, 1e9)
    mean, _ = span(row.mean, 1e6)
    cells = [row.configuration.label(with_markers), time, time_range, cpu, peak, mean]
    cells += [shadow_cell(row)] if with_shadow else []
    cells.append(f"{row.collections.median:.0f}" if row.collections and row.configuration.markers else "-")
    cells += [number_cell(value) for value in pauses_ms(row)]
    cells += [number_cell(row.time_overhead), number_cell(row.cpu_overhead)]
    cells += [column_cell(row, column) for column in columns]
    for peer in references:
        cells += [ratio_cell(row.time_ratio, peer), ratio_cell(row.peak_ratio, peer)]
    return cells


def headings(columns, references, with_shadow=False):
    first = ["", "time", "", "cpu", "peak", "mean"] + ["shadow"] * with_shadow
    first += ["coll.", "minor", "pauses", "", "full", "pauses", "", "/least", ""] + [""] * len(columns)
    second = ["", "s", "min-max", "s", "MB", "MB"] + ["MB"] * with_shadow
    second += ["", "p50 ms", "p99", "max", "p50 ms", "p99", "max", "time", "cpu"]
    second += [column.heading for column in columns]
    for peer in references:
        first += [f"/{peer}", ""]
        second += ["time", "peak"]
    return [first, second]


def failure_text(row):
    """A run that failed keeps its row; what the others of the row gave is still shown."""
    rounds = f" ({row.failed_count} of its runs)" if row.time else ""
    return f"  {row.configuration.label()}: FAILED{rounds}: {row.failure}"


def workload_table(workload, parameters, rounds, rows, left_out):
    """The lines of one table. left_out: {peer: reason}."""
    references = [peer for peer in REFERENCES if any(row.configuration.peer == peer for row in rows)]
    with_markers = any(row.configuration.markers for row in rows)
    given = " ".join(f"{key}={readable(value)}" for key, value in parameters.items())
    yield f"{workload.name} {given} ({rounds} round{'s' if rounds > 1 else ''}): {workload.summary}"
    with_shadow = any(row.shadow for row in rows)
    lines = headings(workload.columns, references, with_shadow)
    lines += [row_cells(row, workload.columns, with_markers, references, with_shadow) for row in rows]
    lines += [[peer] + ["-"] * (len(lines[0]) - 1) for peer in left_out]
    yield from ("  " + line for line in align(lines))
    yield from (failure_text(row) for row in rows if row.failure)
    if workload.note:
        yield f"  {workload.note}"
    for reason in dict.fromkeys(left_out.values()):
        peers = [peer for peer, why in left_out.items() if why == reason]
        yield f"  left out: {', '.join(peers)}: {reason}"


def utilisation_table(outcome):
    """What share of a window the program had for itself, at worst. outcome: {workload: (parameters, rows)}."""
    windows = utilisation.TABLE_WINDOWS_NS
    lines = [["", ""] + [f"{window // utilisation.MS} ms" for window in windows]]
    for name, (_, rows) in outcome.items():
        for row in rows:
            if not row.pauses_ns:
                continue
            known = dict(row.table_utilisation)
            lines.append([name, row.configuration.label()] +
                         [f"{known[window] * 100:.0f} %" if window in known else "-" for window in windows])
            name = ""
    if len(lines) > 1:
        yield "Minimum mutator utilisation: the program's own share of the worst window (-: longer than a run)"
        yield from ("  " + line for line in align(lines, left=2))


BEST = {"time": lambda row: row.time.median, "peak memory": lambda row: row.peak.median,
        "longest pause": lambda row: max(row.pauses_ns, default=0) if row.configuration.markers else None}


def best_of(rows, value):
    """The row with the smallest value of those that did not fail and have one."""
    candidates = [(value(row), row) for row in rows if row.time and not row.failure and value(row) is not None]
    return min(candidates, key=lambda pair: pair[0])[1] if candidates else None


def best_table(outcome):
    """Who is best at what: of all, and of the collectors. Pauses are those of collectors only."""
    lines = [["Best at", *BEST, "of collectors: time", "peak memory"]]
    for name, (_, rows) in outcome.items():
        collectors = [row for row in rows if row.configuration.markers]
        found = [best_of(rows, value) for value in BEST.values()]
        found += [best_of(collectors, BEST[what]) for what in ("time", "peak memory")]
        lines.append([name] + [row.configuration.label() if row else "-" for row in found])
    if len(lines) > 1:
        yield from align(lines, left=len(lines[0]))


def header(description, versions):
    """What was measured on, with what. versions: {name: version}."""
    d = description
    busy = d["busy_share"]
    state = "unknown" if busy is None else f"{busy * 100:.0f} % busy"
    free = ": NOT FREE, times and pauses will be too long" if busy is None or busy > BUSY_SHARE else ""
    yield (f"{d['processor']}, {d['processors']} processor{'s' if d['processors'] > 1 else ''}, "
           f"{d['memory_bytes'] / (1 << 30):.1f} GiB; {d['system']}, {d['kernel']}; huge pages: {d['huge_pages']}")
    yield ", ".join(f"{name} {version}" for name, version in versions.items())
    yield f"{d['date']}; load average {d['load_average']:.2f}; processors before the first run: {state}{free}"
    if d["environment"]:
        yield "set in the environment: " + " ".join(f"{name}={value}" for name, value in d["environment"].items())
