"""Deformed drawings: against a slow loop by the authors' recipe, and by what must hold of any drawing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sketch_strategies import sketches

import sketchwidgets as sw
from sketchwidgets.sketch.augmentation import (
    deform_packed_sketches,
    deform_packed_strokes,
    move_by_least_squares,
)
from sketchwidgets.sketch.augmentation.deformation import _apart, _outermost

DEFORM = (sw.sketch.deform_strokes, sw.sketch.deform_sketch)


def arch(n=41, radius=100.0):
    turn = np.linspace(0, np.pi, n)
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])


def spiral(n=60):
    turn = np.linspace(0, 9, n)
    return np.column_stack([turn * np.cos(turn), turn * np.sin(turn)]) * 20


# Strokes


def test_pivots_drift_to_one_quadrant_and_the_rest_follows():
    points = arch()
    sketch = sw.Sketch([points])
    moved = sw.sketch.deform_strokes(sketch, seed=4).points[:, :2].astype(float)
    shift = moved - sketch.points[:, :2]
    # Sixteen pivots on a half circle of 41 points: both ends, and the nearest points to even steps between.
    side, length = 200.0, np.hypot(*np.diff(points, axis=0).T).sum()
    steps = min(round(length / (0.06 * side)), 15)
    pivots = np.unique(np.round(np.arange(steps + 1) * 40 / steps).astype(int))
    assert {0, 40} <= set(pivots)
    stays = [k for k in pivots if not shift[k].any()]
    assert len(stays) == 1
    signs = np.sign(shift[[k for k in pivots if k not in stays]])
    assert (signs == signs[0]).all()
    expected = move_by_least_squares(points.astype(np.float32), points[pivots], moved[pivots], "similarity")
    np.testing.assert_allclose(moved, expected, atol=2e-3)


def test_the_size_of_the_moves_is_that_of_the_authors():
    # Half-normal moves of mean s sqrt(2 / pi), s = 15/625 of the side times straightness 2 / pi; one of 16 stays.
    random = np.random.default_rng(0)
    lines = np.tile(arch(16), (2000, 1)), np.full(2000, 16), np.arange(2000)
    for strength in (1.0, 2.5):
        moved = deform_packed_strokes(*lines, random, strength=strength)
        mean = np.abs(moved - lines[0]).mean() / 200
        chord_over_length = 200 / np.hypot(*np.diff(arch(16), axis=0).T).sum()
        expected = strength * 15 / 625 * chord_over_length * np.sqrt(2 / np.pi) * 15 / 16
        assert mean == pytest.approx(expected, rel=0.02)


def test_closed_strokes_and_short_ones_stay():
    circle = np.concatenate([arch(), arch()[1:] * (-1, -1)])
    circle[-1] = circle[0]
    sketch = sw.Sketch([circle, [(0, 0), (50, 0)], [(5, 5)], spiral()])
    moved = sw.sketch.deform_strokes(sketch, seed=1)
    for k in range(3):
        np.testing.assert_array_equal(moved[k], sketch[k])
    assert np.abs(moved[3] - sketch[3]).max() > 0


def test_a_wider_spacing_bends_more_smoothly():
    sketch = sw.Sketch([np.column_stack([np.linspace(0, 100, 60), np.zeros(60)])])

    def bend(spacing):
        shift = sw.sketch.deform_strokes(sketch, 2, spacing=spacing).points[:, 1]
        return np.abs(np.diff(shift, 2)).sum()

    assert bend(0.5) < bend(0.06) / 2


# The whole


def slowly(points, noise, side):
    """One drawing by the authors' loop: extremes moved one after the other, rejections counted over all of them."""
    corners = [points[:, 0].argmax(), points[:, 1].argmax(), points[:, 0].argmin(), points[:, 1].argmin()]
    corners = list(dict.fromkeys(corners))
    places = points[corners].copy()
    tries, rejected, k = iter(noise * 30 / 625 * side), 0, 0
    while k < len(places):
        new = places[k] + next(tries)
        rest = np.delete(places, k, axis=0)
        crosses = ((new - rest <= 0) != (places[k] - rest <= 0)).any()
        if crosses and rejected <= 10:
            rejected += 1
            continue
        places[k] = new
        k += 1
    return move_by_least_squares(points, points[corners], places, "rigid")


@pytest.mark.parametrize("strength", [0.5, 1.0, 3.0])
def test_the_whole_is_deformed_as_by_the_authors_loop(strength):
    random = np.random.default_rng(8)
    drawings = [random.uniform(0, 100, (random.integers(2, 12), 2)) for _ in range(60)]
    lengths = np.array([len(points) for points in drawings])
    packed = np.concatenate(drawings), lengths, np.arange(60)
    moved = deform_packed_sketches(*packed, 3, strength=strength)
    noise = np.random.default_rng(3).standard_normal((60, 15, 2)) * strength
    compared = 0
    for points, own, begin in zip(drawings, noise, np.cumsum(lengths) - lengths, strict=True):
        side = np.ptp(points, axis=0).max()
        expected = slowly(points, own, side)
        middle = (points.min(0) + points.max(0)) / 2
        if np.abs(expected - middle).max() < 0.64 * side:  # within the canvas
            np.testing.assert_allclose(moved[begin : begin + len(points)], expected, atol=1e-9)
            compared += 1
    assert compared > (50 if strength <= 1 else 10)


def test_what_leaves_the_canvas_is_drawn_in_by_its_outermost_points():
    random = np.random.default_rng(2)
    points = random.uniform(0, 100, (400 * 12, 2))
    lengths, drawing = np.full(400, 12), np.arange(400)
    moved = deform_packed_sketches(points, lengths, drawing, 0, strength=4.0)
    noise = np.random.default_rng(0).standard_normal((400, 15, 2)) * 4
    returned = 0
    for k in range(400):
        mine = points[12 * k : 12 * k + 12]
        side, middle = np.ptp(mine, axis=0).max(), (mine.min(0) + mine.max(0)) / 2
        first = slowly(mine, noise[k], side)
        away = (first - middle) / side * 625 + 400  # the authors' canvas
        if ((away < 800) & (away > 0)).all():
            continue
        corners = [away[:, 0].argmax(), away[:, 1].argmax(), away[:, 0].argmin(), away[:, 1].argmin()]
        goal = away.copy()
        for corner, axis in zip(corners, (0, 1, 0, 1), strict=True):
            if not 0 < away[corner, axis] < 800:
                goal[corner, axis] = 790 if away[corner, axis] >= 800 else 10
        corners = list(dict.fromkeys(corners))
        back = move_by_least_squares(away, away[corners], goal[corners], "rigid")
        np.testing.assert_allclose(
            moved[12 * k : 12 * k + 12], (back - 400) / 625 * side + middle, atol=1e-7 * side
        )
        returned += 1
    assert returned > 100


def test_outermost_points_and_their_doubles():
    points = np.array([(0.0, 0), (4, 0), (4, 4), (0, 4), (2, 2)])
    found, new = _outermost(points, np.array([0, 4]))
    assert found.tolist() == [[1, 2, 0, 0], [4, 4, 4, 4]]
    assert new.tolist() == [[True, True, True, False], [True, False, False, False]]


def test_extremes_keep_their_sides():
    random = np.random.default_rng(5)
    places = random.uniform(0, 1, (500, 4, 2))
    moved = _apart(places, np.ones((500, 4), bool), random.normal(0, 0.02, (500, 15, 2)))
    sides = [(each[:, :, None] > each[:, None]) for each in (places, moved)]
    assert (sides[0] == sides[1]).all((1, 2, 3)).mean() > 0.95
    assert (moved != places).all()


# Both


@pytest.mark.parametrize("deform", DEFORM)
@settings(max_examples=60)
@given(sketch=sketches(st.integers(-9, 9).map(float), columns=3), seed=st.integers(0, 3))
def test_any_drawing_has_its_deformed_one(deform, sketch, seed):
    moved = deform(sketch, seed)
    assert moved == deform(sketch, np.random.default_rng(seed))
    assert moved.timed == sketch.timed
    np.testing.assert_array_equal(moved.lengths, sketch.lengths)
    np.testing.assert_array_equal(moved.points[:, 2:], sketch.points[:, 2:])
    x0, y0, x1, y1 = sketch.bounds
    side = max(x1 - x0, y1 - y0)
    assert np.abs(moved.points[:, :2] - sketch.points[:, :2]).max() <= side
    assert deform(sketch, seed, strength=0) == sketch


@pytest.mark.parametrize("deform", DEFORM)
def test_drawings_without_extent(deform):
    for strokes in (
        [[(3, 3)]],
        [[(3, 3), (3, 3), (3, 3)]],
        [[(3, 3)], [(3, 3)]],
        [[(0, 0), (5, 0), (9, 0)]],
        [[(0, 0), (0, 0), (9, 9), (9, 9)]],
        [[(1e9, 1e9), (-1e9, 0), (0, -1e9)]],
        [],
    ):
        sketch = sw.Sketch(strokes)
        moved = deform(sketch, 1)
        assert len(moved) == len(sketch)
        if len(strokes) and np.ptp(sketch.points[:, :2], axis=0).max() == 0:
            assert moved == sketch


@pytest.mark.parametrize("deform", DEFORM)
def test_a_deformation_turns_and_scales_with_its_drawing(deform):
    sketch = sw.Sketch([spiral(), arch(20)])
    large = sw.Sketch([1000 * stroke[:, :2].astype(float) + 5000 for stroke in sketch])
    a, b = deform(sketch, 6).points[:, :2].astype(float), deform(large, 6).points[:, :2].astype(float)
    np.testing.assert_allclose((b - 5000) / 1000, a, atol=0.05)


@pytest.mark.parametrize("deform", DEFORM)
def test_seeds_differ(deform):
    sketch = sw.Sketch([spiral(), arch(20)])
    assert deform(sketch, 1) != deform(sketch, 2)


@pytest.mark.parametrize("deform", [deform_packed_strokes, deform_packed_sketches])
def test_real_drawings_many_at_once(deform, packed_quickdraw):
    points, lengths, drawing = packed_quickdraw
    indices = np.arange(drawing[-1] + 1)
    moved = deform(points, lengths, drawing, 0)
    again = deform(points, lengths, drawing, 0)
    np.testing.assert_array_equal(moved, again)
    assert np.isfinite(moved).all()
    owner = np.repeat(drawing, lengths)
    change = np.array([np.abs(moved - points)[owner == k].mean() for k in indices]) / 255
    assert 0.0005 < np.median(change) < 0.06
    # A drawing that is not to be deformed stays, whatever is drawn for the others.
    strength = np.where(np.arange(len(indices)) % 2, 1.0, 0.0)
    half = deform(points, lengths, drawing, 0, strength=strength)
    np.testing.assert_array_equal(half[owner % 2 == 0], points[owner % 2 == 0])
    np.testing.assert_array_equal(half[owner % 2 == 1], moved[owner % 2 == 1])


def test_real_drawings_of_a_person(shared):
    for path in sorted((shared / "data" / "tuberlin_svg").glob("*.svg")):
        sketch = sw.Sketch.from_svg(path)
        moved = sw.sketch.augment(sketch, seed=3, removal=0.2)
        assert len(moved) == len(sketch) - int(0.2 * len(sketch) + 0.5)
        x0, y0, x1, y1 = sketch.bounds
        side, middle = max(x1 - x0, y1 - y0), np.array([x0 + x1, y0 + y1]) / 2
        assert np.abs(moved.points[:, :2] - middle).max() < 0.7 * side
        # It is still that drawing: most of the ink lies near where it was.
        whole = sw.sketch.augment(sketch, seed=3)
        distance = np.hypot(*(whole.points - sketch.points)[:, :2].T)
        assert 0.002 * side < np.median(distance) < 0.1 * side


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: sw.sketch.deform_strokes(s, -1), "seed must be"),
        (lambda s: sw.sketch.deform_strokes(s, 1.5), "seed must be"),
        (lambda s: sw.sketch.deform_strokes(s, strength=-1), "strength must be"),
        (lambda s: sw.sketch.deform_sketch(s, strength=float("nan")), "strength must be"),
        (lambda s: sw.sketch.deform_strokes(s, spacing=0), "spacing must be"),
        (lambda s: sw.sketch.augment(s, removal=2), "share must be"),
        (lambda s: sw.sketch.deform_strokes("strokes"), "strokes must be"),
    ],
)
def test_what_makes_no_sense_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(sw.Sketch([arch()]))
