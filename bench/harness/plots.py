"""The plots of the report, each a function from measurements to an SVG element.

A line or a point has the colour and the shape of its configuration everywhere; who has several numbers of markers is
shown with the most of them, so that a plot has one line for each peer and mode.
"""
import math

from . import figures as f, gnuplot

# Colours that can be told apart on white and on near-black, also by most who see few colours; and gnuplot's shapes.
STYLES = {
    ("trefoil", "mark-sweep"): ("#2f7ed8", 7),
    ("trefoil", "generational"): ("#00a087", 5),
    ("trefoil", "refcount"): ("#9a6bd6", 9),
    ("bdwgc", "mark-sweep"): ("#e0662b", 13),
    ("malloc", None): ("#8a8f98", 11),
    ("jemalloc", None): ("#b8960c", 15),
    ("mimalloc", None): ("#d6478f", 6),
}
OTHER_STYLE = ("#5b9aa0", 4)
SMALL_WIDTH, SMALL_HEIGHT, KEY_LINE = 470, 300, 18
PERCENTILES = (50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99)


def style(configuration):
    return STYLES.get((configuration.peer, configuration.mode), OTHER_STYLE)


def foremost(rows):
    """One row for each peer, mode, tracking and nursery: that with the most markers."""
    chosen = {}
    for row in rows:
        key = row.configuration._replace(markers=0)
        if key not in chosen or row.configuration.markers > chosen[key].configuration.markers:
            chosen[key] = row
    return list(chosen.values())


def label(row):
    return row.configuration.label(with_markers=False)


def draw_small(name, title, script, lines):
    """A plot of lines with its key above it, a name a line: as much higher as the key needs."""
    height = SMALL_HEIGHT + KEY_LINE * len(lines)
    script += "set key outside top center horizontal maxcols 1\n"
    return gnuplot.draw(name, title, SMALL_WIDTH, height, script + lines_command(lines))


def lines_command(lines):
    """lines: [(label, (colour, shape), [(x, y)])] -> data blocks and one plot command.

    Lines of one colour (a mode under several trackings, say) are told apart by their dashes.
    """
    blocks = "".join(gnuplot.datablock(f"d{i}", points) for i, (_, _, points) in enumerate(lines))
    parts = []
    for i, (name, (colour, shape), _) in enumerate(lines):
        dashes = 1 + sum(colour == other for _, (other, _), _ in lines[:i])
        parts.append(f"$d{i} using 1:2 with linespoints lc rgb {gnuplot.quoted(colour)} pt {shape} ps 0.6 dt {dashes} "
                     f"title {gnuplot.quoted(name)}")
    return blocks + "plot " + ", ".join(parts) + "\n"


# ---- Ratios of all workloads ----

def ratio_points(outcome, value, reference):
    """{configuration without markers: [(workload index, ratio)]}, of the medians to those of the reference peer."""
    found = {}
    for index, (_, rows) in enumerate(outcome.values()):
        known = [row for row in foremost(rows) if value(row)]
        references = [row for row in known if row.configuration.peer == reference]
        for row in known if references else []:
            key = row.configuration._replace(markers=0)
            found.setdefault(key, []).append((index, value(row) / value(references[0])))
    return found


def tic_values(low, high):
    """1, 2 and 5 times the powers of ten between the two."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    return [step * 10 ** power for power in powers for step in (1, 2, 5) if low <= step * 10 ** power <= high]


def ratios(name, title, outcome, value, reference):
    """A row for each workload, a point for each configuration; left of the line at 1 is better than the reference."""
    points = ratio_points(outcome, value, reference)
    values = [ratio for pairs in points.values() for _, ratio in pairs]
    if not values:
        return None
    low, high = min(values + [1]) / 1.25, max(values + [1]) * 1.25
    names = list(outcome)
    tics = ", ".join(f"{gnuplot.quoted(workload)} {index}" for index, workload in enumerate(names))
    xtics = ", ".join(f'"{tic:g}" {tic:g}' for tic in tic_values(low, high))
    script = (f"set logscale x\nset xrange [{low:.4g}:{high:.4g}]\nset yrange [{len(names) - 0.4}:-0.6]\n"
              f"set ytics ({tics})\nset xtics ({xtics})\nset grid xtics ytics\nset lmargin 17\nset rmargin 3\n"
              f"set xlabel {gnuplot.quoted(title)}\nset key outside top center horizontal maxcols 4\n"
              f"set arrow 1 from 1,{-0.6} to 1,{len(names) - 0.4} nohead lc rgb \"black\" lw 1\n")
    spread = 0.5 / max(1, len(points) - 1)
    blocks, parts = "", []
    for number, (configuration, pairs) in enumerate(points.items()):
        offset = (number - (len(points) - 1) / 2) * spread
        blocks += gnuplot.datablock(f"d{number}", [(ratio, index + offset) for index, ratio in pairs])
        colour, shape = style(configuration)
        parts.append(f"$d{number} using 1:2 with points lc rgb {gnuplot.quoted(colour)} pt {shape} ps 0.9 "
                     f"title {gnuplot.quoted(configuration.label(with_markers=False))}")
    return gnuplot.draw(name, title, 960, 120 + 34 * len(names), blocks + script + "plot " + ", ".join(parts) + "\n")


# ---- One workload ----

def pause_points(lengths_ns):
    """Length in ms at each percentile that the number of pauses can tell, and the longest at the right."""
    told = [percent for percent in PERCENTILES if len(lengths_ns) * (100 - percent) >= 100]
    points = [(-math.log10(1 - percent / 100), f.percentile(lengths_ns, percent) / 1e6) for percent in told]
    last = max((x for x, _ in points), default=0)
    return points + [(max(last + 0.35, 0.65), max(lengths_ns) / 1e6)]


def pause_lines(rows):
    """A line for the minor pauses of a row and one for its full ones; most have full ones only."""
    lines = []
    for row in foremost(rows):
        for kind, lengths_ns in ((", minor", row.minor_pauses_ns), (", full", row.full_pauses_ns)):
            if lengths_ns:
                name = label(row) + (kind if row.minor_pauses_ns else "")
                lines.append((name, style(row.configuration), pause_points(lengths_ns)))
    return lines


def pauses(name, title, rows):
    lines = pause_lines(rows)
    if not lines:
        return None
    marks = [(50, 0.30103), (90, 1), (99, 2), (99.9, 3), (99.99, 4)]
    last = max(x for _, _, points in lines for x, _ in points)
    tics = ", ".join(f'"{percent:g} %%" {place}' for percent, place in marks if place <= last + 0.1)
    what = "share of pauses that are no longer; ends at the longest"
    script = (f"set logscale y\nset xrange [0.2:{last + 0.1:.3g}]\nset xtics ({tics})\nset format y \"%g\"\n"
              f"set ylabel \"pause, ms\"\nset xlabel {gnuplot.quoted(what)}\n")
    return draw_small(name, title, script, lines)


def utilisation(name, title, rows):
    lines = [(label(row), style(row.configuration), [(window / 1e6, share) for window, share in row.utilisation])
             for row in foremost(rows) if row.pauses_ns and row.utilisation]
    if not lines:
        return None
    script = ("set logscale x\nset xrange [0.1:1000]\nset yrange [0:1.02]\n"
              "set xtics (\"0.1\" 0.1, \"1\" 1, \"10\" 10, \"100\" 100, \"1000\" 1000)\nset ytics 0.2\n"
              "set xlabel \"window, ms\"\nset ylabel \"share of the program, at worst\"\n")
    return draw_small(name, title, script, lines)


def heap_sizes(name, title, measurement):
    """Time against the heap, as a multiple of the live size. What does not fit has no point."""
    lines = []
    by_configuration = {}
    for factor, configuration in measurement.runs:
        key = configuration._replace(heap_bytes=0, growth_percent=0)
        by_configuration.setdefault(key, []).append((factor, measurement.median_s(factor, configuration)))
    for configuration, points in by_configuration.items():
        if any(seconds is not None for _, seconds in points):
            lines.append((configuration.label(with_markers=False), style(configuration), points))
    if not lines:
        return None
    script = ("set xrange [1:5.2]\nset yrange [0:*]\nset xtics (\"1.25\" 1.25, \"\" 1.5, \"2\" 2, \"3\" 3, \"5\" 5)\n"
              "set xlabel \"heap, in multiples of the live size\"\nset ylabel \"time, s\"\n")
    return draw_small(name, title, script, lines)
