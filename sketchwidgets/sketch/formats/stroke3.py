"""Stroke-3 and stroke-5, the sequences of offsets that recurrent networks read (Ha & Eck 2017, section 3.1).

Row i of both holds the way from point i-1 to point i; the first row starts from the origin (0, 0).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._errors import SketchError
from .._limits import MAX_POINTS
from .._sketch import Sketch


def from_stroke3(array: ArrayLike) -> Sketch:
    """The untimed sketch of a stroke-3 array.

    Args:
        array: (N, 3) rows of dx, dy, lift; lift is 1 on the last point of a stroke, else 0. The last row
            ends a stroke whatever it says.

    Raises:
        SketchError: another shape or type, no rows, a lift other than 0 or 1, an offset that is not finite.

    Example:
        >>> from_stroke3([[5, 5, 0], [10, 0, 1]]).points[:, :2].tolist()
        [[5.0, 5.0], [15.0, 5.0]]
    """
    rows = _as_rows(array, 3)
    lift = rows[:, 2]
    _check_rows((lift == 0) | (lift == 1), "the third number (lift) is {}, not 0 or 1", lift)
    return _from_offsets(rows[:, :2], lift == 1)


def to_stroke3(sketch: Sketch) -> NDArray[np.float32]:
    """The stroke-3 array of a sketch, (N, 3) float32: dx, dy, lift.

    Reading it again gives whole numbers below 2**24 back exactly, and other coordinates to 1e-7 of the
    length of the way to the point. Times and pressures have no place in it.

    Raises:
        SketchError: the sketch has no strokes.

    Example:
        >>> to_stroke3(Sketch([[(5, 5), (15, 5)]])).tolist()
        [[5.0, 5.0, 0.0], [10.0, 0.0, 1.0]]
    """
    offsets, lift = _offsets(sketch)
    return np.column_stack([offsets, lift]).astype(np.float32)


def from_stroke5(array: ArrayLike, *, start_token: bool = False) -> Sketch:
    """The untimed sketch of a stroke-5 array.

    Args:
        array: (N, 5) rows of dx, dy and one-hot p1 (pen stays down), p2 (the stroke ends here), p3 (the
            drawing is
            over: this row is no point, nor is any after it).
        start_token: the first row is the start token (0, 0, 1, 0, 0) that decoders are fed, not a point.

    Raises:
        SketchError: another shape or type, no points, states that are not one-hot, an offset that is not
            finite, a missing start token.

    Example:
        >>> from_stroke5([[5, 5, 1, 0, 0], [10, 0, 0, 1, 0], [0, 0, 0, 0, 1]])
        Sketch(1 stroke, 2 points)
    """
    rows = _as_rows(array, 5)
    state = rows[:, 2:]
    one_hot = ((state == 0) | (state == 1)).all(axis=1) & (state.sum(axis=1) == 1)
    _check_rows(one_hot, "the pen state {} is not one-hot", state)
    first = 0
    if start_token:
        if rows[0].tolist() != [0, 0, 1, 0, 0]:
            raise SketchError(f"{rows[0].tolist()} is not the start token [0, 0, 1, 0, 0]", "row 0")
        first = 1
    over = np.flatnonzero(state[first:, 2])
    last = first + int(over[0]) if len(over) else len(rows)
    if first == last:
        raise SketchError("the drawing is over before its first point", f"row {last}")
    return _from_offsets(rows[first:last, :2], state[first:last, 1] == 1, first)


def to_stroke5(
    sketch: Sketch, length: int | None = None, *, start_token: bool = False
) -> NDArray[np.float32]:
    """The stroke-5 array of a sketch, (M, 5) float32: dx, dy, p1, p2, p3.

    Args:
        length: number of rows M, padded at the end with (0, 0, 0, 0, 1); by default just enough for one such
            row.
        start_token: put (0, 0, 1, 0, 0) in front, within ``length``.

    Raises:
        SketchError: the sketch has no strokes, or too many points for ``length``.

    Example:
        >>> to_stroke5(Sketch([[(5, 5), (15, 5)]]))[:, 2:].tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    offsets, lift = _offsets(sketch)
    first, last = int(start_token), int(start_token) + len(offsets)
    if length is None:
        length = last + 1
    if last > length:
        token = " after the start token" if start_token else ""
        raise SketchError(f"{len(offsets)} points do not fit into {length} rows{token}")
    rows = np.zeros((length, 5), np.float32)
    rows[:first, 2] = 1
    rows[first:last, :2] = offsets
    rows[first:last, 2] = ~lift
    rows[first:last, 3] = lift
    rows[last:, 4] = 1
    return rows


def _as_rows(array: ArrayLike, width: int) -> NDArray[np.float64]:
    try:
        rows = np.asarray(array)
    except (ValueError, TypeError, RuntimeError) as error:
        raise SketchError(f"is not an (N, {width}) array: {error}", f"stroke-{width}") from None
    if rows.ndim != 2 or rows.shape[1] != width or not len(rows):
        raise SketchError(f"has shape {rows.shape}, not (N, {width}) with N >= 1", f"stroke-{width}")
    if rows.dtype.kind not in "biuf":
        raise SketchError(f"holds {rows.dtype}, not real numbers", f"stroke-{width}")
    if len(rows) > 2 * MAX_POINTS:  # padding is legal, but not without end
        raise SketchError(f"has {len(rows):,} rows, more than {2 * MAX_POINTS:,}", f"stroke-{width}")
    rows = rows.astype(np.float64)
    _check_rows(np.isfinite(rows).all(axis=1), "{} is not finite", rows)
    return rows


def _check_rows(fine: NDArray[np.bool_], problem: str, shown: NDArray) -> None:
    if not fine.all():
        row = int((~fine).argmax())
        raise SketchError(problem.format(shown[row].tolist()), f"row {row}")


def _from_offsets(offsets: NDArray, lift: NDArray[np.bool_], first_row: int = 0) -> Sketch:
    ends = np.flatnonzero(lift)
    if not len(ends) or ends[-1] != len(lift) - 1:
        ends = np.append(ends, len(lift) - 1)
    points = np.zeros((len(offsets), 4))
    points[:, :2] = np.cumsum(offsets, axis=0)
    points[:, 3] = 1
    try:
        return Sketch.from_arrays(points, np.diff(ends, prepend=-1), timed=False)
    except SketchError as error:
        raise error.within(f"rows {first_row} to {first_row + len(lift) - 1}") from None


def _offsets(sketch: Sketch) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if not len(sketch):
        raise SketchError("a sketch of no strokes has no stroke-3 or stroke-5 form")
    offsets = np.diff(sketch.points[:, :2].astype(np.float64), axis=0, prepend=0)
    lift = np.zeros(len(offsets), bool)
    lift[np.cumsum(sketch.lengths) - 1] = True
    return offsets, lift
