"""Tests of the command line and of what follows from it."""
import contextlib
import io
import tempfile
import unittest

from harness import catalog, main, options as option, results


def parse(*arguments):
    return option.parse(list(arguments))


def run_main(*arguments):
    """Status and standard error of bench/run for arguments that measure nothing."""
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = main.main(list(arguments))
        except SystemExit as end:
            status = end.code
    return status, errors.getvalue()


class Names(unittest.TestCase):
    def test_all_by_default(self):
        options = parse()
        self.assertEqual(options.only, list(catalog.WORKLOADS))
        self.assertEqual(options.modes, list(catalog.MODES))
        self.assertEqual(options.peers, list(catalog.PEERS))
        self.assertFalse(options.modes_named)

    def test_named_ones_in_the_order_of_the_list(self):
        options = parse("--only", "list16", "--only", "gcbench", "--peers", "bdwgc,malloc", "--modes", "mark-sweep")
        self.assertEqual(options.only, ["gcbench", "list16"])
        self.assertEqual(options.peers, ["malloc", "bdwgc"])
        self.assertEqual(options.modes, ["mark-sweep"])
        self.assertTrue(options.modes_named)

    def test_no_peers(self):
        self.assertEqual(parse("--peers", "none").peers, [])

    def test_unknown_names_list_the_known_ones(self):
        for flag, kind, known in (("--only", "workload", catalog.WORKLOADS), ("--modes", "mode", catalog.MODES),
                                  ("--peers", "peer", catalog.PEERS), ("--trackings", "tracking", catalog.TRACKINGS)):
            status, errors = run_main(flag, "nonesuch")
            self.assertEqual(status, 2)
            self.assertEqual(errors, f"bench/run: unknown {kind} 'nonesuch'; known: {', '.join(known)}\n")

    def test_bad_values(self):
        for arguments in (("--repeat", "0"), ("--repeat", "x"), ("--size", "1X"), ("--size", "0"), ("--markers", "1,0"),
                          ("--limit", "-1"), ("--nonesuch",), ("stray",), ("--nurseries", "4X"),
                          ("--",), ("--compare", "x.json", "--", "program")):
            status, errors = run_main(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertIn("bench/run: error:", errors)

    def test_what_follows_two_dashes_is_a_program(self):
        options = parse("--quick", "--", "program", "--only", "x", "--")
        self.assertEqual(options.program, ["program", "--only", "x", "--"])
        self.assertTrue(options.quick)
        self.assertIsNone(parse().program)

    def test_files_to_compare_with(self):
        status, errors = run_main("--compare", "/nonesuch/old.json")
        self.assertEqual(status, 2)
        self.assertIn("/nonesuch/old.json", errors)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write('{"format": "trefoil-bench", "format_version": 1}')
            file.flush()
            for option_name in ("--compare", "--from"):
                status, errors = run_main(option_name, file.name)
                self.assertEqual((status, errors), (2, f"bench/run: {file.name}: of format version 1; this bench/run "
                                                       f"reads version {results.FORMAT_VERSION}\n"))

    def test_programs_that_cannot_be_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            status, errors = run_main("--build", folder, "--", "/nonesuch/program")
        self.assertEqual((status, errors), (2, "bench/run: there is no program /nonesuch/program\n"))

    def test_list_names_everything(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(main.main(["--list"]), 0)
        words = out.getvalue().split()
        for name in (*catalog.WORKLOADS, *catalog.MODES, *catalog.TRACKINGS, *catalog.PEERS):
            self.assertIn(name, words)

    def test_json_file_that_cannot_be_written(self):
        status, errors = run_main("--json", "/nonesuch/file.json")
        self.assertEqual(status, 2)
        self.assertIn("/nonesuch/file.json", errors)


class Expansion(unittest.TestCase):
    def test_sizes(self):
        self.assertEqual(option.parse_size("64m"), 64 << 20)
        self.assertEqual(option.parse_size("3G"), 3 << 30)
        self.assertEqual(option.parse_size("1000"), 1000)

    def test_size_goes_to_live_heaps_only(self):
        options = parse("--size", "64M")
        self.assertEqual(option.parameters(options, catalog.WORKLOADS["live"])["size"], 64 << 20)
        self.assertEqual(option.parameters(options, catalog.WORKLOADS["live-random"])["size"], 64 << 20)
        self.assertEqual(option.parameters(options, catalog.WORKLOADS["false-roots"])["size"], 256 << 20)

    def test_rounds(self):
        workload = catalog.WORKLOADS["live"]
        self.assertEqual(option.rounds(parse(), workload), workload.rounds)
        self.assertEqual(option.rounds(parse("--quick"), workload), workload.quick_rounds)
        self.assertEqual(option.rounds(parse("--quick", "--repeat", "9"), workload), 9)

    def test_marker_counts_are_distinct(self):
        options = parse()
        options.processors = 1
        self.assertEqual(option.marker_counts(options, catalog.WORKLOADS["live"]), [1])
        options.processors = 4
        self.assertEqual(option.marker_counts(options, catalog.WORKLOADS["live"]), [1, 4])
        self.assertEqual(option.marker_counts(parse("--markers", "2,1,2"), catalog.WORKLOADS["live"]), [2, 1])

    def test_configurations(self):
        options = parse("--modes", "mark-sweep", "--markers", "2")
        labels = [c.label() for c in option.configurations(options, catalog.WORKLOADS["binary-trees"])]
        self.assertEqual(labels, ["trefoil mark-sweep, 2 markers", "malloc", "jemalloc", "mimalloc",
                                  "bdwgc, 2 markers"])

    def test_generational_mode_has_the_tracking_that_the_library_chooses(self):
        options = parse("--modes", "mark-sweep,generational", "--markers", "2", "--peers", "none")
        labels = [c.label() for c in option.configurations(options, catalog.WORKLOADS["binary-trees"])]
        self.assertEqual(labels, ["trefoil mark-sweep, 2 markers", "trefoil generational, 2 markers"])

    def test_a_row_for_each_tracking(self):
        options = parse("--modes", "mark-sweep,generational", "--markers", "2", "--peers", "none", "--trackings",
                        "barrier,pages", "--trackings", "auto")
        found = {name: [c.label(False) for c in option.configurations(options, catalog.WORKLOADS[name])]
                 for name in ("binary-trees", "scheme")}
        generational = ["trefoil generational", "trefoil generational, pages", "trefoil generational, barrier"]
        self.assertEqual(found["binary-trees"], ["trefoil mark-sweep"] + generational)
        self.assertEqual(found["scheme"], ["trefoil mark-sweep"] + generational[:2])
        self.assertEqual(option.left_out(options, catalog.WORKLOADS["scheme"]),
                         {"trefoil generational, barrier": catalog.PLAIN_STORES})

    def test_a_program_runs_under_what_plain_stores_allow(self):
        self.assertEqual(parse("--", "program").trackings, ["pages", "none"])
        self.assertFalse(parse("--", "program").trackings_named)
        self.assertEqual(parse().trackings, ["auto"])

    def test_peers_that_a_workload_leaves_out_have_a_reason(self):
        for workload in catalog.WORKLOADS.values():
            found = {c.peer for c in option.configurations(parse(), workload)}
            self.assertEqual(found | set(workload.left_out), {"trefoil", *catalog.PEERS})
            self.assertTrue(all(workload.left_out.values()))


if __name__ == "__main__":
    unittest.main()
