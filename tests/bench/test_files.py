"""Tests of the two JSON files: the library's, which is read, and that of the results, which is written."""
import json
import os
import tempfile
import unittest
import unittest.mock

import results_made_up as made_up
from harness import catalog, main, options as option, results, stats_file

STATS = {
    "format": 1, "version": "0.1.0", "mode": "mark-sweep", "markers": 2, "allocated_objects": 7,
    "collections_minor": 0, "collections_full": 2, "heap_bytes": 4096,
    "pause_list": [{"start_ns": 10, "length_ns": 3, "kind": "full"}, {"start_ns": 20, "length_ns": 4, "kind": "minor"}],
}


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "file")


class Statistics(InFolder):
    def load(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        return stats_file.load(self.path)

    def test_pauses_from_a_moment_on(self):
        stats = self.load(json.dumps(STATS))
        self.assertEqual(stats_file.pauses(stats), [[1, 10, 3], [0, 20, 4]])
        self.assertEqual(stats_file.pauses(stats, 10), [[1, 0, 3], [0, 10, 4]])
        self.assertEqual(stats_file.pauses(stats, 11), [[0, 9, 4]])

    def test_report_of_a_program(self):
        report = stats_file.report(self.load(json.dumps(STATS)))
        self.assertEqual((report["markers"], report["full_collections"], report["allocations"]), (2, 2, 7))
        self.assertEqual(len(report["pauses"]), 2)

    def test_other_formats_are_refused_by_their_number(self):
        for text, message in (('{"format": 2}', "format 2 instead of 1"), ("{}", "format None"), ("[]", "format None"),
                              ("no json", "no statistics file")):
            with self.assertRaisesRegex(stats_file.Unreadable, message):
                self.load(text)
        with self.assertRaisesRegex(stats_file.Unreadable, "no statistics file"):
            stats_file.load(self.path + ".absent")


class Results(InFolder):
    def test_every_run_is_kept(self):
        document = results.start({"processor": "p"}, {"trefoil": "0.1.0"}, option.parse(["--quick"]))
        workload = catalog.WORKLOADS["live-random"]
        configuration = catalog.Configuration("trefoil", "mark-sweep", 1)
        runs = {configuration: [{"failure": None, "figures": {"x": 1}}, {"failure": "killed", "figures": {}}]}
        document["workloads"].append(results.workload_entry(workload, {"size": 1}, runs, workload.left_out))
        results.write(self.path, document)
        with open(self.path, encoding="utf-8") as file:
            read = json.load(file)
        self.assertEqual((read["format"], read["format_version"], read["quick"]), ("trefoil-bench", 2, True))
        found = read["workloads"][0]
        self.assertEqual((found["name"], found["parameters"]), ("live-random", {"size": 1}))
        self.assertIn("malloc", found["left_out"])
        self.assertEqual(found["configurations"][0]["markers"], 1)
        self.assertEqual([run["failure"] for run in found["configurations"][0]["runs"]], [None, "killed"])

    def test_other_files_are_refused_by_their_version(self):
        for text, message in (('{"format": "trefoil-bench", "format_version": 1}', "of format version 1; .* version 2"),
                              ('{"format": "trefoil-bench"}', "of format version None"), ("{", "no JSON"),
                              ("[1]", "not a file of results"), ('{"format": "x"}', "not a file of results")):
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(text)
            with self.assertRaisesRegex(results.Refused, message):
                results.load(self.path)

    def test_checking_does_not_empty_an_older_file(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("older")
        results.check_writable(self.path)
        with open(self.path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "older")


class Interrupted(InFolder):
    def test_what_was_measured_is_kept(self):
        def measure(options, folder, document, say):
            entry = results.workload_entry(catalog.WORKLOADS["live"], {"size": 1}, made_up.runs_of(1))
            document["workloads"].append(entry)
            raise KeyboardInterrupt

        with unittest.mock.patch.multiple(
                main, prepare=lambda options, say: self.path, describe=lambda options: made_up.MACHINE,
                measure_suite=measure), unittest.mock.patch.multiple(
                    main.suite, settle_modes=lambda *given: None, settle_trackings=lambda *given: None,
                    versions=lambda *given: made_up.VERSIONS), unittest.mock.patch("builtins.print"):
            with self.assertRaises(KeyboardInterrupt):
                main.run_build(option.parse(["--json", self.path, "--report", "none"]))
        self.assertEqual([entry["name"] for entry in results.load(self.path)["workloads"]], ["live"])


if __name__ == "__main__":
    unittest.main()
