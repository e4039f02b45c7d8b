"""SVG path data to cubic Béziers, and cubic Béziers to points.

A subpath is an (m, 4, 2) float64 array of cubics, each of which starts where the one before ends. Lines and
quadratics are raised to cubics exactly, arcs are cut into cubics of at most 45°, 5e-6 of their radius from
the true arc.
"""

import math
import re
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from .._errors import SketchError, excerpt
from .._limits import MAX_COORDINATE, MAX_POINTS

_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_SEPARATOR = re.compile(r"[\s,]*+")
_NUMBER = re.compile(r"[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?")
_RUN = re.compile(rf"(?:{_NUMBER.pattern}[\s,]*+)*+")
_FLAG = re.compile(r"[01]")


def parse_path(data: str) -> list[NDArray[np.float64]]:
    """The subpaths of the ``d`` attribute of a path, in order; a lone moveto draws nothing and is left out.

    Raises:
        SketchError: it does not follow the grammar of path data, has more than 1,000,000 segments, or a
            number is beyond 1e9.
    """
    commands, numbers = _scan(data)
    if not (np.abs(numbers) <= MAX_COORDINATE).all():
        raise SketchError("path data with a number beyond ±1e9")
    if commands <= {"M", "L"}:
        return _polylines(data, numbers)
    return _curves(data)


def _scan(data: str) -> tuple[set[str], list[float]]:
    """Hold the data against the grammar before svgelements sees it, which forgives much and says little."""
    commands: set[str] = set()
    numbers: list[float] = []
    segments = 0
    position = _SEPARATOR.match(data, 0).end()
    while position < len(data):
        letter = data[position]
        count = _ARGUMENTS.get(letter.upper())
        if count is None or (not commands and letter not in "Mm"):
            expected = "a path command" if commands else "a moveto (M or m)"
            problem = f"not path data: {excerpt(data[position : position + 20])} where {expected} must be"
            raise SketchError(problem, f"character {position}")
        commands.add(letter)
        before = len(numbers)
        position = _SEPARATOR.match(data, position + 1).end()
        most = (MAX_POINTS - segments) * max(count, 1)
        if letter in "Aa":
            position = _scan_arcs(data, position, most, numbers)
        elif count:
            run = _RUN.match(data, position)
            position = run.end()
            numbers += [float(number[0]) for number in islice(_NUMBER.finditer(run[0]), most + 1)]
        n = len(numbers) - before
        if n > most:
            raise SketchError(f"more than {MAX_POINTS:,} segments")
        if count and (n == 0 or n % count):
            problem = f"not path data: '{letter}' takes {count} numbers at a time, and {n} follow it"
            raise SketchError(problem, f"character {position}")
        segments += n // count if count else 1
    return commands, numbers


def _scan_arcs(data: str, position: int, most: int, numbers: list[float]) -> int:
    """Append the numbers of arcs and return where they end; "01" may be two flags, as these need no comma."""
    for n in range(most + 1):
        match = (_FLAG if n % 7 in (3, 4) else _NUMBER).match(data, position)
        if match is None:
            break
        numbers.append(float(match[0]))
        position = _SEPARATOR.match(data, match.end()).end()
    return position


def _polylines(data: str, numbers: list[float]) -> list[NDArray[np.float64]]:
    """Straight absolute strokes, the common case, without a Python object for each segment."""
    xy = np.array(numbers).reshape(-1, 2)
    starts = np.cumsum([0, *(len(_NUMBER.findall(part)) // 2 for part in data.split("M")[1:])])
    parts = [xy[a:b] for a, b in pairwise(starts)]
    return [polyline(part) for part in parts if len(part) > 1]


def _curves(data: str) -> list[NDArray[np.float64]]:
    from svgelements import Arc, Close, CubicBezier, Move, Path, QuadraticBezier

    subpaths: list[list[list[complex]]] = []
    is_open = False  # after a moveto or a closepath the next segment begins a subpath
    try:
        segments = list(Path(data))
    except ArithmeticError as error:  # an arc whose radii are so small that their squares vanish
        raise SketchError(f"path data beyond arithmetic: {error}") from None
    for segment in segments:
        if isinstance(segment, Move):
            is_open = False
            continue
        start, end = _complex(segment.start), _complex(segment.end)
        if isinstance(segment, CubicBezier):
            cubics = [[start, _complex(segment.control1), _complex(segment.control2), end]]
        elif isinstance(segment, QuadraticBezier):
            control = _complex(segment.control)
            cubics = [[start, (start + 2 * control) / 3, (end + 2 * control) / 3, end]]
        elif isinstance(segment, Arc) and segment.sweep and min(segment.rx, segment.ry) > 0:
            pieces = segment.as_cubic_curves(math.ceil(abs(segment.sweep) / (math.pi / 4)))
            cubics = [[_complex(p) for p in (c.start, c.control1, c.control2, c.end)] for c in pieces]
        else:  # Line, Close, and the arc without radius, which SVG draws as a line
            cubics = [[start, start + (end - start) / 3, end + (start - end) / 3, end]]
        if not is_open:
            subpaths.append([])
        subpaths[-1] += cubics
        is_open = not isinstance(segment, Close)
    return [np.array(cubics).view(np.float64).reshape(-1, 4, 2) for cubics in subpaths]


def _complex(point) -> complex:
    return complex(point.x, point.y)


def polyline(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (n - 1, 4, 2) cubics of the line through (n, 2) points; a single point becomes a dot, (1, 4, 2)."""
    start, end = (xy, xy) if len(xy) == 1 else (xy[:-1], xy[1:])
    third = (end - start) / 3
    return np.stack([start, start + third, end - third, end], axis=1)


def segment_counts(cubics: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Into how many straight pieces each cubic must be cut to stay within ``tolerance`` of it, (m,) int64.

    A chord of n equal pieces of the parameter is at most max|B''| / (8 n²) away from the curve.
    """
    bend = 6 * np.linalg.norm(np.diff(cubics, n=2, axis=1), axis=2).max(axis=1)
    with np.errstate(divide="ignore", over="ignore"):
        pieces = np.ceil(np.sqrt(bend / (8 * tolerance)))
    return np.clip(np.nan_to_num(pieces, nan=1), 1, MAX_POINTS).astype(np.int64)


def flatten(cubics: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The points of a subpath, (1 + sum(counts), 2); a subpath that never moves is one point."""
    if (cubics == cubics[0, 0]).all():
        return cubics[0, :1]
    of_cubic = np.repeat(np.arange(len(cubics)), counts)
    step = np.arange(len(of_cubic)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    t = (step / counts[of_cubic])[:, None]
    p0, p1, p2, p3 = cubics[of_cubic].transpose(1, 0, 2)
    u = 1 - t
    points = u**3 * p0 + 3 * u**2 * t * p1 + 3 * u * t**2 * p2 + t**3 * p3
    return np.concatenate([cubics[:1, 0], points])
