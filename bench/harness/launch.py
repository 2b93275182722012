"""One process: started through the launcher (bench/launch.c), watched, its report read.

The result is a run, a dict: "failure" is None or the reason in one line; "wall_ns", "user_ns", "system_ns",
"peak_bytes" and "mean_bytes" (resident memory) are the launcher's, of the whole process; "report" is the line that the
workload printed about its timed part (see bench/measure.c), and "figures" are the workload's own, taken out of it. A
run that failed has what is known.
"""
import hashlib
import json
import os
import signal
import subprocess
import tempfile

from . import machine, stats_file

REPORT_KEYS = {"workload", "peer", "version", "start_ns", "wall_ns", "cpu_ns", "allocations", "figures", "pauses"}
MEASURES = ("wall_ns", "user_ns", "system_ns", "peak_bytes", "mean_bytes")
NO_REPORT = "ended without a report"
EXEMPT = "cannot serve this program"


def environment_of(configuration, report_path):
    environment = dict(os.environ)
    if configuration.peer == "trefoil":
        environment["TREFOIL_MODE"] = configuration.mode
        environment["TREFOIL_MARKERS"] = str(configuration.markers)
        environment["TREFOIL_STATS"] = report_path
        if configuration.tracking:
            environment["TREFOIL_TRACKING"] = configuration.tracking
        if configuration.nursery_bytes:
            environment["TREFOIL_NURSERY"] = str(configuration.nursery_bytes)
        if configuration.heap_bytes:
            environment["TREFOIL_LIMIT"] = str(configuration.heap_bytes)
        if configuration.growth_percent:
            environment["TREFOIL_GROWTH"] = str(configuration.growth_percent)
    else:
        environment["BENCH_REPORT"] = report_path
    if configuration.peer == "bdwgc":
        environment["GC_MARKERS"] = str(configuration.markers)
        if configuration.heap_bytes:  # all of it, before the first collection
            environment["GC_MAXIMUM_HEAP_SIZE"] = str(configuration.heap_bytes)
            environment["GC_INITIAL_HEAP_SIZE"] = str(configuration.heap_bytes)
            environment["GC_FREE_SPACE_DIVISOR"] = "1"
    return environment


def read_text(path):
    """Nothing of a file that is not there."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def last_line(text):
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


def failure_of(outcome, stderr, limit_s):
    """None, or why the process did not succeed."""
    if outcome["is_timed_out"]:
        return f"killed: took longer than {limit_s} s"
    if outcome["signal"]:
        number = outcome["signal"]
        name = signal.Signals(number).name if number in signal.valid_signals() else str(number)
        said = last_line(stderr)
        return f"killed by {name}" + (f": {said}" if said else "")
    if outcome["exit_status"]:
        return f"status {outcome['exit_status']}: {last_line(stderr) or 'no message'}"
    return None


def parse_report(text):
    """The report, or None: a process that ends well without one has not done what it should."""
    try:
        report = json.loads(last_line(text))
    except ValueError:
        return None
    return report if isinstance(report, dict) and REPORT_KEYS <= report.keys() else None


def read_report(configuration, stdout, path, is_program):
    """(report, None) or (None, what is wrong).

    A workload prints its report; the pauses of trefoil, and all of a program's report, are in a file, which the library
    writes or what the program is linked with.
    """
    if configuration.peer != "trefoil":
        report = parse_report(read_text(path) if is_program else stdout)
        return report, None if report else NO_REPORT
    try:
        stats = stats_file.load(path)
    except stats_file.Unreadable as error:
        return None, str(error)
    if is_program:
        return stats_file.report(stats), None
    report = parse_report(stdout)
    if report:
        report["tracking"] = stats.get("tracking", "none")
        report["shadow_bytes"] = stats.get("shadow_bytes", 0)
        report["pauses"] = stats_file.pauses(stats, report["start_ns"])
    return report, None if report else NO_REPORT


def difference(configuration, report):
    """Why a run of trefoil was not what was asked for, as the library tells; None if it was."""
    if configuration.peer != "trefoil":
        return None
    if report["mode"] != configuration.mode:
        return f"its library (trefoil {report['version']}) has no mode {configuration.mode}"
    if configuration.tracking and report["tracking"] != configuration.tracking:
        return (f"tracking by {configuration.tracking} is not to be had in mode {configuration.mode} here: it ran with "
                f"tracking {report['tracking']}")
    return None


def exemption(stderr):
    """What the library says of a mode that cannot serve this program, in whose place it takes another; else None."""
    lines = [line for line in stderr.splitlines() if line.startswith("trefoil: ") and EXEMPT in line]
    return lines[0].removeprefix("trefoil: ") if lines else None


def digest(output, product):
    """Enough to tell whether two programs print the same, byte by byte: of standard output, and of the file that the
    program made, if there is one. A short text stands for itself."""
    if product and os.path.exists(product):
        with open(product, "rb") as file:
            output += file.read()
    if len(output) <= 200 and output.isascii():
        return output.decode()
    return hashlib.sha256(output).hexdigest()


def take_whole(result, start_ns):
    """Makes the whole process, which began at start_ns, the timed part: time, and where the pauses lie in it."""
    report = result["report"]
    earlier_ns = report["start_ns"] - start_ns
    report.update(start_ns=start_ns, wall_ns=result["wall_ns"], cpu_ns=result["user_ns"] + result["system_ns"],
                  pauses=[[kind, begin_ns + earlier_ns, length_ns] for kind, begin_ns, length_ns in report["pauses"]])


def failed(reason):
    return {"failure": reason, "report": None, "figures": {}}


def start(launcher, command, environment, warm_bytes, limit_s, outcome_path, input_path=None):
    """The ended launcher process and the outcome that it wrote, None if it could not."""
    warm_bytes = min(warm_bytes, machine.memory_bytes("MemAvailable") * 8 // 10)
    with open(input_path or os.devnull, "rb") as stdin:
        done = subprocess.run([launcher, outcome_path, str(warm_bytes), str(limit_s)] + command,
                              env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        return done, None
    with open(outcome_path, encoding="utf-8") as file:
        return done, json.load(file)


def run(launcher, command, configuration, warm_bytes, limit_s, is_program=False, extra=None,
        input_path=None, product=None):
    """Runs the command under this configuration. Never raises for what the program does.

    extra: more variables of the environment. input_path: its standard input; None: nothing.

    is_program: a program that knows nothing of benchmarks: its whole time counts, and its standard output, or its
    digest, is kept as "output"; "exemption" is why its library took another mode. product: a file that it makes, which
    is part of its output.
    """
    if not os.path.exists(command[0]):
        return failed(f"{os.path.basename(command[0])} was not built")
    if product and os.path.exists(product):
        os.unlink(product)
    with tempfile.TemporaryDirectory(prefix="trefoil-bench-") as folder:
        report_path = os.path.join(folder, "report")
        environment = {**environment_of(configuration, report_path), **(extra or {})}
        done, outcome = start(launcher, command, environment, warm_bytes, limit_s, os.path.join(folder, "outcome"),
                              input_path)
        stdout, stderr = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        if outcome is None:
            return failed(f"the launcher failed: {last_line(stderr)}")
        result = failed(failure_of(outcome, stderr, limit_s))
        result.update({key: outcome[key] for key in MEASURES})
        result["mean_bytes"] = result["mean_bytes"] or result["peak_bytes"]  # too short to be sampled
        if result["failure"]:
            if is_program:  # what its library could still tell
                result["report"], _ = read_report(configuration, stdout, report_path, is_program)
            return result
        result["report"], result["failure"] = read_report(configuration, stdout, report_path, is_program)
    if result["failure"]:
        return result
    result["figures"] = result["report"].pop("figures")
    if is_program:
        result["output"], result["exemption"] = digest(done.stdout, product), exemption(stderr)
        take_whole(result, outcome["start_ns"])
    return result
