"""The order of things in bench/run: the suite, programs of the distribution, one's own, or two builds compared."""
import os
import sys
import time
from typing import NamedTuple, Optional

from . import (build, catalog, compare, drop_in, growth, heap_sizes, installed, kept, linkage, machine,
               options as option, own, packages, recommend, report, results, rows, suite, table, trackings)


class Transcript:
    """What is printed, kept for the file that goes with the results."""

    def __init__(self):
        self.lines = []

    def say(self, text=""):
        self.lines.append(text)
        print(text, flush=True)


def complain(text):
    print(f"bench/run: {text}", file=sys.stderr, flush=True)


def print_list(say):
    for title, names in (("workloads", {name: w.summary for name, w in catalog.WORKLOADS.items()}),
                         ("programs", {name: p.summary for name, p in installed.PROGRAMS.items()}),
                         ("modes", {name: "" for name in catalog.MODES}), ("trackings", catalog.TRACKINGS),
                         ("peers", catalog.PEERS)):
        say(f"{title}:")
        for name, text in names.items():
            say(f"  {name.ljust(14)}{text}".rstrip())


def build_directory(options):
    return os.path.abspath(options.build or os.path.join(build.source_root(), "build", "bench"))


def show_state(text):
    """On a terminal, until something else is printed."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="\r", file=sys.stderr, flush=True)


def prepare(options, say):
    """Packages and the build. Returns the folder of the programs."""
    programs = installed.needs(options.only) if options.programs else None
    packages.ensure(options.peers, say, wants_plots=options.report != "none", programs=programs)
    show_state("building ...")
    return build.build(build_directory(options))


def describe(options):
    show_state("looking at the machine ...")
    description = machine.describe(options.processors)
    description["date"] = time.strftime("%Y-%m-%d %H:%M %Z")
    return description


class Paths:
    """Where the files of a run go. Those that were named are checked before an hour is measured."""

    def __init__(self, options):
        directory = build_directory(options)
        prefix = "" if options.kind == "suite" else options.kind + "-"
        self.json = options.json or os.path.join(directory, prefix + "results.json")
        self.report = options.report or os.path.join(directory, prefix + "report.html")
        if self.report == "none":
            self.report = None
        self.saved = None
        if options.save_results is not None:
            name = options.save_results or prefix + time.strftime("%Y-%m-%d")
            self.saved = os.path.join(build.source_root(), "bench", "results", name)
        for path in (options.json, self.report if options.report else None):
            if path:
                results.check_writable(path)


def footer(bystanders, start_s):
    minutes, seconds = divmod(round(time.monotonic() - start_s), 60)
    share = bystanders.share()
    others = "" if share is None else f"; other processes took {share * 100:.0f} % of the processors meanwhile"
    return f"measured in {minutes} min {seconds} s{others}"


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_results(paths, document, transcript, make_page):
    """The files that are always written, and those of --save-results, in which no path of this machine stands.

    The page comes last: whatever becomes of it, the runs are safe.
    """
    results.write(paths.json, document)
    print(f"every run: {paths.json}", flush=True)
    if paths.saved:
        os.makedirs(os.path.dirname(paths.saved), exist_ok=True)
        document["programs"]["folder"] = None
        results.write(paths.saved + ".json", document)
        write_text(paths.saved + ".txt", "\n".join(transcript.lines) + "\n")
    if paths.report:
        page = make_page()
        write_text(paths.report, page)
        print(f"report:    {paths.report}")
        if paths.saved:
            write_text(paths.saved + ".html", page)
    if paths.saved:
        print(f"saved:     {paths.saved}.*")


class Found(NamedTuple):
    """What was measured of a build."""
    outcome: dict  # {workload: (parameters, rows)}
    measurements: list = []  # of heap sizes
    costs: Optional[trackings.Costs] = None
    grown: Optional[growth.Growth] = None


def measure_suite(options, folder, document, say):
    document["programs"] = kept.keep(build_directory(options))
    outcome = suite.measure_workloads(options, folder, document, say)
    suite.say_block(say, table.utilisation_table(outcome))
    costs, grown = suite.measure_trackings(options, folder, document, say, outcome)
    measurements = suite.measure_heap_sizes(options, folder, document, say)
    suite.say_block(say, table.best_table(outcome))
    suite.say_block(say, suite.claim_lines(outcome, costs, grown))
    return Found(outcome, measurements, costs, grown)


def measure_programs(options, folder, document, say):
    outcome = drop_in.measure(options, folder, document, say)
    suite.say_block(say, table.utilisation_table(outcome))
    suite.say_block(say, drop_in.mean_lines(outcome))
    return Found(outcome)


def run_build(options):
    """The suite, or programs of the distribution, on what this tree builds."""
    start_s = time.monotonic()
    transcript, paths = Transcript(), Paths(options)
    say = transcript.say
    folder = prepare(options, say)
    suite.settle_modes(options, folder)
    suite.settle_trackings(options, folder)
    description = describe(options)
    versions = suite.versions(folder, options)
    suite.say_block(say, table.header(description, versions))
    document = results.start(description, versions, options, build.source_state())
    bystanders = machine.Bystanders()
    measure = measure_programs if options.programs else measure_suite
    try:
        found = measure(options, folder, document, say)
    except KeyboardInterrupt:
        results.write(paths.json, document)
        print(f"every run so far: {paths.json}", flush=True)
        raise
    document["other_processes_share"] = bystanders.share()
    say(footer(bystanders, start_s))
    write_results(paths, document, transcript, lambda: report.page(description, versions, found.outcome,
                                                                   found.measurements, costs=found.costs,
                                                                   grown=found.grown))
    return 1 if suite.has_failures(found.outcome, found.costs, found.grown) else 0


def run_program(options):
    start_s = time.monotonic()
    transcript, paths = Transcript(), Paths(options)
    say = transcript.say
    if options.input:
        with open(options.input, "rb"):
            pass
    linkage.check(options.program[0])
    launcher = build.build_launcher(build_directory(options))
    description = describe(options)
    bystanders = machine.Bystanders()
    measurement = own.measure(options, launcher)
    found = rows.make_rows(measurement.runs)
    workload = own.workload_of(options.program)
    versions = own.versions(measurement)
    suite.say_block(say, table.header(description, versions))
    suite.say_block(say, table.workload_table(workload, {}, own.rounds(options), found, {}))
    suite.say_block(say, own.left_out_lines(measurement))
    outcome = {workload.name: ({}, found)}
    suite.say_block(say, table.utilisation_table(outcome))
    advice = list(recommend.lines(found))
    suite.say_block(say, advice)
    say(footer(bystanders, start_s))
    document = results.start(description, versions, options)
    document["workloads"].append(results.workload_entry(workload, {}, measurement.runs))
    if not options.report and not report.can_plot():
        paths.report = None
    write_results(paths, document, transcript, lambda: report.page(description, versions, outcome, [], advice))
    return 1 if suite.has_failures(outcome) else 0


def run_compare(options):
    start_s = time.monotonic()
    say = Transcript().say
    document = results.load(options.compare)
    compare.check(document, options.compare)
    options.report, options.peers = "none", []
    folder, directory = prepare(options, say), build_directory(options)
    suite.settle_modes(options, folder)
    show_state("looking for the old programs ...")
    old = kept.get(document, directory, options.compare)
    compared, absent = compare.rows_of(document, options)
    if not compared:
        raise compare.Nothing(f"{options.compare}: none of its rows can be run by this build")
    suite.say_block(say, table.header(describe(options), suite.versions(folder, options)))
    new = kept.keep(directory)
    same = " (the same programs)" if kept.identity(old) == new["id"] else ""
    say(f"against {options.compare}: trefoil {document['versions']['trefoil']}, {document['machine']['date']}{same}")
    suite.say_block(say, [f"not in this build: {', '.join(absent)}"] if absent else [])
    bystanders = machine.Bystanders()
    pairs = compare.Pairs(old, new["folder"], os.path.join(folder, "launch"), options, compared)
    measured = pairs.run_all()
    found = compare.findings(measured)
    suite.say_block(say, compare.table_lines(found))
    failures = compare.failures(measured)
    suite.say_block(say, (f"  {key.workload}, {key.configuration.label()}: {which} build FAILED: {why}"
                          for key, which, why in failures))
    suite.say_block(say, compare.verdict_lines(found, pairs.count))
    say(footer(bystanders, start_s))
    if any(which == "new" for _, which, _ in failures):
        return 1
    return 3 if compare.is_worse(found) else 0


def run_saved(options):
    """Shows what was measured some other day."""
    say = Transcript().say
    document = results.load(options.source)
    description, versions = document["machine"], document["versions"]
    suite.say_block(say, table.header(description, versions))
    outcome, measurements = suite.say_saved(say, document, options.only)
    costs, grown = trackings.from_saved(document, options.only), growth.from_json(document.get("growth"))
    suite.say_block(say, table.utilisation_table(outcome))
    suite.say_block(say, trackings.table_lines(costs))
    suite.say_block(say, growth.table_lines(grown))
    suite.say_block(say, heap_sizes.table_lines(measurements))
    if results.kind_of(document) == "programs":
        suite.say_block(say, drop_in.mean_lines(outcome))
    else:
        suite.say_block(say, table.best_table(outcome))
    suite.say_block(say, suite.claim_lines(outcome, costs, grown))
    if options.report and options.report != "none":
        results.check_writable(options.report)
        write_text(options.report, report.page(description, versions, outcome, measurements, costs=costs, grown=grown))
        say(f"report: {options.report}")
    return 0


def run(options):
    if options.list:
        print_list(print)
        return 0
    if options.source:
        return run_saved(options)
    if options.compare:
        return run_compare(options)
    return run_program(options) if options.program else run_build(options)


def main(arguments):
    try:
        return run(option.parse(arguments))
    except (option.Unknown, packages.Missing, build.Failed, linkage.NotMeasurable, kept.Gone, compare.Nothing,
            drop_in.NoLibrary, results.Refused, report.NoPlots, OSError) as error:
        complain(error)
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
