"""The suite: every workload in every configuration, the tables, and what is kept of it."""
import os
import subprocess

from . import build, catalog, claims, heap_sizes, options as option, results, rows, schedule, table


def modes_of_build(folder):
    """The modes that the library has, as it says itself."""
    environment = {name: value for name, value in os.environ.items() if name != "TREFOIL_MODE"}
    done = subprocess.run([os.path.join(folder, "empty-trefoil"), "modes=1"], capture_output=True, text=True,
                          env=environment)
    if done.returncode != 0:
        raise build.Failed(f"empty-trefoil modes=1: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.split()


def settle_modes(options, folder):
    """Leaves the modes of this build in the options; raises Unknown for one that was named and is not there."""
    available = modes_of_build(folder)
    absent = [mode for mode in options.modes if mode not in available]
    if absent and options.modes_named:
        raise option.Unknown(f"this version of the library has no mode {', '.join(absent)}; "
                             f"it has: {', '.join(available)}")
    options.modes = [mode for mode in options.modes if mode in available]


def versions(folder, options):
    """{name: version}, each as the program that uses it tells."""
    source = build.source_version()
    runner = schedule.Runner(folder, options, schedule.Progress([]))
    found = {}
    for peer in ["trefoil"] + options.peers:
        configuration = catalog.Configuration(peer, options.modes[0] if peer == "trefoil" else None, 1)
        run = runner.run_once(catalog.EMPTY, configuration, 0)
        found[peer] = run["report"]["version"] if run["report"] else f"does not run: {run['failure']}"
    if source:
        found["trefoil"] += f" ({source})"
    found["compiler"] = build.compiler_version()
    return found


def measure_workloads(options, folder, document, say):
    """Runs every workload and prints its table. Result: {workload: (parameters, rows)}."""
    runner = schedule.Runner(folder, options, schedule.Progress(schedule.tasks(options)))
    outcome = {}
    for name in options.only:
        workload = catalog.WORKLOADS[name]
        parameters = option.parameters(options, workload)
        runs = runner.run_workload(workload)
        results.add_workload(document, workload, parameters, runs)
        found = rows.make_rows(runs)
        outcome[name] = (parameters, found)
        left_out = {peer: why for peer, why in workload.left_out.items() if peer in options.peers}
        say_workload(say, workload, parameters, option.rounds(options, workload), found, left_out)
    return outcome


def measure_heap_sizes(options, folder, document, say):
    """Result: [Measurement, ...]."""
    if not options.heap_sizes:
        return []
    runner = schedule.Runner(folder, options, schedule.Progress([]))
    measurements = heap_sizes.measure_all(runner)
    document["heap_sizes"] = [heap_sizes.as_json(measurement) for measurement in measurements]
    say_block(say, heap_sizes.table_lines(measurements))
    return measurements


def say_block(say, lines):
    """The lines and an empty one; nothing of no lines."""
    lines = list(lines)
    for line in lines:
        say(line)
    if lines:
        say()


def say_workload(say, workload, parameters, rounds, found, left_out):
    say_block(say, table.workload_table(workload, parameters, rounds, found, left_out))


def say_saved(say, document, only):
    """The tables of a file of results. Result: (outcome, [Measurement, ...])."""
    outcome = {}
    for entry in document["workloads"]:
        name = entry["name"]
        if name in catalog.WORKLOADS and name not in only:
            continue
        runs = {catalog.from_saved(saved): saved["runs"] for saved in entry["configurations"]}
        found = rows.make_rows(runs)
        outcome[name] = (entry["parameters"], found)
        workload = catalog.WORKLOADS.get(name) or catalog.Workload(name, entry["summary"], {}, {}, 0, 0)
        rounds = max((len(list_of_runs) for list_of_runs in runs.values()), default=0)
        say_workload(say, workload, entry["parameters"], rounds, found, entry["left_out"])
    measurements = [heap_sizes.from_json(saved) for saved in document["heap_sizes"] if saved["name"] in only]
    return outcome, [measurement for measurement in measurements if measurement]


def claim_lines(outcome):
    told = claims.check(outcome)
    if told:
        yield "What the project promises:"
        yield from ("  " + line for line in table.align([claims.cells(claim, value) for claim, value in told], left=2))


def has_failures(outcome):
    return any(row.failure for _, found in outcome.values() for row in found)
