"""Each workload on the library, in every mode and under every tracking: it succeeds as it is, and fails loudly when an
object is overwritten, or when a program that promises barriers forgets them.

Not found by unittest's discovery, because it compiles the library: tests/bench/meson.build runs it as a test of its
own. Where the machine cannot track pages, those runs are under what the library takes instead.
"""
import json
import os
import subprocess
import tempfile
import unittest

import c_programs
from workloads import OVERWRITTEN, WORKLOADS

MODES = [("mark-sweep", "auto"), ("refcount", "pages"), ("refcount", "none"),
         *(("generational", tracking) for tracking in ("pages", "protect", "barrier", "none"))]
CASES = [(name, mode, tracking) for name in WORKLOADS for mode, tracking in MODES]
NURSERY = "64K"  # small, so that small runs have minor collections
# What stores old objects into new ones only loses nothing when it forgets barriers.
NEVER_LOSES = ("list16", "live-random", "list-drop")
# A heap as small as that of the other tests is looked at as a whole, whatever was announced, or collected in full again
# and again, because that takes no time.
ENOUGH_TO_FORGET = {"false-roots": ["size=1M", "decoys=1000", "rounds=10"],
                    "binary-trees": ["depth=17"],
                    "rings": ["rings=20000", "kept=2000", "nodes=100"],
                    "larson": ["objects=50000", "rounds=2"]}
# When a collection comes is a matter of time, too: on a busy machine 1 run of some hundred lost nothing.
RUNS_TO_FORGET = 5


class Modes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        library = c_programs.compile_library(cls.folder.name)
        for name in WORKLOADS:
            for promises_barriers in (False, True):
                c_programs.compile_on_library(cls.folder.name, name, library, promises_barriers)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_workload(self, name, arguments, mode, tracking, **more):
        program = os.path.join(self.folder.name, name + ("-barrier" if tracking == "barrier" else ""))
        environment = dict(os.environ, TREFOIL_MODE=mode, TREFOIL_TRACKING=tracking, TREFOIL_NURSERY=NURSERY, **more)
        return subprocess.run([program] + arguments, capture_output=True, text=True, env=environment, timeout=60)

    def test_success(self):
        minor = dict.fromkeys(MODES, 0)
        for name, mode, tracking in CASES:
            with self.subTest(f"{name}, {mode}, {tracking}"):
                done = self.run_workload(name, WORKLOADS[name][0], mode, tracking)
                self.assertEqual(done.returncode, 0, done.stderr)
                report = json.loads(done.stdout)
                self.assertEqual((report["workload"], report["mode"]), (name, mode))
                minor[mode, tracking] += report["minor_collections"]
        self.assertEqual([mode for mode, count in minor.items() if count == 0], [("mark-sweep", "auto")])

    def test_an_object_that_is_overwritten_is_noticed(self):
        for name, mode, tracking in CASES:
            with self.subTest(f"{name}, {mode}, {tracking}"):
                arguments, break_at = WORKLOADS[name]
                done = self.run_workload(name, arguments, mode, tracking, BENCH_BREAK=str(break_at))
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertRegex(done.stderr, f"{name}: .*{OVERWRITTEN}")

    def test_a_barrier_that_is_forgotten_is_noticed(self):
        for name in WORKLOADS:
            with self.subTest(name):
                arguments = ENOUGH_TO_FORGET.get(name, WORKLOADS[name][0])
                runs = 1 if name in NEVER_LOSES else RUNS_TO_FORGET
                status = 0
                while status == 0 and runs > 0:
                    done = self.run_workload(name, arguments, "generational", "barrier", BENCH_FORGET="1")
                    status, runs = done.returncode, runs - 1
                self.assertEqual(status == 0, name in NEVER_LOSES, done.stderr)


if __name__ == "__main__":
    unittest.main()
