"""Strokes resampled, and described in the frame of the drawing so far."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sketchwidgets.sketch.stroke_descriptors import descriptor_size, resample_strokes, stroke_descriptors

COORDINATES = st.integers(-300, 300).map(lambda n: n / 2)
STROKES = st.lists(
    st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=9), min_size=1, max_size=7
)


def packed(strokes: list) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([np.reshape(s, (-1, 2)) for s in strokes]), np.array([len(s) for s in strokes])


def described(strokes: list, samples: int = 8) -> np.ndarray:
    return stroke_descriptors(resample_strokes(*packed(strokes), samples)).numpy()


@given(STROKES, st.integers(2, 20))
def test_resampled_points_are_those_of_interpolation_along_the_way(strokes: list, samples: int) -> None:
    resampled = resample_strokes(*packed(strokes), samples)
    for stroke, ours in zip(strokes, resampled, strict=True):
        points = np.array(stroke)
        way = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
        expected = [np.interp(np.linspace(0, way[-1], samples), way, points[:, i]) for i in (0, 1)]
        np.testing.assert_allclose(ours, np.stack(expected, 1), atol=1e-3)


@given(STROKES)
def test_dense_points_change_nothing(strokes: list) -> None:
    """A pen gives many points on a line where a simplified drawing has its ends."""
    dense = [
        [p for a, b in pairwise(s) for p in np.linspace(a, b, 5)[:-1].tolist()] + [s[-1]] for s in strokes
    ]
    points = resample_strokes(*packed(strokes))
    np.testing.assert_allclose(points, resample_strokes(*packed(dense)), atol=1e-3)


@given(STROKES, st.floats(0.5, 40), st.tuples(COORDINATES, COORDINATES))
def test_place_and_scale_change_nothing(strokes: list, scale: float, shift: tuple) -> None:
    drawing = [[(0, 0), (10, 7)], *strokes]  # not a dot, which is not enlarged
    moved = [np.array(s) * scale + shift for s in drawing]
    np.testing.assert_allclose(described(drawing), described(moved), atol=5e-3)


@given(STROKES, STROKES)
def test_what_comes_later_changes_nothing(strokes: list, later: list) -> None:
    alone, followed = described(strokes), described([*strokes, *later])
    np.testing.assert_allclose(alone, followed[: len(strokes)], atol=1e-6)


@given(st.lists(STROKES, min_size=1, max_size=4))
def test_many_drawings_at_once_are_each_alone(drawings: list) -> None:
    strokes = [s for drawing in drawings for s in drawing]
    owner = np.repeat(np.arange(len(drawings)), [len(d) for d in drawings])
    together = stroke_descriptors(resample_strokes(*packed(strokes), 8), owner)
    np.testing.assert_allclose(together, np.concatenate([described(d) for d in drawings]), atol=1e-6)


def test_a_case_by_hand() -> None:
    first, second = described([[(0, 0), (8, 0)], [(8, 4), (8, -4)]], samples=2)
    # The first stroke is its own frame: from -1 to 1, to the right, of length 2.
    np.testing.assert_allclose(first[:8], [-1, 0, 0, 0, 1, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(first[8], np.log1p(20), rtol=1e-6)
    np.testing.assert_allclose(first[9:], [-1, 0, 1, 0, 0, 0, 1, 0, -1, 0, 1, 0], atol=1e-6)
    # The box is now 8 by 8, its middle (4, 0): the second goes up its right side, after a pen move down by half.
    np.testing.assert_allclose(second[:8], [1, 1, 0, 0, 1, -1, 0, -1], atol=1e-6)
    np.testing.assert_allclose(second[9:], [-1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, -1], atol=1e-6)


def test_a_dot_is_finite() -> None:
    dots = torch.full((3, 2), 5.0, requires_grad=True)
    descriptors = stroke_descriptors(resample_strokes(dots, [1, 2]))
    assert descriptors.isfinite().all()
    descriptors.sum().backward()
    assert dots.grad.isfinite().all()


def test_gradients_reach_the_points() -> None:
    points = torch.tensor([[0.0, 0], [8, 1], [9, 5], [3, 3], [4, 7]], dtype=torch.float64)
    samples = 5
    resampled = resample_strokes(points, [3, 2], samples)

    def of(strokes: torch.Tensor) -> torch.Tensor:
        # The corners of the boxes are held: inner samples alone may move.
        return stroke_descriptors(torch.cat([resampled[:, :1], strokes, resampled[:, -1:]], 1))

    inner = resampled[:, 1:-1].clone().requires_grad_()
    assert torch.autograd.gradcheck(of, (inner,))
    given = points.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: resample_strokes(p, [3, 2], samples), (given,))


def test_no_stroke() -> None:
    none = resample_strokes(np.empty((0, 2)), np.empty(0, int))
    assert none.shape == (0, 16, 2)
    assert stroke_descriptors(none).shape == (0, descriptor_size())


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="samples must be at least 2"):
        resample_strokes(np.zeros((2, 2)), np.array([2]), 1)
    with pytest.raises(ValueError, match="promise 3 points"):
        resample_strokes(np.zeros((2, 2)), np.array([3]))
    with pytest.raises(ValueError, match="1 or more"):
        resample_strokes(np.zeros((2, 2)), np.array([2, 0]))
