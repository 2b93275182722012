"""Tests of the way from runs to tables and claims."""
import re
import unittest

from harness import catalog, rows, table
from harness.catalog import Configuration

TREFOIL = Configuration("trefoil", "mark-sweep", 2)
GENERATIONAL = Configuration("trefoil", "generational", 2)
TREFOIL_ONE = Configuration("trefoil", "mark-sweep", 1)
BDWGC = Configuration("bdwgc", "mark-sweep", 2)
BDWGC_ONE = Configuration("bdwgc", "mark-sweep", 1)
MALLOC = Configuration("malloc", None, 0)


def a_run(wall_s, peak_mb=100, pauses=(), figures=None):
    return {
        "failure": None, "wall_ns": 0, "user_ns": 0, "system_ns": 0, "peak_bytes": peak_mb * 10**6,
        "mean_bytes": peak_mb * 10**6 // 2,
        "figures": figures or {},
        "report": {"wall_ns": wall_s * 1e9, "cpu_ns": wall_s * 1.5e9, "allocations": 10, "minor_collections": 1,
                   "full_collections": len(pauses), "pauses": [[kind, 0, ms * 10**6] for kind, ms in pauses]},
    }


def a_failure(reason):
    return {"failure": reason, "report": None, "figures": {}}


def rows_of(runs):
    return {row.configuration: row for row in rows.make_rows(runs)}


class Shadow(unittest.TestCase):
    def test_it_stands_beside_the_peak_where_a_mode_has_one(self):
        counted = a_run(1)
        counted["report"]["shadow_bytes"] = 40 * 10**6
        refcount = Configuration("trefoil", "refcount", 2)
        for runs, cells in (({refcount: [counted], TREFOIL: [a_run(1)]}, ["40.0", "-"]), ({TREFOIL: [a_run(1)]}, [])):
            workload = catalog.WORKLOADS["binary-trees"]
            lines = list(table.workload_table(workload, {}, 1, rows.make_rows(runs), {}))
            self.assertEqual("shadow" in lines[1], bool(cells))
            for line, cell in zip(lines[3:], cells):
                self.assertRegex(line, rf"100  +50\.0  +{re.escape(cell)} ")


class Rows(unittest.TestCase):
    def test_spread_ratios_and_pauses(self):
        found = rows_of({
            TREFOIL: [a_run(1, 50, [(1, 10)]), a_run(3, 50, [(1, 30), (0, 2)])],
            BDWGC: [a_run(4), a_run(6)],
            MALLOC: [a_run(2, 25), a_run(2, 25)],
        })
        row = found[TREFOIL]
        self.assertEqual(row.time, (2e9, 1e9, 3e9, 2))
        self.assertEqual(row.peak.median, 50e6)
        self.assertEqual(row.collections.median, 2.5)
        self.assertEqual(sorted(row.pauses_ns), [2e6, 10e6, 30e6])
        self.assertEqual(sorted(row.full_pauses_ns), [10e6, 30e6])
        self.assertEqual(row.minor_pauses_ns, [2e6])
        self.assertEqual(row.times, {0: 1e9, 1: 3e9})
        self.assertEqual(row.time_ratio["bdwgc"], (0.375, 0.25, 0.5, 2))
        self.assertEqual(row.peak_ratio["malloc"].median, 2)
        self.assertEqual(found[BDWGC].time_ratio["bdwgc"].median, 1)

    def test_reference_has_as_many_markers(self):
        found = rows_of({TREFOIL: [a_run(1)], TREFOIL_ONE: [a_run(1)], BDWGC_ONE: [a_run(4)], BDWGC: [a_run(2)],
                         MALLOC: [a_run(1)]})
        self.assertEqual(found[TREFOIL].time_ratio["bdwgc"].median, 0.5)
        self.assertEqual(found[TREFOIL_ONE].time_ratio["bdwgc"].median, 0.25)
        self.assertEqual(found[MALLOC].time_ratio["bdwgc"].median, 0.5)  # without markers: the most

    def test_failed_rounds_do_not_count(self):
        found = rows_of({TREFOIL: [a_failure("killed by SIGKILL"), a_run(2)], BDWGC: [a_run(100), a_run(4)]})
        row = found[TREFOIL]
        self.assertEqual((row.failure, row.failed_count), ("killed by SIGKILL", 1))
        self.assertEqual(row.time.median, 2e9)
        self.assertEqual(row.time_ratio["bdwgc"], (0.5, 0.5, 0.5, 1))

    def test_a_reference_that_failed_gives_no_ratio(self):
        found = rows_of({TREFOIL: [a_run(1)], BDWGC: [a_failure("status 1")]})
        self.assertIsNone(found[TREFOIL].time_ratio["bdwgc"])


class LowerBound(unittest.TestCase):
    def test_pauses_are_subtracted_and_the_least_of_all_counts(self):
        # bdwgc: 4 s of which 1 s in pauses; trefoil: 2 s of which 0.5 s; malloc: 1.6 s without any.
        found = rows_of({TREFOIL: [a_run(2, pauses=[(1, 500)])], BDWGC: [a_run(4, pauses=[(1, 600), (0, 400)])],
                         MALLOC: [a_run(1.6)]})
        self.assertAlmostEqual(found[TREFOIL].time_overhead, 2 / 1.5)
        self.assertAlmostEqual(found[BDWGC].time_overhead, 4 / 1.5)
        self.assertAlmostEqual(found[MALLOC].time_overhead, 1.6 / 1.5)
        self.assertAlmostEqual(found[TREFOIL].cpu_overhead, 3 / 2.4)  # malloc's 2.4 s is less than 3 s - 0.5 s

    def test_on_a_busy_machine_a_pause_costs_less_processor_time_than_it_is_long(self):
        run = a_run(2, pauses=[(1, 1000)])
        run["report"]["cpu_ns"] = 1e9  # half of the time without a processor
        self.assertAlmostEqual(rows_of({TREFOIL: [run]})[TREFOIL].cpu_overhead, 2)

    def test_pauses_after_the_timed_part_do_not_count(self):
        run = a_run(1)
        run["report"]["pauses"] = [[1, 0.9e9, 0.2e9], [1, 1.5e9, 1e9]]
        self.assertAlmostEqual(rows.collection_ns(run), 0.1e9)


class Tables(unittest.TestCase):
    def lines(self, runs, workload="binary-trees"):
        chosen = catalog.WORKLOADS[workload]
        return list(table.workload_table(chosen, {"depth": 18}, 2, rows.make_rows(runs), {"malloc": "has a reason"}))

    def test_columns_are_aligned_and_every_row_is_there(self):
        lines = self.lines({TREFOIL: [a_run(1, 50, [(1, 10)])], BDWGC: [a_run(100, 2000, [(1, 3000)])]})
        body = lines[1:5]
        self.assertEqual(len({len(line) for line in body[1:]}), 1)
        self.assertRegex(lines[3], r"^  trefoil mark-sweep, 2 markers +1\.00 +1\.50 +50\.0 +25\.0 +2( +-){3}"
                                   r"( +10\.0){3} .* "
                                   r"0\.010 +0\.025$")
        self.assertRegex(lines[4], r"^  bdwgc, 2 markers +100 +150 +2000 +1000 +2( +-){3}( +3000){3} .* 1\.00 +1\.00$")

    def test_minor_pauses_are_never_mixed_with_full_ones(self):
        pauses = [(0, 1)] * 98 + [(0, 2), (0, 3), (1, 70), (1, 80)]
        lines = self.lines({GENERATIONAL: [a_run(1, 50, pauses)]})
        self.assertRegex(lines[3], r"^  trefoil generational, .* 1\.00 +2\.00 +3\.00 +70\.0 +80\.0 +80\.0 ")

    def test_failure_keeps_its_row_and_its_reason(self):
        lines = self.lines({TREFOIL: [a_failure("killed by SIGSEGV")], BDWGC: [a_run(1), a_run(1)]})
        self.assertRegex(lines[3], r"^  trefoil mark-sweep, 2 markers +- ")
        self.assertIn("  trefoil mark-sweep, 2 markers: FAILED: killed by SIGSEGV", lines)

    def test_failure_of_some_runs(self):
        lines = self.lines({TREFOIL: [a_failure("status 1: wrong"), a_run(1)]})
        self.assertIn("  trefoil mark-sweep, 2 markers: FAILED (1 of its runs): status 1: wrong", lines)

    def test_what_is_left_out_is_said(self):
        lines = self.lines({TREFOIL: [a_run(1)]})
        self.assertRegex(lines[-2], r"^  malloc +- +- ")
        self.assertEqual(lines[-1], "  left out: malloc: has a reason")

    def test_numbers(self):
        for value, text in ((0, "0.00"), (0.0123, "0.012"), (0.1, "0.10"), (9.994, "9.99"), (9.996, "10.0"),
                            (99.94, "99.9"), (99.96, "100"), (12345.6, "12346")):
            self.assertEqual(table.significant(value), text)
        for value, text in ((1 << 30, "1G"), (96 << 20, "96M"), ((1 << 20) + 1, "1048577"), (18, "18"), ("/x", "/x")):
            self.assertEqual(table.readable(value), text)


if __name__ == "__main__":
    unittest.main()
