#!/usr/bin/env python3
"""Runs programs of the distribution that are linked with libgc.so.1 on this library's, and compares what they print, byte
by byte, with what they print on bdwgc's.

usage: programs.py LIBRARY_FOLDER [--only NAME] [--modes LIST] [--rounds N] [--variants] [--large]

The programs and what they are given are those of bench/run --programs, which measures them. One that is not installed
is skipped, with its name. --variants runs each also with a small nursery and with TREFOIL_CHECK=heap; --large takes the
larger inputs. The exit status is 77 if all are skipped.
"""
import argparse
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from harness import catalog, installed  # noqa: E402  (needs the path above)

PROGRAMS = [*installed.PROGRAMS.values(), installed.FEATURES]
VARIANTS = {"": {}, "nursery 256K": {"TREFOIL_NURSERY": "256K"}, "checked": {"TREFOIL_CHECK": "heap"}}


class Result:
    def __init__(self, ready, library, settings, timeout):
        """library: a folder; None is bdwgc's."""
        if ready.product and os.path.exists(ready.product):
            os.unlink(ready.product)
        process = subprocess.Popen(ready.command, env=environment_of(library, {**ready.environment, **settings}),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   cwd=tempfile.gettempdir())
        try:
            self.out, self.err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            self.out, self.err = process.communicate()
        self.status = process.returncode
        if ready.product and os.path.exists(ready.product):
            with open(ready.product, "rb") as file:
                self.out += file.read()


def environment_of(library, settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TREFOIL_", "GC_"))}
    environment.pop("LD_LIBRARY_PATH", None)
    environment.update(settings)
    if library:
        environment["LD_LIBRARY_PATH"] = library
    return environment


def check(name, ready, options):
    """Number of runs that differ."""
    stock = Result(ready, None, {}, options.timeout)
    if stock.status != 0:
        print(f"{name}: FAILED on bdwgc: status {stock.status}: {stock.err[-300:].decode(errors='replace')}")
        return 1
    failures = 0
    for mode in options.modes.split(","):
        for variant, extra in VARIANTS.items():
            if variant and not options.variants:
                continue
            good = 0
            for _ in range(options.rounds):
                ours = Result(ready, options.library, {**extra, "TREFOIL_MODE": mode}, options.timeout)
                if ours.status == 0 and ours.out == stock.out:
                    good += 1
                else:
                    print(f"{name}: {mode} {variant}: status {ours.status}, {len(ours.out)} bytes for "
                          f"{len(stock.out)}; {ours.err[-400:].decode(errors='replace')}")
            failures += options.rounds - good
            note = next((line for line in ours.err.decode(errors="replace").splitlines() if "cannot serve" in line), "")
            print(f"{name}: {mode}{' ' + variant if variant else ''}: {good} of {options.rounds} the same {note}",
                  flush=True)
    return failures


def check_installed(program, options):
    """Number of runs that differ; None if the program cannot be run here."""
    absent = installed.missing(program)
    if absent:
        print(f"{program.name}: skipped: not installed: {' '.join(absent)}")
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            ready = installed.make_ready(program, folder, program.full if options.large else program.quick)
        except installed.NotPrepared as error:
            print(f"{program.name}: skipped: {error}")
            return None
        return check(program.name, ready, options)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--only", default="")
    parser.add_argument("--modes", default=",".join(catalog.MODES))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=300)
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    options.library = os.path.abspath(options.library)
    if not os.path.exists(os.path.join(options.library, "libgc.so.1")):
        sys.exit(f"programs.py: no libgc.so.1 in {options.library}")
    chosen = [program for program in PROGRAMS if options.only in program.name]
    found = [count for count in (check_installed(program, options) for program in chosen) if count is not None]
    if not found:
        packages = " ".join(dict.fromkeys(package for program in PROGRAMS for package in program.needs.values()))
        print(f"skipped: none of the programs is installed (Debian: {packages})")
        sys.exit(77)
    print(f"{len(found)} programs, {sum(found)} runs differ")
    sys.exit(1 if any(found) else 0)


main()
