"""What a figure is made of once it is laid out; SVG and PNG draw the same list."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

# A colour is a role, which a page may take from its theme, or red, green, blue.
Colour = Literal["ink", "muted", "faint", "accent"] | tuple[int, int, int]
Anchor = Literal["start", "middle", "end"]

SERIES: tuple[tuple[int, int, int], ...] = (
    # As in the charts of the widgets: dark enough on white, light enough on dark grey.
    (61, 133, 198),
    (224, 134, 26),
    (44, 160, 100),
    (160, 108, 201),
    (217, 83, 79),
    (42, 166, 176),
    (143, 143, 47),
    (194, 87, 143),
    (127, 106, 90),
    (111, 127, 149),
)

# What is switched off is crossed out in it: seen on black as on white.
CROSS = (229, 72, 77)


@dataclass(frozen=True)
class Text:
    """One line of text; y is its baseline. `turned`: read from below to above."""

    x: float
    y: float
    text: str
    size: float
    colour: Colour = "ink"
    anchor: Anchor = "start"
    bold: bool = False
    turned: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels, uint8, stretched over a rectangle."""

    x: float
    y: float
    width: float
    height: float
    pixels: np.ndarray
    smooth: bool = False

    @property
    def pixelated(self) -> bool:
        """Whether its pixels are to be seen: where they are large. Reduced, a picture is always smoothed."""
        return not self.smooth and self.width >= 1.5 * self.pixels.shape[1]


@dataclass(frozen=True)
class Rectangle:
    """A rectangle with a line, a filling or both."""

    x: float
    y: float
    width: float
    height: float
    line: Colour | None = None
    fill: Colour | None = None
    thickness: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Polyline:
    """Straight lines from point to point; one point alone is a dot."""

    points: tuple[tuple[float, float], ...]
    colour: Colour = "ink"
    thickness: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    colour: Colour = "ink"


Shape = Text | Picture | Rectangle | Polyline | Dot


def moved(shape: Shape, right: float, down: float) -> Shape:
    """The shape elsewhere."""
    if isinstance(shape, Polyline):
        return replace(shape, points=tuple((x + right, y + down) for x, y in shape.points))
    return replace(shape, x=shape.x + right, y=shape.y + down)
