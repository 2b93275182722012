"""Tests of running one process: what it used, and how its end is told."""
import os
import sys
import tempfile
import unittest

import c_programs
from harness import catalog, launch, schedule

ANY = catalog.Configuration("malloc", None, 0)
REPORT = ('{"workload":"w","peer":"p","version":"1","start_ns":100,"wall_ns":5,"cpu_ns":4,"allocations":1,'
          '"figures":{"x":2},'
          '"pauses":[],"minor_collections":0,"full_collections":0}')


class Launch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.launcher = c_programs.compile_launcher(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def shell(self, script, limit_s=60, warm_bytes=0, **more):
        return launch.run(self.launcher, ["/bin/sh", "-c", script], ANY, warm_bytes, limit_s, **more)

    def test_success(self):
        run = self.shell(f"echo noise; echo '{REPORT}'")
        self.assertIsNone(run["failure"])
        self.assertEqual(run["figures"], {"x": 2})
        self.assertEqual(run["report"]["wall_ns"], 5)
        self.assertGreater(run["wall_ns"], 0)

    def test_peak_memory_is_the_program_s_own(self):
        """Neither this interpreter's memory nor what was warmed counts."""
        run = self.shell(f"echo '{REPORT}'", warm_bytes=100 << 20)
        self.assertGreater(run["peak_bytes"], 100 << 10)
        self.assertLess(run["peak_bytes"], 8 << 20)

    def test_status_and_last_line_of_the_message(self):
        run = self.shell("echo first >&2; echo 'the reason' >&2; exit 3")
        self.assertEqual(run["failure"], "status 3: the reason")

    def test_signal(self):
        self.assertEqual(self.shell("kill -SEGV $$")["failure"], "killed by SIGSEGV")
        self.assertEqual(self.shell("echo bad >&2; kill -KILL $$")["failure"], "killed by SIGKILL: bad")

    def test_time_limit(self):
        run = self.shell("exec sleep 30", limit_s=1)
        self.assertEqual(run["failure"], "killed: took longer than 1 s")
        self.assertLess(run["wall_ns"], 10e9)

    def test_no_report(self):
        self.assertEqual(self.shell("true")["failure"], "ended without a report")
        self.assertEqual(self.shell("echo '{\"workload\":1}'")["failure"], "ended without a report")

    def test_program_that_was_not_built(self):
        run = launch.run(self.launcher, [os.path.join(self.folder.name, "live-bdwgc")], ANY, 0, 1)
        self.assertEqual(run["failure"], "live-bdwgc was not built")

    def test_programs_write_their_report_and_keep_their_output(self):
        bdwgc = catalog.Configuration("bdwgc", "mark-sweep", 2)
        script = f"echo said $GC_MARKERS; echo '{REPORT}' >$BENCH_REPORT"
        run = launch.run(self.launcher, ["/bin/sh", "-c", script], bdwgc, 0, 60, is_program=True)
        self.assertIsNone(run["failure"])
        self.assertEqual(run["output"], "said 2\n")
        self.assertEqual(run["report"]["wall_ns"], run["wall_ns"])

    def test_mode_and_markers_reach_the_library(self):
        trefoil = catalog.Configuration("trefoil", "mark-sweep", 3)
        script = "echo $TREFOIL_MODE $TREFOIL_MARKERS >&2; false"
        run = launch.run(self.launcher, ["/bin/sh", "-c", script], trefoil, 0, 60)
        self.assertEqual(run["failure"], "status 1: mark-sweep 3")

    def test_pauses_of_the_library_come_from_its_file(self):
        """Those of the timed part, counted from its start."""
        trefoil = catalog.Configuration("trefoil", "mark-sweep", 3)
        pauses = ('[{"start_ns": 99, "length_ns": 1, "kind": "full"},'
                  ' {"start_ns": 101, "length_ns": 2, "kind": "minor"}]')
        script = f"echo '{REPORT}'; echo '{{\"format\": 1, \"pause_list\": {pauses}}}' >$TREFOIL_STATS"
        run = launch.run(self.launcher, ["/bin/sh", "-c", script], trefoil, 0, 60)
        self.assertIsNone(run["failure"])
        self.assertEqual(run["report"]["pauses"], [[0, 1, 2]])

    def test_pauses_of_a_program_are_counted_from_its_start(self):
        """Whether its library tells them, by the clock, or what it was linked with, from a start of its own."""
        stats = ('{"format": 1, "version": "9", "mode": "mark-sweep", "markers": 1, "allocated_objects": 1, '
                 '"heap_bytes": 1, "collections_minor": 0, "collections_full": 1, '
                 '"pause_list": [{"start_ns": NOW, "length_ns": 7, "kind": "full"}]}')
        report = REPORT.replace('"start_ns":100', '"start_ns":NOW').replace('"pauses":[]', '"pauses":[[1,5,7]]')
        clock = f"{sys.executable} -c 'import time; print(time.monotonic_ns())'"
        for peer, text, variable in (("trefoil", stats, "TREFOIL_STATS"), ("bdwgc", report, "BENCH_REPORT")):
            configuration = catalog.Configuration(peer, "mark-sweep", 1)
            script = f"sleep 0.1; echo '{text}' | sed s/NOW/$({clock})/ >${variable}"
            run = launch.run(self.launcher, ["/bin/sh", "-c", script], configuration, 0, 60, is_program=True)
            self.assertIsNone(run["failure"])
            (_, begin_ns, length_ns), = run["report"]["pauses"]
            self.assertEqual(length_ns, 7)
            self.assertGreater(begin_ns, 0.1e9)
            self.assertLess(begin_ns, run["wall_ns"])

    def test_a_run_in_another_mode_or_tracking_is_told(self):
        report = {"mode": "generational", "tracking": "none", "version": "9"}
        chosen = catalog.Configuration("trefoil", "generational", 1)
        self.assertIsNone(launch.difference(chosen, report))
        self.assertIsNone(launch.difference(chosen._replace(tracking="none"), report))
        for other, message in (({"tracking": "pages"}, "tracking by pages is not to be had"),
                               ({"mode": "mark-sweep"}, "has no mode mark-sweep")):
            self.assertIn(message, launch.difference(chosen._replace(**other), report))
        self.assertIsNone(launch.difference(ANY, {}))

    def test_a_statistics_file_that_is_absent_or_strange_is_a_failure(self):
        trefoil = catalog.Configuration("trefoil", "mark-sweep", 3)
        for script, message in (("true", "no statistics file: "),
                                ("echo x >$TREFOIL_STATS", "no statistics file: "),
                                ("echo '{\"format\": 9}' >$TREFOIL_STATS", "statistics file of format 9 instead of 1")):
            run = launch.run(self.launcher, ["/bin/sh", "-c", f"echo '{REPORT}'; {script}"], trefoil, 0, 60)
            self.assertIn(message, run["failure"])


class Outputs(unittest.TestCase):
    def test_a_program_that_prints_something_else_has_failed(self):
        other = catalog.Configuration("bdwgc", "mark-sweep", 1)
        runs = {ANY: [{"failure": None, "output": "1"}, {"failure": "x"}],
                other: [{"failure": None, "output": "1"}, {"failure": None, "output": "2"}]}
        schedule.compare_outputs(runs)
        self.assertEqual([run["failure"] for run in runs[other]], [None, "prints something else than malloc"])


if __name__ == "__main__":
    unittest.main()
