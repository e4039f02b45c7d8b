"""Drawings with moved strokes: each stroke by itself, or the drawing as a whole (Yu et al., IJCV 2017).

Lengths are shares of the longer side of the drawing's bounding box. The authors' are pixels of TU-Berlin's canvas of
800, on which that side is 625 long.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._sketch import Sketch
from ._packed import Packed, Seed, amounts, check_number, generator, of_sketch, packed, with_points
from .moving_least_squares import shifts

SPACING = 0.06  # the mean length of a curve's segment in TU-Berlin's files is 0.04 to 0.08
_STROKE, _SKETCH = 15 / 625, 30 / 625  # standard deviations at strength 1
_MOST_PIVOTS = 16
_REJECTIONS = 11  # of moved extremes, in one drawing
_CANVAS, _WITHIN = (
    400 / 625,
    390 / 625,
)  # from the middle of the drawing to the canvas' edge, and to its margin


def deform_strokes(sketch: Any, seed: Seed = 0, *, strength: float = 1.0, spacing: float = SPACING) -> Sketch:
    """Every stroke deformed by itself: pivots along it drift to one side, the points between follow.

    The pivots of a stroke are its ends and, as near as it has points, one about every `spacing` of its length (at
    most 16); in the authors' files they are the ends of its curve segments. A random one stays, each other moves by
    |N(0, s)| along x and y, into a quadrant drawn once a stroke; s is 15 of 625 times `strength`, times
    the distance of the stroke's ends over its length (closed strokes stay as they are). The points between follow by
    moving least squares, "similarity", a = 2. Strokes of one or two points stay (Yu et al., IJCV 2017; papers and
    the authors' code).

    Parameters
    ----------
    sketch : a Sketch, or its strokes. Times and pressures are kept.
    seed : a whole number, or a numpy Generator; the same gives the same drawing.
    strength : 0 or more, times the authors'. spacing : above 0, share of the longer side of the drawing.

    Raises ValueError, naming the argument.

    >>> turn = np.linspace(0, np.pi, 20)
    >>> arch = sw.Sketch([np.column_stack([np.cos(turn), np.sin(turn)])])
    >>> moved = sw.sketch.deform_strokes(arch, seed=1)
    >>> 0 < np.abs(moved.points - arch.points).max() < 0.2
    np.True_
    """
    sketch, lines = of_sketch(sketch)
    points = deform_packed_strokes(*lines[:3], seed, strength=strength, spacing=spacing)
    return with_points(sketch, points)


def deform_sketch(sketch: Any, seed: Seed = 0, *, strength: float = 1.0) -> Sketch:
    """The whole drawing deformed by its outermost points.

    The points furthest right, down, left and up each move by N(0, s) along x and y, s = 30 of 625 times `strength`.
    A move that would put one on the other side of another is drawn again, up to 11 times a drawing. All
    points follow by moving least squares, "rigid", a = 2. A drawing that grows beyond the canvas is drawn in again
    in the same way, by the then outermost points (Yu et al., IJCV 2017; papers and the authors' code).

    Parameters
    ----------
    sketch : a Sketch, or its strokes. Times and pressures are kept.
    seed : a whole number, or a numpy Generator; the same gives the same drawing.
    strength : 0 or more, times the authors'.

    Raises ValueError, naming the argument.

    >>> cross = sw.Sketch([[(0, 0), (50, 50), (100, 100)], [(0, 100), (100, 0)]])
    >>> len(sw.sketch.deform_sketch(cross, seed=3))
    2
    """
    sketch, lines = of_sketch(sketch)
    return with_points(sketch, deform_packed_sketches(*lines[:3], seed, strength=strength))


def deform_packed_strokes(
    points: ArrayLike,
    lengths: ArrayLike,
    drawing: ArrayLike,
    seed: Seed = 0,
    *,
    strength: ArrayLike = 1.0,
    spacing: float = SPACING,
) -> NDArray[np.float64]:
    """`deform_strokes` for packed drawings at once: the moved points, (P, 2) float64.

    points (P, 2), lengths (S,) and drawing (S,) as `DrawingSet.gather` gives them; strength is one number, or (n,)
    one for each drawing. Raises ValueError, naming the argument.
    """
    lines, strength, random = _checked(points, lengths, drawing, strength, seed)
    check_number("spacing", spacing, np.finfo(float).tiny)
    if not lines.n:
        return lines.points.copy()
    side = _sides(lines)[lines.drawing]
    way = np.cumsum(lines.steps())
    length = way[lines.ends] - way[lines.starts]
    chord = np.hypot(*(lines.points[lines.ends] - lines.points[lines.starts]).T)
    alive = (lines.lengths > 2) & (length > 0)
    straightness = np.divide(chord, length, out=np.zeros_like(length), where=alive)
    deviation = _STROKE * strength[lines.drawing] * side * straightness

    pivots = _pivots(lines, alive, way, length, spacing * side)
    stroke = lines.stroke[pivots]
    begins = np.searchsorted(stroke, np.arange(len(lines.lengths)))
    counts = np.bincount(stroke, minlength=len(lines.lengths))
    quadrant = random.integers(0, 2, (len(lines.lengths), 2)) * 2 - 1
    stays = begins + np.floor(random.random(len(lines.lengths)) * counts).astype(np.int64)
    moves = np.abs(random.standard_normal((len(pivots), 2))) * quadrant[stroke] * deviation[stroke][:, None]
    moves[stays[counts > 0]] = 0.0

    shift = np.zeros_like(lines.points)
    shift[pivots] = moves
    # The points between the pivots, with the pivots of their stroke side by side.
    follows = np.repeat(deviation > 0, lines.lengths)
    follows[pivots] = False
    if follows.any():
        rows = np.flatnonzero(deviation > 0)
        slots = np.arange(counts[rows].max())
        present = slots < counts[rows][:, None]
        table = np.where(present, begins[rows][:, None] + slots, 0)
        row_of = np.zeros(len(lines.lengths), np.int64)
        row_of[rows] = np.arange(len(rows))
        shift[follows] = shifts(
            lines.points[follows],
            row_of[lines.stroke[follows]],
            lines.points[pivots][table],
            moves[table],
            present,
            "similarity",
        )
    return lines.points + shift


def deform_packed_sketches(
    points: ArrayLike,
    lengths: ArrayLike,
    drawing: ArrayLike,
    seed: Seed = 0,
    *,
    strength: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    """`deform_sketch` for packed drawings at once: the moved points, (P, 2) float64.

    points (P, 2), lengths (S,) and drawing (S,) as `DrawingSet.gather` gives them; strength is one number, or (n,)
    one for each drawing. Raises ValueError, naming the argument.
    """
    lines, strength, random = _checked(points, lengths, drawing, strength, seed)
    if not lines.n:
        return lines.points.copy()
    side = _sides(lines)
    lower, upper = lines.boxes()
    middle = (lower + upper) / 2
    owner = np.repeat(lines.drawing, lines.lengths)

    outermost, present = _outermost(lines.points, lines.starts[lines.first])
    noise = random.standard_normal((lines.n, 4 + _REJECTIONS, 2))
    noise *= (_SKETCH * strength * side)[:, None, None]
    before = lines.points[outermost]
    moves = _apart(before, present, noise) - before
    moved = lines.points + _follow(lines.points, owner, outermost, present, moves)

    # What has grown beyond the canvas comes back by its outermost points.
    outermost, present = _outermost(moved, lines.starts[lines.first])
    away = (moved[outermost] - middle[:, None]) / np.where(side > 0, side, 1.0)[:, None, None]
    axis = np.array([0, 1, 0, 1])
    reach = away[:, [0, 1, 2, 3], axis]
    beyond = np.abs(reach) >= _CANVAS
    again = beyond.any(1)
    if again.any():
        inward = np.zeros_like(away)
        inward[:, [0, 1, 2, 3], axis] = np.where(
            beyond, (np.sign(reach) * _WITHIN - reach) * side[:, None], 0.0
        )
        # A point that is outermost in two directions comes back in both.
        same = (outermost[:, :, None] == outermost[:, None])[..., None]
        shared = np.where(same, inward[:, None], 0.0)
        moves = shared.max(2) + shared.min(2)
        here = again[owner]
        moved[here] += _follow(moved, owner, outermost, present, moves, here)
    return moved


def _checked(
    points: ArrayLike, lengths: ArrayLike, drawing: ArrayLike, strength: ArrayLike, seed: Seed
) -> tuple[Packed, NDArray[np.float64], np.random.Generator]:
    lines = packed(points, lengths, drawing)
    return lines, amounts("strength", strength, lines.n), generator(seed)


def _sides(lines: Packed) -> NDArray[np.float64]:
    """(n,) the longer side of each drawing."""
    lower, upper = lines.boxes()
    return (upper - lower).max(1)


def _pivots(
    lines: Packed,
    alive: NDArray[np.bool_],
    way: NDArray[np.float64],
    length: NDArray[np.float64],
    spacing: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The points that are pivots, rising: both ends and those nearest to even steps along each living stroke.

    way : (P,) the length drawn up to each point. length, spacing : (S,).
    """
    if not alive.any():
        return np.zeros(0, np.int64)
    starts, ends = lines.starts[alive], lines.ends[alive]
    wanted = np.round(length[alive] / spacing[alive])
    steps = np.clip(np.minimum(wanted, ends - starts), 1, _MOST_PIVOTS - 1).astype(np.int64)
    stroke = np.repeat(np.arange(len(steps)), steps)
    step = np.arange(len(stroke)) - (np.cumsum(steps) - steps)[stroke]
    goal = way[starts][stroke] + length[alive][stroke] * (step / steps[stroke])
    after = np.clip(np.searchsorted(way, goal), starts[stroke] + 1, ends[stroke])
    nearest = np.where(way[after] - goal < goal - way[after - 1], after, after - 1)
    chosen = np.zeros(len(lines.points), bool)
    chosen[nearest] = chosen[starts] = chosen[ends] = True
    return np.flatnonzero(chosen)


def _outermost(
    points: NDArray[np.float64], begin: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(n, 4) the points furthest right, down, left, up of drawings, the first where several are; and whether each
    is not one of those before.
    """
    owner = np.repeat(np.arange(len(begin)), np.diff(np.r_[begin, len(points)]))
    columns = []
    for axis, extreme in ((0, np.maximum), (1, np.maximum), (0, np.minimum), (1, np.minimum)):
        values = points[:, axis]
        there = np.flatnonzero(values == extreme.reduceat(values, begin)[owner])
        columns.append(there[np.searchsorted(there, begin)])
    found = np.stack(columns, 1)
    new = np.ones(found.shape, bool)
    for k in range(1, 4):
        new[:, k] = (found[:, k : k + 1] != found[:, :k]).all(1)
    return found, new


def _apart(
    places: NDArray[np.float64], present: NDArray[np.bool_], noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Move each of (n, 4, 2) places by noise (n, tries, 2), one after the other, so that all stay on their sides."""
    places = places.copy()
    rejected = np.zeros(len(places), np.int64)
    used = np.zeros(len(places), np.int64)
    for k in range(places.shape[1]):
        others = present.copy()
        others[:, k] = False
        open_ = np.flatnonzero(present[:, k])
        while len(open_):
            here, rest = places[open_, k, None], places[open_]
            moved = here + noise[open_, used[open_], None]
            used[open_] += 1
            crosses = ((moved > rest) != (here > rest)).any(2) & others[open_]
            crosses = crosses.any(1) & (rejected[open_] < _REJECTIONS)
            places[open_[~crosses], k] = moved[~crosses, 0]
            open_ = open_[crosses]
            rejected[open_] += 1
    return places


def _follow(
    points: NDArray[np.float64],
    owner: NDArray[np.int64],
    pivots: NDArray[np.int64],
    present: NDArray[np.bool_],
    moves: NDArray[np.float64],
    here: NDArray[np.bool_] | slice = slice(None),
) -> NDArray[np.float64]:
    """By how much points move, all or those `here`, with the pivots (n, 4) of their drawing; pivots do exactly."""
    shift = np.zeros_like(points)
    shift[here] = shifts(points[here], owner[here], points[pivots], moves, present, "rigid")
    shift[pivots[present]] = moves[present]
    return shift[here]
