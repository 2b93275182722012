#!/usr/bin/env python3
"""Runs programs of the distribution that are linked with libgc.so.1 on this library's, and compares what they print, byte
by byte, with what they print on bdwgc's.

usage: programs.py LIBRARY_FOLDER [--only NAME] [--modes LIST] [--rounds N] [--variants] [--figures] [--large]

A program that is not installed is skipped, with its name. --variants runs each also with a small nursery and with
TREFOIL_CHECK=heap; --figures prints time and peak memory beside bdwgc's; --large takes larger inputs. The exit status is
77 if all are skipped.
"""
import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
MODES = ["mark-sweep", "generational", "refcount"]
VARIANTS = {"": {}, "nursery 256K": {"TREFOIL_NURSERY": "256K"}, "checked": {"TREFOIL_CHECK": "heap"}}


def write_page(path, scale):
    """Tables, paragraphs and lists."""
    with open(path, "w", encoding="ascii") as page:
        page.write("<html><head><title>Rows</title></head><body><h1>A page</h1>")
        for table in range(60 * scale):
            page.write("<table border=1>")
            for row in range(60):
                cells = (f"<td>{table}.{row}.{i} <b>bold {row * i}</b> <a href='#{table}'>link</a></td>" for i in range(6))
                page.write("<tr>" + "".join(cells) + "</tr>")
            page.write("</table><p>" + " ".join(f"word{table * k % 97}" for k in range(400)) + "</p><ul>")
            page.write("".join(f"<li>item {k}</li>" for k in range(40)) + "</ul>")
        page.write("</body></html>")


def guile_module(_folder):
    """A module of Guile's own, which is compiled anew."""
    for root in ("/usr/share/guile/3.0", "/usr/local/share/guile/3.0"):
        path = os.path.join(root, "ice-9", "format.scm")
        if os.path.exists(path):
            return path
    return None


def prepare_neko(folder, _scale):
    subprocess.run(["nekoc", "-o", folder, os.path.join(HERE, "trees.neko")], check=True)
    return ["neko", os.path.join(folder, "trees.n")]


def prepare_stalin(folder, _scale):
    shutil.copy(os.path.join(HERE, "trees.sc"), folder)
    subprocess.run(["stalin", "-On", "trees"], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return [os.path.join(folder, "trees")]


def prepare_page(folder, scale):
    path = os.path.join(folder, "page.html")
    write_page(path, scale)
    return ["w3m", "-dump", "-T", "text/html", path]


def guile(name):
    def prepare(_folder, scale):
        depth = {"TREE_DEPTH": "16" if scale == 1 else "18"}
        return ["guile", "--no-auto-compile", os.path.join(HERE, name)], depth
    return prepare


def prepare_guild(folder, _scale):
    module = guile_module(folder)
    out = os.path.join(folder, "compiled.go")
    # What was compiled is compared, too.
    return ["sh", "-c", f"guild compile -o {out} {module} >/dev/null && cksum <{out}"] if module else None


# name, what it needs, how its command is made
PROGRAMS = [
    ("stalin-trees", ["stalin", "gcc"], prepare_stalin),
    ("w3m-page", ["w3m"], prepare_page),
    ("poke-structs", ["poke"], lambda folder, scale: ["poke", "-q", "-L", os.path.join(HERE, "structs.pk")]),
    ("neko-trees", ["neko", "nekoc"], prepare_neko),
    ("ecl-lists", ["ecl"], lambda folder, scale: ["ecl", "-norc", "-load", os.path.join(HERE, "lists.lisp")]),
    ("guile-trees", ["guile"], guile("trees.scm")),
    ("guile-gcbench", ["guile"], guile("gcbench.scm")),
    ("guile-features", ["guile"], guile("features.scm")),
    ("guile-compile", ["guile", "guild"], prepare_guild),
]


class Result:
    def __init__(self, command, environment, timeout):
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd=tempfile.gettempdir())
        try:
            self.out, self.err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            self.out, self.err = process.communicate()
        self.status = process.returncode
        self.seconds = time.monotonic() - began


def measured(command, environment, timeout):
    """The same, with peak memory of the largest process, through a fork so that each run has figures of its own."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        result = Result(command, environment, timeout)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        os.write(send, f"{result.seconds} {peak}".encode())
        os._exit(0)
    os.close(send)
    text = os.read(receive, 200).decode()
    os.close(receive)
    os.waitpid(child, 0)
    seconds, peak = text.split()
    return float(seconds), int(peak) / 1024


def environment_of(library, settings):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TREFOIL_", "GC_"))}
    environment.pop("LD_LIBRARY_PATH", None)
    environment.update(settings)
    environment["GUILE_AUTO_COMPILE"] = "0"
    if library:
        environment["LD_LIBRARY_PATH"] = library
    return environment


def check(name, command, settings, options):
    """Number of runs that differ."""
    stock = Result(command, environment_of(None, settings), options.timeout)
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
                ours = Result(command, environment_of(options.library, {**settings, **extra, "TREFOIL_MODE": mode}),
                              options.timeout)
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


def show_figures(name, command, settings, options):
    runs = {}
    for _ in range(options.rounds):
        for mode in ["bdwgc"] + options.modes.split(","):
            library, extra = (None, {}) if mode == "bdwgc" else (options.library, {"TREFOIL_MODE": mode})
            runs.setdefault(mode, []).append(measured(command, environment_of(library, {**settings, **extra}),
                                                      options.timeout))
    middle = {mode: [sorted(run[i] for run in all_runs)[len(all_runs) // 2] for i in (0, 1)] for mode, all_runs in
              runs.items()}
    seconds, peak = middle["bdwgc"]
    line = f"{name:15} bdwgc {seconds:.2f} s {peak:.0f} MB"
    for mode in options.modes.split(","):
        line += f" | {mode} {middle[mode][0] / seconds:.2f} {middle[mode][1] / peak:.2f}"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--only", default="")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=300)
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    options.library = os.path.abspath(options.library)
    if not os.path.exists(os.path.join(options.library, "libgc.so.1")):
        sys.exit(f"programs.py: no libgc.so.1 in {options.library}")
    failures = ran = 0
    for name, needed, prepare in PROGRAMS:
        if options.only not in name:
            continue
        missing = [program for program in needed if not shutil.which(program)]
        with tempfile.TemporaryDirectory() as folder:
            try:
                command = None if missing else prepare(folder, 4 if options.large else 1)
            except subprocess.CalledProcessError as error:
                print(f"{name}: skipped: {' '.join(error.cmd)}: status {error.returncode}")
                continue
            command, settings = command if isinstance(command, tuple) else (command, {})
            if not command:
                print(f"{name}: skipped: not installed: {' '.join(missing) or 'its input'}")
                continue
            ran += 1
            if options.figures:
                show_figures(name, command, settings, options)
            else:
                failures += check(name, command, settings, options)
    if not ran:
        print("skipped: none of the programs is installed (Debian: guile-3.0 w3m ecl neko stalin poke)")
        sys.exit(77)
    print(f"{ran} programs, {failures} runs differ")
    sys.exit(1 if failures else 0)


main()
