"""Tests of the arithmetic under every table."""
import unittest

from harness import figures as f, utilisation


class Median(unittest.TestCase):
    def test_odd_and_even_counts(self):
        self.assertEqual(f.median([5, 1, 3]), 3)
        self.assertEqual(f.median([4, 1, 3, 2]), 2.5)
        self.assertEqual(f.median([7]), 7)

    def test_of_nothing_is_an_error(self):
        with self.assertRaises(ValueError):
            f.median([])


class Percentile(unittest.TestCase):
    def test_nearest_rank(self):
        values = list(range(100, 0, -1))
        self.assertEqual(f.percentile(values, 50), 50)
        self.assertEqual(f.percentile(values, 99), 99)
        self.assertEqual(f.percentile(values, 99.9), 100)
        self.assertEqual(f.percentile(values, 100), 100)

    def test_of_few_values_is_one_of_them(self):
        self.assertEqual(f.percentile([3], 50), 3)
        self.assertEqual(f.percentile([1, 9], 50), 1)
        self.assertEqual(f.percentile([1, 9], 99), 9)
        self.assertEqual(f.percentile([1, 2, 9], 0.001), 1)

    def test_rank_is_not_pushed_up_by_rounding(self):
        # 1000 * 99.9 / 100 is a little above 999 in floating point.
        self.assertEqual(f.percentile(range(1, 1001), 99.9), 999)

    def test_bad_arguments(self):
        for percent in (0, -1, 100.1):
            with self.assertRaises(ValueError):
                f.percentile([1], percent)
        with self.assertRaises(ValueError):
            f.percentile([], 50)


class Spreads(unittest.TestCase):
    def test_spread(self):
        self.assertEqual(f.spread([3, 1, 2]), f.Spread(2, 1, 3, 3))
        self.assertEqual(f.spread(x for x in (4,)), f.Spread(4, 4, 4, 1))
        self.assertIsNone(f.spread([]))

    def test_paired_ratio_goes_round_by_round(self):
        # The machine is twice as slow in round 1: the ratio does not move, while that of the medians would.
        self.assertEqual(f.paired_ratio({0: 1, 1: 2, 2: 1}, {0: 4, 1: 8, 2: 4}), f.Spread(0.25, 0.25, 0.25, 3))
        self.assertEqual(f.paired_ratio({0: 1, 1: 6, 2: 3}, {0: 1, 1: 2, 2: 3}), f.Spread(1, 1, 3, 3))

    def test_paired_ratio_leaves_out_rounds_that_one_side_lacks(self):
        self.assertEqual(f.paired_ratio({0: 1, 2: 3}, {0: 2, 1: 5}), f.Spread(0.5, 0.5, 0.5, 1))
        self.assertIsNone(f.paired_ratio({0: 1}, {1: 2}))
        self.assertIsNone(f.paired_ratio({0: 1}, {0: 0}))


class Utilisation(unittest.TestCase):
    def test_one_pause(self):
        timeline = utilisation.Timeline([(40, 10)], 100)
        self.assertEqual(timeline.utilisation(10), 0)
        self.assertEqual(timeline.utilisation(5), 0)
        self.assertEqual(timeline.utilisation(20), 0.5)
        self.assertEqual(timeline.utilisation(100), 0.9)
        self.assertIsNone(timeline.utilisation(101))

    def test_windows_may_begin_and_end_inside_pauses(self):
        timeline = utilisation.Timeline([(70, 10), (0, 10), (40, 20)], 100)
        self.assertEqual(timeline.utilisation(40), 0.25)  # 40 to 80
        self.assertAlmostEqual(timeline.utilisation(30), 1 / 3)  # 50 to 80, or 40 to 70

    def test_against_every_window(self):
        pauses = [(3, 4), (9, 1), (15, 6), (30, 2), (33, 3)]
        timeline = utilisation.Timeline(pauses, 40)
        busy = [any(start <= t < start + length for start, length in pauses) for t in range(40)]
        for window in range(1, 41):
            worst = max(sum(busy[begin:begin + window]) for begin in range(41 - window))
            self.assertAlmostEqual(timeline.utilisation(window), 1 - worst / window)

    def test_a_run_without_pauses_and_the_worst_of_several(self):
        free, paused = utilisation.Timeline([], 100), utilisation.Timeline([(0, 5)], 50)
        self.assertEqual(utilisation.curve([free], (10, 100, 200)), [(10, 1), (100, 1)])
        self.assertEqual(utilisation.curve([free, paused], (10, 100)), [(10, 0.5)])
        self.assertEqual(utilisation.curve([], (10,)), [])


if __name__ == "__main__":
    unittest.main()
