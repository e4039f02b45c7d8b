"""Where everything of a figure goes: a title, and sections of tiles in rows, none over another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._chart_shapes import SMALL, chart_shapes
from ._numbers import short
from ._shapes import CROSS, Picture, Polyline, Rectangle, Shape, Text, moved
from ._text import LINE, width, wrapped
from .chart import Chart
from .tile import Tile, ramp_colours

if TYPE_CHECKING:
    from .figure import Figure, Section

PAGE = 960.0  # width of a figure whose sections wrap: nine tiles of 96
MARGIN = 16.0
GAP = 8.0
CAPTION = 11.0
HEADING = 13.0
TITLE = 17.0
LEGEND = 9  # entries shown, in the order of their areas


def lay_out(figure: "Figure") -> tuple[float, float, list[Shape]]:
    """Width, height and shapes of a figure, in pixels."""
    inner = max([_width(section) for section in figure.sections] + [320.0])
    shapes: list[Shape] = []
    y = MARGIN
    for line in wrapped(figure.title, TITLE, inner, 4):
        shapes.append(Text(MARGIN, y + TITLE * 0.85, line, TITLE, bold=True))
        y += TITLE * LINE
    for section in figure.sections:
        if y > MARGIN:
            y += 12
        for text, size, bold in ((section.title, HEADING, True), (section.caption, CAPTION, False)):
            for line in wrapped(text, size, inner, 6):
                shapes.append(Text(MARGIN, y + size * 0.9, line, size, "ink" if bold else "muted", bold=bold))
                y += size * LINE
        if section.title or section.caption:
            y += 5
        for row in _rows(section, inner):
            height = 0.0
            x = MARGIN
            for tile in row:
                parts, part_width, part_height = _cell(tile, section.side)
                shapes += [moved(shape, x, y) for shape in parts]
                x += part_width + GAP
                height = max(height, part_height)
            y += height + GAP
    return inner + 2 * MARGIN, y - GAP + MARGIN if figure.sections else y + MARGIN, shapes


def _cell_width(tile: Tile | Chart, side: int) -> float:
    return float(tile.size[0] if isinstance(tile, Chart) else side)


def _width(section: "Section") -> float:
    """The room a section needs: its widest row."""
    if section.columns is None:
        widths = [_cell_width(tile, section.side) for tile in section.tiles]
        return max([min(sum(widths) + GAP * (len(widths) - 1), PAGE - 2 * MARGIN), *widths], default=0.0)
    rows = [section.tiles[k : k + section.columns] for k in range(0, len(section.tiles), section.columns)]
    return max(
        (sum(_cell_width(t, section.side) for t in row) + GAP * (len(row) - 1) for row in rows), default=0.0
    )


def _rows(section: "Section", inner: float) -> list[Sequence[Tile | Chart]]:
    tiles = section.tiles
    if section.columns is not None:
        return [tiles[k : k + section.columns] for k in range(0, len(tiles), section.columns)]
    rows: list[list[Tile | Chart]] = []
    x = inner + 1
    for tile in tiles:
        needed = _cell_width(tile, section.side)
        if x + needed > inner + 1e-6:
            rows.append([])
            x = 0.0
        rows[-1].append(tile)
        x += needed + GAP
    return rows


def _cell(tile: Tile | Chart, side: int) -> tuple[list[Shape], float, float]:
    """A tile with what is written under it, at the origin; its width and height."""
    if isinstance(tile, Chart):
        wide, y = float(tile.size[0]), float(tile.size[1])
        shapes = chart_shapes(tile)
        most = 6
    else:
        wide = y = float(side)
        shapes = tile_shapes(tile, side)
        most = 4
    if isinstance(tile, Tile) and tile.ramp is not None:
        ramp, ramp_height = _ramp(tile, side)
        shapes += [moved(shape, 0, y + 4) for shape in ramp]
        y += 4 + ramp_height
    if tile.caption:
        y += 3
        for line in wrapped(tile.caption, CAPTION, wide, most):
            shapes.append(Text(wide / 2, y + CAPTION * 0.9, line, CAPTION, "muted", "middle"))
            y += CAPTION * 1.25
    if isinstance(tile, Tile):
        entries, more = legend_entries(tile)
        for colour, name in [*entries, *([(None, more)] if more else [])]:
            (text, *_) = wrapped(name, SMALL, wide - 13, 1) or [""]
            if colour is not None:
                shapes.append(Rectangle(0, y + 5, 8, 8, fill=colour))
            shapes.append(Text(12, y + 12.5, text, SMALL, "muted" if colour is None else "ink"))
            y += 13
    return shapes, wide, y


def tile_shapes(tile: Tile, side: float) -> list[Shape]:
    """The picture of a tile in a square, its proportions kept, with its boxes; or its label in a dashed frame."""
    if tile.pixels is None:
        lines = wrapped(tile.label or "", CAPTION, side - 8, 5)
        top = side / 2 - (len(lines) - 1) * CAPTION * 0.625 + CAPTION * 0.35
        shapes: list[Shape] = [Rectangle(0.5, 0.5, side - 1, side - 1, "muted", dashed=True)]
        for k, line in enumerate(lines):
            shapes.append(Text(side / 2, top + k * CAPTION * 1.25, line, CAPTION, "muted", "middle"))
        return shapes
    x, y, wide, high = placed(tile, side)
    shapes = []
    if tile.background is not None and (wide < side or high < side):
        grey = int(tile.background)
        shapes.append(Rectangle(0, 0, side, side, fill=(grey, grey, grey)))
    shapes.append(Picture(x, y, wide, high, tile.pixels, tile.smooth))
    if tile.background is None:
        shapes.append(Rectangle(x, y, wide, high, "faint", thickness=0.75))
    scale = wide / tile.pixels.shape[1]
    for top, left, bottom, right in tile.boxes:
        shapes.append(
            Rectangle(
                x + left * scale,
                y + top * scale,
                (right - left) * scale,
                (bottom - top) * scale,
                "accent",
                None,
                1.5,
            )
        )
    if tile.crossed:
        corners = (x, y), (x + wide, y + high), (x, y + high), (x + wide, y)
        shapes += [Polyline(corners[:2], CROSS, 2.0), Polyline(corners[2:], CROSS, 2.0)]
    return shapes


def legend_entries(tile: Tile) -> tuple[tuple[tuple[tuple[int, int, int], str], ...], str]:
    """The first entries of a legend, and a word on the others."""
    rest = len(tile.legend) - LEGEND
    if rest <= 1:  # a line that says "one more" could as well be that one
        return tile.legend, ""
    return tile.legend[:LEGEND], f"and {rest} more"


def placed(tile: Tile, side: float) -> tuple[float, float, float, float]:
    """x, y, width and height of a tile's picture in a square."""
    height, across = tile.pixels.shape[:2]
    scale = side / max(height, across)
    wide, high = across * scale, height * scale
    return (side - wide) / 2, (side - high) / 2, wide, high


def _ramp(tile: Tile, side: float) -> tuple[list[Shape], float]:
    """The colours between their lowest and highest value, or these alone where the tile is small; the height."""
    name, low, high = tile.ramp
    ends = [short(low), short(high)]
    left, right = (width(text, SMALL) for text in ends)
    room = side - left - right - 10
    if room < 16:
        lines = wrapped(f"{ends[0]} to {ends[1]}", SMALL, side, 4)
        return [
            Text(0, 8 + k * SMALL * 1.25, line, SMALL, "muted") for k, line in enumerate(lines)
        ], SMALL * 1.25 * len(lines)
    return [
        Text(0, 8, ends[0], SMALL, "muted"),
        Picture(left + 5, 1, room, 7, ramp_colours(name)[None], smooth=True),
        Text(side, 8, ends[1], SMALL, "muted", "end"),
    ], 10.0
