"""SVG files: TU-Berlin's, and any other that draws with paths and basic shapes."""

from html import escape
from os import PathLike, fspath

import numpy as np
from numpy.typing import NDArray

from .._errors import SketchError
from .._limits import MAX_POINTS
from .._sketch import Sketch
from ._svg_path import flatten, segment_counts
from ._svg_walk import Drawn, walk

MAX_SVG_BYTES = 64 * 2**20
"""Largest SVG file: a million points in full precision take half of it."""

RELATIVE_TOLERANCE = 1 / 8000
"""Default tolerance of flattening, as a share of the drawing's longer side: 0.03 px of a 225 px image."""

THUMBNAIL_POINTS = 20_000
"""About as many points as the picture in a notebook draws at most."""

_ROUND = 'stroke-linecap="round" stroke-linejoin="round"'


def read_svg(source: str | bytes | PathLike, *, tolerance: float | None = None) -> Sketch:
    """The strokes of an SVG drawing, untimed, in document order: every subpath is one stroke.

    Reads path, polyline, polygon, line, rect, circle and ellipse, whatever they are filled or stroked with,
    and applies every transform on the way down. What SVG does not draw (defs, clipPath, display="none", ...)
    is passed over, and so are text and images; <use> is refused. Coordinates are the user units of the
    outermost <svg>; where it gives a viewBox AND a width and height, they are the CSS pixels of that
    viewport.

    Args:
        source: a path, or the text or bytes of the file (text that begins with "<").
        tolerance: largest distance between a curve and its polyline, in units of the result; by default
            1/8000 of the longer side of the drawing (0.08 for TU-Berlin's 800 unit files).

    Raises:
        SketchError: not SVG, not well-formed, with entity declarations or external references, nested more
            than 256 deep, larger than 64 MiB or 1,000,000 points, without strokes, or an attribute that is
            not what it must be.
        OSError: the file cannot be opened.

    Source:
        Eitz, Hays, Alexa 2012, "How do humans sketch objects?", its data set; SVG 1.1 sections 7 to 9.

    Example:
        >>> text = '<svg><g transform="scale(2)"><path d="M0 0L5 0"/></g></svg>'
        >>> read_svg(text).points[:, :2].tolist()
        [[0.0, 0.0], [10.0, 0.0]]
    """
    if isinstance(source, bytes) or (isinstance(source, str) and source.lstrip("\ufeff \t\r\n")[:1] == "<"):
        name, content = "SVG text", source.lstrip("\ufeff \t\r\n") if isinstance(source, str) else source
    else:
        name = fspath(source)
        with open(source, "rb") as file:
            content = file.read(MAX_SVG_BYTES + 1)
    try:
        if len(content) > MAX_SVG_BYTES:
            raise SketchError(f"larger than {MAX_SVG_BYTES:,} bytes")
        return _sketch(walk(content), tolerance)
    except SketchError as error:
        raise error.within(name) from None


def write_svg(
    sketch: Sketch, path: str | PathLike | None = None, *, stroke_width: float | None = None
) -> str:
    """The text of an SVG file with one path a stroke, ids 0, 1, ... as in TU-Berlin's; also written to
    ``path``.

    Coordinates are written in the fewest digits that give the same float32 again, so reading it returns the
    same points. Times and pressures have no place in the format.

    Args:
        stroke_width: in units of the sketch; by default 1/200 of its longer side.

    Raises:
        SketchError: the sketch has no strokes.

    Example:
        >>> 'd="M1 2L3 4.5"' in write_svg(Sketch([[(1, 2), (3, 4.5)]]))
        True
    """
    left, top, right, bottom = sketch.bounds
    side = max(right - left, bottom - top) or 1.0
    width = side / 200 if stroke_width is None else stroke_width
    margin = side / 20 + width / 2
    box = (left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin)
    paths = [f'<path id="{k}" d="{_path_data(stroke)}"/>' for k, stroke in enumerate(sketch.strokes)]
    view_box = " ".join(f"{value:.9g}" for value in box)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" viewBox="{view_box}">',
        f'<g fill="none" stroke="black" stroke-width="{width:.6g}" {_ROUND}>',
        *paths,
        "</g>",
        "</svg>",
        "",
    ]
    text = "\n".join(lines)
    if path is not None:
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return text


def thumbnail(sketch: Sketch, size: int = 160) -> str:
    """The sketch as inline SVG for a notebook, its longer side ``size`` CSS pixels, in the colour of the
    text around.

    A huge sketch makes no huge notebook: points that fall together at this size are left out, and above
    20,000 points every second, third, ... is.
    """
    margin = 6
    paths, width, height = [], size / 2, size / 2
    if len(sketch):
        left, top, right, bottom = sketch.bounds
        scale = size / (max(right - left, bottom - top) or 1.0)
        width, height = (right - left) * scale, (bottom - top) * scale
        step = 1 + len(sketch.points) // THUMBNAIL_POINTS
        for stroke in sketch.strokes:
            xy = np.round((stroke[::step, :2].astype(np.float64) - (left, top)) * scale + margin, 1)
            moves = np.append(True, (np.diff(xy, axis=0) != 0).any(axis=1))
            paths.append(_path_data(xy[moves]))
    width, height = max(width, 1) + 2 * margin, max(height, 1) + 2 * margin
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(repr(sketch))}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.1f} {height:.1f}" '
        'style="max-width:100%;height:auto" fill="none" stroke="currentColor" stroke-width="2" '
        f"{_ROUND}><title>{escape(repr(sketch))}</title>"
        f'<path d="{"".join(paths)}"/></svg>'
    )


def _sketch(drawn: list[Drawn], tolerance: float | None) -> Sketch:
    if not drawn:
        raise SketchError("no strokes")
    if tolerance is None:
        corners = np.array([f(shape.cubics, axis=(0, 1)) for shape in drawn for f in (np.min, np.max)])
        tolerance = float(np.ptp(corners, axis=0).max()) * RELATIVE_TOLERANCE or 1.0
    elif not tolerance > 0:
        raise SketchError(f"tolerance is {tolerance}, not a positive number")
    counts = [segment_counts(shape.cubics, tolerance) for shape in drawn]
    total = 0
    for shape, count in zip(drawn, counts, strict=True):
        total += 1 + int(count.sum())
        if total > MAX_POINTS:
            problem = f"more than {MAX_POINTS:,} points at a tolerance of {tolerance:.3g}"
            raise SketchError(problem, *shape.places)
    return Sketch(flatten(shape.cubics, count) for shape, count in zip(drawn, counts, strict=True))


def _path_data(xy: NDArray) -> str:
    points = [f"{_number(x)} {_number(y)}" for x, y in zip(xy[:, 0], xy[:, 1], strict=True)]
    # A round cap makes a dot of a line of no length, and nothing of a lone moveto.
    return "M" + "L".join(points if len(points) > 1 else points * 2)


def _number(value: np.floating) -> str:
    return str(int(value)) if value == int(value) else str(value)
