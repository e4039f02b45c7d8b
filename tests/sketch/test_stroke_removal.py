"""Which strokes go: worked by hand, against the formula in extended precision, and on real drawings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sketchwidgets as sw
from sketchwidgets.sketch.augmentation import kept_strokes, strokes_to_keep


def line(length, y=0.0):
    return [(0.0, y), (float(length), y)]


def formula(lengths, alpha, beta, order="share"):
    """Pr_i = exp(alpha o_i) / exp(beta l_i) / Z, in longdouble."""
    lengths = np.array(lengths, np.longdouble)
    places = np.arange(1, len(lengths) + 1, dtype=np.longdouble)
    if order == "share":
        places /= len(lengths)
    values = np.exp(alpha * places) / np.exp(beta * lengths / (lengths.max() or 1))
    return values / values.sum()


def test_worked_by_hand():
    # alpha = 0: of lengths 4, 2, 1 by beta = 4 ln 2, exp(-beta l) is 1/16, 1/4, 1/2: shares 1, 4, 8 of 13.
    sketch = sw.Sketch([line(4), line(2), line(1)])
    shares = sw.sketch.removal_probabilities(sketch, alpha=0, beta=4 * np.log(2))
    np.testing.assert_allclose(shares, np.array([1, 4, 8]) / 13)
    # beta = 0, alpha = 3 ln 2: only the order counts, each twice as likely as the one before.
    shares = sw.sketch.removal_probabilities(sketch, alpha=3 * np.log(2), beta=0)
    np.testing.assert_allclose(shares, np.array([1, 2, 4]) / 7)


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=30),
    st.floats(-5, 5),
    st.floats(-5, 5),
    st.sampled_from(["share", "place"]),
)
def test_the_formula(lengths, alpha, beta, order):
    sketch = sw.Sketch([line(length) for length in lengths])
    shares = sw.sketch.removal_probabilities(sketch, alpha, beta, order=order)
    np.testing.assert_allclose(shares, formula(lengths, alpha, beta, order).astype(float), rtol=1e-9)
    assert shares.sum() == pytest.approx(1)


def test_the_order_as_a_share_and_as_the_authors_have_it():
    # Ten strokes of equal length: the lengths cancel, and nine places lie between the first and the last.
    sketch = sw.Sketch([line(9, y) for y in range(10)])
    shares = sw.sketch.removal_probabilities(sketch, order="place")
    assert shares[-1] / shares[0] == pytest.approx(np.exp(0.5 * 9))  # 4.5, or e^4.5 = 90.017
    assert round(shares[-1] / shares[0]) == 90
    np.testing.assert_allclose(shares[1:] / shares[:-1], np.exp(0.5))
    shares = sw.sketch.removal_probabilities(sketch)
    assert shares[-1] / shares[0] == pytest.approx(np.exp(0.5 * 9 / 10))  # 1.568
    assert shares[-1] / shares[0] == pytest.approx(1.57, abs=0.005)


def test_the_authors_own_scales():
    """exp(0.5 o - 2 l), o a place, l pixels of a canvas of 800, of strokes short enough for it not to underflow."""
    lengths = np.array([300.0, 40.0, 36.0, 35.0, 35.25])
    values = np.exp(0.5 * np.arange(1, 6)) / np.exp(2 * lengths)
    sketch = sw.Sketch([line(length) for length in lengths])
    shares = sw.sketch.removal_probabilities(sketch, 0.5, 2 * lengths.max(), order="place")
    np.testing.assert_allclose(shares, values / values.sum(), rtol=1e-9)
    # A place more and a quarter of a pixel more are even.
    assert shares[3] == pytest.approx(shares[4])
    long = sw.Sketch([line(700), line(600), line(500)])
    shares = sw.sketch.removal_probabilities(long, 0.5, 2 * 700, order="place")
    np.testing.assert_allclose(shares, [0, 0, 1], atol=1e-80)
    kept = sw.sketch.remove_strokes(long, 2 / 3, beta=2 * 700, order="place")
    assert kept.points[:, 0].max() == 700  # the longest stays, where it ties with others in double precision


def test_the_order_decides_where_it_counts_enough():
    # The second is twice as long, which speaks against it by 2 * (1 - 0.5) = 1; that it is later, for it by 0.5 at most.
    sketch = sw.Sketch([line(1, 0), line(2, 1)])
    for order, gone in (("share", 0), ("place", 0)):
        kept = sw.sketch.remove_strokes(sketch, 0.5, order=order)
        assert float(kept.points[0, 1]) == 1 - gone
    # By alpha = 1.5, being later counts 1.5 as a place, more than the length, and 0.75 as a share.
    for order, gone in (("share", 0), ("place", 1)):
        kept = sw.sketch.remove_strokes(sketch, 0.5, alpha=1.5, order=order)
        assert float(kept.points[0, 1]) == 1 - gone
        made = sw.sketch.augment(
            sketch, 0, removal=0.5, alpha=1.5, order=order, stroke_strength=0, sketch_strength=0
        )
        assert made == kept


def test_large_weights_do_not_overflow():
    sketch = sw.Sketch([line(400), line(3), line(2), line(1)])
    shares = sw.sketch.removal_probabilities(sketch, alpha=0.5, beta=1e6)
    np.testing.assert_array_equal(shares, [0, 0, 0, 1])
    # The ranking stays where the probabilities vanish: long strokes do not tie.
    order = [float(sw.sketch.remove_strokes(sketch, k / 4, beta=1e6).points[:, 0].min()) for k in range(4)]
    assert order == [0.0] * 4
    left = sw.sketch.remove_strokes(sketch, 0.75, beta=1e6)
    assert left.points[:, 0].max() == 400


@pytest.mark.parametrize(
    ("share", "left"),
    [(0.0, "abcde"), (0.1, "abcd"), (0.3, "abc"), (0.5, "ab"), (0.49, "abc"), (1.0, "a"), (0.05, "abcde")],
)
def test_round_of_the_share_goes_but_never_all(share, left):
    # Equal lengths, so later ones go first; halves are rounded up: 0.1, 0.3 and 0.5 of 5.
    sketch = sw.Sketch([line(9, y) for y in range(5)])
    kept = sw.sketch.remove_strokes(sketch, share)
    assert "".join("abcde"[int(stroke[0, 1])] for stroke in kept) == left


def test_of_equal_strokes_the_earlier_goes():
    sketch = sw.Sketch([line(9, y) for y in range(3)])
    kept = sw.sketch.remove_strokes(sketch, 0.4, alpha=0)
    assert [float(stroke[0, 1]) for stroke in kept] == [1, 2]


def test_times_and_pressures_stay():
    sketch = sw.Sketch([[(0, 0, 5, 0.5), (9, 0, 6, 0.7)], [(0, 1, 7, 0.1), (1, 1, 8, 0.2)]])
    kept = sw.sketch.remove_strokes(sketch, 0.5)
    assert kept.timed
    np.testing.assert_array_equal(kept.points, sketch[0])


def test_one_stroke_dots_and_nothing():
    dot = sw.Sketch([[(3, 3)]])
    assert sw.sketch.remove_strokes(dot, 1.0) is dot
    dots = sw.Sketch([[(3, 3)], [(4, 4)], [(3, 3)]])
    assert len(sw.sketch.remove_strokes(dots, 0.9)) == 1
    np.testing.assert_allclose(
        sw.sketch.removal_probabilities(dots), formula([0, 0, 0], 0.5, 2).astype(float)
    )
    empty = sw.Sketch([])
    assert sw.sketch.remove_strokes(empty, 0.5) is empty
    assert sw.sketch.removal_probabilities(empty).shape == (0,)


def test_drawn_at_random_by_their_probabilities():
    sketch = sw.Sketch([line(4), line(2), line(1)])
    many = np.tile(sketch.points[:, :2], (4000, 1)), np.full(12000, 2), np.repeat(np.arange(4000), 3)
    gone = ~strokes_to_keep(*many, 1 / 3, seed=0).reshape(4000, 3)
    assert (gone.sum(1) == 1).all()
    expected = sw.sketch.removal_probabilities(sketch)
    np.testing.assert_allclose(gone.mean(0), expected, atol=4 * np.sqrt(0.25 / 4000))
    once = [sw.sketch.remove_strokes(sketch, 0.5, seed=5) for _ in range(2)]
    assert once[0] == once[1]


def test_many_at_once_are_as_one_by_one(packed_quickdraw):
    shares = np.linspace(0, 1, 300)
    points, lengths, drawing = packed_quickdraw
    before = np.split(points, np.cumsum(lengths)[:-1])
    points, left, of = kept_strokes(*packed_quickdraw, strokes_to_keep(*packed_quickdraw, shares))
    after = np.split(points, np.cumsum(left)[:-1])
    for index, share in enumerate(shares):
        kept = sw.sketch.remove_strokes([before[k] for k in np.flatnonzero(drawing == index)], float(share))
        assert kept == sw.Sketch([after[k] for k in np.flatnonzero(of == index)])


def test_real_drawings_lose_their_small_late_strokes(shared):
    for path in sorted((shared / "data" / "tuberlin_svg").glob("*.svg")):
        sketch = sw.Sketch.from_svg(path)
        kept = sw.sketch.remove_strokes(sketch, 0.3)
        gone = len(sketch) - len(kept)
        assert gone == int(0.3 * len(sketch) + 0.5)
        ink = [sum(np.hypot(*np.diff(s[:, :2], axis=0).T).sum() for s in each) for each in (kept, sketch)]
        assert ink[0] / ink[1] > 1 - 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"share": -0.1}, "share must be"),
        ({"share": float("nan")}, "share must be"),
        ({"share": "half"}, "share must be from 0 to 1"),
        ({"share": [0.1, 0.2]}, "share must be from 0 to 1"),
        ({"share": 0.5, "alpha": float("inf")}, "alpha must be"),
        ({"share": 0.5, "beta": "2"}, "beta must be"),
        ({"share": 0.5, "seed": -1}, "seed must be"),
        ({"share": 0.5, "order": "time"}, "order must be one of 'share', 'place', not 'time'"),
    ],
)
def test_what_makes_no_sense_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sw.sketch.remove_strokes(sw.Sketch([line(1), line(2)]), **arguments)


def test_packed_arrays_that_do_not_belong_together_are_refused():
    points = np.zeros((3, 2))
    for arrays, message in (
        ((points, [2, 2], [0, 1]), "sum to"),
        ((points, [3, 0], [0, 1]), "1 or more"),
        ((points, [2, 1], [0, 2]), "without a gap"),
        ((points, [2, 1], [1, 0]), "without a gap"),
        ((points[:, :1], [2, 1], [0, 1]), "must be"),
    ):
        with pytest.raises(ValueError, match=message):
            strokes_to_keep(*arrays, 0.5)
    with pytest.raises(ValueError, match="share"):
        strokes_to_keep(points, [2, 1], [0, 1], [0.5, 0.5, 0.5])
