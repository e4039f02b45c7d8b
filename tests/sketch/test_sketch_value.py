"""Sketch: a value that cannot change, and that refuses what is no drawing."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketch_strategies import sketches, strokes

from sketchwidgets.sketch import MAX_POINTS, MAX_STROKES, Sketch, SketchError

TWO = [[(0, 0), (10, 0)], [(5, 5), (6, 7), (8, 9)]]


def test_holds_strokes_in_order_as_float32_columns():
    sketch = Sketch(TWO)
    assert len(sketch) == 2
    assert [stroke.dtype for stroke in sketch] == [np.float32, np.float32]
    assert sketch[1].tolist() == [[5, 5, 0, 1], [6, 7, 0, 1], [8, 9, 0, 1]]
    assert sketch.lengths.tolist() == [2, 3]
    assert sketch.lengths.dtype == np.int64
    assert sketch.points.shape == (5, 4)
    assert np.array_equal(np.concatenate(sketch.strokes), sketch.points)
    assert sketch.bounds == (0, 0, 10, 9)
    assert not sketch.timed


def test_columns_are_x_y_t_pressure():
    sketch = Sketch([[(1, 2, 30)], [(3, 4, 50)]])
    assert sketch.timed
    assert sketch.points.tolist() == [[1, 2, 30, 1], [3, 4, 50, 1]]
    sketch = Sketch([[(1, 2, 30, 0.5)], [(3, 4, 50)]])
    assert sketch.points.tolist() == [[1, 2, 30, 0.5], [3, 4, 50, 1]]
    untimed = Sketch([[(1, 2, 30, 0.5)], [(3, 4)]], timed=False)
    assert not untimed.timed
    assert untimed.points.tolist() == [[1, 2, 0, 0.5], [3, 4, 0, 1]]


def test_cannot_be_changed():
    given_points = np.array([[1.0, 2.0], [3.0, 4.0]])
    sketch = Sketch([given_points])
    before = hash(sketch)
    given_points[:] = 9
    assert sketch.points[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        sketch.points[0, 0] = 5
    with pytest.raises(ValueError, match="read-only"):
        sketch[0][0, 0] = 5
    with pytest.raises(ValueError, match="WRITEABLE"):
        sketch.points.setflags(write=True)
    with pytest.raises(AttributeError):
        sketch.strokes = ()
    with pytest.raises(AttributeError):
        sketch.anything = 1
    assert hash(sketch) == before


def test_equality_looks_at_points_strokes_and_time():
    assert Sketch(TWO) == Sketch(TWO)
    assert Sketch(TWO) != Sketch([TWO[0] + TWO[1]])
    assert Sketch([[(1, 2, 0)]]) != Sketch([[(1, 2)]])
    assert Sketch(TWO) != TWO
    assert Sketch([[(-0.0, 0.0)]]) == Sketch([[(0, 0)]])
    assert hash(Sketch([[(-0.0, 0.0)]])) == hash(Sketch([[(0, 0)]]))
    assert {Sketch(TWO): "a"}[Sketch(TWO)] == "a"


@given(sketches(columns=3))
def test_copies_and_pickles_to_an_equal_value(sketch):
    for twin in (copy.deepcopy(sketch), pickle.loads(pickle.dumps(sketch)), Sketch(sketch, timed=True)):
        assert twin == sketch
        assert hash(twin) == hash(sketch)
        assert not twin.points.flags.writeable


@given(sketches())
def test_prefixes_grow_into_the_sketch(sketch):
    grown = Sketch([])
    for k, stroke in enumerate(sketch.strokes):
        assert grown == sketch.prefix(k)
        grown = grown.with_stroke(stroke[:, :2])
    assert grown == sketch == sketch.prefix(len(sketch))


@given(sketches(), strokes())
def test_bounds_hold_every_point(sketch, stroke):
    sketch = sketch.with_stroke(stroke)
    left, top, right, bottom = sketch.bounds
    x, y = sketch.points[:, 0], sketch.points[:, 1]
    assert (left, top, right, bottom) == (x.min(), y.min(), x.max(), y.max())


def test_the_first_stroke_decides_whether_a_cleared_canvas_is_timed():
    empty = Sketch([])
    assert len(empty) == 0
    assert empty.points.shape == (0, 4)
    assert empty.strokes == ()
    assert empty.with_stroke([(1, 2, 3)]).timed
    assert not empty.with_stroke([(1, 2)]).timed
    assert not Sketch(TWO).with_stroke([(1, 2, 3)]).timed
    assert Sketch(TWO).with_stroke([(1, 2, 3)]).points[-1].tolist() == [1, 2, 0, 1]
    assert Sketch([], timed=True).with_stroke([(1, 2, 3)]).timed


def test_a_slice_is_a_sketch():
    timed = Sketch([[(k, 0, 10 * k, 0.5), (k, 1, 10 * k + 5, 0.25)] for k in range(4)] + [[(9, 9, 99)]])
    for of in (Sketch(TWO), timed):
        assert of[:] == of
        assert of[:0] == Sketch([], timed=of.timed)
        for k in range(len(of) + 1):
            assert of[:k] == of.prefix(k)
            assert hash(of[:k]) == hash(of.prefix(k))
            assert of[:k] + of[k:] == of
    middle = timed[1:3]
    assert isinstance(middle, Sketch)
    assert middle.timed
    assert middle.points.tolist() == [[1, 0, 10, 0.5], [1, 1, 15, 0.25], [2, 0, 20, 0.5], [2, 1, 25, 0.25]]
    assert timed[-1:].points.tolist() == [[9, 9, 99, 1]]
    assert [stroke[0, 0] for stroke in timed[::-2]] == [9, 2, 0]
    assert timed[::-1].lengths.tolist() == [1, 2, 2, 2, 2]
    with pytest.raises(ValueError, match="read-only"):
        middle.points[0, 0] = 5
    assert isinstance(timed[1], np.ndarray)
    assert isinstance(timed[np.int64(1)], np.ndarray)
    with pytest.raises(IndexError):
        timed[5]


@given(sketches(columns=3, min_strokes=0), sketches(columns=3, min_strokes=0))
def test_a_sum_draws_both(one, other):
    both = one + other
    assert isinstance(both, Sketch)
    assert both.lengths.tolist() == [*one.lengths, *other.lengths]
    assert np.array_equal(both.points, np.concatenate([one.points, other.points]))
    assert both.timed == (one.timed or other.timed)
    grown = one
    for stroke in other:
        grown = grown.with_stroke(stroke)
    assert grown == both


def test_a_sum_of_timed_and_untimed_is_refused():
    timed, untimed = Sketch([[(0, 0, 5)]]), Sketch([[(1, 1)]])
    with pytest.raises(
        SketchError, match=r"^the first sketch is timed and the second untimed: .*timed=False"
    ):
        timed + untimed
    with pytest.raises(
        SketchError, match=r"^the first sketch is untimed and the second timed: .*timed=False"
    ):
        untimed + timed
    assert Sketch(timed, timed=False) + untimed == Sketch([[(0, 0)], [(1, 1)]])
    # A cleared canvas takes after the other.
    for empty in (Sketch([]), Sketch([], timed=True)):
        assert empty + untimed == untimed + empty == untimed
        assert empty + timed == timed + empty == timed
    with pytest.raises(TypeError):
        timed + timed.strokes
    with pytest.raises(SketchError, match="more than 100,000 strokes"):
        Sketch([[(0, 0)]] * MAX_STROKES) + untimed


# What float32 cannot hold


def test_a_drawing_that_float32_would_change_is_refused():
    message = (
        r"^a drawing 0\.02 long at coordinates of up to 1000000\.02 is too small for float32 there, which moves points "
        r"by up to 0\.02: subtract \(1000000, 1000000\) from its x and y$"
    )
    with pytest.raises(SketchError, match=message):
        Sketch([[(1e6, 1e6), (1e6 + 0.01, 1e6 + 0.02)]])
    line = np.array([(0.0, 0.0), (50, 10), (100, 0)])
    for shift in (1e5, 1e6):
        assert Sketch([line + shift]).bounds == (shift, shift, shift + 100, shift + 10)
    for shift in (5e7, 1e9 - 200):
        with pytest.raises(SketchError, match="too small for float32"):
            Sketch([line + shift + 0.3])
    with pytest.raises(SketchError, match="too small for float32"):
        Sketch.from_arrays([[1e6, 1e6, 0, 1], [1e6 + 0.01, 1e6 + 0.02, 0, 1]], [2], timed=False)
    record = {"drawing": [[[1e6, 1e6 + 0.01], [1e6, 1e6 + 0.02]]]}
    with pytest.raises(SketchError, match="too small for float32"):
        Sketch.from_quickdraw(record)
    with pytest.raises(SketchError, match=r"^SVG text: .* too small for float32"):
        Sketch.from_svg('<svg><path d="M1000000 1000000l.01.02"/></svg>')
    with pytest.raises(SketchError, match=r"^rows 0 to 1: .* too small for float32"):
        Sketch.from_stroke3([[1e6, 1e6, 0], [0.01, 0.02, 1]])


def test_what_float32_changes_by_nothing_that_shows_is_kept():
    comma = [(1e6, 1e6), (1e6 + 0.01, 1e6 + 0.02)]
    # A small stroke of a large drawing, whichever way it comes to it.
    assert Sketch([[(0, 0)], comma]) == Sketch([[(0, 0)]]).with_stroke(comma)
    # Numbers that float32 holds: from another sketch, from a file that one was written to.
    assert len(Sketch([[(2.0**24, 0), (2.0**24 + 2, 0)]])) == 1
    assert len(Sketch([[(1e9, 1e9), (1e9, 1e9 + 0.0)]])) == 1
    # Dots: one point, the same point again, and what differs by the rounding of a sum.
    for dot in (
        [(123456789.1, 0.1)],
        [(1e8 + 0.3, 1)] * 3,
        [(0.1 + 0.2, 0), (0.3, 0)],
        [(1e4, 0), (1e4 + 9e-4, 0)],
    ):
        assert Sketch([dot]).lengths.tolist() == [len(dot)]
    assert Sketch([]).points.shape == (0, 4)
    # Of times, which have no shape, only the digits are lost.
    assert Sketch([[(0, 0, 123456789.0), (1, 1, 123456790.0)]]).timed


@given(strokes(st.floats(-1e5, 1e5)), st.floats(-1e9, 1e9))
def test_what_is_kept_is_the_same_drawing(stroke, shift):
    points = stroke.astype(float) + shift
    try:
        kept = Sketch([points]).points[:, :2]
    except SketchError as error:
        assert "too small for float32" in str(error) or "±1e9" in str(error)  # noqa: PT017
        return
    extent = np.ptp(points, axis=0).max()
    assert np.abs(kept - points).max() <= extent / 200 or extent <= 1e-3


def test_shows_itself():
    assert repr(Sketch(TWO)) == "Sketch(2 strokes, 5 points)"
    assert repr(Sketch([[(0, 0, 0)]])) == "Sketch(1 stroke, 1 point, timed)"


NAN, INF = float("nan"), float("inf")
BAD = [
    ([[(0, 0), (NAN, 1)]], r"^stroke 0: point 1: x is nan, not a number within ±1e9$"),
    ([[(0, 0)], [(0, INF)]], r"^stroke 1: point 0: y is inf"),
    ([[(0, 0, -INF)]], r"^stroke 0: point 0: t is -inf"),
    ([[(0, 2e9)]], r"^stroke 0: point 0: y is 2e\+09"),
    ([[(1e9 + 1, 0)]], r"^stroke 0: point 0: x is 1000000001\.0, not a number within ±1e9$"),
    ([[(0, -1e9 - 1)]], r"y is -1000000001\.0, not a number within ±1e9$"),
    ([[(0, 0, 0, 1 + 1e-9)]], r"pressure is 1\.000000001, not a number within \[0, 1\]$"),
    ([[(0, 0, 0, 1.5)]], r"^stroke 0: point 0: pressure is 1.5, not a number within \[0, 1\]"),
    ([[(0, 0, 0, -0.1)]], r"pressure is -0.1"),
    ([[(0, 0)], []], r"^stroke 1: has no points$"),
    ([np.zeros((0, 2))], r"^stroke 0: has no points$"),
    ([[1, 2, 3]], r"^stroke 0: has shape \(3,\)"),
    ([np.zeros((3, 1))], r"^stroke 0: has shape \(3, 1\)"),
    ([np.zeros((3, 5))], r"^stroke 0: has shape \(3, 5\)"),
    ([np.zeros((1, 3, 2))], r"^stroke 0: has shape \(1, 3, 2\)"),
    ([[(0, 0), (1,)]], r"^stroke 0: is not an \(n, 2..4\) array"),
    ([[("a", "b")]], r"^stroke 0: holds <U1, not real numbers"),
    ([[(1, 2j)]], r"^stroke 0: holds complex128"),
    ([[(None, None)]], r"^stroke 0: holds object"),
    ([[(True, False)]], r"^stroke 0: holds bool"),
    ([{"x": 1}], r"^stroke 0: has shape \(\)"),
    (None, r"^strokes must be an iterable .* not NoneType$"),
    (3, r"^strokes must be an iterable .* not int$"),
    ("M0 0", r"^strokes must be an iterable .* not 'M0 0'$"),
    ({"drawing": []}, r"^strokes must be an iterable"),
    ([[(0, 0, 1)], [(0, 0)]], r"^stroke 1: has x and y only"),
]


@pytest.mark.parametrize(("value", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_refuses_what_is_no_drawing(value, message):
    with pytest.raises(SketchError, match=message):
        Sketch(value)


def test_refuses_too_much():
    with pytest.raises(SketchError, match=r"^stroke 0: more than 1,000,000 points$"):
        Sketch([np.zeros((10 * MAX_POINTS, 2), np.float32)])
    assert len(Sketch([np.zeros((MAX_POINTS, 2), np.float32)]).points) == MAX_POINTS
    endless = iter(lambda: [(0, 0)], None)
    with pytest.raises(SketchError, match=r"^more than 100,000 strokes$"):
        Sketch(endless)
    assert MAX_STROKES == 100_000


def test_other_mistakes_are_named():
    sketch = Sketch(TWO)
    with pytest.raises(SketchError, match="no prefix of 3 strokes in a sketch of 2"):
        sketch.prefix(3)
    with pytest.raises(SketchError, match="no prefix of -1"):
        sketch.prefix(-1)
    with pytest.raises(SketchError, match="no bounds"):
        Sketch([]).bounds  # noqa: B018
    with pytest.raises(SketchError, match=r"^stroke 2: point 0: x is nan"):
        sketch.with_stroke([(NAN, 0)])
    with pytest.raises(SketchError, match=r"^stroke 1: has x and y only"):
        Sketch([[(0, 0, 0)]]).with_stroke([(1, 1)])


@pytest.mark.parametrize(
    ("points", "lengths", "message"),
    [
        (np.zeros((3, 2)), [3], r"points \(3, 2\)"),
        (np.zeros((3, 4)), [2], "lengths sum to 2, and there are 3 points"),
        (np.zeros((3, 4)), [3, 0], "stroke 1: has no points"),
        (np.zeros((3, 4)), [4, -1], "stroke 1: has no points"),
        ([["a"] * 4], [1], "not arrays of numbers"),
        (np.full((1, 4), NAN), [1], "stroke 0: point 0: x is nan"),
    ],
)
def test_from_arrays_checks_what_it_is_given(points, lengths, message):
    with pytest.raises(SketchError, match=message):
        Sketch.from_arrays(points, lengths, timed=False)


def test_errors_say_where_from_the_outside_in():
    error = SketchError("is empty", "stroke 2").within("cats.ndjson", "line 4")
    assert str(error) == "cats.ndjson: line 4: stroke 2: is empty"
    assert error.problem == "is empty"
    assert error.places == ("cats.ndjson", "line 4", "stroke 2")
    assert isinstance(error, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_value_and_its_formats_need_no_heavy_library():
    code = (
        "import sys, sketchwidgets.sketch._sketch, sketchwidgets.sketch.formats.quickdraw\n"
        "sketchwidgets.sketch._sketch.Sketch([[(0, 0)]]).to_svg()\n"
        "print([m for m in ('pandas', 'scipy', 'PIL', 'ipywidgets', 'svgelements') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
