"""Wilcoxon's signed-rank test (1945) for paired measurements, the estimate that belongs to it (Hodges and Lehmann
1963), and Holm's correction (1979) for testing many things at once. Arithmetic only.
"""
import math
from typing import NamedTuple

EXACT_COUNT = 25  # up to here the distribution is counted out; above, the normal one is close enough


class Effect(NamedTuple):
    """Of paired differences: the estimate, its 95 % interval, and the two-sided p value of 'no difference'."""
    estimate: float
    low: float
    high: float
    p: float


def doubled_ranks(differences):
    """Of the absolute values, ties sharing their mean; doubled, so that they are whole numbers."""
    order = sorted(range(len(differences)), key=lambda i: abs(differences[i]))
    ranks = [0] * len(differences)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and abs(differences[order[last + 1]]) == abs(differences[order[first]]):
            last += 1
        for place in range(first, last + 1):
            ranks[order[place]] = first + last + 2
        first = last + 1
    return ranks


def exact_tail(ranks, statistic):
    """Probability that a random half of the signs gives a sum of ranks of at most this."""
    ways = [1] + [0] * sum(ranks)
    for rank in ranks:
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    return sum(ways[:statistic + 1]) / 2 ** len(ranks)


def normal_tail(ranks, statistic):
    deviation = math.sqrt(sum(rank * rank for rank in ranks)) / 2
    return 0.5 * math.erfc(-(statistic + 1 - sum(ranks) / 2) / deviation / math.sqrt(2))


def p_value(differences):
    """Two-sided. Differences of zero say nothing about a direction and are left out."""
    nonzero = [difference for difference in differences if difference != 0]
    if not nonzero:
        return 1.0
    ranks = doubled_ranks(nonzero)
    positive = sum(rank for rank, difference in zip(ranks, nonzero) if difference > 0)
    statistic = min(positive, sum(ranks) - positive)
    tail = exact_tail if len(nonzero) <= EXACT_COUNT else normal_tail
    return min(1.0, 2 * tail(ranks, statistic))


def walsh_averages(differences):
    return sorted((a + b) / 2 for i, a in enumerate(differences) for b in differences[i:])


def effect(differences):
    """Raises ValueError for nothing."""
    if not differences:
        raise ValueError("effect of nothing")
    averages, count = walsh_averages(differences), len(differences)
    middle = len(averages) // 2
    estimate = averages[middle] if len(averages) % 2 else (averages[middle - 1] + averages[middle]) / 2
    deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    cut = max(0, math.floor(count * (count + 1) / 4 - 1.96 * deviation))
    return Effect(estimate, averages[cut], averages[-1 - cut], p_value(differences))


def holm(p_values):
    """The p values, each adjusted for how many there are; their order stays."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, worst = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        worst = max(worst, min(1.0, p_values[index] * (len(p_values) - place)))
        adjusted[index] = worst
    return adjusted


def pairs_needed(tests, level):
    """The fewest pairs with which one of so many tests can come out below the level after correction."""
    count = 1
    while 2 / 2 ** count * tests > level:
        count += 1
    return count
