"""The report: one HTML file with everything in it, tables and plots, that opens from disk without a network.

First what a reader wants to know at once, which mode is best at what; then the figures behind it; then the plots of
each workload.
"""
import math
from html import escape

from . import gnuplot, growth, plots, table, trackings

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1d2126; --quiet: #606873; --grid: #c9cdd3; --best: #d9efdc;
  --rule: #e3e6ea; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e6e8eb; --quiet: #9aa2ad; --grid: #454b54;
  --best: #1f4a2a; --rule: #2b3037; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 0.4rem; } h3 { margin: 1.6rem 0 0.2rem; }
p { margin: 0.3rem 0; } .quiet { color: var(--quiet); font-size: 0.9rem; }
ul.verdict { font-size: 1.1rem; padding-left: 1.2rem; } ul.verdict li { margin: 0.3rem 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.88rem; }
td, th { padding: 0.2rem 0.55rem; text-align: right; border-bottom: 1px solid var(--rule); font-weight: normal;
  white-space: nowrap; }
th { color: var(--quiet); vertical-align: bottom; } thead th { white-space: normal; max-width: 8.5rem; }
td:first-child, th:first-child { text-align: left; color: var(--ink); } td.best { background: var(--best);
  font-weight: 600; } td .ratio { color: var(--quiet); font-weight: normal; font-size: 0.8rem; }
figure { margin: 0.5rem 0; } .row { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; } .row figure { flex: 1 1 22rem;
  max-width: 30rem; } figcaption { color: var(--quiet); font-size: 0.85rem; }
svg { display: block; width: 100%; height: auto; }
svg [color="black"] { color: var(--ink); } svg [stroke="black"] { stroke: var(--ink); }
svg [fill="black"] { fill: var(--ink); } svg [color="gray"] { color: var(--grid); }
svg [stroke="gray"] { stroke: var(--grid); }
"""

TIME, MEMORY, PAUSE = "time", "peak memory", "longest pause"
VALUES = {
    TIME: (lambda row: row.time.median / 1e9 if row.time else None, "s"),
    MEMORY: (lambda row: row.peak.median / 1e6 if row.peak else None, "MB"),
    PAUSE: (lambda row: max(row.pauses_ns) / 1e6 if row.pauses_ns else None, "ms"),
}


OVER_LEAST = ("Over least: over the distilled lower bound (Cai et al. 2022), the smallest cost of all here less its "
              "pauses. An example program on malloc never frees.")


class NoPlots(Exception):
    """The message says why the report cannot be made."""


def can_plot():
    return gnuplot.is_here()


# ---- Which is best at what ----

def columns_of(outcome):
    """Every configuration that some workload has, without markers, in order."""
    return list(dict.fromkeys(row.configuration._replace(markers=0) for _, rows in outcome.values() for row in rows))


def values_of(rows, value):
    """{configuration without markers: value} of those that have one."""
    found = {row.configuration._replace(markers=0): value(row) for row in plots.foremost(rows)}
    return {configuration: number for configuration, number in found.items() if number}


def mean_ratio(outcome, value, configuration, reference):
    """(geometric mean of the ratios to the reference, how many workloads have both); None if none has."""
    ratios = []
    for _, rows in outcome.values():
        values = values_of(rows, value)
        if configuration in values and reference in values:
            ratios.append(values[configuration] / values[reference])
    return (math.exp(sum(map(math.log, ratios)) / len(ratios)), len(ratios)) if ratios else None


def find(columns, peer):
    return next((configuration for configuration in columns if configuration.peer == peer), None)


def collectors_of(columns):
    """Allocators have no pauses, and where nothing is ever freed they do other work."""
    return [configuration for configuration in columns if configuration.peer in ("trefoil", "bdwgc")]


def verdict(outcome, what):
    """One sentence: which collector is best at this, by how much."""
    columns = columns_of(outcome)
    reference = find(columns, "bdwgc") or columns[0]
    value, _ = VALUES[what]
    means = {configuration: mean_ratio(outcome, value, configuration, reference)
             for configuration in collectors_of(columns)}
    means = {configuration: mean for configuration, mean in means.items() if mean}
    if not means:
        return None
    best = min(means, key=lambda configuration: means[configuration][0])
    of = reference.label(with_markers=False)
    lead = f"<b>{escape(what.capitalize())}: {escape(best.label(with_markers=False))}</b>"
    share = "" if best == reference else f", {table.significant(means[best][0])} times that of {escape(of)}"
    others = [f"{c.label(with_markers=False)} {table.significant(mean)}" for c, (mean, _) in
              sorted(means.items(), key=lambda item: item[1][0]) if c not in (best, reference)]
    beside = f"; {', '.join(others)} times that of {of}" if others else ""
    return (f"{lead}{share} <span class='quiet'>(geometric mean of {means[best][1]} workloads{escape(beside)})</span>")


# ---- Tables ----

def table_cell(values, configuration, best):
    number = values.get(configuration)
    if number is None:
        return "<td>-</td>"
    ratio = f" <span class='ratio'>{table.significant(number / best)}&times;</span>" if number != best else ""
    mark = " class='best'" if number == best else ""
    return f"<td{mark}>{table.significant(number)}{ratio}</td>"


def measure_table(outcome, what):
    """A row for each workload, a column for each configuration; the best of a row stands out."""
    value, unit = VALUES[what]
    columns = [c for c in columns_of(outcome) if any(c in values_of(found, value) for _, found in outcome.values())]
    rows = []
    for name, (_, found) in outcome.items():
        values = values_of(found, value)
        if values:
            best = min(values.values())
            rows.append(f"<tr><td>{escape(name)}</td>" +
                        "".join(table_cell(values, configuration, best) for configuration in columns) + "</tr>")
    if not rows:
        return ""
    heads = "".join(f"<th>{escape(c.label(with_markers=False))}</th>" for c in columns)
    return (f"<h3>{escape(what.capitalize())}, {unit}</h3><div class='wide'><table>"
            f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>")


def detail_row(row):
    numbers = [row.time and row.time.median / 1e9, row.cpu and row.cpu.median / 1e9,
               row.peak and row.peak.median / 1e6, row.mean and row.mean.median / 1e6,
               row.shadow and row.shadow.median / 1e6,
               row.collections.median if row.collections and row.configuration.markers else None]
    numbers += table.pauses_ms(row) + [row.time_overhead, row.cpu_overhead]
    cells = "".join(f"<td>{table.number_cell(number)}</td>" for number in numbers)
    failure = f"<td>FAILED: {escape(row.failure)}</td>" if row.failure else ""
    return f"<tr><td>{escape(row.configuration.label())}</td>{cells}{failure}</tr>"


def detail_table(rows):
    heads = ("", "time,&nbsp;s", "cpu,&nbsp;s", "peak,&nbsp;MB", "mean,&nbsp;MB", "shadow,&nbsp;MB",
             "collections",
             "minor pauses p50, ms", "p99", "longest", "full pauses p50, ms", "p99", "longest", "time over least",
             "cpu over least")
    return ("<div class='wide'><table><thead><tr>" + "".join(f"<th>{head}</th>" for head in heads) +
            "</tr></thead><tbody>" + "".join(detail_row(row) for row in rows) + "</tbody></table></div>")


# ---- The page ----

def figure(svg, caption):
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" if svg else ""


def overview(outcome):
    reference = "bdwgc" if find(columns_of(outcome), "bdwgc") else None
    if reference is None or len(outcome) < 2:
        return ""
    drawn = [figure(plots.ratios("ratios-" + name, f"{what}, as a multiple of bdwgc's", outcome, VALUES[what][0],
                                 reference),
                    f"{what.capitalize()}: left of the line is better than bdwgc.")
             for name, what in (("time", TIME), ("memory", MEMORY))]
    return "<h2>Time and memory beside bdwgc</h2>" + "".join(drawn)


def workload_section(name, parameters, rows):
    given = " ".join(f"{key}={table.readable(value)}" for key, value in parameters.items())
    drawn = [figure(plots.pauses(f"pauses-{name}", f"pauses of {name}", rows), "Pauses"),
             figure(plots.utilisation(f"utilisation-{name}", f"minimum mutator utilisation of {name}", rows),
                    "Minimum mutator utilisation: the program's share of the worst window of each length")]
    return (f"<h3>{escape(name)} <span class='quiet'>{escape(given)}</span></h3>{detail_table(rows)}"
            f"<div class='row'>{''.join(drawn)}</div>")


def heap_section(measurements):
    drawn = [figure(plots.heap_sizes(f"heap-{m.workload.name}", f"time of {m.workload.name} against heap size", m),
                    f"{m.workload.name}: {m.live_bytes / 1e6:.1f} MB live") for m in measurements if m.runs]
    if not any(drawn):
        return ""
    return ("<h2>Time against memory</h2><p class='quiet'>The heap that the collector may take, as a multiple of what "
            "is live; where a line has no point, the program does not fit.</p>"
            f"<div class='row'>{''.join(drawn)}</div>")


def section_table(module, measured):
    """The table of a section that has it as cells: its title, its notes. Nothing of nothing measured."""
    if measured is None:
        return ""
    heading, *lines = module.cells(measured)
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    notes = "".join(f"<p class='quiet'>{escape(line)}</p>" for line in module.note_lines(measured))
    return (f"<h3>{escape(module.HEADING)}</h3><p class='quiet'>{escape(module.TITLE)}</p><div class='wide'><table>"
            f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>{notes}")


def page(description, versions, outcome, measurements, advice=(), costs=None, grown=None):
    """The whole file as text. Raises NoPlots."""
    if not can_plot():
        raise NoPlots("the report needs gnuplot (package gnuplot-nox); --report none does without")
    verdicts = [verdict(outcome, what) for what in VALUES]
    verdicts = [text for text in verdicts if text] if not advice else [escape(line.strip()) for line in advice]
    head = "".join(f"<p class='quiet'>{escape(line)}</p>" for line in table.header(description, versions))
    try:
        body = ["<h1>trefoil: bench/run</h1>", head, "<h2>Which is best at what</h2><ul class='verdict'>",
                *(f"<li>{text}</li>" for text in verdicts), "</ul>", overview(outcome), "<h2>Figures</h2>",
                *(measure_table(outcome, what) for what in VALUES), section_table(trackings, costs),
                section_table(growth, grown), heap_section(measurements),
                "<h2>Each workload</h2>", f"<p class='quiet'>{OVER_LEAST}</p>",
                *(workload_section(name, parameters, rows) for name, (parameters, rows) in outcome.items())]
    except gnuplot.Failed as error:
        raise NoPlots(str(error)) from error
    content = "\n".join(part for part in body if part)
    return ("<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>trefoil: bench/run</title>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            f"<style>{STYLE}</style></head>\n<body>\n{content}\n</body></html>\n")
