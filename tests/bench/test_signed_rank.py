"""Tests of the test that --compare is built on."""
import itertools
import random
import unittest

from harness import signed_rank as s


class PValue(unittest.TestCase):
    def test_known_values(self):
        self.assertEqual(s.p_value([1, 2, 3, 4, 5]), 2 / 32)
        self.assertEqual(s.p_value([-1, -2, -3, -4, -5]), 2 / 32)
        self.assertEqual(s.p_value([-1, 2, 3, 4, 5]), 4 / 32)
        self.assertEqual(s.p_value([1, -2, 3, -4]), 2 * 7 / 16)  # positive ranks 1 + 3: sums up to 4 in 7 of 16 ways

    def test_against_all_signs(self):
        for sizes in ((1, 2, 3, 4, 5, 6), (1, 1, 2, 2, 2, 3), (5, 5, 5, 5)):
            ranks = s.doubled_ranks(sizes)
            sums = [sum(r for r, keep in zip(ranks, signs) if keep)
                    for signs in itertools.product((0, 1), repeat=len(ranks))]
            for signs in itertools.product((-1, 1), repeat=len(sizes)):
                positive = sum(r for r, sign in zip(ranks, signs) if sign > 0)
                least = min(positive, sum(ranks) - positive)
                expected = min(1, 2 * sum(total <= least for total in sums) / len(sums))
                self.assertAlmostEqual(s.p_value([a * b for a, b in zip(sizes, signs)]), expected)

    def test_zeros_say_nothing(self):
        self.assertEqual(s.p_value([0, 0, 0]), 1)
        self.assertEqual(s.p_value([]), 1)
        self.assertEqual(s.p_value([0, 1, 2, 3, 4, 5]), s.p_value([1, 2, 3, 4, 5]))

    def test_normal_and_exact_agree_where_they_meet(self):
        generator = random.Random(1)
        values = [generator.gauss(0.3, 1) for _ in range(s.EXACT_COUNT)]
        ranks = s.doubled_ranks(values)
        for statistic in (150, 200, 250, 300):
            self.assertAlmostEqual(s.exact_tail(ranks, statistic), s.normal_tail(ranks, statistic), delta=0.01)


class EffectAndHolm(unittest.TestCase):
    def test_effect(self):
        effect = s.effect([1, 2, 3])
        self.assertEqual((effect.estimate, effect.low, effect.high), (2, 1, 3))
        self.assertEqual(s.effect([0.1] * 12).estimate, 0.1)
        with self.assertRaises(ValueError):
            s.effect([])

    def test_an_outlier_does_not_move_the_estimate(self):
        self.assertLess(s.effect([0.1, 0.11, 0.09, 0.1, 0.12, 0.1, 5]).estimate, 0.2)

    def test_interval_covers_the_truth(self):
        generator, covered = random.Random(7), 0
        for _ in range(300):
            effect = s.effect([generator.gauss(0.1, 0.2) for _ in range(12)])
            covered += effect.low <= 0.1 <= effect.high
        self.assertGreater(covered, 0.91 * 300)

    def test_holm(self):
        self.assertEqual(s.holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
        self.assertEqual(s.holm([0.5, 0.9]), [1, 1])
        self.assertEqual(s.holm([]), [])

    def test_pairs_needed(self):
        self.assertEqual(s.pairs_needed(1, 0.05), 6)  # 2/64
        self.assertEqual(s.pairs_needed(51, 0.05), 11)


if __name__ == "__main__":
    unittest.main()
