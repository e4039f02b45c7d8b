"""Stroke-3 and stroke-5."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketch_strategies import sketches, whole_sketches

from sketchwidgets.sketch import Sketch, SketchError

SKETCH = Sketch([[(5, 5), (15, 5)], [(10, 0)]])
STROKE3 = [[5, 5, 0], [10, 0, 1], [-5, -5, 1]]
STROKE5 = [[5, 5, 1, 0, 0], [10, 0, 0, 1, 0], [-5, -5, 0, 1, 0], [0, 0, 0, 0, 1]]


def test_layouts():
    assert SKETCH.to_stroke3().tolist() == STROKE3
    assert SKETCH.to_stroke5().tolist() == STROKE5
    assert SKETCH.to_stroke3().dtype == SKETCH.to_stroke5().dtype == np.float32
    assert Sketch.from_stroke3(STROKE3) == Sketch.from_stroke5(STROKE5) == SKETCH


def test_padding_and_start_token():
    padded = SKETCH.to_stroke5(6, start_token=True)
    assert padded.tolist() == [[0, 0, 1, 0, 0], *STROKE5, [0, 0, 0, 0, 1]]
    assert Sketch.from_stroke5(padded, start_token=True) == SKETCH
    assert SKETCH.to_stroke5(3).tolist() == STROKE5[:3]
    with pytest.raises(SketchError, match="3 points do not fit into 2 rows"):
        SKETCH.to_stroke5(2)
    with pytest.raises(SketchError, match="3 points do not fit into 3 rows after the start token"):
        SKETCH.to_stroke5(3, start_token=True)


def test_rows_after_the_end_are_no_points():
    junk = [*STROKE5, [7, 7, 1, 0, 0], [0, 0, 0, 0, 1]]
    assert Sketch.from_stroke5(junk) == SKETCH


def test_the_last_row_ends_a_stroke_in_any_case():
    assert Sketch.from_stroke3([*STROKE3, [1, 1, 0]]).lengths.tolist() == [2, 1, 1]


@given(whole_sketches(), st.integers(0, 3), st.booleans())
def test_whole_numbers_come_back_exactly(sketch, padding, start_token):
    assert Sketch.from_stroke3(sketch.to_stroke3()) == sketch
    array = sketch.to_stroke5(len(sketch.points) + padding + start_token, start_token=start_token)
    assert Sketch.from_stroke5(array, start_token=start_token) == sketch


@given(sketches())
def test_other_numbers_come_back_within_rounding(sketch):
    way = np.abs(np.diff(sketch.points[:, :2].astype(float), axis=0, prepend=0)).cumsum(axis=0)
    for twin in (Sketch.from_stroke3(sketch.to_stroke3()), Sketch.from_stroke5(sketch.to_stroke5())):
        assert twin.lengths.tolist() == sketch.lengths.tolist()
        error = np.abs(twin.points[:, :2].astype(float) - sketch.points[:, :2])
        # Half a unit in the last place of every offset, and of the sum.
        assert (error <= 2.0**-23 * way + 1e-38).all()


@given(st.lists(st.integers(-9, 9), min_size=3, max_size=30), st.randoms())
def test_every_array_of_this_form_is_the_one_of_its_sketch(numbers, random):
    rows = np.array(numbers[: len(numbers) // 3 * 3], float).reshape(-1, 3)
    rows[:, 2] = [random.randint(0, 1) for _ in rows]
    rows[-1, 2] = 1
    assert np.array_equal(Sketch.from_stroke3(rows).to_stroke3(), rows)


NAN = float("nan")
BAD3 = [
    ([], r"^stroke-3: has shape \(0,\)"),
    (np.zeros((0, 3)), r"^stroke-3: has shape \(0, 3\)"),
    (np.zeros((4, 5)), r"^stroke-3: has shape \(4, 5\)"),
    (np.zeros((1, 4, 3)), r"^stroke-3: has shape \(1, 4, 3\)"),
    ([[1, 2, 3], [1]], r"^stroke-3: is not an \(N, 3\) array"),
    ([["a", "b", "c"]], r"^stroke-3: holds <U1"),
    ([[0, 0, 0], [1, NAN, 1]], r"^row 1: \[1.0, nan, 1.0\] is not finite"),
    ([[0, 0, 0], [0, 0, 2]], r"^row 1: the third number \(lift\) is 2.0, not 0 or 1"),
    ([[0, 0, 0.5]], r"^row 0: the third number"),
    ([[9e8, 0, 0], [9e8, 0, 1]], r"^rows 0 to 1: stroke 0: point 1: x is 1.8e\+09"),
    (np.zeros((1_000_001, 3), np.float32), r"more than 1,000,000 points"),
    (np.zeros((10_000_000, 3), np.int8), r"has 10,000,000 rows"),
    (None, r"^stroke-3: has shape \(\)"),
]
BAD5 = [
    ([[0, 0, 1]], r"^stroke-5: has shape \(1, 3\)"),
    ([[0, 0, 1, 1, 0]], r"^row 0: the pen state \[1.0, 1.0, 0.0\] is not one-hot"),
    ([[0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], r"^row 1: the pen state"),
    ([[0, 0, 0.5, 0.5, 0]], r"^row 0: the pen state"),
    ([[0, 0, 2, -1, 0]], r"^row 0: the pen state"),
    ([[0, 0, 0, 0, 1]], r"^row 0: the drawing is over before its first point"),
    ([[NAN, 0, 1, 0, 0]], r"^row 0: .* is not finite"),
]


@pytest.mark.parametrize(("array", "message"), BAD3, ids=[message for _, message in BAD3])
def test_refuses_what_is_not_stroke3(array, message):
    with pytest.raises(SketchError, match=message):
        Sketch.from_stroke3(array)


@pytest.mark.parametrize(("array", "message"), BAD5, ids=[message for _, message in BAD5])
def test_refuses_what_is_not_stroke5(array, message):
    with pytest.raises(SketchError, match=message):
        Sketch.from_stroke5(array)


def test_start_token_must_be_there_where_it_is_promised():
    with pytest.raises(SketchError, match=r"^row 0: .* is not the start token"):
        Sketch.from_stroke5(STROKE5, start_token=True)
    with pytest.raises(SketchError, match=r"^row 1: the drawing is over"):
        Sketch.from_stroke5([[0, 0, 1, 0, 0], [0, 0, 0, 0, 1]], start_token=True)


def test_a_sketch_of_no_strokes_has_no_sequence():
    with pytest.raises(SketchError, match="no strokes"):
        Sketch([]).to_stroke3()
    with pytest.raises(SketchError, match="no strokes"):
        Sketch([]).to_stroke5()
