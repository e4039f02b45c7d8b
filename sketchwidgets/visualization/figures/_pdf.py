"""Shapes to PDF: lines as lines, text as text in a font that every reader has, pictures without loss.

One page of the size of the figure, 96 pixels to an inch as in a browser (ISO 32000-1; 72 points to an inch).
"""

import zlib
from collections.abc import Sequence

import numpy as np

from ._png import INK
from ._shapes import Colour, Dot, Picture, Polyline, Rectangle, Shape, Text
from ._text import drawable, width

_POINTS = 72 / 96
_ROUND = 0.5522847498  # of the radius, where a quarter of a circle has its control points


def to_pdf(wide: float, high: float, shapes: Sequence[Shape], title: str = "") -> bytes:
    """A PDF file of one page, on white.

    Helvetica has the characters of Windows-1252; others are written as in a PNG file.
    """
    pictures: list[Picture] = []
    drawn = [f"{_POINTS:g} 0 0 {-_POINTS:g} 0 {_n(high * _POINTS)} cm"]  # y runs down, in pixels
    for shape in shapes:
        if isinstance(shape, Picture):
            place = f"{_n(shape.width)} 0 0 {_n(-shape.height)} {_n(shape.x)} {_n(shape.y + shape.height)} cm"
            drawn.append(f"q {place} /P{len(pictures)} Do Q")
            pictures.append(shape)
        else:
            drawn.append(_PAINTERS[type(shape)](shape))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", b""]
    for name in ("Helvetica", "Helvetica-Bold"):
        font = f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
        objects.append(font.encode())
    objects.append(_stream("<<", "\n".join(drawn).encode("cp1252")))
    objects.append(b"<< /Title (" + _literal(title) + b") >>")
    named = []
    for number, shape in enumerate(pictures):
        named.append(f"/P{number} {len(objects) + 1} 0 R")
        objects += _images(shape, len(objects) + 2)
    resources = f"/Font << /F0 4 0 R /F1 5 0 R >> /XObject << {' '.join(named)} >>"
    box = f"[0 0 {_n(wide * _POINTS)} {_n(high * _POINTS)}]"
    page = f"/Type /Page /Parent 2 0 R /MediaBox {box} /Contents 6 0 R /Resources << {resources} >>"
    objects[2] = f"<< {page} >>".encode()
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    """Objects 1, 2, ... with the table of their places; the first is the catalogue, the seventh the information."""
    parts, places = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], []
    for number, content in enumerate(objects, 1):
        places.append(sum(map(len, parts)) if number == 1 else places[-1] + len(parts[-1]))
        parts.append(f"{number} 0 obj\n".encode() + content + b"\nendobj\n")
    start = places[-1] + len(parts[-1])
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 7 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return b"".join(parts) + end.encode()


def _stream(head: str, data: bytes) -> bytes:
    packed = zlib.compress(data)
    start = f"{head} /Filter /FlateDecode /Length {len(packed)} >>\nstream\n".encode()
    return start + packed + b"\nendstream"


def _images(shape: Picture, following: int) -> list[bytes]:
    """The object of a picture, and, where it is not opaque, that of its alpha, which is number `following`."""
    pixels = shape.pixels
    height, breadth = pixels.shape[:2]
    space = "/DeviceGray" if pixels.ndim == 2 else "/DeviceRGB"
    smooth = "false" if shape.pixelated else "true"
    head = f"<< /Type /XObject /Subtype /Image /Width {breadth} /Height {height} /BitsPerComponent 8"
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        colour = _stream(
            f"{head} /ColorSpace {space} /Interpolate {smooth} /SMask {following} 0 R",
            _bytes(pixels[..., :3]),
        )
        return [colour, _stream(f"{head} /ColorSpace /DeviceGray", _bytes(pixels[..., 3]))]
    return [_stream(f"{head} /ColorSpace {space} /Interpolate {smooth}", _bytes(pixels))]


def _bytes(pixels: np.ndarray) -> bytes:
    return np.ascontiguousarray(pixels).tobytes()


def _n(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _rgb(colour: Colour, how: str) -> str:
    values = INK[colour] if isinstance(colour, str) else colour
    return " ".join(_n(value / 255) for value in values) + f" {how}"


def _literal(text: str) -> bytes:
    """The text as it stands between parentheses."""
    known = "".join(c if _is_known(c) else drawable(c) for c in text)
    data = known.encode("cp1252", "replace")
    for sign in (b"\\", b"(", b")"):
        data = data.replace(sign, b"\\" + sign)
    return data


def _is_known(character: str) -> bool:
    try:
        return len(character.encode("cp1252")) == 1 and character.isprintable()
    except UnicodeEncodeError:
        return False


def _text(shape: Text) -> str:
    line = width(shape.text, shape.size)
    back = {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor] * line
    # The page is turned upside down, and text back again.
    place = (
        f"0 -1 -1 0 {_n(shape.x)} {_n(shape.y + back)}"
        if shape.turned
        else f"1 0 0 -1 {_n(shape.x - back)} {_n(shape.y)}"
    )
    words = _literal(shape.text).decode("cp1252")
    face = f"/F{int(shape.bold)} {_n(shape.size)} Tf"
    return f"BT {_rgb(shape.colour, 'rg')} {face} {place} Tm ({words}) Tj ET"


def _rectangle(shape: Rectangle) -> str:
    box = f"{_n(shape.x)} {_n(shape.y)} {_n(shape.width)} {_n(shape.height)} re"
    fill = "" if shape.fill is None else f"{_rgb(shape.fill, 'rg')} {box} f "
    line = "" if shape.line is None else f"{_pen(shape.line, shape.thickness, shape.dashed)} {box} S"
    return f"q {fill}{line} Q"


def _polyline(shape: Polyline) -> str:
    points = [f"{_n(x)} {_n(y)}" for x, y in shape.points]
    path = f"{points[0]} m " + " ".join(f"{point} l" for point in points[1:] or points)
    return f"q {_pen(shape.colour, shape.thickness, shape.dashed)} 1 j 1 J {path} S Q"


def _dot(shape: Dot) -> str:
    x, y, r = shape.x, shape.y, shape.radius
    k = _ROUND * r
    curves = [
        (x + r, y + k, x + k, y + r, x, y + r),
        (x - k, y + r, x - r, y + k, x - r, y),
        (x - r, y - k, x - k, y - r, x, y - r),
        (x + k, y - r, x + r, y - k, x + r, y),
    ]
    path = " ".join(" ".join(map(_n, curve)) + " c" for curve in curves)
    return f"{_rgb(shape.colour, 'rg')} {_n(x + r)} {_n(y)} m {path} f"


def _pen(colour: Colour, thickness: float, dashed: bool) -> str:
    return f"{_rgb(colour, 'RG')} {_n(thickness)} w" + (" [3 3] 0 d" if dashed else "")


_PAINTERS = {Text: _text, Rectangle: _rectangle, Polyline: _polyline, Dot: _dot}
