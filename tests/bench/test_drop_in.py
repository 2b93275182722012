"""Tests of bench/run --programs: what is run, what counts as a failure and what does not, and what is said of it."""
import contextlib
import io
import json
import os
import subprocess
import tempfile
import unittest
from unittest import mock

import c_programs
import results_made_up as made_up
from harness import catalog, drop_in, installed, launch, main, options as option, packages, results, rows, schedule

STOCK, SWEEP, GENERATIONAL, REFCOUNT = (catalog.Configuration(*names, 1) for names in (
    ("bdwgc", "mark-sweep"), *(("trefoil", mode) for mode in catalog.MODES)))

# Stands for a program and its library: writes what bench/observe.c or the library of this tree would. The line in the
# middle is the test's; it may set what is printed, and the mode that is taken.
SCRIPT = """#!/bin/sh
says="$DEPTH $GUILE_AUTO_COMPILE"; mode=$TREFOIL_MODE
%s
if [ "$mode" ]; then
  echo '{"format": 1, "version": "9", "mode": "'$mode'", "markers": 1, "allocated_objects": 7, "heap_bytes": 1,
    "collections_minor": 0, "collections_full": 0, "pause_list": []}' >$TREFOIL_STATS
else
  echo '{"workload":"program","peer":"bdwgc","version":"8","start_ns":0,"wall_ns":1,"cpu_ns":1,"allocations":0,
    "figures":{},"pauses":[],"minor_collections":0,"full_collections":3}' | tr -d '\\n' >$BENCH_REPORT
fi
echo "$says"
"""
CANNOT_SERVE = "mode refcount cannot serve this program: it marks; generational is taken"


def a_program(command, **more):
    return installed.Program("script", "a script", full={"depth": 3}, quick={"depth": 2}, seconds=1, warm_bytes=0,
                             needs={"sh": "dash"}, program=command, **more)


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.bench = os.path.join(cls.folder.name, "bench")
        library = os.path.join(cls.folder.name, "gc", "libgc")
        os.makedirs(cls.bench)
        os.makedirs(library)
        c_programs.compile_launcher(cls.bench)
        for path in (os.path.join(cls.bench, "observe.so"), os.path.join(library, "libgc.so.1")):
            c_programs.compile_text(path, "int nothing;", "-shared", "-fPIC")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_script(self, line=":", *arguments, **more):
        """(runs, left out) of a script with this line."""
        path = os.path.join(self.folder.name, "script")
        with open(path, "w", encoding="utf-8") as file:
            file.write(SCRIPT % line)
        os.chmod(path, 0o755)
        options = option.parse(["--programs", "--repeat", "2", "--markers", "1", *arguments])
        runner = drop_in.Runner(self.bench, options, schedule.Progress([]))
        program = a_program(path + " {folder}", **more)
        series = schedule.Series(program, drop_in.configurations(options), 2, program.quick)
        runner.progress = schedule.Progress(schedule.tasks(options, [series]))
        return runner.run_program(series)

    def failures(self, *arguments, **more):
        runs, left_out = self.run_script(*arguments, **more)
        self.assertEqual(left_out, {})
        return {configuration: [run["failure"] for run in found] for configuration, found in runs.items()}

    def test_every_mode_beside_the_library_of_the_distribution(self):
        runs, left_out = self.run_script()
        self.assertEqual((list(runs), left_out), ([STOCK, SWEEP, GENERATIONAL, REFCOUNT], {}))
        self.assertTrue(all(len(found) == 2 and not run["failure"] for found in runs.values() for run in found))
        self.assertEqual({run["output"] for found in runs.values() for run in found}, {"2 0\n"})
        self.assertEqual(rows.make_rows(runs)[0].collections.median, 3)

    def test_each_finds_its_library(self):
        right = ('case "$mode $LD_LIBRARY_PATH $LD_PRELOAD" in ?*/gc/libgc*observe.so) exit 3;; "  "*/observe.so);; '
                 '?*" "*/gc/libgc" ");; *) exit 3; esac')
        with mock.patch.dict(os.environ, LD_LIBRARY_PATH="/nonesuch"):
            os.environ.pop("LD_PRELOAD", None)
            self.assertEqual({why for found in self.failures(right).values() for why in found}, {None})

    def test_modes_are_chosen_by_name(self):
        self.assertEqual(list(self.failures(":", "--modes", "refcount")), [STOCK, REFCOUNT])

    def test_a_program_that_prints_something_else_has_failed(self):
        found = self.failures('[ "$mode" = generational ] && says="$says "')
        self.assertEqual(found.pop(GENERATIONAL), ["prints something else than bdwgc, 1 marker"] * 2)
        self.assertEqual({why for failures in found.values() for why in failures}, {None})

    def test_bytes_count_not_characters(self):
        found = self.failures("""[ "$mode" = mark-sweep ] && says=$(printf 'a\\r') || says=$(printf 'a')""")
        self.assertEqual(found[SWEEP], ["prints something else than bdwgc, 1 marker"] * 2)
        found = self.failures("""[ "$mode" = mark-sweep ] && says=$(printf '\\377') || says=$(printf '\\376')""")
        self.assertEqual(found[SWEEP], ["prints something else than bdwgc, 1 marker"] * 2)

    def test_what_it_makes_is_part_of_what_it_prints(self):
        product = "{folder}/made"
        self.assertEqual(self.failures("echo same >$1/made", product=product)[REFCOUNT], [None] * 2)
        other = self.failures("echo same$mode >$1/made", product=product)
        self.assertEqual(other[REFCOUNT], ["prints something else than bdwgc, 1 marker"] * 2)
        # What an earlier run has made does not count.
        absent = self.failures('[ "$mode" = refcount ] || echo same >$1/made', product=product)
        self.assertEqual(absent[REFCOUNT], ["prints something else than bdwgc, 1 marker"] * 2)

    def test_a_program_that_dies_keeps_its_row(self):
        found = self.failures('[ "$mode" = refcount ] && { echo sorry >&2; exit 3; }')
        self.assertEqual(found[REFCOUNT], ["status 3: sorry"] * 2)
        found = self.failures('[ "$mode" ] || exit 4')
        self.assertEqual((found[STOCK], found[SWEEP]), (["status 4: no message"] * 2, [None] * 2))

    def test_a_mode_that_cannot_serve_is_left_out_with_the_library_s_reason(self):
        started = os.path.join(self.folder.name, "started")
        line = f'echo x >>{started}; echo "trefoil: {CANNOT_SERVE}" >&2; mode=generational'
        runs, left_out = self.run_script(f'[ "$mode" = refcount ] && {{ {line}; }}', "--modes", "refcount")
        self.assertEqual((list(runs), left_out), ([STOCK], {"trefoil refcount, 1 marker": CANNOT_SERVE}))
        self.assertEqual(launch.read_text(started), "x\n")  # it is not tried again

    def test_another_mode_without_a_reason_is_a_failure(self):
        found = self.failures('[ "$mode" = refcount ] && mode=generational')
        self.assertEqual(found[REFCOUNT], ["its library (trefoil 9) has no mode refcount"] * 2)

    def test_an_input_that_cannot_be_made(self):
        def prepare(folder, _parameters):
            installed.run_tool(["sh", "-c", "echo broken >&2; exit 5"], folder)
        found = self.failures(prepare=prepare)
        self.assertEqual({why for failures in found.values() for why in failures},
                         {"sh -c echo broken >&2; exit 5: status 5: broken"})

    def test_a_build_without_the_libraries_is_named(self):
        with tempfile.TemporaryDirectory() as folder, \
                self.assertRaisesRegex(drop_in.NoLibrary, "observe.so was not built"):
            drop_in.Runner(folder, option.parse(["--programs"]), schedule.Progress([]))


@unittest.skipUnless(packages.has_header("gc/gc.h"), "there is no gc/gc.h (libgc-dev)")
class Observer(unittest.TestCase):
    """The library that is preloaded into programs on bdwgc's."""

    COLLECTS = """#include <gc/gc.h>
                  int main(void) { for (int i = 0; i < 3; i++) GC_gcollect(); return GC_MALLOC(1) == NULL; }"""

    def run_observed(self, *arguments, text=COLLECTS):
        with tempfile.TemporaryDirectory() as folder:
            observer = c_programs.compile_program(
                os.path.join(folder, "observe.so"), "observe.c", "measure.c", more=["-shared", "-fPIC"],
                include=(c_programs.BENCH, os.path.join(c_programs.BENCH, "peers", "bdwgc")))
            program = c_programs.compile_text(os.path.join(folder, "program"), text, *arguments)
            report = os.path.join(folder, "report")
            subprocess.run([program], check=True, env=dict(os.environ, LD_PRELOAD=observer, BENCH_REPORT=report))
            return launch.parse_report(launch.read_text(report))

    def test_collections_and_pauses_of_a_program_that_knows_nothing_of_it(self):
        report = self.run_observed("-lgc")
        self.assertGreaterEqual(report["full_collections"], 3)
        self.assertEqual(len(report["pauses"]), report["full_collections"])
        self.assertRegex(report["version"], r"^\d+\.\d+\.\d+$")
        for kind, start_ns, length_ns in report["pauses"]:
            self.assertEqual(kind, rows.FULL)
            self.assertLess(start_ns + length_ns, report["wall_ns"])

    def test_a_program_without_the_collector_is_left_alone(self):
        self.assertIsNone(self.run_observed(text="int main(void) { return 0; }"))


class Catalogue(unittest.TestCase):
    def test_every_input_is_used(self):
        with open(installed.__file__, encoding="utf-8") as file:
            text = file.read()
        for name in os.listdir(installed.INPUTS):
            self.assertIn(name, text)

    def test_every_program_names_its_packages_and_both_sizes(self):
        for program in (*installed.PROGRAMS.values(), installed.FEATURES):
            self.assertTrue(program.needs)
            self.assertEqual(set(program.full), set(program.quick))

    def test_paths_with_spaces(self):
        with tempfile.TemporaryDirectory(prefix="a b") as folder:
            ready = installed.make_ready(a_program("sh {folder}/x -y", product="{folder}/z"), folder, {"depth": 7})
            self.assertEqual(ready.command[1:], [f"{folder}/x", "-y"])
            self.assertEqual((ready.environment["DEPTH"], ready.product), ("7", f"{folder}/z"))


def run_main(*arguments):
    errors, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(out):
        try:
            status = main.main(list(arguments))
        except SystemExit as end:
            status = end.code
    return status, errors.getvalue(), out.getvalue()


class CommandLine(unittest.TestCase):
    def test_only_programs_are_known(self):
        options = option.parse(["--programs", "--only", "guile-trees,ecl-lists"])
        self.assertEqual(options.only, ["ecl-lists", "guile-trees"])
        self.assertEqual((options.peers, options.kind), (["bdwgc"], "programs"))
        status, errors, _ = run_main("--programs", "--only", "binary-trees")
        self.assertEqual((status, errors), (2, "bench/run: unknown program 'binary-trees'; known: "
                                               f"{', '.join(installed.PROGRAMS)}\n"))

    def test_what_makes_no_sense_together(self):
        for arguments, name in ((["--compare", "x"], "--compare"), (["--from", "x"], "--from"),
                                (["--peers", "malloc"], "--peers"), (["--input", "x"], "--input"),
                                (["--", "program"], "a program after --")):
            status, errors, _ = run_main("--programs", *arguments)
            self.assertEqual(status, 2)
            self.assertIn(f"bench/run: error: --programs does not go with {name}", errors)

    def test_list_names_them(self):
        _, _, out = run_main("--list")
        self.assertTrue(set(installed.PROGRAMS) <= set(out.split()))

    def test_missing_packages_are_named(self):
        absent = a_program("nonesuch")
        with mock.patch.dict(installed.PROGRAMS, {"script": absent}, clear=True), \
                mock.patch.dict(absent.needs, {"nonesuch-program": "libnosuch-bin"}), \
                mock.patch.object(packages, "PEER_HEADERS", {}), mock.patch.object(packages, "PLOT_COMMANDS", {}), \
                mock.patch.object(os, "geteuid", return_value=1000):
            self.assertEqual(installed.missing(absent), ["libnosuch-bin"])
            status, errors, _ = run_main("--programs")
        self.assertEqual((status, errors), (2, "bench/run: packages are missing; as root: apt-get install "
                                               "libnosuch-bin\n(or leave programs out: see --only)\n"))


def made_up_outcome():
    """Two programs; the first of them in three modes, the second not in refcount mode."""
    slow = [made_up.a_run(1000, 100), made_up.a_run(2000, 100)]
    fast = [made_up.a_run(500, 200), made_up.a_run(1000, 200)]
    return {"one": {STOCK: slow, SWEEP: fast, GENERATIONAL: slow, REFCOUNT: fast},
            "two": {STOCK: slow, SWEEP: slow, GENERATIONAL: [made_up.a_run(1, failure="killed")] * 2}}


class Means(unittest.TestCase):
    def test_of_what_did_not_fail(self):
        outcome = {name: ({}, rows.make_rows(runs)) for name, runs in made_up_outcome().items()}
        lines = [" ".join(line.split()) for line in drop_in.mean_lines(outcome)][2:]
        self.assertEqual(lines, ["trefoil mark-sweep, 1 marker 2 0.71 two 1.00 1.41 one 2.00",
                                 "trefoil generational, 1 marker 1 1.00 one 1.00 1.00 one 1.00",
                                 "trefoil refcount, 1 marker 1 0.50 one 0.50 2.00 one 2.00"])

    def test_nothing_without_rows(self):
        self.assertEqual(list(drop_in.mean_lines({})), [])
        failed = {configuration: [made_up.a_run(1, failure="x")] for configuration in (STOCK, SWEEP)}
        self.assertEqual(list(drop_in.mean_lines({"one": ({}, rows.make_rows(failed))}))[-1].split(),
                         ["trefoil", "mark-sweep,", "1", "marker", "-", "-", "-", "-", "-"])

    def test_files_of_results_print_them_again_and_are_not_compared(self):
        document = results.start(made_up.MACHINE, made_up.VERSIONS, option.parse(["--programs"]))
        for name, runs in made_up_outcome().items():
            document["workloads"].append(results.workload_entry(a_program("x"), {"depth": 3}, runs, {"x": "why"}))
            document["workloads"][-1]["name"] = name
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(json.dumps(document))
            file.flush()
            status, _, out = run_main("--from", file.name)
            self.assertEqual(status, 0)
            self.assertIn("one depth=3 (2 rounds): a script\n", out)
            self.assertIn("geometric means of the ratios above", out)
            status, errors, _ = run_main("--compare", file.name)
        self.assertEqual((status, errors), (2, f"bench/run: {file.name}: has runs of programs, not of the suite, which "
                                               "is what --compare compares\n"))


if __name__ == "__main__":
    unittest.main()
