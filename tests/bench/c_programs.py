"""Compiles the C parts of bench/ for tests: the launcher, and the workloads on a peer that is wrong on purpose."""
import os
import shlex
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BENCH = os.path.join(ROOT, "bench")
BROKEN_TREFOIL = os.path.join(ROOT, "tests", "bench", "broken-trefoil")
BROKEN_PEER = os.path.join(ROOT, "tests", "bench", "broken")


def compile_program(target, *sources, include=(), more=()):
    command = shlex.split(os.environ.get("CC") or "cc") + ["-std=c11", "-D_GNU_SOURCE", "-O1", "-pthread"]
    command += [f"-I{folder}" for folder in include] + ["-o", target] + [os.path.join(BENCH, s) for s in sources]
    subprocess.run(command + list(more), check=True)
    return target


def compile_launcher(folder):
    return compile_program(os.path.join(folder, "launch"), "launch.c")


def compile_text(target, text, *arguments):
    """A program from its source text; arguments follow the sources."""
    command = shlex.split(os.environ.get("CC") or "cc") + ["-x", "c", "-", "-x", "none", "-o", target, *arguments]
    subprocess.run(command, input=text.encode(), check=True)
    return target


def compile_library(folder):
    """The library as one object file."""
    return compile_program(os.path.join(folder, "trefoil.o"), os.path.join(ROOT, "gc", "trefoil.c"),
                           include=(os.path.join(ROOT, "gc"), os.path.join(ROOT, "include")), more=["-c"])


def compile_on_library(folder, name, library, promises_barriers):
    """On the library, with the faults of its peer here."""
    more = [library, "-ldl"] + (["-DBENCH_BARRIER"] if promises_barriers else [])
    return compile_program(os.path.join(folder, name + ("-barrier" if promises_barriers else "")),
                           f"workloads/{name}.c", "measure.c", more=more,
                           include=(BENCH, BROKEN_TREFOIL, os.path.join(ROOT, "include")))


def compile_workload(folder, name):
    return compile_program(os.path.join(folder, name), f"workloads/{name}.c", "measure.c",
                           include=(BENCH, BROKEN_PEER))
