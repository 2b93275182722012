"""Each workload succeeds on memory that works, and fails loudly when an object is overwritten or none is reclaimed."""
import json
import os
import subprocess
import tempfile
import unittest

import c_programs
from workloads import OVERWRITTEN, WORKLOADS


class Workloads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for name in (*WORKLOADS, "empty"):
            c_programs.compile_workload(cls.folder.name, name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_workload(self, name, arguments, break_at=0):
        return subprocess.run([os.path.join(self.folder.name, name)] + arguments, capture_output=True, text=True,
                              env=dict(os.environ, BENCH_BREAK=str(break_at)), timeout=60)

    def test_every_workload_of_the_suite_is_here(self):
        names = {file[:-2] for file in os.listdir(os.path.join(c_programs.BENCH, "workloads")) if file.endswith(".c")}
        self.assertEqual(names, {*WORKLOADS, "empty"})

    def test_success_ends_with_a_report(self):
        for name, (arguments, _) in WORKLOADS.items():
            with self.subTest(name):
                done = self.run_workload(name, arguments)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                report = json.loads(done.stdout)
                self.assertEqual((report["workload"], report["peer"]), (name, "broken"))
                self.assertGreater(report["wall_ns"], 0)
                for argument in arguments:
                    self.assertIn(argument.split("=")[0], report["parameters"])

    def test_an_object_that_is_overwritten_is_noticed(self):
        for name, (arguments, break_at) in WORKLOADS.items():
            with self.subTest(name):
                done = self.run_workload(name, arguments, break_at)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, f"^{name}: .*{OVERWRITTEN}")
                self.assertEqual(done.stdout, "")

    def test_memory_that_grows_without_end_is_noticed(self):
        done = self.run_workload("false-roots", ["size=1M", "decoys=1000", "rounds=20"])
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^false-roots: memory grew from ")

    def test_wrong_parameters_are_named(self):
        for argument, message in (("dept=12", "has no parameter 'dept=12'"), ("depth=x", "'depth=x' is no number"),
                                  ("depth=12Q", "'depth=12Q' is no number"), ("depth=1", "depth must be from 6 to 40")):
            done = self.run_workload("binary-trees", [argument])
            self.assertEqual((done.returncode, done.stderr), (1, f"binary-trees: {message}\n"))

    def test_empty_reports_too(self):
        done = self.run_workload("empty", [])
        self.assertEqual(json.loads(done.stdout)["allocations"], 1)


if __name__ == "__main__":
    unittest.main()
