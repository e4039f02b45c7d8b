"""Shapes to PNG with Pillow."""

import io
import itertools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ._shapes import Colour, Dot, Picture, Polyline, Rectangle, Shape, Text
from ._text import drawable, font

# The light look, which prints well.
INK: dict[str, tuple[int, int, int]] = {
    "ink": (27, 27, 27),
    "muted": (95, 95, 95),
    "faint": (208, 208, 208),
    "accent": (25, 118, 210),
}


def encode(pixels: np.ndarray) -> bytes:
    """A uint8 picture, (h, w[, 3 or 4]), as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def to_png(width: float, height: float, shapes: Sequence[Shape], scale: float) -> bytes:
    """A PNG file of `scale` times the size, on white."""
    size = (math.ceil(width * scale), math.ceil(height * scale))
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        _PAINTERS[type(shape)](image, draw, shape, scale)
    buffer = io.BytesIO()
    # Level 3 takes a third of the time of the default, and the files are as small.
    image.save(buffer, "PNG", dpi=(96 * scale, 96 * scale), compress_level=3)
    return buffer.getvalue()


def _rgb(colour: Colour) -> tuple[int, int, int]:
    return INK[colour] if isinstance(colour, str) else colour


def _text(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Text, scale: float) -> None:
    text, face, colour = drawable(shape.text), font(shape.size * scale), _rgb(shape.colour)
    anchor = {"start": "l", "middle": "m", "end": "r"}[shape.anchor] + "s"
    if not shape.turned:
        draw.text((shape.x * scale, shape.y * scale), text, colour, face, anchor)
        if shape.bold:  # the bundled font has one weight
            draw.text(
                (shape.x * scale + 0.035 * shape.size * scale, shape.y * scale), text, colour, face, anchor
            )
        return
    left, top, right, bottom = face.getbbox(text, anchor="ls")
    line = Image.new("L", (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2), 0)
    ImageDraw.Draw(line).text((1 - left, 1 - top), text, 255, face, "ls")
    line = line.rotate(90, expand=True)
    shift = {"start": 1.0, "middle": 0.5, "end": 0.0}[shape.anchor] * line.height
    at = (round(shape.x * scale + top - 1), round(shape.y * scale - shift))
    image.paste(colour, (*at, at[0] + line.width, at[1] + line.height), line)


def _picture(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Picture, scale: float) -> None:
    left, top = round(shape.x * scale), round(shape.y * scale)
    size = (
        max(1, round((shape.x + shape.width) * scale) - left),
        max(1, round((shape.y + shape.height) * scale) - top),
    )
    picture = Image.fromarray(shape.pixels)
    how = Image.Resampling.NEAREST if shape.pixelated else Image.Resampling.BICUBIC
    if size[0] < picture.width:
        how = Image.Resampling.BOX
    if picture.mode == "RGBA":
        # Through premultiplied alpha, so that what is clear lends its neighbours no colour.
        picture = picture.convert("RGBa").resize(size, how).convert("RGBA")
        image.paste(picture, (left, top), picture)
    else:
        image.paste(picture.resize(size, how).convert("RGB"), (left, top))


def _rectangle(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Rectangle, scale: float) -> None:
    left, top = shape.x * scale, shape.y * scale
    right, bottom = (shape.x + shape.width) * scale, (shape.y + shape.height) * scale
    if shape.fill is not None and round(right) > round(left) and round(bottom) > round(top):
        draw.rectangle((round(left), round(top), round(right) - 1, round(bottom) - 1), fill=_rgb(shape.fill))
    if shape.line is not None:
        corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        _stroke(draw, corners, _rgb(shape.line), shape.thickness * scale, 3 * scale if shape.dashed else None)


def _polyline(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Polyline, scale: float) -> None:
    points = tuple((x * scale, y * scale) for x, y in shape.points)
    colour, thickness = _rgb(shape.colour), shape.thickness * scale
    if shape.dashed or _straight(points):
        _stroke(draw, points, colour, thickness, 3 * scale if shape.dashed else None)
        return
    # Pillow draws slanted lines without smoothing: drawn four times as large and reduced.
    fine = 4
    pad = math.ceil(thickness) + 1
    left, top = (math.floor(min(p[k] for p in points)) - pad for k in (0, 1))
    right, bottom = (math.ceil(max(p[k] for p in points)) + pad for k in (0, 1))
    mask = Image.new("L", ((right - left) * fine, (bottom - top) * fine), 0)
    inner = [((x - left) * fine, (y - top) * fine) for x, y in points]
    ImageDraw.Draw(mask).line(inner, 255, max(1, round(thickness * fine)), "curve")
    mask = mask.reduce(fine)
    image.paste(colour, (left, top, left + mask.width, top + mask.height), mask)


def _dot(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Dot, scale: float) -> None:
    fine, radius = 4, shape.radius * scale
    side = math.ceil(2 * radius) + 4
    left, top = math.floor(shape.x * scale) - side // 2, math.floor(shape.y * scale) - side // 2
    mask = Image.new("L", (side * fine, side * fine), 0)
    x, y = (shape.x * scale - left) * fine, (shape.y * scale - top) * fine
    reach = radius * fine
    ImageDraw.Draw(mask).ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    mask = mask.reduce(fine)
    image.paste(_rgb(shape.colour), (left, top, left + side, top + side), mask)


def _straight(points: Sequence[tuple[float, float]]) -> bool:
    """Whether every part is horizontal or vertical, where smoothing would only blur."""
    pairs = itertools.pairwise(points)
    return all(abs(a[0] - b[0]) < 1e-6 or abs(a[1] - b[1]) < 1e-6 for a, b in pairs)


def _stroke(
    draw: ImageDraw.ImageDraw,
    points: Sequence[tuple[float, float]],
    colour: tuple[int, int, int],
    thickness: float,
    dash: float | None,
) -> None:
    """Horizontal and vertical lines on whole pixels, dashed or not; slanted ones as Pillow draws them."""
    wide = max(1, round(thickness))
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        parts = [(0.0, 1.0)]
        if dash and length:
            count = max(1, round(length / dash / 2))
            parts = [(k / count, (k + 0.5) / count) for k in range(count)]
        for start, end in parts:
            a = (x0 + (x1 - x0) * start, y0 + (y1 - y0) * start)
            b = (x0 + (x1 - x0) * end, y0 + (y1 - y0) * end)
            draw.line((a, b), colour, wide)


_PAINTERS = {
    Text: _text,
    Picture: _picture,
    Rectangle: _rectangle,
    Polyline: _polyline,
    Dot: _dot,
}
