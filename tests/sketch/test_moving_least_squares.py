"""Moving least squares against the formulas of Schaefer et al. (2006), written out by hand, and by its properties."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sketchwidgets.sketch.augmentation import move_by_least_squares

KINDS = ("similarity", "rigid")
WHOLE = st.integers(-20, 20).map(float)


def points(least=1, most=6):
    return st.integers(least, most).flatmap(lambda n: hnp.arrays(np.float64, (n, 2), elements=WHOLE))


def by_the_paper(v, p, q, kind, alpha):
    """One point: equations 5 to 8 with the matrices A_i as printed, in float64."""
    perpendicular = np.array([[0.0, -1], [1, 0]])  # x -> its perpendicular
    w = 1 / ((p - v) ** 2).sum(1) ** alpha
    p_star, q_star = (w[:, None] * p).sum(0) / w.sum(), (w[:, None] * q).sum(0) / w.sum()
    ph, qh = p - p_star, q - q_star
    total = np.zeros(2)
    for wi, pi, qi in zip(w, ph, qh, strict=True):
        left = np.stack([pi, -perpendicular @ pi])
        right = np.stack([v - p_star, -perpendicular @ (v - p_star)])
        total += qi @ (wi * left.T @ right).T.T
    if kind == "similarity":
        mu = (w * (ph**2).sum(1)).sum()
        return total / mu + q_star
    return np.linalg.norm(v - p_star) * total / np.linalg.norm(total) + q_star


@pytest.mark.parametrize("alpha", [1.0, 2.0, 1.5])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_transform_of_the_paper(kind, alpha):
    random = np.random.default_rng(3)
    p = random.uniform(0, 100, (7, 2))
    q = p + random.normal(0, 12, p.shape)
    v = random.uniform(-20, 120, (200, 2))
    expected = [by_the_paper(each, p, q, kind, alpha) for each in v]
    np.testing.assert_allclose(move_by_least_squares(v, p, q, kind, alpha), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_it_minimises_what_the_paper_minimises(kind):
    """Against a search over all transforms of that kind, for one point."""
    from scipy.optimize import minimize

    p = np.array([(0.0, 0), (10, 1), (4, 8), (9, 9)])
    q = np.array([(1.0, 0), (12, 0), (5, 11), (7, 9)])
    v = np.array([6.0, 3])
    w = 1 / ((p - v) ** 2).sum(1) ** 2

    def transform(x, z):
        angle, tx, ty, *scale = x
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (scale[0] if scale else 1.0) * z @ turn.T + [tx, ty]

    start = [0.0, 0, 0, 1] if kind == "similarity" else [0.0, 0, 0]
    best = minimize(lambda x: (w[:, None] * (transform(x, p) - q) ** 2).sum(), start, tol=1e-14)
    np.testing.assert_allclose(move_by_least_squares([v], p, q, kind)[0], transform(best.x, v), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@given(
    v=points(),
    p=points(2),
    angle=st.floats(-3, 3),
    scale=st.floats(0.2, 4),
    shift=hnp.arrays(np.float64, 2, elements=WHOLE),
)
def test_transforms_of_its_kind_are_reproduced(kind, v, p, angle, scale, shift):
    assume(len(np.unique(p, axis=0)) > 1)
    scale = 1.0 if kind == "rigid" else scale
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = move_by_least_squares(v, p, p @ turn.T + shift, kind)
    # On a pivot the rest of the plane does not count, and there the pivot's own move says all.
    np.testing.assert_allclose(moved, v @ turn.T + shift, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(p=points(1), data=st.data())
def test_pivots_go_exactly_where_they_are_moved(kind, p, data):
    p = np.unique(p, axis=0)
    q = data.draw(hnp.arrays(np.float64, p.shape, elements=WHOLE))
    np.testing.assert_allclose(move_by_least_squares(p, p, q, kind), q, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@given(v=points(), p=points())
def test_unmoved_pivots_move_nothing_to_the_last_bit(kind, v, p):
    assert np.array_equal(move_by_least_squares(v / 3, p / 7, p / 7, kind), v / 3)


@pytest.mark.parametrize("kind", KINDS)
@given(v=points(), p=points(), data=st.data())
def test_coinciding_and_collinear_pivots_give_finite_points(kind, v, p, data):
    p = np.concatenate([p, p[:1]])  # a double
    if data.draw(st.booleans()):
        p[:, 1] = 2 * p[:, 0]  # all on one line
    q = data.draw(hnp.arrays(np.float64, p.shape, elements=WHOLE))
    assert np.isfinite(move_by_least_squares(v, p, q, kind)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_one_pivot_shifts_and_two_at_one_place_shift_by_their_mean(kind):
    v = np.array([(0.0, 0), (5, 5), (1e-200, 0), (1e9, -1e9)])
    np.testing.assert_allclose(move_by_least_squares(v, [(0, 0)], [(3, 4)], kind), v + np.array([3, 4]))
    moved = move_by_least_squares(v, [(2, 2), (2, 2)], [(3, 3), (5, 3)], kind)
    np.testing.assert_allclose(moved, v + np.array([2, 1]))


def test_opposite_pivots_that_change_places_leave_no_rotation_undefined():
    # Both turns by 180 degrees fit equally badly after collapsing; nothing may be NaN.
    p = np.array([(-1.0, 0), (1, 0)])
    moved = move_by_least_squares([(0.0, 3)], p, np.zeros((2, 2)), "rigid")
    np.testing.assert_allclose(moved, [(0, 3)])
    np.testing.assert_allclose(move_by_least_squares([(0.0, 3)], p, np.zeros((2, 2))), [(0, 0)], atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([(0, 0, 0)], [(0, 0)], [(0, 0)]), "points must be"),
        (([(0, 0)], [(0, np.nan)], [(0, 0)]), "pivots holds"),
        (([(0, 0)], [(0, 0)], [(0, 0), (1, 1)]), "as many"),
        (([(0, 0)], np.zeros((0, 2)), np.zeros((0, 2))), "at least one"),
        (([(0, 0)], [(0, 0)], [(0, 0)], "affine"), "kind must be"),
        (([(0, 0)], [(0, 0)], [(0, 0)], "rigid", 0), "a must be"),
    ],
)
def test_what_makes_no_sense_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        move_by_least_squares(*arguments)
