"""bench/run --programs: programs of the distribution, as they are, on the drop-in for libgc.so.1 in every mode, beside
bdwgc's library, which they were built for.

Which of the two a program finds is said by LD_LIBRARY_PATH. On bdwgc's, a library that is preloaded (bench/observe.c)
tells collections and pauses. All runs of a program have to print the same, byte by byte.

A mode that cannot serve a program is no failure: the library says so in one line and takes another mode. Its row is
left out, with that line.
"""
import os
import tempfile

from . import catalog, installed, launch, options as option, results, rows, schedule, suite, table, trackings

STOCK = installed.PEER


class NoLibrary(Exception):
    """There is nothing to run the programs on; the message says why."""


class Runner(schedule.Runner):
    """Runs installed programs; ready is the one whose turn it is."""

    def __init__(self, folder, options, progress):
        super().__init__(folder, options, progress)
        self.observer = os.path.join(folder, "observe.so")
        self.library = os.path.join(os.path.dirname(folder), "gc", "libgc")
        for path in (self.observer, os.path.join(self.library, "libgc.so.1")):
            if not os.path.exists(path):
                raise NoLibrary(f"{path} was not built")
        self.ready = None
        self.exempt = {}  # configuration: why it cannot serve this program

    def environment(self, configuration):
        if configuration.peer == STOCK:
            preloaded = [self.observer, os.environ.get("LD_PRELOAD", "")]
            return {**self.ready.environment, "LD_LIBRARY_PATH": "", "LD_PRELOAD": " ".join(preloaded).strip()}
        return {**self.ready.environment, "LD_LIBRARY_PATH": self.library}

    def run_once(self, workload, configuration, warm_bytes, parameters=None):
        if configuration in self.exempt:
            return launch.failed(self.exempt[configuration])
        run = launch.run(self.launcher, self.ready.command, configuration, warm_bytes, self.options.limit,
                         is_program=True, extra=self.environment(configuration), product=self.ready.product)
        if run["failure"] is None and run["exemption"]:
            self.exempt[configuration] = run["failure"] = run["exemption"]
        elif run["failure"] is None:
            run["failure"] = launch.difference(configuration, run["report"])
        return run

    def run_program(self, series):
        """(runs of each configuration, {label of those that are left out: why})"""
        self.exempt = {}
        self.progress.show(f"{series.workload.name}: its input")
        with tempfile.TemporaryDirectory(prefix="trefoil-bench-") as folder:
            try:
                self.ready = installed.make_ready(series.workload, folder, series.parameters)
            except installed.NotPrepared as error:
                return {configuration: [launch.failed(str(error))] for configuration in series.configurations}, {}
            runs = self.run_series(series)
        served = {configuration: found for configuration, found in runs.items() if configuration not in self.exempt}
        return served, {configuration.label(): why for configuration, why in self.exempt.items()}


def configurations(options):
    """bdwgc's library first: what it prints is what the others have to print."""
    markers = options.markers or (options.processors,)
    return ([catalog.Configuration(STOCK, "mark-sweep", n) for n in markers] +
            [c for mode in options.modes for n in markers for c in option.trefoil(mode, n, options.trackings)])


def measure(options, folder, document, say):
    """Runs every program and prints its table. Result: {program: (parameters, rows)}. Raises NoLibrary."""
    all_series = [schedule.Series(program, configurations(options), option.rounds(options, program),
                                  option.parameters(options, program))
                  for program in map(installed.PROGRAMS.get, options.only)]
    runner = Runner(folder, options, schedule.Progress(schedule.tasks(options, all_series)))
    outcome = {}
    for series in all_series:
        program, parameters = series.workload, series.parameters
        runs, left_out = runner.run_program(series)
        document["workloads"].append(results.workload_entry(program, parameters, runs, left_out))
        found = rows.make_rows(runs)
        outcome[program.name] = (parameters, found)
        suite.say_workload(say, program, parameters, series.rounds, found, left_out)
    return outcome


# ---- What it comes to ----

def ratios(outcome, configuration, ratio):
    """{program: ratio to bdwgc} of the rows of a configuration that did not fail."""
    found = {name: ratio(row).get(STOCK) for name, (_, all_rows) in outcome.items() for row in all_rows
             if row.configuration == configuration and not row.failure}
    return {name: spread.median for name, spread in found.items() if spread}


def mean_cells(outcome, configuration):
    cells = [configuration.label()]
    for ratio in (lambda row: row.time_ratio, lambda row: row.peak_ratio):
        found = ratios(outcome, configuration, ratio)
        if not found:
            return cells + ["-"] * 5
        most = max(found, key=found.get)
        cells += [str(len(found))] if len(cells) == 1 else []
        cells += [table.significant(trackings.mean(found.values())), f"{most} {table.significant(found[most])}"]
    return cells


def mean_lines(outcome):
    """The geometric means over all programs, and the program with the largest ratio."""
    shown = dict.fromkeys(row.configuration for _, found in outcome.values() for row in found
                          if row.configuration.peer != STOCK)
    if shown:
        yield f"Beside {STOCK}'s library: geometric means of the ratios above"
        lines = [["", "programs", "time", "most", "peak", "most"]]
        lines += [mean_cells(outcome, configuration) for configuration in shown]
        yield from ("  " + line for line in table.align(lines))
