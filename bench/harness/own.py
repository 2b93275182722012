"""bench/run -- PROGRAM ARGUMENT...: somebody's own program, unmodified, in every mode that its library has.

Modes, trackings and nursery sizes are chosen through the environment, and what the collector did is read from the
statistics file; the library that counts is the one that the program is linked with, so that it says itself (in that
file) whether it has a mode.
"""
import os
import shlex
import time

from . import catalog, launch, linkage, options as option, schedule

ROUNDS, QUICK_ROUNDS = 5, 2
NO_STATISTICS = ("wrote no statistics file: it never allocates from trefoil, or it ends without its exit functions "
                 "(_exit, exec)")


def rounds(options):
    return options.repeat or (QUICK_ROUNDS if options.quick else ROUNDS)


def configurations(options):
    """A row each."""
    return [c for markers in options.markers or (options.processors,) for mode in options.modes
            for c in option.trefoil(mode, markers, options.trackings, options.nurseries)]


def workload_of(command):
    """What the tables and the file of results call this program."""
    return catalog.Workload(os.path.basename(command[0]), "$ " + shlex.join(command), full={}, quick={}, seconds=1,
                            warm_bytes=0, program="")


class Measurement:
    """The runs of each configuration, and what was left out: {configuration: reason}."""

    def __init__(self, options, launcher, command):
        self.options, self.launcher, self.command = options, launcher, command
        self.runs = {configuration: [] for configuration in configurations(options)}
        self.left_out = {}
        self.largest_bytes = 0

    def run_once(self, configuration):
        run = launch.run(self.launcher, self.command, configuration, self.largest_bytes, self.options.limit,
                         is_program=True, input_path=self.options.input)
        if run["failure"] and run["failure"].startswith("no statistics file"):
            run["failure"] = NO_STATISTICS
        self.largest_bytes = max(self.largest_bytes, run.get("peak_bytes", 0))
        return run

    def settle(self, configuration, run, progress):
        """A configuration that does not exist is left out, or fails if it was asked for by name."""
        reason = run["report"] and launch.difference(configuration, run["report"])
        if reason and not self.options.modes_named:
            del self.runs[configuration]
            progress.drop(configuration)
            self.left_out[configuration] = reason
        elif reason:
            run["failure"] = reason

    def run_round(self, progress, number):
        for configuration in list(self.runs):
            earlier, key = self.runs[configuration], configuration
            if sum(run["failure"] is not None for run in earlier) >= 2:
                progress.finished(key, 0)
                continue
            progress.show(f"{configuration.label()}, round {number + 1} of {rounds(self.options)}")
            start_s = time.monotonic()
            run = self.run_once(configuration)
            earlier.append(run)
            progress.finished(key, time.monotonic() - start_s)
            self.settle(configuration, run, progress)


def outputs_differ(runs):
    """Whether two runs printed something else: no failure of a program that prints the time."""
    return len({run["output"] for found in runs.values() for run in found if run["failure"] is None}) > 1


def measure(options, launcher):
    """Raises linkage.NotMeasurable."""
    program = linkage.check(options.program[0])
    measurement = Measurement(options, launcher, [program] + options.program[1:])
    progress = schedule.Progress([(key, 1, rounds(options)) for key in measurement.runs])
    try:
        for number in range(rounds(options)):
            measurement.run_round(progress, number)
    finally:
        progress.clear()
    return measurement


def left_out_lines(measurement):
    for reason in dict.fromkeys(measurement.left_out.values()):
        labels = [c.label(with_markers=False) for c, why in measurement.left_out.items() if why == reason]
        yield f"  left out: {'; '.join(labels)}: {reason}"
    if outputs_differ(measurement.runs):
        yield "  Note: not every run printed the same on standard output."


def versions(measurement):
    """{"trefoil": version}, as the program's own library told it."""
    told = [run["report"]["version"] for found in measurement.runs.values() for run in found if run["report"]]
    return {"trefoil": told[0] if told else "unknown"}
