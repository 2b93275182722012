"""Tests of what the project promises, and of the two tables that some of it is about, with made-up results."""
import unittest
import unittest.mock

import results_made_up as made_up
from harness import catalog, claims, growth, machine, options as option, rows, suite, trackings
from harness.catalog import Configuration

SWEEP = Configuration("trefoil", "mark-sweep", 2)
SWEEP_ONE = SWEEP._replace(markers=1)
GENERATIONAL = Configuration("trefoil", "generational", 2)
BDWGC = Configuration("bdwgc", "mark-sweep", 2)
BDWGC_ONE = BDWGC._replace(markers=1)
MALLOC, MIMALLOC = Configuration("malloc", None, 0), Configuration("mimalloc", None, 0)
LIVE, TREES = {"size": 1 << 30}, {"depth": 18}


def a_run(wall_ms, peak_mb=100, pauses_ms=(), minor_ms=(), **figures):
    run = made_up.a_run(wall_ms, peak_mb, pauses_ms, minor_ms=minor_ms)
    run["figures"] = figures
    return run


def check(workload, parameters, runs):
    """{text: (value, holds)}"""
    found = claims.check({workload: (parameters, rows.make_rows(runs))})
    return {told.text: (told.value, told.holds) for told in found}


def texts(told):
    return {one.text: (round(one.value, 6), one.holds) for one in told}


class Workloads(unittest.TestCase):
    def test_trees(self):
        told = check("binary-trees", TREES, {
            SWEEP: [a_run(1000, 90)], GENERATIONAL: [a_run(800)], BDWGC: [a_run(4000, 100)], MALLOC: [a_run(1600)],
            MIMALLOC: [a_run(1600)]})
        self.assertEqual(told, {
            "mark-sweep: time of bdwgc": (0.25, True), "mark-sweep: peak memory of bdwgc": (0.9, True),
            "generational: time of mark-sweep": (0.8, True), "generational: time of bdwgc": (0.2, True),
            "generational: time of malloc and free": (0.5, False), "generational: time of mimalloc": (0.5, True)})

    def test_other_parameters_tell_nothing(self):
        self.assertEqual(check("binary-trees", {"depth": 15}, {SWEEP: [a_run(1)], BDWGC: [a_run(4)]}), {})

    def test_pauses_are_compared_with_as_many_markers_and_full_ones_only(self):
        told = check("live", LIVE, {
            SWEEP_ONE: [a_run(1, pauses_ms=[40], minor_ms=[1, 1])], SWEEP: [a_run(1, pauses_ms=[20])],
            BDWGC_ONE: [a_run(1, pauses_ms=[100])], BDWGC: [a_run(1, pauses_ms=[50])]})
        self.assertEqual(told["mark-sweep: median full pause of bdwgc, one marker each"], (0.4, True))
        self.assertEqual(told["mark-sweep: median full pause of bdwgc, two markers each"], (0.4, False))

    def live(self, minor_ms, our_ns=13, their_ns=50):
        return check("live", LIVE, {
            GENERATIONAL: [a_run(1, 50, [200], minor_ms, allocation_ns=our_ns)],
            BDWGC: [a_run(1, 100, [400], allocation_ns=their_ns)]})

    def test_minor_pauses(self):
        told = self.live([0.8] * 98 + [1.1, 9])
        self.assertEqual(told["generational: p99 of minor pauses, ms"], (1.1, True))
        self.assertEqual(told["generational: median minor pause, of bdwgc's median pause"], (0.002, True))
        self.assertEqual(told["generational: peak memory of bdwgc"], (0.5, True))
        told = self.live([1.1] * 98 + [1.3, 1.3])
        self.assertEqual(told["generational: p99 of minor pauses, ms"], (1.3, False))
        self.assertEqual(told["generational: median minor pause, of bdwgc's median pause"], (0.00275, False))

    def test_the_less_strict_of_two_limits_counts(self):
        text = "generational: ns an allocation (14, or a quarter of bdwgc's)"
        for ours, theirs, holds in ((13, 40, True), (15, 40, False), (15, 60, True), (16, 60, False)):
            self.assertEqual(self.live([1], ours, theirs)[text], (ours, holds))

    def test_floor(self):
        told = check("two-threads", catalog.WORKLOADS["two-threads"].full, {SWEEP: [a_run(1, scaling=1.7)]})
        self.assertEqual(told, {"mark-sweep: times as fast with two threads": (1.7, False)})

    def test_a_side_that_is_absent_tells_nothing(self):
        self.assertEqual(check("binary-trees", TREES, {SWEEP: [a_run(1)]}), {})
        failed = made_up.a_run(1, failure="x")
        self.assertEqual(check("binary-trees", TREES, {SWEEP: [failed], BDWGC: [a_run(1)]}), {})

    def test_rows_under_named_trackings_are_not_taken_for_the_library_s_choice(self):
        none = GENERATIONAL._replace(tracking="none")
        self.assertEqual(check("binary-trees", TREES, {none: [a_run(1)], MIMALLOC: [a_run(1)]}), {})


class Trackings(unittest.TestCase):
    def costs(self, name="old-graph", size=None, **made):
        parameters = catalog.WORKLOADS[name].full if size is None else {"size": size}
        return trackings.Costs({name: (parameters, rows.make_rows(made_up.cost_runs(**made)))}, {"protect": "why"})

    def test_the_table(self):
        costs = self.costs()
        self.assertEqual(trackings.cells(costs), [
            ["", "mark-sweep, s", "pages", "protect", "barrier", "none", "largest peak"],
            ["old-graph", "1.00", "0.50", "-", "0.40", "2.00", "1.20"]])
        costs.outcome["live"] = ({}, rows.make_rows(made_up.cost_runs(peak_mb=30)))
        self.assertEqual(trackings.cells(costs)[-1],
                         ["geometric mean", "", "0.50", "-", "0.40", "2.00", "0.60"])

    def test_what_failed_or_is_left_out_is_told(self):
        text = "\n".join(trackings.table_lines(self.costs("scheme", failures=["none"])))
        self.assertIn("  scheme: trefoil generational, none, 2 markers: FAILED: killed", text)
        self.assertIn("  left out: protect: why", text)
        self.assertIn("no barrier for an example program", text)

    def test_claims(self):
        told = texts(claims.check({}, self.costs()))
        self.assertEqual(told, {
            "generational under pages: time of mark-sweep": (0.5, True),
            "generational: peak memory of mark-sweep, mean (most: old-graph 1.20)": (1.2, True),
            "generational: wrong results under pages, barrier, none": (0, True)})
        told = texts(claims.check({}, self.costs(peak_mb=130, failures=["none"])))
        self.assertIn(("generational: wrong results under pages, barrier, none", (1, False)), told.items())
        self.assertIn((1.3, False), told.values())
        self.assertEqual(claims.check({}, self.costs(size=1)), [])

    def test_every_workload_runs_under_each(self):
        options = option.parse(["--markers", "1"])
        all_series = {series.workload.name: series for series in trackings.series(options, {"protect": "absent"})}
        self.assertEqual(list(all_series), list(catalog.WORKLOADS))
        self.assertEqual([c.label(False) for c in all_series["live"].configurations],
                         ["trefoil mark-sweep"] + [f"trefoil {mode}, {t}" for mode in ("generational", "refcount")
                                                   for t in ("pages", "barrier", "none")])
        self.assertEqual(all_series["lru-cache"].parameters, catalog.WORKLOADS["lru-cache"].trackings_full)
        self.assertNotIn("barrier", [c.tracking for c in all_series["scheme"].configurations])

    def test_refcount_has_columns_of_its_own_where_it_ran(self):
        runs = made_up.cost_runs()
        runs[Configuration("trefoil", "refcount", 2, "pages")] = [made_up.a_run(800), made_up.a_run(800)]
        heading, line, *_ = trackings.cells(trackings.Costs({"live": ({}, rows.make_rows(runs))}, {}))
        self.assertEqual((heading[-1], line[-1]), ("refcount, pages", "0.80"))

    def test_rows_of_the_suite_serve_where_trackings_were_named(self):
        outcome = {"live": ({}, rows.make_rows(made_up.cost_runs()))}
        named = option.parse(["--trackings", "pages,none"])
        self.assertFalse(trackings.is_wanted(named))
        self.assertEqual(trackings.cells(trackings.from_suite(named, outcome))[1][2:6], ["0.50", "-", "0.40", "2.00"])
        self.assertTrue(trackings.is_wanted(option.parse([])))
        self.assertIsNone(trackings.from_suite(option.parse([]), outcome))
        self.assertFalse(trackings.is_wanted(option.parse(["--no-tracking-costs"])))
        self.assertFalse(trackings.is_wanted(option.parse(["--modes", "generational"])))


class Suite(unittest.TestCase):
    def test_a_failure_anywhere_is_the_failure_of_the_run(self):
        good = trackings.Costs({"live": ({}, rows.make_rows(made_up.cost_runs()))}, {})
        bad = trackings.Costs({"live": ({}, rows.make_rows(made_up.cost_runs(failures=["pages"])))}, {})
        grown, broken = made_up.grown(), made_up.grown()
        broken.runs["pages", "scattered", 1 << 30].append(made_up.a_run(1, failure="killed"))
        self.assertFalse(suite.has_failures(good.outcome, good, grown))
        self.assertTrue(suite.has_failures(bad.outcome))
        self.assertTrue(suite.has_failures(good.outcome, bad, grown))
        self.assertTrue(suite.has_failures(good.outcome, good, broken))

    def test_a_tracking_that_the_machine_lacks_is_refused_if_it_was_named(self):
        options = option.parse(["--trackings", "pages"])
        with unittest.mock.patch.object(suite, "absent_trackings", return_value={"pages": "is not to be had"}), \
                self.assertRaisesRegex(option.Unknown, "^tracking pages: is not to be had$"):
            suite.settle_trackings(options, "")


class Growth(unittest.TestCase):
    def test_claims(self):
        told = texts(claims.check({}, None, made_up.grown()))
        self.assertEqual(told, {
            "barrier: minor pause from 256M to 4G, writes scattered, times": (1, True),
            "barrier: minor pause from 256M to 4G, writes in a tenth, times": (1, True),
            "pages: minor pause, writes scattered, ms more a GiB": (0.4, True),
            "pages: minor pause, writes in a tenth, ms more a GiB": (0, True)})
        told = texts(claims.check({}, None, made_up.grown(more_ms=(0, 1, 2))))
        self.assertEqual(told["pages: minor pause, writes scattered, ms more a GiB"], (0.533333, False))

    def test_other_sizes_tell_nothing(self):
        self.assertEqual(claims.check({}, None, made_up.grown(sizes=growth.SIZES[:2])), [])

    def test_the_table(self):
        lines = list(growth.table_lines(made_up.grown()))
        self.assertRegex(lines[1], r"256M +1G +4G +times +ms/GiB$")
        self.assertRegex(lines[4], r"^  pages +scattered +1\.10/1\.10 +1\.40/1\.40 +2\.60/2\.60 +2\.36 +0\.400$")

    def test_a_failure_keeps_its_place(self):
        made = made_up.grown()
        made.runs["pages", "scattered", 1 << 30] = [made_up.a_run(1, failure="killed by SIGSEGV")]
        lines = list(growth.table_lines(made))
        self.assertRegex(lines[4], r"^  pages +scattered +1\.10/1\.10 +- +2\.60/2\.60 ")
        self.assertIn("  pages, scattered, 1G: FAILED: killed by SIGSEGV", lines)

    def test_what_does_not_fit_the_machine_is_left_out(self):
        made = growth.Growth()
        with unittest.mock.patch.object(machine, "memory_bytes", return_value=2 << 30):
            keys = growth.wanted(option.parse([]), made)
        self.assertEqual({size for _, _, size in keys}, set(growth.SIZES[:2]))
        self.assertEqual(made.left_out, {"4G": "only 2.0 GiB of memory are free"})

    def test_every_size_allocates_as_much(self):
        for size in growth.SIZES:
            parameters = growth.parameters(size, "in a tenth", growth.ALLOCATED)
            self.assertEqual(size * parameters["churn_percent"] // 100, growth.ALLOCATED)
            self.assertEqual(parameters["written_percent"], 10)

    def test_what_is_saved_is_read_again(self):
        made = made_up.grown()
        self.assertEqual(growth.from_json(growth.as_json(made)).runs, made.runs)
        self.assertIsNone(growth.from_json(None))


if __name__ == "__main__":
    unittest.main()
