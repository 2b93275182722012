"""The order of things in bench/run."""
import os
import subprocess
import sys
import time

from . import build, catalog, claims, machine, options as option, packages, results, rows, schedule, table


def say(text=""):
    print(text, flush=True)


def complain(text):
    print(f"bench/run: {text}", file=sys.stderr, flush=True)


def print_list():
    for title, names in (("workloads", {name: w.summary for name, w in catalog.WORKLOADS.items()}),
                         ("modes", {name: "" for name in catalog.MODES}), ("peers", catalog.PEERS)):
        say(f"{title}:")
        for name, text in names.items():
            say(f"  {name.ljust(14)}{text}".rstrip())


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


def measure(options, folder, document):
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
        for line in table.workload_table(workload, parameters, option.rounds(options, workload), found, left_out):
            say(line)
        say()
    return outcome


def print_claims(outcome):
    told = claims.check(outcome)
    if not told:
        return
    say("What the project promises:")
    for line in table.align([claims.cells(claim, value) for claim, value in told], left=2):
        say("  " + line)


def print_footer(bystanders, start_s):
    minutes, seconds = divmod(round(time.monotonic() - start_s), 60)
    share = bystanders.share()
    others = "" if share is None else f"; other processes took {share * 100:.0f} % of the processors meanwhile"
    say(f"measured in {minutes} min {seconds} s{others}")


def prepare(options):
    """Packages and the build. Returns the folder of the programs."""
    packages.ensure(options.peers, say)
    directory = options.build or os.path.join(build.source_root(), "build", "bench")
    if sys.stderr.isatty():
        print("building ...", end="\r", file=sys.stderr, flush=True)
    return build.build(directory)


def run(options):
    start_s = time.monotonic()
    if options.json:
        results.check_writable(options.json)
    folder = prepare(options)
    settle_modes(options, folder)
    description = machine.describe(options.processors)
    description["date"] = time.strftime("%Y-%m-%d %H:%M %Z")
    found = versions(folder, options)
    for line in table.header(description, found):
        say(line)
    say()
    document = results.start(description, found, options)
    bystanders = machine.Bystanders()
    outcome = measure(options, folder, document)
    print_claims(outcome)
    document["other_processes_share"] = bystanders.share()
    print_footer(bystanders, start_s)
    if options.json:
        results.write(options.json, document)
    return 1 if any(row.failure for _, found_rows in outcome.values() for row in found_rows) else 0


def main(arguments):
    try:
        options = option.parse(arguments)
        if options.list:
            print_list()
            return 0
        return run(options)
    except (option.Unknown, packages.Missing, build.Failed, OSError) as error:
        complain(error)
        return 2
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
