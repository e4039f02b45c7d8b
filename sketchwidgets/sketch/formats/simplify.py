"""QuickDraw's simplified form of a drawing."""

import numpy as np
from numpy.typing import NDArray

from .._errors import SketchError
from .._sketch import Sketch

EXTENT = 255
"""Longer side of a simplified drawing."""

SPACING = 1.0
"""Distance between resampled points, in units of the scaled drawing."""

TOLERANCE = 2.0
"""Largest distance of a dropped point from the simplified line, in the same units."""


def simplify(sketch: Sketch) -> Sketch:
    """The drawing as Google's simplified QuickDraw files hold it: untimed, whole numbers from 0 to 255.

    Moves the top left corner of the bounding box to (0, 0), scales the longer side to 255, resamples every
    stroke at 1 unit and simplifies it with Ramer-Douglas-Peucker at 2.0 units (the four steps in the README
    of googlecreativelab/quickdraw-dataset), then rounds. The bounding box is that of the WHOLE drawing: a
    prefix of a simplified drawing carries its future along and must be normalised again.

    Raises:
        SketchError: the sketch has no strokes.

    Example:
        >>> simplify(Sketch([[(-5, 0), (0, 0), (5, 0)]])).points[:, :2].tolist()
        [[0.0, 0.0], [255.0, 0.0]]
    """
    if not len(sketch):
        raise SketchError("a sketch of no strokes has no simplified form")
    left, top, right, bottom = sketch.bounds
    scale = EXTENT / (max(right - left, bottom - top) or 1.0)
    strokes = []
    for stroke in sketch.strokes:
        xy = np.minimum((stroke[:, :2].astype(np.float64) - (left, top)) * scale, EXTENT)
        strokes.append(np.rint(_ramer_douglas_peucker(_resample(xy))))
    return Sketch(strokes)


def _resample(xy: NDArray) -> NDArray:
    """Points at equal distance along the line, both ends kept."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    if along[-1] <= 0:
        return xy[:1]
    at = np.append(np.arange(0, along[-1], SPACING), along[-1])
    return np.column_stack([np.interp(at, along, xy[:, 0]), np.interp(at, along, xy[:, 1])])


def _ramer_douglas_peucker(xy: NDArray) -> NDArray:
    keep = np.zeros(len(xy), bool)
    keep[[0, -1]] = True
    spans = [(0, len(xy) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        inner = xy[first + 1 : last] - xy[first]
        chord = xy[last] - xy[first]
        # Distance from the chord, not from its endless line: a stroke may turn back behind its own start.
        squared = max(float(chord @ chord), np.finfo(float).tiny)
        nearest = np.clip(inner @ chord / squared, 0, 1)
        distance = np.hypot(*(inner - nearest[:, None] * chord).T)
        farthest = int(distance.argmax())
        if distance[farthest] > TOLERANCE:
            middle = first + 1 + farthest
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return xy[keep]
