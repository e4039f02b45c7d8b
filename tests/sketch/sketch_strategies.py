"""Hypothesis strategies for sketches and two helpers, shared by the tests of the formats."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sketchwidgets.sketch import Sketch, SketchError

REAL = st.floats(-1e6, 1e6, width=32)
PIXEL = st.integers(0, 255)


def strokes(numbers=REAL, columns=2, max_points=8):
    """Arrays of (n, columns) numbers; every column from the same range."""
    shape = st.integers(1, max_points).map(lambda n: (n, columns))
    return shape.flatmap(lambda s: hnp.arrays(np.float32, s, elements=numbers))


def sketches(numbers=REAL, columns=2, min_strokes=1):
    """Sketches of up to five strokes; timed with three columns."""
    return st.lists(strokes(numbers, columns), min_size=min_strokes, max_size=5).map(Sketch)


def whole_sketches():
    """Untimed sketches of whole numbers from 0 to 255, as QuickDraw's simplified files hold."""
    return st.lists(st.lists(st.tuples(PIXEL, PIXEL), min_size=1, max_size=8), min_size=1, max_size=5).map(
        Sketch
    )


def attempt(read, *arguments):
    """What `read` returns and None, or None and the text of the `SketchError` that it raises."""
    try:
        return read(*arguments), None
    except SketchError as error:
        return None, str(error)


def distance_to_line(points, line):
    """Distance of each of (n, 2) points from a polyline of (m, 2) points, the slow way."""
    starts, ends = (line, line) if len(line) == 1 else (line[:-1], line[1:])
    way = ends - starts
    length = np.maximum((way**2).sum(axis=1), 1e-30)
    t = np.clip(((points[:, None] - starts) * way).sum(axis=2) / length, 0, 1)
    return np.hypot(*np.moveaxis(points[:, None] - (starts + t[..., None] * way), 2, 0)).min(axis=1)
