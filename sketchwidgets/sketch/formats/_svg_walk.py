"""The safe walk through an SVG document: from its bytes to the cubics that it draws.

The parser is defusedxml's, streaming: nothing is kept of the document but the way down to the current
element, and svgelements is handed single attributes, never XML.
"""

import re
from typing import NamedTuple
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ErrorString

import numpy as np
from numpy.typing import NDArray

from .._errors import SketchError, excerpt
from .._limits import MAX_COORDINATE, MAX_POINTS, MAX_STROKES
from ._svg_path import parse_path, polyline

MAX_DEPTH = 256
"""Deepest nesting of elements."""

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_CONTAINERS = {"svg", "g", "a", "switch"}
_NUMBER = r"[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?"
_LENGTH = re.compile(rf"\s*({_NUMBER})\s*(px|pt|pc|mm|cm|in|)\s*")
_PIXELS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
_TRANSFORM = re.compile(r"[\s,]*+([A-Za-z]+)\s*+\(([^()]*+)\)[\s,]*+")
_TRANSFORM_ARGUMENTS = {
    "matrix": (6,), "translate": (1, 2), "scale": (1, 2), "rotate": (1, 3), "skewX": (1,), "skewY": (1,)
}  # fmt: skip


class Drawn(NamedTuple):
    """One subpath: its cubics, (m, 4, 2) float64 in the units of the drawing, and where it stood."""

    cubics: NDArray[np.float64]
    places: tuple[str, ...]


class _Frame(NamedTuple):
    """What an element hands down: the (2, 3) transform to the drawing, the viewport, whether it is drawn."""

    matrix: NDArray[np.float64]
    viewport: tuple[float, float] | None
    hidden: bool


def walk(content: str | bytes) -> list[Drawn]:
    """Everything that an SVG document draws, in document order.

    Raises:
        SketchError: the document is unsafe, malformed or not SVG, or an attribute is not what it must be.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    collector = _Collector()
    parser = DefusedXMLParser(target=collector)
    collector.expat = parser.parser
    try:
        parser.feed(content)
        parser.close()
    except SketchError:
        raise
    except DefusedXmlException as error:
        problem = f"refused: XML with entities or external references ({type(error).__name__})"
        raise SketchError(problem, collector.line) from None
    except ParseError as error:
        line, column = error.position
        problem = f"not well-formed XML: {ErrorString(error.code)} at column {column}"
        raise SketchError(problem, f"line {line}") from None
    except (LookupError, ValueError) as error:  # an encoding that is unknown, or not what it says
        raise SketchError(f"not readable XML: {error}", collector.line) from None
    return collector.drawn


class _Collector:
    """Target of the parser: `start` and `end` are called for every element."""

    def __init__(self) -> None:
        self.drawn: list[Drawn] = []
        self.expat = None
        self._frames: list[_Frame] = []
        self._segments = 0

    @property
    def line(self) -> str:
        return f"line {self.expat.CurrentLineNumber}"

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._frames) >= MAX_DEPTH:
            raise SketchError(f"elements nested more than {MAX_DEPTH} deep", self.line)
        name = tag.removeprefix(_NAMESPACE)
        if not self._frames:
            if name != "svg":
                raise SketchError(f"the root element is <{name[:40]}>, not <svg>", self.line)
            parent = _Frame(np.eye(3)[:2], None, False)
        else:
            parent = self._frames[-1]
        places = self.line, _label(name, attributes)
        try:
            frame = self._enter(name, attributes, parent)
            if not frame.hidden and name not in _CONTAINERS:
                self._draw(name, attributes, frame, places)
        except SketchError as error:
            raise error.within(*places) from None
        self._frames.append(frame)

    def end(self, tag: str) -> None:
        self._frames.pop()

    def close(self) -> None:
        """Called at the end of the document; nothing is left to do."""

    def _enter(self, name: str, attributes: dict[str, str], parent: _Frame) -> _Frame:
        known = name in _CONTAINERS or name in _SHAPES
        if parent.hidden or not (known or name == "use") or _is_off(attributes):
            return parent._replace(hidden=True)
        if name == "use":
            raise SketchError("a reference to another element is not followed: write the element out")
        matrix, viewport = parent.matrix, parent.viewport
        if "transform" in attributes:
            matrix = _compose(matrix, _parse_transform(attributes["transform"]))
        if name == "svg":
            inner, viewport = _viewport(attributes, viewport, outermost=not self._frames)
            matrix = _compose(matrix, inner)
        return _Frame(matrix, viewport, False)

    def _draw(self, name: str, attributes: dict[str, str], frame: _Frame, places: tuple[str, ...]) -> None:
        for cubics in _SHAPES[name](attributes):
            with np.errstate(over="ignore", invalid="ignore"):
                cubics = cubics @ frame.matrix[:, :2].T + frame.matrix[:, 2]
            if not (np.abs(cubics) <= MAX_COORDINATE).all():
                raise SketchError("a coordinate is not a number within ±1e9 after the transforms")
            self._segments += len(cubics)
            if self._segments > MAX_POINTS:
                raise SketchError(f"more than {MAX_POINTS:,} points")
            if len(self.drawn) == MAX_STROKES:
                raise SketchError(f"more than {MAX_STROKES:,} strokes")
            self.drawn.append(Drawn(cubics, places))


def _label(name: str, attributes: dict[str, str]) -> str:
    element = attributes.get("id")
    return f"<{name[:40]}>" if element is None else f"{name[:40]} {excerpt(element)}"


def _is_off(attributes: dict[str, str]) -> bool:
    style = re.search(r"(?:^|;)\s*display\s*:\s*([\w-]+)", attributes.get("style", ""))
    return (style[1] if style else attributes.get("display", "").strip()) == "none"


def _numbers(attributes: dict[str, str], name: str) -> list[float]:
    """A list of numbers with spaces or commas between them."""
    text = attributes.get(name, "")
    numbers = re.findall(_NUMBER, text)
    if re.sub(_NUMBER, "", text).strip(", \t\r\n"):
        rest = re.sub(_NUMBER, " ", text).split()
        raise SketchError(f"is not a list of numbers: {excerpt(rest[0])}", f"attribute '{name}'")
    return [float(number) for number in numbers]


def _length(attributes: dict[str, str], name: str, default: float | None = 0.0) -> float | None:
    """A length in CSS pixels, ``default`` where the attribute is missing."""
    if name not in attributes:
        return default
    match = _LENGTH.fullmatch(attributes[name])
    if match is None:
        raise SketchError(f"is {excerpt(attributes[name])}, not a length", f"attribute '{name}'")
    value = float(match[1]) * _PIXELS[match[2]]
    if not abs(value) <= MAX_COORDINATE:
        raise SketchError(f"is {excerpt(attributes[name])}, beyond ±1e9", f"attribute '{name}'")
    return value


def _parse_transform(text: str) -> NDArray[np.float64]:
    """The (2, 3) matrix of a transform attribute; its grammar is checked here, because svgelements skips
    what it does not understand."""
    from svgelements import Matrix

    position = 0
    for match in _TRANSFORM.finditer(text):
        counts = _TRANSFORM_ARGUMENTS.get(match[1])
        numbers = _numbers({match[1]: match[2]}, match[1]) if counts else []
        if match.start() != position or counts is None or len(numbers) not in counts:
            break
        position = match.end()
    if text[position:].strip() and text.strip() != "none":
        raise SketchError(f"is not a list of transforms: {excerpt(text[position:])}", "attribute 'transform'")
    m = Matrix(text)
    matrix = np.array([[m.a, m.c, m.e], [m.b, m.d, m.f]], np.float64)
    if not np.isfinite(matrix).all():
        raise SketchError("is not finite", "attribute 'transform'")
    return matrix


def _compose(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore", invalid="ignore"):  # the result is checked where it is used
        result = outer[:, :2] @ inner
        result[:, 2] += outer[:, 2]
    return result


def _viewport(
    attributes: dict[str, str], enclosing: tuple[float, float] | None, *, outermost: bool
) -> tuple[NDArray[np.float64], tuple[float, float] | None]:
    """The transform of an <svg> element and the size of its viewport in its own units, where known."""
    from svgelements import Viewbox

    def side(name: str, k: int) -> float | None:
        # A share is of the enclosing viewport; that of the window says nothing about the drawing.
        text = attributes.get(name, "100%").strip()
        if text in ("100%", "auto"):
            return None if enclosing is None else enclosing[k]
        if text.endswith("%"):
            share = _length({name: text[:-1]}, name) / 100
            return None if enclosing is None else share * enclosing[k]
        return _length(attributes, name)

    width, height = side("width", 0), side("height", 1)
    x, y = (0.0, 0.0) if outermost else (_length(attributes, "x"), _length(attributes, "y"))
    if "viewBox" not in attributes:
        size = None if width is None or height is None else (width, height)
        return np.array([[1, 0, x], [0, 1, y]], np.float64), size
    box = _numbers(attributes, "viewBox")
    if len(box) != 4 or not np.isfinite(box).all() or box[2] <= 0 or box[3] <= 0:
        problem = f"is {excerpt(attributes['viewBox'])}, not four numbers with a positive width and height"
        raise SketchError(problem, "attribute 'viewBox'")
    if width is None or height is None:
        return np.array([[1, 0, x], [0, 1, y]], np.float64), (box[2], box[3])
    if width <= 0 or height <= 0:
        raise SketchError(f"the viewport is {width:g} by {height:g}, which draws nothing")
    aspect = attributes.get("preserveAspectRatio", "xMidYMid").strip()
    text = Viewbox.viewbox_transform(x, y, width, height, *box, aspect)
    return _parse_transform(text), (box[2], box[3])


# Shapes: each function takes the attributes of its element and returns the cubics of its subpaths.


def _path(attributes: dict[str, str]) -> list[NDArray[np.float64]]:
    return parse_path(attributes.get("d", ""))


def _poly(attributes: dict[str, str], *, closed: bool) -> list[NDArray[np.float64]]:
    numbers = _numbers(attributes, "points")
    if len(numbers) % 2:
        raise SketchError(f"has {len(numbers)} numbers, which are no pairs", "attribute 'points'")
    if not (np.abs(numbers) <= MAX_COORDINATE).all():
        raise SketchError("a number beyond ±1e9", "attribute 'points'")
    xy = np.array(numbers).reshape(-1, 2)
    if not len(xy):
        return []
    return [polyline(np.concatenate([xy, xy[:1]]) if closed else xy)]


def _line(attributes: dict[str, str]) -> list[NDArray[np.float64]]:
    x1, y1, x2, y2 = (_length(attributes, name) for name in ("x1", "y1", "x2", "y2"))
    return [polyline(np.array([[x1, y1], [x2, y2]]))]


def _rect(attributes: dict[str, str]) -> list[NDArray[np.float64]]:
    x, y = _length(attributes, "x"), _length(attributes, "y")
    width, height = _length(attributes, "width"), _length(attributes, "height")
    if width <= 0 or height <= 0:
        return []  # SVG 1.1 section 9.2: not drawn
    rx, ry = (_radius(attributes, name) for name in ("rx", "ry"))
    rx, ry = (ry if rx is None else rx) or 0.0, (rx if ry is None else ry) or 0.0
    rx, ry = min(rx, width / 2), min(ry, height / 2)
    if not rx or not ry:
        return parse_path(f"M{x} {y}h{width}v{height}h{-width}z")
    corner = f"a{rx} {ry} 0 0 1"
    across, down = width - 2 * rx, height - 2 * ry
    return parse_path(
        f"M{x + rx} {y}h{across}{corner} {rx} {ry}v{down}{corner} {-rx} {ry}h{-across}{corner} {-rx} {-ry}"
        f"v{-down}{corner} {rx} {-ry}z"
    )


def _ellipse(attributes: dict[str, str]) -> list[NDArray[np.float64]]:
    cx, cy = _length(attributes, "cx"), _length(attributes, "cy")
    rx, ry = _radius(attributes, "rx"), _radius(attributes, "ry")
    rx, ry = (ry if rx is None else rx) or 0.0, (rx if ry is None else ry) or 0.0
    if rx <= 0 or ry <= 0:
        return []
    half = f"a{rx} {ry} 0 0 1"
    return parse_path(f"M{cx + rx} {cy}{half} {-2 * rx} 0{half} {2 * rx} 0z")


def _circle(attributes: dict[str, str]) -> list[NDArray[np.float64]]:
    return _ellipse({**attributes, "rx": attributes.get("r", "0"), "ry": attributes.get("r", "0")})


def _radius(attributes: dict[str, str], name: str) -> float | None:
    """A radius, or ``None`` where it is left to the other one."""
    if attributes.get(name, "auto").strip() == "auto":
        return None
    return _length(attributes, name)


_SHAPES = {
    "path": _path,
    "polyline": lambda attributes: _poly(attributes, closed=False),
    "polygon": lambda attributes: _poly(attributes, closed=True),
    "line": _line,
    "rect": _rect,
    "circle": _circle,
    "ellipse": _ellipse,
}
