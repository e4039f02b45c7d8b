"""A drawing as a value."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from os import PathLike
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import as_stroke, iterate, not_within, refuse_rounded_away, with_all_columns
from ._errors import SketchError
from ._limits import MAX_COORDINATE, MAX_POINTS, MAX_STROKES


class Sketch:
    """An ordered sequence of pen strokes: immutable, comparable, hashable.

    Coordinates are in any unit, y grows downwards. One point is a dot. A sketch of no strokes is a cleared
    canvas. It is a sequence of its strokes: ``sketch[0]`` is the first of them, ``sketch[:3]`` a sketch of the
    first three, and ``one + other`` draws the strokes of both, one after the other.

    All is kept in float32, seven digits. That is refused where it would be another drawing (see below); times
    are rounded: count them from the start of the drawing.

    Args:
        strokes: iterable of (n, 2), (n, 3) or (n, 4) array-likes, n >= 1, of real numbers: x, y, then
            optionally t in milliseconds, then optionally pressure in [0, 1].
        timed: whether t is meaningful. By default it is where every stroke has a third column; ``False``
            sets all times to 0, for strokes that have pressure and no time.

    Raises:
        SketchError: a stroke is empty, of another shape or of no numbers; a number is NaN, infinite or
            beyond 1e9; a pressure is outside [0, 1]; only some strokes have times; more than 1,000,000
            points or 100,000 strokes; the drawing is so small and so far from the origin that float32 moves
            a point by more than half a percent of its longer side.

    Example:
        >>> import numpy as np
        >>> sketch = Sketch([[(0, 0), (10, 0)], np.array([[5, 5]])])
        >>> len(sketch), sketch.bounds
        (2, (0.0, 0.0, 10.0, 5.0))
        >>> sketch[1:], sketch + Sketch([[(7, 8)]])
        (Sketch(1 stroke, 1 point), Sketch(3 strokes, 4 points))
    """

    __slots__ = ("__weakref__", "_hash", "_lengths", "_points", "_strokes", "_timed")

    def __init__(self, strokes: Iterable[ArrayLike], *, timed: bool | None = None) -> None:
        parts: list[NDArray] = []
        total = 0
        for index, stroke in enumerate(iterate(strokes)):
            if index >= MAX_STROKES:
                raise SketchError(f"more than {MAX_STROKES:,} strokes")
            part = as_stroke(stroke, index)
            total += len(part)
            if total > MAX_POINTS:
                raise SketchError(f"more than {MAX_POINTS:,} points", f"stroke {index}")
            parts.append(part)
        have_time = [part.shape[1] > 2 for part in parts]
        if timed is None:
            timed = any(have_time)
        if timed and not all(have_time):
            index = have_time.index(False)
            problem = "has x and y only, where a timed sketch needs t too (or pass timed=False)"
            raise SketchError(problem, f"stroke {index}")
        points = with_all_columns(parts, total)
        self._set(points, np.array([len(part) for part in parts], np.int64), bool(timed))

    @classmethod
    def from_arrays(cls, points: ArrayLike, lengths: ArrayLike, *, timed: bool) -> "Sketch":
        """The sketch whose strokes lie one after the other in one array: the fast way in, for readers.

        Args:
            points: (N, 4) x, y, t in ms, pressure.
            lengths: (S,) points of each stroke, all >= 1, summing to N.
            timed: whether t is meaningful; where it is not, it is set to 0.

        Raises:
            SketchError: as for ``Sketch``.

        Example:
            >>> Sketch.from_arrays([[0, 0, 0, 1], [3, 4, 0, 1]], [2], timed=False)
            Sketch(1 stroke, 2 points)
        """
        try:
            points = np.asarray(points, np.float64)
            lengths = np.array(lengths, np.int64)
        except (ValueError, TypeError, OverflowError) as error:
            raise SketchError(f"points and lengths are not arrays of numbers: {error}") from None
        if points.ndim != 2 or points.shape[1] != 4 or lengths.ndim != 1:
            raise SketchError(f"points {points.shape} and lengths {lengths.shape}, not (N, 4) and (S,)")
        if len(lengths) > MAX_STROKES:
            raise SketchError(f"more than {MAX_STROKES:,} strokes")
        if len(points) > MAX_POINTS:
            raise SketchError(f"more than {MAX_POINTS:,} points")
        if (lengths < 1).any():
            raise SketchError("has no points", f"stroke {int((lengths < 1).argmax())}")
        if lengths.sum() != len(points):
            raise SketchError(f"lengths sum to {lengths.sum()}, and there are {len(points)} points")
        sketch = cls.__new__(cls)
        sketch._set(points, lengths, timed)
        return sketch

    def _set(self, points: NDArray[np.float64], lengths: NDArray[np.int64], timed: bool) -> None:
        """Check the numbers of strokes of known shape, and keep them where nobody can write."""
        fine = np.abs(points) <= MAX_COORDINATE  # false for NaN as well
        fine[:, 3] &= (points[:, 3] >= 0) & (points[:, 3] <= 1)
        if not fine.all():
            row, column = (int(k) for k in np.argwhere(~fine)[0])
            stroke = int(np.searchsorted(np.cumsum(lengths), row, side="right"))
            point = row - int(lengths[:stroke].sum())
            problem = not_within(float(points[row, column]), column)
            raise SketchError(problem, f"stroke {stroke}", f"point {point}")
        refuse_rounded_away(points)
        kept = points.astype(np.float32)
        if not timed:
            kept[:, 2] = 0
        kept += 0.0  # -0 becomes 0, so that equal sketches have equal bytes
        self._store(kept, lengths, timed)

    def _store(self, points: NDArray[np.float32], lengths: NDArray[np.int64], timed: bool) -> None:
        # Arrays over `bytes` can never be made writeable again, so a sketch is safe as a key of a dict.
        self._points = np.frombuffer(points.tobytes(), np.float32).reshape(-1, 4)
        self._lengths = np.frombuffer(lengths.tobytes(), np.int64)
        self._timed = timed
        self._strokes: tuple[NDArray[np.float32], ...] | None = None
        self._hash: int | None = None

    # What it holds

    @property
    def strokes(self) -> tuple[NDArray[np.float32], ...]:
        """Read-only (n, 4) float32, one a stroke: x, y, t in ms (0 if untimed), pressure (1 if unknown)."""
        if self._strokes is None:
            ends = np.cumsum(self._lengths).tolist()
            self._strokes = tuple(self._points[a:b] for a, b in zip([0, *ends], ends, strict=False))
        return self._strokes

    @property
    def timed(self) -> bool:
        """Whether the times of the points are known."""
        return self._timed

    @property
    def points(self) -> NDArray[np.float32]:
        """All points in drawing order, (N, 4) float32, read-only."""
        return self._points

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Points of each stroke, (S,) int64, read-only."""
        return self._lengths

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The bounding box of the points: x_min, y_min, x_max, y_max.

        Raises:
            SketchError: the sketch has no strokes.
        """
        if not len(self):
            raise SketchError("a sketch of no strokes has no bounds")
        low, high = self._points[:, :2].min(axis=0), self._points[:, :2].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    def __len__(self) -> int:
        return len(self._lengths)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...

    @overload
    def __getitem__(self, index: slice) -> "Sketch": ...

    def __getitem__(self, index: int | slice) -> "NDArray[np.float32] | Sketch":
        if not isinstance(index, slice):
            return self.strokes[index]
        chosen = self.strokes[index]
        points = np.concatenate(chosen) if chosen else self._points[:0]
        return _stored(points, self._lengths[index], self._timed)

    def __add__(self, other: "Sketch") -> "Sketch":
        if not isinstance(other, Sketch):
            return NotImplemented
        if not len(self) or not len(other):
            return self if len(self) else other  # a cleared canvas takes after the other
        if self._timed != other._timed:
            first, second = ("timed", "untimed") if self._timed else ("untimed", "timed")
            problem = f"the first sketch is {first} and the second {second}"
            raise SketchError(f"{problem}: Sketch(sketch, timed=False) is the timed one without its times")
        points = np.concatenate([self._points, other._points])
        lengths = np.concatenate([self._lengths, other._lengths])
        return Sketch.from_arrays(points, lengths, timed=self._timed)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return iter(self.strokes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sketch):
            return NotImplemented
        return (
            self._timed == other._timed
            and np.array_equal(self._lengths, other._lengths)
            and np.array_equal(self._points, other._points)
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self._timed, self._lengths.tobytes(), self._points.tobytes()))
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._points.tobytes(), self._lengths.tobytes(), self._timed)

    # New sketches from this one

    def prefix(self, k: int) -> "Sketch":
        """The first ``k`` strokes, 0 <= k <= len(self).

        Raises:
            SketchError: there is no such prefix.

        Example:
            >>> Sketch([[(0, 0)], [(1, 1)]]).prefix(1)
            Sketch(1 stroke, 1 point)
        """
        if not 0 <= k <= len(self):
            raise SketchError(f"no prefix of {k} strokes in a sketch of {len(self)}")
        lengths = self._lengths[:k]
        return _stored(self._points[: int(lengths.sum())], lengths, self._timed)

    def with_stroke(self, stroke: ArrayLike) -> "Sketch":
        """A sketch with one more stroke, an (n, 2..4) array-like as for ``Sketch``.

        An untimed sketch stays so and drops the times of the stroke; the first stroke of an empty one
        decides.

        Example:
            >>> Sketch([[(0, 0)]]).with_stroke([(1, 1), (2, 2)])
            Sketch(2 strokes, 3 points)
        """
        index = len(self)
        part = as_stroke(stroke, index)
        if len(self._points) + len(part) > MAX_POINTS:
            raise SketchError(f"more than {MAX_POINTS:,} points", f"stroke {index}")
        has_time = part.shape[1] > 2
        if self._timed and index and not has_time:
            raise SketchError("has x and y only, where a timed sketch needs t too", f"stroke {index}")
        # Checked with the strokes before it and not alone: how finely it must be held depends on all of them.
        points = np.concatenate([self._points, with_all_columns([part], len(part))])
        lengths = np.append(self._lengths, len(part))
        return Sketch.from_arrays(points, lengths, timed=self._timed or (has_time and not index))

    # Files

    @staticmethod
    def from_svg(source: str | bytes | PathLike, *, tolerance: float | None = None) -> "Sketch":
        """The strokes of an SVG file or text: see :func:`sketchwidgets.sketch.formats.svg.read_svg`."""
        from .formats.svg import read_svg

        return read_svg(source, tolerance=tolerance)

    def to_svg(self, path: str | PathLike | None = None, *, stroke_width: float | None = None) -> str:
        """SVG text, also written to ``path``: see :func:`sketchwidgets.sketch.formats.svg.write_svg`."""
        from .formats.svg import write_svg

        return write_svg(self, path, stroke_width=stroke_width)

    @staticmethod
    def from_quickdraw(
        source: Mapping[str, Any] | list | tuple | str | bytes | PathLike, index: int = 0
    ) -> "Sketch":
        """One drawing of QuickDraw: see :func:`sketchwidgets.sketch.formats.quickdraw.read_record`."""
        from .formats.quickdraw import read_record

        return read_record(source, index).sketch

    def to_quickdraw(
        self,
        *,
        simplify: bool = False,
        word: str | None = None,
        key_id: str | None = None,
        countrycode: str | None = None,
        recognized: bool | None = None,
        timestamp: datetime | None = None,
    ) -> dict[str, Any]:
        """A QuickDraw record, ready for ``json.dumps``; fields that are not given are left out.

        Args:
            simplify: bring the drawing into QuickDraw's simplified form first (whole numbers 0..255, no
                times): see :func:`sketchwidgets.sketch.formats.simplify`.

        Example:
            >>> Sketch([[(0, 0), (3, 4)]]).to_quickdraw(word="line")
            {'word': 'line', 'drawing': [[[0, 3], [0, 4]]]}
        """
        from .formats.quickdraw import QuickDrawRecord
        from .formats.simplify import simplify as simplified

        sketch = simplified(self) if simplify else self
        return QuickDrawRecord(sketch, word, key_id, countrycode, recognized, timestamp).to_dict()

    @staticmethod
    def from_stroke3(array: ArrayLike) -> "Sketch":
        """The sketch of an (N, 3) array: see :func:`sketchwidgets.sketch.formats.stroke3.from_stroke3`."""
        from .formats.stroke3 import from_stroke3

        return from_stroke3(array)

    def to_stroke3(self) -> NDArray[np.float32]:
        """An (N, 3) float32 array: see :func:`sketchwidgets.sketch.formats.stroke3.to_stroke3`."""
        from .formats.stroke3 import to_stroke3

        return to_stroke3(self)

    @staticmethod
    def from_stroke5(array: ArrayLike, *, start_token: bool = False) -> "Sketch":
        """The sketch of an (N, 5) array: see :func:`sketchwidgets.sketch.formats.stroke3.from_stroke5`."""
        from .formats.stroke3 import from_stroke5

        return from_stroke5(array, start_token=start_token)

    def to_stroke5(self, length: int | None = None, *, start_token: bool = False) -> NDArray[np.float32]:
        """An (M, 5) float32 array: see :func:`sketchwidgets.sketch.formats.stroke3.to_stroke5`."""
        from .formats.stroke3 import to_stroke5

        return to_stroke5(self, length, start_token=start_token)

    # How it shows itself

    def __repr__(self) -> str:
        strokes, points = len(self), len(self._points)
        counts = f"{strokes} stroke{'s' * (strokes != 1)}, {points} point{'s' * (points != 1)}"
        return f"Sketch({counts}{', timed' if self._timed else ''})"

    def _repr_html_(self) -> str:
        from .formats.svg import thumbnail

        return thumbnail(self)


def _stored(points: NDArray[np.float32], lengths: NDArray[np.int64], timed: bool) -> Sketch:
    """A sketch of numbers that were checked when they came in."""
    sketch = Sketch.__new__(Sketch)
    sketch._store(points, lengths, timed)
    return sketch


def _restore(points: bytes, lengths: bytes, timed: bool) -> Sketch:
    return _stored(np.frombuffer(points, np.float32), np.frombuffer(lengths, np.int64), timed)
