#!/usr/bin/env python3
"""Runs programs of the distribution on libtrefoil-malloc.so and compares what they print, byte by byte, with what they
print without it: with free honoured, and with free ignored in each mode, also with a small nursery and a checked heap.

usage: programs.py LIBRARY [--figures [ROUNDS]]
  --figures  instead, time and peak memory beside glibc's malloc and mimalloc (where it is installed), interleaved

Programs that are not installed are left out; where none is there, the test is skipped (77).
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
MIMALLOC = ["/usr/lib/x86_64-linux-gnu/libmimalloc.so.2", "/usr/lib/aarch64-linux-gnu/libmimalloc.so.2",
            "/usr/lib64/libmimalloc.so.2"]
MODES = ["mark-sweep", "generational", "refcount"]


def find_python():
    """Not a wrapper script around it, which would be measured as well."""
    return os.path.realpath(sys.executable) if sys.executable else None


def programs(scale):
    """Name: arguments, standard input."""
    at = {name: os.path.join(HERE, name) for name in os.listdir(HERE)}
    wanted = {
        "lua5.4": (["lua5.4", at["tables.lua"], str(scale)], None),
        "sqlite3": (["sqlite3", ":memory:"], at["tables.sql"]),
        "jq": (["jq", "-c", "-n", "--argjson", "scale", str(scale), "-f", at["documents.jq"]], None),
        "perl": (["perl", at["words.pl"], str(scale)], None),
        "python3": ([find_python() or "python3", at["objects.py"], str(scale)], None),
        "python3, malloc for all": (["env", "PYTHONMALLOC=malloc", find_python() or "python3", at["objects.py"],
                                     str(scale)], None),
        "gcc": (["gcc", "-std=gnu11", "-O1", "-S", "-o", "-", at["compiled.c"]], None),
    }
    return {name: (command, path) for name, (command, path) in wanted.items() if shutil.which(command[0])}


def environment(library, ignored=False, mode=None, more=None):
    result = {name: value for name, value in os.environ.items() if not name.startswith(("TREFOIL_", "LD_PRELOAD"))}
    result["PYTHONHASHSEED"] = result["PERL_HASH_SEED"] = "0"
    if library:
        result["LD_PRELOAD"] = library
    if ignored:
        result["TREFOIL_IGNORE_FREE"] = "1"
    if mode:
        result["TREFOIL_MODE"] = mode
    result.update(more or {})
    return result


def peak_kib(pid):
    """So far; what wait4 tells would include this script's own memory, which the child had before it became the program."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return max((int(line.split()[1]) for line in file if line.startswith("VmHWM")), default=0)
    except OSError:
        return 0


def run(command, path, env):
    """Status, what it printed on both streams, seconds, processor seconds, peak KiB."""
    with tempfile.TemporaryFile() as out, open(path or os.devnull, "rb") as source:
        start, peak, ended = time.monotonic(), 0, 0
        process = subprocess.Popen(command, stdin=source, stdout=out, stderr=subprocess.STDOUT, env=env)
        while not ended:
            time.sleep(0.01)
            peak = peak_kib(process.pid) or peak
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = status
        seconds = time.monotonic() - start
        out.seek(0)
        return status, out.read(), seconds, usage.ru_utime + usage.ru_stime, peak


def compare(library):
    ways = {"free honoured": environment(library)}
    for mode in MODES:
        ways[f"free ignored, {mode}"] = environment(library, True, mode)
        ways[f"free ignored, {mode}, checked"] = environment(
            library, True, mode, {"TREFOIL_CHECK": "heap", "TREFOIL_NURSERY": "2M"})
    found, failures = programs(1), 0
    for name, (command, path) in found.items():
        status, wanted, *_ = run(command, path, environment(None))
        if status != 0:
            print(f"{name}: fails by itself: status {status}: {wanted[-500:].decode(errors='replace')}")
            failures += 1
            continue
        for way, env in ways.items():
            status, printed, seconds, *_ = run(command, path, env)
            is_right = status == 0 and printed == wanted
            failures += not is_right
            print(f"{name}: {way}: {'same output' if is_right else 'WRONG'} ({len(printed)} bytes, {seconds:.2f} s)",
                  flush=True)
            if not is_right:
                print(f"  status {status}, printed {printed[-500:].decode(errors='replace')}")
    if not found:
        print("skipped: none of the programs is installed")
        return 77
    print(f"{len(found)} programs, {failures} failures")
    return 1 if failures else 0


def figures(library, rounds):
    ways = {"glibc": environment(None), "honoured": environment(library)}
    mimalloc = [path for path in MIMALLOC if os.path.exists(path)]
    if mimalloc:
        ways["mimalloc"] = environment(mimalloc[0])
    for mode in MODES:
        ways[mode] = environment(library, True, mode)
    print("processor time, peak memory: shares of what glibc's malloc takes; medians")
    print("| program | " + " | ".join(list(ways)[1:]) + " |")
    for name, (command, path) in programs(4).items():
        results = {way: [] for way in ways}
        for _ in range(rounds):
            for way, env in ways.items():
                results[way].append(run(command, path, env))
        medians = {way: (statistics.median(r[3] for r in runs), statistics.median(r[4] for r in runs))
                   for way, runs in results.items()}
        seconds, kib = medians["glibc"]
        shares = [f"{medians[way][0] / seconds:.2f}, {medians[way][1] / kib:.2f}" for way in list(ways)[1:]]
        print(f"| {name} ({seconds:.2f} s, {kib / 1024:.0f} MB) | " + " | ".join(shares) + " |", flush=True)
    return 0


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    library = os.path.abspath(arguments[0])
    if "--figures" in arguments:
        rounds = arguments[arguments.index("--figures") + 1:]
        return figures(library, int(rounds[0]) if rounds else 5)
    return compare(library)


sys.exit(main(sys.argv[1:]))
