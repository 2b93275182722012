"""Tests of bench/run -- PROGRAM: what is run, what is told of programs that fail, and the recommendation."""
import os
import tempfile
import unittest

import c_programs
import results_made_up as made_up
from harness import linkage, options as option, own, recommend, rows

SWEEP, GENERATIONAL, REFCOUNT = made_up.CONFIGURATIONS[:3]

# Says like a program that has the modes mark-sweep and generational, the latter without page tracking.
SCRIPT = """#!/bin/sh
mode=$TREFOIL_MODE; tracking=${TREFOIL_TRACKING:-none}
[ $mode = refcount ] && mode=mark-sweep
[ $mode = generational ] && tracking=none
%s
echo '{"format": 1, "version": "9", "mode": "'$mode'", "tracking": "'$tracking'", "markers": 1,
"allocated_objects": 7, "collections_minor": 0, "collections_full": 0, "heap_bytes": 1, "pause_list": []}' \\
>$TREFOIL_STATS
%s
"""


class InFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.launcher = c_programs.compile_launcher(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def script(self, before="", after="", name="program"):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(SCRIPT % (before, after))
        os.chmod(self.path(name), 0o755)
        return self.path(name)

    def measure(self, program, *arguments):
        options = option.parse(["--repeat", "2", "--markers", "1", *arguments, "--", program, "--flag", "x"])
        return own.measure(options, self.launcher)


class Own(InFolder):
    def test_modes_that_the_library_lacks_are_left_out(self):
        found = self.measure(self.script())
        self.assertEqual([c.label(False) for c in found.runs], ["trefoil mark-sweep", "trefoil generational, none"])
        self.assertTrue(all(len(runs) == 2 and not run["failure"] for runs in found.runs.values() for run in runs))
        text = "\n".join(own.left_out_lines(found))
        self.assertIn("trefoil refcount, pages; trefoil refcount, none: its library (trefoil 9) has no mode refcount",
                      text)
        self.assertIn("trefoil generational, pages: tracking by pages is not to be had", text)
        self.assertEqual(own.versions(found), {"trefoil": "9"})

    def test_modes_that_were_named_fail_instead(self):
        found = self.measure(self.script(), "--modes", "refcount", "--trackings", "none")
        self.assertEqual([run["failure"] for runs in found.runs.values() for run in runs],
                         ["its library (trefoil 9) has no mode refcount"] * 2)

    def test_trackings_and_nurseries_multiply(self):
        options = option.parse(["--modes", "mark-sweep,generational", "--nurseries", "1M,4M", "--markers", "1",
                                "--trackings", "pages,none", "--", "x"])
        labels = [c.label(False) for c in own.configurations(options)]
        self.assertEqual(labels, ["trefoil mark-sweep"] + [f"trefoil generational, {tracking}, nursery {size}"
                                                           for tracking in ("pages", "none") for size in ("1M", "4M")])

    def test_what_goes_wrong_keeps_its_rows(self):
        for name, after, reason in (("fails", "echo sorry >&2; exit 3", "status 3: sorry"),
                                    ("dies", "kill -SEGV $$", "killed by SIGSEGV")):
            found = self.measure(self.script(after=after, name=name), "--modes", "mark-sweep")
            self.assertEqual([run["failure"] for run in found.runs[SWEEP._replace(markers=1)]], [reason] * 2)
            self.assertEqual(len(rows.make_rows(found.runs)), 1)

    def test_a_program_that_writes_no_statistics(self):
        found = self.measure(self.script(before="exit 0"), "--modes", "mark-sweep")
        self.assertIn("wrote no statistics file", found.runs[SWEEP._replace(markers=1)][0]["failure"])

    def test_arguments_and_input_reach_the_program(self):
        with open(self.path("input"), "w", encoding="utf-8") as file:
            file.write("text\n")
        program = self.script(before='[ "$1 $2 $(cat)" = "--flag x text" ] || exit 1')
        found = self.measure(program, "--modes", "mark-sweep", "--input", self.path("input"))
        self.assertIsNone(found.runs[SWEEP._replace(markers=1)][0]["failure"])

    def test_outputs_that_differ_are_noted(self):
        found = self.measure(self.script(before="echo $$"), "--modes", "mark-sweep")
        self.assertIn("not every run printed the same", "\n".join(own.left_out_lines(found)))


class Linkage(InFolder):
    def test_programs_that_cannot_be_measured_are_named(self):
        plain = c_programs.compile_text(self.path("plain"), "int main(void) { return 0; }")
        with open(self.path("text"), "w", encoding="utf-8") as file:
            file.write("x")
        for name, message in ((plain, "plain is not linked with trefoil"), (self.path("none"), "there is no program"),
                              (self.path("text"), "is not executable"), (self.folder.name, "is a folder")):
            with self.assertRaisesRegex(linkage.NotMeasurable, message):
                linkage.check(name)

    def test_shared_and_static_libraries_are_seen(self):
        library = c_programs.compile_text(self.path("libtrefoil.so"), "int answer(void) { return 42; }", "-shared",
                                          "-fPIC", "-Wl,-soname,libtrefoil.so.0")
        os.symlink(library, self.path("libtrefoil.so.0"))
        shared = c_programs.compile_text(self.path("shared"), "int answer(void); int main(void) { return answer(); }",
                                         library, f"-Wl,-rpath,{self.folder.name}")
        static = c_programs.compile_text(self.path("static"), '#include <stdlib.h>\nint main(void) '
                                         '{ return getenv("TREFOIL_STATS") != NULL; }')
        self.assertTrue(linkage.is_linked(shared))
        self.assertTrue(linkage.is_linked(static))
        self.assertIsNone(linkage.is_linked(self.script()))


def advice(*measured):
    """measured: (configuration, wall_ms, peak_mb, pauses_ms[, failure, minor_ms]) or (configuration, failure)."""
    runs = {}
    for configuration, *values in measured:
        run = made_up.a_run(1, failure=values[0]) if len(values) == 1 else made_up.a_run(*values)
        runs[configuration] = [run] * 2
    return "\n".join(recommend.lines(rows.make_rows(runs)))


class Recommendation(unittest.TestCase):
    def test_the_fastest(self):
        text = advice((SWEEP, 1000, 100, [50]), (GENERATIONAL, 500, 90, [1]), (REFCOUNT, 700, 95, [1]))
        self.assertIn("Recommendation: trefoil generational: the fastest: 0.50 s against 0.70 s of trefoil refcount",
                      text)
        self.assertIn("TREFOIL_MODE=generational: 0.50 s", text)

    def test_what_it_costs_is_named(self):
        text = advice((SWEEP, 500, 100, [50]), (GENERATIONAL, 600, 40, [1]))
        self.assertIn("Recommendation: trefoil mark-sweep: the fastest", text)
        self.assertIn("If short pauses matter more than time: trefoil generational: longest pause 1.00 ms against "
                      "50.0 ms, for 20 % more time.", text)
        self.assertIn("peak memory 40.0 MB against 100 MB", text)

    def test_as_fast_within_noise_pauses_decide_then_memory(self):
        text = advice((SWEEP, 500, 100, [50]), (GENERATIONAL, 500, 100, [5]))
        self.assertIn("trefoil generational: as fast as trefoil mark-sweep within noise, and its longest pause is "
                      "5.00 ms against 50.0 ms", text)
        text = advice((SWEEP, 500, 100, [5]), (GENERATIONAL, 500, 50, [5]))
        self.assertIn("its peak memory is 50.0 MB against 100 MB", text)

    def test_minor_and_full_pauses_are_told_apart(self):
        text = advice((SWEEP, 900, 100, [50]), (GENERATIONAL, 500, 90, [60], None, [1, 2]))
        self.assertIn("minor pauses up to 2.00 ms (p99 2.00 ms), full pauses up to 60.0 ms (p99 60.0 ms), 13 % of its "
                      "time in pauses", text)

    def test_many_short_pauses_beside_a_long_one_are_worth_naming(self):
        text = advice((SWEEP, 5000, 100, [50, 50]), (GENERATIONAL, 6000, 100, [50], None, [1] * 199))
        self.assertIn("Recommendation: trefoil mark-sweep", text)
        self.assertIn("If short pauses matter more than time: trefoil generational: 99th percentile of pauses 1.00 ms "
                      "against 50.0 ms, for 20 % more time.", text)

    def test_every_tracking_is_a_candidate(self):
        pages, none = (GENERATIONAL._replace(tracking=tracking) for tracking in ("pages", "none"))
        text = advice((SWEEP, 1000, 100, [50]), (pages, 700, 90, [1]), (none, 500, 90, [1]))
        self.assertIn("Recommendation: trefoil generational, none: the fastest: 0.50 s against 0.70 s of trefoil "
                      "generational, pages", text)
        self.assertIn("TREFOIL_MODE=generational TREFOIL_TRACKING=none: 0.50 s", text)

    def test_alike(self):
        self.assertIn("if only just", advice((SWEEP, 500, 100, [5]), (GENERATIONAL, 500, 100, [5])))

    def test_failures_are_no_candidates(self):
        text = advice((SWEEP, 500, 100, [50]), (GENERATIONAL, "killed by SIGSEGV"))
        self.assertIn("Recommendation: trefoil mark-sweep: the only mode that ran without a failure", text)
        self.assertEqual(advice((SWEEP, "x")), "No recommendation: no mode ran without a failure.")

    def test_remarks(self):
        self.assertIn("It never collected", advice((SWEEP, 500, 100, [])))
        self.assertIn("Pauses take 40 % of its time", advice((SWEEP, 500, 100, [100, 100])))


if __name__ == "__main__":
    unittest.main()
