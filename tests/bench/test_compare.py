"""Tests of --compare: what counts as a change, and how the old programs are found."""
import os
import random
import tempfile
import unittest

import results_made_up as made_up
from harness import build, catalog, compare, kept, options as option, results

TREFOIL = made_up.CONFIGURATIONS[0]


def pairs(factor, noise, count=16, seed=1):
    generator = random.Random(seed)
    return [(made_up.a_run(1000 * generator.gauss(1, noise)), made_up.a_run(1000 * factor * generator.gauss(1, noise)))
            for _ in range(count)]


def all_pairs(factor, noise=0.03, seed=1):
    return {compare.Key(name, TREFOIL): pairs(factor, noise, seed=seed + number)
            for number, name in enumerate(catalog.WORKLOADS)}


class Findings(unittest.TestCase):
    def test_a_tenth_slower_is_a_change(self):
        found = compare.findings(all_pairs(1.1))
        together = [f for f in found if f.name == compare.ALL and f.measure == "time"][0]
        self.assertTrue(together.is_change)
        self.assertTrue(compare.is_worse(found))
        self.assertGreater(sum(f.is_change for f in found if f.measure == "time"), 8)
        text = "\n".join(compare.verdict_lines(found, 12))
        self.assertRegex(text, r"all workloads: (9|10|11)\.\d % more time")

    def test_nothing_is_no_change_with_any_seed(self):
        for seed in range(0, 1000, 50):
            found = compare.findings(all_pairs(1, noise=0.05, seed=seed))
            self.assertEqual([f for f in found if f.is_change], [])
            self.assertIn("No change beyond noise", "\n".join(compare.verdict_lines(found, 12)))

    def test_faster_is_a_change_but_not_worse(self):
        found = compare.findings(all_pairs(0.85))
        self.assertTrue(any(f.is_change for f in found))
        self.assertFalse(compare.is_worse(found))

    def test_certain_but_small_is_no_change(self):
        found = compare.findings(all_pairs(1.02, noise=0.0001))
        self.assertFalse(any(f.is_change for f in found))

    def test_failed_pairs_do_not_count_and_are_told(self):
        key = compare.Key("binary-trees", TREFOIL)
        broken = [(made_up.a_run(1), made_up.a_run(1, failure="killed by SIGSEGV"))] * 2
        self.assertEqual(compare.findings({key: broken}), [])
        self.assertEqual(compare.failures({key: broken}), [(key, "new", "killed by SIGSEGV")])

    def test_table_has_a_row_for_each_and_for_all(self):
        lines = list(compare.table_lines(compare.findings(all_pairs(1.2))))
        self.assertEqual(len(lines), len(catalog.WORKLOADS) + 2)
        self.assertIn("*", lines[-1])


class Rows(unittest.TestCase):
    def document(self):
        document = results.start(made_up.MACHINE, made_up.VERSIONS, option.parse([]))
        for name in ("binary-trees", "live"):
            entry = results.workload_entry(catalog.WORKLOADS[name], {"size": 1}, made_up.runs_of(1))
            document["workloads"].append(entry)
        document["workloads"][0]["parameters"] = {"depth": 9}
        return document

    def test_only_trefoil_with_the_old_parameters(self):
        options = option.parse(["--modes", "mark-sweep,refcount"])
        found, absent = compare.rows_of(self.document(), options)
        self.assertEqual({(key.workload, key.configuration.mode) for key in found},
                         {(name, mode) for name in ("binary-trees", "live") for mode in options.modes})
        self.assertEqual(found[compare.Key("binary-trees", TREFOIL)], {"depth": 9})
        self.assertEqual(absent, [])

    def test_unknown_workloads_are_told(self):
        document = self.document()
        document["workloads"][1]["name"] = "nonesuch"
        found, absent = compare.rows_of(document, option.parse(["--only", "binary-trees"]))
        self.assertEqual({key.workload for key in found}, {"binary-trees"})
        self.assertEqual(absent, ["nonesuch"])

    def test_pairs_are_enough_for_all_tests(self):
        rows = {compare.Key(str(number), TREFOIL): {} for number in range(100)}
        self.assertEqual(compare.pairs_of(option.parse([]), {}), compare.LEAST_PAIRS)
        self.assertEqual(compare.pairs_of(option.parse([]), rows), 18)
        self.assertEqual(compare.pairs_of(option.parse(["--repeat", "3"]), rows), 3)


class Kept(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ("bench/live-trefoil", "bench/live-malloc", "gc/libtrefoil.so", "examples/scheme"):
            os.makedirs(os.path.dirname(os.path.join(self.folder, name)), exist_ok=True)
            self.write(name, name)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def test_kept_programs_are_found_again(self):
        programs = kept.keep(self.folder)
        self.write("gc/libtrefoil.so", "changed since")
        folder = kept.find(programs, self.folder)
        self.assertTrue(os.path.exists(os.path.join(folder, "bench", "live-trefoil")))
        self.assertFalse(os.path.exists(os.path.join(folder, "bench", "live-malloc")))
        self.assertNotEqual(kept.identity(self.folder), programs["id"])
        self.assertEqual(kept.find({"id": programs["id"], "folder": None}, self.folder), folder)

    def test_programs_that_are_not_what_they_were_are_not_used(self):
        programs = kept.keep(self.folder)
        self.write(f"kept/{programs['id']}/gc/libtrefoil.so", "other")
        self.assertIsNone(kept.find(programs, self.folder))

    def test_only_the_newest_are_kept(self):
        for number in range(kept.KEPT_COUNT + 3):
            self.write("gc/libtrefoil.so", str(number))
            newest = kept.keep(self.folder)
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "kept"))), kept.KEPT_COUNT)
        self.assertIsNotNone(kept.find(newest, self.folder))

    def test_what_cannot_be_had_is_refused(self):
        for source, reason in (({"commit": None, "is_changed": False}, "names no commit"),
                               ({"commit": "0" * 40, "is_changed": True}, "never committed"),
                               ({"commit": "0" * 40, "is_changed": False}, "")):
            document = {"programs": {"id": "none", "folder": None}, "source": source}
            with self.assertRaisesRegex(kept.Gone, f"^old.json: its programs .*{reason}"):
                kept.get(document, self.folder, "old.json")

    def test_source_state_has_what_a_rebuild_needs(self):
        self.assertEqual(set(build.source_state()), {"commit", "is_changed"})


if __name__ == "__main__":
    unittest.main()
