"""All processes of a workload, interleaved: each configuration once a round, round after round.

What drifts on a machine (its clock, its neighbours, the state of its memory) then meets all of them alike.
"""
import glob
import os
import sys
import time
from typing import NamedTuple, Optional

from . import build, catalog, launch, options as option


class Progress:
    """One line on a terminal: what runs, how far it is, how long the rest takes. Nothing where there is no terminal."""

    def __init__(self, tasks, stream=sys.stderr):
        self.stream = stream
        self.is_shown = stream.isatty()
        self.expected_s = {}  # (workload, configuration): seconds of its last run, or a guess
        self.left = {}  # (workload, configuration): runs to come
        self.total = 0
        self.done = 0
        for key, guess_s, count in tasks:
            self.expected_s[key] = guess_s
            self.left[key] = count
            self.total += count

    def left_s(self):
        return sum(self.expected_s[key] * count for key, count in self.left.items())

    def show(self, text):
        if not self.is_shown:
            return
        left_s = round(self.left_s())
        left = f"{left_s // 60} min {left_s % 60:02} s" if left_s >= 60 else f"{left_s} s"
        share = self.done / self.total if self.total else 1
        bar = ("#" * round(share * 20)).ljust(20, ".")
        self.stream.write(f"\r\x1b[K[{bar}] {self.done}/{self.total}  about {left} left  {text}")
        self.stream.flush()

    def finished(self, key, seconds):
        self.expected_s[key] = seconds
        self.left[key] -= 1
        self.done += 1

    def drop(self, key):
        """What was to come of this one does not."""
        self.total -= self.left.pop(key, 0)

    def clear(self):
        if self.is_shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()


class Series(NamedTuple):
    """What is run of a workload."""
    workload: catalog.Workload
    configurations: list
    rounds: int
    parameters: Optional[dict] = None  # None: those of the options


def tasks(options, all_series):
    """(key, guess of seconds, count) for all that will run."""
    shrink = 0.1 if options.quick else 1
    for series in all_series:
        for configuration in series.configurations:
            yield (series.workload.name, configuration), series.workload.seconds * shrink, series.rounds


def scheme_scripts():
    return sorted(glob.glob(os.path.join(build.source_root(), "examples", "scheme", "programs", "*.scm")))


class Runner:
    """Runs workloads out of one folder of programs."""

    def __init__(self, folder, options, progress, launcher=None):
        self.folder = folder
        self.options = options
        self.progress = progress
        self.launcher = launcher or os.path.join(folder, "launch")

    def command(self, name, configuration, parameters):
        """Barriers are promised by programs of their own."""
        suffix = "-barrier" if configuration.tracking == "barrier" else ""
        program = os.path.join(self.folder, f"{name}-{configuration.peer}{suffix}")
        return [program] + [f"{key}={value}" for key, value in parameters.items()]

    def program_command(self, workload, configuration, parameters):
        """An example program: as it is for trefoil, built against bdwgc beside the workloads."""
        if configuration.peer == "trefoil":
            program = os.path.join(os.path.dirname(self.folder), "examples", workload.name)
        else:
            program = os.path.join(self.folder, f"{workload.name}-{configuration.peer}")
        scripts = " ".join(scheme_scripts() * parameters.get("passes", 1))
        return [program] + workload.program.format(scripts=scripts, **parameters).split()

    def run_program(self, workload, configuration, warm_bytes, parameters):
        command = self.program_command(workload, configuration, parameters)
        return launch.run(self.launcher, command, configuration, warm_bytes, self.options.limit, is_program=True)

    def run_once(self, workload, configuration, warm_bytes, parameters=None):
        """parameters: None takes those of the options. A run in another mode than was asked for has failed."""
        if parameters is None:
            parameters = option.parameters(self.options, workload)
        start = self.run_program if workload.program else self.run_on_shim
        run = start(workload, configuration, warm_bytes, parameters)
        if run["failure"] is None:
            run["failure"] = launch.difference(configuration, run["report"])
        return run

    def run_on_shim(self, workload, configuration, warm_bytes, parameters):
        empty_peak_bytes = None
        if workload.above_empty:
            empty = self.run_once(catalog.EMPTY, configuration, 0)
            if empty["failure"]:
                return launch.failed(f"the empty program: {empty['failure']}")
            empty_peak_bytes = empty["peak_bytes"]
        command = self.command(workload.name, configuration, parameters)
        run = launch.run(self.launcher, command, configuration, warm_bytes, self.options.limit)
        if run["failure"] is None:
            catalog.derive_figures(run, empty_peak_bytes)
        return run

    def run_series(self, series):
        """{configuration: [run, ...]} with one run a round.

        A configuration that failed twice is not tried again: its reason is known, and a failure is often a time-out.
        """
        workload = series.workload
        runs = {configuration: [] for configuration in series.configurations}
        warm_bytes = workload.warm_bytes // (8 if self.options.quick else 1)
        if workload.program:
            self.read_files(workload, series.configurations)
        try:
            for number in range(series.rounds):
                warm_bytes = self.run_round(series, number, runs, warm_bytes)
        finally:
            self.progress.clear()
        compare_outputs(runs)
        return runs

    def read_files(self, workload, configurations):
        """An uncounted run, so that the first one that counts finds the files in memory as the others do."""
        for configuration in configurations:
            if self.run_once(workload, configuration, 0)["failure"] is None:
                return

    def run_round(self, series, number, runs, warm_bytes):
        """Adds a run to each configuration's. Returns how much memory to warm from now on: the largest peak so far."""
        workload = series.workload
        for configuration, earlier in runs.items():
            key = (workload.name, configuration)
            if sum(run["failure"] is not None for run in earlier) >= 2:
                self.progress.finished(key, 0)
                continue
            self.progress.show(f"{workload.name}: {configuration.label()}, round {number + 1} of {series.rounds}")
            start_s = time.monotonic()
            run = self.run_once(workload, configuration, warm_bytes, series.parameters)
            earlier.append(run)
            warm_bytes = max(warm_bytes, run.get("peak_bytes", 0))
            self.progress.finished(key, time.monotonic() - start_s)
        return warm_bytes


def compare_outputs(runs):
    """Programs that print different things did different work: all but those that agree with the first have failed."""
    good = [(configuration, run) for configuration, list_of_runs in runs.items() for run in list_of_runs
            if run["failure"] is None and "output" in run]
    for configuration, run in good[1:]:
        if run["output"] != good[0][1]["output"]:
            run["failure"] = f"prints something else than {good[0][0].label()}"
