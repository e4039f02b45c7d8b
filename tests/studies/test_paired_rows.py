"""Rows that were asked about the same drawings: which of them they name right, and the test and interval of a pair."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from sketchwidgets.studies import Measured, NamedRight, Ordering, Pairs
from sketchwidgets.studies._named import pairs_of
from sketchwidgets.studies._paired import sign_test
from sketchwidgets.training.evaluation.intervals import wilson


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (3, 12), (40, 41), (400, 300)])
def test_sign_test_against_scipy(gained, lost):
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert sign_test(gained, lost) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        # Newcombe 1998, table II, method 10.
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        ((36, 14, 0, 0), (0.1528, 0.4167)),
        ((2, 97, 1, 0), (0.8721, 0.9854)),
    ],
)
def test_the_interval_of_a_paired_difference_is_newcombes(counts, interval):
    """As printed, and by the formula written down from the shares."""
    found = [bound / 100 for bound in Pairs(*counts).interval]
    a, b, c, d = counts
    n, (p1, p2) = sum(counts), ((a + b) / sum(counts), (a + c) / sum(counts))
    (l1, u1), (l2, u2) = wilson(a + b, n), wilson(a + c, n)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    over = a * d - b * c
    phi = 0 if not margins else (max(over - n / 2, 0) if over > 0 else over) / margins**0.5
    below = ((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2) ** 0.5
    above = ((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2) ** 0.5
    assert found == pytest.approx([p1 - p2 - below, p1 - p2 + above])
    assert found == pytest.approx(interval, abs=6e-5)


def test_of_many_drawings_the_interval_is_walds_of_pairs():
    """Half a percent of the drawings are named right by one alone; by independent shares it would be as wide as 1.4."""
    pairs = Pairs(both=50_000, first=2_500, second=2_300, neither=45_200)
    half = 1.96 * 100 * (4_800 - 200**2 / 100_000) ** 0.5 / 100_000
    assert pairs.interval == pytest.approx((0.2 - half, 0.2 + half), abs=2e-3)
    assert pairs.p_value == pytest.approx(binomtest(2_500, 4_800).pvalue)


def test_errors_are_the_same_drawings_the_other_way_round():
    pairs = Pairs(both=50, first=9, second=2, neither=30)
    assert pairs.errors == Pairs(both=30, first=2, second=9, neither=50, counted="wrong")
    assert pairs.errors.errors == pairs
    low, high = pairs.interval
    assert pairs.errors.interval == pytest.approx((-high, -low))
    for counts in ((0, 0, 0, 0), (1, -1, 1, 1)):
        with pytest.raises(ValueError, match="count no drawings"):
            Pairs(*counts)


def shares(pairs):
    return (
        Measured.share(name, pairs.both + alone, pairs.total)
        for name, alone in (("a", pairs.first), ("b", pairs.second))
    )


def ordering(counted, **changes):
    return replace(Ordering("a above b", *shares(counted), (2, 1), pairs=counted), **changes)


def test_an_ordering_of_pairs_holds_where_mcnemars_test_says_so():
    for first, second, holds in ((210, 148, "yes"), (148, 210, "no"), (190, 168, "undecided")):
        pairs = Pairs(1000, first, second, 2000 - 1000 - first - second)
        decided = binomtest(first, first + second).pvalue < 0.05
        assert decided == (holds != "undecided")
        assert ordering(pairs).holds == holds
        assert ordering(pairs, pairs=None).holds == "undecided"  # by two intervals, of 4.4 points each
    cells = ordering(Pairs(1000, 210, 148, 642)).cells()
    assert "difference +3.1 (+1.2 to +4.9), only one right: 210 / 148, p 0.0012" in cells[2]
    found = json.loads(json.dumps(ordering(Pairs(1000, 210, 148, 642)).to_dict()))
    assert found["pairs"] == {"both": 1000, "first": 210, "second": 148, "neither": 642, "counted": "right"}
    half = 1.96 * (358 - 62**2 / 2000) ** 0.5 / 20
    assert found["difference_interval"] == pytest.approx([3.1 - half, 3.1 + half], abs=0.02)
    assert found["p_value"] == 0.0012
    assert "pairs" not in ordering(Pairs(1000, 210, 148, 642), pairs=None).to_dict()


def test_by_little_is_known_better_of_the_same_drawings():
    """1.5 points more errors of 2,000: known to 1.5 points here, and to 3.1 of two independent rows."""
    pairs = Pairs(1000, 130, 100, 770, "wrong")
    assert ordering(pairs, margin=3.1).holds == "yes"
    assert ordering(pairs, margin=3.1, pairs=None).holds == "undecided"
    assert ordering(pairs, margin=2.0).holds == "undecided"
    assert ordering(Pairs(1000, 230, 100, 670), margin=2.0).holds == "no"
    cells = ordering(pairs, margin=3.1).cells()
    assert "only one wrong: 130 / 100" in cells[2]
    assert " p " not in cells[2]


def test_what_another_seed_does_is_no_evidence():
    pairs = Pairs(1000, 210, 148, 642)
    assert [ordering(pairs, chance=seed).holds for seed in (61, 62)] == ["yes", "undecided"]
    assert "another seed 61" in ordering(pairs, chance=61).cells()[2]


def right(n, seed=0):
    return np.random.default_rng(seed).random(n) < 0.6


@pytest.mark.parametrize("n", [1, 8, 13, 2000])
def test_right_or_wrong_is_kept_drawing_by_drawing(n):
    values = right(n)
    named = NamedRight.of(values)
    np.testing.assert_array_equal(named.each, values)
    assert (named.right, named.total) == (values.sum(), n)
    assert len(named.to_json()) == 2 * -(-n // 8)
    assert NamedRight.from_json(named.to_json(), int(values.sum()), n) == named


def test_two_rows_are_paired_drawing_by_drawing():
    first, second = right(500), right(500, seed=1)
    pairs = NamedRight.of(first).pairs(NamedRight.of(second))
    assert pairs.first == sum(1 for a, b in zip(first, second, strict=True) if a and not b)
    assert pairs.second == sum(1 for a, b in zip(first, second, strict=True) if b and not a)
    assert (pairs.both + pairs.first, pairs.total) == (first.sum(), 500)
    assert pairs_of(NamedRight.of(first), None) is None
    with pytest.raises(ValueError, match="500 and 499 drawings are not the same"):
        NamedRight.of(first).pairs(NamedRight.of(second[1:]))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("c0", "2 of 3 right where 1 are counted"),
        ("90", "more bits than 3 drawings"),
        ("8000", "2 bytes cannot name 3"),
        ("", "0 bytes cannot name 3"),
        ("x0", "hexadecimal"),
        (80, "hexadecimal number, not int"),
    ],
)
def test_what_does_not_fit_the_counts_is_refused(text, match):
    with pytest.raises(ValueError, match=match):
        NamedRight.from_json(text, right=1, total=3)
    assert NamedRight.from_json(None, right=1, total=3) is None
    for wrong in (np.array([1, 0]), np.ones((2, 2), bool)):
        with pytest.raises(ValueError, match=r"must be \(n,\) bool"):
            NamedRight.of(wrong)
