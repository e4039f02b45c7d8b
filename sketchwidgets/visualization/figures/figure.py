"""A result as a picture: sections of tiles and charts, for a page, SVG, PNG and PDF."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ._html import figure_html
from ._layout import lay_out
from ._pdf import to_pdf
from ._png import to_png
from ._svg import to_svg
from .chart import Chart
from .tile import Tile


@dataclass(frozen=True, eq=False)
class Section:
    """Tiles and charts under one title.

    tiles : in order. columns : how many a row; None for as many as fit. side : of a tile, in pixels.

    Raises TypeError for what is neither a Tile nor a Chart, ValueError for a `columns` or `side` out of range.
    """

    title: str = ""
    tiles: Sequence[Tile | Chart] = ()
    caption: str = ""
    columns: int | None = None
    side: int = 96

    def __post_init__(self) -> None:
        tiles = tuple(self.tiles)
        for k, tile in enumerate(tiles):
            if not isinstance(tile, Tile | Chart):
                raise TypeError(
                    f"tiles[{k}] of section {self.title!r} must be a Tile or a Chart, not {type(tile).__name__}"
                )
        if self.columns is not None and self.columns < 1:
            raise ValueError(f"columns must be 1 or more, not {self.columns}")
        if not 8 <= self.side <= 2000:
            raise ValueError(f"side must be between 8 and 2000 pixels, not {self.side}")
        object.__setattr__(self, "tiles", tiles)

    def __repr__(self) -> str:
        return f"Section({self.title!r}, {len(self.tiles)} tiles)"


@dataclass(frozen=True, eq=False)
class Figure:
    """Sections of tiles and charts that draw themselves without a browser and without a plotting library.

    In a notebook a figure shows itself inline, in the colours of the page. `to_svg`, `to_png` and `to_pdf` make
    files of their own, on white.

    >>> noise = torch.linspace(-1, 1, 64).reshape(1, 8, 8)
    >>> figure = sw.Figure("A ramp", [sw.Section("signed", [sw.Tile.signed(noise, "8 x 8")])])
    >>> figure.save("ramp.svg")
    >>> figure.to_png(scale=1)[1:4]
    b'PNG'
    """

    title: str = ""
    sections: Sequence[Section] = ()

    def __post_init__(self) -> None:
        sections = tuple(self.sections)
        for k, section in enumerate(sections):
            if not isinstance(section, Section):
                raise TypeError(f"sections[{k}] must be a Section, not {type(section).__name__}")
        object.__setattr__(self, "sections", sections)

    def __repr__(self) -> str:
        tiles = sum(len(section.tiles) for section in self.sections)
        return f"Figure({self.title!r}, sections={len(self.sections)}, tiles={tiles})"

    def to_html(self) -> str:
        """One HTML element for a page, light or dark; all text is escaped."""
        return figure_html(self)

    def to_svg(self) -> str:
        """An SVG document that needs no other file: pictures are embedded, text stays text."""
        width, height, shapes = lay_out(self)
        return to_svg(width, height, shapes, label=self.title)

    def to_png(self, scale: float = 2.0) -> bytes:
        """A PNG file, `scale` pixels for each pixel on screen; ValueError for a scale out of 0.25 to 8."""
        if not 0.25 <= scale <= 8:
            raise ValueError(f"scale must be between 0.25 and 8, not {scale}")
        return to_png(*lay_out(self), scale)

    def to_pdf(self) -> bytes:
        """A PDF file of one page: lines as lines, text as text in Helvetica, pictures without loss."""
        return to_pdf(*lay_out(self), title=self.title)

    def save(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write to a file, SVG, PNG or PDF by its suffix; ValueError for another one. `scale` is that of a PNG."""
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix == ".svg":
            path.write_text(self.to_svg(), encoding="utf-8")
        elif suffix == ".png":
            path.write_bytes(self.to_png(scale))
        elif suffix == ".pdf":
            path.write_bytes(self.to_pdf())
        else:
            raise ValueError(f"{path.name!r} must end in .png, .svg or .pdf")

    def _repr_html_(self) -> str:
        return self.to_html()
