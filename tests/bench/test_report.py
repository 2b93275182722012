"""Tests of what is shown of results without a browser: heap sizes, who is best, and results that were saved."""
import contextlib
import io
import json
import os
import tempfile
import unittest

import results_made_up as made_up
from harness import (catalog, gnuplot, growth, heap_sizes, main, options as option, plots, report, results, rows,
                     table, trackings)


class HeapSizes(unittest.TestCase):
    def test_every_collector_in_every_size(self):
        options = option.parse(["--modes", "mark-sweep"])
        options.processors = 2
        found = heap_sizes.configurations(options, 1000)
        self.assertEqual([(factor, c.peer, c.heap_bytes, c.growth_percent) for factor, c in found[:2]],
                         [(1.25, "trefoil", 1250, 25), (1.25, "bdwgc", 1250, 25)])
        self.assertEqual(len(found), 2 * len(heap_sizes.FACTORS))

    def test_what_does_not_fit_is_a_dash(self):
        lines = list(heap_sizes.table_lines([made_up.measurement()]))
        self.assertRegex(lines[2], r"^  binary-trees +10\.0 +trefoil mark-sweep, 2 markers"
                                   r" +1\.60 +1\.33 +1\.00 +0\.67 +0\.40$")
        self.assertRegex(lines[3], r"^ +bdwgc, 2 markers +- +- +1\.00 +0\.67 +0\.40$")

    def test_an_unknown_live_size_is_told(self):
        made = heap_sizes.Measurement(catalog.WORKLOADS["live"], {})
        made.failure = "killed by SIGSEGV"
        self.assertIn("FAILED: killed by SIGSEGV", "\n".join(heap_sizes.table_lines([made])))

    def test_what_is_saved_is_read_again(self):
        made = made_up.measurement()
        again = heap_sizes.from_json(json.loads(json.dumps(heap_sizes.as_json(made))))
        self.assertEqual((again.runs, again.live_bytes), (made.runs, made.live_bytes))
        self.assertEqual(again.parameters, made.parameters)
        self.assertIsNone(heap_sizes.from_json({"name": "nonesuch"}))


class Best(unittest.TestCase):
    def test_the_table_in_the_terminal(self):
        lines = list(table.best_table(made_up.outcome()))
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[1].count("trefoil mark-sweep, 2 markers"), 5)

    def test_the_verdict_of_the_report(self):
        text = report.verdict(made_up.outcome(), report.TIME)
        self.assertIn("<b>Time: trefoil mark-sweep</b>, 0.60 times that of bdwgc", text)
        self.assertIn("geometric mean of 2 workloads; trefoil generational 0.67, trefoil refcount 0.73 times", text)

    def test_a_row_that_failed_is_never_best(self):
        outcome = made_up.outcome()
        for _, found in outcome.values():
            found[0].failure = "killed"
        self.assertNotIn("mark-sweep", "".join(table.best_table(outcome)))


class Plots(unittest.TestCase):
    def test_no_line_from_no_data(self):
        found = [row for row in made_up.outcome()["binary-trees"][1] if row.configuration.peer == "malloc"]
        self.assertIsNone(plots.pauses("name", "title", found))
        self.assertIsNone(plots.utilisation("name", "title", found))

    def test_text_is_quoted_for_gnuplot(self):
        self.assertEqual(gnuplot.quoted('a "b" \\c'), '"a \\"b\\" \\\\c"')

    @unittest.skipUnless(gnuplot.is_here(), "no gnuplot (package gnuplot-nox)")
    def test_what_gnuplot_refuses_is_told(self):
        with self.assertRaisesRegex(gnuplot.Failed, "gnuplot: name: "):
            gnuplot.draw("name", "title", 100, 100, "plot nonsense(\n")


class Pauses(unittest.TestCase):
    def test_minor_and_full_ones_have_a_line_each(self):
        runs = {made_up.CONFIGURATIONS[1]: [made_up.a_run(1000, pauses_ms=[20, 30], minor_ms=[1, 2, 3])],
                made_up.CONFIGURATIONS[0]: [made_up.a_run(1000, pauses_ms=[20, 30])]}
        lines = {name: points for name, _, points in plots.pause_lines(rows.make_rows(runs))}
        self.assertEqual(list(lines), ["trefoil generational, minor", "trefoil generational, full",
                                       "trefoil mark-sweep"])
        self.assertEqual([points[-1][1] for points in lines.values()], [3, 30, 30])

    def test_so_do_they_have_columns_in_the_report(self):
        runs = {made_up.CONFIGURATIONS[1]: [made_up.a_run(1000, pauses_ms=[20, 30], minor_ms=[1, 2, 3])]}
        text = report.detail_table(rows.make_rows(runs))
        self.assertIn("<td>2.00</td><td>3.00</td><td>3.00</td><td>20.0</td><td>30.0</td><td>30.0</td>", text)


class Sections(unittest.TestCase):
    def test_the_tables_of_the_text_are_in_the_page(self):
        costs = trackings.Costs({"binary-trees": ({}, rows.make_rows(made_up.cost_runs()))}, {"protect": "a < reason"})
        text = report.section_table(trackings, costs)
        self.assertIn("<h3>Cost of the trackings</h3>", text)
        self.assertIn("<td>binary-trees</td><td>1.00</td><td>0.50</td><td>-</td><td>0.40</td><td>2.00</td>", text)
        self.assertIn("left out: protect: a &lt; reason", text)
        self.assertIn("<td>barrier</td><td>scattered</td>", report.section_table(growth, made_up.grown()))
        self.assertEqual(report.section_table(growth, None), "")


class Saved(unittest.TestCase):
    def test_tables_of_a_file_of_results(self):
        document = results.start(made_up.MACHINE, made_up.VERSIONS, option.parse([]))
        trees = catalog.WORKLOADS["binary-trees"]
        document["workloads"].append(results.workload_entry(trees, {"depth": 9}, made_up.runs_of(1)))
        costs = results.workload_entry(trees, {"depth": 9}, made_up.cost_runs())
        document["trackings"] = {"left_out": {"protect": "a reason"}, "workloads": [costs]}
        document["growth"] = growth.as_json(made_up.grown())
        document["heap_sizes"] = [heap_sizes.as_json(made_up.measurement())]
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out):
            path = os.path.join(folder, "old.json")
            results.write(path, document)
            self.assertEqual(main.main(["--from", path]), 0)
        for text in ("binary-trees depth=9 (3 rounds)", "trefoil refcount, 2 markers", "Minimum mutator utilisation",
                     "Time in s against heap size", "Best at", "Cost of the trackings", "left out: protect: a reason",
                     "Minor pauses against the live heap", "made up, 2 processors"):
            self.assertIn(text, out.getvalue())


if __name__ == "__main__":
    unittest.main()
