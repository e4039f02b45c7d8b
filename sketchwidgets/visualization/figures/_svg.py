"""Shapes to SVG: pictures as embedded PNG, text as text."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape

from ._png import INK, encode
from ._shapes import Colour, Dot, Picture, Polyline, Rectangle, Shape, Text

FONT = "Aileron, Helvetica, Arial, sans-serif"
# In a page the colours are those of its text.
INLINE = {"ink": ("currentColor", 1.0), "muted": ("currentColor", 0.72), "faint": ("currentColor", 0.22)}
# Characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_Look = Mapping[str, tuple[str, float]]


def to_svg(
    width: float, height: float, shapes: Sequence[Shape], *, inline: bool = False, label: str = ""
) -> str:
    """An SVG document on white; with `inline`, one for a page, without a background and in the page's colours."""
    look: _Look = INLINE if inline else {name: (_hex(rgb), 1.0) for name, rgb in INK.items()}
    look = {"accent": (_hex(INK["accent"]), 1.0), **look}
    size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
    name = f' role="img" aria-label="{xml(label)}"' if label else ""
    font = "font-family:inherit" if inline else f"font-family:{FONT}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}{name} style="{font}">']
    if not inline:
        parts.append(f'<rect width="{_n(width)}" height="{_n(height)}" fill="#ffffff"/>')
    parts += [_PAINTERS[type(shape)](shape, look) for shape in shapes]
    parts.append("</svg>")
    return "\n".join(parts)


def data_url(pixels) -> str:
    """A picture as a data: address."""
    return "data:image/png;base64," + base64.b64encode(encode(pixels)).decode()


def xml(text: str) -> str:
    """Text that is safe in XML and HTML, in an attribute too."""
    return escape(_FORBIDDEN.sub("\ufffd", text), quote=True)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _hex(rgb: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _paint(kind: str, colour: Colour | None, look: _Look) -> str:
    """The attributes of a filling or a line."""
    if colour is None:
        return f' {kind}="none"'
    value, opacity = look[colour] if isinstance(colour, str) else (_hex(colour), 1.0)
    return f' {kind}="{value}"' + (f' {kind}-opacity="{opacity}"' if opacity < 1 else "")


def _text(shape: Text, look: _Look) -> str:
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    weight = ' font-weight="600"' if shape.bold else ""
    x, y = _n(shape.x), _n(shape.y)
    turn = f' transform="rotate(-90 {x} {y})"' if shape.turned else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{_n(shape.size)}"{anchor}{weight}{turn}'
        f"{_paint('fill', shape.colour, look)}>{xml(shape.text)}</text>"
    )


def _picture(shape: Picture, look: _Look) -> str:
    style = ' style="image-rendering:pixelated"' if shape.pixelated else ""
    return (
        f'<image x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'
        f' preserveAspectRatio="none"{style} href="{data_url(shape.pixels)}"/>'
    )


def _rectangle(shape: Rectangle, look: _Look) -> str:
    dash = ' stroke-dasharray="3 3"' if shape.dashed else ""
    line = (
        ""
        if shape.line is None
        else f'{_paint("stroke", shape.line, look)} stroke-width="{_n(shape.thickness)}"{dash}'
    )
    return (
        f'<rect x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'
        f"{_paint('fill', shape.fill, look)}{line}/>"
    )


def _polyline(shape: Polyline, look: _Look) -> str:
    points = " ".join(f"{_n(x)},{_n(y)}" for x, y in shape.points)
    dash = ' stroke-dasharray="3 3"' if shape.dashed else ""
    return (
        f'<polyline points="{points}" fill="none"{_paint("stroke", shape.colour, look)}'
        f' stroke-width="{_n(shape.thickness)}" stroke-linejoin="round"{dash}/>'
    )


def _dot(shape: Dot, look: _Look) -> str:
    return f'<circle cx="{_n(shape.x)}" cy="{_n(shape.y)}" r="{_n(shape.radius)}"{_paint("fill", shape.colour, look)}/>'


_PAINTERS = {
    Text: _text,
    Picture: _picture,
    Rectangle: _rectangle,
    Polyline: _polyline,
    Dot: _dot,
}
