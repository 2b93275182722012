"""Programs of the distribution that are linked with libgc.so.1, and what each is given to do, as data.

bench/run --programs measures them, tests/libgc/programs.py compares what they print; both on bdwgc's library and on the
drop-in of this one. The inputs lie in bench/installed. They print the same whatever collects, when and how often: no
addresses, no times, no order that follows from addresses.
"""
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

from . import build
from .catalog import MIB, Workload

PEER = "bdwgc"  # whose library they were built for
INPUTS = os.path.join(build.source_root(), "bench", "installed")


class NotPrepared(Exception):
    """The input of a program could not be made; the message says why."""


@dataclass(frozen=True)
class Program(Workload):
    """Its 'program' is the command. In it {inputs} is the folder of that name, {folder} that of what was prepared."""
    needs: Optional[dict] = None  # command: package
    prepare: Optional[Callable] = None  # (folder, parameters): makes what the command needs there
    product: Optional[str] = None  # a file that the program makes: part of what it prints


class Ready(NamedTuple):
    """A program that can be started, as often as wanted."""
    command: list
    environment: dict  # what is added to it
    product: Optional[str]


# ---- What is made before ----

def run_tool(command, folder):
    """Result: what it printed. Raises NotPrepared."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise NotPrepared(f"{' '.join(command)}: status {done.returncode}: {last[0]}")
    return done.stdout


def compile_stalin(folder, parameters):
    with open(os.path.join(INPUTS, "trees.sc"), encoding="ascii") as file:
        text = file.read()
    with open(os.path.join(folder, "trees.sc"), "w", encoding="ascii") as file:
        file.write(f"(define deepest {parameters['depth']})\n" + text)
    run_tool(["stalin", "-On", "trees"], folder)


def compile_neko(folder, _parameters):
    run_tool(["nekoc", "-o", folder, os.path.join(INPUTS, "trees.neko")], folder)


def copy_module(folder, parameters):
    """One of Guile's own modules, from where Guile finds it."""
    path = run_tool(["guile", "-c", f"(display (%search-load-path \"{parameters['module']}\"))"], folder)
    if not os.path.isfile(path):
        raise NotPrepared(f"guile has no source of {parameters['module']}")
    shutil.copy(path, os.path.join(folder, "module.scm"))


def write_page(folder, parameters):
    """Tables, paragraphs and lists."""
    with open(os.path.join(folder, "page.html"), "w", encoding="ascii") as page:
        page.write("<html><head><title>Rows</title></head><body><h1>A page</h1>")
        for table in range(parameters["tables"]):
            page.write("<table border=1>")
            for row in range(60):
                page.write("<tr>" + "".join(
                    f"<td>{table}.{row}.{i} <b>bold {row * i}</b> <a href='#{table}'>link</a></td>" for i in range(6)))
                page.write("</tr>")
            page.write("</table><p>" + " ".join(f"word{table * k % 97}" for k in range(400)) + "</p><ul>")
            page.write("".join(f"<li>item {k}</li>" for k in range(40)) + "</ul>")
        page.write("</body></html>")


# ---- The programs ----

GUILE = {"guile": "guile-3.0"}
PROGRAMS = {p.name: p for p in (
    Program(
        "stalin-trees", "binary trees in Scheme, compiled to C by stalin", full={"depth": 18}, quick={"depth": 15},
        seconds=2, warm_bytes=60 * MIB, needs={"stalin": "stalin", "gcc": "gcc"}, program="{folder}/trees",
        prepare=compile_stalin),
    Program(
        "w3m-page", "w3m lays out a page of tables, paragraphs and lists", full={"tables": 240}, quick={"tables": 30},
        seconds=2, warm_bytes=60 * MIB, needs={"w3m": "w3m"}, program="w3m -dump -T text/html {folder}/page.html",
        prepare=write_page),
    Program(
        "poke-structs", "structures, strings and arrays in GNU poke's language", full={"rounds": 100},
        quick={"rounds": 1}, seconds=1, warm_bytes=60 * MIB, needs={"poke": "poke"},
        program="poke -q -L {inputs}/structs.pk"),
    Program(
        "neko-trees", "binary trees, strings and tables on the Neko virtual machine", full={"depth": 17},
        quick={"depth": 14}, seconds=1, warm_bytes=60 * MIB, needs={"neko": "neko", "nekoc": "neko"},
        program="neko {folder}/trees.n", prepare=compile_neko),
    Program(
        "ecl-lists", "lists, hash tables, structures and strings in Embeddable Common Lisp", full={"depth": 16},
        quick={"depth": 12}, seconds=2, warm_bytes=60 * MIB, needs={"ecl": "ecl"},
        program="ecl -norc -load {inputs}/lists.lisp"),
    Program(
        "guile-trees", "binary trees in Guile", full={"depth": 17}, quick={"depth": 13}, seconds=3,
        warm_bytes=100 * MIB, needs=GUILE, program="guile --no-auto-compile {inputs}/trees.scm"),
    Program(
        "guile-gcbench", "GCBench in Guile: trees from either end, a long-lived tree, an array", full={"depth": 15},
        quick={"depth": 11}, seconds=3, warm_bytes=100 * MIB, needs=GUILE,
        program="guile --no-auto-compile {inputs}/gcbench.scm"),
    Program(
        "guile-compile", "Guile compiles one of its own modules", full={"module": "ice-9/format.scm"},
        quick={"module": "ice-9/regex.scm"}, seconds=4, warm_bytes=100 * MIB,
        needs=GUILE, program="guile --no-auto-compile {inputs}/compile.scm {folder}/module.scm {folder}/module.go",
        product="{folder}/module.go", prepare=copy_module),
)}

# Compared only: nothing is to be measured of a program that mostly asks for collections.
FEATURES = Program(
    "guile-features", "weak tables, guardians, threads, continuations, ports and numbers of Guile", full={}, quick={},
    seconds=1, warm_bytes=0, needs=GUILE, program="guile --no-auto-compile {inputs}/features.scm")


def needs(names):
    """{command: package} of all of these programs."""
    return {command: package for name in names for command, package in PROGRAMS[name].needs.items()}


def missing(program):
    """Packages of which a command is not here."""
    return list(dict.fromkeys(package for command, package in program.needs.items() if not shutil.which(command)))


def make_ready(program, folder, parameters):
    """Prepares the program in this folder, which stays as long as it is run. Raises NotPrepared."""
    if program.prepare:
        program.prepare(folder, parameters)
    places = {"folder": folder, "inputs": INPUTS}
    name, *arguments = (part.format(**places) for part in program.program.split())
    environment = {key.upper(): str(value) for key, value in parameters.items()}
    return Ready([shutil.which(name) or name, *arguments], {"GUILE_AUTO_COMPILE": "0", **environment},
                 program.product and program.product.format(**places))
