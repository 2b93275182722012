"""The command line of bench/run."""
import argparse
import os
import re

from . import catalog, installed


class Unknown(Exception):
    """A name that is not in its list; the message names the list."""


def parse_size(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", text.strip().upper())
    if not match or int(match.group(1)) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no size (a number, then K, M or G)")
    return int(match.group(1)) << {"": 0, "K": 10, "M": 20, "G": 30}[match.group(2)]


def parse_positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no positive number")
    return int(text)


def parse_markers(text):
    return tuple(parse_positive(part) for part in text.split(","))


def parse_sizes(text):
    return tuple(parse_size(part) for part in text.split(","))


def split_names(texts):
    return [name for text in texts for name in text.split(",") if name]


def choose(kind, names, known):
    """The known ones among names, in the order of the list; all of them if none was asked for."""
    for name in names:
        if name not in known:
            raise Unknown(f"unknown {kind} '{name}'; known: {', '.join(known)}")
    return [name for name in known if name in names] if names else list(known)


def processors():
    return len(os.sched_getaffinity(0))


def parser():
    p = argparse.ArgumentParser(
        prog="bench/run", usage="bench/run [OPTION]... [-- PROGRAM [ARGUMENT]...]",
        description="Measures trefoil in each mode beside other collectors and allocators; or PROGRAM, which is linked "
        "with trefoil, in each mode; or, with --programs, programs of the distribution on its libgc.so.1 beside "
        "bdwgc's; or, with --compare, this build beside an older one.",
        epilog="Every process runs on warmed memory, all configurations of a workload in turn, round after round. "
        "Status: 0, all runs succeeded; 1, a run failed; 2, nothing was measured; 3, --compare found something worse.")
    p.add_argument("--quick", action="store_true", help="small sizes, few rounds: under two minutes")
    p.add_argument("--programs", action="store_true",
                   help="measure programs of the distribution that are linked with libgc.so.1, on this library's and "
                   "on bdwgc's, and compare what they print")
    p.add_argument("--only", action="append", default=[], metavar="WORKLOAD",
                   help="this workload, or program of --programs; may be repeated")
    p.add_argument("--modes", action="append", default=[], metavar="MODE,...", help="modes of trefoil (default: all)")
    p.add_argument("--trackings", action="append", default=[], metavar="TRACKING,...",
                   help="ways to notice stores, a row each (default: auto; of PROGRAM: pages,none, which plain stores "
                   "allow)")
    p.add_argument("--peers", action="append", default=[], metavar="PEER,...",
                   help="what to compare with (default: all; 'none': trefoil alone)")
    p.add_argument("--repeat", type=parse_positive, metavar="N", help="rounds of each workload")
    p.add_argument("--markers", type=parse_markers, metavar="N,...",
                   help="marking threads of the collectors (default: one for each processor; 'live': also one)")
    p.add_argument("--size", type=parse_size, metavar="SIZE", help="live heap of 'live', 'live-random', 'old-graph'")
    p.add_argument("--limit", type=parse_positive, default=300, metavar="SECONDS",
                   help="time that one process may take (default: 300)")
    p.add_argument("--json", metavar="FILE", help="write every run to this file (default: results.json of --build)")
    p.add_argument("--report", metavar="FILE",
                   help="write the report, one HTML file with plots (default: report.html of --build; 'none': none)")
    p.add_argument("--save-results", metavar="NAME", nargs="?", const="", default=None,
                   help="write table, report and every run to bench/results/NAME.* as well (default: the date)")
    p.add_argument("--no-heap-sizes", dest="heap_sizes", action="store_false",
                   help="leave out the runs with heaps of several sizes")
    p.add_argument("--no-tracking-costs", dest="tracking_costs", action="store_false",
                   help="leave out the runs under each tracking")
    p.add_argument("--no-growth", dest="growth", action="store_false",
                   help="leave out the runs of 'live' with heaps of several sizes, the largest of 4G")
    p.add_argument("--from", dest="source", metavar="FILE.json",
                   help="measure nothing: print the tables of that run, and write its report to --report")
    p.add_argument("--compare", metavar="OLD.json",
                   help="run the programs of that run and those of this build in pairs; tell what changed beyond noise")
    p.add_argument("--nurseries", type=parse_sizes, default=(0,), metavar="SIZE,...",
                   help="of PROGRAM: nursery sizes (default: what the library chooses)")
    p.add_argument("--input", metavar="FILE", help="of PROGRAM: its standard input (default: nothing)")
    p.add_argument("--build", metavar="DIR", help="build directory (default: build/bench of the source tree)")
    p.add_argument("--list", action="store_true", help="list workloads, programs, modes, trackings and peers")
    return p


def split_program(arguments):
    """(what stands before the first --, what stands after it or None)."""
    if "--" not in arguments:
        return arguments, None
    place = arguments.index("--")
    if not arguments[place + 1:]:
        parser().error("no program after --")
    return arguments[:place], arguments[place + 1:]


def check_programs(options):
    """Programs of the distribution were built for bdwgc's library, and for no other peer."""
    for name, value in (("--compare", options.compare), ("--from", options.source), ("--peers", options.peers),
                        ("--input", options.input), ("a program after --", options.program)):
        if value:
            parser().error(f"--programs does not go with {name}")


def kind_of(options):
    """What is measured, as files of results say it."""
    return "programs" if options.programs else "program" if options.program is not None else "suite"


def default_trackings(program):
    return catalog.PLAIN_TRACKINGS if program is not None else ("auto",)


def parse(arguments):
    """The options, with only, modes, trackings and peers checked and expanded. Raises Unknown."""
    arguments, program = split_program(arguments)
    options = parser().parse_args(arguments)
    options.program = program
    if program is not None and options.compare:
        parser().error("--compare is for the suite, not for a program")
    if options.programs:
        check_programs(options)
    options.kind = kind_of(options)
    kind, known = ("program", installed.PROGRAMS) if options.programs else ("workload", catalog.WORKLOADS)
    options.only = choose(kind, split_names(options.only), known)
    options.modes_named = bool(options.modes)
    options.modes = choose("mode", split_names(options.modes), catalog.MODES)
    trackings = split_names(options.trackings)
    options.trackings_named = bool(trackings)
    options.trackings = choose("tracking", trackings or default_trackings(program), catalog.TRACKINGS)
    peers = split_names(options.peers)
    options.peers = [] if peers == ["none"] else choose("peer", peers, catalog.PEERS)
    if options.programs:
        options.peers = [installed.PEER]
    options.processors = processors()
    return options


def parameters(options, workload):
    values = dict(workload.quick if options.quick else workload.full)
    if workload.sized and options.size:
        values["size"] = options.size
    return values


def rounds(options, workload):
    return options.repeat or (workload.quick_rounds if options.quick else workload.rounds)


def marker_counts(options, workload):
    """Distinct and in order: on one processor 'one' and 'one for each' are the same."""
    counts = options.markers or tuple(n or options.processors for n in workload.markers)
    return list(dict.fromkeys(counts))


def trefoil(mode, markers, trackings, nurseries=(0,)):
    """A row for each tracking and nursery of a mode that has such things, else one."""
    if not catalog.is_tracked(mode):
        return [catalog.Configuration("trefoil", mode, markers)]
    return [catalog.Configuration("trefoil", mode, markers, None if tracking == "auto" else tracking, nursery_bytes)
            for tracking in trackings for nursery_bytes in nurseries]


def collectors(options, markers):
    """Every collector, trefoil in each mode, with this number of markers."""
    found = [catalog.Configuration("trefoil", mode, markers) for mode in options.modes]
    return found + [catalog.Configuration(peer, "mark-sweep", markers)
                    for peer in options.peers if peer in catalog.COLLECTORS]


def can_run(workload, configuration):
    """The example programs promise no barriers."""
    return workload.program is None or configuration.tracking != "barrier"


def left_out(options, workload):
    """{what has no row: why}"""
    found = {peer: why for peer, why in workload.left_out.items() if peer in options.peers}
    for mode in options.modes:
        found.update({c.label(): catalog.PLAIN_STORES for c in trefoil(mode, 0, options.trackings)
                      if not can_run(workload, c)})
    return found


def configurations(options, workload):
    """What runs this workload, trefoil first; what it leaves out is absent."""
    found = [c for mode in options.modes for n in marker_counts(options, workload)
             for c in trefoil(mode, n, options.trackings) if can_run(workload, c)]
    for peer in options.peers:
        if peer in workload.left_out:
            continue
        if peer in catalog.COLLECTORS:
            found += [catalog.Configuration(peer, "mark-sweep", n) for n in marker_counts(options, workload)]
        else:
            found.append(catalog.Configuration(peer, None, 0))
    return found
