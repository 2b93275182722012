"""The suite: every workload in every configuration, the tables, and what is kept of it."""
import os
import subprocess

from . import (build, catalog, claims, growth, heap_sizes, options as option, results, rows, schedule, table,
               trackings)


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


def plain_runner(folder, options):
    return schedule.Runner(folder, options, schedule.Progress([]))


def absent_trackings(folder, options, names):
    """{tracking: why} of those that cannot be had on this machine."""
    found = {}
    tracked = [mode for mode in options.modes if catalog.is_tracked(mode)]
    for name in names if tracked else ():
        configuration, = option.trefoil(tracked[0], 1, (name,))
        reason = plain_runner(folder, options).run_once(catalog.EMPTY, configuration, 0)["failure"]
        if reason:
            found[name] = reason
    return found


def settle_trackings(options, folder):
    """Raises Unknown for a tracking that was named and is not there."""
    for name, why in absent_trackings(folder, options, options.trackings).items():
        raise option.Unknown(f"tracking {name}: {why}")


def versions(folder, options):
    """{name: version}, each as the program that uses it tells; and what AUTO comes to."""
    source = build.source_version()
    found = {}
    for peer in ["trefoil"] + options.peers:
        configuration = catalog.Configuration(peer, options.modes[-1] if peer == "trefoil" else None, 1)
        run = plain_runner(folder, options).run_once(catalog.EMPTY, configuration, 0)
        found[peer] = run["report"]["version"] if run["report"] else f"does not run: {run['failure']}"
        if peer == "trefoil" and source:
            found[peer] += f" ({source})"
        if run["report"] and peer == "trefoil" and catalog.is_tracked(configuration.mode):
            found["auto tracking"] = run["report"]["tracking"]
    found["compiler"] = build.compiler_version()
    return found


def measure_workloads(options, folder, document, say):
    """Runs every workload and prints its table. Result: {workload: (parameters, rows)}."""
    all_series = [schedule.Series(workload, option.configurations(options, workload), option.rounds(options, workload))
                  for workload in map(catalog.WORKLOADS.get, options.only)]
    runner = schedule.Runner(folder, options, schedule.Progress(schedule.tasks(options, all_series)))
    outcome = {}
    for series in all_series:
        workload, parameters = series.workload, option.parameters(options, series.workload)
        runs, left_out = runner.run_series(series), option.left_out(options, workload)
        document["workloads"].append(results.workload_entry(workload, parameters, runs, left_out))
        found = rows.make_rows(runs)
        outcome[workload.name] = (parameters, found)
        say_workload(say, workload, parameters, series.rounds, found, left_out)
    return outcome


def measure_trackings(options, folder, document, say, outcome):
    """Result: (Costs, Growth), each None if it is not wanted. outcome: of the workloads."""
    runner, costs, grown = plain_runner(folder, options), trackings.from_suite(options, outcome), None
    absent = absent_trackings(folder, options, trackings.COMPARED)
    if trackings.is_wanted(options):
        costs = trackings.measure(runner, document, absent)
    say_block(say, trackings.table_lines(costs))
    if growth.is_wanted(options):
        grown = growth.measure(runner, document, absent)
    say_block(say, growth.table_lines(grown))
    return costs, grown


def measure_heap_sizes(options, folder, document, say):
    """Result: [Measurement, ...]."""
    if not options.heap_sizes:
        return []
    measurements = heap_sizes.measure_all(plain_runner(folder, options))
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
        runs = results.runs_of(entry)
        found = rows.make_rows(runs)
        outcome[name] = (entry["parameters"], found)
        workload = catalog.WORKLOADS.get(name) or catalog.Workload(name, entry["summary"], {}, {}, 0, 0)
        rounds = max((len(list_of_runs) for list_of_runs in runs.values()), default=0)
        say_workload(say, workload, entry["parameters"], rounds, found, entry["left_out"])
    measurements = [heap_sizes.from_json(saved) for saved in document["heap_sizes"] if saved["name"] in only]
    return outcome, [measurement for measurement in measurements if measurement]


def claim_lines(outcome, costs, grown):
    told = claims.check(outcome, costs, grown)
    if told:
        yield "What the project promises:"
        yield from ("  " + line for line in table.align([claims.cells(one) for one in told], left=2))


def has_failures(outcome, costs=None, grown=None):
    """Whether any run failed. costs, grown: None counts as nothing."""
    return (any(row.failure for _, found in outcome.values() for row in found) or
            bool(costs and costs.failures()) or bool(grown and grown.failures()))
