"""Tests of the arithmetic under every table."""
import unittest

from harness import figures as f


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


if __name__ == "__main__":
    unittest.main()
