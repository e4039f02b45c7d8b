"""What the functions on packed drawings share: checks, and sums over strokes and drawings."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._limits import MAX_COORDINATE
from .._sketch import Sketch

Seed = int | np.random.Generator


class Packed(NamedTuple):
    """Checked arrays of packed drawings, with what is needed again and again.

    points : (P, 2) float64. lengths, drawing : (S,) int64. starts, ends : (S,) first and last point of each stroke.
    first : (n,) the first stroke of each drawing. n : drawings, numbered 0 to n - 1 without a gap.
    """

    points: NDArray[np.float64]
    lengths: NDArray[np.int64]
    drawing: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def n(self) -> int:
        return len(self.first)

    @property
    def stroke(self) -> NDArray[np.int64]:
        """(P,) the stroke of each point."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def boxes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corners, (n, 2) each, of the bounding boxes of the drawings."""
        begin = self.starts[self.first]
        return np.minimum.reduceat(self.points, begin), np.maximum.reduceat(self.points, begin)

    def steps(self) -> NDArray[np.float64]:
        """(P,) the way from the point before in the same stroke; 0 for the first of a stroke."""
        steps = np.zeros(len(self.points))
        if len(steps) > 1:
            steps[1:] = np.hypot(*np.diff(self.points, axis=0).T)
        steps[self.starts] = 0.0
        return steps


def packed(points: ArrayLike, lengths: ArrayLike, drawing: ArrayLike) -> Packed:
    """Check packed drawings; ValueError for arrays that do not belong together. No points at all are fine."""
    points = np.asarray(points, np.float64)
    lengths, drawing = np.asarray(lengths, np.int64), np.asarray(drawing, np.int64)
    if points.ndim != 2 or points.shape[1] != 2 or lengths.ndim != 1 or lengths.shape != drawing.shape:
        raise ValueError(
            f"points, lengths and drawing must be (P, 2), (S,) and (S,), not {points.shape}, {lengths.shape} "
            f"and {drawing.shape}"
        )
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    if total != len(points) or (lengths < 1).any():
        raise ValueError(
            f"lengths must be 1 or more and sum to the {len(points)} points; they sum to {total}"
        )
    change = np.diff(drawing)
    if len(drawing) and (drawing[0] != 0 or ((change != 0) & (change != 1)).any()):
        raise ValueError("drawing must number the drawings 0, 1, 2, ... without a gap, in rising order")
    first = np.flatnonzero(np.r_[True, change != 0]) if len(drawing) else np.zeros(0, np.int64)
    return Packed(points, lengths, drawing, ends - lengths, ends - 1, first)


def of_sketch(sketch: Any) -> tuple[Sketch, Packed]:
    """A Sketch (made of its strokes where it is none) and its packed points."""
    sketch = sketch if isinstance(sketch, Sketch) else Sketch(sketch)
    return sketch, packed(sketch.points[:, :2], sketch.lengths, np.zeros(len(sketch), np.int64))


def with_points(sketch: Sketch, points: NDArray[np.float64]) -> Sketch:
    """The sketch with other x and y, (P, 2); times and pressures stay."""
    moved = np.array(sketch.points)
    moved[:, :2] = np.clip(points, -MAX_COORDINATE, MAX_COORDINATE)
    return Sketch.from_arrays(moved, sketch.lengths, timed=sketch.timed)


def generator(seed: Seed) -> np.random.Generator:
    """A random generator of a seed, a whole number from 0, or the generator itself."""
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0, or a numpy random Generator, not {seed!r}")
    return np.random.default_rng(seed)


def check_number(name: str, value: Any, low: float = 0.0, high: float = np.inf) -> float:
    """A finite real number within bounds; ValueError names it otherwise."""
    fine = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)
    if not fine or not low <= value <= high:
        bounds = f"from {low:g} to {high:g}" if np.isfinite(high) else f"of {low:g} or more"
        bounds = "that is finite" if low == -np.inf else bounds
        raise ValueError(f"{name} must be a number {bounds}, not {value!r}")
    return float(value)


def amounts(name: str, value: ArrayLike, n: int, high: float = np.inf) -> NDArray[np.float64]:
    """(n,) finite numbers of n drawings, from 0 to `high`, of one for all or one for each; ValueError names them."""
    bounds = f"from 0 to {high:g}" if np.isfinite(high) else "0 or more"
    try:
        given = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        given = np.array(np.nan)
    if given.shape not in ((), (n,)) or not (np.isfinite(given) & (given >= 0) & (given <= high)).all():
        raise ValueError(f"{name} must be {bounds}, one for all drawings or one for each, not {value!r}")
    return np.broadcast_to(given, n)
