"""What a `Sketch` checks of the strokes that it is given, and how they become one array."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._errors import SketchError, excerpt
from ._limits import MAX_COORDINATE, MAX_ROUNDING
from ._normalize import DOT

COLUMNS = ("x", "y", "t", "pressure")


def iterate(strokes: Iterable[ArrayLike]) -> Iterator[ArrayLike]:
    if isinstance(strokes, str | bytes | Mapping):
        raise SketchError(f"strokes must be an iterable of (n, 2..4) arrays, not {excerpt(strokes)}")
    try:
        return iter(strokes)
    except TypeError:
        problem = f"strokes must be an iterable of (n, 2..4) arrays, not {type(strokes).__name__}"
        raise SketchError(problem) from None


def as_stroke(stroke: ArrayLike, index: int) -> NDArray:
    place = f"stroke {index}"
    try:
        array = np.asarray(stroke)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists; tensors not in main memory
        raise SketchError(f"is not an (n, 2..4) array: {error}", place) from None
    if array.size == 0:
        raise SketchError("has no points", place)
    if array.ndim != 2 or not 2 <= array.shape[1] <= 4:
        raise SketchError(f"has shape {array.shape}, not (n, 2), (n, 3) or (n, 4)", place)
    if array.dtype.kind not in "iuf":
        raise SketchError(f"holds {array.dtype}, not real numbers", place)
    return array


def with_all_columns(parts: list[NDArray], total: int) -> NDArray[np.float64]:
    """Strokes of `total` points in one array (total, 4); t is 0 and the pressure 1 where they say nothing."""
    points = np.zeros((total, 4))
    points[:, 3] = 1
    start = 0
    for part in parts:
        points[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return points


def not_within(value: float, column: int) -> str:
    """What is wrong with a number that is out of range, in enough digits to show that it is."""
    low, high, allowed = (0, 1, "[0, 1]") if column == 3 else (-MAX_COORDINATE, MAX_COORDINATE, "±1e9")
    shown = f"{value:g}"
    if low <= float(shown) <= high:
        shown = repr(value)
    return f"{COLUMNS[column]} is {shown}, not a number within {allowed}"


def refuse_rounded_away(points: NDArray[np.float64]) -> None:
    """Refuse points (N, 2..) whose rounding to float32 shows in a drawing of their size, far from the origin."""
    if not len(points):
        return
    x, y = points[:, 0], points[:, 1]
    left, top, right, bottom = float(x.min()), float(y.min()), float(x.max()), float(y.max())
    extent = max(right - left, bottom - top)
    farthest = max(-left, right, -top, bottom)
    # A dot has no shape to lose, also not where it is of several points that differ in their last digits. For others
    # the bound of half a unit in the last place comes first: it is quick, and enough for nearly every drawing.
    if extent <= DOT or farthest * 2.0**-24 <= MAX_ROUNDING * extent:
        return
    rounding = float(np.abs(points[:, :2] - points[:, :2].astype(np.float32)).max())
    if rounding > MAX_ROUNDING * extent:
        raise SketchError(
            f"a drawing {extent:.3g} long at coordinates of up to {farthest:.10g} is too small for float32 there, which "
            f"moves points by up to {rounding:.2g}: subtract ({left:.10g}, {top:.10g}) from its x and y"
        )
